use std::path::PathBuf;
use std::sync::Arc;

use super::*;
use crate::base::signing_key::SigningKey;

fn key(selector: &str, domain: &str, algorithm: Algorithm, signs: bool) -> Dkim {
    Dkim {
        selector: selector.to_owned(),
        domain: domain.to_owned(),
        key_file: PathBuf::new(),
        signs,
        key: Some(Arc::new(SigningKey::generate(algorithm).unwrap())),
    }
}

const DOMAIN: &str = "news.example.kz";
const MESSAGE: &str = "Date: Sat, 28 Feb 2026 03:00:00 +0000\r\nFrom: Tau Herald\r\n <digest@news.example.kz>\r\nTo: a@example.kz\r\n\
    Subject: Snow: the passes\r\n are open\r\nMessage-ID: <d1.ab@news.example.kz>\r\nMIME-Version: 1.0\r\n\
    List-Id: Daily <daily.news.example.kz>\r\nList-Unsubscribe: <https://news.example.kz/u/x>\r\n\
    List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\nPrecedence: bulk\r\nFeedback-ID: 1:daily:digest:newsexamplekz\r\n\
    Content-Type: text/plain; charset=utf-8\r\n\r\nSnow  fell. \r\n\r\n";

fn at() -> Timestamp {
    Timestamp::from_millis(1_772_247_600_000)
}

fn signed(keys: &[Dkim], names: &[String]) -> String {
    let bytes = sign(keys, names, DOMAIN, at(), MESSAGE.as_bytes().to_vec()).unwrap();
    String::from_utf8(bytes).unwrap()
}

/// The tags of each signature, in order.
fn signatures(message: &str) -> Vec<Vec<(String, String)>> {
    let head = split(message.as_bytes()).0;
    fields(head)
        .iter()
        .filter(|field| field.is("DKIM-Signature"))
        .map(|field| {
            let text: String = std::str::from_utf8(field.raw)
                .unwrap()
                .split_whitespace()
                .collect();
            let (_, tags) = text.split_once(':').unwrap();
            tags.split(';')
                .map(|tag| tag.split_once('=').unwrap())
                .map(|(tag, value)| (tag.to_owned(), value.to_owned()))
                .collect()
        })
        .collect()
}

fn tag<'a>(signature: &'a [(String, String)], name: &str) -> &'a str {
    signature
        .iter()
        .find(|(n, _)| n == name)
        .map_or("", |(_, value)| value)
}

#[test]
fn both_kinds_sign_and_cover_what_a_forger_would_change() {
    let keys = [
        key("ed", DOMAIN, Algorithm::Ed25519, true),
        key("rsa", DOMAIN, Algorithm::Rsa, true),
    ];
    let names = names_for(&keys, DOMAIN);
    assert_eq!(
        names,
        [
            "rsa._domainkey.news.example.kz",
            "ed._domainkey.news.example.kz"
        ]
    );
    let message = signed(&keys, &names);
    assert!(message.ends_with(MESSAGE));
    assert!(
        message.split("\r\n").all(|line| line.len() <= 78),
        "{message}"
    );
    let signatures = signatures(&message);
    assert_eq!(signatures.len(), 2);
    for (signature, algorithm) in signatures.iter().zip(["rsa-sha256", "ed25519-sha256"]) {
        let order: Vec<&str> = signature.iter().map(|(tag, _)| tag.as_str()).collect();
        assert_eq!(
            order,
            ["v", "a", "c", "d", "s", "t", "h", "bh", "b"],
            "no l=, no x="
        );
        assert_eq!(tag(signature, "a"), algorithm);
        assert_eq!(tag(signature, "c"), "relaxed/relaxed");
        assert_eq!(tag(signature, "t"), "1772247600");
        let names: Vec<String> = tag(signature, "h")
            .split(':')
            .map(str::to_ascii_lowercase)
            .collect();
        let count = |name: &str| names.iter().filter(|n| *n == name).count();
        for (name, times) in [
            ("from", 2),
            ("to", 2),
            ("subject", 2),
            ("date", 2),
            ("message-id", 2),
            ("reply-to", 1),
            ("cc", 1),
            ("mime-version", 1),
            ("content-type", 2),
            ("list-id", 1),
            ("list-unsubscribe", 2),
            ("list-unsubscribe-post", 2),
            ("feedback-id", 2),
            ("precedence", 0),
            ("dkim-signature", 0),
            ("content-transfer-encoding", 0),
        ] {
            assert_eq!(count(name), times, "{name} in {names:?}");
        }
    }
}

#[test]
fn the_same_letter_has_the_same_bytes_after_the_key_changed() {
    let mut keys = vec![
        key("old", DOMAIN, Algorithm::Rsa, true),
        key("ed", DOMAIN, Algorithm::Ed25519, true),
    ];
    let names = names_for(&keys, DOMAIN);
    let before = signed(&keys, &names);
    keys[0].signs = false;
    keys.push(key("new", DOMAIN, Algorithm::Rsa, true));
    assert_eq!(signed(&keys, &names), before);
    assert_eq!(
        names_for(&keys, DOMAIN),
        [
            "new._domainkey.news.example.kz",
            "ed._domainkey.news.example.kz"
        ]
    );
    // Taken out altogether, what is left signs; if nothing is left, the keys of today do.
    keys.remove(0);
    assert_eq!(signatures(&signed(&keys, &names)).len(), 1);
    keys.remove(0);
    let last = signatures(&signed(&keys, &names));
    assert_eq!((last.len(), tag(&last[0], "s")), (1, "new"));
}

#[test]
fn a_letter_without_keys_goes_as_it_is() {
    let keys = [key("a", DOMAIN, Algorithm::Ed25519, true)];
    assert_eq!(signed(&keys, &[]), MESSAGE);
    assert!(names_for(&keys, "example.org").is_empty());
}

#[test]
fn the_nearest_domain_signs() {
    let keys = [
        key("above", "example.kz", Algorithm::Ed25519, true),
        key("own", DOMAIN, Algorithm::Ed25519, true),
        key("rsa", "example.kz", Algorithm::Rsa, true),
    ];
    assert_eq!(
        names_for(&keys, DOMAIN),
        [
            "rsa._domainkey.example.kz",
            "own._domainkey.news.example.kz"
        ]
    );
}
