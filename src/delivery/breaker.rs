//! A relay in trouble is left alone: what is due stays queued, and one row asks whether it is over.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The longest time for which a relay that cannot be reached is left alone: people wait for their confirmations.
pub const AWAY: Duration = Duration::from_secs(10);
/// The longest time for which a relay is left alone that answers, but not well.
pub const TROUBLE: Duration = Duration::from_mins(5);

/// Stops trying after several failures in a row, for longer each time.
#[derive(Default)]
pub struct Breaker(Mutex<Failures>);

#[derive(Default)]
struct Failures {
    in_a_row: u32,
    opened: u32,
    until: Option<Instant>,
    trouble: String,
    /// Where the last failure was, if it was at one domain.
    domain: Option<String>,
}

impl Breaker {
    const LIMIT: u32 = 3;

    fn lock(&self) -> MutexGuard<'_, Failures> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is wrong and for how long nothing is tried, if so.
    pub fn open(&self) -> Option<(String, Duration)> {
        let failures = self.lock();
        let left = failures.until?.saturating_duration_since(Instant::now());
        (!left.is_zero()).then(|| (failures.trouble.clone(), left))
    }

    /// Whether nothing has succeeded yet since it was open.
    pub fn is_half_open(&self) -> bool {
        self.lock().opened > 0
    }

    pub fn succeed(&self) {
        let mut failures = self.lock();
        if failures.opened > 0 {
            tracing::info!("the relay takes mail again");
        }
        failures.in_a_row = 0;
        failures.opened = 0;
        failures.until = None;
        failures.domain = None;
    }

    /// One more failure in a row; nothing is tried for at most `longest` from now on if that is too many. What fails at one `domain`
    /// again and again is that domain's trouble (its lane rests), and counts once.
    pub fn fail(&self, trouble: &str, longest: Duration, domain: Option<&str>) {
        let mut failures = self.lock();
        trouble.clone_into(&mut failures.trouble);
        if domain.is_some() && failures.domain.as_deref() == domain {
            return;
        }
        failures.domain = domain.map(str::to_owned);
        failures.in_a_row += 1;
        let is_open = failures.until.is_some_and(|until| until > Instant::now());
        if failures.in_a_row >= Self::LIMIT && !is_open {
            let wait = Duration::from_secs(5 << failures.opened.min(6)).min(longest);
            if failures.opened == 0 {
                tracing::error!(trouble, "the relay is left alone for a while");
            }
            failures.opened += 1;
            failures.until = Some(Instant::now() + wait);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The waits of so many failures in a row, each after the wait before is over.
    fn waits(longest: Duration, failures: usize) -> Vec<u64> {
        let breaker = Breaker::default();
        let mut waits = Vec::new();
        for _ in 0..failures {
            breaker.fail("gone", longest, None);
            let left = breaker.open().map_or(Duration::ZERO, |(_, left)| left);
            waits.push(left.as_millis().div_ceil(1000) as u64);
            breaker.lock().until = None;
        }
        waits
    }

    #[test]
    fn a_relay_that_is_away_is_asked_every_few_seconds_and_one_in_trouble_ever_less() {
        assert_eq!(waits(AWAY, 9), [0, 0, 5, 10, 10, 10, 10, 10, 10]);
        assert_eq!(waits(TROUBLE, 10), [0, 0, 5, 10, 20, 40, 80, 160, 300, 300]);
    }

    #[test]
    fn one_row_asks_whether_the_trouble_is_over() {
        let breaker = Breaker::default();
        assert!(!breaker.is_half_open());
        for _ in 0..Breaker::LIMIT {
            breaker.fail("gone", AWAY, None);
        }
        assert!(breaker.open().is_some() && breaker.is_half_open());
        breaker.succeed();
        assert!(breaker.open().is_none() && !breaker.is_half_open());
    }

    #[test]
    fn one_domain_in_trouble_is_not_the_relays_trouble() {
        let breaker = Breaker::default();
        for _ in 0..20 {
            breaker.fail("no answer", TROUBLE, Some("slow.example.org"));
        }
        assert!(breaker.open().is_none());
        for domain in ["a.example.org", "b.example.org"] {
            breaker.fail("no answer", TROUBLE, Some(domain));
        }
        assert!(breaker.open().is_some());
    }
}
