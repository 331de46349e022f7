//! The people of a run: who has something to come, in chunks, and how far each has read.

use super::{id_list, join_languages, unreadable};
use crate::audience::selection::{Choice, Selection};
use crate::base::time::Timestamp;
use crate::db::{Db, Result, Tx};
use crate::{on_db, on_tx};

/// People of a run who can only have the same stories to come: one selection, read up to the same number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Group {
    /// Row of the selection.
    pub selection_id: i64,
    /// The last release they have been served.
    pub read_to: i64,
}

/// A subscription of a chunk, as far as picking asks for it; everything else goes from row to row.
#[derive(Clone, Copy, PartialEq, Eq, Debug, sqlx::FromRow, serde::Deserialize)]
pub struct Member {
    /// Row of the subscription.
    pub id: i64,
    /// Row of the slot.
    pub slot_id: i64,
    /// Row of the subscriber: whom deliveries name.
    pub subscriber_id: i64,
    /// Row of the selection.
    pub selection_id: i64,
    /// The last release the person has been served.
    pub read_to: i64,
}

/// Whom runs that end alike are for.
#[derive(Clone, Copy, Debug)]
pub struct Due<'a> {
    /// Rows of their slots.
    pub slots: &'a [i64],
    /// The end of their window: who has read so far has nothing to come.
    pub to_no: i64,
    /// The date that the date rule compares with: who had a mail on it waits for another day.
    pub local_date: &'a str,
    /// Most people are in these slots: going through everybody by row is quicker than slot by slot, and touches each page once.
    pub is_scan: bool,
}

const LIST_SELECTIONS_SQLITE: &str = "SELECT id, newsletter_id, key FROM selection \
     WHERE id IN (SELECT value FROM json_each($1)) ORDER BY id";
/// The engines unfold a JSON list by different functions.
const LIST_SELECTIONS_POSTGRES: &str = "SELECT id, newsletter_id, key FROM selection \
     WHERE id IN (SELECT CAST(value AS BIGINT) FROM jsonb_array_elements_text(CAST($1 AS JSONB))) ORDER BY id";

/// Selections by row; unknown ids are left out.
pub async fn list_selections(db: &Db, ids: &[i64]) -> Result<Vec<Selection>> {
    let sql = db.choose(LIST_SELECTIONS_SQLITE, LIST_SELECTIONS_POSTGRES);
    let rows: Vec<(i64, i64, String)> =
        on_db!(db, c => sqlx::query_as(sql).bind(id_list(ids)).fetch_all(c).await)?;
    rows.into_iter()
        .map(|(id, newsletter_id, key)| {
            // The key is the canonical text of everything else in the row.
            let choice = Choice::parse(&key).map_err(unreadable)?;
            Ok(Selection {
                id,
                newsletter_id,
                languages: choice.languages().to_vec(),
                sections: choice.sections().to_vec(),
                tags: choice.tags().to_vec(),
                key,
            })
        })
        .collect()
}

/// One value for all rows: handing over each by itself costs the driver more than reading it.
const LOCK_CHUNK_SQLITE: &str = "SELECT json_group_array(json_object('id', id, 'slot_id', slot_id, 'subscriber_id', subscriber_id, \
     'selection_id', selection_id, 'read_to', read_to)) FROM (SELECT s.id, s.slot_id, s.subscriber_id, s.selection_id, s.read_to \
     FROM subscription s WHERE s.slot_id IN (SELECT value FROM json_each($1)) AND s.state = 'active' AND s.id > $2 AND s.id <= $3 \
     AND s.read_to < $4 AND s.last_date < $5 ORDER BY s.id LIMIT $6)";
/// `+ 0` keeps the engine from going slot by slot.
const LOCK_RANGE_SQLITE: &str = "SELECT json_group_array(json_object('id', id, 'slot_id', slot_id, 'subscriber_id', subscriber_id, \
     'selection_id', selection_id, 'read_to', read_to)) FROM (SELECT s.id, s.slot_id, s.subscriber_id, s.selection_id, s.read_to \
     FROM subscription s WHERE s.slot_id + 0 IN (SELECT value FROM json_each($1)) AND s.state = 'active' AND s.id > $2 AND s.id <= $3 \
     AND s.read_to < $4 AND s.last_date < $5 ORDER BY s.id LIMIT $6)";
