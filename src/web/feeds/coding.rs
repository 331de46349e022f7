//! Which content coding a reader gets (RFC 9110 section 12.5.3).

/// The codings that are made ahead.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Coding {
    /// The bytes as they are.
    Identity,
    /// gzip.
    Gzip,
}

/// The best coding that `Accept-Encoding` allows; `None` if it forbids both. Without the header a reader gets the bytes as they
/// are. Of two equal weights gzip wins.
pub fn choose(accept: Option<&str>) -> Option<Coding> {
    let Some(accept) = accept else {
        return Some(Coding::Identity);
    };
    let (mut gzip, mut identity, mut any) = (None, None, None);
    for part in accept.split(',') {
        let mut pieces = part.split(';');
        let name = pieces.next().unwrap_or("").trim().to_ascii_lowercase();
        let weight = pieces
            .find_map(|piece| {
                let (key, value) = piece.split_once('=')?;
                key.trim().eq_ignore_ascii_case("q").then(|| weight(value))
            })
            .unwrap_or(1000);
        match name.as_str() {
            "gzip" | "x-gzip" => gzip = Some(weight),
            "identity" => identity = Some(weight),
            "*" => any = Some(weight),
            _ => {}
        }
    }
    let gzip = gzip.or(any).unwrap_or(0);
    match identity.or(any.filter(|weight| *weight == 0)) {
        // Not named, it is allowed, but whoever names gzip prefers gzip.
        None if gzip > 0 => Some(Coding::Gzip),
        Some(0) if gzip == 0 => None,
        Some(identity) if gzip >= identity => Some(Coding::Gzip),
        _ => Some(Coding::Identity),
    }
}

/// A weight in thousandths; what cannot be read counts as not acceptable.
fn weight(value: &str) -> u16 {
    value
        .trim()
        .parse::<f32>()
        .ok()
        .filter(|q| (0.0..=1.0).contains(q))
        .map_or(0, |q| (q * 1000.0).round() as u16)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn weights_decide() {
        use Coding::{Gzip, Identity};
        for (accept, expected) in [
            (None, Some(Identity)),
            (Some(""), Some(Identity)),
            (Some("gzip"), Some(Gzip)),
            (Some("GZIP"), Some(Gzip)),
            (Some("x-gzip"), Some(Gzip)),
            (Some("gzip, deflate, br, zstd"), Some(Gzip)),
            (Some("br"), Some(Identity)),
            (Some("*"), Some(Gzip)),
            (Some("identity"), Some(Identity)),
            (Some("gzip;q=0"), Some(Identity)),
            (Some("gzip;q=0, *"), Some(Identity)),
            (Some("gzip;q=0.5, identity"), Some(Identity)),
            (Some("gzip;q=0.5, identity;q=0.4"), Some(Gzip)),
            (Some("gzip;q=0.001"), Some(Gzip)),
            (Some("identity;q=0, gzip"), Some(Gzip)),
            (Some("identity;q=0"), None),
            (Some("*;q=0"), None),
            (Some("br, *;q=0"), None),
            (Some("*;q=0, identity"), Some(Identity)),
            (Some("gzip ; q = 0.8 , identity ; q=0.9"), Some(Identity)),
            (Some("gzip;q=x"), Some(Identity)),
        ] {
            assert_eq!(choose(accept), expected, "{accept:?}");
        }
    }

    proptest! {
        #[test]
        fn nothing_unreadable_is_refused(accept in "\\PC{0,40}") {
            prop_assume!(!accept.contains("identity") && !accept.contains('*'));
            prop_assert!(choose(Some(&accept)).is_some());
        }
    }
}
