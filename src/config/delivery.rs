use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use secrecy::SecretString;
use serde::Deserialize;

use super::Config;
use super::lanes::{self, Lane};
use super::load::Finding;
use crate::base::address::EmailAddress;

/// How the connection to the relay is protected.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tls {
    /// STARTTLS or nothing is sent: never downgraded.
    #[default]
    Required,
    /// TLS from the first byte (port 465).
    Implicit,
    /// No protection; only for a relay on the same machine.
    None,
}

/// `[mail]`: the relay that takes our mail.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Mail {
    /// Host name of the relay; its certificate must carry it.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Protection.
    pub tls: Tls,
    /// A PEM file with further certificate authorities.
    pub ca_file: Option<PathBuf>,
    /// User for AUTH.
    pub username: Option<String>,
    /// Password for AUTH.
    pub password: Option<SecretString>,
    /// The name we greet with: the host's name in DNS, never taken from the machine.
    pub ehlo_name: String,
    /// Domain of the envelope sender, where bounces come back.
    pub bounce_domain: String,
    /// The address in From of confirmations and other small mail; default is the first newsletter's.
    pub sender: Option<String>,
}

impl Default for Mail {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".to_owned(),
            port: 25,
            tls: Tls::Required,
            ca_file: None,
            username: None,
            password: None,
            ehlo_name: "localhost".to_owned(),
            bounce_domain: "localhost".to_owned(),
            sender: None,
        }
    }
}

impl Mail {
    pub(super) fn finish(&mut self, folder: &Path) -> Result<(), Finding> {
        if let Some(path) = &mut self.ca_file {
            Config::resolve(folder, path);
        }
        if self.host.is_empty() || self.port == 0 {
            return Err(Finding::new(
                "mail.host",
                "names no relay",
                "Write the host and port your provider gave you",
            ));
        }
        // A name in other letters has one in ASCII, which every relay reads (RFC 5890 section 2.3.2.1).
        for name in [&mut self.host, &mut self.ehlo_name, &mut self.bounce_domain] {
            if !name.is_ascii()
                && let Ok(url::Host::Domain(ascii)) = url::Host::parse(name)
            {
                *name = ascii;
            }
        }
        for (key, name) in [
            ("mail.ehlo_name", &self.ehlo_name),
            ("mail.bounce_domain", &self.bounce_domain),
        ] {
            if name.is_empty()
                || !name
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || ".-".contains(c))
            {
                return Err(Finding::new(
                    key,
                    format!("{name:?} is not a host name"),
                    "Write it like mail.example.kz",
                ));
            }
        }
        if self.username.is_some() != self.password.is_some() {
            return Err(Finding::new(
                "mail.password",
                "user and password go together",
                "Give both or neither",
            ));
        }
        let is_local = self.host == "localhost"
            || self
                .host
                .parse::<std::net::IpAddr>()
                .is_ok_and(|ip| ip.is_loopback());
        if self.tls == Tls::None && self.username.is_some() && !is_local {
            return Err(Finding::new(
                "mail.tls",
                "would send the password in the clear",
                "Write \"required\" or \"implicit\"",
            ));
        }
        if let Some(Err(error)) = self.sender.as_deref().map(EmailAddress::parse) {
            return Err(Finding::new(
                "mail.sender",
                error,
                "Write it like news@example.kz",
            ));
        }
        Ok(())
    }
}

/// `[delivery]`: times are seconds. The resend wait must exceed the lease, and the dot's deadline with the time the dot may take
/// to follow its intent ([`Delivery::dot_within_secs`]).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Delivery {
    /// Connections to the relay at once.
    pub connections: usize,
    /// Messages over one connection before it is renewed.
    pub messages_per_connection: usize,
    /// How long one connection is used before it is renewed.
    pub connection_age_secs: u64,
    /// How long a worker is believed alive without a sign.
    pub lease_secs: i64,
    /// How often a worker gives a sign.
    pub renew_secs: i64,
    /// How long after its intent a message without a reply is sent again.
    pub resend_wait_secs: i64,
    /// How long the relay may take to connect and greet.
    pub connect_deadline_secs: u64,
    /// How long it may take for one command, and for the body.
    pub command_deadline_secs: u64,
    /// How long it may take to answer the final dot (RFC 5321 section 4.5.3.2.6 asks for 10 minutes).
    pub dot_deadline_secs: u64,
    /// The first wait after a temporary refusal; it doubles, with jitter, up to `retry_max_secs`.
    pub retry_first_secs: i64,
    /// The longest wait between two tries.
    pub retry_max_secs: i64,
    /// Days for which finished deliveries are kept.
    pub keep_days: i64,
    /// Days for which letter bodies, and addresses in finished deliveries, are kept.
    pub keep_body_days: i64,
    /// Providers and how fast they may be sent to, by name; `other` is everybody else, each domain for itself.
    pub lanes: BTreeMap<String, Lane>,
}

impl Default for Delivery {
    fn default() -> Self {
        Self {
            connections: 8,
            messages_per_connection: 100,
            connection_age_secs: 300,
            lease_secs: 60,
            renew_secs: 15,
            resend_wait_secs: 900,
            connect_deadline_secs: 60,
            command_deadline_secs: 300,
            dot_deadline_secs: 600,
            retry_first_secs: 300,
            retry_max_secs: 7200,
            keep_days: 90,
            keep_body_days: 30,
            lanes: BTreeMap::new(),
        }
    }
}

impl Delivery {
    /// How soon after its intent the dot must be written; later it is not. 30 seconds, or what the resend wait leaves beside the
    /// dot's deadline, so that an answer is always in, or given up, before the message may be sent again. At least 1 where the
    /// settings are accepted.
    #[must_use]
    pub fn dot_within_secs(&self) -> u64 {
        u64::try_from(self.resend_wait_secs)
            .unwrap_or(0)
            .saturating_sub(self.dot_deadline_secs.saturating_add(1))
            .min(30)
    }

    pub(super) fn check(&self) -> Result<(), Finding> {
        if !(1..=1000).contains(&self.connections) {
            return Err(Finding::new(
                "delivery.connections",
                "is not between 1 and 1000",
                "Write 8",
            ));
        }
        if self.messages_per_connection == 0 {
            return Err(Finding::new(
                "delivery.messages_per_connection",
                "is 0",
                "Write 100",
            ));
        }
        if self.connection_age_secs == 0 {
            return Err(Finding::new(
                "delivery.connection_age_secs",
                "is 0",
                "Write 300",
            ));
        }
        if self.renew_secs < 1 || self.lease_secs < self.renew_secs * 2 {
            return Err(Finding::new(
                "delivery.lease_secs",
                "is less than twice renew_secs",
                "Write 60, with renew_secs = 15",
            ));
        }
        if self.dot_within_secs() == 0 || self.resend_wait_secs < self.lease_secs {
            return Err(Finding::new(
                "delivery.resend_wait_secs",
                "does not exceed dot_deadline_secs by at least 2, or is below lease_secs: a message could be sent twice while its reply is still coming",
                "Write 900, or shorten dot_deadline_secs with it",
            ));
        }
        if self.retry_first_secs < 1 || self.retry_max_secs < self.retry_first_secs {
            return Err(Finding::new(
                "delivery.retry_first_secs",
                "is 0 or above retry_max_secs",
                "Write 300",
            ));
        }
        lanes::check(&self.lanes)
    }
}
