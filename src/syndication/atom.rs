//! Atom 1.0 (RFC 4287; REQUIREMENTS-FEEDS sections 3 and 10).
//!
//! The crate writes extensions of the feed after its entries, which the grammar of the RFC forbids, and knows no `xml:lang` on
//! an entry. So the head is written without entries, and the entries one by one behind it.

use std::collections::BTreeMap;

use atom_syndication::extension::{Extension, ExtensionMap};
use atom_syndication::{
    Category, Content, Entry, Feed, FixedDateTime, Generator, Link, Person, Source, Text,
    WriteConfig,
};

use super::document::{Alternate, Document, GENERATOR, GENERATOR_VERSION, Item, Tombstone};
use super::feed::Format;
use super::rss::{DECLARATION, Foreign, NAMESPACES, STYLESHEET, feed_elements, media_content};
use crate::base::time::{Timestamp, Zone};

const CONFIG: WriteConfig = WriteConfig {
    write_document_declaration: false,
    indent_size: None,
};

/// The prefix of RFC 6721, declared where it is used.
const TOMBSTONES: [(&str, &str); 1] = [("at", "http://purl.org/atompub/tombstones/1.0")];

/// How the crate begins an entry.
const ENTRY: &[u8] = b"<entry xmlns=\"http://www.w3.org/2005/Atom\">";

