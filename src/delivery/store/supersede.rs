//! Letters that are replaced or called off while their rows wait.
//!
//! A row that had an intent keeps its letter: its dot may have been written, and a repeat must have the same bytes. All the
//! others move on or are cancelled. Lock order: letter, then deliveries by id.

use crate::base::time::Timestamp;
use crate::db::{Result, Tx};
use crate::on_tx;

const LOCK_LETTER_SQLITE: &str = "SELECT state, dated_at FROM letter WHERE id = $1";
/// Whoever plans on this letter (FOR SHARE) is waited for, and then its rows are seen.
const LOCK_LETTER_POSTGRES: &str = "SELECT state, dated_at FROM letter WHERE id = $1 FOR UPDATE";

/// Locks a letter; its state and what its Date header says.
pub async fn lock_letter(tx: &mut Tx, letter_id: i64) -> Result<(String, Timestamp)> {
    let sql = tx.choose(LOCK_LETTER_SQLITE, LOCK_LETTER_POSTGRES);
    on_tx!(tx, c => sqlx::query_as(sql).bind(letter_id).fetch_one(c).await)
}

/// Sets the state of a letter (`open`, `paused`, `replaced`, `cancelled`) under its lock.
pub async fn update_letter_state(tx: &mut Tx, letter_id: i64, state: &str) -> Result<()> {
    on_tx!(tx, c => sqlx::query("UPDATE letter SET state = $2 WHERE id = $1")
        .bind(letter_id).bind(state).execute(c).await.map(|_| ()))
}

/// Whether a letter has rows that are not settled.
pub async fn has_open_rows(tx: &mut Tx, letter_id: i64) -> Result<bool> {
    on_tx!(tx, c => sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM delivery WHERE letter_id = $1 \
         AND state IN ('queued', 'leased', 'committing', 'uncertain', 'held'))")
        .bind(letter_id).fetch_one(c).await)
}

const REPOINT_SQLITE: &str = "UPDATE delivery SET letter_id = $2 WHERE id IN (SELECT id FROM delivery WHERE letter_id = $1 \
     AND state IN ('queued', 'held') AND intent_at IS NULL ORDER BY id LIMIT $3)";
/// By id, like the journal's writer.
const REPOINT_POSTGRES: &str = "WITH mine AS MATERIALIZED (SELECT id FROM delivery WHERE letter_id = $1 \
     AND state IN ('queued', 'held') AND intent_at IS NULL ORDER BY id LIMIT $3 FOR UPDATE) \
     UPDATE delivery SET letter_id = $2 FROM mine WHERE delivery.id = mine.id";

/// Moves up to `limit` waiting rows without an intent from one letter to the one that replaces it; returns how many. A row that
/// a worker holds comes back to queued when its intent finds the letter replaced, and is moved by the next call.
pub async fn repoint_deliveries(tx: &mut Tx, from: i64, to: i64, limit: i64) -> Result<u64> {
    let sql = tx.choose(REPOINT_SQLITE, REPOINT_POSTGRES);
    on_tx!(tx, c => sqlx::query(sql).bind(from).bind(to).bind(limit).execute(c).await.map(|done| done.rows_affected()))
}

const CANCEL_ROWS_SQLITE: &str = "UPDATE delivery SET state = 'cancelled', class = 'withdrawn', finished_at = $2 \
     WHERE id IN (SELECT id FROM delivery WHERE letter_id = $1 AND state IN ('queued', 'held') AND intent_at IS NULL \
     ORDER BY id LIMIT $3)";
/// By id, like the journal's writer.
const CANCEL_ROWS_POSTGRES: &str = "WITH mine AS MATERIALIZED (SELECT id FROM delivery WHERE letter_id = $1 \
     AND state IN ('queued', 'held') AND intent_at IS NULL ORDER BY id LIMIT $3 FOR UPDATE) \
     UPDATE delivery SET state = 'cancelled', class = 'withdrawn', finished_at = $2 FROM mine WHERE delivery.id = mine.id";

/// Cancels up to `limit` waiting rows of a letter of which nothing is left; returns how many.
pub async fn cancel_deliveries(
    tx: &mut Tx,
    letter_id: i64,
    now: Timestamp,
    limit: i64,
) -> Result<u64> {
    let sql = tx.choose(CANCEL_ROWS_SQLITE, CANCEL_ROWS_POSTGRES);
    on_tx!(tx, c => sqlx::query(sql).bind(letter_id).bind(now).bind(limit).execute(c).await.map(|done| done.rows_affected()))
}
