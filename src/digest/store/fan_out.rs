//! From the people of a chunk to their deliveries: one statement, so that addresses go from row to row and not through us.

use std::fmt::Write as _;

use crate::base::time::Timestamp;
use crate::db::{Result, Tx};
use crate::delivery::store::Entry;
use crate::digest::store::json;
use crate::on_tx;

/// What the deliveries of a chunk have in common.
#[derive(Clone, Copy, Debug)]
pub struct FanOut<'a> {
    /// The runs, of different slots: each person's is their batch, and says from when until when.
    pub runs: &'a [i64],
    /// The newsletter's relay.
    pub relay: &'a str,
    /// Their priority.
    pub priority: i64,
    /// Now.
    pub now: Timestamp,
}

/// CROSS JOIN keeps the order: the list first, then each person by row.
const INSERT_SQLITE: &str = "WITH r AS MATERIALIZED (SELECT run.id, run.slot_id, run.due_at, run.expires_at FROM json_each($2) j \
     JOIN run ON run.id = j.value) \
     INSERT INTO delivery (letter_id, batch, recipient_id, recipient_uid, recipient_epoch, address, \
     address_hash, lane_id, priority, text_only, state, class, due_at, expires_at, created_at, finished_at) \
     SELECT m.value, r.id, s.subscriber_id, s.uid, p.link_epoch, p.address, p.address_hash, l.id, $3, s.text_only, $4, $5, r.due_at, \
     r.expires_at, $6, $7 FROM json_each($1) m CROSS JOIN subscription s ON s.id = CAST(m.key AS INTEGER) \
     CROSS JOIN r ON r.slot_id = s.slot_id CROSS JOIN subscriber p ON p.id = s.subscriber_id \
     CROSS JOIN lane l ON l.relay = $8 AND l.provider = p.provider";
/// The engines unfold a JSON object by different functions.
const INSERT_POSTGRES: &str = "WITH r AS MATERIALIZED (SELECT run.id, run.slot_id, run.due_at, run.expires_at \
     FROM jsonb_array_elements_text(CAST($2 AS JSONB)) j JOIN run ON run.id = CAST(j.value AS BIGINT)) \
     INSERT INTO delivery (letter_id, batch, recipient_id, recipient_uid, recipient_epoch, address, \
     address_hash, lane_id, priority, text_only, state, class, due_at, expires_at, created_at, finished_at) \
     SELECT CAST(m.value AS BIGINT), r.id, s.subscriber_id, s.uid, p.link_epoch, p.address, p.address_hash, l.id, $3, s.text_only, $4, \
     $5, r.due_at, r.expires_at, $6, $7 FROM json_each_text(CAST($1 AS JSON)) m JOIN subscription s ON s.id = CAST(m.key AS BIGINT) \
     JOIN r ON r.slot_id = s.slot_id JOIN subscriber p ON p.id = s.subscriber_id JOIN lane l ON l.relay = $8 AND l.provider = p.provider \
     ORDER BY s.id";

/// Stores a delivery for each person, given as (row of the subscription, row of the letter), as their letters' [`Entry`] says.
/// Returns how many were stored: fewer only if a provider has no lane yet, see [`list_laneless`]. A conflict is an error, never passed
/// over.
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
    let runs = json(fan.runs);
    let finished_at = (entry.state == "cancelled").then_some(fan.now);
    on_tx!(tx, c => sqlx::query(sql)
        .bind(&list).bind(&runs).bind(fan.priority).bind(entry.state).bind(entry.class).bind(fan.now).bind(finished_at).bind(fan.relay)
        .execute(c).await.map(|done| done.rows_affected()))
}

const LIST_LANELESS_SQLITE: &str = "SELECT DISTINCT p.provider FROM json_each($1) m JOIN subscription s ON s.id = m.value \
     JOIN subscriber p ON p.id = s.subscriber_id \
     WHERE NOT EXISTS (SELECT 1 FROM lane l WHERE l.relay = $2 AND l.provider = p.provider) ORDER BY p.provider";
