//! Whom something waits to be told: of a correction or a withdrawal, with their next mail.

use super::id_list;
use crate::db::{Result, Tx};
use crate::on_tx;

const LIST_UNTOLD_SQLITE: &str = "SELECT id, untold_from FROM subscription WHERE untold_from IS NOT NULL \
     AND id IN (SELECT value FROM json_each($1))";
/// The engines unfold a JSON list by different functions.
const LIST_UNTOLD_POSTGRES: &str = "SELECT id, untold_from FROM subscription WHERE untold_from IS NOT NULL \
     AND id IN (SELECT CAST(value AS BIGINT) FROM jsonb_array_elements_text(CAST($1 AS JSONB)))";

/// Of those subscriptions the ones for which something waits, with the number of the log after which it stands.
pub async fn list_untold(tx: &mut Tx, ids: &[i64]) -> Result<Vec<(i64, i64)>> {
    let sql = tx.choose(LIST_UNTOLD_SQLITE, LIST_UNTOLD_POSTGRES);
    on_tx!(tx, c => sqlx::query_as(sql).bind(id_list(ids)).fetch_all(c).await)
}

const MARK_UNTOLD_SQLITE: &str = "UPDATE subscription SET untold_from = COALESCE(untold_from, read_to) \
     WHERE id IN (SELECT value FROM json_each($1))";
/// The engines unfold a JSON list by different functions.
const MARK_UNTOLD_POSTGRES: &str = "UPDATE subscription SET untold_from = COALESCE(untold_from, read_to) \
     WHERE id IN (SELECT CAST(value AS BIGINT) FROM jsonb_array_elements_text(CAST($1 AS JSONB)))";

/// Remembers, before they move on, from where on something waits for people who get no mail now.
pub async fn mark_untold(tx: &mut Tx, ids: &[i64]) -> Result<()> {
    let sql = tx.choose(MARK_UNTOLD_SQLITE, MARK_UNTOLD_POSTGRES);
    on_tx!(tx, c => sqlx::query(sql).bind(id_list(ids)).execute(c).await.map(|_| ()))
}

/// Remembers that something after a number waits for the people of a letter that nobody gets any more, and whose rows still
/// wait. Call it under the letter's lock: that is out of the usual order, so a planner that comes from the other side may have to
/// try again.
pub async fn mark_untold_of_letter(tx: &mut Tx, letter_id: i64, after: i64) -> Result<u64> {
    on_tx!(tx, c => sqlx::query(
        "UPDATE subscription SET untold_from = $2 WHERE (untold_from IS NULL OR untold_from > $2) \
         AND uid IN (SELECT recipient_uid FROM delivery WHERE letter_id = $1 AND state IN ('queued', 'leased', 'held'))")
        .bind(letter_id).bind(after).execute(c).await.map(|done| done.rows_affected()))
}

const MARK_TOLD_SQLITE: &str = "UPDATE subscription SET untold_from = NULL WHERE untold_from IS NOT NULL \
     AND id IN (SELECT value FROM json_each($1))";
/// The engines unfold a JSON list by different functions.
const MARK_TOLD_POSTGRES: &str = "UPDATE subscription SET untold_from = NULL WHERE untold_from IS NOT NULL \
     AND id IN (SELECT CAST(value AS BIGINT) FROM jsonb_array_elements_text(CAST($1 AS JSONB)))";

/// Nothing waits any more for people who get a mail now.
pub async fn mark_told(tx: &mut Tx, ids: &[i64]) -> Result<()> {
    let sql = tx.choose(MARK_TOLD_SQLITE, MARK_TOLD_POSTGRES);
    on_tx!(tx, c => sqlx::query(sql).bind(id_list(ids)).execute(c).await.map(|_| ()))
}
