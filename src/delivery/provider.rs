//! Which provider's mailboxes a domain has, and how fast it is sent to at most: mail for one provider shares a lane.
//!
//! The limits are where a lane may grow to, not where it begins (`pace`). Only Mail.ru's two connections have a source (a public
//! configuration of a large sender, REQUIREMENTS-EMAIL 1a); the others are ours, chosen modest, and the operator may say better.

use std::collections::{BTreeMap, HashMap};

use super::pace::Limits;
use crate::config::{Config, Delivery};

/// Everybody else: each domain of it is paced for itself.
pub const OTHER: &str = "other";

/// Name, messages at once, messages a minute, domains of mailboxes; the Mail.ru group sells mail.kz, too.
type Provider = (&'static str, u32, Option<u32>, &'static [&'static str]);

const PROVIDERS: &[Provider] = &[
    ("google", 10, None, &["gmail.com", "googlemail.com"]),
    (
        "microsoft",
        4,
        None,
        &[
            "outlook.com",
            "hotmail.com",
            "live.com",
            "msn.com",
            "passport.com",
            "hotmail.co.uk",
            "hotmail.de",
            "hotmail.fr",
            "hotmail.it",
            "live.ru",
            "live.de",
            "live.fr",
            "outlook.de",
            "outlook.fr",
            "outlook.kz",
        ],
    ),
    (
        "yahoo",
        4,
        None,
        &[
            "yahoo.com",
            "ymail.com",
            "rocketmail.com",
            "myyahoo.com",
            "yahoo.co.uk",
            "yahoo.de",
            "yahoo.fr",
            "yahoo.it",
            "yahoo.es",
            "yahoo.ca",
            "yahoo.co.in",
            "aol.com",
            "aim.com",
            "verizon.net",
        ],
    ),
    ("apple", 4, None, &["icloud.com", "me.com", "mac.com"]),
    (
        "mailru",
        2,
        Some(600),
        &[
            "mail.ru",
            "bk.ru",
            "inbox.ru",
            "list.ru",
            "internet.ru",
            "xmail.ru",
            "mail.kz",
            "mail.ua",
        ],
    ),
    (
        "yandex",
        4,
        None,
        &[
            "yandex.ru",
            "yandex.kz",
            "yandex.com",
            "yandex.by",
            "yandex.ua",
            "yandex.uz",
            "yandex.com.tr",
            "ya.ru",
            "narod.ru",
        ],
    ),
];

/// Whether many people who do not know each other have mailboxes at that domain, as far as our table goes.
pub fn is_provider(domain: &str) -> bool {
    let is_it = |known: &str| known.eq_ignore_ascii_case(domain);
    PROVIDERS
        .iter()
        .any(|(.., domains)| domains.iter().any(|d| is_it(d)))
}

/// The provider whose lane an address takes, by its domain in lower-case ASCII: as the settings say, else by our table, else `other`.
pub fn provider_of<'a>(config: &'a Config, domain: &str) -> &'a str {
    let is_its = |known: &str| known.eq_ignore_ascii_case(domain);
    config
        .delivery
        .lanes
        .iter()
        .find(|(_, lane)| lane.domains.iter().any(|d| is_its(d)))
        .map(|(name, _)| name.as_str())
        .or_else(|| {
            PROVIDERS
                .iter()
                .find(|(_, _, _, domains)| domains.iter().any(|d| is_its(d)))
                .map(|(name, ..)| *name)
        })
        .unwrap_or(OTHER)
}

/// The same for whoever asks often, and the limits of each lane.
pub struct Providers {
    by_domain: HashMap<String, String>,
    limits: BTreeMap<String, Limits>,
    other: Limits,
}

