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
