//! JSON Feed 1.0 and 1.1.

use serde_json::Value;
use url::Url;

use super::FeedError;
use super::date::parse_date;
use super::feed::{Entry, Feed, base_of, html_of_text, person, web};
use super::rss::bare;
use crate::base::text::clean_line;
use crate::newsroom::{Enclosure, LeadImage};

fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value
        .get(key)?
        .as_str()
        .map(str::trim)
        .filter(|text| !text.is_empty())
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value
        .get(key)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// Programs that cut a text in the middle of an emoji write half of it, `\ud83d` alone (RFC 8259 section 8.2): it becomes the sign
/// of a letter that was lost.
fn mend_surrogates(json: &str) -> String {
    let unit = |text: &str| {
        let digits = text.strip_prefix("\\u")?.get(..4)?;
        u16::from_str_radix(digits, 16).ok()
    };
    let mut out = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let taken = match unit(rest) {
            Some(0xd800..=0xdbff) if matches!(unit(&rest[6..]), Some(0xdc00..=0xdfff)) => 12,
            Some(0xd800..=0xdfff) => {
                out.push_str("\\ufffd");
                rest = &rest[6..];
                continue;
            }
            // An escape of two signs: the second is not looked at again.
            _ => 1 + rest[1..].chars().next().map_or(0, char::len_utf8),
        };
        out.push_str(&rest[..taken]);
        rest = &rest[taken..];
    }
    out.push_str(rest);
    out
}

/// Reads a JSON Feed.
pub fn read(json: &str, at: Option<&Url>) -> Result<Feed, FeedError> {
    let parsed = serde_json::from_str(json)
        .or_else(|error| serde_json::from_str(&mend_surrogates(json)).map_err(|_| error));
    let root: Value = parsed.map_err(|error| {
        if error.is_eof() {
            FeedError::CutShort {
                line: error.line(),
                problem: error.to_string(),
            }
        } else {
            FeedError::NotJson(error.to_string())
        }
    })?;
    let version = text(&root, "version").unwrap_or("");
    if !version.contains("jsonfeed.org/version/") || !root.get("items").is_some_and(Value::is_array)
    {
        return Err(FeedError::NotAFeed("some other JSON".to_owned()));
    }
    let (own, home) = (text(&root, "feed_url"), text(&root, "home_page_url"));
    let base = base_of(at, own, home);
    let authors = authors(&root);
    let entries = list(&root, "items")
        .iter()
        .map(|item| read_item(item, &base, &authors))
        .collect();
    Ok(Feed {
        title: text(&root, "title")
            .map(clean_line)
            .filter(|t| !t.is_empty()),
        home: home.and_then(|url| web(url, &base)),
        own: own.and_then(|url| web(url, &base)),
        language: text(&root, "language").map(str::to_owned),
        entries,
    })
}

fn read_item(item: &Value, base: &Url, feed_authors: &[String]) -> Entry {
    let mut entry = Entry::new(base.clone());
    // Version 1.0 asked for strings and got numbers; 1.1 says to read both.
    entry.id = text(item, "id").map(str::to_owned).or_else(|| {
        item.get("id")
            .filter(|id| id.is_number())
            .map(ToString::to_string)
    });
    entry.link = text(item, "url")
        .or_else(|| text(item, "external_url"))
        .and_then(|url| web(url, base));
    if let Some(page) = entry.link.as_deref().and_then(|url| Url::parse(url).ok()) {
        entry.base = page;
    }
    entry.title = text(item, "title")
        .map(clean_line)
        .filter(|t| !t.is_empty());
    entry.summary = text(item, "summary").map(html_of_text);
    entry.content = text(item, "content_html")
        .map(str::to_owned)
        .or_else(|| text(item, "content_text").map(html_of_text));
    entry.published = text(item, "date_published").and_then(parse_date);
    entry.updated = text(item, "date_modified").and_then(parse_date);
    entry.language = text(item, "language").map(str::to_owned);
    entry.authors = authors(item);
    if entry.authors.is_empty() {
        entry.authors = feed_authors.to_vec();
    }
    entry.categories = list(item, "tags")
        .iter()
        .filter_map(Value::as_str)
        .map(clean_line)
        .filter(|tag| !tag.is_empty())
        .collect();
    let named = ["image", "banner_image"]
        .iter()
        .filter_map(|key| web(text(item, key)?, base))
        .map(bare);
    let attached = list(item, "attachments").iter().filter_map(|a| {
        let kind = text(a, "mime_type").filter(|kind| kind.starts_with("image/"))?;
        Some(LeadImage {
            media_type: Some(kind.to_owned()),
            bytes: a.get("size_in_bytes").and_then(Value::as_i64),
            ..bare(web(text(a, "url")?, base)?)
        })
    });
    entry.pictures = named.chain(attached).collect();
    entry.enclosures = list(item, "attachments")
        .iter()
        .filter_map(|a| {
            let number = |key: &str| a.get(key).and_then(Value::as_f64).map(|n| n as i64);
            Enclosure::new(
                web(text(a, "url")?, base)?,
                text(a, "mime_type"),
                number("size_in_bytes"),
                number("duration_in_seconds"),
            )
        })
        .collect();
    entry
}

fn authors(value: &Value) -> Vec<String> {
    let many = list(value, "authors").iter();
    many.chain(value.get("author"))
        .filter_map(|author| text(author, "name"))
        .filter_map(person)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_an_emoji_is_a_lost_letter() {
        for (given, mended) in [
            (r#""a\ud83db""#, r#""a\ufffdb""#),
            (r#""\ud83d\ude00""#, r#""\ud83d\ude00""#),
            (r#""\ude00\ud83d""#, r#""\ufffd\ufffd""#),
            (r#""\ud83d\ud83d\ude00""#, r#""\ufffd\ud83d\ude00""#),
            (r#""\\ud83d""#, r#""\\ud83d""#),
            (r#""\u0430\"""#, r#""\u0430\"""#),
            ("\"\\", "\"\\"),
            ("\\ұ", "\\ұ"),
        ] {
            assert_eq!(mend_surrogates(given), mended);
        }
        let feed = r#"{"version":"https://jsonfeed.org/version/1.1","title":"x","items":[{"id":"1","title":"Жол \ud83d"}]}"#;
        let feed = read(feed, None).unwrap();
        assert_eq!(feed.entries[0].title.as_deref(), Some("Жол \u{fffd}"));
    }
}
