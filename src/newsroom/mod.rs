//! The newsroom: articles, stories, sections, tags and the release log.
//!
//! An article comes in through [`publish`] (typed) or [`sources`] (imported), always through the same cleaning (`text`,
//! `sanitize`), and every change that readers may see takes the next number of the release log. Whatever follows the log
//! (shelf, digests) needs nothing else to know.

pub mod article;
pub mod choice;
mod edit;
pub mod enclosure;
mod markup;
mod media;
mod publish;
mod release;
pub mod release_log;
mod retry;
pub mod sanitize;
pub mod search;
mod sections;
pub mod slug;
pub mod sources;
pub mod store;
pub mod taxonomy;
mod text;
mod wait;
mod withdraw;

use crate::base::language::Language;
use crate::base::time::Timestamp;

pub use article::{Article, ArticleState, BodyFormat, Importance, LeadImage, Release, Translation};
pub use choice::Choice;
pub use edit::{correct, edit_quietly};
pub use enclosure::Enclosure;
pub use media::{store_audio, store_media};
pub use publish::publish;
pub use release::{release_again, release_due};
pub use release_log::{LogEntry, LogKind};
pub use sections::sync_sections;
pub use taxonomy::{Section, Tag};
pub use wait::end_waits;
pub use withdraw::withdraw;

/// What can go wrong in the newsroom.
#[derive(Debug, thiserror::Error)]
pub enum NewsroomError {
    /// What was typed cannot be published; the sentence says what is wrong and what to do.
    #[error("{0}")]
    Invalid(String),
    /// There is no such article.
    #[error("there is no article {0}")]
    NotFound(String),
    /// The database failed.
    #[error("the database failed: {0}")]
    Database(#[from] sqlx::Error),
}

/// A text as it is typed, before it is an article.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Language of the text.
    pub language: Language,
    /// Title, plain text.
    pub title: String,
    /// Summary, plain text; made from the body if absent.
    pub summary: Option<String>,
    /// Body.
    pub body: String,
    /// What the body is written in.
    pub format: BodyFormat,
    /// Byline as typed, e.g. «Пресс-служба МИД РК».
    pub byline: Option<String>,
    /// Slug of its section.
    pub section: Option<String>,
    /// Tags as typed; a tag that is new is made.
    pub tags: Vec<String>,
    /// How much it matters.
    pub importance: Importance,
    /// Lead image.
    pub lead: Option<LeadImage>,
    /// Files that belong to it, such as a recording.
    pub enclosures: Vec<Enclosure>,
    /// Uid of the story it is a translation of; a new story if absent.
    pub story_uid: Option<String>,
    /// The language whose text follows: readers who put it first wait for it, one issue at most.
    pub follows: Option<Language>,
    /// Not before.
    pub embargo_at: Option<Timestamp>,
    /// First public at, for an archive or a demo; the moment of the release if absent.
    pub released_at: Option<Timestamp>,
    /// Release as an archive: in feeds and on pages, never in a digest. Such an article never waits.
    pub as_archive: bool,
}

impl Draft {
    /// A draft with nothing but its words.
    pub fn new(language: Language, title: impl Into<String>, body: impl Into<String>) -> Self {
        Self {
            language,
            title: title.into(),
            summary: None,
            body: body.into(),
            format: BodyFormat::Html,
            byline: None,
            section: None,
            tags: Vec::new(),
            importance: Importance::Normal,
            lead: None,
            enclosures: Vec::new(),
            story_uid: None,
            follows: None,
            embargo_at: None,
            released_at: None,
            as_archive: false,
        }
    }
}

/// What became of a draft.
#[derive(Clone, Debug)]
pub struct Published {
    /// Row.
    pub article_id: i64,
    /// Uid.
    pub uid: String,
    /// Uid of its story, for the translations that follow.
    pub story_uid: String,
    /// Released, or scheduled.
    pub state: ArticleState,
    /// Its number, once released.
    pub release_no: Option<i64>,
}

/// What an edit changes; `None` leaves a field alone.
#[derive(Clone, Debug, Default)]
pub struct Edit {
    /// Title.
    pub title: Option<String>,
    /// Summary.
    pub summary: Option<String>,
    /// Body, in the format the article has, unless `format` names another.
    pub body: Option<String>,
    /// What the new body is written in, if that changes.
    pub format: Option<BodyFormat>,
    /// Slug of the section.
    pub section: Option<String>,
    /// Byline.
    pub byline: Option<String>,
}
