//! Confirming: GET shows a page, the button acts (FAILURES T44).

use super::store::Record;
use super::{AudienceError, Preferences, links, retried, store};
use crate::base::token::{Claims, Purpose};
use crate::delivery;
use crate::newsroom;
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
    let uid = retried!(activate(core, &claims))?;
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

async fn activate(core: &Core, claims: &Claims) -> Result<String, AudienceError> {
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
    }
    delivery::store::lift_confirmed(&mut tx, &person.address_hash, now).await?;
    tx.commit().await?;
    Ok(uid)
}
