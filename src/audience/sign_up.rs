//! Asking to subscribe: one mail with one button. Whether an address is known never shows: answer, statements and mail are of
//! the same shape for every address, and caps are silent (FAILURES T40, T43).

use super::links;
use super::mail::Small;
use super::store::{NewSubscriber, NewSubscription, Record, Subscriber};
use super::wishes::{self, Wanted};
use super::{AudienceError, Newsletter, SignUp, data, mail, newsletters, retried, store};
use crate::base::address::EmailAddress;
use crate::base::time::Timestamp;
use crate::base::token::Purpose;
use crate::db::Tx;
use crate::delivery::{self, NewLetter};
use crate::theme::Theme;
use crate::work::Core;

/// Minutes between two mails to an address that were asked for by a form.
const PAUSE_MINUTES: i64 = 10;
/// Such mails to one address in a day.
const MAILS_A_DAY: usize = 5;
/// Addresses of one domain that may wait for their button from one hour on; more is a flood at somebody's server. The domains of
/// the great providers are exempt: their readers are no neighbours.
const WAITING_PER_DOMAIN: i64 = 100;
const DAY_SECS: i64 = 86_400;

/// Takes a sign-up; [`AudienceError::Closed`] while the settings lack what a person would agree to (PRODUCT M11). A new, pending or left address gets a confirmation mail, an active one a "you are already subscribed" mail
/// with a link to its settings; the answer is the same. At most one mail in ten minutes and five a day go to an address, and none
/// to a domain where a hundred addresses wait since the last hour, counted in the database; what is beyond is silently left out.
pub async fn sign_up(core: &Core, theme: &Theme, request: SignUp) -> Result<(), AudienceError> {
    let missing = core.config.missing_terms();
    if !missing.is_empty() {
        return Err(AudienceError::Closed(missing.join(", ")));
    }
    let newsletter = newsletters::find_offered(core, request.newsletter.as_deref()).await?;
    let wanted = wishes::check(&core.config, &newsletter, &request.wishes)?;
    let letters = Letters::compile(
        core,
        theme,
        &newsletter,
        &theme.interface(&request.interface),
    )?;
    retried!(ask(core, &newsletter, &wanted, &letters, &request))?;
    core.bells.queued.notify_one();
    Ok(())
}

/// Sends a fresh link to the person an expired token names; the answer tells nothing about the person. A confirmation link is
/// answered by another, a settings link by one that works, one to somebody's own data by another such. A token that is not ours is [`AudienceError::UnknownLink`].
pub async fn resend_link(core: &Core, theme: &Theme, token: &str) -> Result<(), AudienceError> {
    let named = Purpose::ALL
        .into_iter()
        .find_map(|purpose| Some((purpose, core.keys.verify(purpose, token)?.uid)));
    let Some((purpose, uid)) = named else {
        return Err(AudienceError::UnknownLink);
    };
    let record = if matches!(purpose, Purpose::Confirm | Purpose::Data) {
        let all = store::list_subscriptions(&core.db, &uid).await?;
        let waiting = all.iter().rposition(|r| r.state == "pending");
        let at = waiting.or_else(|| all.iter().rposition(|r| is_subscribed(&r.state)));
        at.map(|at| all[at].clone())
    } else {
        store::find_subscription(&core.db, &uid).await?
    };
    // Who has left is not written to; who is erased has no address.
    let Some(record) = record.filter(|r| r.address.is_some() && r.state != "left") else {
        return Ok(());
    };
    if purpose == Purpose::Data {
        return match data::send(core, theme, &record).await {
            // A cap tells nothing either.
            Err(AudienceError::TooMany { .. }) => Ok(()),
            other => other,
        };
    }
    let newsletter = store::get_newsletter(&core.db, record.newsletter_id).await?;
    let shown = links::show(core, &record).await?;
    let letters = Letters::compile(core, theme, &newsletter, &theme.interface(&shown.interface))?;
    retried!(ask_once_more(core, &newsletter, &letters, &record))?;
    core.bells.queued.notify_one();
    Ok(())
}

