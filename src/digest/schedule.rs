//! When a slot opens a run, skips one, and where it moves on to. Pure.

use jiff::civil::Date;

use crate::audience::cadence::{Cadence, IMMEDIATE_PAUSE_SECS, due_instant, next_due};
use crate::audience::store::Slot;
use crate::base::time::Timestamp;

/// How often an immediate slot that has nothing to send looks at the log again.
const IMMEDIATE_LOOK_SECS: i64 = 60;

/// A run as the schedule asks for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Opening {
    /// The instant it was due.
    pub due_at: Timestamp,
    /// The date on the slot's calendar at that instant.
    pub local_date: Date,
    /// Until when it is worth sending: the newsletter's `late_until`, or the slot's next due instant if that is sooner.
    pub expires_at: Timestamp,
    /// Past that already: its people keep their place, and the next run has their stories.
    pub is_missed: bool,
}

/// What a slot does at an instant: the runs it opens (missed ones first), and its next date and instant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Decision {
    /// Runs; none if the slot is not due after all.
    pub openings: Vec<Opening>,
    /// The next date.
    pub next_date: Date,
    /// The next instant.
    pub next_due_at: Timestamp,
}

/// Decides for a slot with a date rule. The due instant is recomputed from date, minute and zone first: a new tz database
/// may have moved it. After an outage the oldest missed run is noted and the newest is opened if it is still worth it; what lies
/// between leaves no trace, as its window is the newest one's, too.
pub fn decide(slot: &Slot, late_until_hours: i64, now: Timestamp) -> Decision {
    let due = |date: Date| due_instant(date, &slot.time_zone, slot.minute);
    let next = |date: Date| next_due(&slot.cadence, &slot.time_zone, slot.minute, date);
    let (mut date, mut at) = (slot.next_date, due(slot.next_date));
    let mut openings = Vec::new();
    while at <= now {
        let (mut next_date, mut next_at) = next(date);
        let expires_at = at.plus_secs(late_until_hours * 3600).min(next_at);
        let is_missed = now >= expires_at;
        openings.push(Opening {
            due_at: at,
            local_date: at.date_in(&slot.time_zone),
            expires_at,
            is_missed,
        });
        if is_missed {
            // Straight to the newest that is due.
            loop {
                let (later, later_at) = next(next_date);
                if later_at > now || next_at > now {
                    break;
                }
                (next_date, next_at) = (later, later_at);
            }
        }
        (date, at) = (next_date, next_at);
    }
    Decision {
        openings,
        next_date: date,
        next_due_at: at,
    }
}

