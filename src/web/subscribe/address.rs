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

/// Domains that people type for another one; further from it than a slip.
const MISTAKEN: [(&str, &str); 4] = [
    ("gmail.ru", "gmail.com"),
    ("gmail.kz", "gmail.com"),
    ("gmail.com.kz", "gmail.com"),
    ("yandex.com.kz", "yandex.kz"),
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
    let mistaken = MISTAKEN.iter().find(|(typed, _)| *typed == domain);
    mistaken
        .map(|(_, meant)| meant)
        .or_else(|| COMMON.iter().find(|common| is_one_slip(domain, common)))
        .map(|common| format!("{}@{common}", address.local()))
}

/// What was probably meant by something that is no address: a comma for the point, a space, a second @, a point too many at the
/// end, a point that is missing in a common domain.
pub(super) fn mended(typed: &str) -> Option<String> {
    let mut text: String = typed
        .chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| if c == ',' { '.' } else { c })
        .collect();
    text = text
        .trim_start_matches("mailto:")
        .trim_matches(['<', '>', '.', ';', '"', '«', '»'])
        .replace("@@", "@")
        .replace("..", ".")
        .replace("@.", "@");
    if let Some((local, domain)) = text.rsplit_once('@')
        && let Some(common) = COMMON
            .iter()
            .find(|common| common.replace('.', "") == domain)
    {
        text = format!("{local}@{common}");
    }
    if text == typed {
        return None;
    }
    let address = EmailAddress::parse(&text).ok()?;
    Some(suggestion(&address).unwrap_or_else(|| address.to_string()))
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
        assert_eq!(meant("a@gmail.ru").as_deref(), Some("a@gmail.com"));
    }

    #[test]
    fn what_is_no_address_is_mended_where_that_is_clear() {
        for (typed, meant) in [
            ("aigerim@mail,ru", "aigerim@mail.ru"),
            ("aigerim @ mail.ru", "aigerim@mail.ru"),
            ("aigerim@@example.kz", "aigerim@example.kz"),
            ("<aigerim@example.kz>;", "aigerim@example.kz"),
            ("aigerim@mailru", "aigerim@mail.ru"),
            ("aigerim@gmail,con", "aigerim@gmail.com"),
        ] {
            assert_eq!(mended(typed).as_deref(), Some(meant), "{typed}");
        }
        for hopeless in ["", "aigerim", "aigerim@", "@example.kz", "aigerim@example"] {
            assert_eq!(mended(hopeless), None, "{hopeless}");
        }
    }
}
