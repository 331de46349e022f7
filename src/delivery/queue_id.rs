//! Under which name the relay keeps a message it accepted: what its postmaster asks for. Pure.

/// The id in the words after 250, where they hold one that we know how to read: Postfix (`queued as 4XyZ…`), Exim
/// (`OK id=1rX…`), Sendmail (`4A… Message accepted`), qmail (`ok 17… qp 12…`), Google (`OK 17… a1-20… - gsmtp`), Exchange
/// (`<…> [InternalId=…] Queued mail`), Amazon (`Ok 0100…-000000`).
pub fn queue_id(words: &str) -> Option<String> {
    let words: Vec<&str> = words.split_whitespace().collect();
    let tidy = |word: &str| {
        word.trim_matches(|c: char| "<>[](),.;".contains(c))
            .to_owned()
    };
    let is_id = |word: &str| {
        word.len() >= 6
            && word.bytes().any(|b| b.is_ascii_digit())
            && word
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    };
    for (i, word) in words.iter().enumerate() {
        let lower = word.to_ascii_lowercase();
        let after = words.get(i + 1).map(|next| tidy(next));
        if let Some(id) = lower.find("id=").map(|at| tidy(&word[at + 3..])) {
            return Some(id).filter(|id| !id.is_empty());
        }
        let is_named = matches!(lower.as_str(), "as" | "qp");
        if is_named && let Some(id) = after.filter(|id| !id.is_empty()) {
            return Some(id);
        }
    }
    let start = usize::from(
        words
            .first()
            .is_some_and(|word| word.split('.').count() == 3),
    );
    let rest = words.get(start..).unwrap_or_default();
    match rest {
        // Google names the time first, then the id.
        [ok, time, id, ..]
            if ok.eq_ignore_ascii_case("ok")
                && time.bytes().all(|b| b.is_ascii_digit())
                && is_id(id) =>
        {
            Some(tidy(id))
        }
        [ok, id, ..] if ok.eq_ignore_ascii_case("ok") && is_id(&tidy(id)) => Some(tidy(id)),
        [id, ..] if is_id(&tidy(id)) => Some(tidy(id)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_known_relays() {
        for (words, id) in [
            ("2.0.0 Ok: queued as 4XyZ1234", Some("4XyZ1234")),
            ("OK id=1rXabc-0001De-2F", Some("1rXabc-0001De-2F")),
            (
                "2.0.0 41SDq0aB012345 Message accepted for delivery",
                Some("41SDq0aB012345"),
            ),
            ("ok 1709100000 qp 12345", Some("12345")),
            (
                "2.0.0 OK  1709100000 a1-20020a5d4bd1si123456wrb.1 - gsmtp",
                Some("a1-20020a5d4bd1si123456wrb.1"),
            ),
            (
                "2.6.0 <d1.ab@news.example.kz> [InternalId=123456, Hostname=mx.example.net] Queued mail for delivery",
                Some("123456"),
            ),
            (
                "Ok 0100018f-aaaa-bbbb-000000",
                Some("0100018f-aaaa-bbbb-000000"),
            ),
            (
                "2.0.0 Ok: queued on mx1 as 1709100000-abcDEF",
                Some("1709100000-abcDEF"),
            ),
            ("2.0.0 queued", None),
            ("2.0.0 thank you very much", None),
            ("", None),
        ] {
            assert_eq!(queue_id(words).as_deref(), id, "{words}");
        }
    }
}
