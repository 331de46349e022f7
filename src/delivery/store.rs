//! The journal's only SQL.

use super::{NewDelivery, NewLetter, Sums};
use crate::base::time::Timestamp;
use crate::db::{Db, Result, Tx};
use crate::work::Core;

/// Stores a letter under the current key and returns its row.
pub async fn insert_letter(tx: &mut Tx, core: &Core, letter: &NewLetter) -> Result<i64> {
    let _ = (tx, core, letter);
    todo!()
}

/// Stores deliveries in statements of many rows; a conflict is an error, never passed over. The rows of a letter that is
/// paused go in as held, of one that is cancelled as cancelled; returns whether a letter was `replaced` meanwhile: then
/// nothing of the transaction may be kept.
pub async fn insert_deliveries(
    tx: &mut Tx,
    now: Timestamp,
    deliveries: &[NewDelivery],
) -> Result<bool> {
    let _ = (tx, now, deliveries);
    todo!()
}

/// The lane of a relay and provider, made if it is new.
pub async fn ensure_lane(tx: &mut Tx, relay: &str, provider: &str) -> Result<i64> {
    let _ = (tx, relay, provider);
    todo!()
}

/// Cancels the open rows without an intent whose links name `recipient_uid`; call it after the subscription's lock.
pub async fn cancel_recipient(tx: &mut Tx, recipient_uid: &str, now: Timestamp) -> Result<u64> {
    let _ = (tx, recipient_uid, now);
    todo!()
}

/// The sums of one letter.
pub async fn get_sums(db: &Db, letter_id: i64) -> Result<Sums> {
    let _ = (db, letter_id);
    todo!()
}

/// The sums of everything.
pub async fn get_total_sums(db: &Db) -> Result<Sums> {
    let _ = db;
    todo!()
}

/// How many deliveries a batch has.
pub async fn count_batch(db: &Db, batch: i64) -> Result<i64> {
    let _ = (db, batch);
    todo!()
}
