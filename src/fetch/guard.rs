//! Which addresses may be fetched: public ones, and networks that the settings open.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Networks beyond the public ones that may be reached.
#[derive(Clone, Debug, Default)]
pub struct Guard(Vec<(IpAddr, u8)>);

impl Guard {
    /// Reads networks like `10.1.0.0/16`; the error names the one that is none.
    pub fn new(networks: &[String]) -> Result<Self, String> {
        networks
            .iter()
            .map(|network| {
                network
                    .split_once('/')
                    .and_then(|(ip, bits)| {
                        let ip: IpAddr = ip.parse().ok()?;
                        let bits: u8 = bits.parse().ok()?;
                        (bits <= if ip.is_ipv4() { 32 } else { 128 }).then_some((ip, bits))
                    })
                    .ok_or_else(|| format!("{network:?} is not a network"))
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Whether the address may be fetched from.
    pub fn allows(&self, ip: IpAddr) -> bool {
        let ip = unmapped(ip);
        is_public(ip) || self.0.iter().any(|(net, bits)| contains(*net, *bits, ip))
    }
}

/// An IPv4 address in IPv6 clothes, undressed: IPv4-mapped, NAT64 (RFC 6052), 6to4 (RFC 3056).
fn unmapped(ip: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = ip else { return ip };
    let s = v6.segments();
    let v4 = |hi: u16, lo: u16| IpAddr::V4(Ipv4Addr::from((u32::from(hi) << 16) | u32::from(lo)));
    match s {
        [0, 0, 0, 0, 0, 0xffff | 0, hi, lo] if (hi, lo) != (0, 0) && (hi, lo) != (0, 1) => {
            v4(hi, lo)
        }
        [0x64, 0xff9b, 0, 0, 0, 0, hi, lo] | [0x2002, hi, lo, ..] => v4(hi, lo),
        _ => ip,
    }
}

fn contains(net: IpAddr, bits: u8, ip: IpAddr) -> bool {
    let same = |a: u128, b: u128, width: u32| {
        let shift = width - u32::from(bits);
        shift == width || a >> shift == b >> shift
    };
    match (net, ip) {
        (IpAddr::V4(a), IpAddr::V4(b)) => same(u32::from(a).into(), u32::from(b).into(), 32),
        (IpAddr::V6(a), IpAddr::V6(b)) => bits == 0 || same(u128::from(a), u128::from(b), 128),
        _ => false,
    }
}

/// Whether the whole world can reach the address (IANA special-purpose registries, RFC 6890).
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    !(ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_broadcast()
        || ip.is_documentation()
        || ip.is_multicast()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && (b == 18 || b == 19)))
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let s = ip.segments();
    // Only 2000::/3 is given out to the world; of it these are not: Teredo and other protocol assignments, documentation.
    (s[0] & 0xe000) == 0x2000
        && !(s[0] == 0x2001 && s[1] < 0x200)
        && !(s[0] == 0x2001 && s[1] == 0xdb8)
        && !(s[0] == 0x3fff && s[1] < 0x1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_public_world_is_open() {
        let guard = Guard::default();
        for closed in [
            "127.0.0.1",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "0.0.0.0",
            "100.64.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "192.0.0.1",
            "198.18.0.1",
            "240.0.0.1",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "fe80::1",
            "fc00::1",
            "fd12::1",
            "ff02::1",
            "64:ff9b::7f00:1",
            "64:ff9b::a00:1",
            "2002:7f00:1::",
            "2002:a00:1::1",
            "2001:db8::1",
            "2001::1",
            "::7f00:2",
        ] {
            assert!(!guard.allows(closed.parse().unwrap()), "{closed}");
        }
        for open in [
            "1.1.1.1",
            "95.56.1.1",
            "2a00:1450:4001::1",
            "64:ff9b::101:101",
            "::ffff:1.1.1.1",
        ] {
            assert!(guard.allows(open.parse().unwrap()), "{open}");
        }
    }

    #[test]
    fn the_settings_can_open_a_network() {
        let guard = Guard::new(&["127.0.0.0/8".to_owned(), "fd00::/8".to_owned()]).unwrap();
        assert!(guard.allows("127.0.0.1".parse().unwrap()));
        assert!(guard.allows("::ffff:127.0.0.9".parse().unwrap()));
        assert!(guard.allows("fd12::1".parse().unwrap()));
        assert!(!guard.allows("10.0.0.1".parse().unwrap()));
        assert!(!guard.allows("::1".parse().unwrap()));
        assert!(
            Guard::new(&["0.0.0.0/0".to_owned()])
                .unwrap()
                .allows("10.0.0.1".parse().unwrap())
        );
        assert!(Guard::new(&["10.0.0.0/33".to_owned()]).is_err());
    }
}
