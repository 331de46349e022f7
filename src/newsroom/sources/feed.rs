//! A feed as the rest of the newsroom knows it, whatever it was written in.

use url::Url;

use super::{FeedError, atom, decode, json, rss, xml};
use crate::base::text::clean_line;
use crate::base::time::Timestamp;
use crate::fetch::without_secrets;
use crate::newsroom::markup::{escape, plain_text};
use crate::newsroom::sanitize::{nowhere, resolve, sanitize};
use crate::newsroom::{Enclosure, LeadImage};

/// A feed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Feed {
    /// What it calls itself.
    pub title: Option<String>,
    /// Its page for people.
    pub home: Option<String>,
    /// Its own address.
    pub own: Option<String>,
    /// Its language as written.
    pub language: Option<String>,
    /// Its entries, in its order.
    pub entries: Vec<Entry>,
}

/// An entry of a feed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Guid, Atom id or JSON id.
    pub id: Option<String>,
    /// Address of its page, absolute.
    pub link: Option<String>,
    /// Title, plain text.
    pub title: Option<String>,
    /// Summary, HTML.
    pub summary: Option<String>,
    /// Body, HTML.
    pub content: Option<String>,
    /// What relative links in summary and body are meant against.
    pub base: Url,
    /// First published.
    pub published: Option<Timestamp>,
    /// Last changed.
    pub updated: Option<Timestamp>,
    /// Language as written.
    pub language: Option<String>,
    /// Who wrote it.
    pub authors: Vec<String>,
    /// Categories, plain text.
    pub categories: Vec<String>,
    /// Pictures that stand for it, the best first.
    pub pictures: Vec<LeadImage>,
    /// Files that belong to it, in its order.
    pub enclosures: Vec<Enclosure>,
}

impl Entry {
    /// An entry with nothing in it.
    pub fn new(base: Url) -> Self {
        Self {
            id: None,
            link: None,
            title: None,
            summary: None,
            content: None,
            base,
            published: None,
            updated: None,
            language: None,
            authors: Vec::new(),
            categories: Vec::new(),
            pictures: Vec::new(),
            enclosures: Vec::new(),
        }
    }

    /// Whether there is nothing that an article could be made of.
    pub fn is_empty(&self) -> bool {
        self.title.is_none()
            && self.summary.is_none()
            && self.content.is_none()
            && self.link.is_none()
    }
}

/// Reads a feed. `at` is where it was found, `charset` what HTTP said about its letters.
pub fn parse(bytes: &[u8], charset: Option<&str>, at: Option<&Url>) -> Result<Feed, FeedError> {
    let text = decode::decode(bytes, charset)?;
    let text = text.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
    if text.starts_with('{') || text.starts_with('[') {
        return json::read(text, at);
    }
    let root = xml::parse(text)?;
    match root.name.to_ascii_lowercase().as_str() {
        "rss" | "rdf" => Ok(rss::read(&root, at)),
        "feed" => Ok(atom::read(&root, at)),
        "html" => Err(FeedError::NotAFeed(
            "a web page; look for the address of its feed".to_owned(),
        )),
        "opml" => Err(FeedError::NotAFeed(
            "a list of feeds (OPML); import the feeds it names".to_owned(),
        )),
        "urlset" | "sitemapindex" => Err(FeedError::NotAFeed("a sitemap".to_owned())),
        other => Err(FeedError::NotAFeed(format!(
            "XML that begins with <{}>",
            clean_line(other)
        ))),
    }
}

/// An absolute web address, resolved; `None` for anything else.
pub fn web(url: &str, base: &Url) -> Option<String> {
    resolve(url, Some(base)).filter(|url| url.starts_with("http://") || url.starts_with("https://"))
}

/// Where relative links begin: where the feed was found, else where it says it is, else its page, else nowhere. Never with a
/// password or a key, which the links would take with them.
pub fn base_of(at: Option<&Url>, own: Option<&str>, home: Option<&str>) -> Url {
    at.cloned()
        .or_else(|| [own, home].into_iter().flatten().find_map(absolute))
        .map_or_else(nowhere, |url| without_secrets(&url))
}

fn absolute(url: &str) -> Option<Url> {
    Url::parse(url.trim())
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

/// A title that may hold markup or doubly escaped entities (RSS does not say which), as plain text.
pub fn line_of_html(raw: &str) -> Option<String> {
    let line = if raw.contains(['<', '&']) {
        let html = if has_markup(raw) {
            raw.to_owned()
        } else {
            raw.replace('<', "&lt;")
        };
        plain_text(&sanitize(&html, Some(&nowhere())), &[])
    } else {
        clean_line(raw)
    };
    Some(line).filter(|line| !line.is_empty())
}

/// Whether a `<` in a title begins an element and is not a sign of its own («List<String>», «5 < 6»).
fn has_markup(raw: &str) -> bool {
    let known = [
        "a", "abbr", "b", "big", "br", "cite", "code", "del", "em", "font", "i", "img", "ins",
        "kbd", "mark", "nobr", "p", "q", "s", "script", "small", "span", "strong", "style", "sub",
        "sup", "tt", "u",
    ];
    raw.split('<').skip(1).any(|after| {
        let after = after.strip_prefix('/').unwrap_or(after);
        let end = after
            .find(|c: char| !c.is_ascii_alphanumeric())
            .unwrap_or(after.len());
        known.contains(&after[..end].to_ascii_lowercase().as_str())
    })
}

/// Plain text of several paragraphs as HTML.
pub fn html_of_text(text: &str) -> String {
    let mut out = String::new();
    for paragraph in text.replace("\r\n", "\n").split("\n\n") {
        let paragraph = paragraph.trim();
        if !paragraph.is_empty() {
            out.push_str("<p>");
            out.push_str(&escape(paragraph).replace('\n', "<br>"));
            out.push_str("</p>");
        }
    }
    out
}

/// A name; `news@example.org (Aigerim Sadykova)` is the one in brackets, a bare address nobody's (it is not ours to publish).
pub fn person(raw: &str) -> Option<String> {
    let line = line_of_html(raw)?;
    let name = match line.split_once('(') {
        Some((before, after)) if before.contains('@') => after.trim_end_matches(')').trim(),
        _ => match line.split_once('<') {
            Some((before, after)) if after.contains('@') => before.trim(),
            _ => line.as_str(),
        },
    };
    let is_address = name.contains('@') && !name.contains(' ');
    (!name.is_empty() && !is_address).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_are_read_as_they_were_meant() {
        for (raw, meant) in [
            ("AT&amp;T grows", "AT&T grows"),
            ("<b>Bold</b> &mdash; move", "Bold — move"),
            ("List<String> in 5 < 6 steps", "List<String> in 5 < 6 steps"),
            ("Q&A", "Q&A"),
            (" two\n lines ", "two lines"),
            ("<script>alert(1)</script>ok", "ok"),
        ] {
            assert_eq!(line_of_html(raw).as_deref(), Some(meant), "{raw}");
        }
        assert_eq!(line_of_html("  "), None);
    }

    #[test]
    fn addresses_of_authors_are_not_published() {
        assert_eq!(
            person("a@example.org (Айгерим Садыкова)").as_deref(),
            Some("Айгерим Садыкова")
        );
        assert_eq!(
            person("Onliner | Технологии").as_deref(),
            Some("Onliner | Технологии")
        );
        assert_eq!(
            person("Айгерим <a@example.org>").as_deref(),
            Some("Айгерим")
        );
        assert_eq!(person("a@example.org"), None);
    }
}
