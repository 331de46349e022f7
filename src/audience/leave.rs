//! Leaving, by the page or by the mailbox's own button (RFC 8058), and taking it back.

use super::mail::{self, Small};
use super::store::Record;
use super::{AudienceError, LeaveBy, Newsletter, Preferences, links, retried, store};
use crate::base::address::EmailAddress;
use crate::base::token::Purpose;
use crate::db::Tx;
use crate::delivery;
use crate::theme::Theme;
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
    retried!(end(core, None, &claims.uid, by))?;
    links::describe(core, &claims.uid).await
}

/// [`leave`] by the page, and where the newsletter has one, a last mail in the same transaction: it says so to the owner, who may
/// not be the one who pressed the button, and can take it back.
pub async fn leave_with_goodbye(
    core: &Core,
    theme: &Theme,
    token: &str,
) -> Result<Preferences, AudienceError> {
    let claims = links::read(core, Purpose::Unsubscribe, token)?;
    retried!(end(core, Some(theme), &claims.uid, LeaveBy::Page))?;
    core.bells.queued.notify_one();
    links::describe(core, &claims.uid).await
}

/// Takes leaving back (the button "Subscribe again" on the page after leaving, with the same token), within a day; later it is
/// [`AudienceError::ExpiredLink`] and the form is the way. Who has not left stays as they are.
pub async fn rejoin(core: &Core, token: &str) -> Result<Preferences, AudienceError> {
    let claims = links::read(core, Purpose::Unsubscribe, token)?;
    retried!(take_back(core, &claims.uid))?;
    links::describe(core, &claims.uid).await
}

async fn end(
    core: &Core,
    theme: Option<&Theme>,
    uid: &str,
    by: LeaveBy,
) -> Result<(), AudienceError> {
    let now = core.clock.now();
    let mut tx = core.db.begin().await?;
    // A planner holds the row while it plans: either its rows are committed and cancelled here, or it will not find this person.
    store::lock_subscription(&mut tx, uid)
        .await?
        .ok_or(AudienceError::UnknownLink)?;
    let record = store::find_subscription_in(&mut tx, uid)
        .await?
        .ok_or(AudienceError::UnknownLink)?;
    let was_subscribed = matches!(record.state.as_str(), "active" | "paused");
    let mut goodbye_to = None;
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
        goodbye_to = theme
            .filter(|_| was_subscribed)
            .map(|theme| (theme, newsletter));
    }
    delivery::store::cancel_recipient(&mut tx, uid, now).await?;
    if let Some((theme, newsletter)) = goodbye_to {
        say_goodbye(core, theme, &mut tx, &record, newsletter).await?;
    }
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

/// Plans the last mail, if the newsletter has one.
async fn say_goodbye(
    core: &Core,
    theme: &Theme,
    tx: &mut Tx,
    record: &Record,
    newsletter: Newsletter,
) -> Result<(), AudienceError> {
    let letters = &core.config.newsletters;
    let is_wanted = letters
        .iter()
        .any(|letter| letter.slug == newsletter.slug && letter.goodbye);
    let address = record
        .address
        .as_deref()
        .and_then(|address| EmailAddress::parse(address).ok());
    let (true, Some(address)) = (is_wanted, address) else {
        return Ok(());
    };
    let shown = links::shown(core, record, newsletter)?;
    let language = theme.interface(&shown.interface);
    let now = core.clock.now();
    let letter = mail::compile(
        core,
        theme,
        Small::Goodbye,
        &shown.newsletter,
        &language,
        now,
        None,
    )?;
    let to = mail::Recipient {
        person_id: record.subscriber_id,
        uid: &record.uid,
        epoch: record.link_epoch,
        address_hash: &core.keys.address_hash(&address.key()),
        address: &address,
    };
    mail::plan(core, tx, &shown.newsletter, &letter, &to).await
}
