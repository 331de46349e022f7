//! The next hours at which a subscription can have mail, and why each is as it is. Pure.

use jiff::civil::{Date, Time};
use jiff::tz::AmbiguousOffset;

use super::cadence::{Cadence, IMMEDIATE_PAUSE_SECS, first_due, next_due};
use crate::base::time::{Timestamp, Zone};

/// How the clocks moved on a day.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shift {
    /// The wall never shows the wished time: mail comes later by the gap's length.
    Gap,
    /// The wall shows it twice: the first time counts.
    Fold,
}

/// What one knows of a subscription's hours.
#[derive(Clone, Copy, Debug)]
pub struct Hours<'a> {
    /// On which days.
    pub cadence: &'a Cadence,
    /// Zone.
    pub zone: &'a Zone,
    /// Minutes after local midnight.
    pub minute: i64,
    /// The slot's next date and instant, as stored.
    pub next: (Date, Timestamp),
    /// The first local date with mail after a pause.
    pub paused_until: Option<Date>,
    /// The local date of the last digest: there is one a day.
    pub served: Option<Date>,
}

/// One hour at which mail can come.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Upcoming {
    /// The instant.
    pub due_at: Timestamp,
    /// The date on the slot's calendar at that instant.
    pub local_date: Date,
    /// How the clocks moved.
    pub shift: Option<Shift>,
    /// Dates just before that the pause passes over.
    pub paused: Vec<Date>,
    /// A date just before that had its digest already.
    pub served: Option<Date>,
}

/// The next `count` hours after `now`. Mail of [`Cadence::Immediate`] has no hours: one entry, the earliest instant.
pub fn upcoming(hours: &Hours<'_>, now: Timestamp, count: usize) -> Vec<Upcoming> {
    let Hours {
        cadence,
        zone,
        minute,
        ..
    } = *hours;
    let mut next = if hours.next.1 > now {
        hours.next
    } else {
        first_due(cadence, zone, minute, now)
    };
    if matches!(cadence, Cadence::Immediate) {
        return vec![immediate(hours, next.1, now)];
    }
    let (mut found, mut paused, mut served) = (Vec::new(), Vec::new(), None);
    // A pause is at most a year, so the walk ends.
    while found.len() < count {
        let date = next.1.date_in(zone);
        if hours.paused_until.is_some_and(|until| date < until) {
            paused.push(date);
        } else if hours.served.is_some_and(|last| date <= last) {
            served = Some(date);
        } else {
            found.push(Upcoming {
                due_at: next.1,
                local_date: date,
                shift: shift(next.0, zone, minute),
                paused: std::mem::take(&mut paused),
                served: served.take(),
            });
        }
        if next.0 == Date::MAX {
            break;
        }
        next = next_due(cadence, zone, minute, next.0);
    }
    found
}

/// At most five minutes from now, or on the first day after a pause.
fn immediate(hours: &Hours<'_>, at: Timestamp, now: Timestamp) -> Upcoming {
    let due_at = match hours.paused_until {
        Some(until) if now.date_in(hours.zone) < until => {
            super::cadence::due_instant(until, hours.zone, 0)
        }
        _ => at.min(now.plus_secs(IMMEDIATE_PAUSE_SECS)),
    };
    Upcoming {
        due_at,
        local_date: due_at.date_in(hours.zone),
        shift: None,
        paused: Vec::new(),
        served: None,
    }
}

fn shift(date: Date, zone: &Zone, minute: i64) -> Option<Shift> {
    let time = Time::new((minute / 60) as i8, (minute % 60) as i8, 0, 0).ok()?;
    match zone
        .as_jiff()
        .to_ambiguous_timestamp(date.to_datetime(time))
        .offset()
    {
        AmbiguousOffset::Unambiguous { .. } => None,
        AmbiguousOffset::Gap { .. } => Some(Shift::Gap),
        AmbiguousOffset::Fold { .. } => Some(Shift::Fold),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn walk(zone: &str, cadence: &Cadence, minute: i64, now: &str, count: usize) -> Vec<Upcoming> {
        let zone = Zone::parse(zone).unwrap();
        let now = at(now);
        let hours = Hours {
            cadence,
            zone: &zone,
            minute,
            next: first_due(cadence, &zone, minute, now),
            paused_until: None,
            served: None,
        };
        upcoming(&hours, now, count)
    }

    #[test]
    fn a_gap_and_a_fold_are_told() {
        let spring = walk(
            "Europe/Berlin",
            &Cadence::Daily,
            150,
            "2026-03-28T12:00:00+01:00",
            2,
        );
        assert_eq!(spring[0].due_at, at("2026-03-29T03:30:00+02:00"));
        assert_eq!(spring[0].shift, Some(Shift::Gap));
        assert_eq!(spring[1].shift, None);
        let autumn = walk(
            "Europe/Berlin",
            &Cadence::Daily,
            150,
            "2026-10-24T12:00:00+02:00",
            1,
        );
        assert_eq!(autumn[0].due_at, at("2026-10-25T02:30:00+02:00"));
        assert_eq!(autumn[0].shift, Some(Shift::Fold));
    }

    #[test]
    fn a_pause_and_a_digest_that_was_had_pass_dates_over() {
        let zone = Zone::parse("Asia/Almaty").unwrap();
        let now = at("2026-02-27T21:00:00+05:00");
        let hours = Hours {
            cadence: &Cadence::Weekdays,
            zone: &zone,
            minute: 1320,
            next: first_due(&Cadence::Weekdays, &zone, 1320, now),
            paused_until: Some(date(2026, 3, 4)),
            served: Some(date(2026, 2, 27)),
        };
        let all = upcoming(&hours, now, 3);
        let dates: Vec<String> = all.iter().map(|u| u.local_date.to_string()).collect();
        assert_eq!(dates, ["2026-03-04", "2026-03-05", "2026-03-06"]);
        assert_eq!(
            all[0].paused,
            [date(2026, 2, 27), date(2026, 3, 2), date(2026, 3, 3)]
        );
        let served = upcoming(
            &Hours {
                paused_until: None,
                ..hours
            },
            now,
            1,
        );
        assert_eq!(served[0].local_date, date(2026, 3, 2));
        assert_eq!(served[0].served, Some(date(2026, 2, 27)));
    }

    #[test]
    fn immediate_mail_has_one_entry() {
        let all = walk(
            "Asia/Almaty",
            &Cadence::Immediate,
            0,
            "2026-02-27T21:00:00+05:00",
            7,
        );
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].due_at, at("2026-02-27T21:05:00+05:00"));
    }
}
