//! Letters, and rows that begin or are called off.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::time::Timestamp;
use crate::db::{Result, Tx};
use crate::delivery::{LetterKind, NewDelivery, NewLetter};
use crate::on_tx;

/// What a letter's row has beside the letter.
pub struct Frozen {
    /// Uid.
    pub uid: String,
    /// The key of its tokens.
    pub key_id: i64,
    /// The version of the writer.
    pub format: i64,
    /// The names of the DKIM keys that sign it.
    pub signed_by: Vec<String>,
    /// Now.
    pub created_at: Timestamp,
}

/// Stores a letter and returns its row.
pub async fn insert_letter_row(tx: &mut Tx, letter: &NewLetter, frozen: &Frozen) -> Result<i64> {
    let json = |error: serde_json::Error| sqlx::Error::Encode(error.into());
    let sender =
        serde_json::to_string(&(&letter.sender_name, &letter.sender_address)).map_err(json)?;
    let headers = serde_json::to_string(&letter.headers).map_err(json)?;
    let uncertain = if letter.resend_uncertain {
        "resend"
    } else {
        "hold"
    };
    let selector = (!frozen.signed_by.is_empty()).then(|| frozen.signed_by.join(" "));
    on_tx!(tx, c => sqlx::query_scalar(
        "INSERT INTO letter (uid, kind, scope, language, priority, sender, reply_to, subject, html, text, headers, dated_at, \
         key_id, format, uncertain, created_at, selector) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17) RETURNING id")
        .bind(&frozen.uid).bind(letter.kind.as_str()).bind(&letter.scope).bind(letter.language.as_str())
        .bind(letter.kind.priority()).bind(sender).bind(&letter.reply_to).bind(&letter.subject).bind(&letter.html)
        .bind(&letter.text).bind(headers).bind(letter.dated_at.floor_to_secs()).bind(frozen.key_id)
        .bind(frozen.format).bind(uncertain).bind(frozen.created_at).bind(selector).fetch_one(c).await)
}

/// Those that are not open stand in an index of their own: `state` comes behind the texts in the row, and reading so far costs
/// SQLite more than all the rest of a chunk.
const LOCK_LETTERS_SQLITE: &str = "SELECT id, state, closed_by FROM letter INDEXED BY letter_closed \
     WHERE state <> 'open' AND id IN (SELECT value FROM json_each($1)) ORDER BY id";
/// FOR SHARE: whoever cancels, pauses or replaces a letter waits until the rows are in, and then sees them.
const LOCK_LETTERS_POSTGRES: &str = "SELECT id, state, closed_by FROM letter \
     WHERE id IN (SELECT CAST(value AS BIGINT) FROM jsonb_array_elements_text(CAST($1 AS JSONB))) ORDER BY id FOR SHARE";

/// How new rows of a letter begin.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Entry {
    /// `queued`, `held` or `cancelled`.
    pub state: &'static str,
    /// Why, unless they are queued.
    pub class: Option<&'static str>,
}

/// Locks letters against whoever cancels, pauses or replaces them until the transaction ends, and says how their new rows begin: of one
/// that is paused as held, of one that is cancelled as cancelled. None if one was `replaced` meanwhile: then nothing of the
/// transaction may be kept.
pub async fn lock_letters(
    tx: &mut Tx,
    letter_ids: &BTreeSet<i64>,
) -> Result<Option<BTreeMap<i64, Entry>>> {
    let queued = Entry {
        state: "queued",
        class: None,
    };
    let mut entries: BTreeMap<i64, Entry> = letter_ids.iter().map(|id| (*id, queued)).collect();
    let list = serde_json::to_string(letter_ids).unwrap_or_default();
    let sql = tx.choose(LOCK_LETTERS_SQLITE, LOCK_LETTERS_POSTGRES);
    let rows: Vec<(i64, String, Option<String>)> =
        on_tx!(tx, c => sqlx::query_as(sql).bind(list).fetch_all(c).await)?;
    for (id, state, closed_by) in rows {
        let (state, class) = match state.as_str() {
            "replaced" => return Ok(None),
            "paused" => ("held", Some("paused")),
            "cancelled" if closed_by.is_some() => ("cancelled", Some("stopped")),
            "cancelled" => ("cancelled", Some("withdrawn")),
            _ => continue,
        };
        entries.insert(id, Entry { state, class });
    }
    Ok(Some(entries))
}

