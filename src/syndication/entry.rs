//! One article as an Atom document of its own (RFC 4287 section 2): for whoever wants the article and not the news.

use super::archive::Place;
use super::atom::{self, AtomError};
use super::document::{Document, Material};
use super::feed::Scope;
use super::render::stem;
use crate::base::time::Timestamp;
use crate::config::Config;
use crate::db::Db;
use crate::newsroom::Article;
use crate::newsroom::store as newsroom;

/// Media type of such a document (RFC 5023 section 12): readers that look for feeds do not take it for one.
pub const MEDIA_TYPE: &str = "application/atom+xml;type=entry";

/// Path of an article's document; no slug has a slash.
pub fn path(article: &Article) -> String {
    format!("{}/entry.atom", article.path())
}

/// Finished bytes with their validators.
#[derive(Clone, Debug)]
pub struct EntryDocument {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// What its entity tag begins with.
    pub stem: String,
    /// Whole seconds; when anything that stands in it last changed in public.
    pub last_modified: Timestamp,
}

/// Why there is no document.
#[derive(Debug, thiserror::Error)]
pub enum EntryError {
    /// The database failed.
    #[error("the database failed: {0}")]
    Database(#[from] sqlx::Error),
    /// The article could not be written.
    #[error(transparent)]
    Atom(#[from] AtomError),
}

/// Writes a public article.
pub async fn entry_document(
    db: &Db,
    config: &Config,
    article: &Article,
) -> Result<EntryDocument, EntryError> {
    // Before everything else: the date may be older than the bytes, never newer.
    let changed_at = newsroom::find_last_change(db, article.story_id, article.section_id).await?;
    let mut sections = newsroom::list_sections(db).await?;
    let closed = newsroom::list_closed_sections(db).await?;
    sections.extend(closed.into_iter().map(|(section, _)| section));
    let material = Material {
        head: 0,
        place: Place::Head(0),
        articles: vec![article.clone()],
        translations: newsroom::list_translations(db, &[article.story_id]).await?,
        sections,
        tags: Vec::new(),
        withdrawn: Vec::new(),
        withdrawn_at: None,
        closed_at: None,
        newsroom_uid: String::new(),
        began_at: article.published_at(),
    };
    // The document lends its author and zone; nothing else of it is written.
    let scope = Scope::Language(article.language.clone());
    let document = Document::new(config, &scope, &material, "");
    let own = config.server.absolute(&path(article));
    let bytes = atom::write_entry(&document, &document.items[0], &own)?;
    Ok(EntryDocument {
        stem: stem(&bytes),
        last_modified: changed_at
            .unwrap_or_else(|| article.significant_at())
            .floor_to_secs(),
        bytes,
    })
}
