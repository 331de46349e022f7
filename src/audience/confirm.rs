//! Confirming: GET shows a page, the button acts (FAILURES T44).

use super::mail::{self, Small};
use super::store::{Record, Subscriber};
use super::{AudienceError, Cadence, Preferences, links, retried, store};
use crate::base::address::EmailAddress;
use crate::base::token::{Claims, Purpose};
use crate::db::Tx;
use crate::delivery;
use crate::newsroom;
use crate::theme::Theme;
use crate::work::Core;

/// What the page behind a confirmation link shows; changes nothing.
pub async fn peek_confirmation(core: &Core, token: &str) -> Result<Preferences, AudienceError> {
    let claims = read(core, token)?;
    let all = store::list_subscriptions(&core.db, &claims.uid).await?;
    links::show(core, meant(&claims, &all)?).await
}

/// Confirms (the button, POST): every subscription that waits for it becomes active with `read_to` at the head of the log, and
/// suppressions that a confirmation lifts are lifted. Confirming twice is no error; who has left since is not brought back.
pub async fn confirm(core: &Core, token: &str) -> Result<Preferences, AudienceError> {
    let claims = read(core, token)?;
    let uid = retried!(activate(core, None, &claims))?;
    links::describe(core, &uid).await
}

/// [`confirm`], and a welcome mail in the same transaction for each subscription that begins, where its newsletter has one.
pub async fn confirm_and_welcome(
    core: &Core,
    theme: &Theme,
    token: &str,
) -> Result<Preferences, AudienceError> {
    let claims = read(core, token)?;
    let uid = retried!(activate(core, Some(theme), &claims))?;
    core.bells.queued.notify_one();
    links::describe(core, &uid).await
}

/// A confirmation token that is ours and not past its days.
fn read(core: &Core, token: &str) -> Result<Claims, AudienceError> {
    let claims = links::read(core, Purpose::Confirm, token)?;
    if links::is_past(&claims, core.clock.now()) {
        return Err(AudienceError::ExpiredLink);
    }
    Ok(claims)
}

/// Of a person's subscriptions the one a confirmation link is about: the latest that waits, else the latest.
fn meant<'a>(claims: &Claims, all: &'a [Record]) -> Result<&'a Record, AudienceError> {
    let record = all
        .iter()
        .rfind(|record| record.state == "pending")
        .or_else(|| all.last())
        .filter(|record| record.address.is_some())
        .ok_or(AudienceError::UnknownLink)?;
    if record.link_epoch == claims.epoch {
        Ok(record)
    } else {
        Err(AudienceError::ExpiredLink)
    }
}

async fn activate(
    core: &Core,
    theme: Option<&Theme>,
    claims: &Claims,
) -> Result<String, AudienceError> {
    let now = core.clock.now();
    let mut tx = core.db.begin().await?;
    let person = store::lock_subscriber(&mut tx, &claims.uid)
        .await?
        .ok_or(AudienceError::UnknownLink)?;
    let all = store::list_subscriptions_in(&mut tx, &claims.uid).await?;
    let uid = meant(claims, &all)?.uid.clone();
    let waiting: Vec<&Record> = all.iter().filter(|r| r.state == "pending").collect();
    if waiting.is_empty() {
        return Ok(uid);
    }
    store::activate_subscriber(&mut tx, person.id, now).await?;
    // Whatever is released from here on is news to the person.
    let head = newsroom::store::get_head_in(&mut tx).await?;
    for record in waiting {
        store::activate_subscription(&mut tx, record.id, head, now).await?;
        let newsletter = store::get_newsletter_in(&mut tx, record.newsletter_id).await?;
        let evidence = format!("{}; link of {}", newsletter.slug, claims.issued_at);
        store::insert_consent(&mut tx, person.id, "confirmed", "link", &evidence, now).await?;
        if let Some(theme) = theme {
            welcome(core, theme, &mut tx, &person, &record.uid).await?;
        }
    }
    delivery::store::lift_confirmed(&mut tx, &person.address_hash, now).await?;
    tx.commit().await?;
    Ok(uid)
}

/// Plans the welcome mail of a subscription that has just begun.
async fn welcome(
    core: &Core,
    theme: &Theme,
    tx: &mut Tx,
    person: &Subscriber,
    uid: &str,
) -> Result<(), AudienceError> {
    let record = store::find_subscription_in(tx, uid)
        .await?
        .ok_or(AudienceError::UnknownLink)?;
    let newsletter = store::get_newsletter_in(tx, record.newsletter_id).await?;
    let letters = &core.config.newsletters;
    let is_wanted = letters
        .iter()
        .any(|letter| letter.slug == newsletter.slug && letter.welcome);
    let address = person
        .address
        .as_deref()
        .and_then(|address| EmailAddress::parse(address).ok());
    let (true, Some(address)) = (is_wanted, address) else {
        return Ok(());
    };
    let shown = links::shown(core, &record, newsletter)?;
    let next = (shown.wishes.cadence != Cadence::Immediate).then(|| {
        shown
            .next_due_at
            .in_zone(&shown.wishes.time_zone)
            .datetime()
    });
    let letter = mail::compile(
        core,
        theme,
        Small::Welcome,
        &shown.newsletter,
        &theme.interface(&shown.interface),
        core.clock.now(),
        next,
    )?;
    let to = mail::Recipient {
        person_id: person.id,
        uid,
        epoch: person.link_epoch,
        address: &address,
        address_hash: &person.address_hash,
    };
    mail::plan(core, tx, &shown.newsletter, &letter, &to).await
}
