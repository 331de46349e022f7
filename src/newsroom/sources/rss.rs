//! RSS 0.90, 0.91, 0.92, 1.0 and 2.0 with the modules that newsrooms use: Dublin Core, content, Media RSS, Atom links, iTunes,
//! Yandex full text.

use url::Url;

use super::date::parse_date;
use super::feed::{Entry, Feed, base_of, line_of_html, person, web};
use super::xml::Element;
use crate::newsroom::enclosure::parse_duration;
use crate::newsroom::{Enclosure, LeadImage};

/// What an element is, whatever prefix it was given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Room {
    Core,
    Atom,
    DublinCore,
    Content,
    Media,
    Itunes,
    Yandex,
    Other,
}

/// By namespace, or by the usual prefix where the feed forgot to bind it.
fn room(element: &Element) -> Room {
    match element.namespace.as_str() {
        ""
        | "http://purl.org/rss/1.0/"
        | "http://my.netscape.com/rdf/simple/0.9/"
        | "http://channel.netscape.com/rdf/simple/0.9/"
        | "http://backend.userland.com/rss2"
        | "http://backend.userland.com/RSS2"
        | "http://blogs.law.harvard.edu/tech/rss"
        | "http://cyber.law.harvard.edu/rss/rss.html" => Room::Core,
        "http://www.w3.org/2005/Atom" | "atom" | "a10" | "atom10" => Room::Atom,
        "http://purl.org/dc/elements/1.1/" | "http://purl.org/dc/terms/" | "dc" | "dcterms" => {
            Room::DublinCore
        }
        "http://purl.org/rss/1.0/modules/content/" | "content" => Room::Content,
        "http://search.yahoo.com/mrss/"
        | "http://search.yahoo.com/mrss"
        | "http://www.rssboard.org/media-rss"
        | "media" => Room::Media,
        "http://www.itunes.com/dtds/podcast-1.0.dtd" | "itunes" => Room::Itunes,
        "http://news.yandex.ru" | "https://news.yandex.ru" | "yandex" => Room::Yandex,
        _ => Room::Other,
    }
}

fn child<'a>(element: &'a Element, wanted: Room, name: &str) -> Option<&'a Element> {
    element
        .elements()
        .find(|e| room(e) == wanted && e.name.eq_ignore_ascii_case(name))
}

fn text(element: &Element, wanted: Room, name: &str) -> Option<String> {
    element
        .elements()
        .filter(|e| room(e) == wanted && e.name.eq_ignore_ascii_case(name))
        .find_map(Element::text)
}

/// Reads the tree of an RSS document.
pub fn read(root: &Element, at: Option<&Url>) -> Feed {
    let nothing = Element::default();
    let channel = child(root, Room::Core, "channel").unwrap_or(&nothing);
    let home = text(channel, Room::Core, "link");
    let own = channel
        .elements()
        .find(|e| room(e) == Room::Atom && e.name == "link" && e.attribute("rel") == Some("self"))
        .and_then(|e| e.attribute("href"))
        .map(str::to_owned);
    let start = base_of(at, own.as_deref(), home.as_deref());
    let (base, is_based) = based(&[root, channel], &start, false);
    // In RSS 1.0 and 0.90 the items stand beside the channel.
    let entries = channel
        .elements()
        .chain(root.elements())
        .filter(|e| room(e) == Room::Core && e.name.eq_ignore_ascii_case("item"))
        .map(|item| read_item(item, &base, is_based))
        .collect();
    Feed {
        title: text(channel, Room::Core, "title").and_then(|raw| line_of_html(&raw)),
        home: home.and_then(|url| web(&url, &base)),
        own: own.and_then(|url| web(&url, &base)),
        language: text(channel, Room::Core, "language")
            .or_else(|| text(channel, Room::DublinCore, "language"))
            .or_else(|| channel.attribute("xml:lang").map(str::to_owned))
            .or_else(|| root.attribute("xml:lang").map(str::to_owned)),
        entries,
    }
}

/// The base after the `xml:base` of those elements, and whether any of them had one.
fn based(elements: &[&Element], start: &Url, was_based: bool) -> (Url, bool) {
    let mut base = start.clone();
    let mut is_based = was_based;
    for element in elements {
        if let Some(joined) = element
            .attribute("xml:base")
            .and_then(|b| base.join(b).ok())
        {
            base = joined;
            is_based = true;
        }
    }
    (base, is_based)
}

