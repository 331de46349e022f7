//! What the links in our mails say, and what their pages show.

use jiff::civil::Date;

use super::selection::Choice;
use super::store::{self, Record};
use super::upcoming::{Hours, upcoming};
use super::{AudienceError, Cadence, Newsletter, Preferences, Wishes};
use crate::base::address::EmailAddress;
use crate::base::time::{Timestamp, Zone};
use crate::base::token::{Claims, Purpose};
use crate::work::Core;

/// Days for which a confirmation link is good.
pub const CONFIRM_DAYS: i64 = 3;

/// Reads a token of that purpose; [`AudienceError::UnknownLink`] if it is not ours.
pub(super) fn read(core: &Core, purpose: Purpose, token: &str) -> Result<Claims, AudienceError> {
    core.keys
        .verify(purpose, token)
        .ok_or(AudienceError::UnknownLink)
}

/// Whether a confirmation link is past its days.
pub(super) fn is_past(claims: &Claims, now: Timestamp) -> bool {
    now > claims.issued_at.plus_secs(CONFIRM_DAYS * 86_400)
}

/// A subscription as its owner sees it, as stored now.
pub(super) async fn describe(core: &Core, uid: &str) -> Result<Preferences, AudienceError> {
    let record = store::find_subscription(&core.db, uid)
        .await?
        .ok_or(AudienceError::UnknownLink)?;
    show(core, &record).await
}

/// A stored subscription as its owner sees it.
pub(super) async fn show(core: &Core, record: &Record) -> Result<Preferences, AudienceError> {
    let newsletter = store::get_newsletter(&core.db, record.newsletter_id).await?;
    shown(core, record, newsletter)
}

/// [`show`] with the newsletter at hand.
pub(super) fn shown(
    core: &Core,
    record: &Record,
    newsletter: Newsletter,
) -> Result<Preferences, AudienceError> {
    let choice = Choice::parse(&record.selection_key)?;
    let time_zone = Zone::parse(&record.time_zone).map_err(unreadable)?;
    let wishes = Wishes {
        languages: choice.languages().to_vec(),
        sections: choice.sections().to_vec(),
        tags: choice.tags().to_vec(),
        cadence: Cadence::parse(&record.cadence)?,
        time_zone,
        minute: record.minute,
        text_only: record.text_only,
    };
    let paused_until: Option<Date> = match (&record.paused_until, record.state.as_str()) {
        (Some(date), "paused") => Some(date.parse().map_err(unreadable)?),
        _ => None,
    };
    Ok(Preferences {
        uid: record.uid.clone(),
        link_epoch: record.link_epoch,
        masked_address: mask(record.address.as_deref()),
        interface: wishes
            .languages
            .first()
            .unwrap_or_else(|| core.config.newsroom.default_language())
            .clone(),
        is_active: matches!(record.state.as_str(), "active" | "paused"),
        next_due_at: next_mail(record, &wishes, paused_until, core.clock.now())?,
        paused_until,
        newsletter,
        wishes,
    })
}

/// When the next digest can come: the slot's next, but after now, after a pause, and not on a date that had one already.
fn next_mail(
    record: &Record,
    wishes: &Wishes,
    paused_until: Option<Date>,
    now: Timestamp,
) -> Result<Timestamp, AudienceError> {
    let hours = Hours {
        cadence: &wishes.cadence,
        zone: &wishes.time_zone,
        minute: wishes.minute,
        next: (
            record.next_date.parse().map_err(unreadable)?,
            record.next_due_at,
        ),
        paused_until,
        served: record.last_date.parse().ok(),
    };
    Ok(upcoming(&hours, now, 1)
        .first()
        .map_or(record.next_due_at, |next| next.due_at))
}

/// An address for a page that somebody else may read; empty once erased.
pub(crate) fn mask(address: Option<&str>) -> String {
    address
        .and_then(|address| EmailAddress::parse(address).ok())
        .map_or_else(String::new, |address| address.masked())
}

fn unreadable(error: impl std::fmt::Display) -> AudienceError {
    AudienceError::Database(sqlx::Error::Decode(error.to_string().into()))
}
