//! Addresses that must not be mailed.

use crate::base::time::Timestamp;
use crate::db::{Db, Result, Tx};
use crate::{on_db, on_tx};

const CANCEL_SQLITE: &str = "UPDATE delivery SET state = 'cancelled', class = 'suppressed', finished_at = $2 \
     WHERE recipient_id = $1 AND state IN ('queued', 'leased', 'uncertain', 'held')";
/// Locked by id first, as the journal's writer does.
const CANCEL_POSTGRES: &str = "WITH mine AS MATERIALIZED (SELECT id FROM delivery WHERE recipient_id = $1 \
     AND state IN ('queued', 'leased', 'uncertain', 'held') ORDER BY id FOR UPDATE) \
     UPDATE delivery SET state = 'cancelled', class = 'suppressed', finished_at = $2 FROM mine WHERE delivery.id = mine.id \
     AND delivery.state IN ('queued', 'leased', 'uncertain', 'held')";

/// Writes a suppression (`hard`, `complaint`, `manual` or `erased`) and cancels the person's open rows whose dot is not being
/// written; false if the address has an active one for that reason already. Rows that are planned later meet the check
/// before their dot. `evidence` names no address.
pub async fn suppress(
    tx: &mut Tx,
    address_hash: &str,
    recipient_id: Option<i64>,
    reason: &str,
    evidence: &str,
    now: Timestamp,
) -> Result<bool> {
    let is_new = on_tx!(tx, c => sqlx::query(
        "INSERT INTO suppression (address_hash, reason, evidence, at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (address_hash, reason) WHERE lifted_at IS NULL DO NOTHING")
        .bind(address_hash).bind(reason).bind(evidence).bind(now).execute(c).await
        .map(|done| done.rows_affected() == 1))?;
    if let Some(recipient_id) = recipient_id {
        let sql = tx.choose(CANCEL_SQLITE, CANCEL_POSTGRES);
        on_tx!(tx, c => sqlx::query(sql).bind(recipient_id).bind(now).execute(c).await.map(|_| ()))?;
    }
    Ok(is_new)
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

const LIST_REASONS_SQLITE: &str = "SELECT address_hash, reason FROM suppression WHERE lifted_at IS NULL \
     AND address_hash IN (SELECT value FROM json_each($1)) ORDER BY id";
/// The engines unfold a JSON list by different functions.
const LIST_REASONS_POSTGRES: &str = "SELECT address_hash, reason FROM suppression WHERE lifted_at IS NULL \
     AND address_hash IN (SELECT value FROM jsonb_array_elements_text(CAST($1 AS JSONB))) ORDER BY id";

/// Why those of the addresses that must not be mailed must not: hash and reason, several if there are several.
pub async fn list_reasons(db: &Db, hashes: &[&str]) -> Result<Vec<(String, String)>> {
    let sql = db.choose(LIST_REASONS_SQLITE, LIST_REASONS_POSTGRES);
    let list = serde_json::to_string(hashes).unwrap_or_default();
    on_db!(db, c => sqlx::query_as(sql).bind(list).fetch_all(c).await)
}

/// A suppression, lifted or not.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Suppression {
    /// `hard`, `complaint`, `manual` or `erased`.
    pub reason: String,
    /// What it rests on; names no address.
    pub evidence: Option<String>,
    /// Since when.
    pub at: Timestamp,
    /// Until when.
    pub lifted_at: Option<Timestamp>,
}

/// All there ever were of an address, oldest first.
pub async fn list_suppressions(db: &Db, address_hash: &str) -> Result<Vec<Suppression>> {
    on_db!(db, c => sqlx::query_as("SELECT reason, evidence, at, lifted_at FROM suppression WHERE address_hash = $1 ORDER BY id")
        .bind(address_hash).fetch_all(c).await)
}