fn is_subscribed(state: &str) -> bool {
    matches!(state, "active" | "paused")
}

/// Both mails, compiled before it is known which one goes out: the time it takes tells nothing.
struct Letters {
    confirmation: NewLetter,
    already: NewLetter,
}

impl Letters {
    fn compile(
        core: &Core,
        theme: &Theme,
        newsletter: &Newsletter,
        language: &crate::base::language::Language,
    ) -> Result<Self, AudienceError> {
        let now = core.clock.now();
        Ok(Self {
            confirmation: mail::compile(
                core,
                theme,
                Small::Confirmation,
                newsletter,
                language,
                now,
                None,
            )?,
            already: mail::compile(core, theme, Small::Already, newsletter, language, now, None)?,
        })
    }
}

async fn ask(
    core: &Core,
    newsletter: &Newsletter,
    wanted: &Wanted,
    letters: &Letters,
    request: &SignUp,
) -> Result<(), AudienceError> {
    let now = core.clock.now();
    let (address, zone) = (&request.address, wanted.time_zone());
    let mut tx = core.db.begin().await?;
    let new = NewSubscriber {
        uid: &core.clock.uuid_v4(),
        address,
        address_hash: &core.keys.address_hash(&address.key()),
        provider: delivery::provider_of(&core.config, address.domain()),
        languages: wanted.choice.languages(),
        time_zone: &zone,
        now,
    };
    store::insert_subscriber(&mut tx, &new).await?;
    let person = store::lock_subscriber_by_key(&mut tx, &address.key())
        .await?
        .ok_or(sqlx::Error::RowNotFound)?;
    let uid = core.clock.uuid_v4();
    let selection_id = store::ensure_selection(
        &mut tx,
        newsletter.id,
        &core.clock.uuid_v4(),
        &wanted.choice,
    )
    .await?;
    let slot_id = store::ensure_slot(
        &mut tx,
        newsletter.id,
        &wanted.cadence,
        &zone,
        wanted.minute,
        now,
    )
    .await?;
    let known = store::list_subscriptions_in(&mut tx, &person.uid)
        .await?
        .into_iter()
        .find(|record| record.newsletter_id == newsletter.id);
    let text_only = request.wishes.text_only;
    let subscription_uid = match &known {
        None => {
            let new = NewSubscription {
                uid: &uid,
                subscriber_id: person.id,
                newsletter_id: newsletter.id,
                selection_id,
                slot_id,
                text_only,
                now,
            };
            store::insert_subscription(&mut tx, &new).await?;
            &uid
        }
        Some(record) => {
            if !is_subscribed(&record.state) {
                store::ask_again(&mut tx, record.id, selection_id, slot_id, text_only).await?;
            }
            &record.uid
        }
    };
    let is_active = known
        .as_ref()
        .is_some_and(|record| is_subscribed(&record.state));
    let evidence = format!("{}; {}", newsletter.slug, request.evidence);
    plan(
        core,
        &mut tx,
        newsletter,
        letters,
        &person,
        is_active.then_some(subscription_uid),
        "form",
        &evidence,
    )
    .await?;
    tx.commit().await?;
    Ok(())
}

async fn ask_once_more(
    core: &Core,
    newsletter: &Newsletter,
    letters: &Letters,
    record: &Record,
) -> Result<(), AudienceError> {
    let mut tx = core.db.begin().await?;
    let Some(person) = store::lock_subscriber(&mut tx, &record.subscriber_uid).await? else {
        return Ok(());
    };
    let active_uid = is_subscribed(&record.state).then_some(&record.uid);
    let evidence = format!("{}; a fresh link", newsletter.slug);
    plan(
        core, &mut tx, newsletter, letters, &person, active_uid, "link", &evidence,
    )
    .await?;
    tx.commit().await?;
    Ok(())
}

