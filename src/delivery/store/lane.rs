//! Lanes: how fast one relay takes mail for one provider, as far as it outlives a process.

use crate::base::time::Timestamp;
use crate::db::{Result, Tx};
use crate::delivery::pace::{START, Standing};
use crate::on_tx;

/// The lane of a relay and provider, made if it is new.
pub async fn ensure_lane(tx: &mut Tx, relay: &str, provider: &str) -> Result<i64> {
    let found: Option<i64> = on_tx!(tx, c => sqlx::query_scalar(
        "SELECT id FROM lane WHERE relay = $1 AND provider = $2")
        .bind(relay).bind(provider).fetch_optional(c).await)?;
    if let Some(id) = found {
        return Ok(id);
    }
    // The update changes nothing; it makes RETURNING answer when somebody else was quicker.
    on_tx!(tx, c => sqlx::query_scalar(
        "INSERT INTO lane (relay, provider, concurrency) VALUES ($1, $2, $3) \
         ON CONFLICT (relay, provider) DO UPDATE SET relay = excluded.relay RETURNING id")
        .bind(relay).bind(provider).bind(i64::from(START)).fetch_one(c).await)
}

/// The lane that one domain of a shared lane gets for itself, made if it is new.
pub async fn ensure_own_lane(tx: &mut Tx, shared_id: i64, domain: &str) -> Result<i64> {
    on_tx!(tx, c => sqlx::query_scalar(
        "INSERT INTO lane (relay, provider, concurrency) SELECT relay, $2, $3 FROM lane WHERE id = $1 \
         ON CONFLICT (relay, provider) DO UPDATE SET relay = excluded.relay RETURNING id")
        .bind(shared_id).bind(domain).bind(i64::from(START)).fetch_one(c).await)
}

/// Keeps where a lane stands.
pub async fn update_standing(tx: &mut Tx, lane_id: i64, standing: Standing) -> Result<()> {
    on_tx!(tx, c => sqlx::query("UPDATE lane SET concurrency = $2, rate = $3, pauses = $4 WHERE id = $1")
        .bind(lane_id).bind(i64::from(standing.window)).bind(standing.per_minute.map(i64::from))
        .bind(i64::from(standing.pauses)).execute(c).await.map(|_| ()))
}

/// Notes that a lane is in trouble; `rest` is why it rests and until when. A longer rest that somebody else found stays.
pub async fn mark_trouble(
    tx: &mut Tx,
    lane_id: i64,
    rest: Option<(&str, Timestamp)>,
    reason: &str,
    now: Timestamp,
) -> Result<()> {
    on_tx!(tx, c => sqlx::query(
        "UPDATE lane SET troubled_at = $2, reason = $3, class = COALESCE($4, class), \
         paused_until = CASE WHEN paused_until > COALESCE($5, 0) THEN paused_until ELSE COALESCE($5, paused_until) END \
         WHERE id = $1")
        .bind(lane_id).bind(now).bind(reason).bind(rest.map(|(class, _)| class)).bind(rest.map(|(_, until)| until))
        .execute(c).await.map(|_| ()))
}

/// Lets all lanes go that rest; returns how many there were.
pub async fn wake_lanes(tx: &mut Tx, now: Timestamp) -> Result<u64> {
    on_tx!(tx, c => sqlx::query("UPDATE lane SET paused_until = NULL, pauses = 0 WHERE paused_until > $1")
        .bind(now).execute(c).await.map(|done| done.rows_affected()))
}
