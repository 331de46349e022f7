//! What the journal knows of one person: letters and attempts.

use crate::base::time::Timestamp;
use crate::db::{Db, Result};
use crate::on_db;

/// One letter to one person, and what became of it.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Delivered {
    /// Row.
    pub id: i64,
    /// Row of the letter.
    pub letter_id: i64,
    /// Kind of the letter, e.g. `issue`.
    pub kind: String,
    /// Subject of the letter.
    pub subject: String,
    /// `open`, `paused`, `replaced` or `cancelled`.
    pub letter_state: String,
    /// Opaque: the run that planned it.
    pub batch: Option<i64>,
    /// What its links name.
    pub recipient_uid: String,
    /// `queued`, `leased`, `committing`, `uncertain`, `accepted`, `failed`, `cancelled`, `expired` or `held`.
    pub state: String,
    /// Why, where the state has a reason.
    pub class: Option<String>,
    /// Not before.
    pub due_at: Timestamp,
    /// Not after.
    pub expires_at: Option<Timestamp>,
    /// How often a worker took it.
    pub attempts: i64,
    /// How often a try at it was refused or broke.
    pub refusals: i64,
    /// How often a dot of it had no answer.
    pub uncertain_count: i64,
    /// When its last dot was granted.
    pub intent_at: Option<Timestamp>,
    /// Basic code of the last reply.
    pub code: Option<i64>,
    /// The relay's last words, or ours; none once they are pruned.
    pub reply: Option<String>,
    /// When it was planned.
    pub created_at: Timestamp,
    /// When the relay accepted it.
    pub accepted_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

/// Everything that was planned for a person since an instant, oldest first.
pub async fn list_delivered(
    db: &Db,
    recipient_id: i64,
    since: Timestamp,
) -> Result<Vec<Delivered>> {
    on_db!(db, c => sqlx::query_as(
        "SELECT d.id, d.letter_id, l.kind, l.subject, l.state AS letter_state, d.batch, d.recipient_uid, d.state, d.class, \
         d.due_at, d.expires_at, d.attempts, d.refusals, d.uncertain_count, d.intent_at, d.code, d.reply, d.created_at, \
         d.accepted_at, d.finished_at FROM delivery d JOIN letter l ON l.id = d.letter_id \
         WHERE d.recipient_id = $1 AND d.created_at >= $2 ORDER BY d.id")
        .bind(recipient_id).bind(since).fetch_all(c).await)
}

/// A try that did not end well, as it was noted.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Event {
    /// `refused`, `delayed`, `bounce` or `complaint`.
    pub kind: String,
    /// The class of the refusal.
    pub class: String,
    /// Codes.
    pub detail: Option<String>,
    /// The words, while they are kept.
    pub raw: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// What was noted about a delivery, oldest first.
pub async fn list_events(db: &Db, delivery_id: i64) -> Result<Vec<Event>> {
    on_db!(db, c => sqlx::query_as("SELECT kind, class, detail, raw, at FROM mail_event WHERE delivery_id = $1 ORDER BY id")
        .bind(delivery_id).fetch_all(c).await)
}
