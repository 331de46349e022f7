//! Another address for the same subscriptions. Both mailboxes say yes: the old one, so that a forwarded digest cannot carry a
//! subscription away, and the new one, so that nobody is mailed unasked. The mails name neither address; the pages do, behind
//! their buttons. Whether the new address is known here never shows.

use jiff::civil::Date;

use super::mail::{self, Small};
use super::store::{self, NewSubscription, Record, Subscriber};
use super::{AudienceError, Preferences, links, preferences, retried, sign_up};
use crate::base::address::EmailAddress;
use crate::base::language::Language;
use crate::base::time::Timestamp;
use crate::base::token::{Claims, Purpose};
use crate::db::Tx;
use crate::delivery;
use crate::theme::Theme;
use crate::work::Core;

/// Which of the two mailboxes a link was sent to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// The mailbox that has the mail now.
    From,
    /// The mailbox that shall have it.
    To,
}

/// A change of address as its page shows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    /// Whose page it is.
    pub side: Side,
    /// The address that has the mail now; masked on the other mailbox's page.
    pub from: String,
    /// The new address.
    pub to: String,
    /// The language in which to speak to the person.
    pub interface: Language,
    /// Whether this side has agreed.
    pub is_agreed: bool,
    /// Whether both have, and mail goes to the new address.
    pub is_done: bool,
}

/// Somebody who holds a settings link wants the mail elsewhere: both mailboxes are asked. A wish that stands already is replaced.
/// Five mails of all kinds a day can be asked for; more is [`AudienceError::TooMany`].
pub async fn ask_change(
    core: &Core,
    theme: &Theme,
    token: &str,
    to: &EmailAddress,
) -> Result<Preferences, AudienceError> {
    let (claims, record) = preferences::find(core, token).await?;
    let newsletter = store::get_newsletter(&core.db, record.newsletter_id).await?;
    let shown = links::show(core, &record).await?;
    if record
        .address
        .as_deref()
        .and_then(|a| EmailAddress::parse(a).ok())
        .is_some_and(|a| a.key() == to.key())
    {
        return Err(AudienceError::Invalid {
            field: "new_address",
            sentence: "mail goes to that address already".to_owned(),
        });
    }
    let language = theme.interface(&shown.interface);
    let now = core.clock.now();
    let from_mail = mail::compile(
        core,
        theme,
        Small::ChangeFrom,
        &newsletter,
        &language,
        now,
        None,
    )?;
    let to_mail = mail::compile(
        core,
        theme,
        Small::ChangeTo,
        &newsletter,
        &language,
        now,
        None,
    )?;
    retried!(async {
        let now = core.clock.now();
        let mut tx = core.db.begin().await?;
        let person = store::lock_subscriber(&mut tx, &record.subscriber_uid)
            .await?
            .filter(|person| person.link_epoch == claims.epoch)
            .ok_or(AudienceError::ExpiredLink)?;
        sign_up::check_day(&mut tx, person.id, now).await?;
        let hash = core.keys.address_hash(&to.key());
        let uid = core.clock.uuid_v4();
        store::replace_change(&mut tx, &uid, person.id, to, &hash, now).await?;
        store::insert_consent(
            &mut tx,
            person.id,
            "asked",
            "link",
            &format!("{}; another address", newsletter.slug),
            now,
        )
        .await?;
        let envelope = person
            .address
            .as_deref()
            .and_then(|a| EmailAddress::parse(a).ok());
        let Some(from) = envelope else {
            return Err(AudienceError::UnknownLink);
        };
        let old = mail::Recipient {
            person_id: person.id,
            uid: &uid,
            epoch: person.link_epoch,
            address: &from,
            address_hash: &person.address_hash,
        };
        mail::plan(core, &mut tx, &newsletter, &from_mail, &old).await?;
        // Where others want to move, too, or a domain is being flooded, the answer is the same and no mail is.
        let is_crowded = store::count_changes_to(&mut tx, &hash, person.id).await? > 0;
        if !is_crowded && !sign_up::is_flooded(&mut tx, to, now).await? {
            let new = mail::Recipient {
                address: to,
                address_hash: &hash,
                ..old
            };
            mail::plan(core, &mut tx, &newsletter, &to_mail, &new).await?;
        }
        tx.commit().await?;
        Ok::<_, AudienceError>(())
    })?;
    core.bells.queued.notify_one();
    Ok(shown)
}

