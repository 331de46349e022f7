//! A past issue byte for byte and once more, and one mail as a test: what the relay was given is what is shown.

use std::process::Output;

use jarshy::delivery::store::get_total_sums;
use jarshy::delivery::{self, Sums};
use jarshy::on_tx;
use tokio_util::sync::CancellationToken;

use crate::both_engines;
use crate::support::desk::{Desk, PLAIN, relay, wishes};
use crate::support::dump::dump;
use crate::support::smtp::{Act, At, Offers, Peer, certificate};
use crate::support::{Engine, told};

both_engines!(
    a_past_issue_is_shown_byte_for_byte,
    an_issue_goes_once_more_only_to_whom_it_has_not_reached,
    a_test_is_sent_and_its_conversation_told,
    a_test_touches_no_row,
    a_test_that_fails_says_why,
);

const ALMATY: &str = "Asia/Almaty";
const MORNING: &str = "2026-02-28T08:00:00+05:00";
const NOON: &str = "2026-02-28T12:00:00+05:00";
const FLOOD: &str = "В области начали готовиться к паводку";
const BRIDGE: &str = "Мост через Есиль закроют на ремонт";

fn jarshy(desk: &Desk, peer: &Peer, args: &[&str]) -> Output {
    desk.app.jarshy(&relay(peer.port, PLAIN), args)
}

fn refused(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    String::from_utf8(output.stderr.clone()).unwrap()
}

async fn send(desk: &Desk) {
    delivery::drain(desk.core(), &CancellationToken::new())
        .await
        .unwrap();
}

async fn sums(desk: &Desk) -> Sums {
    get_total_sums(&desk.core().db).await.unwrap()
}

async fn run_sql(desk: &Desk, sql: &'static str) {
    let mut tx = desk.core().db.begin().await.unwrap();
    on_tx!(&mut tx, c => sqlx::query(sql).execute(c).await.map(|_| ())).unwrap();
    tx.commit().await.unwrap();
}

/// T20: what a digest was made of is kept; the bytes are the same.
async fn a_past_issue_is_shown_byte_for_byte(engine: Engine) {
    let peer = Peer::start().await;
    let desk = Desk::with_relay(engine, &peer).await;
    desk.subscribe("Aigerim@example.kz", wishes(&["ru"], ALMATY))
        .await;
    desk.publish("ru", FLOOD).await;
    desk.at(MORNING).await;
    send(&desk).await;
    let sent = peer.journal().remove(0);
    let uid = desk.digests("aigerim@example.kz").await.remove(0).uid;
    let out = desk.app.folder.path().join("past");
    let folder = out.to_str().unwrap();
    let replay = |more: &[&str]| {
        let args = [&["digest", "replay", &uid[..8]][..], more].concat();
        jarshy(&desk, &peer, &args)
    };
    told(&replay(&["--to", "aigerim@example.kz", "--out", folder]));
    assert_eq!(
        std::fs::read(out.join("digest.eml")).unwrap(),
        sent.bytes,
        "what the relay was given"
    );
    let words = told(&replay(&["--to", "aigerim@example.kz"]));
    assert!(
        words.starts_with("No. 1 of 2026-02-28, revision 1, this copy: accepted\nSubject: "),
        "{words}"
    );
    // Nobody's copy is the same but for address, ids and links.
    told(&replay(&["--out", folder]));
    let nobodys = std::fs::read_to_string(out.join("digest.eml")).unwrap();
    assert!(nobodys.contains("\r\nTo: reader@example.org\r\n"));
    let html = std::fs::read_to_string(out.join("digest.html")).unwrap();
    assert!(html.contains(FLOOD));

    // Pruned addresses are known by their hash; pruned bodies are gone, and that is said.
    run_sql(&desk, "UPDATE delivery SET address = NULL, reply = NULL").await;
    told(&replay(&["--to", "Aigerim@example.kz", "--out", folder]));
    assert_eq!(std::fs::read(out.join("digest.eml")).unwrap(), sent.bytes);
    run_sql(&desk, "UPDATE letter SET html = NULL, text = NULL").await;
    let said = refused(&replay(&["--to", "aigerim@example.kz"]));
    assert!(
        said.contains("the bodies of mails are kept for 30 days (delivery.keep_body_days)"),
        "{said}"
    );
    let said = refused(&replay(&["--to", "nobody@example.kz"]));
    assert!(
        said.contains("nobody has subscribed with that address"),
        "{said}"
    );
}

