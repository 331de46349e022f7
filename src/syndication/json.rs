//! JSON Feed 1.1 (REQUIREMENTS-FEEDS section 4).

use serde::Serialize;

use super::document::{Document, Item};
use super::feed::Format;
use crate::base::text::XmlText;

/// What stands first in every JSON Feed.
pub const VERSION: &str = "https://jsonfeed.org/version/1.1";

#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "the names are the format's")]
struct Feed<'a> {
    // First, as the specification asks: readers look at the first bytes.
    version: &'static str,
    title: &'a str,
    home_page_url: &'a str,
    feed_url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_url: Option<String>,
    description: &'a str,
    icon: &'a str,
    favicon: &'a str,
    authors: [Author<'a>; 1],
    // Deprecated, for readers of version 1.
    author: Author<'a>,
    language: &'a str,
    #[serde(skip_serializing_if = "is_false")]
    expired: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hubs: Vec<Hub<'a>>,
    #[serde(rename = "_deleted", skip_serializing_if = "Option::is_none")]
    deleted: Option<Deleted<'a>>,
    items: Vec<Entry<'a>>,
}

/// What was withdrawn: Atom's `at:deleted-entry`.
#[derive(Serialize)]
struct Deleted<'a> {
    about: &'static str,
    items: Vec<Gone<'a>>,
}

#[derive(Serialize)]
struct Gone<'a> {
    id: &'a str,
    date_deleted: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    language: &'a str,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands a reference over"
)]
const fn is_false(value: &bool) -> bool {
    !*value
}

#[derive(Serialize)]
struct Hub<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    url: &'a str,
}

#[derive(Serialize, Clone, Copy)]
struct Author<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
}

#[derive(Serialize)]
struct Entry<'a> {
    id: &'a str,
    url: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_url: Option<&'a str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    title: &'a str,
    content_html: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    summary: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<&'a str>,
    date_published: String,
    date_modified: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    authors: Option<[Author<'a>; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    author: Option<Author<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<&'a str>,
    language: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attachments: Vec<Attachment<'a>>,
    #[serde(rename = "_source", skip_serializing_if = "Option::is_none")]
    source: Option<Source<'a>>,
    #[serde(rename = "_translations", skip_serializing_if = "Option::is_none")]
    translations: Option<Translations<'a>>,
}

#[derive(Serialize)]
struct Attachment<'a> {
    url: &'a str,
    mime_type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    size_in_bytes: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_in_seconds: Option<i64>,
}

/// Where a republished item comes from: `<source>` of RSS.
#[derive(Serialize)]
struct Source<'a> {
    about: &'static str,
    title: &'a str,
    url: &'a str,
}

/// The same story in other languages: Atom's `link rel="alternate" hreflang`.
#[derive(Serialize)]
struct Translations<'a> {
    about: &'static str,
    items: Vec<Translation<'a>>,
}

#[derive(Serialize)]
struct Translation<'a> {
    language: &'a str,
    url: &'a str,
}

/// Writes the feed.
pub fn write(document: &Document) -> Result<Vec<u8>, serde_json::Error> {
    let author = Author {
        name: document.author.as_str(),
        url: Some(document.site.as_str()),
    };
    serde_json::to_vec(&Feed {
        version: VERSION,
        title: document.title.as_str(),
        home_page_url: document.home.as_str(),
        feed_url: document.self_link(Format::Json),
        next_url: document
            .archive_links(Format::Json)
            .into_iter()
            .find(|(rel, _)| *rel == "next")
            .map(|(_, href)| href),
        description: document.description.as_str(),
        icon: document.look.icon.as_str(),
        favicon: document.look.favicon.as_str(),
        authors: [author],
        author,
        language: document.language.as_str(),
        expired: document.is_closed,
        hubs: document
            .hubs
            .iter()
            .map(|hub| Hub {
                kind: "WebSub",
                url: hub.as_str(),
            })
            .collect(),
        deleted: (!document.tombstones.is_empty()).then(|| Deleted {
            about: "https://www.rfc-editor.org/rfc/rfc6721#section-3",
            items: document
                .tombstones
                .iter()
                .map(|gone| Gone {
                    id: gone.id.as_str(),
                    date_deleted: gone.at.rfc3339(&document.zone),
                    reason: gone.reason.as_ref().map(XmlText::as_str),
                    language: gone.language.as_str(),
                })
                .collect(),
        }),
        items: document.items.iter().map(|i| entry(document, i)).collect(),
    })
}

fn entry<'a>(document: &Document, item: &'a Item) -> Entry<'a> {
    let author = item.author.as_ref().map(|name| Author {
        name: name.as_str(),
        url: None,
    });
    Entry {
        id: item.id.as_str(),
        url: item.link.as_str(),
        external_url: item.external.as_ref().map(XmlText::as_str),
        title: item.title.as_str(),
        content_html: item.content.as_str(),
        summary: item.summary.as_str(),
        image: item.image.as_ref().map(|i| i.url.as_str()),
        date_published: item.published.rfc3339(&document.zone),
        date_modified: item.updated.rfc3339(&document.zone),
        authors: author.map(|a| [a]),
        author,
        tags: item.categories.iter().map(|c| c.label.as_str()).collect(),
        language: item.language.as_str(),
        attachments: item
            .enclosures
            .iter()
            .map(|file| Attachment {
                url: file.url.as_str(),
                mime_type: file.media_type.as_str(),
                size_in_bytes: file.bytes,
                duration_in_seconds: file.duration_secs,
            })
            .collect(),
        source: item.source.as_ref().map(|(title, url)| Source {
            about: "https://www.rssboard.org/rss-specification#ltsourcegtSubelementOfLtitemgt",
            title: title.as_str(),
            url: url.as_str(),
        }),
        translations: (!item.alternates.is_empty()).then(|| Translations {
            about: "https://www.rfc-editor.org/rfc/rfc4287#section-4.2.7.4",
            items: item
                .alternates
                .iter()
                .map(|other| Translation {
                    language: other.language.as_str(),
                    url: other.href.as_str(),
                })
                .collect(),
        }),
    }
}
