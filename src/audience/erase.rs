//! A person is forgotten: what is left is the keyed hash by which a later list is refused (DESIGN 5.7, PRODUCT M12).

use super::{AudienceError, retried, store};
use crate::base::address::EmailAddress;
use crate::base::time::Timestamp;
use crate::delivery;
use crate::work::Core;

/// Days for which the nightly chore looks after an erased person: longer than any delivery stays unsettled.
const LOOK_AFTER_DAYS: i64 = 30;

/// Erases the person with that address. Open mail is called off, subscriptions end, links die; address, provider, languages,
/// zone, evidence and the relay's replies are emptied. Returns how many messages are being handed over at this very moment:
/// their rows need the address until the relay has answered, and are emptied by [`finish_erasures`].
///
/// [`AudienceError::Nobody`] if no such person is known, also because they were erased before.
pub async fn erase(core: &Core, address: &EmailAddress) -> Result<u64, AudienceError> {
    erase_by(core, address, "operator").await
}

/// [`erase`], with the way it was asked for.
pub(super) async fn erase_by(
    core: &Core,
    address: &EmailAddress,
    method: &str,
) -> Result<u64, AudienceError> {
    let in_flight = retried!(forget(core, &address.key(), method))?;
    core.db.scrub().await?;
    Ok(in_flight)
}

async fn forget(core: &Core, key: &str, method: &str) -> Result<u64, AudienceError> {
    let now = core.clock.now();
    let mut tx = core.db.begin().await?;
    let person = store::lock_subscriber_by_key(&mut tx, key)
        .await?
        .ok_or(AudienceError::Nobody)?;
    // A planner holds these rows while it plans: either its deliveries are committed and called off here, or it will not find
    // this person.
    for record in store::list_subscriptions_in(&mut tx, &person.uid).await? {
        store::lock_subscription(&mut tx, &record.uid).await?;
        store::mark_left(&mut tx, record.id, now).await?;
    }
    delivery::store::suppress(
        &mut tx,
        &person.address_hash,
        Some(person.id),
        "erased",
        "erased",
        now,
    )
    .await?;
    store::insert_consent(&mut tx, person.id, "erased", method, "", now).await?;
    store::delete_changes_of(&mut tx, person.id).await?;
    store::delete_changes_to(&mut tx, &person.address_hash).await?;
    store::empty_evidence(&mut tx, person.id).await?;
    store::empty_subscriber(&mut tx, person.id).await?;
    let in_flight = delivery::store::empty_recipient(&mut tx, person.id).await?;
    tx.commit().await?;
    Ok(in_flight)
}

/// Nightly: empties what a relay said after its person was erased. Returns how many people still have a message in flight.
pub async fn finish_erasures(core: &Core) -> Result<usize, AudienceError> {
    let since: Timestamp = core.clock.now().plus_secs(-LOOK_AFTER_DAYS * 86_400);
    let erased = store::list_erased_since(&core.db, since).await?;
    let mut waiting = 0;
    for id in &erased {
        let mut tx = core.db.begin().await?;
        waiting += usize::from(delivery::store::empty_recipient(&mut tx, *id).await? > 0);
        tx.commit().await?;
    }
    if !erased.is_empty() {
        core.db.scrub().await?;
    }
    Ok(waiting)
}