fn read_item(item: &Element, base: &Url, was_based: bool) -> Entry {
    let (base, is_based) = based(&[item], base, was_based);
    let guid = child(item, Room::Core, "guid");
    let id = guid
        .and_then(Element::text)
        .or_else(|| item.attribute("rdf:about").map(str::to_owned));
    let atom_link = item
        .elements()
        .filter(|e| {
            room(e) == Room::Atom
                && e.name == "link"
                && matches!(e.attribute("rel"), None | Some("alternate"))
        })
        .find_map(|e| e.attribute("href"));
    let permalink = guid
        .filter(|g| {
            g.attribute("isPermaLink")
                .is_none_or(|v| v.eq_ignore_ascii_case("true"))
        })
        .and_then(Element::text)
        .filter(|id| id.starts_with("http://") || id.starts_with("https://"));
    let link = text(item, Room::Core, "link")
        .or_else(|| atom_link.map(str::to_owned))
        .or(permalink)
        .and_then(|url| web(&url, &base));
    let mut entry = Entry::new(base.clone());
    // Without an xml:base, relative links in an item are meant against its page.
    if !is_based && let Some(page) = link.as_deref().and_then(|url| Url::parse(url).ok()) {
        entry.base = page;
    }
    let body = item
        .elements()
        .find(|e| e.name == "body" && e.namespace == "http://www.w3.org/1999/xhtml")
        .map(Element::inner_html);
    entry.title = text(item, Room::Core, "title")
        .or_else(|| text(item, Room::DublinCore, "title"))
        .or_else(|| text(item, Room::Media, "title"))
        .and_then(|raw| line_of_html(&raw));
    entry.summary = text(item, Room::Core, "description")
        .or_else(|| text(item, Room::DublinCore, "description"))
        .or_else(|| text(item, Room::Itunes, "summary"))
        .or_else(|| text(item, Room::Media, "description"));
    entry.content = text(item, Room::Content, "encoded")
        .or(body)
        .or_else(|| text(item, Room::Yandex, "full-text"));
    entry.published = [
        text(item, Room::Core, "pubDate"),
        text(item, Room::DublinCore, "date"),
        text(item, Room::DublinCore, "created"),
        text(item, Room::Atom, "published"),
    ]
    .iter()
    .flatten()
    .find_map(|date| parse_date(date));
    entry.updated = [
        text(item, Room::Atom, "updated"),
        text(item, Room::DublinCore, "modified"),
        text(item, Room::Core, "updated"),
    ]
    .iter()
    .flatten()
    .find_map(|date| parse_date(date));
    entry.language = text(item, Room::DublinCore, "language")
        .or_else(|| text(item, Room::Core, "language"))
        .or_else(|| item.attribute("xml:lang").map(str::to_owned));
    let creators: Vec<String> = item
        .elements()
        .filter(|e| {
            (room(e) == Room::DublinCore && e.name == "creator")
                || (room(e) == Room::Core && e.name.eq_ignore_ascii_case("author"))
        })
        .filter_map(Element::text)
        .chain(text(item, Room::Itunes, "author"))
        .filter_map(|raw| person(&raw))
        .collect();
    for name in creators {
        if !entry.authors.contains(&name) {
            entry.authors.push(name);
        }
    }
    entry.categories = item
        .elements()
        .filter(|e| {
            (room(e) == Room::Core && e.name.eq_ignore_ascii_case("category"))
                || (room(e) == Room::DublinCore && e.name == "subject")
        })
        .filter_map(Element::text)
        .filter_map(|raw| line_of_html(&raw))
        .collect();
    entry.pictures = pictures(item, &base);
    let duration = text(item, Room::Itunes, "duration").and_then(|d| parse_duration(&d));
    entry.enclosures = item
        .elements()
        .filter(|e| room(e) == Room::Core && e.name.eq_ignore_ascii_case("enclosure"))
        .filter_map(|e| {
            Enclosure::new(
                web(e.attribute("url")?, &base)?,
                e.attribute("type"),
                e.attribute("length").and_then(|n| n.trim().parse().ok()),
                duration,
            )
        })
        .collect();
    entry.enclosures.extend(linked(item, &base));
    entry.id = id;
    entry.link = link;
    entry
}

