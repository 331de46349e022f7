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

/// Reads a JSON Feed.
pub fn read(json: &str, at: Option<&Url>) -> Result<Feed, FeedError> {
    let root: Value = serde_json::from_str(json).map_err(|error| {
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
