//! Instants, zones and the clock.
//!
//! An instant is UTC milliseconds ([`Timestamp`]); a local date is [`jiff::civil::Date`]; a zone is an IANA name that was
//! looked up once ([`Zone`]). Time and chance enter the program through [`Clock`] alone, so that a test, the demo or `--at`
//! can set them.

use std::fmt;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// An instant as UTC milliseconds since 1970-01-01T00:00:00Z.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, sqlx::Type,
)]
#[sqlx(transparent)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The instant of that many milliseconds since the epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down.
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// The same instant without its fraction of a second.
    #[must_use]
    pub const fn floor_to_secs(self) -> Self {
        Self(self.as_secs() * 1000)
    }

    /// The full hour that has begun.
    #[must_use]
    pub const fn floor_to_hours(self) -> Self {
        Self(self.0 - self.0.rem_euclid(3_600_000))
    }

    /// Later by that many seconds (earlier if negative).
    #[must_use]
    pub const fn plus_secs(self, secs: i64) -> Self {
        Self(self.0 + secs * 1000)
    }

    /// Later by that many milliseconds (earlier if negative).
    #[must_use]
    pub const fn plus_millis(self, millis: i64) -> Self {
        Self(self.0 + millis)
    }

    /// The instant as jiff has it.
    pub fn to_jiff(self) -> jiff::Timestamp {
        jiff::Timestamp::from_millisecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
    }

    /// The instant on the wall of a zone.
    pub fn in_zone(self, zone: &Zone) -> jiff::ZonedDateTime {
        self.to_jiff().to_zoned_datetime(zone.0.clone())
    }

    /// The date on the calendar of a zone.
    pub fn date_in(self, zone: &Zone) -> Date {
        self.in_zone(zone).date()
    }

    /// RFC 3339 with the zone's numeric offset and whole seconds, e.g. `2026-02-28T08:00:00+05:00`; UTC prints `Z`.
    pub fn rfc3339(self, zone: &Zone) -> String {
        let local = self.in_zone(zone);
        let offset = local.offset().seconds();
        let stamp = local.strftime("%Y-%m-%dT%H:%M:%S");
        if offset == 0 {
            return format!("{stamp}Z");
        }
        let sign = if offset < 0 { '-' } else { '+' };
        let minutes = offset.abs() / 60;
        format!("{stamp}{sign}{:02}:{:02}", minutes / 60, minutes % 60)
    }

    /// RFC 5322 date with a two-digit day and English names whatever the locale, e.g. `Sat, 28 Feb 2026 08:00:00 +0500`.
    pub fn rfc2822(self, zone: &Zone) -> String {
        self.in_zone(zone)
            .strftime("%a, %d %b %Y %H:%M:%S %z")
            .to_string()
    }

    /// The date of HTTP (RFC 9110 section 5.6.7), always GMT.
    pub fn http_date(self) -> String {
        self.in_zone(&Zone::utc())
            .strftime("%a, %d %b %Y %H:%M:%S GMT")
            .to_string()
    }
}

impl From<jiff::Timestamp> for Timestamp {
    fn from(instant: jiff::Timestamp) -> Self {
        Self(instant.as_millisecond())
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.rfc3339(&Zone::utc()))
    }
}

impl std::str::FromStr for Timestamp {
    type Err = String;

    /// Reads RFC 3339 (`2026-02-28T08:00:00+05:00`), or RFC 9557 with a zone in brackets.
    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(instant) = text.parse::<jiff::Timestamp>() {
            return Ok(instant.into());
        }
        text.parse::<jiff::ZonedDateTime>()
            .map(|at| at.timestamp().into())
            .map_err(|_| {
                format!("{text:?} is not an instant; write it like 2026-02-28T08:00:00+05:00")
            })
    }
}

/// An IANA time zone that exists in the tz database in use.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Zone(jiff::tz::TimeZone);

impl Zone {
    /// Looks the name up; the error says what to write instead.
    pub fn parse(name: &str) -> Result<Self, String> {
        let well_formed = !name.is_empty()
            && name.len() <= 64
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "/_+-".contains(c));
        if well_formed && let Ok(zone) = jiff::tz::TimeZone::get(name) {
            return Ok(Self(zone));
        }
        Err(format!(
            "there is no time zone {name:?}; use a name of the IANA database like Asia/Almaty"
        ))
    }

    /// Rules of its own, for a law that no tz database knows.
    #[cfg(test)]
    pub(crate) const fn with_rules(rules: jiff::tz::TimeZone) -> Self {
        Self(rules)
    }

    /// UTC.
    pub const fn utc() -> Self {
        Self(jiff::tz::TimeZone::UTC)
    }

    /// The IANA name.
    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }

    /// The zone as jiff has it.
    pub const fn as_jiff(&self) -> &jiff::tz::TimeZone {
        &self.0
    }
}

/// The one source of time and chance.
///
/// Three kinds: the machine's own; one that was set to an instant and runs on from it (the demo, `--at`); one that stands
/// still until it is moved, with a seeded generator, so that equal runs give equal bytes (tests).
#[derive(Clone)]
pub struct Clock(Arc<Source>);

enum Source {
    System,
    Offset(AtomicI64),
    Fixed {
        now: AtomicI64,
        seed: u64,
        drawn: AtomicU64,
        lock: Mutex<()>,
    },
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clock({})", self.now())
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the clock is where time and chance come in"
)]
fn system_millis() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

impl Clock {
    /// The machine's clock and the system's generator.
    pub fn system() -> Self {
        Self(Arc::new(Source::System))
    }

    /// A clock that shows `at` now and runs on at the usual speed.
    pub fn starting_at(at: Timestamp) -> Self {
        Self(Arc::new(Source::Offset(AtomicI64::new(
            at.0 - system_millis(),
        ))))
    }