/// Plans the mail unless the caps are reached: "already" for an active subscription, else the confirmation. Who it is for is
/// locked, so that of two requests at once one sees the other's.
#[expect(
    clippy::too_many_arguments,
    reason = "the parts of one mail, gathered by two callers"
)]
async fn plan(
    core: &Core,
    tx: &mut Tx,
    newsletter: &Newsletter,
    letters: &Letters,
    person: &Subscriber,
    active_uid: Option<&String>,
    method: &str,
    evidence: &str,
) -> Result<(), AudienceError> {
    let now = core.clock.now();
    let history = store::list_asked(tx, person.id, now.plus_secs(-DAY_SECS)).await?;
    let address = person
        .address
        .as_deref()
        .and_then(|a| EmailAddress::parse(a).ok());
    let Some(address) = address else {
        return Ok(());
    };
    let is_flooded = is_flooded(tx, &address, now).await?;
    if is_flooded || !may_mail(&history, now) {
        tracing::info!(
            subscriber = person.id,
            is_flooded,
            "no mail: a cap is reached"
        );
        return Ok(());
    }
    let letter = if active_uid.is_some() {
        &letters.already
    } else {
        &letters.confirmation
    };
    // One that was not even handed over says the same; a relay that is down must not pile them up.
    if delivery::store::is_any_open(tx, person.id, letter.kind, now).await? {
        return Ok(());
    }
    store::insert_consent(tx, person.id, "asked", method, evidence, now).await?;
    let to = mail::Recipient {
        person_id: person.id,
        // A settings link names the subscription, a confirmation link the subscriber.
        uid: active_uid.unwrap_or(&person.uid),
        epoch: person.link_epoch,
        address: &address,
        address_hash: &person.address_hash,
    };
    mail::plan(core, tx, newsletter, letter, &to).await
}

/// Whether so many addresses of that domain wait for their button that one more mail would be part of a flood.
pub(super) async fn is_flooded(
    tx: &mut Tx,
    address: &EmailAddress,
    now: Timestamp,
) -> Result<bool, AudienceError> {
    if delivery::is_provider(address.domain()) {
        return Ok(false);
    }
    let waiting = store::count_waiting(tx, address.domain(), now.plus_secs(-3600)).await?;
    Ok(waiting > WAITING_PER_DOMAIN)
}

/// [`AudienceError::TooMany`] once a person has asked for as many mails as one may in a day.
pub(super) async fn check_day(
    tx: &mut Tx,
    subscriber_id: i64,
    now: Timestamp,
) -> Result<(), AudienceError> {
    let history = store::list_asked(tx, subscriber_id, now.plus_secs(-DAY_SECS)).await?;
    let mut asked = history
        .iter()
        .filter(|(is_ask, _)| *is_ask)
        .map(|(_, at)| *at);
    let first = asked.next();
    if asked.count() + 1 < MAILS_A_DAY {
        return Ok(());
    }
    let wait = first.map_or(0, |first| {
        first.plus_secs(DAY_SECS).as_secs() - now.as_secs()
    });
    Err(AudienceError::TooMany {
        minutes: wait.max(0) / 60 + 1,
    })
}

/// Whether one more mail may be asked for, by what was asked (true) and confirmed (false) in the last day, oldest first. A press
/// on the button ends the wait of ten minutes: only the owner can do that.
fn may_mail(history: &[(bool, Timestamp)], now: Timestamp) -> bool {
    let asked = history.iter().filter(|(is_ask, _)| *is_ask).count();
    let rests = history
        .last()
        .is_some_and(|(is_ask, at)| *is_ask && now < at.plus_secs(PAUSE_MINUTES * 60));
    asked < MAILS_A_DAY && !rests
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_gets_one_mail_in_ten_minutes_and_five_a_day() {
        let at = |minutes: i64| Timestamp::from_millis(minutes * 60_000);
        assert!(may_mail(&[], at(0)));
        assert!(!may_mail(&[(true, at(0))], at(9)));
        assert!(may_mail(&[(true, at(0))], at(10)));
        assert!(may_mail(&[(true, at(0)), (false, at(1))], at(2)));
        let five: Vec<_> = (0..5).map(|i| (true, at(i * 20))).collect();
        assert!(!may_mail(&five, at(500)));
        assert!(may_mail(&five[1..], at(500)));
    }
}
