//! `[delivery.lanes.NAME]`: which domains a provider has, and how fast it may be sent to.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::load::Finding;

/// What an operator says of one provider; whatever is left out is as shipped.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Lane {
    /// Domains that this provider has beside those that are known, or that are another provider's by our table.
    pub domains: Vec<String>,
    /// Messages in conversation at once, at most.
    pub concurrency: Option<u32>,
    /// Messages a minute, at most; 0 is no limit.
    pub per_minute: Option<u32>,
}

pub(super) fn check(lanes: &BTreeMap<String, Lane>) -> Result<(), Finding> {
    let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
    for (name, lane) in lanes {
        let is_word = !name.is_empty()
            && name
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if !is_word {
            return Err(Finding::new(
                "delivery.lanes",
                format!("{name:?} is not a name for a lane"),
                "Use a-z, 0-9 and -, like mailru; domains stand in its list",
            ));
        }
        if lane.concurrency.is_some_and(|n| !(1..=1000).contains(&n)) {
            return Err(Finding::new(
                "delivery.lanes.concurrency",
                format!("of {name:?} is not between 1 and 1000"),
                "Write 2, or leave it out",
            ));
        }
        if lane.per_minute.is_some_and(|n| n > 1_000_000) {
            return Err(Finding::new(
                "delivery.lanes.per_minute",
                format!("of {name:?} is above 1000000"),
                "Write 0 for no limit",
            ));
        }
        for domain in &lane.domains {
            let is_domain = domain.contains('.')
                && !domain.starts_with('.')
                && !domain.ends_with('.')
                && domain
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b".-".contains(&b));
            if !is_domain {
                return Err(Finding::new(
                    "delivery.lanes.domains",
                    format!("of {name:?}: {domain:?} is not a domain in lower case"),
                    "Write it like example.kz, letters beyond a-z as xn--…",
                ));
            }
            if let Some(other) = seen.insert(domain, name)
                && other != name
            {
                return Err(Finding::new(
                    "delivery.lanes.domains",
                    format!("{domain:?} stands in {other:?} and in {name:?}"),
                    "Leave it in one of them",
                ));
            }
        }
    }
    Ok(())
}
