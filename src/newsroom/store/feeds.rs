//! What feeds ask beyond the articles they show.

use sqlx::QueryBuilder;

use super::read::{list_articles, push_filter, push_one_of, push_rank};
use super::{CHUNK, Filter};
use crate::base::language::Language;
use crate::base::time::Timestamp;
use crate::config::Names;
use crate::db::{Db, Result};
use crate::newsroom::{Article, ArticleState, Tag};
use crate::on_db;

/// Where an article stands in feeds: by its last significant change, else its first publication; of two at one instant the higher
/// row is the newer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, sqlx::FromRow)]
pub struct FeedPosition {
    /// `COALESCE(updated_at, released_at)`.
    pub feed_at: Timestamp,
    /// Row.
    pub id: i64,
}

/// A stretch of a feed: what stands behind `after`, and not behind `upto`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Stretch {
    /// The newest position that is too old.
    pub after: Option<FeedPosition>,
    /// The newest position that belongs to it.
    pub upto: Option<FeedPosition>,
}

/// From which end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// Newest first.
    Newest,
    /// Oldest first.
    Oldest,
}

/// Positions of public articles in a stretch, `limit` at most from that end.
///
/// Filters that have no index of their own are taken apart (`Filter::arms`): one statement with lists would read every article
/// of those languages and sort them.
pub async fn list_positions(
    db: &Db,
    filter: &Filter,
    stretch: Stretch,
    end: End,
    limit: i64,
) -> Result<Vec<FeedPosition>> {
    let mut found: Vec<FeedPosition> = Vec::new();
    for mut arm in filter.arms() {
        let rare_tag = match arm.tags.as_slice() {
            [tag] if is_rare(db, *tag).await? => arm.tags.pop(),
            _ => None,
        };
        let arm = &arm;
        let rows: Vec<FeedPosition> = on_db!(db, c => {
            let mut query = QueryBuilder::new("SELECT a.feed_at, a.id FROM ");
            if let Some(tag) = rare_tag {
                query.push("article_tag t CROSS JOIN article a WHERE t.tag_id = ").push_bind(tag).push(" AND a.id = t.article_id AND ");
            } else {
                query.push("article a WHERE ");
            }
            query.push("a.state = 'released'");
            push_filter!(query, arm, db.is_postgres());
            if let Some(after) = stretch.after {
                query.push(" AND (a.feed_at, a.id) > (").push_bind(after.feed_at).push(", ").push_bind(after.id).push(")");
            }
            if let Some(upto) = stretch.upto {
                query.push(" AND (a.feed_at, a.id) <= (").push_bind(upto.feed_at).push(", ").push_bind(upto.id).push(")");
            }
            query.push(match end {
                End::Newest => " ORDER BY a.feed_at DESC, a.id DESC LIMIT ",
                End::Oldest => " ORDER BY a.feed_at, a.id LIMIT ",
            });
            query.push_bind(limit).build_query_as().fetch_all(c).await?
        });
        found.extend(rows);
    }
    match end {
        End::Newest => found.sort_unstable_by(|a, b| b.cmp(a)),
        End::Oldest => found.sort_unstable(),
    }
    found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(found)
}

/// Articles with a tag up to which they are looked at one by one. Of a tag that stands on more, the next are found quickly enough by
/// going through all articles in their order.
const RARE: i64 = 2_000;

async fn is_rare(db: &Db, tag: i64) -> Result<bool> {
    let some: i64 = on_db!(db, c => sqlx::query_scalar(
        "SELECT COUNT(*) FROM (SELECT 1 FROM article_tag WHERE tag_id = $1 LIMIT $2) AS few")
        .bind(tag).bind(RARE + 1).fetch_one(c).await)?;
    Ok(some <= RARE)
}

/// Public articles in a stretch, newest first, the newest `limit` at most.
pub async fn list_feed(
    db: &Db,
    filter: &Filter,
    stretch: Stretch,
    limit: i64,
) -> Result<Vec<Article>> {
    let positions = list_positions(db, filter, stretch, End::Newest, limit).await?;
    let ids: Vec<i64> = positions.iter().map(|position| position.id).collect();
    let mut articles = list_articles(db, &ids).await?;
    // One may have been withdrawn between the two readings; the caller sees by the log's head that something happened.
    articles.retain(|article| article.state == ArticleState::Released);
    Ok(articles)
}

/// What a log entry means for the order of feeds.
#[derive(Clone, PartialEq, Eq, Debug, sqlx::FromRow)]
pub struct Move {
    /// Number of the entry.
    pub no: i64,
    /// The article.
    pub article_id: i64,
    /// Whether the article may have gone into another section.
    pub is_refiled: bool,
    /// Where it stood until then, if the entry took it away from there.
    pub left_at: Option<Timestamp>,
    /// Where it stands now, if it is public.
    pub feed_at: Option<Timestamp>,
}

