//! How often somebody may ask: buckets of tokens that refill, many of them in little room.
//!
//! A bucket is one number, the moment at which it would be full again, in a table that is indexed by a keyed hash (the generic cell
//! rate algorithm). Nothing is locked, nothing grows: a stranger can neither fill the memory nor make others wait. Where two share
//! a place the newer one starts with a full bucket, so nobody is refused for what another did. Each process counts for itself.

use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::base::time::Timestamp;

/// Places in the table; half a megabyte.
const PLACES: usize = 1 << 16;
/// Low bits of a place: microseconds since the epoch at which the bucket is full, good until the year 2112. Above: part of the hash.
const FULL_AT_BITS: u32 = 52;
/// Microseconds in an hour.
const HOUR: u64 = 3_600_000_000;

/// Buckets of one kind.
pub struct Limit {
    /// Microseconds in which a token comes back; 0 refuses nobody.
    refill: u64,
    /// Microseconds that a full bucket is worth.
    depth: u64,
    places: Box<[AtomicU64]>,
    hasher: RandomState,
}

impl Limit {
    /// So many in an hour, all of them at once if need be; 0 turns it off.
    pub fn per_hour(count: u64) -> Self {
        let refill = HOUR.checked_div(count).map_or(0, |refill| refill.max(1));
        let places = if count == 0 { 0 } else { PLACES };
        Self {
            refill,
            depth: refill * count,
            places: (0..places).map(|_| AtomicU64::new(0)).collect(),
            hasher: RandomState::new(),
        }
    }

    /// Takes one token of that key's bucket, or says in how many seconds there is one.
    pub fn take(&self, key: impl Hash, now: Timestamp) -> Result<(), u64> {
        if self.refill == 0 {
            return Ok(());
        }
        let hash = self.hasher.hash_one(key);
        let place = &self.places[hash as usize % PLACES];
        let mark = hash >> FULL_AT_BITS << FULL_AT_BITS;
        let now = now.as_millis() as u64 * 1000;
        loop {
            let seen = place.load(Ordering::Relaxed);
            let full_at = seen & ((1 << FULL_AT_BITS) - 1);
            let is_mine = seen & !((1 << FULL_AT_BITS) - 1) == mark;
            // A clock that went back leaves nobody waiting for longer than a bucket takes.
            let full_at = if is_mine {
                full_at.clamp(now, now + self.depth)
            } else {
                now
            };
            let then = full_at + self.refill;
            let late = then.saturating_sub(now + self.depth);
            if late > 0 {
                return Err(late.div_ceil(1_000_000));
            }
            let swapped = place.compare_exchange_weak(
                seen,
                mark | then,
                Ordering::Relaxed,
                Ordering::Relaxed,
            );
            if swapped.is_ok() {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_empties_and_refills() {
        let limit = Limit::per_hour(60);
        let start = Timestamp::from_millis(1_772_000_000_000);
        for _ in 0..60 {
            assert_eq!(limit.take("a", start), Ok(()));
        }
        assert_eq!(limit.take("a", start), Err(60));
        assert_eq!(limit.take("b", start), Ok(()), "each has its own");
        assert_eq!(limit.take("a", start.plus_secs(59)), Err(1));
        assert_eq!(limit.take("a", start.plus_secs(60)), Ok(()));
        assert_eq!(limit.take("a", start.plus_secs(60)), Err(60));
        assert_eq!(
            limit.take("a", start.plus_secs(-86_400)),
            Err(60),
            "a clock that went back gives nothing and takes no more than it gave"
        );
        for _ in 0..60 {
            assert_eq!(limit.take("a", start.plus_secs(7200)), Ok(()));
        }
    }

    #[test]
    fn zero_refuses_nobody_and_a_large_number_hardly_anybody() {
        let at = Timestamp::from_millis(1_772_000_000_000);
        for limit in [Limit::per_hour(0), Limit::per_hour(u64::from(u32::MAX))] {
            for _ in 0..100_000 {
                assert_eq!(limit.take(1, at), Ok(()));
            }
        }
    }
}
