//! What the session says to a relay, by what the relay offers.

use jarshy::delivery;
use tokio_util::sync::CancellationToken;

use crate::support::smtp::{Act, At, Offers, Peer};
use crate::support::{Engine, TestApp};

fn settings(peer: &Peer, more: &str) -> String {
    format!(
        "[mail]\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none\"\nehlo_name = \"пошта.жаңалық.example\"\n\
         bounce_domain = \"қайтты.жаңалық.example\"\n[delivery]\nconnections = 1\nconnect_deadline_secs = 2\n\
         command_deadline_secs = 2\ndot_deadline_secs = 2\n{more}\n",
        peer.port
    )
}

async fn peer(keywords: &[&str]) -> Peer {
    Peer::start_with(Offers {
        keywords: keywords.iter().map(|word| (*word).to_owned()).collect(),
        ..Offers::default()
    })
    .await
}

/// Sends one digest to each, and returns the peer's commands.
async fn send(peer: &Peer, more: &str, to: &[&str]) -> (TestApp, Vec<String>) {
    let app = TestApp::spawn_with(Engine::Sqlite, &settings(peer, more)).await;
    crate::signing::plan_plain(&app.core, to).await;
    delivery::drain(&app.core, &CancellationToken::new())
        .await
        .unwrap();
    (app, peer.commands())
}

/// RFC 3461: failures and delays are asked for, with heads alone, under the name of the delivery; nothing of it where it is not offered.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reports_are_asked_for_where_the_relay_makes_them() {
    for pipelining in [false, true] {
        let mut keywords = vec!["dsn", "SIZE"];
        if pipelining {
            keywords.push("PIPELINING");
        }
        let peer = peer(&keywords).await;
        let (_app, commands) = send(&peer, "", &["a+b@example.kz"]).await;
        let mail = commands.iter().find(|c| c.starts_with("MAIL")).unwrap();
        let from = peer.journal().remove(0).from;
        let (name, domain) = from.split_once('@').unwrap();
        // Names in other letters stand in the settings as people write them and on the wire as A-labels.
        assert_eq!(domain, "xn--80as1aa9b16a.xn--80aaqw4fuxvb.example");
        assert!(mail.ends_with(&format!(" RET=HDRS ENVID={name}")), "{mail}");
        let rcpt = commands.iter().find(|c| c.starts_with("RCPT")).unwrap();
        assert_eq!(
            rcpt,
            "RCPT TO:<a+b@example.kz> NOTIFY=FAILURE,DELAY ORCPT=rfc822;a+2Bb@example.kz"
        );
        assert_eq!(commands[0], "EHLO xn--80a1acn3a.xn--80aaqw4fuxvb.example");
    }
    let plain = peer(&["SIZE 100000"]).await;
    let (_app, commands) = send(&plain, "", &["a+b@example.kz"]).await;
    let said = commands.join("\n");
    assert!(
        !said.contains("NOTIFY") && !said.contains("ENVID") && said.contains(" SIZE="),
        "{said}"
    );
}

/// RFC 9422: a relay may say how many messages it takes over one connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_may_limit_the_messages_of_a_connection() {
    let peer = peer(&["LIMITS MAILMAX=2 RCPTMAX=1"]).await;
    let addresses: Vec<String> = (0..6).map(|n| format!("reader{n}@example.kz")).collect();
    let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
    let (_app, commands) = send(&peer, "", &addresses).await;
    assert_eq!((peer.journal().len(), peer.connections()), (6, 3));
    assert_eq!(commands.iter().filter(|c| *c == "QUIT").count(), 3);
    assert!(!commands.iter().any(|c| c.starts_with("NOOP")));
}

/// `.қаз` and `.рф` go to every relay; letters before the @ only to one that takes them, and what fails there fails as `capability`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn domains_in_any_letters_need_nothing_of_the_relay() {
    for (keywords, accepted) in [
        (vec![], 2),
        (vec!["8BITMIME"], 2),
        // Without 8BITMIME such a message cannot be written: To holds the letters (RFC 6531 section 3.1 asks for both).
        (vec!["SMTPUTF8"], 2),
        (vec!["SMTPUTF8", "8BITMIME"], 3),
    ] {
        let peer = peer(&keywords).await;
        let (app, commands) = send(
            &peer,
            "",
            &["dana@мысал.қаз", "ivan@пример.рф", "айгерім@мысал.қаз"],
        )
        .await;
        let mut to: Vec<String> = peer.journal().into_iter().map(|entry| entry.to).collect();
        to.sort();
        assert_eq!(
            to[..2],
            [
                "dana@xn--80awbu3c.xn--80ao21a",
                "ivan@xn--e1afmkfd.xn--p1ai"
            ],
            "{keywords:?}"
        );
        assert_eq!(to.len(), accepted, "{commands:?}");
        if accepted == 3 {
            assert_eq!(to[2], "айгерім@xn--80awbu3c.xn--80ao21a");
            assert_eq!(
                commands
                    .iter()
                    .filter(|c| c.ends_with(" BODY=8BITMIME SMTPUTF8"))
                    .count(),
                1
            );
        } else {
            let failed = delivery::store::get_total_sums(&app.core.db).await.unwrap();
            assert_eq!((failed.accepted, failed.failed), (2, 1));
            assert!(
                !commands
                    .iter()
                    .any(|c| c.contains("SMTPUTF8") || c.contains("айгерім")),
                "{commands:?}"
            );
        }
    }
}

/// The body is written by our own stream: a relay that refuses in the middle, and messages behind it, over the same and new connections.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_at_the_dot_leaves_the_next_message_whole() {
    let peer = peer(&[]).await;
    peer.script_for(
        "b@example.kz",
        At::Dot,
        Act::say("554 5.6.0 not this one"),
        1,
    );
    let (_app, commands) = send(&peer, "", &["a@example.kz", "b@example.kz", "c@example.kz"]).await;
    let journal = peer.journal();
    assert_eq!(journal.len(), 2);
    assert_eq!(peer.connections(), 1);
    for entry in &journal {
        let text = String::from_utf8(entry.bytes.clone()).unwrap();
        assert!(
            text.starts_with("Date: ") && text.ends_with("--\r\n"),
            "{text}"
        );
        assert_eq!(text.matches("Message-ID: ").count(), 1);
    }
    assert!(!commands.iter().any(|c| c.starts_with("NOOP")));
}
