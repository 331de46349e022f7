//! The SQL of subscriptions and of requests that wait.

use super::request::{Mode, Request};
use super::{PUSH, callback::Callback};
use crate::base::time::Timestamp;
use crate::config::Websub;
use crate::db::{Db, Result, Tx};
use crate::work::job::NewJob;
use crate::work::store::put_job;
use crate::{on_db, on_tx};

/// A request that was accepted.
#[derive(Clone, sqlx::FromRow)]
pub struct Pending {
    /// Its row.
    pub id: i64,
    /// `subscribe` or `unsubscribe`.
    pub mode: String,
    /// The feed's key.
    pub topic: String,
    /// Where to.
    pub callback: String,
    /// The key of signatures.
    pub secret: Option<String>,
    /// What will be given.
    pub lease_secs: i64,
}

/// A subscription to which something is to be delivered.
#[derive(Clone, sqlx::FromRow)]
pub struct Subscription {
    /// Its row.
    pub id: i64,
    /// The feed's key.
    pub topic: String,
    /// Where to.
    pub callback: String,
    /// The key of signatures.
    pub secret: Option<String>,
    /// The stem of the bytes that were delivered last.
    pub sent_etag: Option<String>,
    /// Deliveries that were given up since the last success.
    pub failures: i64,
}

/// What the caps count.
#[derive(Clone, Copy, PartialEq, Eq, Debug, sqlx::FromRow)]
pub struct Counts {
    /// Requests of the client that wait.
    pub pending_of_client: i64,
    /// Requests for the host that wait.
    pub pending_of_host: i64,
    /// Requests that wait.
    pub pending: i64,
    /// Requests of the client since the given instant.
    pub recent_of_client: i64,
    /// Requests for the host since the given instant.
    pub recent_of_host: i64,
}

/// Counts requests.
pub async fn count_requests(
    tx: &mut Tx,
    client: &str,
    host: &str,
    since: Timestamp,
) -> Result<Counts> {
    on_tx!(tx, c => sqlx::query_as(
        "SELECT (SELECT COUNT(*) FROM websub_request WHERE done_at IS NULL AND client = $1) AS pending_of_client, \
         (SELECT COUNT(*) FROM websub_request WHERE done_at IS NULL AND host = $2) AS pending_of_host, \
         (SELECT COUNT(*) FROM websub_request WHERE done_at IS NULL) AS pending, \
         (SELECT COUNT(*) FROM websub_request WHERE client = $1 AND created_at > $3) AS recent_of_client, \
         (SELECT COUNT(*) FROM websub_request WHERE host = $2 AND created_at > $3) AS recent_of_host")
        .bind(client).bind(host).bind(since).fetch_one(c).await)
}

/// Keeps a request until it is verified; returns its id.
pub async fn insert_request(
    tx: &mut Tx,
    request: &Request,
    topic: &str,
    callback: &Callback,
    client: &str,
    lease_secs: i64,
    now: Timestamp,
) -> Result<i64> {
    on_tx!(tx, c => sqlx::query_scalar(
        "INSERT INTO websub_request (mode, topic, callback, host, client, secret, lease_secs, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id")
        .bind(request.mode.as_str()).bind(topic).bind(callback.as_str()).bind(callback.host()).bind(client)
        .bind(&request.secret).bind(lease_secs).bind(now).fetch_one(c).await)
}

/// A request that still waits. Of several by one client about the same subscription only the newest counts.
pub async fn find_pending(db: &Db, id: i64) -> Result<Option<Pending>> {
    on_db!(db, c => sqlx::query_as(
        "SELECT r.id, r.mode, r.topic, r.callback, r.secret, r.lease_secs FROM websub_request r \
         WHERE r.id = $1 AND r.done_at IS NULL AND NOT EXISTS (SELECT 1 FROM websub_request n \
         WHERE n.host = r.host AND n.topic = r.topic AND n.callback = r.callback AND n.client = r.client AND n.id > r.id)")
        .bind(id).fetch_optional(c).await)
}

