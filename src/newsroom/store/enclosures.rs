//! SQL of the files that belong to articles.

use std::collections::HashMap;

use sqlx::QueryBuilder;

use super::CHUNK;
use crate::db::{Db, Result, Tx};
use crate::newsroom::Enclosure;
use crate::{on_db, on_tx};

/// What a row says: the article, then its file.
type Row = (i64, String, String, Option<i64>, Option<i64>);

/// The files of those articles in their order.
pub(super) async fn list_enclosures(db: &Db, ids: &[i64]) -> Result<HashMap<i64, Vec<Enclosure>>> {
    let mut out: HashMap<i64, Vec<Enclosure>> = HashMap::new();
    for chunk in ids.chunks(CHUNK) {
        let rows: Vec<Row> = on_db!(db, c => {
            let mut query = QueryBuilder::new(
                "SELECT article_id, url, media_type, bytes, duration_secs FROM article_enclosure WHERE article_id IN (");
            let mut list = query.separated(", ");
            for id in chunk {
                list.push_bind(*id);
            }
            query.push(") ORDER BY article_id, position");
            query.build_query_as().fetch_all(c).await?
        });
        for (article_id, url, media_type, bytes, duration_secs) in rows {
            out.entry(article_id).or_default().push(Enclosure {
                url,
                media_type,
                bytes,
                duration_secs,
            });
        }
    }
    Ok(out)
}

/// Gives an article exactly those files; returns whether that changed anything.
pub async fn replace_enclosures(
    tx: &mut Tx,
    article_id: i64,
    wanted: &[Enclosure],
) -> Result<bool> {
    on_tx!(tx, c => {
        let known: Vec<Enclosure> = sqlx::query_as(
            "SELECT url, media_type, bytes, duration_secs FROM article_enclosure WHERE article_id = $1 ORDER BY position")
            .bind(article_id).fetch_all(&mut *c).await?;
        if known == wanted {
            return Ok(false);
        }
        sqlx::query("DELETE FROM article_enclosure WHERE article_id = $1").bind(article_id).execute(&mut *c).await?;
        for (position, one) in (0_i64..).zip(wanted) {
            sqlx::query(
                "INSERT INTO article_enclosure (article_id, position, url, media_type, bytes, duration_secs) \
                 VALUES ($1, $2, $3, $4, $5, $6)")
                .bind(article_id).bind(position).bind(&one.url).bind(&one.media_type).bind(one.bytes)
                .bind(one.duration_secs).execute(&mut *c).await?;
        }
        Ok(true)
    })
}
