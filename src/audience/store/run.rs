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

/// A subscription of a chunk, as far as picking asks for it; its address goes from row to row.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Member {
    /// Row of the subscription.
    pub id: i64,
    /// Uid of the subscription: what the links of an issue name.
    pub uid: String,
    /// Row of the subscriber.
    pub subscriber_id: i64,
    /// Row of the selection.
    pub selection_id: i64,
    /// The last release the person has been served.
    pub read_to: i64,
    /// Provider, which decides the lane.
    pub provider: String,
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

const LOCK_CHUNK_SQLITE: &str = "SELECT s.id, s.uid, s.subscriber_id, s.selection_id, s.read_to, p.provider \
     FROM subscription s JOIN subscriber p ON p.id = s.subscriber_id \
     WHERE s.slot_id = $1 AND s.state = 'active' AND s.id > $2 AND s.read_to < $3 AND s.last_date < $4 ORDER BY s.id LIMIT $5";
/// Planners on several instances take chunks apart; whoever leaves or changes wishes at this moment waits or is passed over.
const LOCK_CHUNK_POSTGRES: &str = "SELECT s.id, s.uid, s.subscriber_id, s.selection_id, s.read_to, p.provider \
     FROM subscription s JOIN subscriber p ON p.id = s.subscriber_id \
     WHERE s.slot_id = $1 AND s.state = 'active' AND s.id > $2 AND s.read_to < $3 AND s.last_date < $4 ORDER BY s.id LIMIT $5 \
     FOR UPDATE OF s SKIP LOCKED";

/// Locks up to `limit` people of a run whose row comes after `after`, by row: a planner that goes through them so need not pass
/// those again that it has served. An empty chunk does not mean that the run is over: others may hold the rest, see
/// [`is_anyone_due`].
pub async fn lock_chunk(
    tx: &mut Tx,
    slot_id: i64,
    after: i64,
    to_no: i64,
    local_date: &str,
    limit: i64,
) -> Result<Vec<Member>> {
    type Row = (i64, String, i64, i64, i64, String);
    let sql = tx.choose(LOCK_CHUNK_SQLITE, LOCK_CHUNK_POSTGRES);
    let rows: Vec<Row> = on_tx!(tx, c => sqlx::query_as(sql)
        .bind(slot_id).bind(after).bind(to_no).bind(local_date).bind(limit).fetch_all(c).await)?;
    Ok(rows
        .into_iter()
        .map(|row| Member {
            id: row.0,
            uid: row.1,
            subscriber_id: row.2,
            selection_id: row.3,
            read_to: row.4,
            provider: row.5,
        })
        .collect())
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

/// Whether a run still has someone to serve, whoever holds them.
pub async fn is_anyone_due(
    tx: &mut Tx,
    slot_id: i64,
    to_no: i64,
    local_date: &str,
) -> Result<bool> {
    on_tx!(tx, c => sqlx::query_scalar::<_, i64>(
        "SELECT id FROM subscription WHERE slot_id = $1 AND state = 'active' AND read_to < $2 AND last_date < $3 LIMIT 1")
        .bind(slot_id).bind(to_no).bind(local_date).fetch_optional(c).await)
    .map(|row| row.is_some())
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
