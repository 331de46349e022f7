//! Counting: the equation of DESIGN 5.5.

use crate::base::time::Timestamp;
use crate::db::{Db, Result};
use crate::delivery::Sums;
use crate::on_db;

/// The counts of [`Sums`] in the order of its fields.
type Counts = (i64, i64, i64, i64, i64, i64, i64);

const fn to_sums(c: Counts) -> Sums {
    Sums {
        planned: c.0,
        accepted: c.1,
        failed: c.2,
        cancelled: c.3,
        expired: c.4,
        held: c.5,
        open: c.6,
    }
}

/// The sums of one letter.
pub async fn get_sums(db: &Db, letter_id: i64) -> Result<Sums> {
    on_db!(db, c => sqlx::query_as(
        "SELECT COUNT(*), COUNT(*) FILTER (WHERE state = 'accepted'), COUNT(*) FILTER (WHERE state = 'failed'), \
         COUNT(*) FILTER (WHERE state = 'cancelled'), COUNT(*) FILTER (WHERE state = 'expired'), \
         COUNT(*) FILTER (WHERE state = 'held'), \
         COUNT(*) FILTER (WHERE state IN ('queued', 'leased', 'committing', 'uncertain')) \
         FROM delivery WHERE letter_id = $1")
        .bind(letter_id).fetch_one(c).await)
        .map(to_sums)
}

/// The sums of everything.
pub async fn get_total_sums(db: &Db) -> Result<Sums> {
    on_db!(db, c => sqlx::query_as(
        "SELECT COUNT(*), COUNT(*) FILTER (WHERE state = 'accepted'), COUNT(*) FILTER (WHERE state = 'failed'), \
         COUNT(*) FILTER (WHERE state = 'cancelled'), COUNT(*) FILTER (WHERE state = 'expired'), \
         COUNT(*) FILTER (WHERE state = 'held'), \
         COUNT(*) FILTER (WHERE state IN ('queued', 'leased', 'committing', 'uncertain')) FROM delivery")
        .fetch_one(c).await)
        .map(to_sums)
}

/// One letter and what became of it.
#[derive(Clone, Debug)]
pub struct LetterSums {
    /// Row.
    pub letter_id: i64,
    /// Kind, e.g. `issue`.
    pub kind: String,
    /// Subject.
    pub subject: String,
    /// What the Date header says.
    pub dated_at: Timestamp,
    /// `open`, `paused` (held), `replaced` or `cancelled`.
    pub state: String,
    /// Cancelled by the operator's word, and not by a withdrawal.
    pub is_stopped: bool,
    /// Sums.
    pub sums: Sums,
}

/// The sums of every issue (small mails stand in the total alone), oldest first.
pub async fn list_letter_sums(db: &Db) -> Result<Vec<LetterSums>> {
    type Row = (
        i64,
        String,
        String,
        Timestamp,
        String,
        bool,
        i64,
        i64,
        i64,
        i64,
        i64,
        i64,
        i64,
    );
    let rows: Vec<Row> = on_db!(db, c => sqlx::query_as(
        "SELECT l.id, l.kind, l.subject, l.dated_at, l.state, l.closed_by IS NOT NULL, COUNT(d.id), COUNT(d.id) FILTER (WHERE d.state = 'accepted'), \
         COUNT(d.id) FILTER (WHERE d.state = 'failed'), COUNT(d.id) FILTER (WHERE d.state = 'cancelled'), \
         COUNT(d.id) FILTER (WHERE d.state = 'expired'), COUNT(d.id) FILTER (WHERE d.state = 'held'), \
         COUNT(d.id) FILTER (WHERE d.state IN ('queued', 'leased', 'committing', 'uncertain')) \
         FROM letter l LEFT JOIN delivery d ON d.letter_id = l.id WHERE l.kind = 'issue' \
         GROUP BY l.id, l.kind, l.subject, l.dated_at, l.state, l.closed_by ORDER BY l.id")
        .fetch_all(c).await)?;
    Ok(rows
        .into_iter()
        .map(|r| LetterSums {
            letter_id: r.0,
            kind: r.1,
            subject: r.2,
            dated_at: r.3,
            state: r.4,
            is_stopped: r.5,
            sums: to_sums((r.6, r.7, r.8, r.9, r.10, r.11, r.12)),
        })
        .collect())
}

/// How many deliveries a batch has.
pub async fn count_batch(db: &Db, batch: i64) -> Result<i64> {
    on_db!(db, c => sqlx::query_scalar("SELECT COUNT(*) FROM delivery WHERE batch = $1")
        .bind(batch).fetch_one(c).await)
}

/// How many distinct letters a batch has.
pub async fn count_batch_letters(db: &Db, batch: i64) -> Result<i64> {
    on_db!(db, c => sqlx::query_scalar("SELECT COUNT(DISTINCT letter_id) FROM delivery WHERE batch = $1")
        .bind(batch).fetch_one(c).await)
}

/// How many open deliveries are due.
pub async fn count_due(db: &Db, now: Timestamp) -> Result<i64> {
    on_db!(db, c => sqlx::query_scalar(
        "SELECT COUNT(*) FROM delivery WHERE state IN ('queued', 'leased', 'committing', 'uncertain') AND due_at <= $1")
        .bind(now).fetch_one(c).await)
}

/// Rows whose parts contradict each other, in words: what no history of the journal can leave behind.
pub async fn list_contradictions(db: &Db) -> Result<Vec<String>> {
    let counts: (i64, i64, i64, i64) = on_db!(db, c => sqlx::query_as(
        "SELECT COUNT(*) FILTER (WHERE state = 'accepted' AND (accepted_at IS NULL OR intent_at IS NULL)), \
         COUNT(*) FILTER (WHERE state <> 'accepted' AND accepted_at IS NOT NULL), \
         COUNT(*) FILTER (WHERE state IN ('accepted', 'failed', 'cancelled', 'expired') AND finished_at IS NULL), \
         COUNT(*) FILTER (WHERE state IN ('leased', 'committing') AND worker_id IN \
         (SELECT id FROM worker WHERE ended_at IS NOT NULL)) FROM delivery")
        .fetch_one(c).await)?;
    Ok([
        (counts.0, "accepted deliveries had no intent"),
        (counts.1, "deliveries were accepted and are not"),
        (counts.2, "finished deliveries have no end"),
        (counts.3, "deliveries belong to workers that have ended"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, what)| format!("{count} {what}"))
    .collect())
}

/// A mail of one person, for that person.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Mail {
    /// Kind, e.g. `issue`.
    pub kind: String,
    /// Subject.
    pub subject: String,
    /// Language.
    pub language: String,
    /// What the Date header says.
    pub dated_at: Timestamp,
    /// State of the delivery.
    pub state: String,
    /// When the relay took it.
    pub accepted_at: Option<Timestamp>,
}

/// The mails of one person that are not pruned yet, oldest first.
pub async fn list_mails(db: &Db, recipient_id: i64) -> Result<Vec<Mail>> {
    on_db!(db, c => sqlx::query_as(
        "SELECT l.kind, l.subject, l.language, l.dated_at, d.state, d.accepted_at FROM delivery d \
         JOIN letter l ON l.id = d.letter_id WHERE d.recipient_id = $1 ORDER BY d.id")
        .bind(recipient_id).fetch_all(c).await)
}
