//! The next digests of one subscription, each with the reason for its hour.

use super::explain::hour;
use super::explanation::Reason;
use super::{DigestError, Reader, preview};
use crate::audience::cadence::Cadence;
use crate::audience::store::{find_reading, get_slot};
use crate::audience::upcoming::{Hours, Shift, Upcoming, upcoming};
use crate::audience::{Newsletter, store::Slot};
use crate::base::address::EmailAddress;
use crate::base::time::Timestamp;
use crate::theme::Theme;
use crate::work::Core;

/// One hour at which a digest can come.
#[derive(Clone, Debug)]
pub struct NextSend {
    /// The instant.
    pub due_at: Timestamp,
    /// The date on the person's calendar.
    pub local_date: jiff::civil::Date,
    /// Why then.
    pub reasons: Vec<Reason>,
}

/// The next digests of a subscription.
#[derive(Clone, Debug)]
pub struct Ahead {
    /// Zone of the hours.
    pub time_zone: String,
    /// Why there are none, if so.
    pub none: Option<Reason>,
    /// The hours, soonest first.
    pub sends: Vec<NextSend>,
    /// How many stories have come so far for the first of them, and their subject; none if nothing has.
    pub so_far: Option<(usize, String)>,
}

/// The next `count` digests of the person with that address.
pub async fn look_ahead(
    core: &Core,
    theme: &Theme,
    newsletter: &Newsletter,
    address: &EmailAddress,
    count: usize,
) -> Result<Ahead, DigestError> {
    let Some(reading) = find_reading(&core.db, newsletter.id, &address.key()).await? else {
        return Err(DigestError::Invalid(format!(
            "nobody with that address has the newsletter {:?}; see `jarshy subscriber list`",
            newsletter.slug
        )));
    };
    let slot = get_slot(&core.db, reading.slot_id).await?;
    let none = match reading.state.as_str() {
        "pending" => Some(Reason::new(
            "unconfirmed",
            "not confirmed yet: nothing is sent before the button in the confirmation mail is pressed",
        )),
        "left" => Some(Reason::new("left", "the person has left")),
        _ => None,
    };
    if none.is_some() {
        return Ok(Ahead {
            time_zone: slot.time_zone.name().to_owned(),
            none,
            sends: Vec::new(),
            so_far: None,
        });
    }
    let hours = Hours {
        cadence: &slot.cadence,
        zone: &slot.time_zone,
        minute: slot.minute,
        next: (slot.next_date, slot.next_due_at),
        paused_until: (reading.state == "paused")
            .then(|| reading.paused_until.as_deref()?.parse().ok())
            .flatten(),
        served: reading.last_date.parse().ok(),
    };
    let sends = upcoming(&hours, core.clock.now(), count)
        .into_iter()
        .map(|next| NextSend {
            due_at: next.due_at,
            local_date: next.local_date,
            reasons: reasons(&slot, &next),
        })
        .collect();
    let seen = preview(core, theme, newsletter, &Reader::from(reading)).await?;
    Ok(Ahead {
        time_zone: slot.time_zone.name().to_owned(),
        none: None,
        sends,
        so_far: seen.map(|seen| (seen.stories, seen.letter.subject)),
    })
}

fn reasons(slot: &Slot, next: &Upcoming) -> Vec<Reason> {
    let wished = hour(slot.minute);
    let weekday = next.local_date.strftime("%A").to_string();
    let mut reasons = vec![match &slot.cadence {
        Cadence::Immediate => Reason::new(
            "immediate",
            "as soon as something matches, at most every five minutes; this is the earliest",
        ),
        Cadence::Daily => Reason::new("daily", format!("every day at {wished}")),
        Cadence::Weekdays => Reason::new(
            "weekdays",
            format!("Monday to Friday at {wished}; this is a {weekday}"),
        ),
        Cadence::Weekly(_) => Reason::new("weekly", format!("every {weekday} at {wished}")),
        Cadence::Days(_) => Reason::new(
            "days",
            format!("{weekday} is one of the chosen days, at {wished}"),
        ),
    }];
    match next.shift {
        Some(Shift::Gap) => reasons.push(Reason::new(
            "gap",
            format!(
                "the clocks go forward and the wall never shows {wished}: it comes later by as much, at {}",
                next.due_at.in_zone(&slot.time_zone).strftime("%H:%M")
            ),
        )),
        Some(Shift::Fold) => reasons.push(Reason::new(
            "fold",
            format!("the clocks go back and the wall shows {wished} twice: the first time counts"),
        )),
        None => {}
    }
    if let Some(last) = next.paused.last() {
        reasons.push(Reason::new(
            "after-pause",
            format!(
                "the first after the pause, which passes over {} (the last on {last}); what came out meanwhile and is not too old is in it",
                next.paused.len()
            ),
        ));
    }
    if let Some(date) = next.served {
        reasons.push(Reason::new(
            "served",
            format!("{date} had its digest already: one a local date"),
        ));
    }
    reasons
}
