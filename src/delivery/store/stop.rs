//! The operator's word about a letter: hold it, let it go, stop it. The letter is closed or opened first, under its lock, so that
//! no further dot is granted; then its rows follow in chunks by id. Every step can be repeated.

use crate::base::time::Timestamp;
use crate::db::{Result, Tx};
use crate::on_tx;

/// Cancels a letter by the operator's word, under its lock.
pub async fn stop_letter(tx: &mut Tx, letter_id: i64) -> Result<()> {
    on_tx!(tx, c => sqlx::query("UPDATE letter SET state = 'cancelled', closed_by = 'operator' WHERE id = $1")
        .bind(letter_id).execute(c).await.map(|_| ()))
}

const HOLD_ROWS_SQLITE: &str = "UPDATE delivery SET state = 'held', class = 'paused' WHERE id IN (SELECT id FROM delivery \
     WHERE letter_id = $1 AND state IN ('queued', 'leased') ORDER BY id LIMIT $2)";
/// By id, like the journal's writer.
const HOLD_ROWS_POSTGRES: &str = "WITH mine AS MATERIALIZED (SELECT id FROM delivery WHERE letter_id = $1 \
     AND state IN ('queued', 'leased') ORDER BY id LIMIT $2 FOR UPDATE) \
     UPDATE delivery SET state = 'held', class = 'paused' FROM mine WHERE delivery.id = mine.id \
     AND delivery.state IN ('queued', 'leased')";

/// Holds up to `limit` rows whose dot is not being written; returns how many. A worker that has one of them asks for its intent
/// in vain.
pub async fn hold_deliveries(tx: &mut Tx, letter_id: i64, limit: i64) -> Result<u64> {
    let sql = tx.choose(HOLD_ROWS_SQLITE, HOLD_ROWS_POSTGRES);
    on_tx!(tx, c => sqlx::query(sql).bind(letter_id).bind(limit).execute(c).await.map(|done| done.rows_affected()))
}

const RELEASE_ROWS_SQLITE: &str = "UPDATE delivery SET state = CASE WHEN expires_at <= $2 THEN 'expired' ELSE 'queued' END, \
     class = CASE WHEN expires_at <= $2 THEN 'late' END, finished_at = CASE WHEN expires_at <= $2 THEN $2 END \
     WHERE id IN (SELECT id FROM delivery WHERE letter_id = $1 AND state = 'held' AND COALESCE(class, 'paused') = 'paused' \
     ORDER BY id LIMIT $3)";
/// By id, like the journal's writer.
const RELEASE_ROWS_POSTGRES: &str = "WITH mine AS MATERIALIZED (SELECT id FROM delivery WHERE letter_id = $1 \
     AND state = 'held' AND COALESCE(class, 'paused') = 'paused' ORDER BY id LIMIT $3 FOR UPDATE) \
     UPDATE delivery SET state = CASE WHEN expires_at <= $2 THEN 'expired' ELSE 'queued' END, \
     class = CASE WHEN expires_at <= $2 THEN 'late' END, finished_at = CASE WHEN expires_at <= $2 THEN CAST($2 AS BIGINT) END \
     FROM mine WHERE delivery.id = mine.id AND delivery.state = 'held'";

/// Queues up to `limit` rows that the operator held; those past their time expire. Rows that are held for another reason (lost
/// five times, uncertain) stay. Returns how many were touched.
pub async fn release_deliveries(
    tx: &mut Tx,
    letter_id: i64,
    now: Timestamp,
    limit: i64,
) -> Result<u64> {
    let sql = tx.choose(RELEASE_ROWS_SQLITE, RELEASE_ROWS_POSTGRES);
    on_tx!(tx, c => sqlx::query(sql).bind(letter_id).bind(now).bind(limit).execute(c).await.map(|done| done.rows_affected()))
}

const STOP_ROWS_SQLITE: &str = "UPDATE delivery SET state = 'cancelled', class = 'stopped', finished_at = $2 \
     WHERE id IN (SELECT id FROM delivery WHERE letter_id = $1 AND state IN ('queued', 'leased', 'uncertain', 'held') \
     ORDER BY id LIMIT $3)";
/// By id, like the journal's writer.
const STOP_ROWS_POSTGRES: &str = "WITH mine AS MATERIALIZED (SELECT id FROM delivery WHERE letter_id = $1 \
     AND state IN ('queued', 'leased', 'uncertain', 'held') ORDER BY id LIMIT $3 FOR UPDATE) \
     UPDATE delivery SET state = 'cancelled', class = 'stopped', finished_at = $2 FROM mine WHERE delivery.id = mine.id \
     AND delivery.state IN ('queued', 'leased', 'uncertain', 'held')";

/// Cancels up to `limit` rows whose dot is not being written; returns how many. An `uncertain` row is not sent again, and a
/// late 250 still settles it.
pub async fn stop_deliveries(
    tx: &mut Tx,
    letter_id: i64,
    now: Timestamp,
    limit: i64,
) -> Result<u64> {
    let sql = tx.choose(STOP_ROWS_SQLITE, STOP_ROWS_POSTGRES);
    on_tx!(tx, c => sqlx::query(sql).bind(letter_id).bind(now).bind(limit).execute(c).await.map(|done| done.rows_affected()))
}