/// Planners on several instances take chunks apart; whoever leaves or changes wishes at this moment waits or is passed over.
const LOCK_CHUNK_POSTGRES: &str = "SELECT s.id, s.slot_id, s.subscriber_id, s.selection_id, s.read_to FROM subscription s \
     WHERE s.slot_id IN (SELECT CAST(value AS BIGINT) FROM jsonb_array_elements_text(CAST($1 AS JSONB))) AND s.state = 'active' \
     AND s.id > $2 AND s.id <= $3 AND s.read_to < $4 AND s.last_date < $5 ORDER BY s.id LIMIT $6 FOR UPDATE OF s SKIP LOCKED";
const LOCK_RANGE_POSTGRES: &str = "SELECT s.id, s.slot_id, s.subscriber_id, s.selection_id, s.read_to FROM subscription s \
     WHERE s.slot_id + 0 IN (SELECT CAST(value AS BIGINT) FROM jsonb_array_elements_text(CAST($1 AS JSONB))) AND s.state = 'active' \
     AND s.id > $2 AND s.id <= $3 AND s.read_to < $4 AND s.last_date < $5 ORDER BY s.id LIMIT $6 FOR UPDATE OF s SKIP LOCKED";

/// Locks up to `limit` people of those runs whose row comes after `after` and not after `upto`, by row: a planner that goes through
/// them so need not pass those again that it has served. An empty chunk does not mean that the runs are over: others may hold the
/// rest, see [`list_slots_with_due`].
pub async fn lock_chunk(
    tx: &mut Tx,
    due: &Due<'_>,
    (after, upto): (i64, i64),
    limit: i64,
) -> Result<Vec<Member>> {
    let slots = id_list(due.slots);
    match tx {
        Tx::Sqlite(c) => {
            let sql = if due.is_scan {
                LOCK_RANGE_SQLITE
            } else {
                LOCK_CHUNK_SQLITE
            };
            let rows: String = sqlx::query_scalar(sql)
                .bind(slots)
                .bind(after)
                .bind(upto)
                .bind(due.to_no)
                .bind(due.local_date)
                .bind(limit)
                .fetch_one(&mut **c)
                .await?;
            serde_json::from_str(&rows).map_err(unreadable)
        }
        Tx::Postgres(c) => {
            let sql = if due.is_scan {
                LOCK_RANGE_POSTGRES
            } else {
                LOCK_CHUNK_POSTGRES
            };
            sqlx::query_as(sql)
                .bind(slots)
                .bind(after)
                .bind(upto)
                .bind(due.to_no)
                .bind(due.local_date)
                .bind(limit)
                .fetch_all(&mut **c)
                .await
        }
    }
}

const COUNT_ACTIVE_SQLITE: &str = "SELECT slot_id, COUNT(*) FROM subscription WHERE state = 'active' \
     AND slot_id IN (SELECT value FROM json_each($1)) GROUP BY slot_id";
/// The engines unfold a JSON list by different functions.
const COUNT_ACTIVE_POSTGRES: &str = "SELECT slot_id, COUNT(*) FROM subscription WHERE state = 'active' \
     AND slot_id IN (SELECT CAST(value AS BIGINT) FROM jsonb_array_elements_text(CAST($1 AS JSONB))) GROUP BY slot_id";

/// How many active people each of those slots has, as (slot, people); empty ones are left out.
pub async fn count_active(db: &Db, slots: &[i64]) -> Result<Vec<(i64, i64)>> {
    let sql = db.choose(COUNT_ACTIVE_SQLITE, COUNT_ACTIVE_POSTGRES);
    on_db!(db, c => sqlx::query_as(sql).bind(id_list(slots)).fetch_all(c).await)
}

/// The last row of all subscriptions; 0 if there is none.
pub async fn get_last_row(db: &Db) -> Result<i64> {
    on_db!(db, c => sqlx::query_scalar("SELECT COALESCE(MAX(id), 0) FROM subscription").fetch_one(c).await)
}

const ADVANCE_SQLITE: &str = "UPDATE subscription SET read_to = $2, last_date = COALESCE(CAST($3 AS TEXT), last_date) \
     WHERE id IN (SELECT value FROM json_each($1)) AND read_to < $2";
/// The engines unfold a JSON list by different functions.
const ADVANCE_POSTGRES: &str = "UPDATE subscription SET read_to = $2, last_date = COALESCE(CAST($3 AS TEXT), last_date) \
     WHERE id IN (SELECT CAST(value AS BIGINT) FROM jsonb_array_elements_text(CAST($1 AS JSONB))) AND read_to < $2";

