//! Changes of address that wait for their two buttons.

use crate::base::address::EmailAddress;
use crate::base::time::Timestamp;
use crate::db::{Db, Result, Tx};
use crate::{on_db, on_tx};

/// A change of address.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct Change {
    pub id: i64,
    /// Uid of the subscriber who moves.
    pub subscriber_uid: String,
    /// The new address.
    pub address: String,
    /// When the old mailbox agreed.
    pub from_at: Option<Timestamp>,
    /// When the new mailbox agreed.
    pub to_at: Option<Timestamp>,
    pub done_at: Option<Timestamp>,
}

const FIND: &str = "SELECT c.id, p.uid AS subscriber_uid, c.address, c.from_at, c.to_at, c.done_at FROM address_change c \
     JOIN subscriber p ON p.id = c.subscriber_id WHERE c.uid = $1";

/// The change of a uid.
pub(crate) async fn find_change(db: &Db, uid: &str) -> Result<Option<Change>> {
    on_db!(db, c => sqlx::query_as(FIND).bind(uid).fetch_optional(c).await)
}

/// [`find_change`] inside a transaction; the subscriber's lock guards the row.
pub(crate) async fn find_change_in(tx: &mut Tx, uid: &str) -> Result<Option<Change>> {
    on_tx!(tx, c => sqlx::query_as(FIND).bind(uid).fetch_optional(c).await)
}

/// Stores a change; one that the subscriber asked for before is forgotten, and its links with it.
pub(crate) async fn replace_change(
    tx: &mut Tx,
    uid: &str,
    subscriber_id: i64,
    address: &EmailAddress,
    address_hash: &str,
    now: Timestamp,
) -> Result<()> {
    delete_changes_of(tx, subscriber_id).await?;
    on_tx!(tx, c => sqlx::query(
        "INSERT INTO address_change (uid, subscriber_id, address, address_hash, asked_at) VALUES ($1, $2, $3, $4, $5)")
        .bind(uid).bind(subscriber_id).bind(address.to_string()).bind(address_hash).bind(now)
        .execute(c).await.map(|_| ()))
}

/// How many others want their mail at that address.
pub(crate) async fn count_changes_to(
    tx: &mut Tx,
    address_hash: &str,
    subscriber_id: i64,
) -> Result<i64> {
    on_tx!(tx, c => sqlx::query_scalar(
        "SELECT COUNT(*) FROM address_change WHERE address_hash = $1 AND subscriber_id <> $2")
        .bind(address_hash).bind(subscriber_id).fetch_one(c).await)
}

/// The old mailbox agrees; the first time counts.
pub(crate) async fn mark_from(tx: &mut Tx, id: i64, now: Timestamp) -> Result<()> {
    on_tx!(tx, c => sqlx::query("UPDATE address_change SET from_at = COALESCE(from_at, $2) WHERE id = $1")
        .bind(id).bind(now).execute(c).await.map(|_| ()))
}

/// The new mailbox agrees; the first time counts.
pub(crate) async fn mark_to(tx: &mut Tx, id: i64, now: Timestamp) -> Result<()> {
    on_tx!(tx, c => sqlx::query("UPDATE address_change SET to_at = COALESCE(to_at, $2) WHERE id = $1")
        .bind(id).bind(now).execute(c).await.map(|_| ()))
}

/// Both agreed and the subscriptions have moved.
pub(crate) async fn mark_done(tx: &mut Tx, id: i64, now: Timestamp) -> Result<()> {
    on_tx!(tx, c => sqlx::query("UPDATE address_change SET done_at = $2 WHERE id = $1")
        .bind(id).bind(now).execute(c).await.map(|_| ()))
}

/// Forgets the change a subscriber asked for.
pub(crate) async fn delete_changes_of(tx: &mut Tx, subscriber_id: i64) -> Result<()> {
    on_tx!(tx, c => sqlx::query("DELETE FROM address_change WHERE subscriber_id = $1")
        .bind(subscriber_id).execute(c).await.map(|_| ()))
}

/// Forgets who wanted their mail at that address.
pub(crate) async fn delete_changes_to(tx: &mut Tx, address_hash: &str) -> Result<()> {
    on_tx!(tx, c => sqlx::query("DELETE FROM address_change WHERE address_hash = $1")
        .bind(address_hash).execute(c).await.map(|_| ()))
}

/// Forgets what was asked before `cutoff`, done or not.
pub(crate) async fn delete_old_changes(tx: &mut Tx, cutoff: Timestamp) -> Result<u64> {
    on_tx!(tx, c => sqlx::query("DELETE FROM address_change WHERE asked_at < $1")
        .bind(cutoff).execute(c).await.map(|done| done.rows_affected()))
}
