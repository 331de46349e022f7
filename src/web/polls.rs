//! What is kept about polls, in this process: how often somebody asked in vain, and what was answered.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::http::{HeaderMap, Method};

use super::client::network;
use super::feeds::answer;
use super::limit::Limit;
use super::metrics::Answered;
use crate::base::time::Timestamp;
use crate::config::Feeds;

/// Limits and counts.
pub struct Polls {
    /// What was answered.
    pub answered: Answered,
    whole: Limit,
    made: Limit,
    /// Whether the proxy that nobody named has been told of.
    warned: AtomicBool,
}

impl Polls {
    /// As the settings say.
    pub fn new(settings: &Feeds) -> Self {
        Self {
            answered: Answered::new(),
            whole: Limit::per_hour(settings.unconditional_per_hour),
            made: Limit::per_hour(settings.made_per_hour),
            warned: AtomicBool::new(false),
        }
    }

    /// Whether a client may have the whole of a feed once more, else in how many seconds it may. Who says what it has is never
    /// refused, whatever comes of it: only asking without any condition, over and over, is counted. So is nobody who seems to be
    /// a proxy that `server.trusted_proxies` does not name: that would be all readers behind it at once.
    pub fn may_have_whole(
        &self,
        client: Option<IpAddr>,
        path: &str,
        method: &Method,
        headers: &HeaderMap,
        now: Timestamp,
    ) -> Result<(), u64> {
        match client {
            Some(client)
                if *method == Method::GET
                    && !answer::is_conditional(headers)
                    && !self.is_proxy(client, headers) =>
            {
                self.whole.take((network(client), path), now)
            }
            _ => Ok(()),
        }
    }

    /// Whether a client may have one more feed made that nobody else has asked for: each takes a search and a place on the shelf.
    pub fn may_have_made(
        &self,
        client: Option<IpAddr>,
        headers: &HeaderMap,
        now: Timestamp,
    ) -> Result<(), u64> {
        match client {
            Some(client) if !self.is_proxy(client, headers) => self.made.take(network(client), now),
            _ => Ok(()),
        }
    }

    /// Whether a client seems to be a proxy that nobody named: this machine, or one of the same private network that passes on what
    /// others ask. What comes from elsewhere and says so is counted, else everybody could say so.
    fn is_proxy(&self, client: IpAddr, headers: &HeaderMap) -> bool {
        let passes_on = headers.contains_key("x-forwarded-for");
        let is_proxy = client.is_loopback() || (is_private(client) && passes_on);
        if is_proxy && passes_on && !self.warned.swap(true, Ordering::Relaxed) {
            let bits = if client.is_ipv4() { 32 } else { 128 };
            tracing::warn!(
                "{client} passes on what readers ask, and server.trusted_proxies does not name it: nobody behind it is limited. Add \
                 \"{client}/{bits}\" there, and each reader counts for itself"
            );
        }
        is_proxy
    }
}

/// Addresses that nobody has on the internet (RFC 1918, RFC 6598, RFC 4193, RFC 4291 section 2.5.6).
fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let [first, second, ..] = v4.octets();
            v4.is_private() || v4.is_link_local() || (first == 100 && second & 0xc0 == 64)
        }
        IpAddr::V6(v6) => v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}
