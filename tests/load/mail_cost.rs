//! What one person's mail costs once its letter is compiled: filling in the links, encoding, heading, and hashing the message; and
//! what it costs to sign it.
//!
//! `mail_cost HTML TEXT`: a digest as `jarshy digest preview --out` writes it. Prints microseconds for one mail; `tests/load/digest.sh`
//! holds them against a signature on the same core.

#![allow(
    clippy::disallowed_methods,
    missing_docs,
    reason = "a measurement reads the clock and its arguments"
)]

use std::sync::Arc;
use std::time::Instant;

use jarshy::base::address::EmailAddress;
use jarshy::base::signing_key::{Algorithm, SigningKey};
use jarshy::base::time::Timestamp;
use jarshy::base::token::Purpose;
use jarshy::config::{Config, Dkim};
use jarshy::delivery::{Addressee, Letter, Template, compose, sign};
use sha2::{Digest, Sha256};

const SETTINGS: &str = "[server]\npublic_url = \"https://news.example.kz\"\n[secrets]\n\
    hash_key = \"5dc3e8f7062b94a1cf5873e6d10b2a498f2b6c1de09a47513fb8d2c46e7a9011\"\n\
    link_keys = { 1 = \"8f2b6c1de09a47513fb8d2c46e7a90115dc3e8f7062b94a1cf5873e6d10b2a49\" }\n\
    [newsroom]\nnames = { kk = \"Тау жаршысы\" }\nlanguages = [\"kk\"]\ntime_zone = \"Asia/Almaty\"\n[database]\nurl = \"sqlite:x.db\"\n";
const TURNS: u32 = 3_000;

/// Puts the places back where a preview has links of nobody.
fn open(mut text: String) -> String {
    for (path, purpose) in [
        ("/unsubscribe/", Purpose::Unsubscribe),
        ("/preferences/", Purpose::Preferences),
    ] {
        let mut from = 0;
        while let Some(at) = text[from..].find(path).map(|at| from + at + path.len()) {
            let place = purpose.placeholder();
            if text.is_char_boundary(at + place.len()) {
                text.replace_range(at..at + place.len(), place);
            }
            from = at;
        }
    }
    text
}

fn main() {
    let [_, html, text] = std::env::args().collect::<Vec<_>>().try_into().unwrap();
    let read = |path: String| open(std::fs::read_to_string(path).unwrap());
    let config = Config::parse("jarshy.toml".as_ref(), SETTINGS, &[]).unwrap();
    let keys = config.secrets.key_ring().unwrap();
    let link = format!(
        "<https://news.example.kz/unsubscribe/{}>",
        Purpose::Unsubscribe.placeholder()
    );
    let letter = Letter {
        id: 1,
        uid: "0194f5b6-7c1e-7a3b-9a55-0123456789ab".to_owned(),
        kind: "issue".to_owned(),
        scope: Some("c0ffee00-0000-4000-8000-000000000001".to_owned()),
        language: "kk".to_owned(),
        sender_name: "Тау жаршысы".to_owned(),
        sender_address: EmailAddress::parse("digest@news.example.kz").unwrap(),
        reply_to: None,
        subject: "Су тасқынына дайындық басталды және тағы 14 жаңалық".to_owned(),
        html: Template::body(&read(html)),
        text: Template::body(&read(text)),
        headers: vec![("List-Unsubscribe".to_owned(), Template::new(link))],
        dated_at: Timestamp::from_millis(1_772_247_600_000),
        key_id: 1,
        signed_by: vec![],
    };
    let address = EmailAddress::parse("aigerim@example.kz").unwrap();
    let to = |number: u32| Addressee {
        delivery_id: i64::from(number),
        uid: "0194f5b6-7c1e-4a3b-9a55-000000000001",
        epoch: 0,
        address: &address,
        is_text_only: false,
    };
    let (mut size, mut seen) = (0, 0);
    let plain = micros(|number| {
        let message = compose(&letter, &keys, &to(number)).unwrap();
        size = message.len();
        seen ^= Sha256::digest(&message)[0];
    });
    println!("{plain:.1} {size} {seen}");
    let signers = [Algorithm::Ed25519, Algorithm::Rsa].map(|algorithm| Dkim {
        selector: algorithm.as_str().to_owned(),
        domain: "news.example.kz".to_owned(),
        key_file: "none".into(),
        signs: true,
        key: Some(Arc::new(SigningKey::generate(algorithm).unwrap())),
    });
    let composed = micros(|number| size = compose(&letter, &keys, &to(number)).unwrap().len());
    println!("figure mail_compose_micros {composed:.1}");
    for count in 1..=signers.len() {
        let names: Vec<String> = signers[..count].iter().map(Dkim::record_name).collect();
        let signed = micros(|number| {
            let message = compose(&letter, &keys, &to(number)).unwrap();
            let domain = letter.sender_address.domain();
            size = sign(&signers, &names, domain, letter.dated_at, message)
                .unwrap()
                .len();
        });
        let with = if count == 1 { "ed25519" } else { "both" };
        println!("figure mail_{with}_micros {signed:.1}");
        println!(
            "figure mail_{with}_to_compose_ratio {:.2}",
            signed / composed
        );
    }
}

/// Microseconds for one turn, after some that do not count.
fn micros(mut turn: impl FnMut(u32)) -> f64 {
    (0..200).for_each(&mut turn);
    let started = Instant::now();
    (0..TURNS).for_each(&mut turn);
    started.elapsed().as_secs_f64() * 1e6 / f64::from(TURNS)
}
