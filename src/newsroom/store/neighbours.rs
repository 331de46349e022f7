//! The stories before and after a story in its section.

use crate::db::{Db, Result};
use crate::newsroom::Article;
use crate::on_db;

/// The next newer and the next older public article of the same section and language, in the order of pages; none without a
/// section.
pub async fn find_neighbours(
    db: &Db,
    article: &Article,
) -> Result<(Option<Article>, Option<Article>)> {
    let (Some(section), Some(at)) = (article.section_id, article.released_at) else {
        return Ok((None, None));
    };
    let newer: Option<i64> = on_db!(db, c => sqlx::query_scalar(
        "SELECT id FROM article WHERE state = 'released' AND section_id = $1 AND language = $2 \
         AND (released_at > $3 OR (released_at = $3 AND id > $4)) ORDER BY released_at, id LIMIT 1")
        .bind(section).bind(article.language.as_str()).bind(at).bind(article.id)
        .fetch_optional(c).await)?;
    let older: Option<i64> = on_db!(db, c => sqlx::query_scalar(
        "SELECT id FROM article WHERE state = 'released' AND section_id = $1 AND language = $2 \
         AND (released_at < $3 OR (released_at = $3 AND id < $4)) ORDER BY released_at DESC, id DESC LIMIT 1")
        .bind(section).bind(article.language.as_str()).bind(at).bind(article.id)
        .fetch_optional(c).await)?;
    let ids: Vec<i64> = [newer, older].into_iter().flatten().collect();
    let mut found = super::list_articles(db, &ids).await?.into_iter();
    let newer = newer.and_then(|_| found.next());
    Ok((newer, found.next()))
}
