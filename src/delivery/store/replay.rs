//! One row that is looked at again, or sent after all.

use crate::base::time::Timestamp;
use crate::db::{Db, Result, Tx};
use crate::{on_db, on_tx};

/// What decides the bytes of one person's message, beside its letter; and what became of it.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Row {
    /// Row.
    pub id: i64,
    /// Row of the letter.
    pub letter_id: i64,
    /// What its links name.
    pub recipient_uid: String,
    /// The subscriber's `link_epoch` then.
    pub recipient_epoch: i64,
    /// None once pruned.
    pub address: Option<String>,
    /// Keyed hash of the address.
    pub address_hash: String,
    /// Without the HTML part.
    pub text_only: bool,
    /// State.
    pub state: String,
    /// How often a dot of it had no answer.
    pub uncertain_count: i64,
    /// When the relay accepted it.
    pub accepted_at: Option<Timestamp>,
    /// The relay's last words.
    pub reply: Option<String>,
}

/// The row of a letter to a person.
pub async fn find_row(db: &Db, letter_id: i64, recipient_id: i64) -> Result<Option<Row>> {
    on_db!(db, c => sqlx::query_as(
        "SELECT id, letter_id, recipient_uid, recipient_epoch, address, address_hash, text_only, state, uncertain_count, accepted_at, reply \
         FROM delivery WHERE letter_id = $1 AND recipient_id = $2")
        .bind(letter_id).bind(recipient_id).fetch_optional(c).await)
}

/// The state of a letter, and whether its body is still kept.
pub async fn get_letter_state(db: &Db, letter_id: i64) -> Result<(String, bool)> {
    on_db!(db, c => sqlx::query_as("SELECT state, text IS NOT NULL FROM letter WHERE id = $1")
        .bind(letter_id).fetch_one(c).await)
}

/// Queues a row that ended without reaching anybody once more, at the lowest priority and without an end, to an address with its
/// hash and the subscriber's `link_epoch` now; false if it is not in such a state any more. A row whose dot had no answer may have
/// reached somebody, and stays.
pub async fn requeue(
    tx: &mut Tx,
    id: i64,
    (address, address_hash, epoch): &(String, &str, i64),
    now: Timestamp,
) -> Result<bool> {
    on_tx!(tx, c => sqlx::query(
        "UPDATE delivery SET state = 'queued', priority = 9, class = NULL, due_at = $5, expires_at = NULL, finished_at = NULL, \
         refusals = 0, lost_count = 0, intent_at = NULL, address = $2, address_hash = $3, recipient_epoch = $4 \
         WHERE id = $1 AND state IN ('failed', 'cancelled', 'expired') AND accepted_at IS NULL AND uncertain_count = 0")
        .bind(id).bind(address).bind(*address_hash).bind(*epoch).bind(now).execute(c).await
        .map(|done| done.rows_affected() == 1))
}