impl Providers {
    /// Puts the settings over our table.
    pub fn new(settings: &Delivery) -> Self {
        let open = Limits {
            concurrency: settings.connections as u32,
            per_minute: None,
        };
        let mut by_domain = HashMap::new();
        let mut limits = BTreeMap::new();
        for (name, concurrency, per_minute, domains) in PROVIDERS {
            by_domain.extend(
                domains
                    .iter()
                    .map(|d| ((*d).to_owned(), (*name).to_owned())),
            );
            let shipped = Limits {
                concurrency: *concurrency,
                per_minute: *per_minute,
            };
            limits.insert((*name).to_owned(), shipped);
        }
        for (name, lane) in &settings.lanes {
            by_domain.extend(lane.domains.iter().map(|d| (d.clone(), name.clone())));
            let limits = limits.entry(name.clone()).or_insert(open);
            if let Some(concurrency) = lane.concurrency {
                limits.concurrency = concurrency;
            }
            if let Some(per_minute) = lane.per_minute {
                limits.per_minute = (per_minute > 0).then_some(per_minute);
            }
        }
        Self {
            by_domain,
            other: limits.get(OTHER).copied().unwrap_or(open),
            limits,
        }
    }

    /// The provider of a domain in lower-case ASCII.
    pub fn of(&self, domain: &str) -> &str {
        self.by_domain.get(domain).map_or(OTHER, String::as_str)
    }

    /// How fast a lane may become; one that is a domain's own has the limits of `other`.
    pub fn limits(&self, provider: &str) -> Limits {
        self.limits.get(provider).copied().unwrap_or(self.other)
    }
}

/// Whether a lane is one domain's own: those have a dot, and the names of providers have none.
pub fn is_own(provider: &str) -> bool {
    provider.contains('.')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Lane;

    fn config(lanes: &[(&str, Lane)]) -> Config {
        let text = include_str!("../../deploy/jarshy.toml");
        let mut config: Config = toml::from_str(text).unwrap();
        config.delivery.lanes = lanes
            .iter()
            .map(|(name, lane)| ((*name).to_owned(), lane.clone()))
            .collect();
        config
    }

    #[test]
    fn a_domain_takes_the_lane_of_its_provider() {
        let config = config(&[]);
        let providers = Providers::new(&config.delivery);
        for (domain, provider) in [
            ("gmail.com", "google"),
            ("mail.kz", "mailru"),
            ("bk.ru", "mailru"),
            ("ya.ru", "yandex"),
            ("icloud.com", "apple"),
            ("hotmail.com", "microsoft"),
            ("ymail.com", "yahoo"),
            ("notgmail.com", "other"),
            ("news.example.kz", "other"),
        ] {
            assert_eq!(provider_of(&config, domain), provider, "{domain}");
            assert_eq!(providers.of(domain), provider, "{domain}");
        }
        assert_eq!(provider_of(&config, "Mail.KZ"), "mailru");
        assert_eq!(providers.limits("mailru").concurrency, 2);
        assert_eq!(providers.limits("other").concurrency, 8);
    }

    #[test]
    fn the_operator_knows_better() {
        let lane = |domains: &[&str], concurrency, per_minute| Lane {
            domains: domains.iter().map(|d| (*d).to_owned()).collect(),
            concurrency,
            per_minute,
        };
        let config = config(&[
            ("mailru", lane(&["example.kz"], None, Some(0))),
            ("ours", lane(&["mail.kz"], Some(3), Some(60))),
            ("other", lane(&[], Some(5), None)),
        ]);
        let providers = Providers::new(&config.delivery);
        for (domain, provider) in [
            ("example.kz", "mailru"),
            ("mail.kz", "ours"),
            ("bk.ru", "mailru"),
        ] {
            assert_eq!(provider_of(&config, domain), provider);
            assert_eq!(providers.of(domain), provider);
        }
        let limits = |name: &str| {
            let limits = providers.limits(name);
            (limits.concurrency, limits.per_minute)
        };
        assert_eq!(limits("mailru"), (2, None));
        assert_eq!(limits("ours"), (3, Some(60)));
        assert_eq!(limits("slow.example.org"), (5, None));
    }
}
