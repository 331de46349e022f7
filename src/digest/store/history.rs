//! What `explain` asks: the runs of a date, what a subscription had, and how the texts of a window's stories came to be.

use jiff::civil::Date;

use crate::base::language::Language;
use crate::base::time::Timestamp;
use crate::db::{Db, Result};
use crate::on_db;

/// A run as an explanation shows it.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct ToldRun {
    /// Row.
    pub id: i64,
    /// When it was due.
    pub due_at: Timestamp,
    /// The date on the slot's calendar.
    pub local_date: String,
    /// The end of its window.
    pub to_no: i64,
    /// Until when it was worth sending.
    pub expires_at: Timestamp,
    /// `open`, `done`, `cut` or `skipped`.
    pub state: String,
    /// Whether the operator holds it or its date.
    pub is_held: bool,
    /// When the window was frozen.
    pub opened_at: Timestamp,
}

/// The runs of a local date in a slot, and those that planned something for the subscription on that date, by hour.
pub async fn list_runs_on(
    db: &Db,
    date: Date,
    slot_id: i64,
    recipient_uid: &str,
) -> Result<Vec<ToldRun>> {
    on_db!(db, c => sqlx::query_as(
        "SELECT r.id, r.due_at, r.local_date, r.to_no, r.expires_at, r.state, r.opened_at, \
         (r.held_at IS NOT NULL OR EXISTS (SELECT 1 FROM hold h JOIN slot s ON s.newsletter_id = h.newsletter_id \
         WHERE s.id = r.slot_id AND h.local_date = r.local_date)) AS is_held FROM run r WHERE r.local_date = $1 \
         AND (r.slot_id = $2 OR r.id IN (SELECT d.batch FROM delivery d JOIN subscription s ON s.subscriber_id = d.recipient_id \
         WHERE s.uid = $3 AND d.recipient_uid = s.uid)) ORDER BY r.due_at, r.id")
        .bind(date.to_string()).bind(slot_id).bind(recipient_uid).fetch_all(c).await)
}

/// The end of the last finished window of a slot that was due before an instant; 0 if there is none.
pub async fn get_to_no_before(db: &Db, slot_id: i64, due_at: Timestamp) -> Result<i64> {
    on_db!(db, c => sqlx::query_scalar("SELECT COALESCE(MAX(to_no), 0) FROM run WHERE slot_id = $1 AND due_at < $2 AND state = 'done'")
        .bind(slot_id).bind(due_at).fetch_one(c).await)
}

/// Whether a slot had a finished run that was due at or after an instant and served up to a number or less.
pub async fn has_run_since(
    db: &Db,
    slot_id: i64,
    due_from: Timestamp,
    read_to: i64,
) -> Result<bool> {
    on_db!(db, c => sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM run WHERE slot_id = $1 AND due_at >= $2 AND state = 'done' AND to_no <= $3)")
        .bind(slot_id).bind(due_from).bind(read_to).fetch_one(c).await)
}

/// Texts that will come out by themselves until an instant, in the order in which they take their numbers, as (article, end of
/// the embargo, first number of the story if it has one, the language that is awaited and until when).
pub async fn list_foreseen(db: &Db, until: Timestamp) -> Result<Vec<Foreseen>> {
    on_db!(db, c => sqlx::query_as(
        "SELECT a.id AS article_id, a.embargo_at, t.first_no, t.follows_language, t.follows_until FROM article a \
         JOIN story t ON t.id = a.story_id WHERE a.state = 'scheduled' AND a.embargo_at <= $1 ORDER BY a.embargo_at, a.id")
        .bind(until).fetch_all(c).await)
}

/// A text that waits for the end of its embargo.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Foreseen {
    /// Row of the article.
    pub article_id: i64,
    /// When it comes out.
    pub embargo_at: Timestamp,
    /// The first number of its story; none if nothing of it came out yet.
    pub first_no: Option<i64>,
    /// The language whose text is awaited.
    pub follows_language: Option<Language>,
    /// Until when.
    pub follows_until: Option<Timestamp>,
}

/// One story of one issue that was planned for a subscription.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Had {
    /// Row of the story.
    pub story_id: i64,
    /// Row of the article.
    pub article_id: i64,
    /// Its number then.
    pub release_no: i64,
    /// Row of the delivery.
    pub delivery_id: i64,
    /// State of the delivery.
    pub state: String,
    /// Uid of the issue.
    pub issue_uid: String,
    /// Running number of the issue.
    pub number: i64,
    /// Its date.
    pub local_date: String,
    /// Place in the issue, from 1.
    pub position: i64,
    /// Whether it stands in the mail, or only behind "read all".
    pub is_shown: bool,
}

/// Every story of every issue that was planned for a subscription, oldest first.
pub async fn list_had(db: &Db, newsletter_id: i64, recipient_uid: &str) -> Result<Vec<Had>> {
    on_db!(db, c => sqlx::query_as(
        "SELECT a.story_id, t.article_id, t.release_no, d.id AS delivery_id, d.state, i.uid AS issue_uid, i.number, \
         i.local_date, t.position, t.is_shown FROM delivery d JOIN issue i ON i.letter_id = d.letter_id \
         JOIN issue_item t ON t.issue_id = i.id JOIN article a ON a.id = t.article_id \
         JOIN subscription s ON s.subscriber_id = d.recipient_id \
         WHERE i.newsletter_id = $1 AND s.uid = $2 AND d.recipient_uid = s.uid ORDER BY d.id, t.position")
        .bind(newsletter_id).bind(recipient_uid).fetch_all(c).await)
}

/// What the issue of a letter tells of earlier texts, in its order, as (title, whether it was withdrawn).
pub async fn list_told(db: &Db, letter_id: i64) -> Result<Vec<(String, bool)>> {
    on_db!(db, c => sqlx::query_as(
        "SELECT a.title, l.kind = 'withdrawn' AS is_withdrawn FROM issue i JOIN issue_notice n ON n.issue_id = i.id \
         JOIN article a ON a.id = n.article_id JOIN release_log l ON l.no = n.no WHERE i.letter_id = $1 ORDER BY n.position")
        .bind(letter_id).fetch_all(c).await)
}

/// One thing that happened to a text in public.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Happened {
    /// Number in the release log.
    pub no: i64,
    /// `released`, `archived`, `updated` or `withdrawn`.
    pub kind: String,
    /// When.
    pub at: Timestamp,
    /// Row of the article.
    pub article_id: i64,
    /// Row of the story.
    pub story_id: i64,
    /// The language whose text is awaited.
    pub follows_language: Option<Language>,
    /// Until when.
    pub follows_until: Option<Timestamp>,
}

/// Everything that ever happened to the stories of which a text came out in `(after, upto]`, in order.
pub async fn list_happened(db: &Db, after: i64, upto: i64) -> Result<Vec<Happened>> {
    on_db!(db, c => sqlx::query_as(
        "SELECT l.no, l.kind, l.at, a.id AS article_id, a.story_id, t.follows_language, t.follows_until FROM release_log l \
         JOIN article a ON a.id = l.article_id JOIN story t ON t.id = a.story_id WHERE a.story_id IN (SELECT b.story_id \
         FROM release_log m JOIN article b ON b.id = m.article_id WHERE m.no > $1 AND m.no <= $2 \
         AND m.kind IN ('released', 'archived')) ORDER BY l.no")
        .bind(after).bind(upto).fetch_all(c).await)
}