/// The engines unfold a JSON list by different functions.
const LIST_LANELESS_POSTGRES: &str = "SELECT DISTINCT p.provider FROM jsonb_array_elements_text(CAST($1 AS JSONB)) m \
     JOIN subscription s ON s.id = CAST(m.value AS BIGINT) JOIN subscriber p ON p.id = s.subscriber_id \
     WHERE NOT EXISTS (SELECT 1 FROM lane l WHERE l.relay = $2 AND l.provider = p.provider) ORDER BY p.provider";

/// The providers of those people for which a relay has no lane yet.
pub async fn list_laneless(tx: &mut Tx, relay: &str, subscriptions: &[i64]) -> Result<Vec<String>> {
    let sql = tx.choose(LIST_LANELESS_SQLITE, LIST_LANELESS_POSTGRES);
    on_tx!(tx, c => sqlx::query_scalar(sql).bind(json(subscriptions)).bind(relay).fetch_all(c).await)
}

const ADD_TO_RUNS_SQLITE: &str = "UPDATE run SET mailed = mailed + (j.value ->> 1), empty = empty + (j.value ->> 2) FROM json_each($1) j \
     WHERE run.id = j.value ->> 0 AND run.state = 'open' AND run.held_at IS NULL \
     AND NOT EXISTS (SELECT 1 FROM hold h JOIN slot s ON s.newsletter_id = h.newsletter_id \
     WHERE s.id = run.slot_id AND h.local_date = run.local_date)";
/// Locked by row first: two planners with the same runs would meet in any order.
const ADD_TO_RUNS_POSTGRES: &str = "WITH j AS (SELECT CAST(value ->> 0 AS BIGINT) AS id, CAST(value ->> 1 AS BIGINT) AS mailed, \
     CAST(value ->> 2 AS BIGINT) AS empty FROM jsonb_array_elements(CAST($1 AS JSONB))), \
     l AS MATERIALIZED (SELECT id FROM run WHERE id IN (SELECT id FROM j) ORDER BY id FOR NO KEY UPDATE) \
     UPDATE run SET mailed = run.mailed + j.mailed, empty = run.empty + j.empty FROM j JOIN l ON l.id = j.id \
     WHERE run.id = j.id AND run.state = 'open' AND run.held_at IS NULL \
     AND NOT EXISTS (SELECT 1 FROM hold h JOIN slot s ON s.newsletter_id = h.newsletter_id \
     WHERE s.id = run.slot_id AND h.local_date = run.local_date)";

/// Adds to the sums of open runs, as (run, mailed, empty); false if one is open no more, or held, and then nothing of the transaction
/// may be kept.
pub async fn add_to_runs(tx: &mut Tx, sums: &[(i64, i64, i64)]) -> Result<bool> {
    let sql = tx.choose(ADD_TO_RUNS_SQLITE, ADD_TO_RUNS_POSTGRES);
    on_tx!(tx, c => sqlx::query(sql).bind(json(sums)).execute(c).await
        .map(|done| done.rows_affected() == sums.len() as u64))
}

const CLOSE_RUNS_SQLITE: &str = "UPDATE run SET state = $2, closed_at = $3 WHERE id IN (SELECT value FROM json_each($1)) \
     AND state = 'open' RETURNING id, mailed, empty";
/// The engines unfold a JSON list by different functions; locked by row first, as above.
const CLOSE_RUNS_POSTGRES: &str = "WITH l AS MATERIALIZED (SELECT id FROM run WHERE id IN \
     (SELECT CAST(value AS BIGINT) FROM jsonb_array_elements_text(CAST($1 AS JSONB))) ORDER BY id FOR NO KEY UPDATE) \
     UPDATE run SET state = $2, closed_at = $3 FROM l WHERE run.id = l.id AND run.state = 'open' RETURNING run.id, run.mailed, run.empty";

/// Closes open runs as `done` or `cut`; those that are closed now, with their sums: (run, mailed, empty).
pub async fn close_runs(
    tx: &mut Tx,
    runs: &[i64],
    state: &str,
    now: Timestamp,
) -> Result<Vec<(i64, i64, i64)>> {
    let sql = tx.choose(CLOSE_RUNS_SQLITE, CLOSE_RUNS_POSTGRES);
    on_tx!(tx, c => sqlx::query_as(sql).bind(json(runs)).bind(state).bind(now).fetch_all(c).await)
}
