//! Atom 1.0 (RFC 4287) and the 0.3 that came before it.

use url::Url;

use super::date::parse_date;
use super::feed::{Entry, Feed, base_of, html_of_text, line_of_html, person, web};
use super::rss;
use super::xml::Element;
use crate::base::text::clean_line;
use crate::newsroom::LeadImage;

/// Whether the element is Atom's own: a feed without a namespace is read as if it had one.
fn is_atom(element: &Element) -> bool {
    matches!(
        element.namespace.as_str(),
        "" | "http://www.w3.org/2005/Atom" | "http://purl.org/atom/ns#" | "atom"
    )
}

fn child<'a>(element: &'a Element, name: &str) -> Option<&'a Element> {
    element.elements().find(|e| is_atom(e) && e.name == name)
}

fn text(element: &Element, name: &str) -> Option<String> {
    element
        .elements()
        .filter(|e| is_atom(e) && e.name == name)
        .find_map(Element::text)
}

fn based(element: &Element, base: &Url) -> Url {
    element
        .attribute("xml:base")
        .and_then(|b| base.join(b).ok())
        .unwrap_or_else(|| base.clone())
}

fn link<'a>(element: &'a Element, rel: &str) -> Option<&'a Element> {
    element.elements().find(|e| {
        is_atom(e)
            && e.name == "link"
            && e.attribute("href").is_some()
            && e.attribute("rel").unwrap_or("alternate") == rel
    })
}

/// Reads the tree of an Atom document.
pub fn read(root: &Element, at: Option<&Url>) -> Feed {
    let href = |rel| link(root, rel).and_then(|e| e.attribute("href"));
    let (own, home) = (href("self"), href("alternate"));
    let base = based(root, &base_of(at, own, home));
    let language = root.attribute("xml:lang");
    let entries = root
        .elements()
        .filter(|e| is_atom(e) && e.name == "entry")
        .map(|entry| read_entry(entry, root, &base))
        .collect();
    Feed {
        title: child(root, "title").and_then(line),
        home: home.and_then(|url| web(url, &base)),
        own: own.and_then(|url| web(url, &base)),
        language: language.map(str::to_owned),
        entries,
    }
}

fn read_entry(element: &Element, root: &Element, base: &Url) -> Entry {
    let base = based(element, base);
    let mut entry = Entry::new(base.clone());
    entry.id = text(element, "id");
    entry.link = link(element, "alternate")
        .and_then(|e| web(e.attribute("href")?, &based(e, &base)))
        .or_else(|| {
            child(element, "content").and_then(|e| web(e.attribute("src")?, &based(e, &base)))
        });
    entry.title = child(element, "title").and_then(line);
    entry.summary = child(element, "summary").and_then(html);
    let content = child(element, "content");
    entry.content = content.and_then(html);
    let is_based = [Some(root), Some(element), content]
        .into_iter()
        .flatten()
        .any(|e| e.attribute("xml:base").is_some());
    if let Some(content) = content {
        entry.base = based(content, &base);
    }
    // Without an xml:base, relative links in an entry are meant against its page.
    if !is_based && let Some(page) = entry.link.as_deref().and_then(|url| Url::parse(url).ok()) {
        entry.base = page;
    }
    let date = |names: &[&str]| {
        names
            .iter()
            .filter_map(|name| text(element, name))
            .find_map(|date| parse_date(&date))
    };
    entry.published = date(&["published", "issued", "created", "pubDate"]);
    entry.updated = date(&["updated", "modified"]);
    entry.language = content
        .and_then(|e| e.attribute("xml:lang"))
        .or_else(|| child(element, "title").and_then(|e| e.attribute("xml:lang")))
        .or_else(|| element.attribute("xml:lang"))
        .map(str::to_owned);
    entry.authors = names(element);
    if entry.authors.is_empty() {
        entry.authors = names(root);
    }
    entry.categories = element
        .elements()
        .filter(|e| is_atom(e) && e.name == "category")
        .filter_map(|e| e.attribute("label").or_else(|| e.attribute("term")))
        .filter_map(line_of_html)
        .collect();
    entry.pictures = rss::pictures(element, &base);
    entry.enclosures = rss::linked(element, &base);
    let enclosures = element.elements().filter(|e| {
        is_atom(e)
            && e.name == "link"
            && e.attribute("rel") == Some("enclosure")
            && e.attribute("type").is_some_and(|t| t.starts_with("image/"))
    });
    let enclosed: Vec<LeadImage> = enclosures
        .filter_map(|e| {
            Some(LeadImage {
                media_type: e.attribute("type").map(str::to_owned),
                ..rss::bare(web(e.attribute("href")?, &base)?)
            })
        })
        .collect();
    for picture in enclosed {
        if !entry.pictures.iter().any(|known| known.url == picture.url) {
            entry.pictures.push(picture);
        }
    }
    entry
}

fn names(element: &Element) -> Vec<String> {
    element
        .elements()
        .filter(|e| (is_atom(e) && e.name == "author") || e.name == "creator")
        .filter_map(|e| {
            text(e, "name").or_else(|| e.text().filter(|_| e.elements().next().is_none()))
        })
        .filter_map(|raw| person(&raw))
        .collect()
}

/// A text construct (RFC 4287 section 3.1) as one line.
fn line(element: &Element) -> Option<String> {
    match element.attribute("type") {
        Some("html" | "text/html") => line_of_html(&element.text()?),
        Some("xhtml" | "application/xhtml+xml") => line_of_html(&element.inner_html()),
        _ => Some(clean_line(&element.text()?)).filter(|line| !line.is_empty()),
    }
}

/// A text construct or content as HTML; `None` for what is empty, elsewhere, or not text.
fn html(element: &Element) -> Option<String> {
    let kind = element
        .attribute("type")
        .unwrap_or("text")
        .to_ascii_lowercase();
    let found = match (kind.as_str(), element.attribute("mode")) {
        (_, Some("escaped")) | ("html" | "text/html", _) => element.text()?,
        ("xhtml" | "application/xhtml+xml", _) => element.inner_html(),
        (kind, _) if kind == "text" || (kind.starts_with("text/") && !kind.ends_with("xml")) => {
            html_of_text(&element.text()?)
        }
        _ => return None,
    };
    (!found.trim().is_empty()).then_some(found)
}