/// The files that Atom links name.
pub fn linked(element: &Element, base: &Url) -> Vec<Enclosure> {
    element
        .elements()
        .filter(|e| {
            (e.namespace.is_empty() || room(e) == Room::Atom)
                && e.name == "link"
                && e.attribute("rel") == Some("enclosure")
        })
        .filter_map(|e| {
            let base = e
                .attribute("xml:base")
                .and_then(|b| base.join(b).ok())
                .unwrap_or_else(|| base.clone());
            Enclosure::new(
                web(e.attribute("href")?, &base)?,
                e.attribute("type"),
                e.attribute("length").and_then(|n| n.trim().parse().ok()),
                None,
            )
        })
        .collect()
}

/// The pictures of an item, the best first: Media RSS (the widest), its thumbnail, an enclosure, iTunes, and the words that some
/// newspapers made up.
pub fn pictures(item: &Element, base: &Url) -> Vec<LeadImage> {
    let mut out = Vec::new();
    let mut media: Vec<&Element> = Vec::new();
    collect_media(item, &mut media);
    let described = |name: &str| {
        media
            .iter()
            .find(|e| e.name == name)
            .and_then(|e| e.text())
            .and_then(|raw| line_of_html(&raw))
    };
    let (alt, credit) = (
        described("description").or_else(|| described("title")),
        described("credit"),
    );
    let mut contents: Vec<LeadImage> = media
        .iter()
        .filter(|e| e.name == "content" && is_picture(e))
        .filter_map(|e| picture(e, "url", base))
        .collect();
    contents.sort_by_key(|picture| std::cmp::Reverse(picture.width));
    out.extend(contents);
    out.extend(
        media
            .iter()
            .filter(|e| e.name == "thumbnail")
            .filter_map(|e| picture(e, "url", base)),
    );
    for picture in &mut out {
        picture.alt.clone_from(&alt);
        picture.credit.clone_from(&credit);
    }
    let enclosures = item.elements().filter(|e| {
        (room(e) == Room::Core && e.name == "enclosure")
            || (room(e) == Room::Atom
                && e.name == "link"
                && e.attribute("rel") == Some("enclosure"))
    });
    out.extend(
        enclosures
            .filter(|e| is_picture(e))
            .filter_map(|e| picture(e, "url", base).or_else(|| picture(e, "href", base))),
    );
    out.extend(
        item.elements()
            .filter(|e| room(e) == Room::Itunes && e.name == "image")
            .filter_map(|e| picture(e, "href", base)),
    );
    // Words that some newspapers made up; an `image` may be built like the one of a channel, with its address in `url`.
    for name in ["bigimage", "image", "thumbnail"] {
        let Some(element) = child(item, Room::Core, name) else {
            continue;
        };
        let address = text(element, Room::Core, "url")
            .or_else(|| {
                element
                    .text()
                    .filter(|_| element.elements().next().is_none())
            })
            .filter(|url| url.starts_with("http") && !url.contains(char::is_whitespace));
        out.extend(address.and_then(|url| web(&url, base)).map(bare));
    }
    out
}

fn collect_media<'a>(element: &'a Element, out: &mut Vec<&'a Element>) {
    for inner in element.elements().filter(|e| room(e) == Room::Media) {
        out.push(inner);
        collect_media(inner, out);
    }
}

fn is_picture(element: &Element) -> bool {
    match (element.attribute("medium"), element.attribute("type")) {
        (Some(medium), _) => medium == "image",
        (None, Some(kind)) => kind.starts_with("image/"),
        (None, None) => element.attribute("url").is_some_and(|url| {
            let path = url
                .split(['?', '#'])
                .next()
                .unwrap_or(url)
                .to_ascii_lowercase();
            [".jpg", ".jpeg", ".png", ".gif", ".webp"]
                .iter()
                .any(|end| path.ends_with(end))
        }),
    }
}

/// A picture of which only the address is known.
pub const fn bare(url: String) -> LeadImage {
    LeadImage {
        url,
        media_type: None,
        bytes: None,
        width: None,
        height: None,
        alt: None,
        credit: None,
    }
}

fn picture(element: &Element, key: &str, base: &Url) -> Option<LeadImage> {
    let number = |key: &str| {
        element
            .attribute(key)
            .and_then(|v| v.parse::<i64>().ok())
            .filter(|n| *n > 0)
    };
    Some(LeadImage {
        media_type: element
            .attribute("type")
            .filter(|t| t.starts_with("image/"))
            .map(str::to_owned),
        bytes: number("fileSize").or_else(|| number("length")),
        width: number("width"),
        height: number("height"),
        ..bare(web(element.attribute(key)?, base)?)
    })
}
