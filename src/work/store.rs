//! SQL of workers, cursors and meta.

use crate::base::time::Timestamp;
use crate::db::{Db, Result, Tx};
use crate::{on_db, on_tx};

/// Registers a worker and returns its id, the fencing token of everything it does.
pub async fn insert_worker(
    tx: &mut Tx,
    host: &str,
    build: &str,
    now: Timestamp,
    lease_until: Timestamp,
) -> Result<i64> {
    on_tx!(tx, c => sqlx::query_scalar(
        "INSERT INTO worker (host, build, tzdb, started_at, lease_until) VALUES ($1, $2, $3, $4, $5) RETURNING id")
        .bind(host).bind(build).bind(TZDB).bind(now).bind(lease_until).fetch_one(c).await)
}

/// What names the tz database in use.
const TZDB: &str = "bundled";

/// Renews a lease; false if the worker was declared dead meanwhile.
pub async fn renew_worker(tx: &mut Tx, id: i64, lease_until: Timestamp) -> Result<bool> {
    on_tx!(tx, c => sqlx::query("UPDATE worker SET lease_until = $2 WHERE id = $1 AND ended_at IS NULL")
        .bind(id).bind(lease_until).execute(c).await.map(|done| done.rows_affected() == 1))
}

const LOCK_WORKER_SQLITE: &str =
    "SELECT EXISTS (SELECT 1 FROM worker WHERE id = $1 AND ended_at IS NULL)";
/// FOR SHARE: whoever declares the worker dead waits, and then sees what it took.
const LOCK_WORKER_POSTGRES: &str = "WITH mine AS (SELECT id FROM worker WHERE id = $1 AND ended_at IS NULL FOR SHARE) \
     SELECT EXISTS (SELECT 1 FROM mine)";

/// Whether a worker is alive, and stays so until this transaction ends: only then may it take work.
pub async fn lock_worker(tx: &mut Tx, id: i64) -> Result<bool> {
    let sql = tx.choose(LOCK_WORKER_SQLITE, LOCK_WORKER_POSTGRES);
    on_tx!(tx, c => sqlx::query_scalar(sql).bind(id).fetch_one(c).await)
}

/// Workers whose lease ran out and who have not ended.
pub async fn list_dead_workers(db: &Db, now: Timestamp) -> Result<Vec<i64>> {
    on_db!(db, c => sqlx::query_scalar("SELECT id FROM worker WHERE ended_at IS NULL AND lease_until < $1 ORDER BY id")
        .bind(now).fetch_all(c).await)
}

/// Ends a worker; true for the one who did it.
pub async fn end_worker(tx: &mut Tx, id: i64, now: Timestamp) -> Result<bool> {
    on_tx!(tx, c => sqlx::query("UPDATE worker SET ended_at = $2 WHERE id = $1 AND ended_at IS NULL")
        .bind(id).bind(now).execute(c).await.map(|done| done.rows_affected() == 1))
}

/// How far a follower of the release log has read; 0 if never.
pub async fn get_cursor(db: &Db, name: &str) -> Result<i64> {
    on_db!(db, c => sqlx::query_scalar("SELECT read_to FROM cursor WHERE name = $1").bind(name).fetch_optional(c).await)
        .map(|read_to| read_to.unwrap_or(0))
}

/// Moves a cursor forward, never back.
pub async fn advance_cursor(tx: &mut Tx, name: &str, read_to: i64) -> Result<()> {
    on_tx!(tx, c => sqlx::query(
        "INSERT INTO cursor (name, read_to) VALUES ($1, $2) \
         ON CONFLICT (name) DO UPDATE SET read_to = excluded.read_to WHERE cursor.read_to < excluded.read_to")
        .bind(name).bind(read_to).execute(c).await.map(|_| ()))
}

/// A remembered fact.
pub async fn find_meta(db: &Db, key: &str) -> Result<Option<String>> {
    on_db!(db, c => sqlx::query_scalar("SELECT value FROM meta WHERE key = $1").bind(key).fetch_optional(c).await)
}

/// Remembers a fact unless it is known, and returns what is remembered: of two instances that start at once one is right.
pub async fn keep_meta(tx: &mut Tx, key: &str, value: &str) -> Result<String> {
    on_tx!(tx, c => {
        sqlx::query("INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING")
            .bind(key).bind(value).execute(&mut *c).await?;
        sqlx::query_scalar("SELECT value FROM meta WHERE key = $1").bind(key).fetch_one(c).await
    })
}

/// Remembers a fact.
pub async fn set_meta(tx: &mut Tx, key: &str, value: &str) -> Result<()> {
    on_tx!(tx, c => sqlx::query(
        "INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value")
        .bind(key).bind(value).execute(c).await.map(|_| ()))
}
