//! Whether this machine's clock can be trusted (DESIGN 5.8). A process whose clock is wrong would plan tomorrow's digests today and take
//! living workers for dead; it neither plans nor claims until the clock is right again, and says so.
//!
//! Two things are looked at: the offset to the database's clock, each minute, and the wall clock against the monotonic one,
//! whenever somebody asks. A machine that slept, or whose clock was put right, jumps as well; so a jump is forgiven once both
//! clocks have run side by side for as long as the jump must be to count. A clock that was set by hand (tests, the demo, `--at`) is exempt.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::{Core, store};
use crate::base::time::{Clock, Timestamp};

/// How often the database is asked for the time.
const EVERY: Duration = Duration::from_mins(1);
/// How far this machine's clock may be from the database's.
const MOST_OFFSET_MILLIS: i64 = 2_000;
/// How far the wall clock may leap against the monotonic one, and how long it must run evenly after it did.
const LEAP_MILLIS: i64 = 600_000;

/// What is wrong with the clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClockTrouble {
    /// It is ahead of the database's by so many milliseconds (behind if negative).
    Offset(i64),
    /// It leapt by so many milliseconds (back if negative).
    Leap(i64),
}

impl fmt::Display for ClockTrouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secs = |millis: i64| format!("{}.{} s", millis.abs() / 1000, millis.abs() % 1000 / 100);
        match *self {
            Self::Offset(by) => write!(
                f,
                "this machine's clock is {} {} the database's; set both by one time service",
                secs(by),
                if by > 0 { "ahead of" } else { "behind" }
            ),
            Self::Leap(by) => write!(
                f,
                "this machine's clock leapt {} by {}; work goes on once it has run evenly for {} minutes",
                if by > 0 { "forward" } else { "back" },
                secs(by),
                LEAP_MILLIS / 60_000
            ),
        }
    }
}

/// One process's look at its clock.
#[derive(Debug)]
pub struct Watch {
    is_exempt: bool,
    seen: Mutex<Seen>,
}

/// What was seen so far; instants are of the monotonic clock.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    /// Both clocks when they were looked at last.
    last: Option<(Duration, Timestamp)>,
    /// The last leap and when it was seen.
    leap: Option<(i64, Duration)>,
    /// When the database was asked last, and what it said.
    asked: Option<Duration>,
    offset: Option<i64>,
}

impl Seen {
    /// Looks at both clocks.
    fn look(&mut self, monotonic: Duration, wall: Timestamp) {
        if let Some((then, wall_then)) = self.last {
            let by =
                (wall.as_millis() - wall_then.as_millis()) - millis(monotonic.saturating_sub(then));
            if by.abs() >= LEAP_MILLIS {
                self.leap = Some((by, monotonic));
                // What the database said was said of another clock.
                self.asked = None;
            }
        }
        self.last = Some((monotonic, wall));
        let is_over = |since: Duration| millis(monotonic.saturating_sub(since)) >= LEAP_MILLIS;
        self.leap = self.leap.filter(|(_, since)| !is_over(*since));
    }

    fn must_ask(&self, monotonic: Duration) -> bool {
        self.asked
            .is_none_or(|then| monotonic.saturating_sub(then) >= EVERY)
    }

    /// The database's clock showed `theirs` at some moment between these two of ours: the offset is at least what the nearer of
    /// them says, so a slow answer accuses nobody.
    fn measure(
        &mut self,
        monotonic: Duration,
        before: Timestamp,
        theirs: Timestamp,
        after: Timestamp,
    ) {
        self.asked = Some(monotonic);
        let (before, after) = (
            before.as_millis() - theirs.as_millis(),
            after.as_millis() - theirs.as_millis(),
        );
        let least = if before > 0 { before } else { after.min(0) };
        self.offset = (least.abs() > MOST_OFFSET_MILLIS).then_some(least);
    }

