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

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::ToSpan;
    use jiff::civil::date;
    use proptest::prelude::*;

    fn zone(name: &str) -> Zone {
        Zone::parse(name).unwrap()
    }

    /// What the wall of the zone shows at the due instant.
    fn wall(d: Date, name: &str, minute: i64) -> String {
        due_instant(d, &zone(name), minute).rfc3339(&zone(name))
    }

    /// The digests of a slot from the day after `after` on, while their nominal date is before `end`.
    fn walk(
        cadence: &Cadence,
        zone: &Zone,
        minute: i64,
        after: Date,
        end: Date,
    ) -> Vec<(Date, Timestamp)> {
        let mut all = Vec::new();
        let mut next = next_due(cadence, zone, minute, after);
        while next.0 < end {
            all.push(next);
            next = next_due(cadence, zone, minute, next.0);
        }
        all
    }

    /// T24, T23: three years of every zone of the tz database: eight in the morning, half past two at night (where most gaps and folds
    /// are), half past midnight (where the rest are).
    #[test]
    fn every_zone_has_one_digest_on_each_local_date() {
        let (first, end) = (date(2023, 12, 31), date(2027, 1, 1));
        let mut zones = 0;
        for name in jiff::tz::db().available() {
            let zone = zone(name.as_str());
            zones += 1;
            for minute in [480, 150, 30] {
                let all = walk(&Cadence::Daily, &zone, minute, first, end);
                assert_eq!(all.len(), 366 + 365 + 365, "{name} {minute}");
                let mut expected = date(2024, 1, 1);
                for pair in all.windows(2) {
                    assert!(pair[0].1 < pair[1].1, "{name} {minute}: {pair:?}");
                }
                for (nominal, at) in all {
                    let local = at.in_zone(&zone);
                    assert_eq!(
                        (nominal, local.date()),
                        (expected, expected),
                        "{name} {minute}"
                    );
                    let wanted = Time::new((minute / 60) as i8, (minute % 60) as i8, 0, 0).unwrap();
                    if local.time() != wanted {
                        // Only a gap may move it: the wall never showed that time on that day, and showed later ones after it.
                        let ambiguity = zone
                            .as_jiff()
                            .to_ambiguous_timestamp(nominal.to_datetime(wanted));
                        assert!(
                            matches!(ambiguity.offset(), jiff::tz::AmbiguousOffset::Gap { .. }),
                            "{name} {local}"
                        );
                        assert!(local.time() > wanted, "{name} {local}");
                    }
                    expected = expected.tomorrow().unwrap();
                }
            }
        }
        assert!(zones > 400, "{zones} zones: is the tz database there?");
    }

    /// T24: Asia/Almaty across 2024-03-01.
    #[test]
    fn almaty_keeps_its_hour_when_the_law_moves_the_clock() {
        assert_eq!(
            wall(date(2024, 2, 29), "Asia/Almaty", 480),
            "2024-02-29T08:00:00+06:00"
        );
        assert_eq!(
            wall(date(2024, 3, 1), "Asia/Almaty", 480),
            "2024-03-01T08:00:00+05:00"
        );
        // 23:30 on 29 February came twice (the wall went back from midnight to eleven): the first counts.
        assert_eq!(
            wall(date(2024, 2, 29), "Asia/Almaty", 1410),
            "2024-02-29T23:30:00+06:00"
        );
    }

    /// T24: gaps and folds of Berlin, Lord Howe, Cairo, Casablanca and Gaza.
    #[test]
    fn gaps_move_later_by_their_length_and_folds_take_the_first() {
        // Berlin 2026-03-29, 02:00 to 03:00.
        assert_eq!(
            wall(date(2026, 3, 29), "Europe/Berlin", 150),
            "2026-03-29T03:30:00+02:00"
        );
        assert_eq!(
            wall(date(2026, 10, 25), "Europe/Berlin", 150),
            "2026-10-25T02:30:00+02:00"
        );
        // Lord Howe moves by half an hour: 2026-10-04, 02:00 to 02:30.
        assert_eq!(
            wall(date(2026, 10, 4), "Australia/Lord_Howe", 135),
            "2026-10-04T02:45:00+11:00"
        );
        assert_eq!(
            wall(date(2026, 4, 5), "Australia/Lord_Howe", 105),
            "2026-04-05T01:45:00+11:00"
        );
        // Cairo's day of change has no hour after midnight.
        assert_eq!(
            wall(date(2024, 4, 26), "Africa/Cairo", 30),
            "2024-04-26T01:30:00+03:00"
        );
        // Casablanca goes back for Ramadan: 2024-03-10, 03:00 to 02:00, and forward on 2024-04-14.
        assert_eq!(
            wall(date(2024, 3, 10), "Africa/Casablanca", 150),
            "2024-03-10T02:30:00+01:00"
        );
        assert_eq!(
            wall(date(2024, 4, 14), "Africa/Casablanca", 150),
            "2024-04-14T03:30:00+01:00"
        );
        // Gaza, 2024-04-20, 02:00 to 03:00.
        assert_eq!(
            wall(date(2024, 4, 20), "Asia/Gaza", 150),
            "2024-04-20T03:30:00+03:00"
        );
    }

    #[test]
    fn a_day_that_a_zone_skipped_has_no_digest_of_its_own() {
        // Apia went from 29 to 31 December 2011.
        let dates: Vec<Date> = walk(
            &Cadence::Daily,
            &zone("Pacific/Apia"),
            480,
            date(2011, 12, 28),
            date(2012, 1, 2),
        )
        .iter()
        .map(|(_, at)| at.date_in(&zone("Pacific/Apia")))
        .collect();
        assert_eq!(
            dates,
            [date(2011, 12, 29), date(2011, 12, 31), date(2012, 1, 1)]
        );
    }

    #[test]
    fn a_new_slot_begins_in_the_future() {
        let almaty = zone("Asia/Almaty");
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let first = |cadence: &Cadence, now: &str| first_due(cadence, &almaty, 480, at(now));
        assert_eq!(
            first(&Cadence::Daily, "2026-02-28T07:59:59+05:00"),
            (date(2026, 2, 28), at("2026-02-28T08:00:00+05:00"))
        );
        assert_eq!(
            first(&Cadence::Daily, "2026-02-28T08:00:00+05:00").0,
            date(2026, 3, 1)
        );
        // Saturday: the next weekday is Monday.
        assert_eq!(
            first(&Cadence::Weekdays, "2026-02-28T07:00:00+05:00").0,
            date(2026, 3, 2)
        );
        assert_eq!(
            first(&Cadence::Weekly(5), "2026-02-28T07:00:00+05:00").0,
            date(2026, 3, 6)
        );
    }

    #[test]
    fn equal_wishes_have_one_text() {
        for (typed, stored) in [
            ("daily", "daily"),
            ("immediate", "immediate"),
            ("days:7,1,3,1", "days:1,3,7"),
            ("days:5,4,3,2,1", "weekdays"),
            ("days:1,2,3,4,5,6,7", "daily"),
            ("days:2", "weekly:2"),
            ("weekly:7", "weekly:7"),
        ] {
            assert_eq!(Cadence::parse(typed).unwrap().to_string(), stored);
        }
        for bad in [
            "",
            "Daily",
            "days:",
            "days:0",
            "days:8",
            "weekly:",
            "weekly:1,2",
            "days:1,,2",
            "hourly",
        ] {
            assert!(Cadence::parse(bad).is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn a_cadence_survives_its_text(days in proptest::collection::vec(1i8..=7, 1..10)) {
            let cadence = Cadence::Days(days).canonical().unwrap();
            prop_assert_eq!(Cadence::parse(&cadence.to_string()).unwrap(), cadence);
        }

        #[test]
        fn no_day_of_a_cadence_is_passed_over(
            days in proptest::collection::vec(1i8..=7, 1..8), start in 0i64..1500, minute in 0i64..1440,
        ) {
            let cadence = Cadence::Days(days.clone()).canonical().unwrap();
            let after = date(2023, 1, 1) + start.days();
            let end = after + 60.days();
            let zone = zone("America/Santiago");
            let walked: Vec<Date> = walk(&cadence, &zone, minute, after, end).iter().map(|(date, _)| *date).collect();
            let wanted: Vec<Date> = (1..60)
                .map(|i: i64| after + i.days())
                .filter(|date| days.contains(&date.weekday().to_monday_one_offset()))
                .collect();
            prop_assert_eq!(walked, wanted);
        }
    }
}
