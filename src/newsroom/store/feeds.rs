//! What feeds ask beyond the articles they show.

use sqlx::QueryBuilder;

use super::Filter;
use super::read::{push_filter, push_one_of};
use crate::base::time::Timestamp;
use crate::config::Names;
use crate::db::{Db, Result};
use crate::newsroom::Tag;
use crate::on_db;

/// When an article of the filter was last withdrawn, among those first published at or after `since` (all, if `None`): those
/// that would otherwise stand in the feed.
pub async fn find_last_withdrawal(
    db: &Db,
    filter: &Filter,
    since: Option<Timestamp>,
) -> Result<Option<Timestamp>> {
    on_db!(db, c => {
        let mut query = QueryBuilder::new("SELECT MAX(a.edited_at) FROM article a WHERE a.state = 'withdrawn'");
        push_filter!(query, filter, db.is_postgres());
        if let Some(since) = since {
            query.push(" AND a.released_at >= ").push_bind(since);
        }
        query.build_query_scalar().fetch_one(c).await
    })
}

/// All tags that stand or once stood on a public article, by slug. Those of drafts and embargoed articles are not told.
pub async fn list_known_tags(db: &Db) -> Result<Vec<Tag>> {
    let rows: Vec<(i64, String, String)> = on_db!(db, c => sqlx::query_as(
        "SELECT g.id, g.slug, g.names FROM tag g WHERE EXISTS (SELECT 1 FROM article_tag t JOIN article a ON a.id = t.article_id \
         WHERE t.tag_id = g.id AND a.state IN ('released', 'withdrawn')) ORDER BY g.slug")
        .fetch_all(c).await)?;
    Ok(rows
        .into_iter()
        .map(|(id, slug, names)| Tag {
            id,
            slug,
            names: serde_json::from_str(&names).unwrap_or_else(|_| Names::default()),
        })
        .collect())
}

/// All languages that an article is or once was public in, by tag.
pub async fn list_known_languages(db: &Db) -> Result<Vec<crate::base::language::Language>> {
    on_db!(db, c => sqlx::query_scalar(
        "SELECT DISTINCT language FROM article WHERE state IN ('released', 'withdrawn') ORDER BY language").fetch_all(c).await)
}
