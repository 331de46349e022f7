//! The shelf's only SQL.

use sqlx::QueryBuilder;

use crate::base::time::Timestamp;
use crate::db::{Db, Result, Tx};
use crate::{on_db, on_tx};

/// Former documents of a feed whose marks are kept, so that a reader who has one gets a delta. At a hundred changes a day they
/// reach back a few hours, which is how often such readers ask.
const PAST: i64 = 24;

/// A row without its bytes.
#[derive(Clone, PartialEq, Eq, Debug, sqlx::FromRow)]
pub struct Row {
    /// The feed's canonical text.
    pub feed_key: String,
    /// The log's head when it was built.
    pub log_no: i64,
    /// Who built it: program and settings.
    pub build: i64,
    /// The stem of its validators.
    pub etag: String,
    /// Whole seconds.
    pub last_modified: Timestamp,
    /// The full hour that its time-bound parts were made for.
    pub as_of: Timestamp,
    /// When one of those parts ends, if there are any.
    pub until: Option<Timestamp>,
}

/// Every row's validators.
pub async fn list_rows(db: &Db) -> Result<Vec<Row>> {
    on_db!(db, c => sqlx::query_as(
        "SELECT feed_key, log_no, build, etag, last_modified, as_of, until FROM shelf ORDER BY feed_key").fetch_all(c).await)
}

/// One row's validators.
pub async fn find_row(db: &Db, feed_key: &str) -> Result<Option<Row>> {
    on_db!(db, c => sqlx::query_as(
        "SELECT feed_key, log_no, build, etag, last_modified, as_of, until FROM shelf WHERE feed_key = $1")
        .bind(feed_key).fetch_optional(c).await)
}

/// One row's validators and bytes.
pub async fn find_body(db: &Db, feed_key: &str) -> Result<Option<(Row, Vec<u8>)>> {
    #[derive(sqlx::FromRow)]
    struct Whole {
        #[sqlx(flatten)]
        row: Row,
        body: Vec<u8>,
    }
    let found: Option<Whole> = on_db!(db, c => sqlx::query_as(
        "SELECT feed_key, log_no, build, etag, last_modified, as_of, until, body FROM shelf WHERE feed_key = $1")
        .bind(feed_key).fetch_optional(c).await)?;
    Ok(found.map(|whole| (whole.row, whole.body)))
}

/// Takes feeds from the shelf.
pub async fn delete_rows(tx: &mut Tx, feed_keys: &[String]) -> Result<()> {
    on_tx!(tx, c => {
        let mut query = QueryBuilder::new("DELETE FROM shelf WHERE feed_key IN (");
        let mut list = query.separated(", ");
        for key in feed_keys {
            list.push_bind(key.clone());
        }
        query.push(")");
        query.build().execute(c).await.map(|_| ())
    })
}

/// Puts finished bytes on the shelf and returns the row that stands there now: ours, an equal one, or a newer one that another
/// instance put there. `row.last_modified` is the present second; it becomes one second more than before where that is later.
///
/// Equal bytes keep their validators and only learn the later number, so that an older build cannot replace them afterwards.
///
/// Also says whether ours took the place of other bytes because something happened (not because an hour passed): that is true once
/// for each change, whoever builds it. The marks of what stands there now (`syndication::delta`) are remembered with it.
pub async fn replace(tx: &mut Tx, row: &Row, body: &[u8], marks: &[u8]) -> Result<(Row, bool)> {
    let stood: Option<(i64, i64)> = on_tx!(tx, c => sqlx::query_as(
        "SELECT log_no, build FROM shelf WHERE feed_key = $1").bind(&row.feed_key).fetch_optional(&mut *c).await)?;
    let is_same = on_tx!(tx, c => sqlx::query(
        "UPDATE shelf SET log_no = $2, build = $3, as_of = $5, until = $6 WHERE feed_key = $1 AND etag = $4 \
         AND (log_no, build, as_of) < ($2, $3, $5)")
        .bind(&row.feed_key).bind(row.log_no).bind(row.build).bind(&row.etag).bind(row.as_of).bind(row.until)
        .execute(&mut *c).await.map(|done| done.rows_affected() == 1))?;
    let is_ours = !is_same
        && on_tx!(tx, c => sqlx::query(
            "INSERT INTO shelf (feed_key, log_no, build, etag, last_modified, as_of, until, body) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
             ON CONFLICT (feed_key) DO UPDATE SET log_no = excluded.log_no, build = excluded.build, etag = excluded.etag, \
             last_modified = CASE WHEN excluded.last_modified > shelf.last_modified THEN excluded.last_modified \
             ELSE shelf.last_modified + 1000 END, as_of = excluded.as_of, until = excluded.until, body = excluded.body \
             WHERE shelf.etag <> excluded.etag \
             AND (shelf.log_no, shelf.build, shelf.as_of) < (excluded.log_no, excluded.build, excluded.as_of)")
            .bind(&row.feed_key).bind(row.log_no).bind(row.build).bind(&row.etag).bind(row.last_modified)
            .bind(row.as_of).bind(row.until).bind(body)
            .execute(&mut *c).await.map(|done| done.rows_affected() == 1))?;
    let now_stands: Row = on_tx!(tx, c => sqlx::query_as(
        "SELECT feed_key, log_no, build, etag, last_modified, as_of, until FROM shelf WHERE feed_key = $1")
        .bind(&row.feed_key).fetch_one(&mut *c).await)?;
    if is_ours {
        remember(tx, &now_stands, marks).await?;
    }
    let is_change = is_ours && stood.is_some_and(|numbers| numbers != (row.log_no, row.build));
    Ok((now_stands, is_change))
}

/// Remembers a document by its marks, and forgets the oldest above the bound. `last_modified` grows with each document of a feed.
async fn remember(tx: &mut Tx, row: &Row, marks: &[u8]) -> Result<()> {
    on_tx!(tx, c => {
        sqlx::query(
            "INSERT INTO shelf_past (feed_key, etag, last_modified, marks) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (feed_key, etag) DO UPDATE SET last_modified = excluded.last_modified, marks = excluded.marks")
            .bind(&row.feed_key).bind(&row.etag).bind(row.last_modified).bind(marks).execute(&mut *c).await?;
        sqlx::query(
            "DELETE FROM shelf_past WHERE feed_key = $1 AND last_modified <= (SELECT last_modified FROM shelf_past \
             WHERE feed_key = $1 ORDER BY last_modified DESC LIMIT 1 OFFSET $2)")
            .bind(&row.feed_key).bind(PAST + 1).execute(&mut *c).await.map(|_| ())
    })
}

/// The documents of a feed whose marks are kept, newest first; the present one is among them.
pub async fn list_past(db: &Db, feed_key: &str) -> Result<Vec<(String, Vec<u8>)>> {
    on_db!(db, c => sqlx::query_as(
        "SELECT etag, marks FROM shelf_past WHERE feed_key = $1 ORDER BY last_modified DESC")
        .bind(feed_key).fetch_all(c).await)
}
