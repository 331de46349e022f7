//! What people agreed to: append-only.

use crate::base::time::Timestamp;
use crate::db::{Db, Result, Tx};
use crate::{on_db, on_tx};

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

/// What was asked (true: a mail was planned) and confirmed or changed (false: a mailbox answered) for a person since an instant, oldest first. One row per mail,
/// so that caps hold on every instance.
pub(crate) async fn list_asked(
    tx: &mut Tx,
    subscriber_id: i64,
    since: Timestamp,
) -> Result<Vec<(bool, Timestamp)>> {
    let rows: Vec<(String, Timestamp)> = on_tx!(tx, c => sqlx::query_as(
        "SELECT action, at FROM consent WHERE subscriber_id = $1 AND action IN ('asked', 'confirmed', 'changed') AND at >= $2 ORDER BY id")
        .bind(subscriber_id).bind(since).fetch_all(c).await)?;
    Ok(rows
        .into_iter()
        .map(|(action, at)| (action == "asked", at))
        .collect())
}

/// Empties what proves anything of a person who was erased.
pub(crate) async fn empty_evidence(tx: &mut Tx, subscriber_id: i64) -> Result<()> {
    on_tx!(tx, c => sqlx::query("UPDATE consent SET evidence = NULL WHERE subscriber_id = $1")
        .bind(subscriber_id).execute(c).await.map(|_| ()))
}

/// Rows of the people who were erased since an instant.
pub(crate) async fn list_erased_since(db: &Db, since: Timestamp) -> Result<Vec<i64>> {
    on_db!(db, c => sqlx::query_scalar("SELECT subscriber_id FROM consent WHERE action = 'erased' AND at >= $1 ORDER BY id")
        .bind(since).fetch_all(c).await)
}

/// An entry of the log.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct Entry {
    pub action: String,
    pub method: String,
    pub evidence: Option<String>,
    pub at: Timestamp,
}

/// Everything a person agreed to or took back, oldest first.
pub(crate) async fn list_consent(db: &Db, subscriber_id: i64) -> Result<Vec<Entry>> {
    on_db!(db, c => sqlx::query_as(
        "SELECT action, method, evidence, at FROM consent WHERE subscriber_id = $1 ORDER BY id")
        .bind(subscriber_id).fetch_all(c).await)
}
