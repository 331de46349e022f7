//! A worker's lease: it registers, gives a sign of life, and takes over from those who gave none.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::worker::Worker;
use super::{DeliveryError, store as journal};
use crate::base::tzdb;
use crate::config::zone_folder;
use crate::work::Core;
use crate::work::store as registry;

/// What the registry says of the program.
const BUILD: &str = env!("CARGO_PKG_VERSION");

pub async fn register(core: &Core) -> Result<i64, DeliveryError> {
    let now = core.clock.now();
    let host = format!("{}:{}", core.config.mail.ehlo_name, std::process::id());
    let lease = now.plus_secs(core.config.delivery.lease_secs);
    let mut tx = core.db.begin().await?;
    let id = registry::insert_worker(
        &mut tx,
        &host,
        BUILD,
        &tzdb::version(zone_folder()),
        now,
        lease,
    )
    .await?;
    tx.commit().await?;
    Ok(id)
}

/// Renews the lease and looks for the dead, until the worker has ended.
pub async fn keep_lease(worker: Arc<Worker>, ended: CancellationToken) {
    let core = &worker.core;
    let every = Duration::from_secs(core.config.delivery.renew_secs.max(1) as u64);
    loop {
        tokio::select! {
            () = ended.cancelled() => return,
            () = tokio::time::sleep(every) => {}
        }
        let id = worker.id.load(Ordering::SeqCst);
        match renew(core, id).await {
            Ok(true) => {}
            Ok(false) => {
                tracing::error!(worker = id, "declared dead while alive: registering anew");
                worker.renounce().await;
            }
            Err(error) => tracing::error!(worker = id, %error, "the lease was not renewed"),
        }
        take_over(core).await;
    }
}

async fn renew(core: &Core, id: i64) -> crate::db::Result<bool> {
    let lease = core.clock.now().plus_secs(core.config.delivery.lease_secs);
    let mut tx = core.db.begin().await?;
    let is_alive =
        registry::renew_worker(&mut tx, id, &tzdb::version(zone_folder()), lease).await?;
    tx.commit().await?;
    Ok(is_alive)
}

/// Ends the workers whose lease ran out, and puts their rows where they belong. By a clock that is wrong, the living look dead.
pub async fn take_over(core: &Core) {
    if core.watch.trouble(core).await.is_some() {
        return;
    }
    let result: crate::db::Result<()> = async {
        let now = core.clock.now();
        for id in registry::list_dead_workers(&core.db, now).await? {
            let mut tx = core.db.begin().await?;
            if registry::end_worker(&mut tx, id, now).await? {
                let wait = core.config.delivery.resend_wait_secs;
                let (leased, committing) = journal::reap(&mut tx, id, wait).await?;
                tx.commit().await?;
                tracing::warn!(
                    worker = id,
                    leased,
                    committing,
                    "took over from a worker that died"
                );
                core.bells.queued.notify_waiters();
            }
        }
        Ok(())
    }
    .await;
    if let Err(error) = result {
        tracing::error!(%error, "dead workers were not looked after");
    }
}

impl Worker {
    /// Goes on under a new id. What was claimed under the old one is settled by its own outcome or by the end of its lease.
    pub async fn renounce(&self) {
        match register(&self.core).await {
            Ok(id) => self.id.store(id, Ordering::SeqCst),
            Err(error) => tracing::error!(%error, "the worker could not register anew"),
        }
    }
}
