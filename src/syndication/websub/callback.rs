//! Where a subscriber wants its news: an address that a stranger typed, so everything about it is suspect.
//!
//! Here is decided what can be decided from the address alone, so that a mistake is told at once; where a name leads is looked at
//! when the connection is made ([`Caller`](crate::fetch::Caller)).

use std::net::IpAddr;

use url::{Host, Url};

use crate::fetch::Guard;

/// The longest callback.
const MAX_LEN: usize = 2048;

/// Names at whose end nothing public stands: RFC 6761, RFC 6762, RFC 7686, RFC 8375, RFC 9476, the `internal` of ICANN's
/// resolution 2024.07.29.06, and what routers and offices call their own networks.
const CLOSED_NAMES: [&str; 17] = [
    "localhost",
    "localdomain",
    "local",
    "internal",
    "intranet",
    "private",
    "corp",
    "home",
    "lan",
    "host",
    "arpa",
    "onion",
    "alt",
    "invalid",
    "test",
    "cluster",
    "consul",
];

/// From 1024 upward: what browsers refuse (Fetch standard, "bad port"), and databases, caches, queues and consoles, which
/// would take a request for orders.
const CLOSED_PORTS: [u16; 53] = [
    1433, 1434, 1521, 1719, 1720, 1723, 2049, 2181, 2375, 2376, 2377, 2379, 2380, 3306, 3389, 3659,
    4045, 4190, 4369, 4444, 5060, 5061, 5432, 5601, 5672, 5900, 5984, 6000, 6379, 6380, 6443, 6566,
    6665, 6666, 6667, 6668, 6669, 6679, 6697, 7000, 7001, 7199, 8086, 8500, 9042, 9092, 9200, 9300,
    10080, 10250, 11211, 27017, 50070,
];

/// An address that may be called.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Callback(Url);

/// Why an address may not be called.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CallbackError {
    /// No address at all, or one that is not of the web.
    #[error(
        "hub.callback is not an absolute http or https address; write it like https://reader.example.org/hook"
    )]
    NotWeb,
    /// Too long.
    #[error("hub.callback is longer than {MAX_LEN} bytes; give a shorter one")]
    TooLong,
    /// With a user or a password.
    #[error(
        "hub.callback has a user or password in it; give one without, and use hub.secret to know our messages"
    )]
    Credentials,
    /// With a fragment.
    #[error("hub.callback has a # in it; give it without what stands behind")]
    Fragment,
    /// Not a port where a web server is expected.
    #[error("hub.callback has a port that this hub does not call; use 443 or 80")]
    Port,
    /// It leads into a network that is not public.
    #[error("hub.callback is not a public address; this hub calls public hosts alone")]
    NotPublic,
}

impl Callback {
    /// Reads an address. `guard` says which literal addresses may be called, `ports` which ports (empty: the usual ones).
    pub fn parse(text: &str, guard: &Guard, ports: &[u16]) -> Result<Self, CallbackError> {
        if text.len() > MAX_LEN {
            return Err(CallbackError::TooLong);
        }
        // The parser forgives a tab or a line break inside and spaces around; an address that needs that is none.
        if text.bytes().any(|byte| byte <= b' ' || byte == 0x7f) || text.contains('\\') {
            return Err(CallbackError::NotWeb);
        }
        let url = Url::parse(text).map_err(|_| CallbackError::NotWeb)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(CallbackError::NotWeb);
        }
        let authority = text
            .split_once("://")
            .map_or("", |(_, rest)| rest)
            .split(['/', '?', '#'])
            .next()
            .unwrap_or("");
        if authority.contains('@') {
            return Err(CallbackError::Credentials);
        }
        if url.fragment().is_some() {
            return Err(CallbackError::Fragment);
        }
        let is_open = match url.host() {
            Some(Host::Ipv4(ip)) => guard.allows(IpAddr::V4(ip)),
            Some(Host::Ipv6(ip)) => guard.allows(IpAddr::V6(ip)),
            Some(Host::Domain(name)) => is_public_name(name),
            None => false,
        };
        if !is_open {
            return Err(CallbackError::NotPublic);
        }
        let port = url.port_or_known_default().unwrap_or(0);
        if !is_open_port(port, ports) {
            return Err(CallbackError::Port);
        }
        if url.as_str().len() > MAX_LEN {
            return Err(CallbackError::TooLong);
        }
        Ok(Self(url))
    }

    /// One that was read before.
    pub(super) fn stored(text: &str) -> Option<Self> {
        Url::parse(text).ok().map(Self)
    }

    /// The address as it is stored.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The address.
    pub const fn url(&self) -> &Url {
        &self.0
    }

    /// Its host in lower case without the last dot: what the caps count.
    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or("").trim_end_matches('.')
    }

    /// The address with more parameters behind its own query, which stays as it is (WebSub section 5.1.1).
    pub fn with(&self, parameters: &[(&str, &str)]) -> Url {
        let more = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(parameters)
            .finish();
        let query = match self.0.query() {
            Some(own) if !own.is_empty() => format!("{own}&{more}"),
            _ => more,
        };
        let mut url = self.0.clone();
        url.set_query(Some(&query));
        url
    }
}

