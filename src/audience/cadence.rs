//! When mail comes. Pure: the zone's rules come in with the [`Zone`], the present with the arguments.
//!
//! A wish is a wall-clock time. Where the wall clock jumps over it (gap) mail comes later by the gap's length, where it shows it
//! twice (fold) the first time counts: RFC 5545 section 3.3.5, jiff's "compatible". The local date of a digest is read back
//! from the instant, so that a gap over midnight, or a day that a zone skipped, cannot give one date two digests.

use std::fmt;

use jiff::civil::{Date, Time};

use super::AudienceError;
use crate::base::time::{Timestamp, Zone};

/// The shortest time between two digests of [`Cadence::Immediate`].
pub const IMMEDIATE_PAUSE_SECS: i64 = 300;

/// When mail comes.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Cadence {
    /// When something matches, at most every five minutes.
    Immediate,
    /// Every day.
    Daily,
    /// Monday to Friday.
    Weekdays,
    /// On chosen days of the week, ISO numbers 1 (Monday) to 7.
    Days(Vec<i8>),
    /// On one day of the week.
    Weekly(i8),
}

impl Cadence {
    /// The same wish in the one form it is stored in: days sorted and single, all seven are `Daily`, Monday to Friday are
    /// `Weekdays`, one is `Weekly`. Equal wishes so share a slot.
    pub fn canonical(&self) -> Result<Self, AudienceError> {
        let refuse = |sentence: &str| AudienceError::Invalid {
            field: "cadence",
            sentence: sentence.to_owned(),
        };
        let mut days = match self {
            Self::Days(days) => days.clone(),
            Self::Weekly(day) => vec![*day],
            other => return Ok(other.clone()),
        };
        days.sort_unstable();
        days.dedup();
        if days.iter().any(|day| !(1..=7).contains(day)) {
            return Err(refuse(
                "days of the week are numbers from 1 (Monday) to 7 (Sunday)",
            ));
        }
        Ok(match days.as_slice() {
            [] => return Err(refuse("choose at least one day of the week")),
            [day] => Self::Weekly(*day),
            [1, 2, 3, 4, 5] => Self::Weekdays,
            [1, 2, 3, 4, 5, 6, 7] => Self::Daily,
            _ => Self::Days(days),
        })
    }

    /// Reads the text form: `immediate`, `daily`, `weekdays`, `days:1,3,5` or `weekly:1`.
    pub fn parse(text: &str) -> Result<Self, AudienceError> {
        let refuse = || AudienceError::Invalid {
            field: "cadence",
            sentence: format!(
                "{text:?} is no cadence; write daily, weekdays, immediate, weekly:1 (Monday) or days:1,3,5"
            ),
        };
        let cadence = match text.split_once(':') {
            None => match text {
                "immediate" => Self::Immediate,
                "daily" => Self::Daily,
                "weekdays" => Self::Weekdays,
                _ => return Err(refuse()),
            },
            Some(("weekly", day)) => Self::Weekly(day.parse().map_err(|_| refuse())?),
            Some(("days", days)) => Self::Days(
                days.split(',')
                    .map(str::parse)
                    .collect::<Result<_, _>>()
                    .map_err(|_| refuse())?,
            ),
            Some(_) => return Err(refuse()),
        };
        cadence.canonical()
    }

    /// Whether a digest may be due on that date.
    pub fn is_due_on(&self, date: Date) -> bool {
        let day = date.weekday().to_monday_one_offset();
        match self {
            Self::Immediate | Self::Daily => true,
            Self::Weekdays => day <= 5,
            Self::Days(days) => days.contains(&day),
            Self::Weekly(one) => *one == day,
        }
    }
}

/// The text form, as [`Cadence::parse`] reads it.
impl fmt::Display for Cadence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Immediate => f.write_str("immediate"),
            Self::Daily => f.write_str("daily"),
            Self::Weekdays => f.write_str("weekdays"),
            Self::Weekly(day) => write!(f, "weekly:{day}"),
            Self::Days(days) => {
                f.write_str("days:")?;
                for (i, day) in days.iter().enumerate() {
                    write!(f, "{}{day}", if i == 0 { "" } else { "," })?;
                }
                Ok(())
            }
        }
    }
}

/// The instant at which that minute after midnight comes on that date.
pub fn due_instant(date: Date, zone: &Zone, minute: i64) -> Timestamp {
    let minute = minute.clamp(0, 1439);
    let time = Time::new((minute / 60) as i8, (minute % 60) as i8, 0, 0).unwrap_or(Time::MIN);
    let wall = date.to_datetime(time);
    // An error means a date at the very edge of the calendar (year 9999); there the offset no longer matters.
    zone.as_jiff()
        .to_timestamp(wall)
        .unwrap_or(jiff::Timestamp::MAX)
        .into()
}

/// The next nominal date after `after` (exclusive) on which the cadence is due, and its instant.
///
/// Strictly later in local date than what `after` itself gave, so a run of calls tiles the calendar: never two digests on one
/// local date, never a date passed over. For [`Cadence::Immediate`] the date is only the day; its instants follow the log.
pub fn next_due(cadence: &Cadence, zone: &Zone, minute: i64, after: Date) -> (Date, Timestamp) {
    let given = due_instant(after, zone, minute).date_in(zone);
    let mut date = after.max(given);
    // A week has every day that a cadence can name.
    for _ in 0..7 {
        date = date.tomorrow().unwrap_or(Date::MAX);
        if cadence.is_due_on(date) {
            break;
        }
    }
    (date, due_instant(date, zone, minute))
}

/// The first due date of a slot that begins at `now`: the instant lies in the future, today if its hour is still to come.
pub fn first_due(cadence: &Cadence, zone: &Zone, minute: i64, now: Timestamp) -> (Date, Timestamp) {
    let today = now.date_in(zone);
    if matches!(cadence, Cadence::Immediate) {
        return (today, now.plus_secs(IMMEDIATE_PAUSE_SECS));
    }
    let yesterday = today.yesterday().unwrap_or(today);
    let mut next = next_due(cadence, zone, minute, yesterday);
    while next.1 <= now {
        next = next_due(cadence, zone, minute, next.0);
    }
    next
}
