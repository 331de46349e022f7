//! From the people of a chunk to their deliveries: one statement, so that addresses go from row to row and not through us.

use std::fmt::Write as _;

use crate::base::time::Timestamp;
use crate::db::{Result, Tx};
use crate::delivery::store::Entry;
use crate::digest::store::OpenRun;
use crate::on_tx;

/// What the deliveries of a chunk have in common.
#[derive(Clone, Copy, Debug)]
pub struct FanOut<'a> {
    /// The run, which is their batch.
    pub run: &'a OpenRun,
    /// The newsletter's relay; its lanes exist.
    pub relay: &'a str,
    /// Their priority.
    pub priority: i64,
    /// Now.
    pub now: Timestamp,
}

/// CROSS JOIN keeps the order: the list first, then each person by row.
const INSERT_SQLITE: &str = "INSERT INTO delivery (letter_id, batch, recipient_id, recipient_uid, recipient_epoch, address, \
     address_hash, lane_id, priority, text_only, state, class, due_at, expires_at, created_at, finished_at) \
     SELECT m.value, $2, s.subscriber_id, s.uid, p.link_epoch, p.address, p.address_hash, l.id, $3, s.text_only, $4, $5, $6, $7, $8, $9 \
     FROM json_each($1) m CROSS JOIN subscription s ON s.id = CAST(m.key AS INTEGER) \
     CROSS JOIN subscriber p ON p.id = s.subscriber_id CROSS JOIN lane l ON l.relay = $10 AND l.provider = p.provider";
/// The engines unfold a JSON object by different functions.
const INSERT_POSTGRES: &str = "INSERT INTO delivery (letter_id, batch, recipient_id, recipient_uid, recipient_epoch, address, \
     address_hash, lane_id, priority, text_only, state, class, due_at, expires_at, created_at, finished_at) \
     SELECT CAST(m.value AS BIGINT), $2, s.subscriber_id, s.uid, p.link_epoch, p.address, p.address_hash, l.id, $3, s.text_only, $4, \
     $5, $6, $7, $8, $9 FROM json_each_text(CAST($1 AS JSON)) m JOIN subscription s ON s.id = CAST(m.key AS BIGINT) \
     JOIN subscriber p ON p.id = s.subscriber_id JOIN lane l ON l.relay = $10 AND l.provider = p.provider";

/// Stores a delivery for each person, given as (row of the subscription, row of the letter), as their letters' [`Entry`] says.
/// Returns how many were stored, which is all of them unless something is wrong; a conflict is an error, never passed over.
pub async fn insert_fan_out(
    tx: &mut Tx,
    fan: &FanOut<'_>,
    entry: Entry,
    people: &[(i64, i64)],
) -> Result<u64> {
    let mut list = String::from("{");
    for (subscription, letter) in people {
        if list.len() > 1 {
            list.push(',');
        }
        // Writing to a String cannot fail.
        let _ = write!(list, "\"{subscription}\":{letter}");
    }
    list.push('}');
    let sql = tx.choose(INSERT_SQLITE, INSERT_POSTGRES);
    let finished_at = (entry.state == "cancelled").then_some(fan.now);
    on_tx!(tx, c => sqlx::query(sql)
        .bind(&list).bind(fan.run.id).bind(fan.priority).bind(entry.state).bind(entry.class).bind(fan.run.due_at)
        .bind(fan.run.expires_at).bind(fan.now).bind(finished_at).bind(fan.relay)
        .execute(c).await.map(|done| done.rows_affected()))
}
