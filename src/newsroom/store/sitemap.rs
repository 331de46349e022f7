//! What sitemaps ask: which pages there are, and when readers last saw each change. Articles whose links lead to their origin have
//! no page of ours.
//!
//! A page changes with its article and with the translations it links, so the release log is asked for the whole story.

use super::read::read_names;
use crate::base::language::Language;
use crate::base::time::Timestamp;
use crate::config::Names;
use crate::db::{Db, Result};
use crate::on_db;

/// How a range of articles stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RangeState {
    /// Public articles with a page of ours.
    pub pages: i64,
    /// Number of the last log entry about them or their translations; 0 if there is none.
    pub last_no: i64,
    /// When that was.
    pub changed_at: Option<Timestamp>,
}

/// The state of the articles with `first <= id <= last`.
pub async fn get_range_state(db: &Db, first: i64, last: i64) -> Result<RangeState> {
    let pages = on_db!(db, c => sqlx::query_scalar(
        "SELECT COUNT(*) FROM article a LEFT JOIN source o ON o.id = a.source_id WHERE a.state = 'released' \
         AND a.id >= $1 AND a.id <= $2 AND (a.canonical_url IS NULL OR o.links IS NULL OR o.links <> 'origin')")
        .bind(first).bind(last).fetch_one(c).await)?;
    let (last_no, changed_at): (Option<i64>, Option<Timestamp>) = on_db!(db, c => sqlx::query_as(
        "SELECT MAX(l.no), MAX(l.at) FROM article a JOIN article b ON b.story_id = a.story_id \
         JOIN release_log l ON l.article_id = b.id WHERE a.id >= $1 AND a.id <= $2")
        .bind(first).bind(last).fetch_one(c).await)?;
    Ok(RangeState {
        pages,
        last_no: last_no.unwrap_or(0),
        changed_at,
    })
}

/// A story's page.
#[derive(Clone, PartialEq, Eq, Debug, sqlx::FromRow)]
pub struct StoryPage {
    /// Row of the story.
    pub story_id: i64,
    /// Language.
    pub language: Language,
    /// Current slug.
    pub slug: String,
    /// Last change of it or of a translation that it links.
    pub changed_at: Timestamp,
}

/// The pages of articles with `first <= id <= last`, by row.
pub async fn list_story_pages(db: &Db, first: i64, last: i64) -> Result<Vec<StoryPage>> {
    on_db!(db, c => sqlx::query_as(
        "SELECT a.story_id, a.language, s.slug, COALESCE((SELECT MAX(l.at) FROM article b JOIN release_log l ON l.article_id = b.id \
         WHERE b.story_id = a.story_id), a.edited_at) AS changed_at FROM article a \
         JOIN article_slug s ON s.article_id = a.id AND s.is_current LEFT JOIN source o ON o.id = a.source_id \
         WHERE a.state = 'released' AND a.id >= $1 AND a.id <= $2 \
         AND (a.canonical_url IS NULL OR o.links IS NULL OR o.links <> 'origin') ORDER BY a.id")
        .bind(first).bind(last).fetch_all(c).await)
}

/// Row of the story, language and slug of every page of the stories that have an article with `first <= id <= last`.
pub async fn list_story_languages(
    db: &Db,
    first: i64,
    last: i64,
) -> Result<Vec<(i64, Language, String)>> {
    on_db!(db, c => sqlx::query_as(
        "SELECT a.story_id, a.language, s.slug FROM article a JOIN article_slug s ON s.article_id = a.id AND s.is_current \
         LEFT JOIN source o ON o.id = a.source_id WHERE a.state = 'released' \
         AND a.story_id IN (SELECT x.story_id FROM article x WHERE x.id >= $1 AND x.id <= $2) \
         AND (a.canonical_url IS NULL OR o.links IS NULL OR o.links <> 'origin') ORDER BY a.story_id, a.id")
        .bind(first).bind(last).fetch_all(c).await)
}

/// The highest row of an article; 0 if there is none.
pub async fn get_last_article(db: &Db) -> Result<i64> {
    on_db!(db, c => sqlx::query_scalar("SELECT COALESCE(MAX(id), 0) FROM article").fetch_one(c).await)
}