async fn an_issue_goes_once_more_only_to_whom_it_has_not_reached(engine: Engine) {
    let peer = Peer::start().await;
    let desk = Desk::with_relay(engine, &peer).await;
    for name in ["had", "lost", "wants"] {
        let languages: &[&str] = if name == "wants" { &["kk"] } else { &["ru"] };
        desk.subscribe(&format!("{name}@example.kz"), wishes(languages, ALMATY))
            .await;
    }
    desk.publish("ru", FLOOD).await;
    desk.at(MORNING).await;
    peer.script_for(
        "lost@example.kz",
        At::Rcpt,
        Act::say("550 5.7.1 blocked today"),
        1,
    );
    send(&desk).await;
    assert_eq!(
        (sums(&desk).await.accepted, sums(&desk).await.failed),
        (1, 1)
    );
    let uid = desk.digests("had@example.kz").await.remove(0).uid;
    let again = |to: &str| {
        jarshy(
            &desk,
            &peer,
            &["digest", "replay", &uid, "--to", to, "--send", "--at", NOON],
        )
    };
    let said = refused(&again("had@example.kz"));
    assert!(
        said.contains("the relay accepted that mail") && said.contains("nobody gets a mail twice"),
        "{said}"
    );
    let words = told(&again("lost@example.kz"));
    assert!(words.starts_with("queued for l•••t@example.kz"), "{words}");
    let said = refused(&again("lost@example.kz"));
    assert!(said.contains("that mail is under way"), "{said}");
    // Somebody who had asked for Kazakh alone, and wants this one.
    told(&again("wants@example.kz"));
    assert_eq!(
        desk.count("SELECT COUNT(*) FROM delivery WHERE priority = 9 AND state = 'queued'")
            .await,
        2
    );
    desk.app.set_time("2026-02-28T12:01:00+05:00");
    send(&desk).await;
    let mut to: Vec<String> = peer.journal().into_iter().map(|e| e.to).collect();
    to.sort();
    assert_eq!(
        to,
        ["had@example.kz", "lost@example.kz", "wants@example.kz"]
    );
    assert_eq!(
        sums(&desk).await,
        Sums {
            planned: 3,
            accepted: 3,
            ..Sums::default()
        }
    );
    let verify = told(&jarshy(&desk, &peer, &["verify"]));
    assert!(verify.contains("nobody lost, nobody twice"), "{verify}");

    // A story that is still to come is not sent before its hour, and one that came another way not again.
    desk.app.set_time("2026-02-28T13:00:00+05:00");
    desk.publish("ru", BRIDGE).await;
    desk.subscribe("soon@example.kz", wishes(&["ru"], "Europe/Berlin"))
        .await;
    run_sql(
        &desk,
        "UPDATE subscription SET read_to = 0 WHERE id = (SELECT MAX(id) FROM subscription)",
    )
    .await;
    let said = refused(&again("soon@example.kz"));
    assert!(
        said.contains("still to come with the person's own next digest"),
        "{said}"
    );
    desk.leave("wants@example.kz").await;
    let said = refused(&again("wants@example.kz"));
    assert!(said.contains("the relay accepted that mail"), "{said}");
    desk.subscribe("gone@example.kz", wishes(&["kk"], ALMATY))
        .await;
    desk.leave("gone@example.kz").await;
    let said = refused(&again("gone@example.kz"));
    assert!(
        said.contains("the person does not get the newsletter"),
        "{said}"
    );
}

async fn a_test_is_sent_and_its_conversation_told(engine: Engine) {
    let (authority, acceptor) = certificate("localhost");
    let peer = Peer::start_with(Offers {
        keywords: vec!["SIZE 10000000".to_owned(), "PIPELINING".to_owned()],
        starttls: Some(acceptor),
        login: Some(("tau".to_owned(), "open sesame".to_owned())),
        ..Offers::default()
    })
    .await;
    let desk = Desk::open(engine).await;
    desk.subscribe("aigerim@example.kz", wishes(&["kk", "ru"], ALMATY))
        .await;
    desk.publish("ru", FLOOD).await;
    let ca = desk.app.folder.path().join("ca.pem");
    std::fs::write(&ca, authority).unwrap();
    peer.script(
        At::Dot,
        Act::take(Act::say("250 2.0.0 Ok: queued as 4AbC1234")),
        1,
    );
    let more = format!(
        "tls = \"required\"\nca_file = \"{}\"\nusername = \"tau\"\npassword = \"open sesame\"",
        ca.display()
    );
    let settings = relay(peer.port, &more).replace("127.0.0.1", "localhost");
    let args = ["digest", "send-test", "aigerim@example.kz", "--at", MORNING];
    let output = desk.app.jarshy(&settings, &args);
    let words = told(&output);
    let mut rest = words.as_str();
    for line in [
        "connected to localhost",
        "relay  220 peer.example.org ESMTP",
        "we     EHLO mail.news.example.kz",
        "we     STARTTLS",
        "relay  220 go ahead",
        "encrypted (TLSv1.3), and the certificate is that of localhost",
        "we     EHLO mail.news.example.kz",
        "we     AUTH PLAIN (not shown)",
        "relay  235 2.7.0 welcome",
        "we     MAIL FROM:<d",
        "we     RCPT TO:<aigerim@example.kz>",
        "relay  354 go",
        "we     (the message, ",
        "we     . ",
        "relay  250 2.0.0 Ok: queued as 4AbC1234",
        "accepted: the mail is the relay's now",
        "we     QUIT",
        "✓ the relay accepted the mail",
        "its name there: 4AbC1234",
        "dkim=pass",
    ] {
        let at = rest.find(line).unwrap_or_else(|| {
            panic!("{line:?} is not in, or not after what came before\n{words}")
        });
        rest = &rest[at + line.len()..];
    }
    assert!(!words.contains("AHRhdQ"), "no password: {words}");
    let mail = peer.journal().remove(0);
    assert_eq!(mail.to, "aigerim@example.kz");
    let source = String::from_utf8(mail.bytes).unwrap();
    assert!(source.contains("\r\nX-Jarshy-Test: yes\r\n"), "{source}");
    assert!(source.contains("\r\nList-Unsubscribe: "), "{source}");
    assert!(
        words.contains(&format!("«[Сынақ] {FLOOD}»")),
        "in the words of the letter's language: {words}"
    );
}

