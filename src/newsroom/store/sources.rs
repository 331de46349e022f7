//! SQL of sources, and of what was imported from them.

use sqlx::QueryBuilder;

use super::CHUNK;
use crate::base::language::Language;
use crate::base::time::Timestamp;
use crate::db::{Db, Result, Tx};
use crate::{on_db, on_tx};

/// Where imported articles come from.
#[derive(Clone, PartialEq, Eq, Debug, sqlx::FromRow)]
pub struct Source {
    /// Row.
    pub id: i64,
    /// Validators of the last answer.
    pub etag: Option<String>,
    /// Validators of the last answer.
    pub last_modified: Option<String>,
    /// When its first import was complete.
    pub imported_at: Option<Timestamp>,
}

/// A source that is not known yet.
#[derive(Clone, Debug)]
pub struct NewSource<'a> {
    /// Uid.
    pub uid: &'a str,
    /// Its identity; it may hold a password or a key.
    pub url: &'a str,
    /// The address that readers are told.
    pub public_url: Option<&'a str>,
    /// What it calls itself.
    pub title: Option<&'a str>,
    /// Its language, where the import named one.
    pub language: Option<&'a Language>,
    /// Its section.
    pub section_id: Option<i64>,
}

/// An article as its origin knows it.
#[derive(Clone, PartialEq, Eq, Debug, sqlx::FromRow)]
pub struct Origin {
    /// What the origin calls it.
    pub guid: String,
    /// Row.
    pub id: i64,
    /// Hash of what the origin said last.
    pub hash: Option<String>,
}

/// The source with that identity.
pub async fn find_source(db: &Db, url: &str) -> Result<Option<Source>> {
    on_db!(db, c => sqlx::query_as("SELECT id, etag, last_modified, imported_at FROM source WHERE url = $1")
        .bind(url).fetch_optional(c).await)
}

/// Adds a source, or finds the one that somebody else added meanwhile.
pub async fn insert_source(tx: &mut Tx, source: &NewSource<'_>, now: Timestamp) -> Result<Source> {
    on_tx!(tx, c => {
        sqlx::query(
            "INSERT INTO source (uid, kind, url, title, language, section_id, created_at, public_url) \
             VALUES ($1, 'feed', $2, $3, $4, $5, $6, $7) ON CONFLICT (url) DO NOTHING")
            .bind(source.uid).bind(source.url).bind(source.title).bind(source.language.map(Language::as_str))
            .bind(source.section_id).bind(now).bind(source.public_url).execute(&mut *c).await?;
        sqlx::query_as("SELECT id, etag, last_modified, imported_at FROM source WHERE url = $1")
            .bind(source.url).fetch_one(c).await
    })
}

/// Remembers that the source was read: what it calls itself, its public address, validators, what the visit said.
pub async fn mark_source_checked(
    tx: &mut Tx,
    id: i64,
    source: &NewSource<'_>,
    etag: Option<&str>,
    last_modified: Option<&str>,
    health: &str,
) -> Result<()> {
    on_tx!(tx, c => sqlx::query(
        "UPDATE source SET title = COALESCE($2, title), etag = $3, last_modified = $4, health = $5, public_url = $6 WHERE id = $1")
        .bind(id).bind(source.title).bind(etag).bind(last_modified).bind(health).bind(source.public_url).execute(c).await.map(|_| ()))
}

/// The first import is complete: what appears from now on is news.
pub async fn mark_source_imported(tx: &mut Tx, id: i64, now: Timestamp) -> Result<()> {
    on_tx!(tx, c => sqlx::query("UPDATE source SET imported_at = $2 WHERE id = $1 AND imported_at IS NULL")
        .bind(id).bind(now).execute(c).await.map(|_| ()))
}

/// Of those names, the articles that the source gave us before.
pub async fn list_origins(tx: &mut Tx, source_id: i64, guids: &[String]) -> Result<Vec<Origin>> {
    let mut out = Vec::new();
    for chunk in guids.chunks(CHUNK) {
        let rows: Vec<Origin> = on_tx!(tx, c => {
            let mut query = QueryBuilder::new("SELECT origin_guid AS guid, id, origin_hash AS hash FROM article WHERE source_id = ");
            query.push_bind(source_id).push(" AND origin_guid IN (");
            let mut list = query.separated(", ");
            for guid in chunk {
                list.push_bind(guid);
            }
            query.push(")");
            query.build_query_as().fetch_all(c).await?
        });
        out.extend(rows);
    }
    Ok(out)
}

/// Remembers what the origin said last, where that changed nothing of the article.
pub async fn update_origin_hash(tx: &mut Tx, article_id: i64, hash: &str) -> Result<()> {
    on_tx!(tx, c => sqlx::query("UPDATE article SET origin_hash = $2 WHERE id = $1")
        .bind(article_id).bind(hash).execute(c).await.map(|_| ()))
}
