//! The nightly chores: addresses and replies of finished deliveries, bodies of letters, and old rows.

use super::{DeliveryError, store};
use crate::base::time::Timestamp;
use crate::work::Core;
use crate::work::store as work;

const CHUNK: i64 = 5000;
/// Up to which row addresses have been emptied: rows before it are not read again.
const CURSOR: &str = "delivery addresses";

/// The nightly chores: addresses, bodies and rows past their time, in chunks by id.
pub async fn prune(core: &Core) -> Result<(), DeliveryError> {
    let now = core.clock.now();
    let settings = &core.config.delivery;
    let days_ago = |days: i64| now.plus_secs(-days * 86_400);
    let bodies_before = days_ago(settings.keep_body_days);
    each_chunk(
        core,
        days_ago(settings.keep_days),
        0,
        async |tx, after, to, at| store::delete_finished(tx, after, to, at).await,
    )
    .await?;
    let read_to = work::get_cursor(&core.db, CURSOR).await?;
    let reached = each_chunk(core, bodies_before, read_to, async |tx, after, to, at| {
        store::empty_addresses(tx, after, to, at).await
    })
    .await?;
    let mut tx = core.db.begin().await?;
    store::empty_bodies(&mut tx, bodies_before).await?;
    store::empty_raw_events(&mut tx, now).await?;
    // A row that was made 30 days before and finished late is found by the next nights: they begin a little earlier.
    if let Some(reached) = reached {
        work::advance_cursor(&mut tx, CURSOR, reached - 20 * CHUNK).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Runs `chore` over the rows made before `at`, a transaction per chunk; returns the last row looked at.
async fn each_chunk(
    core: &Core,
    at: Timestamp,
    after: i64,
    chore: impl AsyncFn(&mut crate::db::Tx, i64, i64, Timestamp) -> crate::db::Result<u64>,
) -> Result<Option<i64>, DeliveryError> {
    let (Some(first), Some(last)) = (
        store::find_first(&core.db).await?,
        store::find_last_before(&core.db, at).await?,
    ) else {
        return Ok(None);
    };
    let mut after = after.max(first - 1);
    while after < last {
        let to = (after + CHUNK).min(last);
        let mut tx = core.db.begin().await?;
        chore(&mut tx, after, to, at).await?;
        tx.commit().await?;
        after = to;
    }
    Ok(Some(last))
}