/// A request waits no more, and its secret is forgotten; false if it had been settled, or a newer one of the same client has
/// taken its place.
pub async fn mark_done(tx: &mut Tx, id: i64, now: Timestamp) -> Result<bool> {
    let is_newest: Option<bool> = on_tx!(tx, c => sqlx::query_scalar(
        "SELECT NOT EXISTS (SELECT 1 FROM websub_request n WHERE n.host = r.host AND n.topic = r.topic \
         AND n.callback = r.callback AND n.client = r.client AND n.id > r.id) \
         FROM websub_request r WHERE r.id = $1").bind(id).fetch_optional(&mut *c).await)?;
    let was_open = on_tx!(tx, c => sqlx::query(
        "UPDATE websub_request SET done_at = $2, secret = NULL WHERE id = $1 AND done_at IS NULL")
        .bind(id).bind(now).execute(&mut *c).await.map(|done| done.rows_affected() == 1))?;
    Ok(was_open && is_newest == Some(true))
}

/// Whether there is a live subscription of that callback, and how many there are of its host and in all.
pub async fn count_subscriptions(
    tx: &mut Tx,
    topic: &str,
    callback: &Callback,
    now: Timestamp,
) -> Result<(bool, i64, i64)> {
    on_tx!(tx, c => sqlx::query_as(
        "SELECT EXISTS (SELECT 1 FROM websub_subscription WHERE topic = $1 AND callback = $2 AND lease_until > $4), \
         (SELECT COUNT(*) FROM websub_subscription WHERE host = $3 AND lease_until > $4), \
         (SELECT COUNT(*) FROM websub_subscription WHERE lease_until > $4)")
        .bind(topic).bind(callback.as_str()).bind(callback.host()).bind(now).fetch_one(c).await)
}

/// Makes a verified subscription or renews it.
pub async fn put_subscription(
    tx: &mut Tx,
    pending: &Pending,
    host: &str,
    now: Timestamp,
) -> Result<()> {
    on_tx!(tx, c => sqlx::query(
        "INSERT INTO websub_subscription (topic, callback, host, secret, lease_secs, lease_until, created_at, verified_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $7) ON CONFLICT (topic, callback) DO UPDATE SET secret = excluded.secret, \
         lease_secs = excluded.lease_secs, lease_until = excluded.lease_until, verified_at = excluded.verified_at, failures = 0")
        .bind(&pending.topic).bind(&pending.callback).bind(host).bind(&pending.secret).bind(pending.lease_secs)
        .bind(now.plus_secs(pending.lease_secs)).bind(now).execute(c).await.map(|_| ()))
}

/// Ends the subscription of a callback.
pub async fn delete_by_callback(tx: &mut Tx, topic: &str, callback: &str) -> Result<()> {
    on_tx!(tx, c => sqlx::query("DELETE FROM websub_subscription WHERE topic = $1 AND callback = $2")
        .bind(topic).bind(callback).execute(c).await.map(|_| ()))
}

/// Ends a subscription.
pub async fn delete_subscription(tx: &mut Tx, id: i64) -> Result<()> {
    on_tx!(tx, c => sqlx::query("DELETE FROM websub_subscription WHERE id = $1").bind(id).execute(c).await.map(|_| ()))
}

/// A subscription whose lease has not ended.
pub async fn find_live(db: &Db, id: i64, now: Timestamp) -> Result<Option<Subscription>> {
    on_db!(db, c => sqlx::query_as(
        "SELECT id, topic, callback, secret, sent_etag, failures FROM websub_subscription WHERE id = $1 AND lease_until > $2")
        .bind(id).bind(now).fetch_optional(c).await)
}

/// The subscriber has these bytes.
pub async fn mark_sent(tx: &mut Tx, id: i64, etag: &str) -> Result<()> {
    on_tx!(tx, c => sqlx::query("UPDATE websub_subscription SET sent_etag = $2, failures = 0 WHERE id = $1")
        .bind(id).bind(etag).execute(c).await.map(|_| ()))
}

