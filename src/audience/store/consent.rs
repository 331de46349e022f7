//! What people agreed to: append-only.

use crate::base::time::Timestamp;
use crate::db::{Result, Tx};
use crate::on_tx;

/// Writes what happened, by which way, and what proves it.
pub(crate) async fn insert_consent(
    tx: &mut Tx,
    subscriber_id: i64,
    action: &str,
    method: &str,
    evidence: &str,
    at: Timestamp,
) -> Result<()> {
    on_tx!(tx, c => sqlx::query(
        "INSERT INTO consent (subscriber_id, action, method, evidence, at) VALUES ($1, $2, $3, $4, $5)")
        .bind(subscriber_id).bind(action).bind(method).bind(evidence).bind(at).execute(c).await.map(|_| ()))
}

/// What was asked (true: a mail was planned) and confirmed (false) for a person since an instant, oldest first. One row per mail,
/// so that caps hold on every instance.
pub(crate) async fn list_asked(
    tx: &mut Tx,
    subscriber_id: i64,
    since: Timestamp,
) -> Result<Vec<(bool, Timestamp)>> {
    let rows: Vec<(String, Timestamp)> = on_tx!(tx, c => sqlx::query_as(
        "SELECT action, at FROM consent WHERE subscriber_id = $1 AND action IN ('asked', 'confirmed') AND at >= $2 ORDER BY id")
        .bind(subscriber_id).bind(since).fetch_all(c).await)?;
    Ok(rows
        .into_iter()
        .map(|(action, at)| (action == "asked", at))
        .collect())
}
