use serde::Deserialize;

use super::load::Finding;

/// `[feeds]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Feeds {
    /// Articles that the head of a feed shows; half as many go into each closed page of its archive.
    pub items: i64,
    /// Minutes for which a reader may keep a feed without asking; also `ttl`.
    pub max_age_minutes: i64,
    /// Days for which the feed of a section that was taken out of the settings still says that it is over; then it is gone (410).
    pub closed_days: i64,
    /// Days for which a feed names what was withdrawn, so that readers let it go (RFC 6721).
    pub tombstone_days: i64,
    /// Bytes of finished feeds kept in memory.
    pub memory_bytes: u64,
    /// Feeds of readers' choices and searches that are kept; those that nobody asked for longest go first.
    pub dynamic_max: usize,
    /// Times in an hour that one network address may fetch the whole of one feed without saying what it has; then 429. Requests
    /// with `If-None-Match` or `If-Modified-Since` are never limited. 0 turns the limit off.
    pub unconditional_per_hour: u64,
    /// Feeds of choices and searches that one network address may have made in an hour which nobody asked for before; 0 turns the
    /// limit off.
    pub made_per_hour: u64,
}

impl Default for Feeds {
    fn default() -> Self {
        Self {
            items: 50,
            max_age_minutes: 5,
            closed_days: 90,
            tombstone_days: 30,
            memory_bytes: 128 * 1024 * 1024,
            dynamic_max: 10_000,
            unconditional_per_hour: 240,
            made_per_hour: 120,
        }
    }
}

impl Feeds {
    pub(super) fn check(&self) -> Result<(), Finding> {
        if !(1..=1000).contains(&self.items) {
            return Err(Finding::new(
                "feeds.items",
                "is not between 1 and 1000",
                "Write 50",
            ));
        }
        if !(0..=3650).contains(&self.closed_days) {
            return Err(Finding::new(
                "feeds.closed_days",
                "is not between 0 and 3650",
                "Write 90",
            ));
        }
        if !(0..=3650).contains(&self.tombstone_days) {
            return Err(Finding::new(
                "feeds.tombstone_days",
                "is not between 0 and 3650",
                "Write 30",
            ));
        }
        // NetNewsWire keeps a feed for five hours at most.
        if !(1..=300).contains(&self.max_age_minutes) {
            return Err(Finding::new(
                "feeds.max_age_minutes",
                "is not between 1 and 300",
                "Write 5",
            ));
        }
        if !(10..=1_000_000).contains(&self.dynamic_max) {
            return Err(Finding::new(
                "feeds.dynamic_max",
                "is not between 10 and 1000000",
                "Write 10000",
            ));
        }
        for (key, count, usual) in [
            (
                "feeds.unconditional_per_hour",
                self.unconditional_per_hour,
                "Write 240, or 0 for no limit",
            ),
            (
                "feeds.made_per_hour",
                self.made_per_hour,
                "Write 120, or 0 for no limit",
            ),
        ] {
            if count > 1_000_000_000 {
                return Err(Finding::new(key, "is more than 1000000000", usual));
            }
        }
        Ok(())
    }
}

/// `[fetch]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Fetch {
    /// Networks (CIDR) that may be fetched although they are not public; empty by default.
    pub allow_networks: Vec<String>,
    /// Seconds for one fetch from the first byte to the last.
    pub timeout_secs: u64,
    /// The largest body that is read.
    pub max_bytes: usize,
}

impl Default for Fetch {
    fn default() -> Self {
        Self {
            allow_networks: Vec::new(),
            timeout_secs: 30,
            max_bytes: 32 * 1024 * 1024,
        }
    }
}

impl Fetch {
    pub(super) fn check(&self) -> Result<(), Finding> {
        check_networks("fetch.allow_networks", &self.allow_networks)
    }
}

/// Whether each is a network like `10.1.0.0/16`.
pub(super) fn check_networks(key: &str, networks: &[String]) -> Result<(), Finding> {
    for network in networks {
        let good = network.split_once('/').is_some_and(|(ip, bits)| {
            ip.parse::<std::net::IpAddr>().is_ok_and(|ip| {
                bits.parse::<u8>()
                    .is_ok_and(|b| b <= if ip.is_ipv4() { 32 } else { 128 })
            })
        });
        if !good {
            return Err(Finding::new(
                key,
                format!("{network:?} is not a network"),
                "Write it like 10.1.0.0/16",
            ));
        }
    }
    Ok(())
}