async fn a_test_touches_no_row(engine: Engine) {
    let peer = Peer::start().await;
    let desk = Desk::with_relay(engine, &peer).await;
    // Nothing is published and nobody has subscribed: the day the newsroom is set up.
    let before = dump(&desk.core().db).await;
    let output = jarshy(
        &desk,
        &peer,
        &["digest", "send-test", "operator@example.kz", "--json"],
    );
    let said: serde_json::Value = serde_json::from_str(&told(&output)).unwrap();
    assert_eq!(said["accepted"], true);
    assert_eq!(said["subject"], "[Сынақ] Тау жаршысы");
    let again = jarshy(
        &desk,
        &peer,
        &["digest", "send-test", "operator@example.kz", "--plain"],
    );
    told(&again);
    let mails = peer.journal();
    assert_eq!(mails.len(), 2);
    assert_ne!(
        mails[0].message_id, mails[1].message_id,
        "no mailbox takes one for the other"
    );
    let after = dump(&desk.core().db).await;
    for (table, rows) in &before {
        assert_eq!(rows, &after[table], "{table}");
    }
    assert_eq!(sums(&desk).await, Sums::default());
}

async fn a_test_that_fails_says_why(engine: Engine) {
    let peer = Peer::start().await;
    let desk = Desk::with_relay(engine, &peer).await;
    let test = ["digest", "send-test", "operator@example.kz"];
    let failed = |output: &Output| {
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        String::from_utf8(output.stdout.clone()).unwrap()
    };
    for (at, reply, sentence) in [
        (
            At::Mail,
            "530 5.7.0 authentication required",
            "✗ the relay does not take mail from us: look at mail.username",
        ),
        (
            At::Rcpt,
            "550 5.1.1 unknown user",
            "✗ the relay does not take this recipient (550 5.1.1 unknown user): there is no such mailbox",
        ),
        (
            At::Rcpt,
            "451 4.7.1 greylisted",
            "slower, please, or greylisting: try again in some minutes",
        ),
        (
            At::Dot,
            "550 5.7.26 unauthenticated mail",
            "look at SPF, DKIM and DMARC of the sender's domain",
        ),
    ] {
        peer.script(at, Act::say(reply), 1);
        let words = failed(&jarshy(&desk, &peer, &test));
        assert!(words.contains(sentence), "{words}");
        assert!(words.contains(&format!("relay  {reply}")), "{words}");
    }
    let words = failed(&desk.app.jarshy(&relay(1, PLAIN), &test));
    assert!(
        words.contains("✗ there was no connection")
            && words.contains("Look at mail.host, mail.port"),
        "{words}"
    );
    let words = failed(
        &desk
            .app
            .jarshy(&relay(peer.port, "tls = \"required\""), &test),
    );
    assert!(words.contains("offers no STARTTLS"), "{words}");
    // Who called our mail spam is not tried either.
    let hash = desk.core().keys.address_hash("operator@example.kz");
    let mut tx = desk.core().db.begin().await.unwrap();
    delivery::suppress(
        &mut tx,
        &hash,
        None,
        "complaint",
        "",
        desk.core().clock.now(),
    )
    .await
    .unwrap();
    tx.commit().await.unwrap();
    let said = refused(&jarshy(&desk, &peer, &test));
    assert!(said.contains("must not be mailed"), "{said}");
}
