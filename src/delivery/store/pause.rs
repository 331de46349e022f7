//! What the operator paused. A row here closes the door of the dot at once; the rows behind it are moved in chunks.

use crate::base::time::Timestamp;
use crate::db::{Db, Result, Tx};
use crate::{on_db, on_tx};

/// The scope that means everything.
pub const EVERYTHING: &str = "*";

/// A pause.
#[derive(Clone, PartialEq, Eq, Debug, sqlx::FromRow)]
pub struct Pause {
    /// A newsletter's uid, or [`EVERYTHING`].
    pub scope: String,
    /// What the operator said.
    pub reason: Option<String>,
    /// Since when.
    pub at: Timestamp,
}

/// Pauses a scope; false if it is paused already, and then the reason stays.
pub async fn insert_pause(
    tx: &mut Tx,
    scope: &str,
    reason: Option<&str>,
    now: Timestamp,
) -> Result<bool> {
    on_tx!(tx, c => sqlx::query(
        "INSERT INTO pause (scope, reason, at) VALUES ($1, $2, $3) ON CONFLICT (scope) DO NOTHING")
        .bind(scope).bind(reason).bind(now).execute(c).await.map(|done| done.rows_affected() == 1))
}

/// Ends a pause; false if there was none.
pub async fn delete_pause(tx: &mut Tx, scope: &str) -> Result<bool> {
    on_tx!(tx, c => sqlx::query("DELETE FROM pause WHERE scope = $1").bind(scope).execute(c).await
        .map(|done| done.rows_affected() == 1))
}

/// All pauses, oldest first.
pub async fn list_pauses(db: &Db) -> Result<Vec<Pause>> {
    on_db!(db, c => sqlx::query_as("SELECT scope, reason, at FROM pause ORDER BY at, scope").fetch_all(c).await)
}

/// Whether everything is paused.
pub async fn is_everything_paused(db: &Db) -> Result<bool> {
    on_db!(db, c => sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM pause WHERE scope = '*')").fetch_one(c).await)
}

/// The letters of a scope that are open and have rows which wait or are held.
pub async fn list_open_letters(db: &Db, scope: &str) -> Result<Vec<i64>> {
    on_db!(db, c => sqlx::query_scalar(
        "SELECT l.id FROM letter l WHERE l.scope = $1 AND l.state = 'open' AND EXISTS (SELECT 1 FROM delivery d \
         WHERE d.letter_id = l.id AND d.state IN ('queued', 'leased', 'held')) ORDER BY l.id")
        .bind(scope).fetch_all(c).await)
}
