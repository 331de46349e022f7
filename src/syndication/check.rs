//! A last look at finished bytes: well-formed, with what the format requires, and with as many items as were meant. What fails
//! never replaces good bytes.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::feed::Format;
use super::json::VERSION;
use crate::base::text::is_xml_char;

/// Looks at the bytes of a feed that should hold `items` items; the error says what is wrong.
pub fn check(format: Format, bytes: &[u8], items: usize) -> Result<(), String> {
    let text = std::str::from_utf8(bytes).map_err(|e| format!("is not UTF-8: {e}"))?;
    match format {
        Format::Rss => check_xml(
            text,
            items,
            "item",
            &[
                "rss/channel/title",
                "rss/channel/link",
                "rss/channel/description",
            ],
            &["guid", "link", "pubDate"],
        ),
        Format::Atom => check_xml(
            text,
            items,
            "entry",
            &["feed/id", "feed/title", "feed/updated", "feed/author"],
            &["id", "title", "updated", "link", "content"],
        ),
        Format::Json => check_json(text, items),
    }
}

fn check_json(text: &str, items: usize) -> Result<(), String> {
    if !text.starts_with(&format!("{{\"version\":\"{VERSION}\",")) {
        return Err("does not begin with its version".to_owned());
    }
    let feed: serde_json::Value = serde_json::from_str(text).map_err(|e| e.to_string())?;
    for key in ["title", "home_page_url", "feed_url"] {
        if feed[key].as_str().is_none_or(str::is_empty) {
            return Err(format!("has no {key}"));
        }
    }
    let list = feed["items"].as_array().ok_or("has no items")?;
    if list.len() != items {
        return Err(format!("has {} items instead of {items}", list.len()));
    }
    let complete = |item: &serde_json::Value| {
        ["id", "url", "content_html", "date_published"]
            .iter()
            .all(|key| item[key].is_string())
    };
    if list.iter().all(complete) {
        Ok(())
    } else {
        Err("has an item without id, url, content or date".to_owned())
    }
}

fn check_xml(
    text: &str,
    items: usize,
    item: &str,
    required: &[&str],
    of_each: &[&str],
) -> Result<(), String> {
    if let Some(c) = text.chars().find(|c| !is_xml_char(*c) || *c == '\r') {
        return Err(format!("holds U+{:04X}", c as u32));
    }
    let mut reader = Reader::from_str(text);
    reader.config_mut().check_end_names = true;
    let mut path: Vec<String> = Vec::new();
    let mut found: Vec<String> = Vec::new();
    let mut prefixes: Vec<String> = vec!["xml".to_owned()];
    let mut count = 0;
    let mut in_item: Vec<String> = Vec::new();
    loop {
        let event = reader.read_event().map_err(|e| e.to_string())?;
        match &event {
            Event::Start(tag) | Event::Empty(tag) => {
                let name = open(tag, &mut prefixes)?;
                if path.iter().any(|open| open == item) {
                    if path.last().is_some_and(|parent| parent == item) {
                        in_item.push(name.clone());
                    }
                } else {
                    path.push(name.clone());
                    found.push(path.join("/"));
                    path.pop();
                }
                if name == item {
                    count += 1;
                    in_item.clear();
                }
                if matches!(event, Event::Start(_)) {
                    path.push(name);
                }
            }
            Event::End(_) => {
                if path.pop().as_deref() == Some(item)
                    && let Some(missing) = of_each.iter().find(|n| !in_item.iter().any(|i| i == *n))
                {
                    return Err(format!("has an {item} without {missing}"));
                }
            }
            Event::Eof => break,
            _ => {}
        }
    }
    if !path.is_empty() {
        return Err(format!("ends inside {}", path.join("/")));
    }
    if let Some(missing) = required.iter().find(|r| !found.iter().any(|f| f == *r)) {
        return Err(format!("has no {missing}"));
    }
    if count == items {
        Ok(())
    } else {
        Err(format!("has {count} items instead of {items}"))
    }
}

/// The name of a tag whose prefixes, and those of its attributes, are declared.
fn open(tag: &BytesStart<'_>, prefixes: &mut Vec<String>) -> Result<String, String> {
    let name = tag.name().as_ref().to_owned();
    let mut used = vec![name.clone()];
    for attribute in tag.attributes() {
        let attribute = attribute.map_err(|e| e.to_string())?;
        let key = attribute.key.as_ref().to_owned();
        let value: &str = attribute.value.as_ref();
        quick_xml::escape::unescape(value).map_err(|e| format!("attribute {key}: {e}"))?;
        if value.contains('<') {
            return Err(format!("attribute {key} holds a bare <"));
        }
        match key.strip_prefix("xmlns:") {
            Some(prefix) => prefixes.push(prefix.to_owned()),
            None => used.push(key),
        }
    }
    for name in &used {
        if let Some((prefix, _)) = name.split_once(':')
            && !prefixes.iter().any(|known| known == prefix)
        {
            return Err(format!("does not declare the prefix {prefix}"));
        }
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "<rss><channel><title>a</title><link>b</link><description>c</description>\
        <item><guid>1</guid><link>l</link><pubDate>d</pubDate></item></channel></rss>";

    #[test]
    fn what_is_whole_passes() {
        assert_eq!(check(Format::Rss, GOOD.as_bytes(), 1), Ok(()));
    }

    #[test]
    fn what_is_broken_is_told() {
        for (from, to, complaint) in [
            ("</item>", "", "expected"),
            ("<title>a</title>", "", "rss/channel/title"),
            ("<guid>1</guid>", "", "guid"),
            ("<guid>", "<media:x/><guid>", "prefix media"),
            ("<title>a", "<title>a\u{8}", "U+0008"),
            ("<guid>", "<guid url=\"a?b&c=d\">", "attribute url"),
            ("</rss>", "", "ends inside"),
            (
                "</item>",
                "</item><item><guid/><link/><pubDate/></item>",
                "2 items",
            ),
        ] {
            let error = check(Format::Rss, GOOD.replace(from, to).as_bytes(), 1).unwrap_err();
            assert!(error.contains(complaint), "{from} → {to}: {error}");
        }
        assert!(
            check(Format::Json, b"{\"title\":\"x\"}", 0)
                .unwrap_err()
                .contains("version")
        );
    }
}
