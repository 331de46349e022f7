//! An article: one text in one language.

use serde::Serialize;

use super::enclosure::Enclosure;
use super::taxonomy::Tag;
use crate::base::language::Language;
use crate::base::time::Timestamp;

/// Where an article stands in its life.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, sqlx::Type)]
#[sqlx(type_name = "TEXT", rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub enum ArticleState {
    /// Being written.
    Draft,
    /// Waits for its embargo or the end of the hold-back window.
    Scheduled,
    /// Public.
    Released,
    /// Taken back; its page answers 410.
    Withdrawn,
}

impl ArticleState {
    /// The word the tables and the command line use.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Scheduled => "scheduled",
            Self::Released => "released",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// Reads the word of a table, which a CHECK guards.
    pub(crate) fn from_word(word: &str) -> Self {
        match word {
            "scheduled" => Self::Scheduled,
            "released" => Self::Released,
            "withdrawn" => Self::Withdrawn,
            _ => Self::Draft,
        }
    }
}

/// How much an article matters: decides the lead and the subject of a digest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, sqlx::Type)]
#[sqlx(type_name = "TEXT", rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub enum Importance {
    /// Stands first.
    Lead,
    /// With its summary.
    #[default]
    Normal,
    /// Headline only.
    Brief,
}

impl Importance {
    /// The word the tables and the command line use.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Lead => "lead",
            Self::Normal => "normal",
            Self::Brief => "brief",
        }
    }

    /// Reads the word of a table, which a CHECK guards.
    pub(crate) fn from_word(word: &str) -> Self {
        match word {
            "lead" => Self::Lead,
            "brief" => Self::Brief,
            _ => Self::Normal,
        }
    }
}

/// What a body is written in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, sqlx::Type)]
#[sqlx(type_name = "TEXT", rename_all = "lowercase")]
pub enum BodyFormat {
    /// HTML; sanitised on the way in.
    #[default]
    Html,
    /// CommonMark with tables and footnotes.
    Markdown,
}

impl BodyFormat {
    /// The word the tables and the command line use.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Html => "html",
            Self::Markdown => "markdown",
        }
    }

    /// Reads the word of a table, which a CHECK guards.
    pub(crate) fn from_word(word: &str) -> Self {
        match word {
            "markdown" => Self::Markdown,
            _ => Self::Html,
        }
    }
}

/// The picture at the head of an article.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct LeadImage {
    /// Absolute URL, or a path on our host that begins with `/`.
    pub url: String,
    /// Media type, e.g. `image/jpeg`.
    pub media_type: Option<String>,
    /// Size in bytes.
    pub bytes: Option<i64>,
    /// Width in pixels.
    pub width: Option<i64>,
    /// Height in pixels.
    pub height: Option<i64>,
    /// What it shows, for those who do not see it.
    pub alt: Option<String>,
    /// Whose it is.
    pub credit: Option<String>,
}

/// One text in one language. Its `guid` never changes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Article {
    /// Row.
    pub id: i64,
    /// Uid (UUID v7).
    pub uid: String,
    /// RSS guid, Atom id and JSON id alike: an absolute IRI.
    pub guid: String,
    /// Row of its story.
    pub story_id: i64,
    /// Language of the text.
    pub language: Language,
    /// Title, plain text.
    pub title: String,
    /// Summary, plain text.
    pub summary: String,
    /// Body, sanitised HTML with absolute links (or paths on our host that begin with `/`).
    pub body_html: String,
    /// Byline as typed.
    pub byline: Option<String>,
    /// Row of its section.
    pub section_id: Option<i64>,
    /// Address at the origin, for imported articles.
    pub canonical_url: Option<String>,
    /// Links lead to the origin, not to our page (M1).
    pub links_to_origin: bool,
    /// Title and public address of the source it was imported from, if that has one.
    pub source: Option<(String, String)>,
    /// How much it matters.
    pub importance: Importance,
    /// The sentence of the last significant correction.
    pub correction: Option<String>,
    /// Why it was withdrawn, if the editor said so.
    pub withdrawal: Option<String>,
    /// Lead image.
    pub lead: Option<LeadImage>,
    /// Files that belong to it, such as a recording.
    pub enclosures: Vec<Enclosure>,
    /// Where it stands.
    pub state: ArticleState,
    /// Number of its last release; none for an archived one.
    pub release_no: Option<i64>,
    /// When it first became public (the origin's date for imports): pubDate, `published`.
    pub released_at: Option<Timestamp>,
    /// Last significant change: `updated`.
    pub updated_at: Option<Timestamp>,
    /// Last change of any kind.
    pub edited_at: Timestamp,
    /// Current slug.
    pub slug: String,
    /// Tags.
    pub tags: Vec<Tag>,
}

impl Article {
    /// Path of its page on our host.
    pub fn path(&self) -> String {
        format!("/{}/news/{}", self.language, self.slug)
    }

    /// Where readers are sent: the origin in beside mode, else our page.
    pub fn link(&self, base_url: &str) -> String {
        match &self.canonical_url {
            Some(origin) if self.links_to_origin => origin.clone(),
            _ => format!("{base_url}{}", self.path()),
        }
    }

    /// When it first became public; `edited_at` for what is not public yet.
    pub fn published_at(&self) -> Timestamp {
        self.released_at.unwrap_or(self.edited_at)
    }

    /// Its last significant change.
    pub fn significant_at(&self) -> Timestamp {
        self.updated_at.unwrap_or_else(|| self.published_at())
    }
}

/// A translation of a story, as much as links need.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Translation {
    /// Row of the story.
    pub story_id: i64,
    /// Row of the article.
    pub article_id: i64,
    /// Its language.
    pub language: Language,
    /// Its title.
    pub title: String,
    /// Where readers are sent: an absolute URL of the origin in beside mode, else a path on our host.
    pub href: String,
}

/// A release as the digest picks it: small, so that a window of thousands fits in memory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Release {
    /// Row of the article.
    pub article_id: i64,
    /// Row of its story.
    pub story_id: i64,
    /// Lowest number any article of the story ever took.
    pub first_no: i64,
    /// Its number.
    pub release_no: i64,
    /// Language.
    pub language: Language,
    /// Slug of its section.
    pub section: Option<String>,
    /// Slugs of its tags.
    pub tags: Vec<String>,
    /// How much it matters.
    pub importance: Importance,
    /// When it became public.
    pub released_at: Timestamp,
    /// While the story waits for a text in a language: that language and until when.
    pub follows: Option<(Language, Timestamp)>,
}
