//! How often one network address may ask for mail to be sent: a bucket of tokens that refills.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use moka::future::Cache;

use crate::base::time::Timestamp;
use crate::web::client::network;
use crate::web::error::WebError;

/// Tries at once.
const BURST: i64 = 10;
/// Milliseconds in which one try comes back.
const REFILL: i64 = 60_000;

/// Buckets by network address, in this process; the caps per mailbox and domain are the audience's and hold for all.
#[derive(Clone)]
pub(super) struct Limits(Cache<[u8; 8], Arc<Mutex<Bucket>>>);

/// Tokens left, in milliseconds of refill.
#[derive(Clone, Copy)]
struct Bucket {
    left: i64,
    at: Timestamp,
}

impl Default for Limits {
    fn default() -> Self {
        Self(
            Cache::builder()
                .max_capacity(100_000)
                .time_to_idle(Duration::from_millis((BURST * REFILL) as u64))
                .build(),
        )
    }
}

impl Limits {
    /// Takes one token, or says how many minutes to wait. Without a network address (a test, a socket) nothing is counted.
    pub(super) async fn take(&self, from: Option<IpAddr>, now: Timestamp) -> Result<(), WebError> {
        let Some(key) = from.map(network) else {
            return Ok(());
        };
        let bucket = self
            .0
            .get_with(key, async {
                Arc::new(Mutex::new(Bucket {
                    left: BURST * REFILL,
                    at: now,
                }))
            })
            .await;
        let mut bucket = bucket.lock().unwrap_or_else(PoisonError::into_inner);
        bucket
            .take(now)
            .map_err(|minutes| WebError::TooMany { minutes })
    }
}

impl Bucket {
    /// One token out, or the minutes until there is one.
    fn take(&mut self, now: Timestamp) -> Result<(), i64> {
        let since = (now.as_millis() - self.at.as_millis()).max(0);
        self.left = (self.left + since).min(BURST * REFILL);
        self.at = now;
        if self.left < REFILL {
            return Err((REFILL - self.left + 59_999) / 60_000);
        }
        self.left -= REFILL;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_empties_and_refills() {
        let start = Timestamp::from_millis(1_000_000);
        let mut bucket = Bucket {
            left: BURST * REFILL,
            at: start,
        };
        for _ in 0..BURST {
            assert_eq!(bucket.take(start), Ok(()));
        }
        assert_eq!(bucket.take(start), Err(1));
        assert_eq!(bucket.take(start.plus_secs(60)), Ok(()));
        assert_eq!(bucket.take(start.plus_secs(60)), Err(1));
        assert_eq!(
            bucket.take(start.plus_secs(-600)),
            Err(1),
            "a clock that goes back gives nothing"
        );
    }
}
