//! DKIM: dkimpy, which is not ours, verifies what a peer was given; keys change in mid-campaign; `jarshy dkim`.

use std::fmt::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use jarshy::base::address::EmailAddress;
use jarshy::base::language::Language;
use jarshy::base::signing_key::{Algorithm, SigningKey};
use jarshy::base::token::Purpose;
use jarshy::config::Config;
use jarshy::delivery::store;
use jarshy::delivery::{self, LetterKind, NewDelivery, NewLetter};
use jarshy::work::Core;
use tokio_util::sync::CancellationToken;

use crate::both_engines;
use crate::support::smtp::{Act, At, Peer};
use crate::support::{Chance, Engine, NEWSROOM, SECRETS, TestApp, told};

both_engines!(a_key_that_changes_in_mid_campaign_breaks_nothing);

/// A folder of keys, and what DNS says of them.
struct Keys {
    folder: tempfile::TempDir,
    records: String,
}

impl Keys {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            records: String::new(),
        }
    }

    fn path(&self, selector: &str) -> PathBuf {
        self.folder.path().join(format!("{selector}.pem"))
    }

    /// Makes a key and publishes it.
    fn make(&mut self, selector: &str, algorithm: Algorithm) {
        let key = SigningKey::generate(algorithm).unwrap();
        std::fs::write(self.path(selector), key.to_pem().unwrap()).unwrap();
        std::fs::set_permissions(self.path(selector), PermissionsExt::from_mode(0o600)).unwrap();
        writeln!(
            self.records,
            "{selector}._domainkey.news.example.kz {}",
            key.record()
        )
        .unwrap();
    }

    fn settings(&self, keys: &[(&str, bool)]) -> String {
        keys.iter().fold(String::new(), |mut out, (selector, signs)| {
            writeln!(
                out,
                "[[dkim]]\nselector = \"{selector}\"\ndomain = \"news.example.kz\"\nkey_file = \"{}\"\nsigns = {signs}",
                self.path(selector).display()
            )
            .unwrap();
            out
        })
    }

    /// What dkimpy finds wrong with messages.
    fn judge(&self, messages: &[Vec<u8>]) -> Result<(), String> {
        let records = self.folder.path().join("records");
        std::fs::write(&records, &self.records).unwrap();
        let mut paths = Vec::new();
        for (i, message) in messages.iter().enumerate() {
            let path = self.folder.path().join(format!("{i}.eml"));
            std::fs::write(&path, message).unwrap();
            paths.push(path);
        }
        let judge = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/smtp/verify_dkim.py");
        let said = Command::new("python3")
            .arg(judge)
            .arg(records)
            .args(paths)
            .output()
            .unwrap();
        let words = String::from_utf8_lossy(&said.stdout) + String::from_utf8_lossy(&said.stderr);
        if said.status.success() {
            Ok(())
        } else {
            Err(words.into_owned())
        }
    }
}

fn mail(peer: u16) -> String {
    format!(
        "[mail]\nhost = \"127.0.0.1\"\nport = {peer}\ntls = \"none\"\nehlo_name = \"mail.news.example.kz\"\n\
         bounce_domain = \"bounce.news.example.kz\"\n[delivery]\nconnections = 2\nlease_secs = 60\nrenew_secs = 30\n\
         connect_deadline_secs = 2\ncommand_deadline_secs = 2\ndot_deadline_secs = 2\nresend_wait_secs = 60\n"
    )
}

fn letter(core: &Core, subject: &str, html: &str, text: &str) -> NewLetter {
    let leave = Purpose::Unsubscribe.placeholder();
    NewLetter {
        kind: LetterKind::Issue,
        scope: Some("c0ffee00-0000-4000-8000-000000000001".to_owned()),
        language: Language::parse("kk").unwrap(),
        sender_name: "Тау жаршысы".to_owned(),
        sender_address: "digest@news.example.kz".to_owned(),
        reply_to: Some("office@news.example.kz".to_owned()),
        subject: subject.to_owned(),
        html: format!(
            "<html lang=\"kk\"><body>{html}<a href=\"https://news.example.kz/unsubscribe/{leave}\">Бас тарту</a></body></html>"
        ),
        text: format!("{text}\nhttps://news.example.kz/unsubscribe/{leave}\n"),
        headers: vec![
            (
                "List-Id".to_owned(),
                "Күн жаңалықтары <daily.news.example.kz>".to_owned(),
            ),
            (
                "List-Unsubscribe".to_owned(),
                format!("<https://news.example.kz/unsubscribe/{leave}>"),
            ),
            (
                "List-Unsubscribe-Post".to_owned(),
                "List-Unsubscribe=One-Click".to_owned(),
            ),
            (
                "List-Help".to_owned(),
                "<https://news.example.kz/kk/subscribe>".to_owned(),
            ),
        ],
        dated_at: core.clock.now(),
        resend_uncertain: true,
    }
}