    fn trouble(&self) -> Option<ClockTrouble> {
        let leap = self.leap.map(|(by, _)| ClockTrouble::Leap(by));
        leap.or(self.offset.map(ClockTrouble::Offset))
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

impl Watch {
    /// A look at that clock, unless somebody set it.
    pub fn over(clock: &Clock) -> Self {
        Self {
            is_exempt: clock.is_set_by_hand(),
            seen: Mutex::default(),
        }
    }

    /// A look at a clock whoever set it, for tests of the look.
    pub fn strict() -> Self {
        Self {
            is_exempt: false,
            seen: Mutex::default(),
        }
    }

    /// What is wrong with the clock now, if anything. Asks the database once a minute; while it does not answer, what it said last
    /// counts.
    pub async fn trouble(&self, core: &Core) -> Option<ClockTrouble> {
        if self.is_exempt {
            return None;
        }
        let clock = &core.clock;
        let must_ask = {
            let mut seen = self.lock();
            seen.look(clock.monotonic(), clock.now());
            seen.must_ask(clock.monotonic())
        };
        if must_ask {
            let before = clock.now();
            match store::get_database_time(&core.db).await {
                Ok(theirs) => {
                    let mut seen = self.lock();
                    seen.measure(clock.monotonic(), before, theirs, clock.now());
                    if let Some(trouble) = seen.trouble() {
                        tracing::error!(%trouble, "nothing is planned or claimed");
                    }
                }
                Err(error) => tracing::warn!(%error, "the database did not say what time it is"),
            }
        }
        self.lock().trouble()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_millis(1_772_000_000_000).plus_secs(secs)
    }

    #[test]
    fn an_offset_of_more_than_two_seconds_is_told_and_ends_when_the_clock_is_put_right() {
        let mut seen = Seen::default();
        for (theirs, trouble) in [
            (0, None),
            (2, None),
            (-2, None),
            (-3, Some(ClockTrouble::Offset(3_000))),
            (3, Some(ClockTrouble::Offset(-3_000))),
            (0, None),
        ] {
            seen.measure(secs(0), at(0), at(theirs), at(0));
            assert_eq!(seen.trouble(), trouble, "{theirs}");
        }
        // It took ten seconds to answer: its clock may have shown that at any moment of them.
        seen.measure(secs(0), at(0), at(11), at(10));
        assert_eq!(seen.trouble(), None);
        seen.measure(secs(0), at(0), at(5), at(10));
        assert_eq!(seen.trouble(), None);
        seen.measure(secs(0), at(0), at(-4), at(10));
        assert_eq!(seen.trouble(), Some(ClockTrouble::Offset(4_000)));
        seen.measure(secs(0), at(0), at(13), at(10));
        assert_eq!(seen.trouble(), Some(ClockTrouble::Offset(-3_000)));
    }

    #[test]
    fn a_leap_of_ten_minutes_holds_until_both_clocks_have_run_evenly_for_as_long() {
        for by in [600, -600, 86_400] {
            let mut seen = Seen::default();
            seen.look(secs(0), at(0));
            seen.look(secs(60), at(60));
            assert_eq!(seen.trouble(), None);
            seen.look(secs(120), at(120 + by));
            assert_eq!(seen.trouble(), Some(ClockTrouble::Leap(by * 1000)));
            assert!(seen.must_ask(secs(120)));
            seen.look(secs(719), at(719 + by));
            assert!(seen.trouble().is_some());
            seen.look(secs(720), at(720 + by));
            assert_eq!(seen.trouble(), None);
        }
        let mut seen = Seen::default();
        seen.look(secs(0), at(0));
        // Less than ten minutes is the database's to judge.
        seen.look(secs(60), at(60 + 599));
        assert_eq!(seen.trouble(), None);
    }

    #[test]
    fn troubles_are_told_in_words() {
        assert_eq!(
            ClockTrouble::Offset(-5_250).to_string(),
            "this machine's clock is 5.2 s behind the database's; set both by one time service"
        );
        assert_eq!(
            ClockTrouble::Leap(660_000).to_string(),
            "this machine's clock leapt forward by 660.0 s; work goes on once it has run evenly for 10 minutes"
        );
    }
}
