//! RSS 2.0 by the Advisory Board's profile (REQUIREMENTS-FEEDS sections 1 and 10).

use std::collections::BTreeMap;

use rss::extension::dublincore::DublinCoreExtension;
use rss::extension::{Extension, ExtensionMap};
use rss::{Category, Channel, Guid, Source};

use super::absolute::escape_html;
use super::document::{Document, GENERATOR, GENERATOR_VERSION, Image, Item};
use super::feed::Format;
use crate::theme::icons::CHANNEL_SIDE;

/// Prefixes that feeds use and the crates do not declare.
pub const NAMESPACES: [(&str, &str); 4] = [
    ("atom", "http://www.w3.org/2005/Atom"),
    ("fh", "http://purl.org/syndication/history/1.0"),
    ("media", "http://search.yahoo.com/mrss/"),
    ("webfeeds", "http://webfeeds.org/rss/1.0"),
];

/// How XML begins.
pub(super) const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"utf-8\"?>";
/// What stands behind it: a browser that is led to a feed shows a page that can be read.
pub(super) const STYLESHEET: &str = "<?xml-stylesheet type=\"text/css\" href=\"/feed.css\"?>";

/// Why a feed could not be written.
#[derive(Debug, thiserror::Error)]
pub enum RssError {
    /// The writer failed.
    #[error("{0}")]
    Write(#[from] rss::Error),
    /// The writer's bytes are not what this module builds on.
    #[error("the RSS writer began the document in an unknown way")]
    Shape,
}

/// Writes the feed.
pub fn write(document: &Document) -> Result<Vec<u8>, RssError> {
    let channel = Channel {
        title: document.title.as_str().to_owned(),
        link: document.home.as_str().to_owned(),
        description: document.description.as_str().to_owned(),
        language: Some(document.language.to_string()),
        copyright: document.rights.as_ref().map(|r| r.as_str().to_owned()),
        last_build_date: Some(document.updated.rfc2822(&document.zone)),
        generator: Some(format!("{GENERATOR} {GENERATOR_VERSION}")),
        docs: Some("https://www.rssboard.org/rss-specification".to_owned()),
        // A closed page never needs to be asked for again.
        ttl: (!document.place.is_page()).then(|| document.ttl_minutes.to_string()),
        // The profile: title and link are the channel's own.
        image: Some(rss::Image {
            url: document.look.channel.as_str().to_owned(),
            title: document.title.as_str().to_owned(),
            link: document.home.as_str().to_owned(),
            width: Some(CHANNEL_SIDE.to_string()),
            height: Some(CHANNEL_SIDE.to_string()),
            description: None,
        }),
        namespaces: NAMESPACES
            .iter()
            .map(|(prefix, uri)| ((*prefix).to_owned(), (*uri).to_owned()))
            .collect(),
        extensions: channel_extensions(document),
        items: document.items.iter().map(|i| item(document, i)).collect(),
        ..Channel::default()
    };
    let bytes = channel.write_to(Vec::new())?;
    let body = bytes
        .strip_prefix(DECLARATION.as_bytes())
        .ok_or(RssError::Shape)?;
    let mut out = [DECLARATION, STYLESHEET].concat().into_bytes();
    out.extend_from_slice(&hex_references(body));
    Ok(out)
}

/// An element of another vocabulary.
fn element(name: &str, attributes: &[(&str, &str)], value: Option<&str>) -> Extension {
    Extension {
        name: name.to_owned(),
        value: value.map(ToOwned::to_owned),
        attrs: attributes
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect(),
        children: BTreeMap::new(),
    }
}

/// What the channel says in other vocabularies.
fn channel_extensions(document: &Document) -> ExtensionMap {
    let mut map = ExtensionMap::from([(
        "atom".to_owned(),
        BTreeMap::from([("link".to_owned(), links(document))]),
    )]);
    for made in feed_elements(document) {
        map.entry(made.prefix.to_owned())
            .or_default()
            .entry(made.name.to_owned())
            .or_default()
            .push(extension(made));
    }
    map
}

/// `atom:link`: the feed itself, its hubs, the same page in other languages, and the other documents of its archive.
fn links(document: &Document) -> Vec<Extension> {
    let mut links = vec![element(
        "atom:link",
        &[
            ("rel", "self"),
            ("type", Format::Rss.media_type()),
            ("href", &document.self_link(Format::Rss)),
        ],
        None,
    )];
    links.extend(
        document
            .hubs
            .iter()
            .map(|hub| element("atom:link", &[("rel", "hub"), ("href", hub.as_str())], None)),
    );
    links.extend(document.alternates.iter().map(|other| {
        element(
            "atom:link",
            &[
                ("rel", "alternate"),
                ("type", "text/html"),
                ("hreflang", other.language.as_str()),
                ("href", other.href.as_str()),
            ],
            None,
        )
    }));
    let media_type = Format::Rss.media_type();
    links.extend(
        document
            .archive_links(Format::Rss)
            .iter()
            .map(|(rel, href)| {
                let attributes = [("rel", *rel), ("type", media_type), ("href", href)];
                element("atom:link", &attributes, None)
            }),
    );
    links
}

fn item(document: &Document, item: &Item) -> rss::Item {
    let owned = |text: &str| Some(text.to_owned()).filter(|t| !t.is_empty());
    let mut extensions = ExtensionMap::new();
    if let Some(image) = &item.image {
        let content = vec![extension(media_content(image))];
        extensions.insert(
            "media".to_owned(),
            BTreeMap::from([("content".to_owned(), content)]),
        );
    }
    rss::Item {
        link: owned(item.link.as_str()),
        description: Some(escape_html(description(item))),
        title: owned(item.title.as_str()),
        categories: item
            .categories
            .iter()
            .map(|category| Category {
                name: category.label.as_str().to_owned(),
                domain: Some(category.scheme.as_str().to_owned()),
            })
            .collect(),
        guid: Some(Guid {
            value: item.id.as_str().to_owned(),
            permalink: false,
        }),
        pub_date: Some(item.published.rfc2822(&document.zone)),
        // The profile: at most one, and 0 where nobody knows the length.
        enclosure: item.enclosures.first().map(|file| rss::Enclosure {
            url: file.url.as_str().to_owned(),
            length: file.bytes.unwrap_or(0).to_string(),
            mime_type: file.media_type.as_str().to_owned(),
        }),
        source: item.source.as_ref().map(|(title, url)| Source {
            url: url.as_str().to_owned(),
            title: owned(title.as_str()),
        }),
        content: owned(item.content.as_str()),
        extensions,
        dublin_core_ext: Some(DublinCoreExtension {
            creators: item
                .author
                .iter()
                .map(|author| author.as_str().to_owned())
                .collect(),
            languages: vec![item.language.to_string()],
            ..DublinCoreExtension::default()
        }),
        ..rss::Item::default()
    }
}

/// The profile wants a description in front of the whole text; where there is no summary, what the picture shows or the title
/// stands for it.
fn description(item: &Item) -> &str {
    let alt = item.image.as_ref().map_or("", |image| image.alt.as_str());
    [item.summary.as_str(), alt, item.title.as_str()]
        .into_iter()
        .find(|text| !text.is_empty())
        .unwrap_or(item.link.as_str())
}

/// An element of another vocabulary, for RSS and Atom alike: their crates have a type each for the same thing.
pub(super) struct Foreign {
    /// One of [`NAMESPACES`].
    pub prefix: &'static str,
    /// Name behind the prefix.
    pub name: &'static str,
    /// Attributes.
    pub attributes: Vec<(&'static str, String)>,
    /// Text, if any.
    pub text: Option<String>,
    /// What stands inside.
    pub children: Vec<Self>,
}

impl Foreign {
    fn leaf(
        prefix: &'static str,
        name: &'static str,
        attributes: Vec<(&'static str, String)>,
        text: Option<String>,
    ) -> Self {
        Self {
            prefix,
            name,
            attributes,
            text,
            children: Vec::new(),
        }
    }
}

/// What a feed says in vocabularies that RSS and Atom share: pictures and colour for readers that look for `webfeeds`, that
/// nothing will follow (RFC 5005 section 2), and that it is a page of an archive (section 4).
pub(super) fn feed_elements(document: &Document) -> Vec<Foreign> {
    let look = &document.look;
    let word =
        |name, text: &str| Foreign::leaf("webfeeds", name, Vec::new(), Some(text.to_owned()));
    let cover = vec![("image", look.logo.as_str().to_owned())];
    let mut made = vec![
        word("icon", look.icon.as_str()),
        word("logo", look.logo.as_str()),
        Foreign::leaf("webfeeds", "cover", cover, None),
        word("accentColor", look.accent.as_str().trim_start_matches('#')),
    ];
    if document.is_complete {
        made.push(Foreign::leaf("fh", "complete", Vec::new(), None));
    }
    if document.place.is_page() {
        made.push(Foreign::leaf("fh", "archive", Vec::new(), None));
    }
    made
}

/// `media:content` of a lead image. Its words are a description: a picture has no title of its own.
pub(super) fn media_content(image: &Image) -> Foreign {
    let leaf = |name, attributes, text| Foreign::leaf("media", name, attributes, text);
    let url = || ("url", image.url.as_str().to_owned());
    let mut attributes = vec![url(), ("medium", "image".to_owned())];
    attributes.extend(
        image
            .media_type
            .as_ref()
            .map(|t| ("type", t.as_str().to_owned())),
    );
    for (name, value) in [
        ("fileSize", image.bytes),
        ("width", image.width),
        ("height", image.height),
    ] {
        attributes.extend(value.map(|v| (name, v.to_string())));
    }
    let mut children = Vec::new();
    if !image.alt.as_str().is_empty() {
        let plain = vec![("type", "plain".to_owned())];
        children.push(leaf(
            "description",
            plain,
            Some(image.alt.as_str().to_owned()),
        ));
    }
    if let Some(credit) = &image.credit {
        children.push(leaf("credit", Vec::new(), Some(credit.as_str().to_owned())));
    }
    children.push(leaf("thumbnail", vec![url()], None));
    Foreign {
        prefix: "media",
        name: "content",
        attributes,
        text: None,
        children,
    }
}

fn extension(foreign: Foreign) -> Extension {
    let attributes: Vec<(&str, &str)> = foreign
        .attributes
        .iter()
        .map(|(k, v)| (*k, v.as_str()))
        .collect();
    let mut made = element(
        &format!("{}:{}", foreign.prefix, foreign.name),
        &attributes,
        foreign.text.as_deref(),
    );
    for child in foreign.children {
        made.children
            .insert(child.name.to_owned(), vec![extension(child)]);
    }
    made
}

/// Writes `&`, `<` and `>` of plain-text elements as hexadecimal references, as the profile advises: readers that decode twice
/// then show the same text. CDATA sections are left alone.
fn hex_references(bytes: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(bytes);
    let mut out = String::with_capacity(text.len() + 64);
    let mut rest: &str = &text;
    let mut is_in_item = false;
    while let Some(start) = rest.find('<') {
        out.push_str(&rest[..start]);
        rest = &rest[start..];
        if rest.starts_with("<![CDATA[") {
            let end = rest.find("]]>").map_or(rest.len(), |i| i + 3);
            out.push_str(&rest[..end]);
            rest = &rest[end..];
            continue;
        }
        is_in_item |= rest.starts_with("<item>");
        let plain = ["<title>", "<description>"]
            .into_iter()
            .find(|tag| rest.starts_with(tag) && (*tag == "<title>" || !is_in_item));
        let Some(tag) = plain else {
            out.push('<');
            rest = &rest[1..];
            continue;
        };
        out.push_str(tag);
        rest = &rest[tag.len()..];
        let end = rest.find('<').unwrap_or(rest.len());
        out.push_str(
            &rest[..end]
                .replace("&lt;", "&#x3C;")
                .replace("&gt;", "&#x3E;")
                .replace("&quot;", "\"")
                .replace("&apos;", "'")
                .replace("&amp;", "&#x26;"),
        );
        rest = &rest[end..];
    }
    out.push_str(rest);
    out.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::hex_references;

    #[test]
    fn references_in_titles_are_hexadecimal_and_nowhere_else() {
        let made = hex_references(
            b"<rss><channel><title>A &amp; B</title><description>&lt;b&gt;</description><item><title>&amp;amp; &quot;</title>\
              <description><![CDATA[<title>&amp;</title>]]></description><category>&amp;</category></item></channel></rss>",
        );
        assert_eq!(
            String::from_utf8(made).unwrap(),
            "<rss><channel><title>A &#x26; B</title><description>&#x3C;b&#x3E;</description><item><title>&#x26;amp; \"</title>\
             <description><![CDATA[<title>&amp;</title>]]></description><category>&amp;</category></item></channel></rss>"
        );
    }
}
