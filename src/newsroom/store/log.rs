//! SQL of the release log.
//!
//! [`append_log`] is the last thing a transaction does before it commits: the one row of `log_head` is locked from there on,
//! so numbers have no gaps and commit in order, and nobody waits for somebody's slow import.

use std::collections::HashMap;

use sqlx::QueryBuilder;

use super::CHUNK;
use crate::base::language::Language;
use crate::base::time::Timestamp;
use crate::db::{Db, Result, Tx};
use crate::newsroom::{Importance, LogEntry, LogKind, Release};
use crate::{on_db, on_tx};

/// What an entry is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Subject {
    /// An article.
    Article(i64),
    /// A section, whose name changed.
    Section(i64),
}

/// An entry that has no number yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NewEntry {
    /// What it is about.
    pub subject: Subject,
    /// What happened.
    pub kind: LogKind,
    /// Where the article stood in feeds until now, if this takes it away from there: its old [`FeedPosition`]'s instant.
    ///
    /// [`FeedPosition`]: super::FeedPosition
    pub left_at: Option<Timestamp>,
}

impl NewEntry {
    /// An entry that moves nothing away.
    pub const fn new(subject: Subject, kind: LogKind) -> Self {
        Self {
            subject,
            kind,
            left_at: None,
        }
    }
}

/// Takes numbers for the entries, in their order, and returns the first. Articles of kind `released` get theirs as
/// `release_no`, their stories a `first_no` if they had none. Nothing may be written in this transaction after it.
pub async fn append_log(tx: &mut Tx, entries: &[NewEntry], now: Timestamp) -> Result<i64> {
    let count = entries.len() as i64;
    on_tx!(tx, c => {
        let head: i64 = sqlx::query_scalar("UPDATE log_head SET no = no + $1 WHERE id = 1 RETURNING no")
            .bind(count).fetch_one(&mut *c).await?;
        let before = head - count;
        for (i, chunk) in entries.chunks(1000).enumerate() {
            let first = before + 1 + (i * 1000) as i64;
            let mut query = QueryBuilder::new("INSERT INTO release_log (no, article_id, section_id, kind, at, left_at) ");
            query.push_values(chunk.iter().zip(first..), |mut row, (entry, no)| {
                let (article, section) = match entry.subject {
                    Subject::Article(id) => (Some(id), None),
                    Subject::Section(id) => (None, Some(id)),
                };
                row.push_bind(no).push_bind(article).push_bind(section)
                    .push_bind(entry.kind.word()).push_bind(now).push_bind(entry.left_at);
            });
            query.build().execute(&mut *c).await?;
        }
        if entries.iter().any(|e| e.kind == LogKind::Released) {
            sqlx::query(
                "UPDATE article SET release_no = (SELECT MAX(l.no) FROM release_log l WHERE l.article_id = article.id \
                 AND l.kind = 'released' AND l.no > $1) \
                 WHERE id IN (SELECT article_id FROM release_log WHERE no > $1 AND kind = 'released')")
                .bind(before).execute(&mut *c).await?;
            sqlx::query(
                "UPDATE story SET first_no = (SELECT MIN(a.release_no) FROM article a WHERE a.story_id = story.id) \
                 WHERE first_no IS NULL AND id IN (SELECT a.story_id FROM release_log l JOIN article a ON a.id = l.article_id \
                 WHERE l.no > $1 AND l.kind = 'released')")
                .bind(before).execute(&mut *c).await?;
        }
        Ok(before + 1)
    })
}

/// When a text of the story, or the name of the section, last changed in public.
pub async fn find_last_change(
    db: &Db,
    story_id: i64,
    section_id: Option<i64>,
) -> Result<Option<Timestamp>> {
    on_db!(db, c => sqlx::query_scalar(
        "SELECT MAX(at) FROM (SELECT l.at FROM article a JOIN release_log l ON l.article_id = a.id WHERE a.story_id = $1 \
         UNION ALL SELECT at FROM release_log WHERE section_id = $2) AS changes")
        .bind(story_id).bind(section_id).fetch_one(c).await)
}

/// The head of the release log.
pub async fn get_head(db: &Db) -> Result<i64> {
    on_db!(db, c => sqlx::query_scalar("SELECT no FROM log_head WHERE id = 1").fetch_one(c).await)
}

/// The head of the release log, inside a transaction.
pub async fn get_head_in(tx: &mut Tx) -> Result<i64> {
    on_tx!(tx, c => sqlx::query_scalar("SELECT no FROM log_head WHERE id = 1").fetch_one(c).await)
}

