//! Slips of the finger in a typed address.

use crate::base::address::EmailAddress;

/// Mailbox domains that people type every day.
const COMMON: [&str; 14] = [
    "gmail.com",
    "mail.ru",
    "yandex.ru",
    "yandex.kz",
    "yandex.com",
    "inbox.ru",
    "list.ru",
    "rambler.ru",
    "internet.ru",
    "outlook.com",
    "hotmail.com",
    "icloud.com",
    "yahoo.com",
    "proton.me",
];

/// Domains that look like a slip but exist.
const REAL: [&str; 6] = [
    "ymail.com",
    "email.com",
    "email.ru",
    "mail.com",
    "gmx.com",
    "yandex.by",
];

/// The address that was probably meant: the domain is one slip (a letter missing, added, wrong, or two swapped) away from a
/// common one.
pub(super) fn suggestion(address: &EmailAddress) -> Option<String> {
    let domain = address.domain();
    if COMMON.contains(&domain) || REAL.contains(&domain) {
        return None;
    }
    COMMON
        .iter()
        .find(|common| is_one_slip(domain, common))
        .map(|common| format!("{}@{common}", address.local()))
}

/// Whether two ASCII words are one slip apart (Damerau–Levenshtein distance 1).
fn is_one_slip(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let same_head = a.iter().zip(b).take_while(|(x, y)| x == y).count();
    let (a, b) = (&a[same_head..], &b[same_head..]);
    match (a.len(), b.len()) {
        (0, 0) => false,
        (n, m) if n == m => {
            a[1..] == b[1..] || (n > 1 && a[0] == b[1] && a[1] == b[0] && a[2..] == b[2..])
        }
        (n, m) if n == m + 1 => &a[1..] == b,
        (n, m) if n + 1 == m => a == &b[1..],
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_seen_and_real_domains_are_left_alone() {
        let meant = |typed: &str| suggestion(&EmailAddress::parse(typed).unwrap());
        assert_eq!(
            meant("aigerim@gmail.con").as_deref(),
            Some("aigerim@gmail.com")
        );
        assert_eq!(meant("aigerim@mail.ry").as_deref(), Some("aigerim@mail.ru"));
        assert_eq!(
            meant("aigerim@gmial.com").as_deref(),
            Some("aigerim@gmail.com")
        );
        assert_eq!(
            meant("aigerim@yandx.ru").as_deref(),
            Some("aigerim@yandex.ru")
        );
        for fine in [
            "a@gmail.com",
            "a@email.ru",
            "a@example.kz",
            "a@mail.example.kz",
        ] {
            assert_eq!(meant(fine), None, "{fine}");
        }
    }
}