/// Which ranges of `size` rows the entries with `after < no <= upto` changed, translations included.
pub async fn list_changed_ranges(db: &Db, after: i64, upto: i64, size: i64) -> Result<Vec<i64>> {
    on_db!(db, c => sqlx::query_scalar(
        "SELECT DISTINCT (b.id - 1) / $3 FROM release_log l JOIN article a ON a.id = l.article_id \
         JOIN article b ON b.story_id = a.story_id WHERE l.no > $1 AND l.no <= $2")
        .bind(after).bind(upto).bind(size).fetch_all(c).await)
}

/// When the list of a section in a language last changed.
#[derive(Clone, PartialEq, Eq, Debug, sqlx::FromRow)]
pub struct ListChange {
    /// Row of the section; none for articles without one.
    pub section_id: Option<i64>,
    /// Language.
    pub language: Language,
    /// When.
    pub changed_at: Timestamp,
    /// Whether an article is public there, or was withdrawn.
    pub is_public: bool,
}

/// Last changes by section and language: of what is public, and of what was withdrawn.
pub async fn list_list_changes(db: &Db) -> Result<Vec<ListChange>> {
    let mut all: Vec<ListChange> = on_db!(db, c => sqlx::query_as(
        "SELECT a.section_id, a.language, MAX(l.at) AS changed_at, TRUE AS is_public FROM article a \
         JOIN release_log l ON l.article_id = a.id WHERE a.state = 'released' GROUP BY a.section_id, a.language")
        .fetch_all(c).await)?;
    let gone: Vec<ListChange> = on_db!(db, c => sqlx::query_as(
        "SELECT a.section_id, a.language, MAX(l.at) AS changed_at, FALSE AS is_public FROM release_log l \
         JOIN article a ON a.id = l.article_id WHERE l.kind = 'withdrawn' GROUP BY a.section_id, a.language")
        .fetch_all(c).await)?;
    all.extend(gone);
    Ok(all)
}

/// A story that is news.
#[derive(Clone, PartialEq, Eq, Debug, sqlx::FromRow)]
pub struct NewsPage {
    /// Language.
    pub language: Language,
    /// Current slug.
    pub slug: String,
    /// Title.
    pub title: String,
    /// First publication.
    pub released_at: Timestamp,
}

/// Pages of articles first published at or after `since`, newest first.
pub async fn list_news_pages(db: &Db, since: Timestamp, limit: i64) -> Result<Vec<NewsPage>> {
    on_db!(db, c => sqlx::query_as(
        "SELECT a.language, s.slug, a.title, a.released_at FROM article a \
         JOIN article_slug s ON s.article_id = a.id AND s.is_current LEFT JOIN source o ON o.id = a.source_id \
         WHERE a.state = 'released' AND a.released_at >= $1 \
         AND (a.canonical_url IS NULL OR o.links IS NULL OR o.links <> 'origin') \
         ORDER BY a.released_at DESC, a.id DESC LIMIT $2")
        .bind(since).bind(limit).fetch_all(c).await)
}

/// Slugs and names of the tags that stand most often on the newest public articles of a language, those of `newest` of them.
pub async fn list_current_tags(
    db: &Db,
    language: &Language,
    newest: i64,
    limit: i64,
) -> Result<Vec<(String, Names)>> {
    let rows: Vec<(String, String)> = on_db!(db, c => sqlx::query_as(
        "SELECT g.slug, g.names FROM (SELECT a.id FROM article a WHERE a.state = 'released' AND a.language = $1 \
         ORDER BY a.released_at DESC, a.id DESC LIMIT $2) n JOIN article_tag t ON t.article_id = n.id \
         JOIN tag g ON g.id = t.tag_id GROUP BY g.slug, g.names ORDER BY COUNT(*) DESC, MAX(n.id) DESC LIMIT $3")
        .bind(language.as_str()).bind(newest).bind(limit).fetch_all(c).await)?;
    Ok(rows
        .into_iter()
        .map(|(slug, names)| (slug, read_names(&names)))
        .collect())
}
