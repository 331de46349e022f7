//! Who asks: the network address behind the proxies that the settings trust.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName};

use super::WebState;
use crate::config::Server;

/// Whom a proxy asks for.
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The reader's network address; none where the connection has none (tests).
#[derive(Clone, Copy, Debug)]
pub struct ClientAddress(pub Option<IpAddr>);

impl FromRequestParts<WebState> for ClientAddress {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &WebState) -> Result<Self, Infallible> {
        let peer = parts
            .extensions
            .get::<ConnectInfo<SocketAddr>>()
            .map(|ConnectInfo(peer)| peer.ip());
        Ok(Self(peer.map(|peer| {
            client(peer, &parts.headers, &state.networks.trusted)
        })))
    }
}

/// The networks of the settings, read once: each request asks about them.
#[derive(Debug)]
pub struct Networks {
    /// Whose `X-Forwarded-For` is believed.
    pub(super) trusted: Vec<Network>,
    /// Who may see numbers.
    pub(super) metrics: Vec<Network>,
}

impl Networks {
    /// As the settings say, which have been checked.
    pub fn new(settings: &Server) -> Self {
        let read = |networks: &[String]| networks.iter().filter_map(|n| Network::read(n)).collect();
        Self {
            trusted: read(&settings.trusted_proxies),
            metrics: read(&settings.metrics_networks),
        }
    }
}

/// `10.1.0.0/16`, or a single address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Network {
    base: IpAddr,
    bits: u32,
}

impl Network {
    fn read(text: &str) -> Option<Self> {
        let (base, bits) = text
            .split_once('/')
            .map_or((text, None), |(base, bits)| (base, Some(bits)));
        let base: IpAddr = base.trim().parse().ok()?;
        let all = if base.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Some(all), |bits| bits.parse().ok())?;
        (bits <= all).then_some(Self { base, bits })
    }

    /// Whether the address stands in it.
    pub(super) fn contains(&self, address: IpAddr) -> bool {
        match (self.base, address) {
            (IpAddr::V4(base), IpAddr::V4(address)) => {
                let mask = u32::MAX.checked_shl(32 - self.bits).unwrap_or(0);
                base.to_bits() & mask == address.to_bits() & mask
            }
            (IpAddr::V6(base), IpAddr::V6(address)) => {
                let mask = u128::MAX.checked_shl(128 - self.bits).unwrap_or(0);
                base.to_bits() & mask == address.to_bits() & mask
            }
            _ => false,
        }
    }
}

/// The last address of `X-Forwarded-For` that no trusted proxy put there; what stands before it anyone may have typed.
pub(super) fn client(peer: IpAddr, headers: &HeaderMap, trusted: &[Network]) -> IpAddr {
    let mut address = peer.to_canonical();
    if !headers.contains_key(FORWARDED_FOR) {
        return address;
    }
    let forwarded = headers
        .get_all(FORWARDED_FOR)
        .iter()
        .rev()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.rsplit(','))
        .filter_map(|part| part.trim().parse::<IpAddr>().ok());
    for before in forwarded {
        if !trusted.iter().any(|network| network.contains(address)) {
            break;
        }
        address = before.to_canonical();
    }
    address
}

/// An IPv4 address, or the /64 of an IPv6 address: what one household or office has.
pub(super) fn network(address: IpAddr) -> [u8; 8] {
    let mut key = [0; 8];
    match address.to_canonical() {
        IpAddr::V4(v4) => key[4..].copy_from_slice(&v4.octets()),
        IpAddr::V6(v6) => key.copy_from_slice(&v6.octets()[..8]),
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn only_trusted_proxies_are_believed() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(
            "x-forwarded-for",
            HeaderValue::from_static("203.0.113.9, 198.51.100.7, 10.0.0.3"),
        );
        let trusted = ["10.0.0.0/8", "::1"].map(|text| Network::read(text).unwrap());
        assert_eq!(client(ip("192.0.2.1"), &headers, &trusted), ip("192.0.2.1"));
        assert_eq!(
            client(ip("10.0.0.2"), &headers, &trusted),
            ip("198.51.100.7")
        );
        assert_eq!(client(ip("::1"), &headers, &trusted), ip("198.51.100.7"));
        assert_eq!(
            client(ip("10.0.0.2"), &HeaderMap::new(), &trusted),
            ip("10.0.0.2")
        );
        headers.append("x-forwarded-for", HeaderValue::from_static("10.9.9.9"));
        assert_eq!(
            client(ip("10.0.0.2"), &headers, &trusted),
            ip("198.51.100.7")
        );
        assert!(
            Network::read("0.0.0.0/0")
                .unwrap()
                .contains(ip("192.0.2.1"))
        );
        for wrong in ["nonsense", "10.0.0.0/33", "10.0.0.0/x", "::/129"] {
            assert_eq!(Network::read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn an_ipv6_household_is_one() {
        let a: IpAddr = "2001:db8:1:2::1".parse().unwrap();
        let b: IpAddr = "2001:db8:1:2:ffff::9".parse().unwrap();
        assert_eq!(network(a), network(b));
        assert_ne!(network(a), network("2001:db8:1:3::1".parse().unwrap()));
        assert_eq!(
            network("::ffff:192.0.2.7".parse().unwrap()),
            network("192.0.2.7".parse().unwrap())
        );
    }
}