/// What the page behind either link shows; changes nothing.
pub async fn peek_change(core: &Core, token: &str) -> Result<Change, AudienceError> {
    let (side, claims) = read(core, token)?;
    let change = store::find_change(&core.db, &claims.uid)
        .await?
        .ok_or(AudienceError::ExpiredLink)?;
    show(core, side, &change).await
}

/// One side agrees (the button, POST). Once both have, the subscriptions move, in the same transaction; agreeing twice is no
/// error. From then on the links in the old mailbox can leave and do nothing else.
pub async fn agree_change(core: &Core, token: &str) -> Result<Change, AudienceError> {
    let (side, claims) = read(core, token)?;
    retried!(agree(core, side, &claims.uid))?;
    let change = store::find_change(&core.db, &claims.uid)
        .await?
        .ok_or(AudienceError::ExpiredLink)?;
    show(core, side, &change).await
}

fn read(core: &Core, token: &str) -> Result<(Side, Claims), AudienceError> {
    let found = [
        (Side::From, Purpose::ChangeFrom),
        (Side::To, Purpose::ChangeTo),
    ]
    .into_iter()
    .find_map(|(side, purpose)| Some((side, core.keys.verify(purpose, token)?)));
    let (side, claims) = found.ok_or(AudienceError::UnknownLink)?;
    if links::is_past(&claims, core.clock.now()) {
        return Err(AudienceError::ExpiredLink);
    }
    Ok((side, claims))
}

async fn show(core: &Core, side: Side, change: &store::Change) -> Result<Change, AudienceError> {
    let records = store::list_subscriptions(&core.db, &change.subscriber_uid).await?;
    let record = records.last().ok_or(AudienceError::UnknownLink)?;
    let shown = links::show(core, record).await?;
    let to = match side {
        Side::From | Side::To if change.done_at.is_none() => change.address.clone(),
        _ => links::mask(Some(&change.address)),
    };
    Ok(Change {
        side,
        from: if change.done_at.is_some() {
            String::new()
        } else {
            shown.masked_address
        },
        to,
        interface: shown.interface,
        is_agreed: match side {
            Side::From => change.from_at.is_some(),
            Side::To => change.to_at.is_some(),
        },
        is_done: change.done_at.is_some(),
    })
}