/// Why a feed could not be written.
#[derive(Debug, thiserror::Error)]
pub enum AtomError {
    /// The writer failed.
    #[error("{0}")]
    Write(#[from] atom_syndication::Error),
    /// The writer's bytes are not what this module builds on.
    #[error("the Atom writer began or ended an element in an unknown way")]
    Shape,
    /// A date is outside of what RFC 3339 can say.
    #[error("{0} is not a date of RFC 3339")]
    Date(String),
}

/// Writes the feed.
pub fn write(document: &Document) -> Result<Vec<u8>, AtomError> {
    let mut links = vec![
        link(
            "self",
            Format::Atom.media_type(),
            None,
            &document.self_link(Format::Atom),
        ),
        link(
            "alternate",
            "text/html",
            document.home_language.as_ref().map(ToString::to_string),
            document.home.as_str(),
        ),
    ];
    links.extend(document.hubs.iter().map(|hub| Link {
        href: hub.as_str().to_owned(),
        rel: "hub".to_owned(),
        ..Link::default()
    }));
    links.extend(document.alternates.iter().map(alternate));
    let media_type = Format::Atom.media_type();
    links.extend(
        document
            .archive_links(Format::Atom)
            .iter()
            .map(|(rel, href)| link(rel, media_type, None, href)),
    );
    let mut extensions = ExtensionMap::new();
    for made in feed_elements(document) {
        extensions
            .entry(made.prefix.to_owned())
            .or_default()
            .entry(made.name.to_owned())
            .or_default()
            .push(extension(made));
    }
    let head = Feed {
        title: Text::plain(document.title.as_str()),
        subtitle: Some(Text::plain(document.description.as_str())),
        id: document.id.as_str().to_owned(),
        updated: date(document.updated, &document.zone)?,
        authors: vec![author(document)],
        generator: Some(Generator {
            value: GENERATOR.to_owned(),
            version: Some(GENERATOR_VERSION.to_owned()),
            uri: None,
        }),
        icon: Some(document.look.icon.as_str().to_owned()),
        logo: Some(document.look.logo.as_str().to_owned()),
        rights: document.rights.as_ref().map(|r| Text::plain(r.as_str())),
        extensions,
        links,
        lang: Some(document.language.to_string()),
        namespaces: NAMESPACES
            .iter()
            .filter(|(prefix, _)| *prefix != "atom")
            .chain(
                TOMBSTONES
                    .iter()
                    .filter(|_| !document.tombstones.is_empty()),
            )
            .map(|(prefix, uri)| ((*prefix).to_owned(), (*uri).to_owned()))
            .collect(),
        ..Feed::default()
    };
    let head = head.write_with_config(Vec::new(), CONFIG)?;
    let head = head.strip_suffix(b"</feed>").ok_or(AtomError::Shape)?;
    let mut out = [DECLARATION, STYLESHEET].concat().into_bytes();
    out.extend_from_slice(head);
    for tombstone in &document.tombstones {
        write_tombstone(&mut out, tombstone, &document.zone);
    }
    for item in &document.items {
        let bytes = entry(document, item)?.write_with_config(Vec::new(), CONFIG)?;
        let rest = bytes.strip_prefix(ENTRY).ok_or(AtomError::Shape)?;
        out.extend_from_slice(format!("<entry xml:lang=\"{}\">", item.language).as_bytes());
        out.extend_from_slice(rest);
    }
    out.extend_from_slice(b"</feed>");
    Ok(out)
}

/// Writes `at:deleted-entry` (RFC 6721 section 3). The crate writes extensions in the order of their names; these stand last
/// before the entries, and each has a language of its own.
fn write_tombstone(out: &mut Vec<u8>, tombstone: &Tombstone, zone: &Zone) {
    let escape = |text: &str| quick_xml::escape::escape(text).into_owned();
    let reference = escape(tombstone.id.as_str());
    let when = tombstone.at.rfc3339(zone);
    let made = match &tombstone.reason {
        None => format!("<at:deleted-entry ref=\"{reference}\" when=\"{when}\"/>"),
        Some(reason) => format!(
            "<at:deleted-entry ref=\"{reference}\" when=\"{when}\"><at:comment xml:lang=\"{}\">{}</at:comment></at:deleted-entry>",
            tombstone.language,
            escape(reason.as_str())
        ),
    };
    out.extend_from_slice(made.as_bytes());
}

/// Writes an item as a document of its own, which names itself (`own`) and its author: there is no feed around it to do so.
pub fn write_entry(document: &Document, item: &Item, own: &str) -> Result<Vec<u8>, AtomError> {
    let mut made = entry(document, item)?;
    made.links
        .insert(0, link("self", super::entry::MEDIA_TYPE, None, own));
    if made.authors.is_empty() {
        made.authors.push(author(document));
    }
    made.rights = document.rights.as_ref().map(|r| Text::plain(r.as_str()));
    let bytes = made.write_with_config(Vec::new(), CONFIG)?;
    let rest = bytes.strip_prefix(ENTRY).ok_or(AtomError::Shape)?;
    let media: String = NAMESPACES
        .iter()
        .filter(|(prefix, _)| *prefix == "media")
        .map(|(prefix, uri)| format!(" xmlns:{prefix}=\"{uri}\""))
        .collect();
    let out = format!(
        "{DECLARATION}{STYLESHEET}<entry xmlns=\"http://www.w3.org/2005/Atom\"{media} xml:lang=\"{}\">",
        item.language
    );
    let mut out = out.into_bytes();
    out.extend_from_slice(rest);
    Ok(out)
}

/// The newsroom.
fn author(document: &Document) -> Person {
    Person {
        name: document.author.as_str().to_owned(),
        uri: Some(document.site.as_str().to_owned()),
        ..Person::default()
    }
}

fn date(at: Timestamp, zone: &Zone) -> Result<FixedDateTime, AtomError> {
    let text = at.rfc3339(zone);
    text.parse().map_err(|_| AtomError::Date(text))
}

fn link(rel: &str, media_type: &str, hreflang: Option<String>, href: &str) -> Link {
    Link {
        href: href.to_owned(),
        rel: rel.to_owned(),
        hreflang,
        mime_type: Some(media_type.to_owned()),
        ..Link::default()
    }
}

fn alternate(other: &Alternate) -> Link {
    link(
        "alternate",
        "text/html",
        Some(other.language.to_string()),
        other.href.as_str(),
    )
}

fn entry(document: &Document, item: &Item) -> Result<Entry, AtomError> {
    // On the text constructs too: NetNewsWire reads it on `content` alone.
    let lang = Some(item.language.to_string());
    let plain = |text: &str| Text {
        lang: lang.clone(),
        ..Text::plain(text)
    };
    let mut links = vec![link(
        "alternate",
        "text/html",
        lang.clone(),
        item.link.as_str(),
    )];
    links.extend(item.alternates.iter().map(alternate));
    links.extend(
        item.external
            .as_ref()
            .map(|origin| link("via", "text/html", None, origin.as_str())),
    );
    links.extend(item.enclosures.iter().map(|file| Link {
        length: file.bytes.map(|n| n.to_string()),
        ..link(
            "enclosure",
            file.media_type.as_str(),
            None,
            file.url.as_str(),
        )
    }));
    let updated = date(item.updated, &document.zone)?;
    let source = item.source.as_ref().map(|(title, url)| Source {
        title: Text::plain(title.as_str()),
        id: url.as_str().to_owned(),
        // The origin had this version then, so it had changed at least by then.
        updated,
        links: vec![Link {
            href: url.as_str().to_owned(),
            rel: "self".to_owned(),
            ..Link::default()
        }],
        ..Source::default()
    });
    let mut extensions = ExtensionMap::new();
    if let Some(image) = &item.image {
        let content = vec![extension(media_content(image))];
        extensions.insert(
            "media".to_owned(),
            BTreeMap::from([("content".to_owned(), content)]),
        );
    }
    Ok(Entry {
        title: plain(item.title.as_str()),
        id: item.id.as_str().to_owned(),
        updated,
        authors: item
            .author
            .iter()
            .map(|author| Person {
                name: author.as_str().to_owned(),
                ..Person::default()
            })
            .collect(),
        categories: item
            .categories
            .iter()
            .map(|category| Category {
                term: category.term.as_str().to_owned(),
                scheme: Some(category.scheme.as_str().to_owned()),
                label: Some(category.label.as_str().to_owned()),
            })
            .collect(),
        links,
        published: Some(date(item.published, &document.zone)?),
        source,
        summary: Some(item.summary.as_str())
            .filter(|s| !s.is_empty())
            .map(plain),
        content: Some(Content {
            lang: lang.clone(),
            value: Some(item.content.as_str().to_owned()),
            content_type: Some("html".to_owned()),
            ..Content::default()
        }),
        extensions,
        ..Entry::default()
    })
}

/// `atom_syndication` writes the attributes of extensions as they are given (0.12.10), so they are escaped here.
fn extension(foreign: Foreign) -> Extension {
    Extension {
        name: format!("{}:{}", foreign.prefix, foreign.name),
        value: foreign.text,
        attrs: foreign
            .attributes
            .into_iter()
            .map(|(k, v)| (k.to_owned(), quick_xml::escape::escape(v).into_owned()))
            .collect(),
        children: foreign
            .children
            .into_iter()
            .map(|child| (child.name.to_owned(), vec![extension(child)]))
            .collect(),
    }
}