/// Stores deliveries in statements of many rows, each as its letter's [`Entry`] says; a conflict is an error, never passed over.
/// Returns whether a letter was `replaced` meanwhile: then nothing of the transaction may be kept.
pub async fn insert_deliveries(
    tx: &mut Tx,
    now: Timestamp,
    deliveries: &[NewDelivery],
) -> Result<bool> {
    let ids: BTreeSet<i64> = deliveries.iter().map(|d| d.letter_id).collect();
    let Some(entries) = lock_letters(tx, &ids).await? else {
        return Ok(true);
    };
    // 16 values a row; SQLite takes 32 766 in one statement.
    for chunk in deliveries.chunks(1000) {
        on_tx!(tx, c => {
            let mut insert = sqlx::QueryBuilder::new(
                "INSERT INTO delivery (letter_id, batch, recipient_id, recipient_uid, recipient_epoch, address, address_hash, \
                 lane_id, priority, text_only, state, class, due_at, expires_at, created_at, finished_at) ",
            );
            insert.push_values(chunk, |mut row, d| {
                let Entry { state, class } = entries[&d.letter_id];
                row.push_bind(d.letter_id)
                    .push_bind(d.batch)
                    .push_bind(d.recipient_id)
                    .push_bind(&d.recipient_uid)
                    .push_bind(d.recipient_epoch)
                    .push_bind(&d.address)
                    .push_bind(&d.address_hash)
                    .push_bind(d.lane_id)
                    .push_bind(d.priority)
                    .push_bind(d.text_only)
                    .push_bind(state)
                    .push_bind(class)
                    .push_bind(d.due_at)
                    .push_bind(d.expires_at)
                    .push_bind(now)
                    .push_bind((state == "cancelled").then_some(now));
            });
            insert.build().execute(c).await.map(|_| ())
        })?;
    }
    Ok(false)
}

const CANCEL_SQLITE: &str = "UPDATE delivery SET state = 'cancelled', class = 'left', finished_at = $2 \
     WHERE recipient_uid = $1 AND state IN ('queued', 'leased', 'uncertain', 'held')";
/// The rows are locked by id first: the order in which the journal's writer locks them, so that neither waits for the other.
const CANCEL_POSTGRES: &str = "WITH mine AS MATERIALIZED (SELECT id FROM delivery WHERE recipient_uid = $1 \
     AND state IN ('queued', 'leased', 'uncertain', 'held') ORDER BY id FOR UPDATE) \
     UPDATE delivery SET state = 'cancelled', class = 'left', finished_at = $2 FROM mine WHERE delivery.id = mine.id \
     AND delivery.state IN ('queued', 'leased', 'uncertain', 'held')";

/// Cancels the open rows whose links name `recipient_uid` and whose dot is not being written; call it after the
/// subscription's lock. An `uncertain` row is not sent again, and a late 250 still settles it.
pub async fn cancel_recipient(tx: &mut Tx, recipient_uid: &str, now: Timestamp) -> Result<u64> {
    let sql = tx.choose(CANCEL_SQLITE, CANCEL_POSTGRES);
    on_tx!(tx, c => sqlx::query(sql).bind(recipient_uid).bind(now).execute(c).await.map(|done| done.rows_affected()))
}

/// Whether a letter of that kind to that recipient still waits to be handed over, and may be.
pub async fn is_any_open(
    tx: &mut Tx,
    recipient_id: i64,
    kind: LetterKind,
    now: Timestamp,
) -> Result<bool> {
    on_tx!(tx, c => sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM delivery d JOIN letter l ON l.id = d.letter_id WHERE d.recipient_id = $1 AND l.kind = $2 \
         AND d.state IN ('queued', 'leased', 'committing', 'uncertain') AND (d.expires_at IS NULL OR d.expires_at > $3))")
        .bind(recipient_id).bind(kind.as_str()).bind(now).fetch_one(c).await)
}

const MOVE_SQLITE: &str = "UPDATE delivery SET address = $2, address_hash = $3, recipient_epoch = recipient_epoch + 1, \
     lane_id = COALESCE((SELECT n.id FROM lane n JOIN lane o ON o.relay = n.relay WHERE o.id = delivery.lane_id AND n.provider = $4), lane_id) \
     WHERE recipient_id = $1 AND state = 'queued' AND attempts = 0 AND letter_id IN (SELECT id FROM letter WHERE kind = 'issue')";
/// The rows are locked by id first, as in [`CANCEL_POSTGRES`].
const MOVE_POSTGRES: &str = "WITH mine AS MATERIALIZED (SELECT id FROM delivery WHERE recipient_id = $1 AND state = 'queued' \
     AND attempts = 0 AND letter_id IN (SELECT id FROM letter WHERE kind = 'issue') ORDER BY id FOR UPDATE) \
     UPDATE delivery SET address = $2, address_hash = $3, recipient_epoch = recipient_epoch + 1, \
     lane_id = COALESCE((SELECT n.id FROM lane n JOIN lane o ON o.relay = n.relay WHERE o.id = delivery.lane_id AND n.provider = $4), lane_id) \
     FROM mine WHERE delivery.id = mine.id AND delivery.state = 'queued'";

/// A person has another mailbox: the digests that nobody has touched yet go there, with links of the new epoch. What was tried once
/// keeps the address under which the relay knows it.
pub async fn move_recipient(
    tx: &mut Tx,
    recipient_id: i64,
    address: &str,
    address_hash: &str,
    provider: &str,
) -> Result<u64> {
    let sql = tx.choose(MOVE_SQLITE, MOVE_POSTGRES);
    on_tx!(tx, c => sqlx::query(sql).bind(recipient_id).bind(address).bind(address_hash).bind(provider)
        .execute(c).await.map(|done| done.rows_affected()))
}