/// Decides for an immediate slot: a run whenever the head of the log moved since its last one, at most every five minutes.
pub fn decide_immediate(
    slot: &Slot,
    late_until_hours: i64,
    now: Timestamp,
    head: i64,
    last_to_no: i64,
) -> Decision {
    debug_assert!(matches!(slot.cadence, Cadence::Immediate));
    let today = now.date_in(&slot.time_zone);
    let has_news = head > last_to_no;
    Decision {
        openings: has_news
            .then(|| Opening {
                due_at: now,
                local_date: today,
                expires_at: now.plus_secs(late_until_hours * 3600),
                is_missed: false,
            })
            .into_iter()
            .collect(),
        next_date: today,
        next_due_at: now.plus_secs(if has_news {
            IMMEDIATE_PAUSE_SECS
        } else {
            IMMEDIATE_LOOK_SECS
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::time::Zone;
    use proptest::prelude::*;

    fn slot(zone: &str, date: &str, cadence: Cadence) -> Slot {
        let time_zone = Zone::parse(zone).unwrap();
        let next_date: Date = date.parse().unwrap();
        Slot {
            id: 1,
            newsletter_id: 1,
            cadence,
            next_due_at: due_instant(next_date, &time_zone, 480),
            time_zone,
            minute: 480,
            next_date,
        }
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_due_slot_opens_one_run_and_moves_on() {
        let slot = slot("Asia/Almaty", "2026-02-28", Cadence::Daily);
        let decision = decide(&slot, 6, at("2026-02-28T08:00:30+05:00"));
        assert_eq!(decision.openings.len(), 1);
        let run = decision.openings[0];
        assert_eq!(run.due_at, at("2026-02-28T08:00:00+05:00"));
        assert_eq!(run.expires_at, at("2026-02-28T14:00:00+05:00"));
        assert_eq!(run.local_date.to_string(), "2026-02-28");
        assert!(!run.is_missed);
        assert_eq!(decision.next_due_at, at("2026-03-01T08:00:00+05:00"));
    }

    #[test]
    fn a_slot_whose_hour_moved_later_waits() {
        let mut slot = slot("Asia/Almaty", "2026-02-28", Cadence::Daily);
        slot.next_due_at = at("2026-02-28T07:00:00+05:00");
        let decision = decide(&slot, 6, at("2026-02-28T07:30:00+05:00"));
        assert!(decision.openings.is_empty());
        assert_eq!(decision.next_due_at, at("2026-02-28T08:00:00+05:00"));
    }

    #[test]
    fn after_a_year_of_silence_the_newest_run_alone_is_opened() {
        let slot = slot("Europe/Berlin", "2025-02-28", Cadence::Daily);
        let decision = decide(&slot, 6, at("2026-02-28T09:00:00+01:00"));
        let dates: Vec<(String, bool)> = decision
            .openings
            .iter()
            .map(|o| (o.local_date.to_string(), o.is_missed))
            .collect();
        assert_eq!(
            dates,
            [
                ("2025-02-28".to_owned(), true),
                ("2026-02-28".to_owned(), false)
            ]
        );
        assert_eq!(decision.next_due_at, at("2026-03-01T08:00:00+01:00"));
    }

    #[test]
    fn past_late_until_the_run_is_missed() {
        let slot = slot("Asia/Almaty", "2026-02-28", Cadence::Daily);
        let decision = decide(&slot, 6, at("2026-02-28T14:00:00+05:00"));
        assert_eq!(decision.openings.len(), 1);
        assert!(decision.openings[0].is_missed);
        assert_eq!(decision.next_due_at, at("2026-03-01T08:00:00+05:00"));
    }

    #[test]
    fn eight_o_clock_stays_eight_o_clock_over_the_change_of_clocks() {
        let mut slot = slot("Europe/Berlin", "2026-03-28", Cadence::Daily);
        let decision = decide(&slot, 6, at("2026-03-28T08:00:00+01:00"));
        assert_eq!(decision.next_due_at, at("2026-03-29T08:00:00+02:00"));
        slot.next_date = decision.next_date;
        let decision = decide(&slot, 6, at("2026-03-29T08:00:00+02:00"));
        assert_eq!(decision.next_due_at, at("2026-03-30T08:00:00+02:00"));
    }

    #[test]
    fn a_run_has_the_date_that_the_wall_shows_at_its_instant() {
        // Apia never saw 30 December 2011: what was due on it comes on the 31st, and that is its date.
        let slot = slot("Pacific/Apia", "2011-12-30", Cadence::Daily);
        let decision = decide(&slot, 6, slot.next_due_at);
        assert_eq!(decision.openings[0].local_date.to_string(), "2011-12-31");
        assert_eq!(decision.next_date.to_string(), "2012-01-01");
    }

    #[test]
    fn an_immediate_slot_follows_the_log() {
        let slot = slot("Asia/Almaty", "2026-02-28", Cadence::Immediate);
        let now = at("2026-02-28T10:00:00+05:00");
        let news = decide_immediate(&slot, 6, now, 5, 4);
        assert_eq!(news.openings.len(), 1);
        assert_eq!(news.next_due_at, now.plus_secs(300));
        let none = decide_immediate(&slot, 6, now, 5, 5);
        assert!(none.openings.is_empty());
        assert_eq!(none.next_due_at, now.plus_secs(60));
    }

    proptest! {
        /// A government changes a zone's rules, and the news of it comes early, late or in the same hour: the slot still has one
        /// digest on each date of the wall, none twice and none passed over. `laws` says by how many half hours the wall is moved,
        /// after how many hours.
        #[test]
        fn a_law_moves_the_wall_and_each_date_keeps_its_one_digest(
            laws in proptest::collection::vec((1i64..60, -6i32..=6), 1..8),
            minute in 0i64..1440,
        ) {
            let rules = |half_hours: i32| {
                let offset = jiff::tz::Offset::from_seconds(half_hours * 1800).unwrap();
                Zone::with_rules(jiff::tz::TimeZone::fixed(offset))
            };
            let mut wall = 10;
            let mut slot = Slot { minute, ..slot("Asia/Almaty", "2026-03-01", Cadence::Daily) };
            slot.time_zone = rules(wall);
            let mut now = due_instant(slot.next_date, &slot.time_zone, minute).plus_secs(-3600);
            slot.next_due_at = due_instant(slot.next_date, &slot.time_zone, minute);
            let mut dates = Vec::new();
            for (hours, by) in laws {
                for _ in 0..hours {
                    now = now.plus_secs(3600);
                    // As each minute does it: the cached instant first, then what is due by it.
                    slot.next_due_at = due_instant(slot.next_date, &slot.time_zone, minute);
                    if slot.next_due_at > now {
                        continue;
                    }
                    let decision = decide(&slot, 6, now);
                    prop_assert!(decision.openings.iter().all(|o| !o.is_missed));
                    dates.extend(decision.openings.iter().map(|o| o.local_date));
                    (slot.next_date, slot.next_due_at) = (decision.next_date, decision.next_due_at);
                }
                wall = (wall + by).clamp(-20, 24);
                slot.time_zone = rules(wall);
            }
            let begin: Date = "2026-03-01".parse().unwrap();
            for (days, date) in (0i64..).zip(dates) {
                prop_assert_eq!(date, begin.saturating_add(jiff::Span::new().days(days)));
            }
        }

        #[test]
        fn a_slot_always_moves_past_the_present_and_never_opens_two_live_runs(
            hours in 0i64..9000,
            late in 1i64..200,
            zone in proptest::sample::select(vec!["Asia/Almaty", "Europe/Berlin", "Australia/Lord_Howe", "America/New_York", "Africa/Casablanca"]),
            cadence in proptest::sample::select(vec![Cadence::Daily, Cadence::Weekdays, Cadence::Weekly(3), Cadence::Days(vec![2, 6])]),
        ) {
            let mut slot = slot(zone, "2026-01-07", cadence);
            slot.next_due_at = due_instant(slot.next_date, &slot.time_zone, slot.minute);
            let now = slot.next_due_at.plus_secs(hours * 3600);
            let decision = decide(&slot, late, now);
            prop_assert!(decision.next_due_at > now);
            prop_assert!(!decision.openings.is_empty());
            prop_assert!(decision.openings.len() <= 3);
            prop_assert!(decision.openings.iter().filter(|o| !o.is_missed).count() <= 1);
            prop_assert!(decision.openings.windows(2).all(|w| w[0].due_at < w[1].due_at));
            for opening in &decision.openings {
                prop_assert_eq!(opening.is_missed, now >= opening.expires_at);
                prop_assert!(opening.expires_at <= opening.due_at.plus_secs(late * 3600));
            }
        }
    }
}
