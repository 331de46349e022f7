//! Which content coding a reader gets (RFC 9110 section 12.5.3).

use crate::syndication::Coding;

/// Of equal weights the first that is asked for: the smaller bytes first, and the bytes as they are last.
const PREFERRED: [Coding; 3] = [Coding::Brotli, Coding::Zstd, Coding::Gzip];

/// The best coding that `Accept-Encoding` allows; `None` if it forbids all. Without the header a reader gets the bytes as they are.
pub fn choose(accept: Option<&str>) -> Option<Coding> {
    let Some(accept) = accept else {
        return Some(Coding::Identity);
    };
    // Weights by coding, in thousandths.
    let mut named: [Option<u16>; 4] = [None; 4];
    let mut any = None;
    for part in accept.split(',') {
        let mut pieces = part.split(';');
        let name = pieces.next().unwrap_or("").trim();
        let weight = pieces
            .find_map(|piece| {
                let (key, value) = piece.split_once('=')?;
                key.trim().eq_ignore_ascii_case("q").then(|| weight(value))
            })
            .unwrap_or(1000);
        let is = |other: &str| name.eq_ignore_ascii_case(other);
        if is("*") {
            any = Some(weight);
        } else if is("identity") {
            named[Coding::Identity as usize] = Some(weight);
        } else if is("x-gzip") {
            // An old name of the same (RFC 9110 section 8.4.1.3).
            named[Coding::Gzip as usize] = Some(weight);
        } else if let Some(coding) = PREFERRED
            .into_iter()
            .find(|coding| coding.name().is_some_and(is))
        {
            named[coding as usize] = Some(weight);
        }
    }
    let weight_of = |coding: Coding| named[coding as usize].or(any).unwrap_or(0);
    let best = PREFERRED
        .into_iter()
        .rev()
        .max_by_key(|coding| weight_of(*coding))
        .filter(|coding| weight_of(*coding) > 0);
    let identity = named[Coding::Identity as usize].or(any);
    match (best, identity) {
        // Not named, it is allowed, but whoever names a coding prefers it.
        (Some(best), None) => Some(best),
        (Some(best), Some(identity)) if weight_of(best) >= identity => Some(best),
        (None, Some(0)) => None,
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
        use Coding::{Brotli, Gzip, Identity, Zstd};
        for (accept, expected) in [
            (None, Some(Identity)),
            (Some(""), Some(Identity)),
            (Some("gzip"), Some(Gzip)),
            (Some("GZIP"), Some(Gzip)),
            (Some("x-gzip"), Some(Gzip)),
            (Some("gzip, deflate"), Some(Gzip)),
            (Some("gzip, deflate, br, zstd"), Some(Brotli)),
            (Some("gzip, zstd"), Some(Zstd)),
            (Some("zstd;q=0.9, gzip"), Some(Gzip)),
            (Some("br;q=0, zstd;q=0.2, gzip;q=0.1"), Some(Zstd)),
            (Some("br"), Some(Brotli)),
            (Some("deflate"), Some(Identity)),
            (Some("*"), Some(Brotli)),
            (Some("br;q=0, *"), Some(Zstd)),
            (
                Some("br;q=0.1, zstd;q=0.1, gzip;q=0.1, *;q=0.5"),
                Some(Identity),
            ),
            (Some("identity"), Some(Identity)),
            (Some("gzip;q=0"), Some(Identity)),
            (Some("gzip;q=0.5, identity"), Some(Identity)),
            (Some("gzip;q=0.5, identity;q=0.4"), Some(Gzip)),
            (Some("gzip;q=0.001"), Some(Gzip)),
            (Some("identity;q=0, gzip"), Some(Gzip)),
            (Some("identity;q=0"), None),
            (Some("*;q=0"), None),
            (Some("deflate, *;q=0"), None),
            (Some("identity;q=0, *"), Some(Brotli)),
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
