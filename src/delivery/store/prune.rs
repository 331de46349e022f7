//! The nightly chores, in chunks by id, so that nobody waits long for a lock.

use crate::base::time::Timestamp;
use crate::db::{Db, Result, Tx};
use crate::{on_db, on_tx};

/// The highest delivery made before an instant: what was made later cannot have been finished earlier.
pub async fn find_last_before(db: &Db, at: Timestamp) -> Result<Option<i64>> {
    on_db!(db, c => sqlx::query_scalar("SELECT MAX(id) FROM delivery WHERE created_at < $1")
        .bind(at).fetch_one(c).await)
}

/// Empties address and reply of the rows in `(after, to]` that finished before `at`.
pub async fn empty_addresses(tx: &mut Tx, after: i64, to: i64, at: Timestamp) -> Result<u64> {
    on_tx!(tx, c => sqlx::query(
        "UPDATE delivery SET address = NULL, reply = NULL WHERE id > $1 AND id <= $2 AND address IS NOT NULL \
         AND state IN ('accepted', 'failed', 'cancelled', 'expired') AND finished_at < $3")
        .bind(after).bind(to).bind(at).execute(c).await.map(|done| done.rows_affected()))
}

/// Deletes the rows in `(after, to]` that finished before `at`, with their mail events.
pub async fn delete_finished(tx: &mut Tx, after: i64, to: i64, at: Timestamp) -> Result<u64> {
    on_tx!(tx, c => sqlx::query(
        "DELETE FROM mail_event WHERE delivery_id IN (SELECT id FROM delivery WHERE id > $1 AND id <= $2 \
         AND state IN ('accepted', 'failed', 'cancelled', 'expired') AND finished_at < $3)")
        .bind(after).bind(to).bind(at).execute(c).await.map(|_| ()))?;
    on_tx!(tx, c => sqlx::query(
        "DELETE FROM delivery WHERE id > $1 AND id <= $2 \
         AND state IN ('accepted', 'failed', 'cancelled', 'expired') AND finished_at < $3")
        .bind(after).bind(to).bind(at).execute(c).await.map(|done| done.rows_affected()))
}

/// Empties the bodies of letters that were made before `at` and have nothing left to send.
pub async fn empty_bodies(tx: &mut Tx, at: Timestamp) -> Result<u64> {
    on_tx!(tx, c => sqlx::query(
        "UPDATE letter SET html = NULL, text = NULL WHERE created_at < $1 AND text IS NOT NULL \
         AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.letter_id = letter.id \
         AND d.state IN ('queued', 'leased', 'committing', 'uncertain', 'held'))")
        .bind(at).execute(c).await.map(|done| done.rows_affected()))
}

/// Deletes what is known of raw bounces past their time.
pub async fn empty_raw_events(tx: &mut Tx, now: Timestamp) -> Result<u64> {
    on_tx!(tx, c => sqlx::query(
        "UPDATE mail_event SET raw = NULL WHERE raw IS NOT NULL AND raw_until < $1")
        .bind(now).execute(c).await.map(|done| done.rows_affected()))
}

/// The lowest delivery there is.
pub async fn find_first(db: &Db) -> Result<Option<i64>> {
    on_db!(db, c => sqlx::query_scalar("SELECT MIN(id) FROM delivery").fetch_one(c).await)
}

/// Empties addresses, replies and bounces of one person's deliveries; returns how many are still open, whose addresses are
/// needed until the relay has answered.
pub async fn empty_recipient(tx: &mut Tx, recipient_id: i64) -> Result<u64> {
    on_tx!(tx, c => sqlx::query(
        "UPDATE mail_event SET detail = NULL, raw = NULL \
         WHERE delivery_id IN (SELECT id FROM delivery WHERE recipient_id = $1)")
        .bind(recipient_id).execute(c).await.map(|_| ()))?;
    on_tx!(tx, c => sqlx::query(
        "UPDATE delivery SET address = NULL, reply = NULL WHERE recipient_id = $1 AND (address IS NOT NULL OR reply IS NOT NULL) \
         AND state IN ('accepted', 'failed', 'cancelled', 'expired')")
        .bind(recipient_id).execute(c).await.map(|_| ()))?;
    let open: i64 = on_tx!(tx, c => sqlx::query_scalar(
        "SELECT COUNT(*) FROM delivery WHERE recipient_id = $1 AND address IS NOT NULL")
        .bind(recipient_id).fetch_one(c).await)?;
    Ok(open as u64)
}
