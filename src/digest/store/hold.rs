//! What waits for the operator's word: runs and dates that are held, and which issues a name or a run means.

use jiff::civil::Date;

use super::{IssueRow, StoredIssue, read_issue};
use crate::base::time::Timestamp;
use crate::db::{Db, Result, Tx};
use crate::{on_db, on_tx};

/// Every revision of the issues whose uid begins with `prefix` (letters of a uid alone), by uid and revision.
pub async fn list_issues_like(db: &Db, prefix: &str) -> Result<Vec<StoredIssue>> {
    on_db!(db, c => sqlx::query_as::<_, IssueRow>(
        "SELECT id, uid, revision, newsletter_id, number, local_date, language, letter_id, subject FROM issue \
         WHERE uid LIKE $1 || '%' ORDER BY uid, revision").bind(prefix).fetch_all(c).await)?
    .into_iter()
    .map(read_issue)
    .collect()
}

/// Every revision of the issues that a run has planned so far.
pub async fn list_issues_of_run(db: &Db, run_id: i64) -> Result<Vec<StoredIssue>> {
    on_db!(db, c => sqlx::query_as::<_, IssueRow>(
        "SELECT id, uid, revision, newsletter_id, number, local_date, language, letter_id, subject FROM issue \
         WHERE uid IN (SELECT i.uid FROM delivery d JOIN issue i ON i.letter_id = d.letter_id WHERE d.batch = $1) \
         ORDER BY uid, revision").bind(run_id).fetch_all(c).await)?
    .into_iter()
    .map(read_issue)
    .collect()
}

/// The stories of an issue, each with the number its text was picked under.
pub async fn list_item_stories(db: &Db, issue_id: i64) -> Result<Vec<(i64, i64)>> {
    on_db!(db, c => sqlx::query_as(
        "SELECT a.story_id, t.release_no FROM issue_item t JOIN article a ON a.id = t.article_id WHERE t.issue_id = $1 \
         ORDER BY t.position").bind(issue_id).fetch_all(c).await)
}

/// Uid and number of each issue by the row of its letter, for `verify`.
pub async fn list_issue_names(db: &Db) -> Result<Vec<(i64, String, i64)>> {
    on_db!(db, c => sqlx::query_as("SELECT letter_id, uid, number FROM issue ORDER BY letter_id").fetch_all(c).await)
}

/// The state of a run; none if there is no such run.
pub async fn find_run_state(db: &Db, run_id: i64) -> Result<Option<String>> {
    on_db!(db, c => sqlx::query_scalar("SELECT state FROM run WHERE id = $1").bind(run_id).fetch_optional(c).await)
}

/// Holds a run that is still being planned, or lets it go on (none); false if it is not open.
pub async fn update_run_hold(tx: &mut Tx, run_id: i64, held_at: Option<Timestamp>) -> Result<bool> {
    on_tx!(tx, c => sqlx::query("UPDATE run SET held_at = $2 WHERE id = $1 AND state = 'open'")
        .bind(run_id).bind(held_at).execute(c).await.map(|done| done.rows_affected() == 1))
}

/// Holds a date of a newsletter; false if it is held already.
pub async fn insert_hold(
    tx: &mut Tx,
    newsletter_id: i64,
    date: Date,
    now: Timestamp,
) -> Result<bool> {
    on_tx!(tx, c => sqlx::query(
        "INSERT INTO hold (newsletter_id, local_date, at) VALUES ($1, $2, $3) ON CONFLICT (newsletter_id, local_date) DO NOTHING")
        .bind(newsletter_id).bind(date.to_string()).bind(now).execute(c).await.map(|done| done.rows_affected() == 1))
}

/// Lets a date go; false if it was not held.
pub async fn delete_hold(tx: &mut Tx, newsletter_id: i64, date: Date) -> Result<bool> {
    on_tx!(tx, c => sqlx::query("DELETE FROM hold WHERE newsletter_id = $1 AND local_date = $2")
        .bind(newsletter_id).bind(date.to_string()).execute(c).await.map(|done| done.rows_affected() == 1))
}

/// Whether a date of a newsletter is held.
pub async fn is_date_held(db: &Db, newsletter_id: i64, date: Date) -> Result<bool> {
    on_db!(db, c => sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM hold WHERE newsletter_id = $1 AND local_date = $2)")
        .bind(newsletter_id).bind(date.to_string()).fetch_one(c).await)
}

/// A run that is open and held.
#[derive(Clone, PartialEq, Eq, Debug, sqlx::FromRow)]
pub struct HeldRun {
    /// Row.
    pub id: i64,
    /// Slug of its newsletter.
    pub newsletter: String,
    /// The date on the slot's calendar.
    pub local_date: String,
    /// Zone of its slot.
    pub time_zone: String,
    /// When it was due.
    pub due_at: Timestamp,
    /// Until when it can be let go.
    pub expires_at: Timestamp,
}

/// The open runs that are held, longest due first.
pub async fn list_held_runs(db: &Db) -> Result<Vec<HeldRun>> {
    on_db!(db, c => sqlx::query_as(
        "SELECT r.id, n.slug AS newsletter, r.local_date, s.time_zone, r.due_at, r.expires_at FROM run r \
         JOIN slot s ON s.id = r.slot_id JOIN newsletter n ON n.id = s.newsletter_id WHERE r.state = 'open' \
         AND (r.held_at IS NOT NULL OR EXISTS (SELECT 1 FROM hold h WHERE h.newsletter_id = s.newsletter_id \
         AND h.local_date = r.local_date)) ORDER BY r.due_at, r.id").fetch_all(c).await)
}

/// The dates that are held, as (slug of the newsletter, date), from a date on.
pub async fn list_held_dates(db: &Db, from: Date) -> Result<Vec<(String, String)>> {
    on_db!(db, c => sqlx::query_as(
        "SELECT n.slug, h.local_date FROM hold h JOIN newsletter n ON n.id = h.newsletter_id \
         WHERE h.local_date >= $1 ORDER BY h.local_date, n.slug").bind(from.to_string()).fetch_all(c).await)
}
