//! SQL of pictures and view counts.

use sqlx::QueryBuilder;

use super::CHUNK;
use crate::base::time::Timestamp;
use crate::db::{Db, Result, Tx};
use crate::{on_db, on_tx};

/// Adds to the views of articles (counted in memory, written once a minute).
pub async fn add_views(tx: &mut Tx, day: &str, views: &[(i64, i64)]) -> Result<()> {
    // By id, so that two instances never wait for each other crosswise; one row per article, as one statement may touch a row once.
    let mut sums = std::collections::BTreeMap::new();
    for (id, count) in views {
        *sums.entry(*id).or_insert(0_i64) += count;
    }
    let sums: Vec<(i64, i64)> = sums.into_iter().collect();
    for chunk in sums.chunks(1000) {
        on_tx!(tx, c => {
            let mut query = QueryBuilder::new("INSERT INTO article_views (article_id, day, views) ");
            query.push_values(chunk, |mut row, (id, count)| {
                row.push_bind(*id).push_bind(day).push_bind(*count);
            });
            query.push(" ON CONFLICT (article_id, day) DO UPDATE SET views = article_views.views + excluded.views");
            query.build().execute(c).await?;
        });
    }
    Ok(())
}

/// Views of all days per article; articles without any are left out.
pub async fn list_views(db: &Db, ids: &[i64]) -> Result<Vec<(i64, i64)>> {
    let mut out = Vec::new();
    for chunk in ids.chunks(CHUNK) {
        let rows: Vec<(i64, i64)> = on_db!(db, c => {
            let mut query = QueryBuilder::new(
                "SELECT article_id, CAST(SUM(views) AS BIGINT) FROM article_views WHERE article_id IN (");
            let mut list = query.separated(", ");
            for id in chunk {
                list.push_bind(*id);
            }
            query.push(") GROUP BY article_id ORDER BY article_id");
            query.build_query_as().fetch_all(c).await?
        });
        out.extend(rows);
    }
    Ok(out)
}

/// A picture by its uid: media type and bytes.
pub async fn find_media(db: &Db, uid: &str) -> Result<Option<(String, Vec<u8>)>> {
    on_db!(db, c => sqlx::query_as("SELECT type, body FROM media WHERE uid = $1")
        .bind(uid).fetch_optional(c).await)
}

/// What is kept under that uid: media type and size in bytes.
pub async fn find_media_head(db: &Db, uid: &str) -> Result<Option<(String, i64)>> {
    on_db!(db, c => sqlx::query_as("SELECT type, bytes FROM media WHERE uid = $1")
        .bind(uid).fetch_optional(c).await)
}

/// `length` bytes of it, from `start` on, counted from 0.
pub async fn find_media_part(
    db: &Db,
    uid: &str,
    start: i64,
    length: i64,
) -> Result<Option<Vec<u8>>> {
    on_db!(db, c => sqlx::query_scalar(
        "SELECT substr(body, CAST($2 AS INTEGER), CAST($3 AS INTEGER)) FROM media WHERE uid = $1")
        .bind(uid).bind(start + 1).bind(length).fetch_optional(c).await)
}

/// Keeps a picture, unless it is there already.
pub async fn insert_media(
    tx: &mut Tx,
    uid: &str,
    media_type: &str,
    (width, height): (i64, i64),
    body: &[u8],
    now: Timestamp,
) -> Result<()> {
    on_tx!(tx, c => sqlx::query(
        "INSERT INTO media (uid, type, bytes, width, height, body, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7) \
         ON CONFLICT (uid) DO NOTHING")
        .bind(uid).bind(media_type).bind(body.len() as i64).bind(width).bind(height).bind(body).bind(now)
        .execute(c).await.map(|_| ()))
}
