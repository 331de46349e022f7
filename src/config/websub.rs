use serde::Deserialize;
use url::Url;

use super::load::Finding;

/// `[websub]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Websub {
    /// Whether the newsroom has its own hub at `/websub`.
    pub enabled: bool,
    /// Outside hubs that are told of every change as well, absolute addresses.
    pub hubs: Vec<String>,
    /// The lease of a subscriber who asks for none, in seconds.
    pub lease_secs: i64,
    /// The shortest lease that is given, in seconds.
    pub lease_min_secs: i64,
    /// The longest lease that is given, in seconds.
    pub lease_max_secs: i64,
    /// Subscriptions whose callbacks have the same host.
    pub subscriptions_per_host: i64,
    /// Subscriptions in all.
    pub subscriptions_total: i64,
    /// Requests of one network address that wait for their verification.
    pub pending_per_client: i64,
    /// Requests for callbacks of one host that wait for their verification.
    pub pending_per_host: i64,
    /// Requests that wait for their verification, in all.
    pub pending_total: i64,
    /// Requests within an hour from one network address, and for callbacks of one host.
    pub requests_per_hour: i64,
    /// Ports that callbacks may have. Empty: 80, 443, and from 1024 upward all but those of well-known services.
    pub callback_ports: Vec<u16>,
    /// Networks (CIDR) in which callbacks may be although they are not public; empty by default. `fetch.allow_networks` does not
    /// count here: those addresses are the editors' choice, callbacks are anybody's.
    pub allow_networks: Vec<String>,
    /// Seconds for one call to a callback or an outside hub.
    pub timeout_secs: u64,
    /// Calls of one process at the same time.
    pub calls_at_once: i64,
}

impl Default for Websub {
    fn default() -> Self {
        Self {
            enabled: true,
            hubs: Vec::new(),
            lease_secs: 10 * 86_400,
            lease_min_secs: 3600,
            lease_max_secs: 30 * 86_400,
            subscriptions_per_host: 5000,
            subscriptions_total: 100_000,
            pending_per_client: 50,
            pending_per_host: 50,
            pending_total: 1000,
            requests_per_hour: 600,
            callback_ports: Vec::new(),
            allow_networks: Vec::new(),
            timeout_secs: 10,
            calls_at_once: 16,
        }
    }
}

impl Websub {
    pub(super) fn check(&self) -> Result<(), Finding> {
        for hub in &self.hubs {
            let good = Url::parse(hub).is_ok_and(|url| {
                matches!(url.scheme(), "http" | "https") && url.fragment().is_none()
            });
            // The address stands between < and > in a header.
            if !good || !hub.is_ascii() || hub.contains(['<', '>', '"', ' ']) {
                return Err(Finding::new(
                    "websub.hubs",
                    format!("{hub:?} is not an absolute web address"),
                    "Write it like https://hub.example.org/",
                ));
            }
        }
        if self.lease_min_secs < 1 {
            return Err(Finding::new(
                "websub.lease_min_secs",
                "is less than 1",
                "Write 3600",
            ));
        }
        if self.lease_max_secs > 400 * 86_400 {
            return Err(Finding::new(
                "websub.lease_max_secs",
                "is longer than 400 days",
                "Write 2592000: subscribers renew, and a lease that never ends keeps the dead",
            ));
        }
        if !(self.lease_min_secs..=self.lease_max_secs).contains(&self.lease_secs) {
            return Err(Finding::new(
                "websub.lease_secs",
                "is not between websub.lease_min_secs and websub.lease_max_secs",
                "Write 864000, ten days",
            ));
        }
        for (key, value) in [
            ("subscriptions_per_host", self.subscriptions_per_host),
            ("subscriptions_total", self.subscriptions_total),
            ("pending_per_client", self.pending_per_client),
            ("pending_per_host", self.pending_per_host),
            ("pending_total", self.pending_total),
            ("requests_per_hour", self.requests_per_hour),
            ("calls_at_once", self.calls_at_once),
        ] {
            if value < 1 {
                return Err(Finding::new(
                    format!("websub.{key}"),
                    "is less than 1",
                    "Leave the key out, or set websub.enabled = false to have no hub",
                ));
            }
        }
        if !(1..=60).contains(&self.timeout_secs) {
            return Err(Finding::new(
                "websub.timeout_secs",
                "is not between 1 and 60",
                "Write 10",
            ));
        }
        super::feeds::check_networks("websub.allow_networks", &self.allow_networks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_work_is_refused_with_its_key() {
        assert!(Websub::default().check().is_ok());
        let wrong = |change: fn(&mut Websub)| {
            let mut settings = Websub::default();
            change(&mut settings);
            settings.check().err().map(|finding| finding.key)
        };
        for (change, key) in [
            (
                (|w| w.hubs = vec!["hub.example.org".to_owned()]) as fn(&mut Websub),
                "websub.hubs",
            ),
            (
                |w| w.hubs = vec!["https://hub.example.org/>; rel=\"x\"".to_owned()],
                "websub.hubs",
            ),
            (|w| w.lease_secs = 10, "websub.lease_secs"),
            (|w| w.lease_max_secs = i64::MAX, "websub.lease_max_secs"),
            (|w| w.lease_min_secs = 0, "websub.lease_min_secs"),
            (|w| w.pending_total = 0, "websub.pending_total"),
            (|w| w.timeout_secs = 0, "websub.timeout_secs"),
            (
                |w| w.allow_networks = vec!["10.0.0.0".to_owned()],
                "websub.allow_networks",
            ),
        ] {
            assert_eq!(wrong(change).as_deref(), Some(key));
        }
    }
}
