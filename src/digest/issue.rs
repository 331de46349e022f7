//! What makes two digests one issue. Pure.

use jiff::civil::Date;
use sha2::{Digest, Sha256};

use crate::base::language::Language;
use crate::base::time::uid_text;
use crate::base::token::hex;

/// The key under which an issue is compiled once: equal items (article, its last correction, number), first language, newsletter
/// and local date are one issue, whoever asked; and equal notices (article and number) and an equal note of the editor, where there are any. Articles and the newsletter are named by uid, so that the key does not hang on the rows of an
/// engine.
pub fn content_key(
    newsletter_uid: &str,
    language: &Language,
    local_date: Date,
    items: &[(String, i64)],
    notices: &[(String, i64)],
    note: Option<&str>,
) -> String {
    let mut sorted: Vec<&(String, i64)> = items.iter().collect();
    sorted.sort_unstable();
    let mut hash = Sha256::new();
    hash.update(format!(
        "jarshy issue\n{newsletter_uid}\n{language}\n{local_date}\n"
    ));
    for (uid, no) in sorted {
        hash.update(format!("{uid} {no}\n"));
    }
    for (uid, no) in notices {
        hash.update(format!("told of {uid} {no}\n"));
    }
    if let Some(note) = note {
        hash.update(format!("note {}\n{note}", note.len()));
    }
    hex(&hash.finalize())
}

/// The uid of the issue with that key: a UUID of version 8 (RFC 9562 section 5.8) made of the key. Equal newsrooms give equal
/// addresses, and so equal bytes, whichever engine they run on.
pub fn uid_of(content_key: &str) -> String {
    let mut bytes = [0u8; 16];
    let hash = Sha256::digest(format!("jarshy issue uid\n{content_key}"));
    bytes.copy_from_slice(&hash[..16]);
    bytes[6] = (bytes[6] & 0x0f) | 0x80;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    uid_text(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn key(newsletter: &str, language: &str, day: i8, items: &[(&str, i64)]) -> String {
        let items: Vec<(String, i64)> = items.iter().map(|(u, n)| ((*u).to_owned(), *n)).collect();
        content_key(
            newsletter,
            &Language::parse(language).unwrap(),
            date(2026, 2, day),
            &items,
            &[],
            None,
        )
    }

    #[test]
    fn what_else_stands_in_an_issue_makes_it_another() {
        let kk = Language::parse("kk").unwrap();
        let told = |notices: &[(String, i64)], note| {
            content_key("n", &kk, date(2026, 2, 28), &[], notices, note)
        };
        let bare = told(&[], None);
        assert_ne!(bare, told(&[("a".to_owned(), 1)], None));
        assert_ne!(bare, told(&[], Some("Құрметті оқырман!")));
        assert_ne!(told(&[], Some("x")), told(&[], Some("y")));
    }

    #[test]
    fn an_issue_is_its_items_language_newsletter_and_date() {
        let one = key("n", "kk", 28, &[("a", 1), ("b", 2)]);
        assert_eq!(one, key("n", "kk", 28, &[("b", 2), ("a", 1)]));
        for other in [
            key("m", "kk", 28, &[("a", 1), ("b", 2)]),
            key("n", "ru", 28, &[("a", 1), ("b", 2)]),
            key("n", "kk", 27, &[("a", 1), ("b", 2)]),
            key("n", "kk", 28, &[("a", 1), ("b", 3)]),
            key("n", "kk", 28, &[("a", 1)]),
        ] {
            assert_ne!(one, other);
        }
    }

    #[test]
    fn the_uid_is_a_uuid_of_version_8() {
        let uid = uuid::Uuid::parse_str(&uid_of("key")).unwrap();
        assert_eq!(uid.get_version_num(), 8);
        assert_eq!(uid.get_variant(), uuid::Variant::RFC4122);
        assert_ne!(uid_of("key"), uid_of("yek"));
    }
}
