//! Slots: when digests come due.

use jiff::civil::Date;

use super::unreadable;
use crate::audience::cadence::{Cadence, first_due};
use crate::base::time::{Timestamp, Zone};
use crate::db::{Db, Result, Tx};
use crate::{on_db, on_tx};

/// When: one cadence, zone and minute of a newsletter.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Slot {
    /// Row.
    pub id: i64,
    /// Row of its newsletter.
    pub newsletter_id: i64,
    /// On which days.
    pub cadence: Cadence,
    /// Zone.
    pub time_zone: Zone,
    /// Minutes after local midnight.
    pub minute: i64,
    /// The nominal date it is due on next.
    pub next_date: Date,
    /// The instant of it: a cache of date, minute and zone.
    pub next_due_at: Timestamp,
}

type SlotRow = (i64, i64, String, String, i64, String, Timestamp);

fn read(row: SlotRow) -> Result<Slot> {
    let (id, newsletter_id, cadence, time_zone, minute, next_date, next_due_at) = row;
    Ok(Slot {
        id,
        newsletter_id,
        cadence: Cadence::parse(&cadence).map_err(unreadable)?,
        time_zone: Zone::parse(&time_zone).map_err(unreadable)?,
        minute,
        next_date: next_date.parse().map_err(unreadable)?,
        next_due_at,
    })
}

const LOCK_SLOT_SQLITE: &str = "SELECT id, newsletter_id, cadence, time_zone, minute, next_date, next_due_at FROM slot WHERE id = $1";
/// Several instances open runs side by side: each takes slots that no other holds. NO KEY: who subscribes meanwhile only refers
/// to the slot and need not wait.
const LOCK_SLOT_POSTGRES: &str = "SELECT id, newsletter_id, cadence, time_zone, minute, next_date, next_due_at FROM slot WHERE id = $1 \
     FOR NO KEY UPDATE SKIP LOCKED";

/// Locks one slot until the transaction ends; `None` if another holds it (or it does not exist). See [`list_due_slots`]; look
/// again at what is due under the lock.
pub async fn lock_slot(tx: &mut Tx, id: i64) -> Result<Option<Slot>> {
    let sql = tx.choose(LOCK_SLOT_SQLITE, LOCK_SLOT_POSTGRES);
    on_tx!(tx, c => sqlx::query_as::<_, SlotRow>(sql).bind(id).fetch_optional(c).await)?
        .map(read)
        .transpose()
}

/// Rows of the slots that are due, longest first.
pub async fn list_due_slots(db: &Db, now: Timestamp) -> Result<Vec<i64>> {
    on_db!(db, c => sqlx::query_scalar("SELECT id FROM slot WHERE next_due_at <= $1 ORDER BY next_due_at, id")
        .bind(now).fetch_all(c).await)
}

/// Moves a slot on; call it under the slot's lock.
pub async fn update_slot_next(
    tx: &mut Tx,
    slot_id: i64,
    next_date: Date,
    next_due_at: Timestamp,
) -> Result<()> {
    let date = next_date.to_string();
    on_tx!(tx, c => sqlx::query("UPDATE slot SET next_date = $2, next_due_at = $3 WHERE id = $1")
        .bind(slot_id).bind(&date).bind(next_due_at).execute(c).await.map(|_| ()))
}

/// All slots by row.
pub async fn list_slots(db: &Db) -> Result<Vec<Slot>> {
    on_db!(db, c => sqlx::query_as::<_, SlotRow>(
        "SELECT id, newsletter_id, cadence, time_zone, minute, next_date, next_due_at FROM slot ORDER BY id")
        .fetch_all(c).await)?
    .into_iter()
    .map(read)
    .collect()
}

/// The slot of that row.
pub async fn get_slot(db: &Db, id: i64) -> Result<Slot> {
    on_db!(db, c => sqlx::query_as::<_, SlotRow>(
        "SELECT id, newsletter_id, cadence, time_zone, minute, next_date, next_due_at FROM slot WHERE id = $1")
        .bind(id).fetch_one(c).await)
    .and_then(read)
}

/// The slot of those wishes, made on first use. A new one begins with its first due instant after `now`.
pub(crate) async fn ensure_slot(
    tx: &mut Tx,
    newsletter_id: i64,
    cadence: &Cadence,
    zone: &Zone,
    minute: i64,
    now: Timestamp,
) -> Result<i64> {
    let text = cadence.to_string();
    let find = "SELECT id FROM slot WHERE newsletter_id = $1 AND cadence = $2 AND time_zone = $3 AND minute = $4";
    let found: Option<i64> = on_tx!(tx, c => sqlx::query_scalar(find)
        .bind(newsletter_id).bind(&text).bind(zone.name()).bind(minute).fetch_optional(c).await)?;
    if let Some(id) = found {
        return Ok(id);
    }
    let (date, due) = first_due(cadence, zone, minute, now);
    on_tx!(tx, c => sqlx::query(
        "INSERT INTO slot (newsletter_id, cadence, time_zone, minute, next_date, next_due_at) VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (newsletter_id, cadence, time_zone, minute) DO NOTHING")
        .bind(newsletter_id).bind(&text).bind(zone.name()).bind(minute).bind(date.to_string()).bind(due)
        .execute(c).await.map(|_| ()))?;
    on_tx!(tx, c => sqlx::query_scalar(find)
        .bind(newsletter_id).bind(&text).bind(zone.name()).bind(minute).fetch_one(c).await)
}