/// Moves people on to `to_no`, never back, and remembers the local date if they were mailed. Call it under the chunk's lock;
/// returns how many moved, which is all of `ids` unless something is wrong.
pub async fn advance(tx: &mut Tx, ids: &[i64], to_no: i64, last_date: Option<&str>) -> Result<u64> {
    let sql = tx.choose(ADVANCE_SQLITE, ADVANCE_POSTGRES);
    on_tx!(tx, c => sqlx::query(sql).bind(id_list(ids)).bind(to_no).bind(last_date)
        .execute(c).await.map(|done| done.rows_affected()))
}

const SLOTS_WITH_DUE_SQLITE: &str = "SELECT DISTINCT s.slot_id FROM subscription s \
     WHERE s.slot_id IN (SELECT value FROM json_each($1)) AND s.state = 'active' AND s.read_to < $2 AND s.last_date < $3";
/// `+ 0` as in [`LOCK_RANGE_SQLITE`].
const SLOTS_WITH_DUE_SCAN_SQLITE: &str = "SELECT DISTINCT s.slot_id FROM subscription s \
     WHERE s.slot_id + 0 IN (SELECT value FROM json_each($1)) AND s.state = 'active' AND s.read_to < $2 AND s.last_date < $3";
/// Its own planner weighs the two ways.
const SLOTS_WITH_DUE_POSTGRES: &str = "SELECT DISTINCT s.slot_id FROM subscription s \
     WHERE s.slot_id IN (SELECT CAST(value AS BIGINT) FROM jsonb_array_elements_text(CAST($1 AS JSONB))) AND s.state = 'active' \
     AND s.read_to < $2 AND s.last_date < $3";

/// Which of the runs' slots still have someone to serve, whoever holds them.
pub async fn list_slots_with_due(tx: &mut Tx, due: &Due<'_>) -> Result<Vec<i64>> {
    let sqlite = if due.is_scan {
        SLOTS_WITH_DUE_SCAN_SQLITE
    } else {
        SLOTS_WITH_DUE_SQLITE
    };
    let sql = tx.choose(sqlite, SLOTS_WITH_DUE_POSTGRES);
    on_tx!(tx, c => sqlx::query_scalar(sql)
        .bind(id_list(due.slots)).bind(due.to_no).bind(due.local_date).fetch_all(c).await)
}

/// For `verify`: subscriptions that a closed run (state `done`) of the slot should have served and did not. Whoever joined,
/// returned, changed wishes or came back from a pause since the run was opened is no business of it.
pub async fn list_lagging(
    db: &Db,
    slot_id: i64,
    to_no: i64,
    local_date: &str,
    opened_at: Timestamp,
) -> Result<Vec<i64>> {
    on_db!(db, c => sqlx::query_scalar(
        "SELECT s.id FROM subscription s WHERE s.slot_id = $1 AND s.state = 'active' AND s.read_to < $2 AND s.last_date < $3 \
         AND (s.paused_until IS NULL OR s.paused_until <= $3) \
         AND NOT EXISTS (SELECT 1 FROM consent c WHERE c.subscriber_id = s.subscriber_id AND c.at >= $4 \
         AND c.action IN ('confirmed', 'added', 'changed', 'returned')) ORDER BY s.id")
        .bind(slot_id).bind(to_no).bind(local_date).bind(opened_at).fetch_all(c).await)
}

/// The selection of those wishes, made on first use.
pub(crate) async fn ensure_selection(
    tx: &mut Tx,
    newsletter_id: i64,
    uid: &str,
    choice: &Choice,
) -> Result<i64> {
    let key = choice.to_string();
    let find = "SELECT id FROM selection WHERE newsletter_id = $1 AND key = $2";
    let found: Option<i64> = on_tx!(tx, c => sqlx::query_scalar(find).bind(newsletter_id).bind(&key).fetch_optional(c).await)?;
    if let Some(id) = found {
        return Ok(id);
    }
    let topics = (!choice.sections().is_empty() || !choice.tags().is_empty()).then(|| {
        serde_json::json!({ "sections": choice.sections(), "tags": choice.tags() }).to_string()
    });
    on_tx!(tx, c => sqlx::query(
        "INSERT INTO selection (uid, newsletter_id, languages, topics, key) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (newsletter_id, key) DO NOTHING")
        .bind(uid).bind(newsletter_id).bind(join_languages(choice.languages())).bind(topics).bind(&key).execute(c).await.map(|_| ()))?;
    on_tx!(tx, c => sqlx::query_scalar(find).bind(newsletter_id).bind(&key).fetch_one(c).await)
}
