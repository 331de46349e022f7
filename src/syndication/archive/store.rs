//! SQL of archives.

use sqlx::QueryBuilder;

use super::{Page, Plan};
use crate::base::time::Timestamp;
use crate::db::{Db, Result, Tx};
use crate::newsroom::store::FeedPosition;
use crate::syndication::store::Row;
use crate::{on_db, on_tx};

/// Rows in one statement.
const CHUNK: usize = 1_000;

/// Log number and highest page of an archive.
pub async fn find_archive(db: &Db, scope: &str) -> Result<Option<(i64, i64)>> {
    on_db!(db, c => sqlx::query_as("SELECT log_no, top FROM archive WHERE scope = $1")
        .bind(scope).fetch_optional(c).await)
}

/// One page.
pub async fn find_page(db: &Db, scope: &str, page: i64) -> Result<Option<Page>> {
    on_db!(db, c => sqlx::query_as(
        "SELECT page, upto_at AS feed_at, upto_id AS id, version FROM archive_page WHERE scope = $1 AND page = $2")
        .bind(scope).bind(page).fetch_optional(c).await)
}

/// The last page.
pub async fn find_last_page(db: &Db, scope: &str) -> Result<Option<Page>> {
    on_db!(db, c => sqlx::query_as(
        "SELECT page, upto_at AS feed_at, upto_id AS id, version FROM archive_page WHERE scope = $1 ORDER BY page DESC LIMIT 1")
        .bind(scope).fetch_optional(c).await)
}

/// The page that a position stands in.
pub async fn find_page_at(db: &Db, scope: &str, position: FeedPosition) -> Result<Option<Page>> {
    on_db!(db, c => sqlx::query_as(
        "SELECT page, upto_at AS feed_at, upto_id AS id, version FROM archive_page \
         WHERE scope = $1 AND (upto_at, upto_id) >= ($2, $3) ORDER BY upto_at, upto_id LIMIT 1")
        .bind(scope).bind(position.feed_at).bind(position.id).fetch_optional(c).await)
}

/// Writes a plan; false if somebody else has moved the archive on since the plan was made. Bytes of pages that changed go.
pub async fn save_plan(tx: &mut Tx, plan: &Plan) -> Result<bool> {
    let is_ours = on_tx!(tx, c => match plan.from_no {
        Some(from_no) => sqlx::query("UPDATE archive SET log_no = $2, top = $3 WHERE scope = $1 AND log_no = $4")
            .bind(&plan.scope).bind(plan.log_no).bind(plan.top).bind(from_no).execute(c).await?.rows_affected(),
        None => sqlx::query("INSERT INTO archive (scope, log_no, top) VALUES ($1, $2, $3) ON CONFLICT (scope) DO NOTHING")
            .bind(&plan.scope).bind(plan.log_no).bind(plan.top).execute(c).await?.rows_affected(),
    }) == 1;
    if !is_ours {
        return Ok(false);
    }
    on_tx!(tx, c => {
        if let Some(cut) = plan.cut {
            sqlx::query("DELETE FROM archive_page WHERE scope = $1 AND page >= $2")
                .bind(&plan.scope).bind(cut).execute(&mut *c).await?;
            sqlx::query("DELETE FROM archive_file WHERE scope = $1 AND page >= $2")
                .bind(&plan.scope).bind(cut).execute(&mut *c).await?;
        }
        for (page, version) in &plan.versions {
            sqlx::query("UPDATE archive_page SET version = $3 WHERE scope = $1 AND page = $2")
                .bind(&plan.scope).bind(page).bind(version).execute(&mut *c).await?;
            sqlx::query("DELETE FROM archive_file WHERE scope = $1 AND page = $2")
                .bind(&plan.scope).bind(page).execute(&mut *c).await?;
        }
        for chunk in plan.closed.chunks(CHUNK) {
            let mut query = QueryBuilder::new("INSERT INTO archive_page (scope, page, upto_at, upto_id, version) ");
            query.push_values(chunk, |mut row, page| {
                row.push_bind(&plan.scope).push_bind(page.page).push_bind(page.upto.feed_at)
                    .push_bind(page.upto.id).push_bind(page.version);
            });
            query.build().execute(&mut *c).await?;
        }
    });
    Ok(true)
}

/// Validators of a page that somebody has read before, if it was written for that origin.
pub async fn find_file(db: &Db, feed_key: &str, origin: &str) -> Result<Option<Row>> {
    let found: Option<(String, Timestamp)> = on_db!(db, c => sqlx::query_as(
        "SELECT etag, last_modified FROM archive_file WHERE feed_key = $1 AND origin = $2")
        .bind(feed_key).bind(origin).fetch_optional(c).await)?;
    Ok(found.map(|(etag, last_modified)| Row {
        feed_key: feed_key.to_owned(),
        log_no: 0,
        build: 0,
        etag,
        last_modified,
        as_of: Timestamp::from_millis(0),
        until: None,
    }))
}

/// The compressed bytes that belong to those validators.
pub async fn find_bytes(db: &Db, feed_key: &str, etag: &str) -> Result<Option<Vec<u8>>> {
    on_db!(db, c => sqlx::query_scalar("SELECT gzip FROM archive_file WHERE feed_key = $1 AND etag = $2")
        .bind(feed_key).bind(etag).fetch_optional(c).await)
}

/// SQLite's one writer needs no lock.
const LOCK_PAGE_SQLITE: &str = "SELECT version FROM archive_page WHERE scope = $1 AND page = $2";
const LOCK_PAGE_POSTGRES: &str =
    "SELECT version FROM archive_page WHERE scope = $1 AND page = $2 FOR SHARE";

/// Keeps the bytes of a page, unless it has another version by now or somebody else was quicker. They hold addresses of the origin
/// that they were written for; those of another give way.
pub async fn keep_file(
    tx: &mut Tx,
    scope: &str,
    (page, version): (i64, i64),
    origin: &str,
    row: &Row,
    gzip: &[u8],
) -> Result<()> {
    let sql = tx.choose(LOCK_PAGE_SQLITE, LOCK_PAGE_POSTGRES);
    let current: Option<i64> = on_tx!(tx, c => sqlx::query_scalar(sql)
        .bind(scope).bind(page).fetch_optional(c).await)?;
    if current != Some(version) {
        return Ok(());
    }
    on_tx!(tx, c => sqlx::query(
        "INSERT INTO archive_file (feed_key, scope, page, origin, etag, last_modified, gzip) VALUES ($1, $2, $3, $4, $5, $6, $7) \
         ON CONFLICT (feed_key) DO UPDATE SET origin = excluded.origin, etag = excluded.etag, last_modified = excluded.last_modified, \
         gzip = excluded.gzip WHERE archive_file.origin <> excluded.origin")
        .bind(&row.feed_key).bind(scope).bind(page).bind(origin).bind(&row.etag).bind(row.last_modified).bind(gzip)
        .execute(c).await.map(|_| ()))
}
