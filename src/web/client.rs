//! Who asks: the network address behind the proxies that the settings trust.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName};

use super::WebState;

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
        let trusted = &state.core.config.server.trusted_proxies;
        Ok(Self(peer.map(|peer| client(peer, &parts.headers, trusted))))
    }
}

/// The last address of `X-Forwarded-For` that no trusted proxy put there; what stands before it anyone may have typed.
pub(super) fn client(peer: IpAddr, headers: &HeaderMap, trusted: &[String]) -> IpAddr {
    let mut address = peer.to_canonical();
    if !headers.contains_key(FORWARDED_FOR) {
        return address;
    }
    let forwarded: Vec<IpAddr> = headers
        .get_all(FORWARDED_FOR)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|part| part.trim().parse::<IpAddr>().ok())
        .collect();
    for before in forwarded.into_iter().rev() {
        if !trusted.iter().any(|network| contains(network, address)) {
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

/// Whether a network (`10.1.0.0/16`, or a single address) contains the address.
pub(super) fn contains(network: &str, address: IpAddr) -> bool {
    let (base, bits) = network
        .split_once('/')
        .map_or((network, None), |(base, bits)| {
            (base, bits.parse::<u32>().ok())
        });
    match (base.trim().parse::<IpAddr>(), address) {
        (Ok(IpAddr::V4(base)), IpAddr::V4(address)) => {
            let bits = bits.unwrap_or(32).min(32);
            let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
            base.to_bits() & mask == address.to_bits() & mask
        }
        (Ok(IpAddr::V6(base)), IpAddr::V6(address)) => {
            let bits = bits.unwrap_or(128).min(128);
            let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
            base.to_bits() & mask == address.to_bits() & mask
        }
        _ => false,
    }
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
        let trusted = ["10.0.0.0/8".to_owned(), "::1".to_owned()];
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
        assert!(contains("0.0.0.0/0", ip("192.0.2.1")));
        assert!(!contains("nonsense", ip("192.0.2.1")));
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
