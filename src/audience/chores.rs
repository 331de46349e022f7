//! What the scheduler does for the audience.

use super::links::CONFIRM_DAYS;
use super::{AudienceError, retried, store};
use crate::base::time::{Timestamp, Zone};
use crate::db::Tx;
use crate::work::Core;

/// Days after which a question nobody answered is forgotten.
const KEEP_UNCONFIRMED_DAYS: i64 = 7;
/// People in one transaction.
const CHUNK: i64 = 500;

/// Nightly: forgets changes of address whose links are past their days, done or not. Returns how many.
pub async fn prune_changes(core: &Core) -> Result<u64, AudienceError> {
    let cutoff = core.clock.now().plus_secs(-CONFIRM_DAYS * 86_400);
    let mut tx = core.db.begin().await?;
    let gone = store::delete_old_changes(&mut tx, cutoff).await?;
    tx.commit().await?;
    Ok(gone)
}

/// Nightly: deletes addresses that were not confirmed within seven days of the last mail (PRODUCT M12), with all that hangs on
/// them; who had left before is back to having left. Returns how many people are gone.
pub async fn prune_unconfirmed(core: &Core) -> Result<u64, AudienceError> {
    let cutoff = core.clock.now().plus_secs(-KEEP_UNCONFIRMED_DAYS * 86_400);
    let (mut after, mut gone) = (0, 0);
    loop {
        let ids = store::list_unconfirmed(&core.db, after, cutoff, CHUNK).await?;
        let Some(last) = ids.last() else {
            return Ok(gone);
        };
        after = *last;
        gone += retried!(prune_chunk(core, &ids, cutoff))?;
    }
}

async fn prune_chunk(core: &Core, ids: &[i64], cutoff: Timestamp) -> Result<u64, AudienceError> {
    let mut tx = core.db.begin().await?;
    let locked = store::lock_unconfirmed(&mut tx, ids, cutoff).await?;
    let gone = store::delete_unconfirmed(&mut tx, &locked).await?;
    tx.commit().await?;
    Ok(gone)
}

/// Each minute, before runs are opened: ends the pauses whose day has come on the calendar of their own zone. What was released
/// meanwhile and is not too old for the newsletter comes with the next digest. Returns how many.
pub async fn resume_paused(core: &Core) -> Result<usize, AudienceError> {
    let mut resumed = 0;
    for (id, until) in rested(core).await? {
        let mut tx = core.db.begin().await?;
        resumed += usize::from(store::resume(&mut tx, id, &until).await?);
        tx.commit().await?;
    }
    Ok(resumed)
}

/// [`resume_paused`] inside a transaction, for a look ahead that is taken back.
pub async fn resume_paused_in(core: &Core, tx: &mut Tx) -> Result<(), AudienceError> {
    for (id, until) in rested(core).await? {
        store::resume(tx, id, &until).await?;
    }
    Ok(())
}

/// The subscriptions whose pause is over, with its end.
async fn rested(core: &Core) -> Result<Vec<(i64, String)>, AudienceError> {
    let now = core.clock.now();
    // No zone is ahead of UTC by more than 14 hours.
    let latest = now.plus_secs(14 * 3600).date_in(&Zone::utc()).to_string();
    Ok(store::list_paused(&core.db, &latest)
        .await?
        .into_iter()
        .filter(|(_, until, zone)| {
            let zone = Zone::parse(zone).unwrap_or_else(|_| Zone::utc());
            *until <= now.date_in(&zone).to_string()
        })
        .map(|(id, until, _)| (id, until))
        .collect())
}
