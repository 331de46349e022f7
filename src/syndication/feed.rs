//! Which feeds there are, and what they are called.

use std::collections::BTreeMap;
use std::fmt;

use sha2::{Digest, Sha256};

use crate::base::language::Language;
use crate::base::time::uid_text;
use crate::config::Config;
use crate::newsroom::search::Query;
use crate::newsroom::store::{Filter, Once};
use crate::newsroom::{Choice, Section, Tag};

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
    /// A reader's own choice of languages, sections and tags.
    Selection(Choice),
    /// What has the words, in a language.
    Search(Language, Query),
}

impl Scope {
    /// Its language; none where its articles may be in several.
    pub fn language(&self) -> Option<&Language> {
        match self.languages() {
            [one] => Some(one),
            _ => None,
        }
    }

    /// Its languages; empty means all.
    pub fn languages(&self) -> &[Language] {
        match self {
            Self::All => &[],
            Self::Language(language)
            | Self::Section(language, _)
            | Self::Tag(language, _)
            | Self::Search(language, _) => std::slice::from_ref(language),
            Self::Selection(choice) => choice.languages(),
        }
    }

    /// Slugs of its sections; empty means all.
    pub fn sections(&self) -> &[String] {
        match self {
            Self::Section(_, slug) => std::slice::from_ref(slug),
            Self::Selection(choice) => choice.sections(),
            _ => &[],
        }
    }

    /// Slugs of its tags; empty means no narrowing.
    pub fn tags(&self) -> &[String] {
        match self {
            Self::Tag(_, slug) => std::slice::from_ref(slug),
            Self::Selection(choice) => choice.tags(),
            _ => &[],
        }
    }

    /// The language of the feed's own words: of several the first that was chosen, else the newsroom's first.
    pub fn own_language<'a>(&'a self, config: &'a Config) -> &'a Language {
        self.languages()
            .first()
            .unwrap_or_else(|| config.newsroom.default_language())
    }

    /// Whether anybody can make such a scope by asking for it. How many of those are kept is bounded, and none is built before
    /// it is asked for.
    pub const fn is_dynamic(&self) -> bool {
        matches!(self, Self::Selection(_) | Self::Search(..))
    }

    /// The same scope in another language; the feed of all becomes that language's. Words and choices are not translated.
    pub fn in_language(&self, language: &Language) -> Option<Self> {
        Some(match self {
            Self::All | Self::Language(_) => Self::Language(language.clone()),
            Self::Section(_, slug) => Self::Section(language.clone(), slug.clone()),
            Self::Tag(_, slug) => Self::Tag(language.clone(), slug.clone()),
            Self::Selection(_) | Self::Search(..) => return None,
        })
    }

    /// Which articles, by the rows of sections and tags. What has gone meanwhile has no articles. A choice of several languages
    /// has each story once, in the first of them that has it, like the digest of the same selection.
    pub fn filter(&self, sections: &[Section], tags: &BTreeMap<String, Tag>) -> Filter {
        let section = |slug: &String| sections.iter().find(|s| s.slug == *slug).map(|s| s.id);
        let (languages, sections, tags): (_, Vec<i64>, Vec<i64>) = (
            self.languages().to_vec(),
            self.sections()
                .iter()
                .map(|slug| section(slug).unwrap_or(-1))
                .collect(),
            self.tags()
                .iter()
                .map(|slug| tags.get(slug).map_or(-1, |tag| tag.id))
                .collect(),
        );
        Filter {
            once: (languages.len() > 1).then(|| Once {
                languages: languages.clone(),
                sections: sections.clone(),
                tags: tags.clone(),
            }),
            languages,
            sections,
            tags,
            query: match self {
                Self::Search(_, query) => Some(query.clone()),
                _ => None,
            },
            ..Filter::default()
        }
    }

