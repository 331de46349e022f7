//! Which provider's mailboxes a domain has: mail for one provider shares a lane.

/// Domains of mailboxes per provider; the Mail.ru group sells mail.kz, too.
const PROVIDERS: &[(&str, &[&str])] = &[
    ("google", &["gmail.com", "googlemail.com"]),
    (
        "microsoft",
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
    ("apple", &["icloud.com", "me.com", "mac.com"]),
    (
        "mailru",
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

/// The provider whose lane an address takes, by its domain in lower-case ASCII; `other` for all the rest.
pub fn provider_of(domain: &str) -> &'static str {
    PROVIDERS
        .iter()
        .find(|(_, domains)| domains.iter().any(|d| d.eq_ignore_ascii_case(domain)))
        .map_or("other", |(provider, _)| provider)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_takes_the_lane_of_its_provider() {
        for (domain, provider) in [
            ("gmail.com", "google"),
            ("Mail.KZ", "mailru"),
            ("bk.ru", "mailru"),
            ("ya.ru", "yandex"),
            ("icloud.com", "apple"),
            ("hotmail.com", "microsoft"),
            ("ymail.com", "yahoo"),
            ("notgmail.com", "other"),
            ("news.example.kz", "other"),
        ] {
            assert_eq!(provider_of(domain), provider, "{domain}");
        }
    }
}
