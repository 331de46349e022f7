//! What is due, and who takes it. Letters take turns in a lane: the index of queued rows goes by lane, priority and letter.

use super::journal::{Claimed, Key};
use crate::base::address::EmailAddress;
use crate::base::time::Timestamp;
use crate::db::{Db, Result, Tx};
use crate::{on_db, on_tx};

/// A lane, and what is due in it.
#[derive(Clone, Debug)]
pub struct Lane {
    /// Row.
    pub id: i64,
    /// Name of the relay.
    pub relay: String,
    /// Provider, or the domain whose own lane it is.
    pub provider: String,
    /// Messages that may be in conversation at once.
    pub concurrency: i64,
    /// Messages that may begin in a minute.
    pub rate: Option<i64>,
    /// Until when it rests.
    pub paused_until: Option<Timestamp>,
    /// Why: `throttle`, `policy`, `broken` or `uncertain`.
    pub class: Option<String>,
    /// Rests in a row.
    pub pauses: i64,
    /// When it was last in trouble.
    pub troubled_at: Option<Timestamp>,
    /// Whether something is due for which a person waits.
    pub has_urgent: bool,
    /// Whether a digest is due.
    pub has_digest: bool,
    /// Whether something is due that is sent again.
    pub has_replay: bool,
}

/// What there is to do.
#[derive(Clone, Debug, Default)]
pub struct Agenda {
    /// All lanes.
    pub lanes: Vec<Lane>,
    /// Whether a row is past its time, or an uncertain one is due.
    pub has_chores: bool,
    /// Whether the operator paused everything.
    pub is_paused: bool,
    /// Workers that are alive.
    pub workers: i64,
}

/// Looks what is due; changes nothing.
pub async fn get_agenda(db: &Db, now: Timestamp) -> Result<Agenda> {
    type Row = (
        i64,
        String,
        String,
        i64,
        Option<i64>,
        Option<Timestamp>,
        Option<String>,
        i64,
        Option<Timestamp>,
        bool,
        bool,
        bool,
    );
    let lanes: Vec<Row> = on_db!(db, c => sqlx::query_as(
        "SELECT l.id, l.relay, l.provider, l.concurrency, l.rate, l.paused_until, l.class, l.pauses, l.troubled_at, \
         EXISTS (SELECT 1 FROM delivery d WHERE d.lane_id = l.id AND d.state = 'queued' AND d.priority = 0 AND d.due_at <= $1), \
         EXISTS (SELECT 1 FROM delivery d WHERE d.lane_id = l.id AND d.state = 'queued' AND d.priority = 5 AND d.due_at <= $1), \
         EXISTS (SELECT 1 FROM delivery d WHERE d.lane_id = l.id AND d.state = 'queued' AND d.priority = 9 AND d.due_at <= $1) \
         FROM lane l ORDER BY l.id")
        .bind(now).fetch_all(c).await)?;
    let (has_chores, is_paused, workers): (bool, bool, i64) = on_db!(db, c => sqlx::query_as(
        "SELECT EXISTS (SELECT 1 FROM delivery WHERE state = 'queued' AND expires_at <= $1) \
         OR EXISTS (SELECT 1 FROM delivery WHERE state = 'uncertain' AND due_at <= $1), \
         EXISTS (SELECT 1 FROM pause WHERE scope = '*'), (SELECT COUNT(*) FROM worker WHERE ended_at IS NULL)")
        .bind(now).fetch_one(c).await)?;
    Ok(Agenda {
        lanes: lanes
            .into_iter()
            .map(|r| Lane {
                id: r.0,
                relay: r.1,
                provider: r.2,
                concurrency: r.3,
                rate: r.4,
                paused_until: r.5,
                class: r.6,
                pauses: r.7,
                troubled_at: r.8,
                has_urgent: r.9,
                has_digest: r.10,
                has_replay: r.11,
            })
            .collect(),
        has_chores,
        is_paused,
        workers,
    })
}