    /// A clock that stands still until [`Clock::set`], with a generator that repeats itself for the same seed.
    pub fn fixed(at: Timestamp, seed: u64) -> Self {
        Self(Arc::new(Source::Fixed {
            now: AtomicI64::new(at.0),
            seed,
            drawn: AtomicU64::new(0),
            lock: Mutex::new(()),
        }))
    }

    /// The present instant.
    pub fn now(&self) -> Timestamp {
        Timestamp(match &*self.0 {
            Source::System => system_millis(),
            Source::Offset(offset) => system_millis() + offset.load(Ordering::SeqCst),
            Source::Fixed { now, .. } => now.load(Ordering::SeqCst),
        })
    }

    /// Moves a clock that was set by hand to `at`; the machine's own clock cannot be moved and stays.
    pub fn set(&self, at: Timestamp) {
        match &*self.0 {
            Source::System => {}
            Source::Offset(offset) => offset.store(at.0 - system_millis(), Ordering::SeqCst),
            Source::Fixed { now, .. } => now.store(at.0, Ordering::SeqCst),
        }
    }

    /// Whether someone set this clock: such a clock is exempt from being compared with the database's (DESIGN 5.8).
    pub fn is_set_by_hand(&self) -> bool {
        !matches!(&*self.0, Source::System)
    }

    /// How long this process has been at work, by a clock that nobody can set. It stands still while the machine sleeps.
    pub fn monotonic(&self) -> Duration {
        static BEGAN: OnceLock<Instant> = OnceLock::new();
        BEGAN.get_or_init(Instant::now).elapsed()
    }

    /// Fills the buffer from the system's generator, or from the seed of a fixed clock.
    #[expect(
        clippy::disallowed_methods,
        reason = "the clock is where time and chance come in"
    )]
    pub fn fill_random(&self, buffer: &mut [u8]) {
        match &*self.0 {
            Source::System | Source::Offset(_) => {
                getrandom::fill(buffer).expect("the operating system has no random numbers");
            }
            Source::Fixed {
                seed, drawn, lock, ..
            } => {
                let _turn = lock.lock();
                for chunk in buffer.chunks_mut(32) {
                    let count = drawn.fetch_add(1, Ordering::SeqCst);
                    let mut hash = Sha256::new();
                    hash.update(seed.to_le_bytes());
                    hash.update(count.to_le_bytes());
                    chunk.copy_from_slice(&hash.finalize()[..chunk.len()]);
                }
            }
        }
    }

    /// A uniform number in `0..bound`; 0 for a bound of 0.
    pub fn random_below(&self, bound: u64) -> u64 {
        let mut bytes = [0; 16];
        self.fill_random(&mut bytes);
        if bound == 0 {
            0
        } else {
            (u128::from_le_bytes(bytes) % u128::from(bound)) as u64
        }
    }

    /// A UUID that sorts by time (RFC 9562 version 7), for what is published.
    pub fn uuid_v7(&self) -> String {
        let mut random = [0; 10];
        self.fill_random(&mut random);
        uuid::Builder::from_unix_timestamp_millis(self.now().0.max(0) as u64, &random)
            .into_uuid()
            .to_string()
    }

    /// A UUID that tells nothing (RFC 9562 version 4), for people.
    pub fn uuid_v4(&self) -> String {
        let mut random = [0; 16];
        self.fill_random(&mut random);
        uuid::Builder::from_random_bytes(random)
            .into_uuid()
            .to_string()
    }
}

/// Reads a UUID back into its 16 bytes.
pub fn uid_bytes(uid: &str) -> Option<[u8; 16]> {
    Uuid::try_parse(uid).ok().map(Uuid::into_bytes)
}

/// Writes 16 bytes as a UUID.
pub fn uid_text(bytes: [u8; 16]) -> String {
    Uuid::from_bytes(bytes).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_written_as_the_standards_ask() {
        let at: Timestamp = "2026-03-03T03:05:09Z".parse().unwrap();
        let almaty = Zone::parse("Asia/Almaty").unwrap();
        assert_eq!(at.rfc2822(&almaty), "Tue, 03 Mar 2026 08:05:09 +0500");
        assert_eq!(at.rfc3339(&almaty), "2026-03-03T08:05:09+05:00");
        assert_eq!(at.rfc3339(&Zone::utc()), "2026-03-03T03:05:09Z");
        assert_eq!(at.http_date(), "Tue, 03 Mar 2026 03:05:09 GMT");
        let york = Zone::parse("America/New_York").unwrap();
        assert_eq!(at.rfc3339(&york), "2026-03-02T22:05:09-05:00");
    }

    #[test]
    fn almaty_moved_on_the_first_of_march_2024() {
        let almaty = Zone::parse("Asia/Almaty").unwrap();
        let before: Timestamp = "2024-02-29T17:59:59Z".parse().unwrap();
        assert_eq!(before.rfc3339(&almaty), "2024-02-29T23:59:59+06:00");
        assert_eq!(
            before.plus_secs(1).rfc3339(&almaty),
            "2024-02-29T23:00:00+05:00"
        );
    }

    #[test]
    fn a_zone_that_does_not_exist_is_refused() {
        for name in ["", "Asia/Atlantis", "../etc/passwd", "Asia/Almaty\n"] {
            assert!(Zone::parse(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn a_fixed_clock_repeats_itself() {
        let at = Timestamp::from_millis(1_772_000_000_000);
        let (a, b) = (Clock::fixed(at, 7), Clock::fixed(at, 7));
        assert_eq!(a.uuid_v7(), b.uuid_v7());
        assert_ne!(a.uuid_v4(), a.uuid_v4());
    }
}
