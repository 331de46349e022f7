//! How often one network address may ask for mail to be sent: a bucket of tokens that refills, and a count for the day.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use moka::future::Cache;

use crate::base::time::Timestamp;
use crate::web::WebState;
use crate::web::client::network;
use crate::web::error::WebError;

/// Tries at once.
const BURST: i64 = 10;
/// Milliseconds in which one try comes back.
const REFILL: i64 = 60_000;
const DAY: i64 = 86_400_000;

/// Buckets by network address, in this process; the caps per mailbox and domain are the audience's and hold for all.
#[derive(Clone)]
pub(super) struct Limits(Cache<[u8; 8], Arc<Mutex<Bucket>>>);

/// Tokens left, in milliseconds of refill, and tries taken in the 24 hours from `day`.
#[derive(Clone, Copy)]
struct Bucket {
    left: i64,
    at: Timestamp,
    day: Timestamp,
    taken: i64,
}

impl Default for Limits {
    fn default() -> Self {
        Self(
            Cache::builder()
                .max_capacity(100_000)
                .time_to_idle(Duration::from_millis(DAY as u64))
                .build(),
        )
    }
}

impl Limits {
    /// Takes one token, or says how many minutes to wait. Without a network address (a test, a socket) nothing is counted.
    pub(super) async fn take(
        &self,
        from: Option<IpAddr>,
        state: &WebState,
    ) -> Result<(), WebError> {
        let now = state.core.clock.now();
        let per_day = state.core.config.subscribe.mails_per_day;
        let Some(key) = from.map(network) else {
            return Ok(());
        };
        let bucket = self
            .0
            .get_with(key, async { Arc::new(Mutex::new(Bucket::new(now))) })
            .await;
        let mut bucket = bucket.lock().unwrap_or_else(PoisonError::into_inner);
        bucket
            .take(now, per_day)
            .map_err(|minutes| WebError::TooMany { minutes })
    }
}

impl Bucket {
    const fn new(now: Timestamp) -> Self {
        Self {
            left: BURST * REFILL,
            at: now,
            day: now,
            taken: 0,
        }
    }

    /// One token out, or the minutes until there is one; at most `per_day` in 24 hours, without end if that is 0.
    fn take(&mut self, now: Timestamp, per_day: i64) -> Result<(), i64> {
        let since = (now.as_millis() - self.at.as_millis()).max(0);
        self.left = (self.left + since).min(BURST * REFILL);
        self.at = now;
        let today = now.as_millis() - self.day.as_millis();
        if !(0..DAY).contains(&today) {
            (self.day, self.taken) = (now, 0);
        }
        if per_day > 0 && self.taken >= per_day {
            return Err((DAY - today + 59_999) / 60_000);
        }
        if self.left < REFILL {
            return Err((REFILL - self.left + 59_999) / 60_000);
        }
        self.left -= REFILL;
        self.taken += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_empties_and_refills() {
        let start = Timestamp::from_millis(1_000_000);
        let mut bucket = Bucket::new(start);
        for _ in 0..BURST {
            assert_eq!(bucket.take(start, 0), Ok(()));
        }
        assert_eq!(bucket.take(start, 0), Err(1));
        assert_eq!(bucket.take(start.plus_secs(60), 0), Ok(()));
        assert_eq!(bucket.take(start.plus_secs(60), 0), Err(1));
        assert_eq!(
            bucket.take(start.plus_secs(-600), 0),
            Err(1),
            "a clock that goes back gives nothing"
        );
    }

    #[test]
    fn a_day_has_its_own_end() {
        let start = Timestamp::from_millis(1_000_000);
        let mut bucket = Bucket::new(start);
        for minute in 0..100 {
            assert_eq!(bucket.take(start.plus_secs(minute * 60), 100), Ok(()));
        }
        assert_eq!(bucket.take(start.plus_secs(100 * 60), 100), Err(1440 - 100));
        assert_eq!(bucket.take(start.plus_secs(100 * 60), 0), Ok(()));
        assert_eq!(bucket.take(start.plus_secs(86_400), 100), Ok(()));
    }
}