async fn plan(core: &Core, letter: &NewLetter, addresses: &[&str]) {
    let mut tx = core.db.begin().await.unwrap();
    let lane_id = store::ensure_lane(&mut tx, "main", "other").await.unwrap();
    let letter_id = store::insert_letter(&mut tx, core, letter).await.unwrap();
    let rows: Vec<NewDelivery> = addresses
        .iter()
        .enumerate()
        .map(|(i, address)| NewDelivery {
            letter_id,
            batch: Some(1),
            recipient_id: i as i64 + 1,
            recipient_uid: format!("0194f5b6-7c1e-4a3b-9a55-{i:012}"),
            recipient_epoch: 0,
            address: (*address).to_owned(),
            address_hash: core
                .keys
                .address_hash(&EmailAddress::parse(address).unwrap().key()),
            lane_id,
            priority: 5,
            text_only: i % 2 == 1,
            due_at: core.clock.now(),
            expires_at: None,
        })
        .collect();
    assert!(
        !store::insert_deliveries(&mut tx, core.clock.now(), &rows)
            .await
            .unwrap()
    );
    tx.commit().await.unwrap();
}

/// One unsigned digest for each of these.
pub async fn plan_plain(core: &Core, addresses: &[&str]) {
    let letter = letter(
        core,
        "Жол ашылды",
        "<p>Асуда жол ашылды.</p>",
        ".\n..\nЖол ашылды.",
    );
    plan(core, &letter, addresses).await;
}

async fn drain(core: &Core) {
    let _ = delivery::drain(core, &CancellationToken::new()).await;
}

/// Two selectors live: what was begun under the old key is finished under it, with the same bytes; what is new has the new one.
async fn a_key_that_changes_in_mid_campaign_breaks_nothing(engine: Engine) {
    let peer = Peer::start().await;
    let mut keys = Keys::new();
    keys.make("rsa-1", Algorithm::Rsa);
    keys.make("ed-1", Algorithm::Ed25519);
    let settings = mail(peer.port) + &keys.settings(&[("rsa-1", true), ("ed-1", true)]);
    let app = TestApp::spawn_with(engine, &settings).await;
    let first = letter(
        &app.core,
        "Су тасқынына дайындық",
        "<p>Су тасқынына дайындық басталды.</p>",
        "Дайындық басталды.",
    );
    plan(
        &app.core,
        &first,
        &[
            "aigerim@example.kz",
            "boris@example.org",
            "carol@example.com",
        ],
    )
    .await;
    // The peer takes one and is silent about it; another one it puts off.
    peer.script_for(
        "aigerim@example.kz",
        At::Dot,
        Act::Take(Box::new(Act::Close)),
        1,
    );
    peer.script_for(
        "boris@example.org",
        At::Rcpt,
        Act::say("450 4.2.1 later"),
        1,
    );
    drain(&app.core).await;

    keys.make("rsa-2", Algorithm::Rsa);
    let rotated =
        mail(peer.port) + &keys.settings(&[("rsa-1", false), ("ed-1", true), ("rsa-2", true)]);
    let text = format!(
        "{NEWSROOM}{SECRETS}[database]\nurl = \"{}\"\n{rotated}",
        app.database_url
    );
    let config = Config::parse(&app.folder.path().join("jarshy.toml"), &text, &[]).unwrap();
    let core = Core {
        config: Arc::new(config),
        ..app.core.clone()
    };
    let second = letter(
        &core,
        "Жол ашылды",
        "<p>Асуда жол ашылды.</p>",
        "Жол ашылды.",
    );
    plan(&core, &second, &["aigerim@example.kz", "boris@example.org"]).await;
    for _ in 0..3 {
        core.clock.set(core.clock.now().plus_secs(3600));
        drain(&core).await;
    }
    let journal = peer.journal();
    let to = |address: &str| -> Vec<&Vec<u8>> {
        journal
            .iter()
            .filter(|e| e.to == address)
            .map(|e| &e.bytes)
            .collect()
    };
    let (aigerim, boris) = (to("aigerim@example.kz"), to("boris@example.org"));
    assert_eq!((aigerim.len(), boris.len(), journal.len()), (3, 2, 6));
    // I3: a copy that is sent once more is the same message, signature and all.
    let firsts: Vec<_> = aigerim.iter().filter(|m| has(m, "s=rsa-1;")).collect();
    assert_eq!(firsts.len(), 2);
    assert_eq!(firsts[0], firsts[1]);
    // The one that was put off is signed by the key it was planned under, though the settings have a new one.
    assert_eq!(boris.iter().filter(|m| has(m, "s=rsa-1;")).count(), 1);
    for message in &journal {
        let is_first = has(&message.bytes, "s=rsa-1;");
        assert_ne!(is_first, has(&message.bytes, "s=rsa-2;"));
        assert!(has(&message.bytes, "s=ed-1;"));
    }
    let messages: Vec<Vec<u8>> = journal.into_iter().map(|entry| entry.bytes).collect();
    keys.judge(&messages).unwrap();
    // The judge can say no: without the old record nothing of the first letter verifies.
    keys.records = keys
        .records
        .lines()
        .filter(|l| !l.starts_with("rsa-1"))
        .fold(String::new(), |out, l| out + l + "\n");
    assert!(
        keys.judge(&messages)
            .unwrap_err()
            .contains("rsa-sha256 does not verify")
    );
}

