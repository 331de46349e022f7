//! SQL of workers, jobs, cursors and meta.

use super::job::{Claimed, NewJob, Settled};
use crate::base::time::Timestamp;
use crate::db::{Db, Result, Tx};
use crate::{on_db, on_tx};

/// Registers a worker and returns its id, the fencing token of everything it does.
pub async fn insert_worker(
    tx: &mut Tx,
    host: &str,
    build: &str,
    tzdb: &str,
    now: Timestamp,
    lease_until: Timestamp,
) -> Result<i64> {
    on_tx!(tx, c => sqlx::query_scalar(
        "INSERT INTO worker (host, build, tzdb, started_at, lease_until) VALUES ($1, $2, $3, $4, $5) RETURNING id")
        .bind(host).bind(build).bind(tzdb).bind(now).bind(lease_until).fetch_one(c).await)
}

/// Renews a lease, and says which tz database is in use by now; false if the worker was declared dead meanwhile.
pub async fn renew_worker(
    tx: &mut Tx,
    id: i64,
    tzdb: &str,
    lease_until: Timestamp,
) -> Result<bool> {
    on_tx!(tx, c => sqlx::query("UPDATE worker SET lease_until = $2, tzdb = $3 WHERE id = $1 AND ended_at IS NULL")
        .bind(id).bind(lease_until).bind(tzdb).execute(c).await.map(|done| done.rows_affected() == 1))
}

/// The tz databases of the workers that are alive.
pub async fn list_live_tzdb(db: &Db, now: Timestamp) -> Result<Vec<String>> {
    on_db!(db, c => sqlx::query_scalar("SELECT DISTINCT tzdb FROM worker WHERE ended_at IS NULL AND lease_until >= $1 ORDER BY tzdb")
        .bind(now).fetch_all(c).await)
}

const TIME_SQLITE: &str = "SELECT CAST(ROUND(unixepoch('subsec') * 1000) AS INTEGER)";
/// Not now(), which is the transaction's beginning.
const TIME_POSTGRES: &str = "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)";

/// What the database's clock shows. SQLite has none of its own and shows this machine's.
pub async fn get_database_time(db: &Db) -> Result<Timestamp> {
    let sql = db.choose(TIME_SQLITE, TIME_POSTGRES);
    on_db!(db, c => sqlx::query_scalar(sql).fetch_one(c).await)
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

/// Puts a job down. One of that name that still waits stays as it is and keeps its hour: it does the newest work when it runs.
pub async fn put_job(tx: &mut Tx, job: &NewJob<'_>) -> Result<()> {
    on_tx!(tx, c => sqlx::query(
        "INSERT INTO job (kind, key, lane, payload, run_at) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (kind, key) DO UPDATE SET payload = excluded.payload, lane = excluded.lane, version = job.version + 1")
        .bind(job.kind).bind(job.key).bind(job.lane).bind(job.payload).bind(job.run_at).execute(c).await.map(|_| ()))
}

const CLAIM_JOBS_SQLITE: &str = "UPDATE job SET lease = lease + 1, leased_until = $2, attempts = attempts + 1 WHERE id IN ( \
     SELECT id FROM (SELECT id, run_at, leased_until, ROW_NUMBER() OVER ( \
     PARTITION BY kind, lane ORDER BY CASE WHEN leased_until > $1 THEN 0 ELSE 1 END, run_at, id) AS place \
     FROM job WHERE kind LIKE $3 || '%' AND (run_at <= $1 OR leased_until > $1)) AS open \
     WHERE place <= $4 AND run_at <= $1 AND (leased_until IS NULL OR leased_until <= $1) ORDER BY run_at, id LIMIT $5) \
     RETURNING id, kind, key, payload, attempts, version, lease";
/// SKIP LOCKED: instances that claim at the same time take different jobs. A window function forbids it in one level.
const CLAIM_JOBS_POSTGRES: &str = "UPDATE job SET lease = lease + 1, leased_until = $2, attempts = attempts + 1 WHERE id IN ( \
     SELECT j.id FROM job j JOIN (SELECT id, ROW_NUMBER() OVER ( \
     PARTITION BY kind, lane ORDER BY CASE WHEN leased_until > $1 THEN 0 ELSE 1 END, run_at, id) AS place \
     FROM job WHERE kind LIKE $3 || '%' AND (run_at <= $1 OR leased_until > $1)) AS open ON open.id = j.id \
     WHERE open.place <= $4 AND j.run_at <= $1 AND (j.leased_until IS NULL OR j.leased_until <= $1) \
     ORDER BY j.run_at, j.id LIMIT $5 FOR UPDATE OF j SKIP LOCKED) \
     RETURNING id, kind, key, payload, attempts, version, lease";

/// Claims at most `most` due jobs whose kind begins with `prefix`, and so many of one kind and lane that with those in work there
/// are at most `per_lane`. The claims hold until `until`.
pub async fn claim_jobs(
    tx: &mut Tx,
    prefix: &str,
    now: Timestamp,
    until: Timestamp,
    per_lane: i64,
    most: i64,
) -> Result<Vec<Claimed>> {
    let sql = tx.choose(CLAIM_JOBS_SQLITE, CLAIM_JOBS_POSTGRES);
    on_tx!(tx, c => sqlx::query_as(sql)
        .bind(now).bind(until).bind(prefix).bind(per_lane).bind(most).fetch_all(c).await)
}

/// Whether there is anything to claim.
pub async fn has_due_jobs(db: &Db, prefix: &str, now: Timestamp) -> Result<bool> {
    on_db!(db, c => sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM job WHERE run_at <= $2 AND kind LIKE $1 || '%' AND (leased_until IS NULL OR leased_until <= $2))")
        .bind(prefix).bind(now).fetch_one(c).await)
}

/// Says what becomes of a claimed job; false if the claim had run out and another has the job now.
pub async fn settle_job(
    tx: &mut Tx,
    job: &Claimed,
    settled: Settled,
    now: Timestamp,
) -> Result<bool> {
    if settled == Settled::Over {
        let is_gone = on_tx!(tx, c => sqlx::query("DELETE FROM job WHERE id = $1 AND lease = $2 AND version = $3")
            .bind(job.id).bind(job.lease).bind(job.version).execute(&mut *c).await
            .map(|done| done.rows_affected() == 1))?;
        if is_gone {
            return Ok(true);
        }
    }
    // A wish that came meanwhile starts with all its attempts.
    let (run_at, attempts) = match settled {
        Settled::Over => (now, 0),
        Settled::Again(at) => (at, job.attempts),
    };
    on_tx!(tx, c => sqlx::query(
        "UPDATE job SET leased_until = NULL, run_at = $3, attempts = $4 WHERE id = $1 AND lease = $2")
        .bind(job.id).bind(job.lease).bind(run_at).bind(attempts).execute(&mut *c).await
        .map(|done| done.rows_affected() == 1))
}
