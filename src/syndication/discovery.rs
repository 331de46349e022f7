//! What a page says about its feeds in its head: `<link rel="alternate" type title href hreflang>`, the page's own first, since
//! many readers take the first and ask no more.

use serde::Serialize;

use super::feed::{FeedKey, Format, Scope};
use crate::base::language::Language;
use crate::config::Config;
use crate::newsroom::{Section, Tag};

/// One `<link rel="alternate">`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct FeedLink {
    /// `type`, e.g. `application/rss+xml`.
    #[serde(rename = "type")]
    pub media_type: &'static str,
    /// `title`: the feed's name in words; the three formats of a feed have the same, with the format's name behind it.
    pub title: String,
    /// `href`, absolute.
    pub href: String,
    /// `hreflang`.
    pub hreflang: Language,
}

/// What a page is about, if it is about less than everything.
#[derive(Clone, Copy, Debug)]
pub enum Topic<'a> {
    /// A section page, or an article of that section.
    Section(&'a Section),
    /// A tag page.
    Tag(&'a Tag),
}

/// The feeds of a page in that language: its topic's, its language's, then those of the newsroom's other languages.
pub fn discovery(config: &Config, page: &Language, topic: Option<Topic<'_>>) -> Vec<FeedLink> {
    let mut scopes = Vec::new();
    match topic {
        Some(Topic::Section(section)) => scopes.push((
            Scope::Section(page.clone(), section.slug.clone()),
            Some(section.names.get(page)),
        )),
        Some(Topic::Tag(tag)) => scopes.push((
            Scope::Tag(page.clone(), tag.slug.clone()),
            Some(tag.names.get(page)),
        )),
        None => {}
    }
    scopes.push((Scope::Language(page.clone()), None));
    for other in config.newsroom.languages.iter().filter(|l| *l != page) {
        scopes.push((Scope::Language(other.clone()), None));
    }
    scopes
        .iter()
        .flat_map(|(scope, name)| links(config, scope, *name))
        .collect()
}

/// The three formats of a feed; `topic` is what it is about, see [`Scope::topic`].
pub fn links(config: &Config, scope: &Scope, topic: Option<&str>) -> Vec<FeedLink> {
    let title = scope.title(config, topic);
    Format::ALL
        .map(|format| {
            let key = FeedKey {
                scope: scope.clone(),
                format,
            };
            FeedLink {
                media_type: format.media_type(),
                title: format!("{title} · {}", format.name()),
                href: config.server.absolute(&key.path()),
                hreflang: scope.own_language(config).clone(),
            }
        })
        .into()
}