fn has(message: &[u8], word: &str) -> bool {
    message
        .windows(word.len())
        .any(|part| part == word.as_bytes())
}

/// White space at the ends of lines and in runs, tabs, empty lines at the end, long words, names with specials: whatever a letter
/// holds, both signatures verify. `JARSHY_SHAPES` letters, 60 if unset.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn letters_of_any_shape_verify() {
    let count = std::env::var("JARSHY_SHAPES")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(60);
    let mut keys = Keys::new();
    keys.make("rsa", Algorithm::Rsa);
    keys.make("ed", Algorithm::Ed25519);
    let app = TestApp::spawn_with(
        Engine::Sqlite,
        &keys.settings(&[("rsa", true), ("ed", true)]),
    )
    .await;
    let words = [
        " ",
        "  ",
        "\t",
        " \t ",
        "\n",
        "\n\n\n",
        " \n",
        "\t\n",
        ".",
        "\n.\n",
        "=",
        "a",
        "From ",
        "\nFrom here",
        "Су тасқыны",
        "жол",
        "café",
        ":",
        ";",
        "\"",
        "\\",
        "<x>",
        "\u{a0}",
        "📰",
        "=?utf-8?q?x?=",
        "word word word word word word word word word word word word word word word",
    ];
    let mut chance = Chance::counted(7);
    let mut text = |most: u64| -> String {
        (0..=chance.below(most))
            .map(|_| words[chance.index(words.len())])
            .collect()
    };
    let mut messages = Vec::new();
    for i in 0..count {
        let mut letter = letter(&app.core, &text(12), &text(200), &text(60));
        letter.sender_name = text(4);
        let name = text(6).replace(['\n', '\t', '<', '>'], " ");
        letter.headers[0].1 = format!("{} <daily.news.example.kz>", name.trim());
        let address = EmailAddress::parse("aigerim@example.kz").unwrap();
        match delivery::preview(&app.core, &letter, &address, i % 3 == 0) {
            Ok(preview) => messages.push(preview.source),
            // Some of these names no List-Id can hold: then there is no mail to sign.
            Err(error) => assert!(error.contains("List-Id"), "{error}"),
        }
    }
    assert!(messages.len() * 2 > count, "{}", messages.len());
    keys.judge(&messages).unwrap();
}

/// The way of an operator: make keys, write what was printed, look, make newer ones.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_makes_keys_and_says_where_they_go() {
    let app = TestApp::spawn(Engine::Sqlite).await;
    let folder = app
        .folder
        .path()
        .join("dkim")
        .canonicalize()
        .unwrap_or_else(|_| app.folder.path().canonicalize().unwrap().join("dkim"));
    let said = told(&app.jarshy("", &["dkim", "new", "--selector", "a1"]));
    for name in ["a1-rsa", "a1-ed"] {
        let path = folder.join(format!("{name}.pem"));
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(
            said.contains(&format!("{name}._domainkey.news.example.kz. IN TXT")),
            "{said}"
        );
        assert!(!said.contains("PRIVATE"), "{said}");
    }
    // What is there is never written over.
    let before = std::fs::read(folder.join("a1-rsa.pem")).unwrap();
    let again = app.jarshy("", &["dkim", "new", "--selector", "a1"]);
    let words = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(
        !again.status.success() && words.contains("--selector"),
        "{words}"
    );
    assert_eq!(std::fs::read(folder.join("a1-rsa.pem")).unwrap(), before);
    // The printed settings are settings.
    let settings: String = said
        .lines()
        .filter(|line| {
            ["[[dkim]]", "selector = ", "domain = ", "key_file = "]
                .iter()
                .any(|start| line.starts_with(start))
        })
        .fold(String::new(), |out, line| out + line + "\n");
    let shown = told(&app.jarshy(&settings, &["dkim", "show"]));
    assert_eq!(shown.matches("signs new mail").count(), 2, "{shown}");
    let records = |text: &str| -> Vec<String> {
        text.lines()
            .filter(|l| l.contains('"') && !l.contains(" = "))
            .map(|l| l.trim().to_owned())
            .collect()
    };
    assert_eq!(records(&shown), records(&said));
    // A later key: the old one is named.
    let later = told(&app.jarshy(
        &settings,
        &["dkim", "new", "--selector", "a2", "--only", "rsa"],
    ));
    assert!(
        later.contains("signs = false to a1-rsa.") && !later.contains("a1-ed."),
        "{later}"
    );
    // Settings that name keys which are not there yet do not stand in the way of making them.
    let missing = settings.replace("a1-", "a3-");
    let refused = app.jarshy(&missing, &["dkim", "new", "--selector", "a3"]);
    let words = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        !refused.status.success() && words.contains("--domain"),
        "{words}"
    );
    told(&app.jarshy(
        &missing,
        &[
            "dkim",
            "new",
            "--selector",
            "a3",
            "--domain",
            "news.example.kz",
        ],
    ));
    told(&app.jarshy(&missing, &["dkim", "show"]));
}