async fn agree(core: &Core, side: Side, uid: &str) -> Result<(), AudienceError> {
    let now = core.clock.now();
    let mut tx = core.db.begin().await?;
    let before = store::find_change_in(&mut tx, uid)
        .await?
        .ok_or(AudienceError::ExpiredLink)?;
    let person = store::lock_subscriber(&mut tx, &before.subscriber_uid)
        .await?
        .ok_or(AudienceError::ExpiredLink)?;
    match side {
        Side::From => store::mark_from(&mut tx, before.id, now).await?,
        Side::To => store::mark_to(&mut tx, before.id, now).await?,
    }
    // Read again: while we waited for the lock, the other side may have agreed, or the person may have asked for something else.
    let change = store::find_change_in(&mut tx, uid)
        .await?
        .ok_or(AudienceError::ExpiredLink)?;
    if change.from_at.is_some() && change.to_at.is_some() && change.done_at.is_none() {
        let to = EmailAddress::parse(&change.address)
            .map_err(|problem| AudienceError::Database(sqlx::Error::Decode(problem.into())))?;
        move_to(core, &mut tx, &person, &to, now).await?;
        store::mark_done(&mut tx, change.id, now).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Moves a person to a mailbox that said yes: the row gets the address if nobody has it, else its subscriptions go over to the one
/// who does.
async fn move_to(
    core: &Core,
    tx: &mut Tx,
    person: &Subscriber,
    to: &EmailAddress,
    now: Timestamp,
) -> Result<(), AudienceError> {
    let hash = core.keys.address_hash(&to.key());
    delivery::store::lift_confirmed(tx, &hash, now).await?;
    let evidence = format!(
        "address {} -> {}",
        links::mask(person.address.as_deref()),
        to.masked()
    );
    store::insert_consent(tx, person.id, "changed", "link", &evidence, now).await?;
    if let Some(other) = store::lock_subscriber_by_key(tx, &to.key()).await? {
        // Who merely asked once and never answered has nothing to keep.
        delivery::store::cancel_recipient(tx, &other.uid, now).await?;
        if store::delete_unconfirmed(tx, &[other.id]).await? == 0 {
            return hand_over(core, tx, person, &other, now).await;
        }
    }
    let provider = delivery::provider_of(&core.config, to.domain());
    store::update_address(tx, person.id, to, &hash, provider).await?;
    delivery::store::move_recipient(tx, person.id, &to.envelope(), &hash, provider).await?;
    Ok(())
}

/// The new mailbox has a row of its own: what is not subscribed there is carried over with its place in the log, then the old ends.
async fn hand_over(
    core: &Core,
    tx: &mut Tx,
    person: &Subscriber,
    other: &Subscriber,
    now: Timestamp,
) -> Result<(), AudienceError> {
    let theirs = store::list_subscriptions_in(tx, &other.uid).await?;
    for mine in store::list_subscriptions_in(tx, &person.uid).await? {
        store::lock_subscription(tx, &mine.uid).await?;
        if !matches!(mine.state.as_str(), "active" | "paused") {
            continue;
        }
        let newsletter = store::get_newsletter_in(tx, mine.newsletter_id).await?;
        let there = theirs
            .iter()
            .find(|record| record.newsletter_id == mine.newsletter_id);
        carry(core, tx, &mine, other, there, &newsletter.slug, now).await?;
        store::mark_left(tx, mine.id, now).await?;
        let evidence = format!("{}; moved to another address", newsletter.slug);
        store::insert_consent(tx, person.id, "left", "link", &evidence, now).await?;
        delivery::store::cancel_recipient(tx, &mine.uid, now).await?;
    }
    store::bump_epoch(tx, person.id).await?;
    Ok(())
}

async fn carry(
    core: &Core,
    tx: &mut Tx,
    mine: &Record,
    other: &Subscriber,
    there: Option<&Record>,
    slug: &str,
    now: Timestamp,
) -> Result<(), AudienceError> {
    let id = match there {
        Some(record) if matches!(record.state.as_str(), "active" | "paused") => return Ok(()),
        Some(record) => {
            store::lock_subscription(tx, &record.uid).await?;
            store::ask_again(
                tx,
                record.id,
                mine.selection_id,
                mine.slot_id,
                mine.text_only,
            )
            .await?;
            record.id
        }
        None => {
            let uid = core.clock.uuid_v4();
            let new = NewSubscription {
                uid: &uid,
                subscriber_id: other.id,
                newsletter_id: mine.newsletter_id,
                selection_id: mine.selection_id,
                slot_id: mine.slot_id,
                text_only: mine.text_only,
                now,
            };
            store::insert_subscription(tx, &new).await?;
            store::find_subscription_in(tx, &uid)
                .await?
                .ok_or(sqlx::Error::RowNotFound)?
                .id
        }
    };
    store::activate_subscriber(tx, other.id, now).await?;
    store::activate_subscription(tx, id, mine.read_to, now).await?;
    // One digest on one local date, wherever it went.
    store::carry_date(tx, id, &mine.last_date).await?;
    let until = mine
        .paused_until
        .as_deref()
        .filter(|_| mine.state == "paused");
    if until.is_some_and(|until| until.parse::<Date>().is_ok()) {
        store::update_pause(tx, id, until).await?;
    }
    let evidence = format!("{slug}; moved here from another address");
    store::insert_consent(tx, other.id, "confirmed", "link", &evidence, now).await?;
    Ok(())
}