    /// What it is about, in words of that language: names of sections in their order, then of tags, or what is looked for.
    pub fn topic<'a>(
        &self,
        language: &Language,
        sections: &[Section],
        tags: impl Iterator<Item = &'a Tag>,
    ) -> Option<String> {
        if let Self::Search(_, query) = self {
            return Some(if matches!(language.primary(), "kk" | "ru") {
                format!("«{query}»")
            } else {
                format!("“{query}”")
            });
        }
        let names: Vec<&str> = sections
            .iter()
            .filter(|section| self.sections().contains(&section.slug))
            .map(|section| section.names.get(language))
            .chain(
                tags.filter(|tag| self.tags().contains(&tag.slug))
                    .map(|tag| tag.names.get(language)),
            )
            .collect();
        (!names.is_empty()).then(|| names.join(", "))
    }

    /// The path in front of `/feed.…`: empty, `/kk`, `/kk/sections/economy`, `/f/kk,ru~economy~`.
    pub(super) fn folder(&self) -> String {
        match self {
            Self::All => String::new(),
            Self::Language(language) => format!("/{language}"),
            Self::Section(language, slug) => format!("/{language}/sections/{slug}"),
            Self::Tag(language, slug) => format!("/{language}/tags/{slug}"),
            Self::Selection(choice) => format!("/f/{choice}"),
            Self::Search(language, _) => format!("/{language}/search"),
        }
    }

    /// What stands behind the path: the words, where the feed is a search.
    fn query(&self) -> String {
        match self {
            Self::Search(_, query) => {
                let words: String =
                    url::form_urlencoded::byte_serialize(query.as_str().as_bytes()).collect();
                format!("?q={words}")
            }
            _ => String::new(),
        }
    }

    /// Path of the page that shows the same articles to people.
    pub fn page_path(&self) -> String {
        match self {
            Self::All => "/".to_owned(),
            Self::Language(language) => format!("/{language}/"),
            Self::Selection(choice) => format!("/feeds/f/{choice}"),
            other => format!("{}{}", other.folder(), other.query()),
        }
    }

    /// Path of the page that tells people about the feed; that of a search is its result.
    pub fn twin_path(&self) -> String {
        match self {
            Self::All => "/feeds/all".to_owned(),
            Self::Search(..) => self.page_path(),
            other => format!("/feeds{}", other.folder()),
        }
    }

    /// The feed's permanent id: made of the newsroom's uid, so that it survives a move to another domain or scheme.
    pub fn id(&self, newsroom_uid: &str) -> String {
        let hash = Sha256::digest(format!(
            "jarshy feed {newsroom_uid}{}{}",
            self.folder(),
            self.query()
        ));
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&hash[..16]);
        // RFC 9562 section 5.8: version 8, made from a hash of our own.
        bytes[6] = (bytes[6] & 0x0f) | 0x80;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        format!("urn:uuid:{}", uid_text(bytes))
    }

    /// The name in words, e.g. «Тау жаршысы · Экономика (рус)»; `topic` is what it is about, see [`Scope::topic`].
    pub fn title(&self, config: &Config, topic: Option<&str>) -> String {
        let site = config.newsroom.names.get(self.own_language(config));
        let marks: Vec<&str> = self.languages().iter().map(language_mark).collect();
        let topic = topic.map_or_else(String::new, |topic| format!(" · {topic}"));
        if marks.is_empty() {
            format!("{site}{topic}")
        } else {
            format!("{site}{topic} ({})", marks.join(", "))
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
    /// should have been written. Of what stands behind `?` only the words of a search count. Whether the feed exists is the
    /// catalogue's business.
    pub fn parse(path: &str) -> Option<Self> {
        let (path, behind) = path.split_once('?').unwrap_or((path, ""));
        let parts: Vec<&str> = path.strip_prefix('/').unwrap_or(path).split('/').collect();
        let (file, folder) = parts.split_last()?;
        let format = Format::parse(file.strip_prefix("feed.")?)?;
        let scope = match *folder {
            [] => Scope::All,
            [language] => Scope::Language(Language::parse(language).ok()?),
            ["f", key] => Scope::Selection(Choice::parse(&unescaped(key)?).ok()?),
            [language, "search"] => {
                let (_, typed) =
                    url::form_urlencoded::parse(behind.as_bytes()).find(|(name, _)| name == "q")?;
                Scope::Search(Language::parse(language).ok()?, Query::parse(&typed).ok()?)
            }
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

    /// Its path on our host, with the words of a search behind `?`.
    pub fn path(&self) -> String {
        format!(
            "{}/feed.{}{}",
            self.scope.folder(),
            self.format.extension(),
            self.scope.query()
        )
    }
}

/// A key as some programs write it in an address: with its commas and tildes percent-encoded (RFC 3986 section 2.1).
fn unescaped(key: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(key.len());
    let mut rest = key.as_bytes();
    while let [first, tail @ ..] = rest {
        let (byte, tail) = match (first, tail) {
            (b'%', [high, low, tail @ ..]) => {
                let digit = |c: &u8| char::from(*c).to_digit(16);
                (u8::try_from(digit(high)? * 16 + digit(low)?).ok()?, tail)
            }
            _ => (*first, tail),
        };
        bytes.push(byte);
        rest = tail;
    }
    String::from_utf8(bytes).ok()
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
            "/f/kk,ru~economy,sport~flood/feed.json",
            "/f/~~/feed.rss",
            "/kk/search/feed.atom?q=su+94",
            "/ru/search/feed.rss?q=%D0%B2%D0%BE%D0%B4%D0%B0",
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
            (
                "/f/kz,ru~sport,economy~/feed.rss",
                "/f/kk,ru~economy,sport~/feed.rss",
            ),
            ("/f/kk%2Cru%7Esport%7e/feed.rss", "/f/kk,ru~sport~/feed.rss"),
            (
                "/kk/search/feed.rss?utm=1&q=%20SU%20su",
                "/kk/search/feed.rss?q=su",
            ),
            ("/kk/feed.rss?q=su", "/kk/feed.rss"),
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
            "/f/kk/feed.rss",
            "/f/kk~Economy~/feed.rss",
            "/f/kk%~~/feed.rss",
            "/f/%ff~~/feed.rss",
            "/kk/search/feed.rss",
            "/kk/search/feed.rss?q=...",
            "/kk/search/feed.rss?q=a+b+c+d+e+f+g+h+i",
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
