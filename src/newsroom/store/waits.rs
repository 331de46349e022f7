//! SQL of texts that were promised, and of the wait for them.

use crate::base::language::Language;
use crate::base::time::Timestamp;
use crate::db::{Db, Result, Tx};
use crate::{on_db, on_tx};

/// Promises a text of a story; a promise that was made before stands.
pub async fn promise_text(
    tx: &mut Tx,
    story_id: i64,
    language: &Language,
    until: Timestamp,
) -> Result<()> {
    on_tx!(tx, c => sqlx::query(
        "UPDATE story SET follows_language = $2, follows_until = $3 WHERE id = $1 AND follows_until IS NULL \
         AND NOT EXISTS (SELECT 1 FROM article a WHERE a.story_id = story.id AND a.language = $2 AND a.state = 'released')")
        .bind(story_id).bind(language.as_str()).bind(until).execute(c).await.map(|_| ()))
}

/// Whether a wait is over and nobody has ended it.
pub async fn has_wait_ended(db: &Db, now: Timestamp) -> Result<bool> {
    on_db!(db, c => sqlx::query_scalar::<_, i64>(
        "SELECT id FROM story WHERE follows_until <= $1 AND follows_until IS NOT NULL AND follows_ended_at IS NULL LIMIT 1")
        .bind(now).fetch_optional(c).await)
    .map(|found| found.is_some())
}

/// SQLite's one writer needs no lock.
const LOCK_ENDED_SQLITE: &str = "SELECT id FROM story WHERE follows_until <= $1 AND follows_until IS NOT NULL \
    AND follows_ended_at IS NULL ORDER BY follows_until, id LIMIT $2";
/// Not SKIP LOCKED: whoever goes on to open runs must see the new numbers, also where another instance is just taking them.
const LOCK_ENDED_POSTGRES: &str = "SELECT id FROM story WHERE follows_until <= $1 AND follows_until IS NOT NULL \
    AND follows_ended_at IS NULL ORDER BY follows_until, id LIMIT $2 FOR NO KEY UPDATE";

/// Stories whose wait is over, locked until the transaction ends.
pub async fn lock_ended_waits(tx: &mut Tx, now: Timestamp, limit: i64) -> Result<Vec<i64>> {
    let sql = tx.choose(LOCK_ENDED_SQLITE, LOCK_ENDED_POSTGRES);
    on_tx!(tx, c => sqlx::query_scalar(sql).bind(now).bind(limit).fetch_all(c).await)
}

const LOCK_OTHERS_SQLITE: &str = "SELECT a.id FROM article a JOIN story t ON t.id = a.story_id WHERE a.story_id = $1 \
    AND a.state = 'released' AND a.release_no IS NOT NULL AND a.language <> t.follows_language ORDER BY a.id";
/// Locked against withdrawal: what is taken back must not come out again.
const LOCK_OTHERS_POSTGRES: &str = "SELECT a.id FROM article a JOIN story t ON t.id = a.story_id WHERE a.story_id = $1 \
    AND a.state = 'released' AND a.release_no IS NOT NULL AND a.language <> t.follows_language ORDER BY a.id \
    FOR NO KEY UPDATE OF a";

/// The public texts of a story in other languages than the promised one, locked until the transaction ends.
pub async fn lock_others_of_wait(tx: &mut Tx, story_id: i64) -> Result<Vec<i64>> {
    let sql = tx.choose(LOCK_OTHERS_SQLITE, LOCK_OTHERS_POSTGRES);
    on_tx!(tx, c => sqlx::query_scalar(sql).bind(story_id).fetch_all(c).await)
}

/// Notes that a wait is over. When it was to end stays: it says why somebody waited.
pub async fn mark_wait_ended(tx: &mut Tx, story_id: i64, now: Timestamp) -> Result<()> {
    on_tx!(tx, c => sqlx::query("UPDATE story SET follows_ended_at = $2 WHERE id = $1")
        .bind(story_id).bind(now).execute(c).await.map(|_| ()))
}

/// Ends the wait of an article's story, if there is one; false if the article is not public, or an archive's.
pub async fn end_wait_of(tx: &mut Tx, article_id: i64, now: Timestamp) -> Result<bool> {
    on_tx!(tx, c => {
        let story: Option<i64> = sqlx::query_scalar(
            "SELECT story_id FROM article WHERE id = $1 AND state = 'released' AND release_no IS NOT NULL")
            .bind(article_id).fetch_optional(&mut *c).await?;
        let Some(story) = story else { return Ok(false) };
        sqlx::query(
            "UPDATE story SET follows_ended_at = $2, follows_until = CASE WHEN follows_until < $2 THEN follows_until ELSE $2 END \
             WHERE id = $1 AND follows_until IS NOT NULL AND follows_ended_at IS NULL")
            .bind(story).bind(now).execute(c).await?;
        Ok(true)
    })
}

/// A story whose wait is over and that nobody has released again.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct EndedWait {
    /// Row of the story.
    pub story_id: i64,
    /// Its first number.
    pub first_no: i64,
    /// The language that was promised.
    pub language: Language,
}

/// Stories whose wait is over at an instant and that nobody has released again, by the end of the wait; for looking ahead.
pub async fn list_ended_waits(db: &Db, at: Timestamp) -> Result<Vec<EndedWait>> {
    on_db!(db, c => sqlx::query_as(
        "SELECT id AS story_id, first_no, follows_language AS language FROM story WHERE follows_until <= $1 \
         AND follows_until IS NOT NULL AND follows_ended_at IS NULL AND first_no IS NOT NULL ORDER BY follows_until, id")
        .bind(at).fetch_all(c).await)
}
