//! Leaving, by the page or by the mailbox's own button (RFC 8058), and taking it back.

use super::{AudienceError, LeaveBy, Preferences, links, retried, store};
use crate::base::token::Purpose;
use crate::delivery;
use crate::work::Core;

/// Hours for which leaving can be taken back from the page that tells of it. The token lives for ever and may be in a forwarded
/// copy; later it can only leave.
const UNDO_HOURS: i64 = 24;

/// What the page behind an unsubscribe link shows; changes nothing (FAILURES T45). Works for every key there ever was.
pub async fn peek_leaving(core: &Core, token: &str) -> Result<Preferences, AudienceError> {
    let claims = links::read(core, Purpose::Unsubscribe, token)?;
    links::describe(core, &claims.uid).await
}

/// Leaves: no more mail, also not what is queued. Leaving twice is no error.
pub async fn leave(core: &Core, token: &str, by: LeaveBy) -> Result<Preferences, AudienceError> {
    let claims = links::read(core, Purpose::Unsubscribe, token)?;
    retried!(end(core, &claims.uid, by))?;
    links::describe(core, &claims.uid).await
}

/// Takes leaving back (the button "Subscribe again" on the page after leaving, with the same token), within a day; later it is
/// [`AudienceError::ExpiredLink`] and the form is the way. Who has not left stays as they are.
pub async fn rejoin(core: &Core, token: &str) -> Result<Preferences, AudienceError> {
    let claims = links::read(core, Purpose::Unsubscribe, token)?;
    retried!(take_back(core, &claims.uid))?;
    links::describe(core, &claims.uid).await
}

async fn end(core: &Core, uid: &str, by: LeaveBy) -> Result<(), AudienceError> {
    let now = core.clock.now();
    let mut tx = core.db.begin().await?;
    // A planner holds the row while it plans: either its rows are committed and cancelled here, or it will not find this person.
    store::lock_subscription(&mut tx, uid)
        .await?
        .ok_or(AudienceError::UnknownLink)?;
    let record = store::find_subscription_in(&mut tx, uid)
        .await?
        .ok_or(AudienceError::UnknownLink)?;
    if store::mark_left(&mut tx, record.id, now).await? {
        let method = match by {
            LeaveBy::Page => "link",
            LeaveBy::OneClick => "one-click",
        };
        let newsletter = store::get_newsletter_in(&mut tx, record.newsletter_id).await?;
        store::insert_consent(
            &mut tx,
            record.subscriber_id,
            "left",
            method,
            &newsletter.slug,
            now,
        )
        .await?;
    }
    delivery::store::cancel_recipient(&mut tx, uid, now).await?;
    tx.commit().await?;
    Ok(())
}

async fn take_back(core: &Core, uid: &str) -> Result<(), AudienceError> {
    let now = core.clock.now();
    let mut tx = core.db.begin().await?;
    store::lock_subscription(&mut tx, uid)
        .await?
        .ok_or(AudienceError::UnknownLink)?;
    let record = store::find_subscription_in(&mut tx, uid)
        .await?
        .filter(|record| record.subscriber_state == "active")
        .ok_or(AudienceError::UnknownLink)?;
    if record.state != "left" {
        return Ok(());
    }
    let is_late = record
        .left_at
        .is_none_or(|left_at| now > left_at.plus_secs(UNDO_HOURS * 3600));
    if is_late {
        return Err(AudienceError::ExpiredLink);
    }
    store::mark_returned(&mut tx, record.id).await?;
    let newsletter = store::get_newsletter_in(&mut tx, record.newsletter_id).await?;
    store::insert_consent(
        &mut tx,
        record.subscriber_id,
        "returned",
        "link",
        &newsletter.slug,
        now,
    )
    .await?;
    tx.commit().await?;
    Ok(())
}
