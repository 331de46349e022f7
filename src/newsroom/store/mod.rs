//! The newsroom's only SQL.

mod feeds;

use super::{Article, LogEntry, Release, Section, Tag, Translation};
use crate::base::language::Language;
use crate::base::time::Timestamp;
use crate::db::{Db, Result, Tx};

pub use feeds::{find_last_withdrawal, list_known_languages, list_known_tags};

/// Which articles a feed or a page shows; all that are set must hold.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Filter {
    /// Only this language.
    pub language: Option<Language>,
    /// Only this section.
    pub section_id: Option<i64>,
    /// Only this tag.
    pub tag_id: Option<i64>,
}

/// Public articles, newest first by (`released_at`, `id`): the order of every feed and page.
pub async fn list_public(
    db: &Db,
    filter: &Filter,
    offset: i64,
    limit: i64,
) -> Result<Vec<Article>> {
    let _ = (db, filter, offset, limit);
    todo!()
}

/// How many public articles there are.
pub async fn count_public(db: &Db, filter: &Filter) -> Result<i64> {
    let _ = (db, filter);
    todo!()
}

/// Articles by row, in the order of `ids`, whatever their state; unknown ids are left out.
pub async fn list_articles(db: &Db, ids: &[i64]) -> Result<Vec<Article>> {
    let _ = (db, ids);
    todo!()
}

/// The article that has or had the slug in that language (released or withdrawn; never drafts or scheduled ones); compare
/// `article.slug` to see whether to redirect.
pub async fn find_article_by_slug(
    db: &Db,
    language: &Language,
    slug: &str,
) -> Result<Option<Article>> {
    let _ = (db, language, slug);
    todo!()
}

/// The article with that uid, whatever its state.
pub async fn find_article_by_uid(db: &Db, uid: &str) -> Result<Option<Article>> {
    let _ = (db, uid);
    todo!()
}

/// The public translations of those stories, in no order.
pub async fn list_translations(db: &Db, story_ids: &[i64]) -> Result<Vec<Translation>> {
    let _ = (db, story_ids);
    todo!()
}

/// All sections in their order.
pub async fn list_sections(db: &Db) -> Result<Vec<Section>> {
    let _ = db;
    todo!()
}

/// All tags that stand on a public article, by slug.
pub async fn list_tags(db: &Db) -> Result<Vec<Tag>> {
    let _ = db;
    todo!()
}

/// All languages that have a public article, by tag.
pub async fn list_languages(db: &Db) -> Result<Vec<Language>> {
    let _ = db;
    todo!()
}

/// The head of the release log.
pub async fn get_head(db: &Db) -> Result<i64> {
    let _ = db;
    todo!()
}

/// The head of the release log, inside a transaction.
pub async fn get_head_in(tx: &mut Tx) -> Result<i64> {
    let _ = tx;
    todo!()
}

/// Entries with `after < no <= upto`, in order.
pub async fn list_log(db: &Db, after: i64, upto: i64) -> Result<Vec<LogEntry>> {
    let _ = (db, after, upto);
    todo!()
}

/// Live articles with `after < release_no <= upto`, by number.
pub async fn list_releases(tx: &mut Tx, after: i64, upto: i64) -> Result<Vec<Release>> {
    let _ = (tx, after, upto);
    todo!()
}

/// Of those articles, the ones that are still released with that release number, locked against withdrawal until the
/// transaction ends (`FOR SHARE` on PostgreSQL, by id).
pub async fn lock_live_articles(tx: &mut Tx, items: &[(i64, i64)]) -> Result<Vec<i64>> {
    let _ = (tx, items);
    todo!()
}

/// Whether something is still scheduled at or before that instant.
pub async fn is_anything_scheduled(tx: &mut Tx, until: Timestamp) -> Result<bool> {
    let _ = (tx, until);
    todo!()
}

/// Adds to the views of articles (counted in memory, written once a minute).
pub async fn add_views(tx: &mut Tx, day: &str, views: &[(i64, i64)]) -> Result<()> {
    let _ = (tx, day, views);
    todo!()
}

/// Views of all days per article; articles without any are left out.
pub async fn list_views(db: &Db, ids: &[i64]) -> Result<Vec<(i64, i64)>> {
    let _ = (db, ids);
    todo!()
}

/// A picture by its uid: media type and bytes.
pub async fn find_media(db: &Db, uid: &str) -> Result<Option<(String, Vec<u8>)>> {
    let _ = (db, uid);
    todo!()
}