/// Letters with a queued row in a lane and priority that is due, by their rows' number, from behind `after`; at most `limit`. It goes
/// from letter to letter, and reads none of their rows but the first that is due.
pub async fn list_waiting_letters(
    tx: &mut Tx,
    (lane_id, priority): (i64, i64),
    after: i64,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<i64>> {
    on_tx!(tx, c => sqlx::query_scalar(
        "WITH RECURSIVE waiting (letter_id) AS (SELECT (SELECT MIN(letter_id) FROM delivery WHERE state = 'queued' \
         AND lane_id = $1 AND priority = $2 AND letter_id > $3) \
         UNION ALL SELECT (SELECT MIN(letter_id) FROM delivery WHERE state = 'queued' AND lane_id = $1 AND priority = $2 \
         AND letter_id > waiting.letter_id) FROM waiting WHERE waiting.letter_id IS NOT NULL) \
         SELECT letter_id FROM waiting WHERE letter_id IS NOT NULL AND EXISTS (SELECT 1 FROM delivery d WHERE d.state = 'queued' \
         AND d.lane_id = $1 AND d.priority = $2 AND d.letter_id = waiting.letter_id AND d.due_at <= $4) LIMIT $5")
        .bind(lane_id).bind(priority).bind(after).bind(now).bind(limit).fetch_all(c).await)
}

const CLAIM_SQLITE: &str = "UPDATE delivery SET state = 'leased', worker_id = $1, attempts = attempts + 1 \
     WHERE id IN (SELECT id FROM delivery WHERE state = 'queued' AND lane_id = $2 AND priority = $3 AND letter_id = $6 \
     AND due_at <= $4 AND (expires_at IS NULL OR expires_at > $4) ORDER BY due_at, id LIMIT $5) \
     RETURNING id, letter_id, attempts, recipient_id, recipient_uid, recipient_epoch, address, address_hash, text_only, due_at, \
     refusals";
/// SKIP LOCKED: workers claim side by side, each its own rows. MATERIALIZED: the rows are picked once.
const CLAIM_POSTGRES: &str = "WITH picked AS MATERIALIZED (SELECT id FROM delivery WHERE state = 'queued' AND lane_id = $2 \
     AND priority = $3 AND letter_id = $6 AND due_at <= $4 AND (expires_at IS NULL OR expires_at > $4) \
     ORDER BY due_at, id LIMIT $5 FOR UPDATE SKIP LOCKED) \
     UPDATE delivery SET state = 'leased', worker_id = $1, attempts = attempts + 1 FROM picked WHERE delivery.id = picked.id \
     RETURNING delivery.id, letter_id, attempts, recipient_id, recipient_uid, recipient_epoch, address, address_hash, \
     text_only, due_at, refusals";

/// Claims up to `limit` due rows of one letter in one lane and priority, oldest first.
pub async fn claim(
    tx: &mut Tx,
    worker_id: i64,
    (lane_id, priority, letter_id): (i64, i64, i64),
    now: Timestamp,
    limit: i64,
) -> Result<Vec<Claimed>> {
    type Row = (
        i64,
        i64,
        i64,
        i64,
        String,
        i64,
        Option<String>,
        String,
        bool,
        Timestamp,
        i64,
    );
    let sql = tx.choose(CLAIM_SQLITE, CLAIM_POSTGRES);
    let rows: Vec<Row> = on_tx!(tx, c => sqlx::query_as(sql)
        .bind(worker_id).bind(lane_id).bind(priority).bind(now).bind(limit).bind(letter_id).fetch_all(c).await)?;
    let mut claimed: Vec<Claimed> = rows
        .into_iter()
        .map(|r| Claimed {
            key: Key {
                id: r.0,
                letter_id: r.1,
                worker_id,
                attempts: r.2,
            },
            recipient_id: r.3,
            recipient_uid: r.4,
            recipient_epoch: r.5,
            domain: r
                .6
                .as_deref()
                .and_then(|address| EmailAddress::parse(address).ok())
                .map_or_else(String::new, |address| address.domain().to_owned()),
            address: r.6.unwrap_or_default(),
            address_hash: r.7,
            priority,
            is_text_only: r.8,
            due_at: r.9,
            refusals: r.10,
        })
        .collect();
    claimed.sort_by_key(|row| (row.due_at, row.key.id));
    Ok(claimed)
}

const REHOME_SQLITE: &str = "UPDATE delivery SET state = 'queued', lane_id = $2 WHERE worker_id = $1 AND state = 'leased' \
     AND id IN (SELECT value FROM json_each($3))";
/// The engines unfold a JSON list by different functions.
const REHOME_POSTGRES: &str = "UPDATE delivery SET state = 'queued', lane_id = $2 WHERE worker_id = $1 AND state = 'leased' \
     AND id IN (SELECT CAST(value AS BIGINT) FROM jsonb_array_elements_text(CAST($3 AS JSONB)))";

/// Puts rows that were just claimed into the lane they belong to; whoever claims there sends them.
pub async fn rehome(tx: &mut Tx, worker_id: i64, ids: &[i64], lane_id: i64) -> Result<()> {
    let sql = tx.choose(REHOME_SQLITE, REHOME_POSTGRES);
    let list = serde_json::to_string(ids).unwrap_or_default();
    on_tx!(tx, c => sqlx::query(sql).bind(worker_id).bind(lane_id).bind(list).execute(c).await.map(|_| ()))
}