/// Entries with `after < no <= upto`, in order.
pub async fn list_log(db: &Db, after: i64, upto: i64) -> Result<Vec<LogEntry>> {
    type Row = (
        i64,
        Option<i64>,
        Option<i64>,
        Option<Language>,
        String,
        Timestamp,
    );
    let rows: Vec<Row> = on_db!(db, c => sqlx::query_as(
        "SELECT l.no, l.article_id, a.story_id, a.language, l.kind, l.at FROM release_log l \
         LEFT JOIN article a ON a.id = l.article_id WHERE l.no > $1 AND l.no <= $2 ORDER BY l.no")
        .bind(after).bind(upto).fetch_all(c).await?);
    Ok(rows
        .into_iter()
        .map(|(no, article_id, story_id, language, kind, at)| LogEntry {
            no,
            article_id,
            story_id,
            language,
            kind: LogKind::from_word(&kind),
            at,
        })
        .collect())
}

#[derive(sqlx::FromRow)]
struct ReleaseRow {
    article_id: i64,
    story_id: i64,
    first_no: i64,
    release_no: i64,
    language: Language,
    section: Option<String>,
    importance: String,
    released_at: Timestamp,
    follows_language: Option<Language>,
    follows_until: Option<Timestamp>,
}

/// Live articles with `after < release_no <= upto`, by number.
pub async fn list_releases(tx: &mut Tx, after: i64, upto: i64) -> Result<Vec<Release>> {
    let (rows, tags): (Vec<ReleaseRow>, Vec<(i64, String)>) = on_tx!(tx, c => (
        sqlx::query_as(
            "SELECT a.id AS article_id, a.story_id, COALESCE(t.first_no, a.release_no) AS first_no, a.release_no, a.language, \
             s.slug AS section, a.importance, a.released_at, t.follows_language, t.follows_until \
             FROM article a JOIN story t ON t.id = a.story_id LEFT JOIN section s ON s.id = a.section_id \
             WHERE a.state = 'released' AND a.release_no > $1 AND a.release_no <= $2 ORDER BY a.release_no")
            .bind(after).bind(upto).fetch_all(&mut *c).await?,
        sqlx::query_as(
            "SELECT x.article_id, g.slug FROM article a JOIN article_tag x ON x.article_id = a.id JOIN tag g ON g.id = x.tag_id \
             WHERE a.state = 'released' AND a.release_no > $1 AND a.release_no <= $2")
            .bind(after).bind(upto).fetch_all(c).await?));
    let mut by_article: HashMap<i64, Vec<String>> = HashMap::new();
    for (article, slug) in tags {
        by_article.entry(article).or_default().push(slug);
    }
    Ok(rows
        .into_iter()
        .map(|row| {
            let mut tags = by_article.remove(&row.article_id).unwrap_or_default();
            tags.sort();
            Release {
                article_id: row.article_id,
                story_id: row.story_id,
                first_no: row.first_no,
                release_no: row.release_no,
                language: row.language,
                section: row.section,
                tags,
                importance: Importance::from_word(&row.importance),
                released_at: row.released_at,
                follows: row.follows_language.zip(row.follows_until),
            }
        })
        .collect())
}

/// Of those articles (row, release number), the ones that are still released with that number, locked against withdrawal
/// until the transaction ends (`FOR SHARE` on PostgreSQL, by id; SQLite's one writer needs no lock).
pub async fn lock_live_articles(tx: &mut Tx, items: &[(i64, i64)]) -> Result<Vec<i64>> {
    let lock = tx.choose("", " FOR SHARE");
    let mut sorted = items.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    let mut live = Vec::with_capacity(items.len());
    for chunk in sorted.chunks(CHUNK) {
        let rows: Vec<(i64, Option<i64>)> = on_tx!(tx, c => {
            let mut query = QueryBuilder::new("SELECT id, release_no FROM article WHERE state = 'released' AND id IN (");
            let mut list = query.separated(", ");
            for (id, _) in chunk {
                list.push_bind(*id);
            }
            query.push(") ORDER BY id").push(lock);
            query.build_query_as().fetch_all(c).await?
        });
        live.extend(
            rows.into_iter()
                .filter_map(|(id, no)| no.map(|no| (id, no)))
                .filter(|pair| chunk.contains(pair))
                .map(|(id, _)| id),
        );
    }
    Ok(live)
}

/// Whether something is still scheduled at or before that instant.
pub async fn is_anything_scheduled(tx: &mut Tx, until: Timestamp) -> Result<bool> {
    let found: Option<i64> = on_tx!(tx, c => sqlx::query_scalar(
        "SELECT id FROM article WHERE state = 'scheduled' AND embargo_at <= $1 LIMIT 1")
        .bind(until).fetch_optional(c).await?);
    Ok(found.is_some())
}
