//! Addresses that must not be mailed.

use crate::base::time::Timestamp;
use crate::db::{Db, Result, Tx};
use crate::on_db;
use crate::on_tx;

/// Writes a suppression; false if the address has an active one for that reason already.
pub async fn insert_suppression(
    tx: &mut Tx,
    address_hash: &str,
    reason: &str,
    evidence: &str,
    at: Timestamp,
) -> Result<bool> {
    on_tx!(tx, c => sqlx::query(
        "INSERT INTO suppression (address_hash, reason, evidence, at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (address_hash, reason) WHERE lifted_at IS NULL DO NOTHING")
        .bind(address_hash).bind(reason).bind(evidence).bind(at).execute(c).await
        .map(|done| done.rows_affected() == 1))
}

/// Whether the address must not be mailed, for whatever reason.
pub async fn is_suppressed(db: &Db, address_hash: &str) -> Result<bool> {
    on_db!(db, c => sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM suppression WHERE address_hash = $1 AND lifted_at IS NULL)")
        .bind(address_hash).fetch_one(c).await)
}

const LIST_SUPPRESSED_SQLITE: &str = "SELECT DISTINCT address_hash FROM suppression WHERE lifted_at IS NULL \
     AND address_hash IN (SELECT value FROM json_each($1))";
/// The engines unfold a JSON list by different functions.
const LIST_SUPPRESSED_POSTGRES: &str = "SELECT DISTINCT address_hash FROM suppression WHERE lifted_at IS NULL \
     AND address_hash IN (SELECT value FROM jsonb_array_elements_text(CAST($1 AS JSONB)))";

/// Which of those addresses must not be mailed, for whatever reason.
pub async fn list_suppressed(tx: &mut Tx, hashes: &[String]) -> Result<Vec<String>> {
    let sql = tx.choose(LIST_SUPPRESSED_SQLITE, LIST_SUPPRESSED_POSTGRES);
    let mut found = Vec::new();
    for chunk in hashes.chunks(1000) {
        let list = serde_json::to_string(chunk).unwrap_or_default();
        found.extend(
            on_tx!(tx, c => sqlx::query_scalar::<_, String>(sql).bind(list).fetch_all(c).await)?,
        );
    }
    Ok(found)
}

/// Seconds within which a confirmation lifts a hard bounce once.
const LIFT_HARD_SECS: i64 = 30 * 86_400;

/// The owner of the address pressed the button of a confirmation mail: lifts `erased`, and `hard` once in 30 days; never
/// `complaint` or `manual` (DESIGN 5.7). Returns how many were lifted.
pub async fn lift_confirmed(tx: &mut Tx, address_hash: &str, now: Timestamp) -> Result<u64> {
    on_tx!(tx, c => sqlx::query(
        "UPDATE suppression SET lifted_at = $2 WHERE address_hash = $1 AND lifted_at IS NULL AND (reason = 'erased' \
         OR (reason = 'hard' AND NOT EXISTS (SELECT 1 FROM suppression s WHERE s.address_hash = $1 AND s.reason = 'hard' \
         AND s.lifted_at > $3)))")
        .bind(address_hash).bind(now).bind(now.plus_secs(-LIFT_HARD_SECS)).execute(c).await
        .map(|done| done.rows_affected()))
}
