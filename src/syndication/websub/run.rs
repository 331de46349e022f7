//! Runs the jobs of the hub: claims what is due, a few of one host at a time, and never waits for one to begin another.

use std::time::Duration;

use bytes::Bytes;
use moka::future::Cache;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::deliver::{self, MAX_WAIT};
use super::{DELIVER, DENY, PREFIX, PUSH, TELL, VERIFY, store, verify};
use crate::base::time::Timestamp;
use crate::db::{Result, is_retryable};
use crate::fetch::{Caller, FetchError, Guard};
use crate::syndication::store as shelf;
use crate::work::Core;
use crate::work::job::Claimed;
use crate::work::store::{claim_jobs, has_due_jobs};

/// Calls to one host at the same time.
const PER_HOST: i64 = 2;
/// How often the database is asked when no bell rings.
const POLL: Duration = Duration::from_secs(1);
/// Bytes of feeds that are kept while they are delivered.
const BODIES: u64 = 16 * 1024 * 1024;
/// Days for which a settled request is kept: the caps look back an hour.
const KEEP_SECS: i64 = 86_400;

/// What the jobs of the hub are done with. Cheap to clone.
#[derive(Clone)]
pub struct Hub {
    pub(super) core: Core,
    /// For addresses that strangers named.
    pub(super) callbacks: Caller,
    /// For addresses that the settings name.
    pub(super) outside: Caller,
    bodies: Cache<(String, String), Bytes>,
}

impl Hub {
    /// Makes the clients.
    pub fn new(core: &Core) -> std::result::Result<Self, FetchError> {
        let config = &core.config;
        let timeout = Duration::from_secs(config.websub.timeout_secs);
        let agent = format!(
            "Jarshy/{} (+{})",
            env!("CARGO_PKG_VERSION"),
            config.server.base_url()
        );
        let caller = |networks: &[String]| {
            let guard = Guard::new(networks).map_err(FetchError::Client)?;
            Caller::new(guard, timeout, &agent)
        };
        Ok(Self {
            callbacks: caller(&config.websub.allow_networks)?,
            outside: caller(&config.fetch.allow_networks)?,
            core: core.clone(),
            bodies: Cache::builder()
                .weigher(|_: &(String, String), body: &Bytes| {
                    u32::try_from(body.len()).unwrap_or(u32::MAX)
                })
                .max_capacity(BODIES)
                .build(),
        })
    }

    /// Works until `stop` is cancelled, then finishes the calls that are open.
    pub async fn run(&self, stop: &CancellationToken) {
        let most = self.core.config.websub.calls_at_once;
        let mut calls = JoinSet::new();
        loop {
            let bell = self.core.bells.jobs.notified();
            let mut has_more = false;
            if !stop.is_cancelled() {
                let room = most - calls.len() as i64;
                match self.claim(room).await {
                    Ok(jobs) => {
                        has_more = jobs.len() as i64 == room;
                        for job in jobs {
                            calls.spawn(self.clone().work(job));
                        }
                    }
                    Err(error) => tracing::error!(%error, "no job of the hub was claimed"),
                }
            }
            if stop.is_cancelled() {
                while calls.join_next().await.is_some() {}
                return;
            }
            tokio::select! {
                () = stop.cancelled() => {}
                // A call that ended makes room for the next of its host.
                Some(_) = calls.join_next() => {}
                () = bell, if !has_more => {}
                () = tokio::time::sleep(POLL) => {}
            }
        }
    }

    /// Does everything that is due now and what comes of it; returns how many attempts that took.
    pub async fn drain(&self) -> Result<usize> {
        let mut count = 0;
        loop {
            let jobs = self.claim(self.core.config.websub.calls_at_once).await?;
            if jobs.is_empty() {
                return Ok(count);
            }
            count += jobs.len();
            let calls: JoinSet<()> = jobs.into_iter().map(|job| self.clone().work(job)).collect();
            calls.join_all().await;
        }
    }

    async fn claim(&self, most: i64) -> Result<Vec<Claimed>> {
        if most < 1 || self.core.watch.trouble(&self.core).await.is_some() {
            return Ok(Vec::new());
        }
        let now = self.core.clock.now();
        if !has_due_jobs(&self.core.db, PREFIX, now).await? {
            return Ok(Vec::new());
        }
        // A call ends long before; the rest is for the database.
        let lease = 60 + 3 * self.core.config.websub.timeout_secs as i64;
        let mut tx = self.core.db.begin().await?;
        let jobs = claim_jobs(&mut tx, PREFIX, now, now.plus_secs(lease), PER_HOST, most).await?;
        if !jobs.is_empty() {
            tx.commit().await?;
        }
        Ok(jobs)
    }

    /// One attempt. Where the database fails the claim runs out and somebody tries again.
    async fn work(self, job: Claimed) {
        let mut tries = 0;
        loop {
            let done = match job.kind.as_str() {
                PUSH => deliver::fan_out(&self, &job).await,
                DELIVER => deliver::deliver(&self, &job).await,
                TELL => deliver::tell(&self, &job).await,
                VERIFY => verify::verify(&self, &job).await,
                DENY => verify::deny(&self, &job).await,
                _ => Ok(()),
            };
            match done {
                // Only the transaction that fans out can be repeated without calling anybody twice.
                Err(error) if is_retryable(&error) && job.kind == PUSH && tries < 5 => tries += 1,
                Err(error) => {
                    return tracing::error!(%error, job = job.id, kind = job.kind, "a job of the hub was not settled");
                }
                Ok(()) => return,
            }
        }
    }

    /// The stem and the bytes of a feed as it stands on the shelf.
    pub(super) async fn bytes_of(&self, topic: &str) -> Result<Option<(String, Bytes)>> {
        let Some(row) = shelf::find_row(&self.core.db, topic).await? else {
            return Ok(None);
        };
        let id = (topic.to_owned(), row.etag);
        if let Some(body) = self.bodies.get(&id).await {
            return Ok(Some((id.1, body)));
        }
        let Some((row, body)) = shelf::find_body(&self.core.db, topic).await? else {
            return Ok(None);
        };
        let body = Bytes::from(body);
        self.bodies
            .insert((id.0, row.etag.clone()), body.clone())
            .await;
        Ok(Some((row.etag, body)))
    }
}

/// When to try again after that many attempts: `first` seconds, times three for each, at most [`MAX_WAIT`], a fifth more or less
/// by chance so that those who failed together do not come back together.
pub(super) fn again(core: &Core, first: i64, attempts: i64) -> Timestamp {
    let power = u32::try_from(attempts - 1).unwrap_or(0).min(16);
    let millis = (first * 3_i64.pow(power)).min(MAX_WAIT) * 1000;
    let jitter = core.clock.random_below((millis * 2 / 5) as u64) as i64;
    core.clock.now().plus_millis(millis - millis / 5 + jitter)
}

/// Forgets leases that ended and requests that were settled; nightly.
pub async fn prune(core: &Core) -> Result<u64> {
    let now = core.clock.now();
    let mut tx = core.db.begin().await?;
    let count = store::delete_expired(&mut tx, now).await?;
    store::delete_old_requests(&mut tx, now.plus_secs(-KEEP_SECS)).await?;
    tx.commit().await?;
    Ok(count)
}