/// A delivery was given up; returns how many there were in a row, 0 if the subscription is gone.
pub async fn count_failure(tx: &mut Tx, id: i64) -> Result<i64> {
    on_tx!(tx, c => sqlx::query_scalar(
        "UPDATE websub_subscription SET failures = failures + 1 WHERE id = $1 RETURNING failures")
        .bind(id).fetch_optional(c).await.map(|failures: Option<i64>| failures.unwrap_or(0)))
}

/// The feeds that somebody subscribed to, and when the last of them was verified.
pub async fn list_topics(db: &Db, now: Timestamp) -> Result<Vec<(String, Timestamp)>> {
    on_db!(db, c => sqlx::query_as(
        "SELECT topic, MAX(verified_at) FROM websub_subscription WHERE lease_until > $1 GROUP BY topic ORDER BY topic")
        .bind(now).fetch_all(c).await)
}

/// The live subscriptions of a feed.
pub async fn list_callbacks(tx: &mut Tx, topic: &str, now: Timestamp) -> Result<Vec<String>> {
    on_tx!(tx, c => sqlx::query_scalar(
        "SELECT callback FROM websub_subscription WHERE topic = $1 AND lease_until > $2 ORDER BY id")
        .bind(topic).bind(now).fetch_all(c).await)
}

/// Ends every subscription of a feed.
pub async fn delete_topic(tx: &mut Tx, topic: &str) -> Result<()> {
    on_tx!(tx, c => sqlx::query("DELETE FROM websub_subscription WHERE topic = $1").bind(topic).execute(c).await.map(|_| ()))
}

/// The feed's bytes changed: in the transaction that puts them on the shelf, asks for them to be pushed. Does nothing where
/// nobody would be told.
pub async fn topic_changed(
    tx: &mut Tx,
    settings: &Websub,
    topic: &str,
    now: Timestamp,
) -> Result<()> {
    let has_readers = settings.enabled
        && on_tx!(tx, c => sqlx::query_scalar::<_, bool>(
            "SELECT EXISTS (SELECT 1 FROM websub_subscription WHERE topic = $1 AND lease_until > $2)")
            .bind(topic).bind(now).fetch_one(&mut *c).await)?;
    if !has_readers && settings.hubs.is_empty() {
        return Ok(());
    }
    let job = NewJob {
        kind: PUSH,
        key: topic,
        lane: topic,
        payload: "",
        run_at: now,
    };
    put_job(tx, &job).await
}

/// One delivery for each live subscription of a feed. Where one still waits, it brings the newest bytes when its hour comes.
pub async fn insert_deliveries(tx: &mut Tx, topic: &str, now: Timestamp) -> Result<u64> {
    on_tx!(tx, c => sqlx::query(
        "INSERT INTO job (kind, key, lane, payload, run_at) \
         SELECT 'websub.deliver', CAST(id AS TEXT), host, '', $2 FROM websub_subscription WHERE topic = $1 AND lease_until > $2 \
         ON CONFLICT (kind, key) DO UPDATE SET version = job.version + 1")
        .bind(topic).bind(now).execute(c).await.map(|done| done.rows_affected()))
}

/// Forgets subscriptions whose lease is over.
pub async fn delete_expired(tx: &mut Tx, now: Timestamp) -> Result<u64> {
    on_tx!(tx, c => sqlx::query("DELETE FROM websub_subscription WHERE lease_until <= $1")
        .bind(now).execute(c).await.map(|done| done.rows_affected()))
}

/// Forgets requests that were settled before, and those that nobody settled.
pub async fn delete_old_requests(tx: &mut Tx, before: Timestamp) -> Result<u64> {
    on_tx!(tx, c => sqlx::query("DELETE FROM websub_request WHERE created_at < $1")
        .bind(before).execute(c).await.map(|done| done.rows_affected()))
}

/// Of a row, what is asked for.
impl Pending {
    /// The mode; `None` never happens while the table checks it.
    pub fn parsed_mode(&self) -> Option<Mode> {
        Mode::parse(&self.mode)
    }
}
