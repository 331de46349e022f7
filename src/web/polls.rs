//! What is kept about polls, in this process: how often somebody asked in vain, and what was answered.

use std::net::IpAddr;

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
}

impl Polls {
    /// As the settings say.
    pub fn new(settings: &Feeds) -> Self {
        Self {
            answered: Answered::new(),
            whole: Limit::per_hour(settings.unconditional_per_hour),
            made: Limit::per_hour(settings.made_per_hour),
        }
    }

    /// Whether a client may have the whole of a feed once more, else in how many seconds it may. Who says what it has is never
    /// refused, whatever comes of it: only asking without any condition, over and over, is counted. So is nobody who seems to be
    /// this machine: behind a proxy that `server.trusted_proxies` does not name, that would be all readers at once.
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
                    && !client.is_loopback()
                    && !answer::is_conditional(headers) =>
            {
                self.whole.take((network(client), path), now)
            }
            _ => Ok(()),
        }
    }

    /// Whether a client may have one more feed made that nobody else has asked for: each takes a search and a place on the shelf.
    pub fn may_have_made(&self, client: Option<IpAddr>, now: Timestamp) -> Result<(), u64> {
        match client {
            Some(client) if !client.is_loopback() => self.made.take(network(client), now),
            _ => Ok(()),
        }
    }
}
