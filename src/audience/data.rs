//! What is kept of a person, for that person: see it, carry it away, have it erased. A settings link stands in every digest and
//! may be in a forwarded copy, so these ask for a fresh link first, which goes to the person's own mailbox (DESIGN 5.7).

use serde_json::Value;

use super::mail::{self, Small};
use super::{
    AudienceError, Preferences, erase, export, links, preferences, retried, sign_up, store,
};
use crate::base::address::EmailAddress;
use crate::base::language::Language;
use crate::base::time::Timestamp;
use crate::base::token::{Claims, Purpose};
use crate::theme::Theme;
use crate::work::Core;

/// Days for which such a link is good.
pub const DATA_DAYS: i64 = 1;

/// A person's own data as their page shows them; [`own_data`] has all.
#[derive(Clone, Debug)]
pub struct MyData {
    /// The address, masked: the link may be open on somebody else's screen.
    pub masked_address: String,
    /// The language in which to speak to the person.
    pub interface: Language,
    /// What was agreed to and taken back, oldest first.
    pub agreements: Vec<Agreement>,
}

/// An entry of the consent log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Agreement {
    /// When.
    pub at: Timestamp,
    /// `asked`, `confirmed`, `added`, `changed`, `left` or `returned`.
    pub action: String,
    /// The very text that was shown and its language, if a form showed one.
    pub text: Option<(String, String)>,
}

/// Somebody who holds a settings link asks for their data: a fresh link goes to the mailbox. Five mails of all kinds a day can be
/// asked for; more is [`AudienceError::TooMany`].
pub async fn ask_data(
    core: &Core,
    theme: &Theme,
    token: &str,
) -> Result<Preferences, AudienceError> {
    let (_, record) = preferences::find(core, token).await?;
    let shown = links::show(core, &record).await?;
    send(core, theme, &record).await?;
    Ok(shown)
}

/// Sends the link to the person of a subscription, unless one still waits to be handed over.
pub(super) async fn send(
    core: &Core,
    theme: &Theme,
    record: &store::Record,
) -> Result<(), AudienceError> {
    let newsletter = store::get_newsletter(&core.db, record.newsletter_id).await?;
    let language = theme.interface(&links::show(core, record).await?.interface);
    let now = core.clock.now();
    let letter = mail::compile(core, theme, Small::Link, &newsletter, &language, now, None)?;
    retried!(async {
        let mut tx = core.db.begin().await?;
        let Some(person) = store::lock_subscriber(&mut tx, &record.subscriber_uid).await? else {
            return Ok::<_, AudienceError>(());
        };
        let Some(address) = person
            .address
            .as_deref()
            .and_then(|a| EmailAddress::parse(a).ok())
        else {
            return Ok(());
        };
        if crate::delivery::store::is_any_open(&mut tx, person.id, letter.kind, now).await? {
            return Ok(());
        }
        sign_up::check_day(&mut tx, person.id, now).await?;
        let evidence = format!("{}; one's own data", newsletter.slug);
        store::insert_consent(&mut tx, person.id, "asked", "link", &evidence, now).await?;
        let to = mail::Recipient {
            person_id: person.id,
            uid: &person.uid,
            epoch: person.link_epoch,
            address: &address,
            address_hash: &person.address_hash,
        };
        mail::plan(core, &mut tx, &newsletter, &letter, &to).await?;
        tx.commit().await?;
        Ok(())
    })?;
    core.bells.queued.notify_one();
    Ok(())
}

/// What the page behind the fresh link shows; changes nothing.
pub async fn peek_data(core: &Core, token: &str) -> Result<MyData, AudienceError> {
    let person = find(core, token).await?;
    let records = store::list_subscriptions(&core.db, &person.uid).await?;
    let record = records.last().ok_or(AudienceError::UnknownLink)?;
    let shown = links::show(core, record).await?;
    let agreements = store::list_consent(&core.db, person.id)
        .await?
        .into_iter()
        .map(|entry| Agreement {
            at: entry.at,
            text: shown_text(entry.evidence.as_deref()),
            action: entry.action,
        })
        .collect();
    Ok(MyData {
        masked_address: shown.masked_address,
        interface: shown.interface,
        agreements,
    })
}

/// All that is kept, as one JSON object: what `jarshy subscriber export --person` prints.
pub async fn own_data(core: &Core, token: &str) -> Result<Value, AudienceError> {
    let person = find(core, token).await?;
    export::person_of(core, person.id, &person.uid).await
}

/// Erases the person (the button, POST). Returns the language in which to say so.
pub async fn erase_own(core: &Core, token: &str) -> Result<Language, AudienceError> {
    let shown = peek_data(core, token).await?;
    let person = find(core, token).await?;
    let address = person
        .address
        .as_deref()
        .and_then(|a| EmailAddress::parse(a).ok())
        .ok_or(AudienceError::UnknownLink)?;
    erase::erase_by(core, &address, "link").await?;
    Ok(shown.interface)
}

async fn find(core: &Core, token: &str) -> Result<store::Subscriber, AudienceError> {
    let claims: Claims = links::read(core, Purpose::Data, token)?;
    if core.clock.now() > claims.issued_at.plus_secs(DATA_DAYS * 86_400) {
        return Err(AudienceError::ExpiredLink);
    }
    let person = store::find_subscriber(&core.db, &claims.uid)
        .await?
        .filter(|person| person.address.is_some())
        .ok_or(AudienceError::UnknownLink)?;
    if person.link_epoch == claims.epoch {
        Ok(person)
    } else {
        Err(AudienceError::ExpiredLink)
    }
}

/// The text a form showed and its language: kept as JSON behind the newsletter's slug.
fn shown_text(evidence: Option<&str>) -> Option<(String, String)> {
    let (_, rest) = evidence?.split_once("; ")?;
    let shown: Value = serde_json::from_str(rest).ok()?;
    let field = |name: &str| shown.get(name)?.as_str().map(ToOwned::to_owned);
    Some((field("text")?, field("language")?))
}