/// Entries with `after < no <= upto` that put an article of those languages (empty: of all) into feeds or took it out, in order.
pub async fn list_moves(
    db: &Db,
    after: i64,
    upto: i64,
    languages: &[Language],
) -> Result<Vec<Move>> {
    on_db!(db, c => {
        let mut query = QueryBuilder::new(
            "SELECT l.no, a.id AS article_id, l.kind = 'changed' AS is_refiled, l.left_at, \
             CASE WHEN a.state = 'released' THEN a.feed_at END AS feed_at \
             FROM release_log l JOIN article a ON a.id = l.article_id WHERE (l.kind <> 'changed' OR l.left_at IS NOT NULL) AND l.no > ");
        query.push_bind(after).push(" AND l.no <= ").push_bind(upto);
        push_one_of!(query, "a.language", languages);
        query.push(" ORDER BY l.no").build_query_as().fetch_all(c).await
    })
}

/// Public articles of those languages (empty: of all) that lost a translation by an entry with `after < no <= upto`.
pub async fn list_widowed(
    db: &Db,
    after: i64,
    upto: i64,
    languages: &[Language],
) -> Result<Vec<Move>> {
    on_db!(db, c => {
        let mut query = QueryBuilder::new(
            "SELECT l.no, a.id AS article_id, 1 = 0 AS is_refiled, a.feed_at AS left_at, CAST(NULL AS BIGINT) AS feed_at FROM release_log l JOIN article gone ON gone.id = l.article_id \
             JOIN article a ON a.story_id = gone.story_id AND a.state = 'released' WHERE l.kind = 'withdrawn' AND l.no > ");
        query.push_bind(after).push(" AND l.no <= ").push_bind(upto);
        push_one_of!(query, "a.language", languages);
        query.push(" ORDER BY l.no").build_query_as().fetch_all(c).await
    })
}

/// Which of those articles the filter lets through, whatever their state.
pub async fn list_matching(db: &Db, filter: &Filter, ids: &[i64]) -> Result<Vec<i64>> {
    let mut matching = Vec::new();
    for chunk in ids.chunks(CHUNK) {
        matching.extend(on_db!(db, c => {
            let mut query = QueryBuilder::new("SELECT a.id FROM article a WHERE a.id > 0");
            push_one_of!(query, "a.id", chunk);
            push_filter!(query, filter, db.is_postgres());
            query.build_query_scalar::<i64>().fetch_all(c).await?
        }));
    }
    Ok(matching)
}

/// An article that was taken back.
#[derive(Clone, PartialEq, Eq, Debug, sqlx::FromRow)]
pub struct Withdrawn {
    /// Feed id.
    pub guid: String,
    /// Language.
    pub language: Language,
    /// When.
    pub at: Timestamp,
    /// Why, if that was said.
    pub reason: Option<String>,
}

/// What was withdrawn is named whatever texts of its story are public by now, so that what is told only grows.
fn every_text(filter: &Filter) -> Filter {
    Filter {
        once: None,
        ..filter.clone()
    }
}

/// Articles of the filter that were withdrawn at or after `since`, the last one first.
pub async fn list_withdrawn(
    db: &Db,
    filter: &Filter,
    since: Timestamp,
    limit: i64,
) -> Result<Vec<Withdrawn>> {
    let filter = &every_text(filter);
    on_db!(db, c => {
        let mut query = QueryBuilder::new(
            "SELECT a.guid, a.language, a.edited_at AS at, a.withdrawal AS reason FROM article a WHERE a.state = 'withdrawn' \
             AND a.edited_at >= ");
        query.push_bind(since);
        push_filter!(query, filter, db.is_postgres());
        query.push(" ORDER BY a.edited_at DESC, a.id DESC LIMIT ").push_bind(limit);
        query.build_query_as().fetch_all(c).await
    })
}

/// When an article of the filter was last withdrawn.
pub async fn find_last_withdrawal(db: &Db, filter: &Filter) -> Result<Option<Timestamp>> {
    let filter = &every_text(filter);
    on_db!(db, c => {
        let mut query = QueryBuilder::new("SELECT a.edited_at FROM article a WHERE a.state = 'withdrawn'");
        push_filter!(query, filter, db.is_postgres());
        query.push(" ORDER BY a.edited_at DESC, a.id DESC LIMIT 1");
        query.build_query_scalar().fetch_optional(c).await
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
