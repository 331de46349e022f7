//! The newsroom: articles, stories, sections, tags and the release log.

pub mod article;
pub mod release_log;
pub mod store;
pub mod taxonomy;

use crate::base::language::Language;
use crate::base::time::Timestamp;
use crate::work::Core;

pub use article::{Article, ArticleState, BodyFormat, Importance, LeadImage, Release, Translation};
pub use release_log::{LogEntry, LogKind};
pub use taxonomy::{Section, Tag};

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
    /// Uid of the story it is a translation of; a new story if absent.
    pub story_uid: Option<String>,
    /// Not before.
    pub embargo_at: Option<Timestamp>,
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
    /// Body, in the format the article has.
    pub body: Option<String>,
    /// Slug of the section.
    pub section: Option<String>,
    /// Byline.
    pub byline: Option<String>,
}

/// Validates, sanitises and stores; releases at once unless an embargo or the hold-back window stands before it.
pub async fn publish(core: &Core, draft: Draft) -> Result<Published, NewsroomError> {
    let _ = (core, draft);
    todo!()
}

/// Releases what is due, at most 500 articles; returns how many. Rings `bells.released`.
pub async fn release_due(core: &Core) -> Result<usize, NewsroomError> {
    let _ = core;
    todo!()
}

/// A significant correction: moves `updated_at`, takes a log number of kind `updated`; `sentence` says what was wrong.
pub async fn correct(
    core: &Core,
    uid: &str,
    edit: Edit,
    sentence: &str,
) -> Result<(), NewsroomError> {
    let _ = (core, uid, edit, sentence);
    todo!()
}

/// A quiet edit: dates, numbers and ids stay; takes a log number of kind `changed` so that feeds are built anew.
pub async fn edit_quietly(core: &Core, uid: &str, edit: Edit) -> Result<(), NewsroomError> {
    let _ = (core, uid, edit);
    todo!()
}

/// Withdraws everywhere: page 410, out of feeds, unsent mail replaced.
pub async fn withdraw(core: &Core, uid: &str, reason: Option<&str>) -> Result<(), NewsroomError> {
    let _ = (core, uid, reason);
    todo!()
}

/// Brings the section table in line with the settings (a new name takes a log number of kind `changed`).
pub async fn sync_sections(core: &Core) -> Result<(), NewsroomError> {
    let _ = core;
    todo!()
}

/// Keeps a picture and returns its path on our host, `/media/{uid}.jpg`; equal bytes are kept once.
pub async fn store_media(
    core: &Core,
    bytes: &[u8],
    width: i64,
    height: i64,
) -> Result<String, NewsroomError> {
    let _ = (core, bytes, width, height);
    todo!()
}
