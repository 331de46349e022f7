//! Which feeds there are, and what they are called.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::base::language::Language;
use crate::base::time::uid_text;
use crate::config::Config;

/// The three formats.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Format {
    /// RSS 2.0.
    Rss,
    /// Atom 1.0 (RFC 4287).
    Atom,
    /// JSON Feed 1.1.
    Json,
}

impl Format {
    /// All three, in the order in which they are offered.
    pub const ALL: [Self; 3] = [Self::Rss, Self::Atom, Self::Json];

    /// How addresses end: `rss`, `atom`, `json`.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Rss => "rss",
            Self::Atom => "atom",
            Self::Json => "json",
        }
    }

    /// The media type without parameters, for links.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Rss => "application/rss+xml",
            Self::Atom => "application/atom+xml",
            Self::Json => "application/feed+json",
        }
    }

    /// The media type with its charset, for `Content-Type` (RFC 7303 section 3; JSON Feed is UTF-8 anyway).
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Rss => "application/rss+xml; charset=utf-8",
            Self::Atom => "application/atom+xml; charset=utf-8",
            Self::Json => "application/feed+json; charset=utf-8",
        }
    }

    /// What people call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rss => "RSS",
            Self::Atom => "Atom",
            Self::Json => "JSON Feed",
        }
    }

    fn parse(extension: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|format| format.extension() == extension)
    }
}

/// Which articles a feed holds.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Scope {
    /// Everything in all languages.
    All,
    /// Everything in a language.
    Language(Language),
    /// A section in a language, by its slug.
    Section(Language, String),
    /// A tag in a language, by its slug.
    Tag(Language, String),
}

impl Scope {
    /// Its language; none for the feed of all.
    pub const fn language(&self) -> Option<&Language> {
        match self {
            Self::All => None,
            Self::Language(language) | Self::Section(language, _) | Self::Tag(language, _) => {
                Some(language)
            }
        }
    }

    /// The same scope in another language; the feed of all becomes that language's.
    #[must_use]
    pub fn in_language(&self, language: &Language) -> Self {
        match self {
            Self::All | Self::Language(_) => Self::Language(language.clone()),
            Self::Section(_, slug) => Self::Section(language.clone(), slug.clone()),
            Self::Tag(_, slug) => Self::Tag(language.clone(), slug.clone()),
        }
    }

    /// The path in front of `/feed.…`: empty, `/kk`, `/kk/sections/economy`.
    fn folder(&self) -> String {
        match self {
            Self::All => String::new(),
            Self::Language(language) => format!("/{language}"),
            Self::Section(language, slug) => format!("/{language}/sections/{slug}"),
            Self::Tag(language, slug) => format!("/{language}/tags/{slug}"),
        }
    }

    /// Path of the page that shows the same articles to people.
    pub fn page_path(&self) -> String {
        match self {
            Self::All => "/".to_owned(),
            Self::Language(language) => format!("/{language}/"),
            other => other.folder(),
        }
    }

    /// The feed's permanent id: made of the newsroom's uid, so that it survives a move to another domain or scheme.
    pub fn id(&self, newsroom_uid: &str) -> String {
        let hash = Sha256::digest(format!("jarshy feed {newsroom_uid}{}", self.folder()));
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&hash[..16]);
        // RFC 9562 section 5.8: version 8, made from a hash of our own.
        bytes[6] = (bytes[6] & 0x0f) | 0x80;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        format!("urn:uuid:{}", uid_text(bytes))
    }

    /// The name in words, e.g. «Тау жаршысы · Экономика (рус)»; `topic` is the name of the section or tag.
    pub fn title(&self, config: &Config, topic: Option<&str>) -> String {
        let names = &config.newsroom.names;
        let Some(language) = self.language() else {
            return names.get(config.newsroom.default_language()).to_owned();
        };
        let (site, mark) = (names.get(language), language_mark(language));
        match topic {
            Some(topic) => format!("{site} · {topic} ({mark})"),
            None => format!("{site} ({mark})"),
        }
    }
}

/// The short mark of a language in a feed's name: қаз, рус, eng, else the tag.
pub fn language_mark(language: &Language) -> &str {
    match language.as_str() {
        "kk" => "қаз",
        "ru" => "рус",
        "en" => "eng",
        other => other,
    }
}

/// One feed: a scope in a format. Its canonical text is its path without the first slash and the key of its row on the shelf.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct FeedKey {
    /// Which articles.
    pub scope: Scope,
    /// In which format.
    pub format: Format,
}

impl FeedKey {
    /// Reads a path like `/kk/sections/economy/feed.atom`, also in another case or with `kz`; [`FeedKey::path`] is how it
    /// should have been written. Whether the feed exists is the catalogue's business.
    pub fn parse(path: &str) -> Option<Self> {
        let parts: Vec<&str> = path.strip_prefix('/').unwrap_or(path).split('/').collect();
        let (file, folder) = parts.split_last()?;
        let format = Format::parse(file.strip_prefix("feed.")?)?;
        let scope = match *folder {
            [] => Scope::All,
            [language] => Scope::Language(Language::parse(language).ok()?),
            [language, kind, slug] => {
                let language = Language::parse(language).ok()?;
                if slug.is_empty() || slug.len() > 200 {
                    return None;
                }
                match kind {
                    "sections" => Scope::Section(language, slug.to_owned()),
                    "tags" => Scope::Tag(language, slug.to_owned()),
                    _ => return None,
                }
            }
            _ => return None,
        };
        Some(Self { scope, format })
    }

    /// Its path on our host.
    pub fn path(&self) -> String {
        format!("{}/feed.{}", self.scope.folder(), self.format.extension())
    }
}

impl fmt::Display for FeedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path()[1..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_its_key() {
        for path in [
            "/feed.rss",
            "/kk/feed.atom",
            "/en-GB/feed.json",
            "/ru/sections/economy/feed.rss",
            "/ru/tags/su-tasqyny/feed.rss",
        ] {
            let key = FeedKey::parse(path).unwrap();
            assert_eq!(key.path(), path);
            assert_eq!(FeedKey::parse(&key.to_string()), Some(key));
        }
        for (typed, usual) in [
            ("/kz/feed.rss", "/kk/feed.rss"),
            (
                "/RU/sections/economy/feed.rss",
                "/ru/sections/economy/feed.rss",
            ),
        ] {
            assert_eq!(FeedKey::parse(typed).unwrap().path(), usual);
        }
        for wrong in [
            "/feed",
            "/feed.xml",
            "/kk/feed.rss/",
            "/kk/news/feed.rss",
            "/kk/tags//feed.rss",
            "//feed.rss",
            "/k/feed.rss",
            "",
        ] {
            assert_eq!(FeedKey::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn an_id_belongs_to_a_scope_and_a_newsroom() {
        let kk = Scope::Language(Language::parse("kk").unwrap());
        let id = kk.id("0190d3b2-0000-7000-8000-000000000001");
        assert!(
            id.starts_with("urn:uuid:") && id.len() == 45 && id.as_bytes()[23] == b'8',
            "{id}"
        );
        assert_eq!(id, kk.id("0190d3b2-0000-7000-8000-000000000001"));
        assert_ne!(id, kk.id("0190d3b2-0000-7000-8000-000000000002"));
        assert_ne!(id, Scope::All.id("0190d3b2-0000-7000-8000-000000000001"));
    }
}
