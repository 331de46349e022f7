//! Changing wishes without a password: the link names the subscription and can do nothing beyond it.

use jiff::ToSpan;
use jiff::civil::Date;

use super::store::Record;
use super::wishes::{self, Wanted};
use super::{AudienceError, Preferences, Wishes, links, retried, store};
use crate::base::token::{Claims, Purpose};
use crate::work::Core;

/// Days for which one may pause.
const MAX_PAUSE_DAYS: i64 = 366;

/// The settings behind a preferences token. It dies when the subscriber's `link_epoch` moves past its own
/// ([`AudienceError::ExpiredLink`]).
pub async fn get_preferences(core: &Core, token: &str) -> Result<Preferences, AudienceError> {
    let (_, record) = find(core, token).await?;
    links::show(core, &record).await
}

/// What a settings link names, if it still counts.
pub(super) async fn find(core: &Core, token: &str) -> Result<(Claims, Record), AudienceError> {
    let claims = links::read(core, Purpose::Preferences, token)?;
    let record = store::find_subscription(&core.db, &claims.uid).await?;
    let record = check(&claims, record)?;
    Ok((claims, record))
}

/// Changes wishes; `paused_until` (the first day with mail again) pauses, `None` resumes. How far the person has read is not
/// touched, so a change loses and repeats nothing. Who has left may change wishes, which brings no mail back.
pub async fn save_preferences(
    core: &Core,
    token: &str,
    wishes: Wishes,
    paused_until: Option<Date>,
) -> Result<Preferences, AudienceError> {
    let (claims, record) = find(core, token).await?;
    let newsletter = store::get_newsletter(&core.db, record.newsletter_id).await?;
    let wanted = wishes::check(&core.config, &newsletter, &wishes)?;
    let today = core.clock.now().date_in(&wanted.time_zone());
    // The form sends the present pause along; its day may have come a minute ago.
    let is_over = |until: &Date| {
        *until <= today && record.paused_until.as_deref() == Some(&until.to_string())
    };
    let paused_until = paused_until.filter(|until| !is_over(until));
    if let Some(until) = paused_until {
        let latest = today.saturating_add(MAX_PAUSE_DAYS.days());
        if until <= today || until > latest {
            return Err(AudienceError::Invalid {
                field: "paused_until",
                sentence: format!("choose a day after {today} and not later than {latest}"),
            });
        }
    }
    retried!(save(core, &claims, &wanted, wishes.text_only, paused_until))?;
    links::describe(core, &claims.uid).await
}

fn check(claims: &Claims, record: Option<Record>) -> Result<Record, AudienceError> {
    let record = record
        .filter(|record| record.address.is_some())
        .ok_or(AudienceError::UnknownLink)?;
    if record.link_epoch == claims.epoch {
        Ok(record)
    } else {
        Err(AudienceError::ExpiredLink)
    }
}

async fn save(
    core: &Core,
    claims: &Claims,
    wanted: &Wanted,
    text_only: bool,
    paused_until: Option<Date>,
) -> Result<(), AudienceError> {
    let now = core.clock.now();
    let mut tx = core.db.begin().await?;
    let before = check(
        claims,
        store::find_subscription_in(&mut tx, &claims.uid).await?,
    )?;
    let (newsletter_id, zone) = (before.newsletter_id, wanted.time_zone());
    // Order of locks: subscriber, slot, subscription.
    store::lock_subscriber(&mut tx, &before.subscriber_uid).await?;
    let slot_id = store::ensure_slot(
        &mut tx,
        newsletter_id,
        &wanted.cadence,
        &zone,
        wanted.minute,
        now,
    )
    .await?;
    let selection_id = store::ensure_selection(
        &mut tx,
        newsletter_id,
        &core.clock.uuid_v4(),
        &wanted.choice,
    )
    .await?;
    store::lock_subscription(&mut tx, &claims.uid).await?;
    // Read again: while we waited for the locks, the person may have left or had the address changed.
    let before = check(
        claims,
        store::find_subscription_in(&mut tx, &claims.uid).await?,
    )?;
    store::update_wishes(&mut tx, before.id, selection_id, slot_id, text_only).await?;
    let until = paused_until.map(|date| date.to_string());
    store::update_pause(&mut tx, before.id, until.as_deref()).await?;
    store::update_subscriber_wishes(
        &mut tx,
        before.subscriber_id,
        wanted.choice.languages(),
        &zone,
    )
    .await?;
    let after = store::find_subscription_in(&mut tx, &claims.uid)
        .await?
        .ok_or(AudienceError::UnknownLink)?;
    let (was, is) = (summary(&before), summary(&after));
    if was != is {
        let evidence = format!("{was} -> {is}");
        store::insert_consent(
            &mut tx,
            before.subscriber_id,
            "changed",
            "link",
            &evidence,
            now,
        )
        .await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Wishes in one line, for the record.
fn summary(record: &Record) -> String {
    format!(
        "{} {} {} {:02}:{:02}{}{}",
        record.selection_key,
        record.cadence,
        record.time_zone,
        record.minute / 60,
        record.minute % 60,
        if record.text_only { " text" } else { "" },
        match (&record.paused_until, record.state.as_str()) {
            (Some(until), "paused") => format!(" paused until {until}"),
            _ => String::new(),
        }
    )
}