/// Whether a name can be one of the public internet: it has a dot, and its end is not one of the closed ones.
fn is_public_name(name: &str) -> bool {
    // Punycode of look-alikes was made by the parser, which also folded full-width letters and odd dots.
    let name = name.strip_suffix('.').unwrap_or(name);
    let Some((_, last)) = name.rsplit_once('.') else {
        return false;
    };
    !last.is_empty()
        && !CLOSED_NAMES.contains(&last)
        && !last.bytes().all(|byte| byte.is_ascii_digit())
        && name.split('.').all(|label| !label.is_empty())
}

fn is_open_port(port: u16, ports: &[u16]) -> bool {
    if ports.is_empty() {
        matches!(port, 80 | 443) || (port >= 1024 && !CLOSED_PORTS.contains(&port))
    } else {
        ports.contains(&port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Callback, CallbackError> {
        Callback::parse(text, &Guard::default(), &[])
    }

    #[test]
    fn public_addresses_pass() {
        for good in [
            "https://reader.example.org/hook",
            "http://reader.example.org:8080/hook?a=b&c=%20d",
            "https://93.184.215.14/hook",
            "https://[2a00:1450:4001::1]/hook",
            "https://оқырман.example.org/",
            "https://reader.example.org./",
        ] {
            assert!(parse(good).is_ok(), "{good}: {:?}", parse(good));
        }
    }

    #[test]
    fn ports_are_the_usual_ones_or_those_of_the_settings() {
        for (port, is_open) in [
            (80, true),
            (443, true),
            (8443, true),
            (22, false),
            (25, false),
            (6379, false),
            (5432, false),
            (6667, false),
        ] {
            let at = format!("http://reader.example.org:{port}/");
            assert_eq!(parse(&at).is_ok(), is_open, "{port}");
        }
        let of = |port: u16| {
            Callback::parse(
                &format!("http://reader.example.org:{port}/"),
                &Guard::default(),
                &[443, 5432],
            )
        };
        assert!(of(5432).is_ok());
        assert_eq!(of(80), Err(CallbackError::Port));
        let mut sorted = CLOSED_PORTS;
        sorted.sort_unstable();
        assert_eq!(sorted, CLOSED_PORTS);
    }

    #[test]
    fn the_own_query_stays_as_it_is() {
        for (own, expected) in [
            (
                "https://r.example.org/h",
                "https://r.example.org/h?hub.mode=a%26b",
            ),
            (
                "https://r.example.org/h?",
                "https://r.example.org/h?hub.mode=a%26b",
            ),
            (
                "https://r.example.org/h?foo=bar%20baz&x",
                "https://r.example.org/h?foo=bar%20baz&x&hub.mode=a%26b",
            ),
        ] {
            let callback = parse(own).unwrap();
            assert_eq!(callback.with(&[("hub.mode", "a&b")]).as_str(), expected);
        }
    }
}
