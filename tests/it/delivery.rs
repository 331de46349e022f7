//! Stories of the delivery journal, against a peer that misbehaves on demand and keeps a journal of its own.

use std::process::Command;
use std::time::Duration;

use jarshy::base::address::EmailAddress;
use jarshy::base::language::Language;
use jarshy::base::token::Purpose;
use jarshy::delivery::store::{self, get_total_sums};
use jarshy::delivery::{self, DeliveryError, LetterKind, NewDelivery, NewLetter};
use jarshy::work::Core;
use jarshy::{on_db, on_tx};
use tokio_util::sync::CancellationToken;

use crate::both_engines;
use crate::support::smtp::{Act, At, Offers, Peer, certificate};
use crate::support::{Engine, TestApp};

both_engines!(
    a_digest_arrives_and_adds_up,
    nothing_before_the_dot_is_uncertain,
    what_the_relay_refuses_for_ever_has_failed,
    a_dot_without_a_reply_is_sent_once_more_with_the_same_bytes,
    a_letter_that_must_not_repeat_is_held,
    a_reply_before_the_dot_is_no_acceptance,
    a_refusal_at_the_dot_is_tried_later_and_is_no_repeat,
    a_hard_refusal_suppresses_the_address,
    a_policy_refusal_suppresses_nobody,
    an_unsubscribe_beats_a_message_whose_dot_is_not_written,
    a_suppression_beats_a_queued_digest,
    a_worker_declared_dead_writes_no_dot,
    a_late_250_settles_an_uncertain_row,
    two_workers_never_send_the_same_row,
    a_late_digest_expires,
    whom_a_person_waits_for_goes_first,
    a_paused_or_cancelled_letter_is_not_sent,
    stopping_finishes_what_is_in_flight,
    old_addresses_bodies_and_rows_are_pruned,
    a_row_lost_five_times_waits_for_the_operator,
    a_relay_that_was_away_does_not_spoil_the_retry_schedule,
    a_confirmation_leaves_within_seconds_once_the_relay_is_back,
);

/// Short waits, so that a stalling peer does not keep a test.
pub(crate) fn settings(peer: &Peer, more: &str) -> String {
    format!(
        "[mail]\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none\"\nehlo_name = \"mail.news.example.kz\"\n\
         bounce_domain = \"bounce.news.example.kz\"\n{more}\n[delivery]\nconnections = 2\nlease_secs = 60\nrenew_secs = 30\n\
         resend_wait_secs = 900\nconnect_deadline_secs = 1\ncommand_deadline_secs = 1\ndot_deadline_secs = 1\n",
        peer.port
    )
}

pub(crate) async fn newsroom(engine: Engine, peer: &Peer) -> TestApp {
    TestApp::spawn_with(engine, &settings(peer, "")).await
}

pub(crate) fn letter(core: &Core, kind: LetterKind) -> NewLetter {
    let leave = Purpose::Unsubscribe.placeholder();
    NewLetter {
        kind,
        scope: Some("c0ffee00-0000-4000-8000-000000000001".to_owned()),
        language: Language::parse("kk").unwrap(),
        sender_name: "Тау жаршысы".to_owned(),
        sender_address: "digest@news.example.kz".to_owned(),
        reply_to: Some("office@news.example.kz".to_owned()),
        subject: "Су тасқынына дайындық басталды және тағы 6 жаңалық".to_owned(),
        html: format!(
            "<!doctype html><html lang=\"kk\"><body><p>Су тасқынына дайындық басталды.</p>\
             <p><a href=\"https://news.example.kz/unsubscribe/{leave}\">Бас тарту</a></p></body></html>"
        ),
        text: format!(
            "Су тасқынына дайындық басталды.\n\n.\n..\nБас тарту: https://news.example.kz/unsubscribe/{leave}\n"
        ),
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
        ],
        dated_at: core.clock.now(),
        resend_uncertain: true,
    }
}

pub(crate) fn delivery_to(
    core: &Core,
    letter_id: i64,
    lane_id: i64,
    n: i64,
    address: &str,
) -> NewDelivery {
    let key = EmailAddress::parse(address).unwrap().key();
    NewDelivery {
        letter_id,
        batch: Some(1),
        recipient_id: n,
        recipient_uid: format!("0194f5b6-7c1e-4a3b-9a55-{n:012}"),
        recipient_epoch: 0,
        address: address.to_owned(),
        address_hash: core.keys.address_hash(&key),
        lane_id,
        priority: 5,
        text_only: false,
        due_at: core.clock.now(),
        expires_at: None,
    }
}

/// Plans one letter for those addresses; returns its row.
pub(crate) async fn plan_letter(app: &TestApp, letter: &NewLetter, addresses: &[String]) -> i64 {
    let core = &app.core;
    let mut tx = core.db.begin().await.unwrap();
    let lane = store::ensure_lane(&mut tx, "main", "other").await.unwrap();
    let id = store::insert_letter(&mut tx, core, letter).await.unwrap();
    let rows: Vec<NewDelivery> = addresses
        .iter()
        .enumerate()
        .map(|(i, address)| NewDelivery {
            priority: letter.kind.priority(),
            ..delivery_to(core, id, lane, i as i64 + 1, address)
        })
        .collect();
    let replaced = store::insert_deliveries(&mut tx, core.clock.now(), &rows).await;
    assert!(!replaced.unwrap());
    tx.commit().await.unwrap();
    id
}

pub(crate) async fn plan(app: &TestApp, addresses: &[&str]) -> i64 {
    let addresses: Vec<String> = addresses.iter().map(|a| (*a).to_owned()).collect();
    plan_letter(app, &letter(&app.core, LetterKind::Issue), &addresses).await
}

pub(crate) async fn drain(app: &TestApp) -> Result<(), DeliveryError> {
    delivery::drain(&app.core, &CancellationToken::new()).await
}

#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct Row {
    pub id: i64,
    pub state: String,
    pub class: Option<String>,
    pub code: Option<i64>,
    pub uncertain_count: i64,
    pub attempts: i64,
    pub refusals: i64,
    pub due_at: i64,
}

pub(crate) async fn rows(app: &TestApp) -> Vec<Row> {
    on_db!(&app.core.db, c => sqlx::query_as(
        "SELECT id, state, class, code, uncertain_count, attempts, refusals, due_at FROM delivery ORDER BY id")
        .fetch_all(c).await)
    .unwrap()
}

pub(crate) async fn states(app: &TestApp) -> Vec<String> {
    rows(app).await.into_iter().map(|row| row.state).collect()
}

pub(crate) async fn run_sql(app: &TestApp, sql: &'static str) {
    let mut tx = app.core.db.begin().await.unwrap();
    on_tx!(&mut tx, c => sqlx::query(sql).execute(c).await.map(|_| ())).unwrap();
    tx.commit().await.unwrap();
}

/// Everything adds up, no row contradicts itself, and no worker was left registered.
pub(crate) async fn assert_in_order(app: &TestApp) {
    assert!(get_total_sums(&app.core.db).await.unwrap().adds_up());
    let wrong = store::list_contradictions(&app.core.db).await.unwrap();
    assert!(wrong.is_empty(), "{wrong:?}");
    let alive: i64 = on_db!(&app.core.db, c => sqlx::query_scalar(
        "SELECT COUNT(*) FROM worker WHERE ended_at IS NULL").fetch_one(c).await)
    .unwrap();
    assert_eq!(alive, 0, "a worker did not end");
}

pub(crate) fn later(app: &TestApp, secs: i64) {
    app.core.clock.set(app.core.clock.now().plus_secs(secs));
}

async fn a_digest_arrives_and_adds_up(engine: Engine) {
    for keywords in [
        vec![],
        vec!["PIPELINING".to_owned(), "size 100000".to_owned()],
    ] {
        let peer = Peer::start_with(Offers {
            keywords,
            ..Offers::default()
        })
        .await;
        let app = newsroom(engine, &peer).await;
        let addresses: Vec<String> = (0..40).map(|n| format!("reader{n}@example.kz")).collect();
        let id = plan_letter(&app, &letter(&app.core, LetterKind::Issue), &addresses).await;
        drain(&app).await.unwrap();
        let sums = store::get_sums(&app.core.db, id).await.unwrap();
        assert_eq!((sums.planned, sums.accepted, sums.open), (40, 40, 0));
        let mut to: Vec<String> = peer.journal().into_iter().map(|e| e.to).collect();
        to.sort();
        let mut expected = addresses.clone();
        expected.sort();
        assert_eq!(to, expected);
        for entry in peer.journal() {
            let text = String::from_utf8(entry.bytes).unwrap();
            assert!(!text.contains("__jarshy"), "a placeholder was mailed");
            assert!(text.ends_with("--\r\n") && !text.ends_with("\r\n\r\n"));
            assert!(
                entry.from.ends_with("@bounce.news.example.kz"),
                "{}",
                entry.from
            );
            let name = entry.from.split('@').next().unwrap();
            assert!(app.core.keys.verify_delivery_name(name).is_some());
            assert_eq!(entry.message_id, format!("<{name}@news.example.kz>"));
        }
        assert!(!peer.commands().iter().any(|c| c.starts_with("NOOP")));
        assert_in_order(&app).await;
    }
}

/// Every stage before the dot, every way to fail: the row is queued, never uncertain, and once the peer behaves the message
/// arrives exactly once. The stages run side by side, for some faults take their time.
async fn nothing_before_the_dot_is_uncertain(engine: Engine) {
    let stages = [
        At::Connect,
        At::Hello,
        At::Auth,
        At::Mail,
        At::Rcpt,
        At::Data,
        At::Body,
    ];
    let mut stories = tokio::task::JoinSet::new();
    for at in stages {
        for pipelining in [false, true] {
            stories.spawn(break_before_the_dot(engine, at, pipelining));
        }
    }
    while let Some(story) = stories.join_next().await {
        story.unwrap();
    }
}

async fn break_before_the_dot(engine: Engine, at: At, pipelining: bool) {
    for fault in [
        Act::Close,
        Act::say("421 4.3.2 closing"),
        Act::SayAndClose("451 4.3.0 trouble\r\n".to_owned()),
        Act::say("451 4.3.0 trouble"),
        Act::say("*** nonsense"),
        Act::SayAndClose("2".to_owned()),
        Act::Stall,
    ] {
        // A short message is in the peer's buffers before it stalls: then the dot is written, and a long one has its own story.
        // And what a peer says between the first line and the dot may come after the dot: then it is the reply to it.
        if at == At::Body && !matches!(fault, Act::Close | Act::SayAndClose(_)) {
            continue;
        }
        let peer = Peer::start_with(Offers {
            keywords: if pipelining {
                vec!["PIPELINING".to_owned()]
            } else {
                vec![]
            },
            login: Some(("tau".to_owned(), "сен білесің".to_owned())),
            ..Offers::default()
        })
        .await;
        let login = "username = \"tau\"\npassword = \"сен білесің\"";
        let app = TestApp::spawn_with(engine, &settings(&peer, login)).await;
        peer.script(at, fault.clone(), 99);
        plan(&app, &["aigerim@example.kz"]).await;
        let _ = drain(&app).await;
        let row = rows(&app).await.remove(0);
        let story = format!("{at:?} {fault:?} pipelining {pipelining}: {row:?}");
        assert!(peer.journal().is_empty(), "{story}");
        assert_in_order(&app).await;
        if at == At::Body {
            // Whether the dot was in the socket before the peer hung up is chance; what counts is that it is known.
            assert!(
                ["queued", "uncertain"].contains(&row.state.as_str()),
                "{story}"
            );
        } else {
            assert_eq!(
                (row.state.as_str(), row.uncertain_count),
                ("queued", 0),
                "{story}"
            );
        }
        peer.behave();
        later(&app, 86_400);
        drain(&app).await.unwrap();
        assert_eq!(states(&app).await, ["accepted"], "{story}");
        assert_eq!(peer.journal().len(), 1, "{story}");
    }
}

async fn what_the_relay_refuses_for_ever_has_failed(engine: Engine) {
    for (at, reply, state, class) in [
        (At::Mail, "550 5.7.1 not you", "queued", "policy"),
        (At::Mail, "552 5.3.4 too large", "failed", "content"),
        (At::Rcpt, "550 5.1.1 no such user", "failed", "hard"),
        (At::Rcpt, "452 4.2.2 mailbox full", "queued", "soft"),
        (At::Data, "554 5.7.1 spam", "failed", "policy"),
        (At::Dot, "554 5.6.0 no", "failed", "content"),
        (At::Dot, "552 5.2.3 too large", "failed", "content"),
    ] {
        for keywords in [vec![], vec!["PIPELINING".to_owned()]] {
            let peer = Peer::start_with(Offers {
                keywords,
                ..Offers::default()
            })
            .await;
            let app = newsroom(engine, &peer).await;
            peer.script(at, Act::say(reply), 1);
            plan(&app, &["aigerim@example.kz", "dana@example.net"]).await;
            drain(&app).await.unwrap();
            let mut found = rows(&app).await;
            found.sort_by_key(|row| row.state == "accepted");
            let code: i64 = reply[..3].parse().unwrap();
            assert_eq!(found[0].state, state, "{at:?} {reply}");
            assert_eq!(found[0].class.as_deref(), Some(class), "{at:?} {reply}");
            assert_eq!(found[0].code, Some(code));
            assert_eq!(
                found[1].state, "accepted",
                "the other one has nothing to do with it"
            );
            assert_eq!(peer.journal().len(), 1);
            assert_in_order(&app).await;
        }
    }
}

/// What the peer may do once it has the message, short of saying 250.
fn silences() -> Vec<Act> {
    vec![
        Act::take(Act::Close),
        Act::take(Act::SayAndClose("25".to_owned())),
        Act::take(Act::SayAndClose(
            "250 ok, but the line has no en".to_owned(),
        )),
        Act::take(Act::Stall),
        Act::take(Act::say("354 go")),
        Act::take(Act::say("200 what")),
        Act::take(Act::say("nonsense")),
        Act::take(Act::say("999 nonsense")),
    ]
}

async fn a_dot_without_a_reply_is_sent_once_more_with_the_same_bytes(engine: Engine) {
    for silence in silences() {
        let peer = Peer::start().await;
        let app = newsroom(engine, &peer).await;
        peer.script(At::Dot, silence.clone(), 1);
        plan(&app, &["aigerim@example.kz"]).await;
        drain(&app).await.unwrap();
        let row = rows(&app).await.remove(0);
        assert_eq!(
            (row.state.as_str(), row.uncertain_count),
            ("uncertain", 1),
            "{silence:?}"
        );
        // Not before the wait is over, whatever restarts meanwhile.
        later(&app, 899);
        drain(&app).await.unwrap();
        assert_eq!(peer.journal().len(), 1, "{silence:?}");
        later(&app, 2);
        drain(&app).await.unwrap();
        assert_eq!(states(&app).await, ["accepted"], "{silence:?}");
        let journal = peer.journal();
        assert_eq!(journal.len(), 2, "{silence:?}");
        assert_eq!(journal[0].message_id, journal[1].message_id);
        assert_eq!(journal[0].sha256, journal[1].sha256);
        assert_in_order(&app).await;
    }
    // Twice without a reply: the operator decides.
    let peer = Peer::start().await;
    let app = newsroom(engine, &peer).await;
    peer.script(At::Dot, Act::take(Act::Close), 2);
    plan(&app, &["aigerim@example.kz"]).await;
    for _ in 0..3 {
        drain(&app).await.unwrap();
        later(&app, 901);
    }
    let row = rows(&app).await.remove(0);
    assert_eq!((row.state.as_str(), row.uncertain_count), ("held", 2));
    assert_eq!(peer.journal().len(), 2);
    assert_in_order(&app).await;
}

async fn a_letter_that_must_not_repeat_is_held(engine: Engine) {
    let peer = Peer::start().await;
    let app = newsroom(engine, &peer).await;
    peer.script(At::Dot, Act::take(Act::Close), 1);
    let once = NewLetter {
        resend_uncertain: false,
        ..letter(&app.core, LetterKind::Issue)
    };
    plan_letter(&app, &once, &["aigerim@example.kz".to_owned()]).await;
    drain(&app).await.unwrap();
    later(&app, 901);
    drain(&app).await.unwrap();
    assert_eq!(states(&app).await, ["held"]);
    assert_eq!(peer.journal().len(), 1);
    assert_in_order(&app).await;
}

async fn a_reply_before_the_dot_is_no_acceptance(engine: Engine) {
    for (at, early) in [
        (At::Data, "354 go\n250 2.0.0 stale"),
        (At::Mail, "250 ok\n250 ok"),
        (At::Body, "250 2.0.0 too soon"),
        (At::Body, "552 5.3.4 too much"),
    ] {
        let peer = Peer::start().await;
        let app = newsroom(engine, &peer).await;
        peer.script(at, Act::say(early), 1);
        // The last one waits until the lines are surely there, for they are noticed when they have come.
        plan(&app, &["aigerim@example.kz"]).await;
        drain(&app).await.unwrap();
        let row = rows(&app).await.remove(0);
        // A peer that takes the message after all cannot be told apart from one that was quick to answer.
        assert_ne!(
            (row.state.as_str(), peer.journal().len()),
            ("accepted", 0),
            "{early}"
        );
        if at == At::Mail {
            assert_eq!(row.state, "queued", "{early}");
        }
        if at == At::Data {
            assert_eq!(
                (row.state.as_str(), peer.journal().len()),
                ("queued", 0),
                "{early}"
            );
        }
        assert_in_order(&app).await;
    }
}

async fn a_refusal_at_the_dot_is_tried_later_and_is_no_repeat(engine: Engine) {
    let peer = Peer::start().await;
    let app = newsroom(engine, &peer).await;
    peer.script(At::Dot, Act::say("451 4.7.1 greylisted"), 1);
    plan(&app, &["aigerim@example.kz"]).await;
    drain(&app).await.unwrap();
    let row = rows(&app).await.remove(0);
    assert_eq!(
        (row.state.as_str(), row.class.as_deref(), row.code),
        ("queued", Some("throttle"), Some(451))
    );
    let wait = row.due_at - app.core.clock.now().as_millis();
    assert!((225_000..=300_000).contains(&wait), "{wait}");
    drain(&app).await.unwrap();
    assert!(peer.journal().is_empty(), "not before it is due");
    later(&app, 301);
    drain(&app).await.unwrap();
    assert_eq!(states(&app).await, ["accepted"]);
    assert_eq!(peer.journal().len(), 1);
    assert_in_order(&app).await;
}

pub(crate) async fn count(app: &TestApp, sql: &'static str) -> i64 {
    on_db!(&app.core.db, c => sqlx::query_scalar(sql).fetch_one(c).await).unwrap()
}

async fn a_hard_refusal_suppresses_the_address(engine: Engine) {
    let peer = Peer::start().await;
    let app = newsroom(engine, &peer).await;
    peer.script_for(
        "gone@example.kz",
        At::Rcpt,
        Act::say("550 5.1.1 no such user"),
        9,
    );
    plan(&app, &["gone@example.kz", "dana@example.kz"]).await;
    // A second letter to the same people, due later.
    later(&app, 3600);
    plan(&app, &["gone@example.kz", "dana@example.kz"]).await;
    later(&app, -3600);
    drain(&app).await.unwrap();
    assert_eq!(
        states(&app).await,
        ["failed", "accepted", "cancelled", "queued"]
    );
    let hash = app.core.keys.address_hash("gone@example.kz");
    assert!(delivery::is_suppressed(&app.core.db, &hash).await.unwrap());
    let told = count(
        &app,
        "SELECT COUNT(*) FROM mail_event WHERE kind = 'refused' AND class = 'hard'",
    )
    .await;
    assert_eq!(told, 1);
    // What is planned later meets the check before its dot.
    later(&app, 86_400);
    plan(&app, &["gone@example.kz"]).await;
    peer.behave();
    drain(&app).await.unwrap();
    assert_eq!(states(&app).await.last().unwrap(), "cancelled");
    assert!(peer.journal().iter().all(|e| e.to != "gone@example.kz"));
    assert_in_order(&app).await;

    // Without an enhanced code one refusal may be a slip: the second one, on another day, decides.
    peer.script_for(
        "maybe@example.kz",
        At::Rcpt,
        Act::say("550 no such mailbox"),
        9,
    );
    let hash = app.core.keys.address_hash("maybe@example.kz");
    for expected in [false, true] {
        plan(&app, &["maybe@example.kz"]).await;
        drain(&app).await.unwrap();
        assert_eq!(
            delivery::is_suppressed(&app.core.db, &hash).await.unwrap(),
            expected
        );
        later(&app, 86_400);
    }
    assert_in_order(&app).await;
}

async fn a_policy_refusal_suppresses_nobody(engine: Engine) {
    let peer = Peer::start().await;
    let app = newsroom(engine, &peer).await;
    peer.script(At::Rcpt, Act::say("550 5.7.515 access denied"), 1);
    peer.script(At::Dot, Act::say("554 blocked"), 1);
    plan(&app, &["a@example.kz", "b@example.net"]).await;
    drain(&app).await.unwrap();
    assert_eq!(states(&app).await, ["failed", "failed"]);
    assert_eq!(count(&app, "SELECT COUNT(*) FROM suppression").await, 0);
    assert_in_order(&app).await;
}

/// Drains in the background until the peer waits in the middle of a conversation.
pub(crate) fn draining(app: &TestApp) -> tokio::task::JoinHandle<Result<(), DeliveryError>> {
    let core = app.core.clone();
    tokio::spawn(async move { delivery::drain(&core, &CancellationToken::new()).await })
}

/// A peer that waits, with a worker that has time to wait for it.
pub(crate) async fn patient(engine: Engine, peer: &Peer) -> TestApp {
    let text = settings(peer, "")
        .replace("_deadline_secs = 1", "_deadline_secs = 30")
        .replace("connections = 2", "connections = 3");
    TestApp::spawn_with(engine, &text).await
}

async fn an_unsubscribe_beats_a_message_whose_dot_is_not_written(engine: Engine) {
    let peer = Peer::start().await;
    let app = patient(engine, &peer).await;
    peer.script(At::Data, Act::Wait, 1);
    plan(&app, &["aigerim@example.kz"]).await;
    let working = draining(&app);
    peer.heard("DATA").await;
    let uid = format!("0194f5b6-7c1e-4a3b-9a55-{:012}", 1);
    let mut tx = app.core.db.begin().await.unwrap();
    let cancelled = store::cancel_recipient(&mut tx, &uid, app.core.clock.now())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(cancelled, 1);
    peer.open_gate();
    working.await.unwrap().unwrap();
    assert_eq!(states(&app).await, ["cancelled"]);
    assert!(
        peer.journal().is_empty(),
        "a dot was written after the person had left"
    );
    assert_in_order(&app).await;

    // Once the dot is written it is too late, and the truth is kept.
    peer.script(At::Dot, Act::Wait, 1);
    plan(&app, &["aigerim@example.kz"]).await;
    let working = draining(&app);
    while peer.journal().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let mut tx = app.core.db.begin().await.unwrap();
    let cancelled = store::cancel_recipient(&mut tx, &uid, app.core.clock.now())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(cancelled, 0);
    peer.open_gate();
    working.await.unwrap().unwrap();
    assert_eq!(states(&app).await, ["cancelled", "accepted"]);
    assert_in_order(&app).await;
}

async fn a_suppression_beats_a_queued_digest(engine: Engine) {
    let peer = Peer::start().await;
    let app = patient(engine, &peer).await;
    plan(&app, &["aigerim@example.kz", "dana@example.kz"]).await;
    let hash = app.core.keys.address_hash("aigerim@example.kz");
    let mut tx = app.core.db.begin().await.unwrap();
    let now = app.core.clock.now();
    assert!(
        delivery::suppress(&mut tx, &hash, Some(1), "manual", "asked by telephone", now)
            .await
            .unwrap()
    );
    assert!(
        !delivery::suppress(&mut tx, &hash, None, "manual", "again", now)
            .await
            .unwrap()
    );
    tx.commit().await.unwrap();
    drain(&app).await.unwrap();
    assert_eq!(states(&app).await, ["cancelled", "accepted"]);
    // A row that is planned afterwards is stopped before its dot; a confirmation to an erased address is not.
    plan(&app, &["aigerim@example.kz"]).await;
    drain(&app).await.unwrap();
    assert_eq!(states(&app).await, ["cancelled", "accepted", "cancelled"]);
    let erased = app.core.keys.address_hash("sara@example.kz");
    let mut tx = app.core.db.begin().await.unwrap();
    delivery::suppress(&mut tx, &erased, None, "erased", "asked by the person", now)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let address = ["sara@example.kz".to_owned()];
    plan_letter(&app, &letter(&app.core, LetterKind::Issue), &address).await;
    plan_letter(&app, &letter(&app.core, LetterKind::Confirmation), &address).await;
    drain(&app).await.unwrap();
    assert_eq!(states(&app).await[3..], ["cancelled", "accepted"]);
    assert_in_order(&app).await;
}

/// T16: the fencing token refuses who comes late.
async fn a_worker_declared_dead_writes_no_dot(engine: Engine) {
    let peer = Peer::start().await;
    let app = patient(engine, &peer).await;
    peer.script(At::Data, Act::Wait, 1);
    plan(&app, &["aigerim@example.kz"]).await;
    let frozen = draining(&app);
    peer.heard("DATA").await;
    run_sql(&app, "UPDATE worker SET lease_until = 0").await;
    // Whoever takes the row over sends it: another worker, or the first one under a new id, over another connection.
    drain(&app).await.unwrap();
    while peer.journal().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    peer.open_gate();
    frozen.await.unwrap().unwrap();
    assert_eq!(
        peer.journal().len(),
        1,
        "the conversation that was declared dead wrote its dot"
    );
    let row = rows(&app).await.remove(0);
    assert_eq!((row.state.as_str(), row.attempts), ("accepted", 2));
    assert_in_order(&app).await;
}

async fn a_late_250_settles_an_uncertain_row(engine: Engine) {
    let peer = Peer::start().await;
    let app = patient(engine, &peer).await;
    peer.script(At::Dot, Act::Wait, 1);
    plan(&app, &["aigerim@example.kz"]).await;
    let slow = draining(&app);
    while peer.journal().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    run_sql(&app, "UPDATE worker SET lease_until = 0").await;
    drain(&app).await.unwrap();
    assert_eq!(states(&app).await, ["uncertain"]);
    peer.open_gate();
    slow.await.unwrap().unwrap();
    assert_eq!(states(&app).await, ["accepted"]);
    later(&app, 100_000);
    drain(&app).await.unwrap();
    assert_eq!(peer.journal().len(), 1);
    assert_in_order(&app).await;
}

/// T19: no row is claimed twice.
async fn two_workers_never_send_the_same_row(engine: Engine) {
    let peer = Peer::start().await;
    let app = newsroom(engine, &peer).await;
    let addresses: Vec<String> = (0..150).map(|n| format!("reader{n}@example.kz")).collect();
    plan_letter(&app, &letter(&app.core, LetterKind::Issue), &addresses).await;
    let workers = [draining(&app), draining(&app), draining(&app)];
    for worker in workers {
        worker.await.unwrap().unwrap();
    }
    let mut to: Vec<String> = peer.journal().into_iter().map(|e| e.to).collect();
    assert_eq!(to.len(), 150);
    to.sort();
    to.dedup();
    assert_eq!(to.len(), 150);
    assert!(
        rows(&app)
            .await
            .iter()
            .all(|row| row.state == "accepted" && row.attempts == 1)
    );
    assert_in_order(&app).await;
}

async fn a_late_digest_expires(engine: Engine) {
    let peer = Peer::start().await;
    let app = newsroom(engine, &peer).await;
    let core = &app.core;
    let mut tx = core.db.begin().await.unwrap();
    let lane = store::ensure_lane(&mut tx, "main", "other").await.unwrap();
    let id = store::insert_letter(&mut tx, core, &letter(core, LetterKind::Issue))
        .await
        .unwrap();
    let row = NewDelivery {
        expires_at: Some(core.clock.now().plus_secs(600)),
        ..delivery_to(core, id, lane, 1, "aigerim@example.kz")
    };
    store::insert_deliveries(&mut tx, core.clock.now(), &[row])
        .await
        .unwrap();
    tx.commit().await.unwrap();
    peer.script(At::Rcpt, Act::say("451 4.3.0 later"), 9);
    drain(&app).await.unwrap();
    assert_eq!(states(&app).await, ["queued"]);
    peer.behave();
    later(&app, 600);
    drain(&app).await.unwrap();
    assert_eq!(states(&app).await, ["expired"]);
    assert!(peer.journal().is_empty());
    assert_in_order(&app).await;
}

async fn whom_a_person_waits_for_goes_first(engine: Engine) {
    let peer = Peer::start().await;
    let text = settings(&peer, "").replace("connections = 2", "connections = 1");
    let app = TestApp::spawn_with(engine, &text).await;
    let readers: Vec<String> = (0..20).map(|n| format!("reader{n}@example.kz")).collect();
    plan_letter(&app, &letter(&app.core, LetterKind::Issue), &readers).await;
    let waiting = ["waiting@example.kz".to_owned()];
    plan_letter(&app, &letter(&app.core, LetterKind::Confirmation), &waiting).await;
    drain(&app).await.unwrap();
    assert_eq!(peer.journal()[0].to, "waiting@example.kz");
    let to: Vec<String> = peer.journal()[1..].iter().map(|e| e.to.clone()).collect();
    assert_eq!(to, readers, "then by when it is due and by row");
    assert_eq!(peer.connections(), 1);
    assert_in_order(&app).await;
}

async fn a_paused_or_cancelled_letter_is_not_sent(engine: Engine) {
    let peer = Peer::start().await;
    let app = newsroom(engine, &peer).await;
    let paused = plan(&app, &["a@example.kz"]).await;
    let cancelled = plan(&app, &["b@example.kz"]).await;
    let replaced = plan(&app, &["c@example.kz"]).await;
    let mut tx = app.core.db.begin().await.unwrap();
    for (id, state) in [
        (paused, "paused"),
        (cancelled, "cancelled"),
        (replaced, "replaced"),
    ] {
        store::update_letter_state(&mut tx, id, state)
            .await
            .unwrap();
    }
    tx.commit().await.unwrap();
    drain(&app).await.unwrap();
    assert_eq!(states(&app).await, ["held", "cancelled", "queued"]);
    assert!(peer.journal().is_empty());
    // Rows that are planned into such a letter go in where they belong; into a replaced one, nothing does.
    let core = &app.core;
    let mut tx = core.db.begin().await.unwrap();
    let lane = store::ensure_lane(&mut tx, "main", "other").await.unwrap();
    let into = |id| [delivery_to(core, id, lane, 77, "d@example.kz")];
    let now = core.clock.now();
    assert!(
        !store::insert_deliveries(&mut tx, now, &into(paused))
            .await
            .unwrap()
    );
    assert!(
        !store::insert_deliveries(&mut tx, now, &into(cancelled))
            .await
            .unwrap()
    );
    assert!(
        store::insert_deliveries(&mut tx, now, &into(replaced))
            .await
            .unwrap()
    );
    tx.commit().await.unwrap();
    assert_eq!(
        states(&app).await,
        ["held", "cancelled", "queued", "held", "cancelled"]
    );
    assert_in_order(&app).await;
}

async fn stopping_finishes_what_is_in_flight(engine: Engine) {
    let peer = Peer::start().await;
    let app = patient(engine, &peer).await;
    peer.script(At::Dot, Act::Wait, 1);
    let addresses: Vec<String> = (0..30).map(|n| format!("reader{n}@example.kz")).collect();
    plan_letter(&app, &letter(&app.core, LetterKind::Issue), &addresses).await;
    let stop = CancellationToken::new();
    let (core, stopping) = (app.core.clone(), stop.clone());
    let working = tokio::spawn(async move { delivery::run(&core, &stopping).await });
    while peer.journal().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    stop.cancel();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(
        !working.is_finished(),
        "a message whose dot is written was given up"
    );
    peer.open_gate();
    working.await.unwrap().unwrap();
    let sums = get_total_sums(&app.core.db).await.unwrap();
    assert_eq!(sums.accepted as usize, peer.journal().len());
    assert!(
        states(&app)
            .await
            .iter()
            .all(|state| state == "accepted" || state == "queued")
    );
    drain(&app).await.unwrap();
    assert_eq!(peer.journal().len(), 30);
    assert_in_order(&app).await;
}

async fn old_addresses_bodies_and_rows_are_pruned(engine: Engine) {
    let peer = Peer::start().await;
    let app = newsroom(engine, &peer).await;
    plan(&app, &["aigerim@example.kz"]).await;
    drain(&app).await.unwrap();
    peer.script(At::Dot, Act::take(Act::Close), 2);
    plan(&app, &["held@example.kz"]).await;
    for _ in 0..3 {
        drain(&app).await.unwrap();
        later(&app, 901);
    }
    delivery::prune(&app.core).await.unwrap();
    assert_eq!(
        count(
            &app,
            "SELECT COUNT(*) FROM delivery WHERE address IS NOT NULL"
        )
        .await,
        2
    );
    later(&app, 31 * 86_400);
    delivery::prune(&app.core).await.unwrap();
    assert_eq!(states(&app).await, ["accepted", "held"]);
    assert_eq!(
        count(
            &app,
            "SELECT COUNT(*) FROM delivery WHERE address IS NOT NULL"
        )
        .await,
        1,
        "held is not finished"
    );
    assert_eq!(
        count(&app, "SELECT COUNT(*) FROM letter WHERE text IS NOT NULL").await,
        1
    );
    later(&app, 60 * 86_400);
    delivery::prune(&app.core).await.unwrap();
    assert_eq!(states(&app).await, ["held"]);
    assert_eq!(
        count(&app, "SELECT COUNT(*) FROM letter").await,
        2,
        "letters are what an issue stands on"
    );
    assert_in_order(&app).await;
}

/// T13: attempts are bounded and each stands in the journal.
async fn a_row_lost_five_times_waits_for_the_operator(engine: Engine) {
    let peer = Peer::start().await;
    let app = newsroom(engine, &peer).await;
    plan(&app, &["aigerim@example.kz"]).await;
    for lost in 1..=5 {
        // A worker that took the row and was never heard of again.
        run_sql(&app, "INSERT INTO worker (host, build, tzdb, started_at, lease_until) VALUES ('gone', '0', '0', 0, 0)").await;
        run_sql(
            &app,
            "UPDATE delivery SET state = 'leased', attempts = attempts + 1, \
             worker_id = (SELECT MAX(id) FROM worker) WHERE state = 'queued'",
        )
        .await;
        // Nothing can be sent, so that the row stays where the take-over put it.
        peer.script(At::Connect, Act::Close, 99);
        let _ = drain(&app).await;
        let expected = if lost < 5 { "queued" } else { "held" };
        assert_eq!(states(&app).await, [expected], "{lost}");
    }
    assert_in_order(&app).await;
}

/// A relay in front of which `mail.tls = "required"` stands: the reader's password and address leave only when TLS is verified.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_leaves_only_under_verified_tls() {
    let folder = tempfile::tempdir().unwrap();
    let authority = folder.path().join("authority.pem");
    let login = Some(("tau".to_owned(), "secret words".to_owned()));
    // (certificate for, trusted, STARTTLS offered, implicit, arrives)
    for (name, trusted, offered, implicit, arrives) in [
        ("localhost", true, true, false, true),
        ("localhost", true, false, true, true),
        ("localhost", true, false, false, false),
        ("localhost", false, true, false, false),
        ("relay.example.org", true, true, false, false),
        ("relay.example.org", true, false, true, false),
    ] {
        let (pem, acceptor) = certificate(name);
        std::fs::write(&authority, if trusted { pem } else { certificate(name).0 }).unwrap();
        let peer = Peer::start_with(Offers {
            login: login.clone(),
            starttls: (offered && !implicit).then(|| acceptor.clone()),
            implicit: implicit.then_some(acceptor),
            ..Offers::default()
        })
        .await;
        let more = format!(
            "username = \"tau\"\npassword = \"secret words\"\nca_file = \"{}\"",
            authority.display()
        );
        let tls = if implicit {
            "\"implicit\""
        } else {
            "\"required\""
        };
        let text = settings(&peer, &more)
            .replace("\"none\"", tls)
            .replace("127.0.0.1", "localhost");
        let app = TestApp::spawn_with(Engine::Sqlite, &text).await;
        plan(&app, &["aigerim@example.kz"]).await;
        let result = drain(&app).await;
        let story =
            format!("{name} trusted {trusted} offered {offered} implicit {implicit}: {result:?}");
        assert_eq!(result.is_ok(), arrives, "{story}");
        assert_eq!(peer.journal().len(), usize::from(arrives), "{story}");
        let heard = peer.commands().join("\n");
        assert_eq!(heard.contains("AUTH"), arrives, "{story}\n{heard}");
        if !arrives {
            assert!(
                !heard.contains("MAIL") && !heard.contains("example.kz>"),
                "{story}\n{heard}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_stops_everything_and_fails_nobody() {
    let peer = Peer::start_with(Offers {
        login: Some(("tau".to_owned(), "right".to_owned())),
        ..Offers::default()
    })
    .await;
    let login = "username = \"tau\"\npassword = \"wrong\"";
    let app = TestApp::spawn_with(Engine::Sqlite, &settings(&peer, login)).await;
    plan(&app, &["a@example.kz", "b@example.kz"]).await;
    let error = drain(&app).await.unwrap_err().to_string();
    assert!(error.contains("535") && !error.contains("wrong"), "{error}");
    assert_eq!(states(&app).await, ["queued", "queued"]);
    assert_in_order(&app).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_in_kazakh_letters_needs_a_relay_that_takes_it() {
    for keywords in [vec![], vec!["smtputf8".to_owned(), "8BitMime".to_owned()]] {
        let takes = !keywords.is_empty();
        let peer = Peer::start_with(Offers {
            keywords,
            ..Offers::default()
        })
        .await;
        let app = newsroom(Engine::Sqlite, &peer).await;
        plan(&app, &["айгерім@example.kz", "dana@мысал.example"]).await;
        drain(&app).await.unwrap();
        let found = rows(&app).await;
        assert_eq!(
            found[1].state, "accepted",
            "the domain alone goes as an A-label"
        );
        if takes {
            assert_eq!(found[0].state, "accepted");
            let sent = peer
                .journal()
                .into_iter()
                .find(|e| e.to == "айгерім@example.kz")
                .unwrap();
            assert!(
                String::from_utf8(sent.bytes)
                    .unwrap()
                    .contains("To: айгерім@example.kz\r\n")
            );
        } else {
            assert_eq!(
                (found[0].state.as_str(), found[0].class.as_deref()),
                ("failed", Some("capability"))
            );
            assert_eq!(count(&app, "SELECT COUNT(*) FROM suppression").await, 0);
        }
        assert!(
            peer.journal()
                .iter()
                .any(|e| e.to == "dana@xn--80awbu3c.example"),
            "{:?}",
            peer.commands()
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_beyond_the_relays_size_is_not_tried() {
    let peer = Peer::start_with(Offers {
        keywords: vec!["SIZE 1000".to_owned()],
        ..Offers::default()
    })
    .await;
    let app = newsroom(Engine::Sqlite, &peer).await;
    plan(&app, &["aigerim@example.kz"]).await;
    drain(&app).await.unwrap();
    let row = rows(&app).await.remove(0);
    assert_eq!(
        (row.state.as_str(), row.class.as_deref()),
        ("failed", Some("content"))
    );
    assert!(!peer.commands().iter().any(|c| c.starts_with("MAIL")));
}

/// The whole message does not fit into any buffer, so a peer that stops reading keeps the dot from being written.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_stops_reading_a_long_message_leaves_no_doubt() {
    for act in [
        Act::Stall,
        Act::Close,
        Act::SayAndClose("552 5.3.4 too much\r\n".to_owned()),
    ] {
        let peer = Peer::start_with(Offers {
            small_window: true,
            ..Offers::default()
        })
        .await;
        let app = newsroom(Engine::Sqlite, &peer).await;
        peer.script(At::Body, act.clone(), 1);
        let long = NewLetter {
            html: String::new(),
            text: "Су тасқыны. ".repeat(400_000),
            ..letter(&app.core, LetterKind::Issue)
        };
        plan_letter(&app, &long, &["aigerim@example.kz".to_owned()]).await;
        drain(&app).await.unwrap();
        let row = rows(&app).await.remove(0);
        assert_eq!(
            (row.state.as_str(), row.uncertain_count),
            ("queued", 0),
            "{act:?}"
        );
        assert!(peer.journal().is_empty());
        assert_in_order(&app).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_are_reused_up_to_their_limit_and_reset_after_a_refusal() {
    let peer = Peer::start().await;
    let text = settings(&peer, "").replace(
        "connections = 2",
        "connections = 1\nmessages_per_connection = 10",
    );
    let app = TestApp::spawn_with(Engine::Sqlite, &text).await;
    peer.script_for(
        "reader3@example.kz",
        At::Rcpt,
        Act::say("550 5.1.1 gone"),
        1,
    );
    let addresses: Vec<String> = (0..30).map(|n| format!("reader{n}@example.kz")).collect();
    plan_letter(&app, &letter(&app.core, LetterKind::Issue), &addresses).await;
    drain(&app).await.unwrap();
    assert_eq!(peer.journal().len(), 29);
    assert_eq!(peer.connections(), 3);
    let commands = peer.commands();
    assert_eq!(commands.iter().filter(|c| *c == "RSET").count(), 1);
    assert_eq!(commands.iter().filter(|c| *c == "QUIT").count(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_connections_are_open_than_the_settings_say() {
    let peer = Peer::start().await;
    let text = settings(&peer, "").replace("connections = 2", "connections = 4");
    let app = TestApp::spawn_with(Engine::Sqlite, &text).await;
    let addresses: Vec<String> = (0..60).map(|n| format!("reader{n}@example.kz")).collect();
    plan_letter(&app, &letter(&app.core, LetterKind::Issue), &addresses).await;
    drain(&app).await.unwrap();
    assert_eq!(peer.journal().len(), 60);
    assert!(peer.most_open() <= 4, "{}", peer.most_open());
}

/// T7, T17: a host that does not answer is a visible delay, never a mail counted as sent.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_is_gone_costs_three_tries_and_nobody_a_mail() {
    let peer = Peer::start().await;
    let app = newsroom(Engine::Sqlite, &peer).await;
    drop(peer);
    let addresses: Vec<String> = (0..60).map(|n| format!("reader{n}@example.kz")).collect();
    plan_letter(&app, &letter(&app.core, LetterKind::Issue), &addresses).await;
    assert!(matches!(drain(&app).await, Err(DeliveryError::Relay(_))));
    assert!(
        rows(&app)
            .await
            .iter()
            .all(|row| row.state == "queued" && row.class.is_none())
    );
    assert_in_order(&app).await;
}

/// The relay that was at `port`, back again.
async fn come_back(port: u16) -> Peer {
    Peer::start_with(Offers {
        port,
        ..Offers::default()
    })
    .await
}

async fn a_relay_that_was_away_does_not_spoil_the_retry_schedule(engine: Engine) {
    let peer = Peer::start().await;
    let port = peer.port;
    let app = newsroom(engine, &peer).await;
    drop(peer);
    let letter = letter(&app.core, LetterKind::Confirmation);
    plan_letter(&app, &letter, &["aigerim@example.kz".to_owned()]).await;
    let before = rows(&app).await.remove(0);
    for _ in 0..3 {
        assert!(matches!(drain(&app).await, Err(DeliveryError::Relay(_))));
    }
    let row = rows(&app).await.remove(0);
    assert_eq!((row.attempts, row.refusals), (9, 0));
    assert_eq!((row.state.as_str(), row.due_at), ("queued", before.due_at));

    // The first answer is the first refusal, and the wait doubles from there.
    let peer = come_back(port).await;
    for (refusals, longest) in [(1, 300), (2, 600), (3, 1200)] {
        peer.script(At::Rcpt, Act::say("451 4.7.1 greylisted"), 1);
        drain(&app).await.unwrap();
        let row = rows(&app).await.remove(0);
        assert_eq!((row.code, row.refusals), (Some(451), refusals));
        let wait = row.due_at - app.core.clock.now().as_millis();
        assert!(
            (longest * 750..=longest * 1000).contains(&wait),
            "{wait} after {refusals}"
        );
        later(&app, longest + 1);
    }

    // Away once more: what was counted stays, and nothing is added. A relay that hangs up before DATA says nothing either.
    drop(peer);
    assert!(matches!(drain(&app).await, Err(DeliveryError::Relay(_))));
    assert_eq!(rows(&app).await.remove(0).refusals, 3);
    let peer = come_back(port).await;
    peer.script(At::Rcpt, Act::Close, 1);
    drain(&app).await.unwrap();
    let row = rows(&app).await.remove(0);
    let wait = row.due_at - app.core.clock.now().as_millis();
    assert_eq!(row.refusals, 3);
    assert!((900_000..=1_200_000).contains(&wait), "{wait}");
    later(&app, 1201);
    drain(&app).await.unwrap();
    assert_eq!(states(&app).await, ["accepted"]);
    assert_eq!(peer.journal().len(), 1);
    assert_in_order(&app).await;
}

async fn a_confirmation_leaves_within_seconds_once_the_relay_is_back(engine: Engine) {
    let peer = Peer::start().await;
    let port = peer.port;
    let app = newsroom(engine, &peer).await;
    drop(peer);
    let letter = letter(&app.core, LetterKind::Confirmation);
    let addresses: Vec<String> = (0..20).map(|n| format!("reader{n}@example.kz")).collect();
    plan_letter(&app, &letter, &addresses).await;
    let stop = CancellationToken::new();
    let (core, stopping) = (app.core.clone(), stop.clone());
    let working = tokio::spawn(async move { delivery::run(&core, &stopping).await });
    let claims = async || -> i64 { rows(&app).await.iter().map(|row| row.attempts).sum() };
    // What was claimed at once when the trouble began, and then one row to see whether it is over.
    let (mut begun, mut quiet) = (0, 0);
    while quiet < 20 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let now = claims().await;
        quiet = if now > 0 && now == begun {
            quiet + 1
        } else {
            0
        };
        begun = now;
    }
    let asked = std::time::Instant::now();
    while claims().await == begun {
        assert!(
            asked.elapsed() < Duration::from_secs(10),
            "never asked again"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(
        claims().await,
        begun + 1,
        "a relay that is away is hammered"
    );
    let peer = come_back(port).await;
    let back = std::time::Instant::now();
    while peer.journal().len() < addresses.len() {
        assert!(
            back.elapsed() < Duration::from_secs(12),
            "people still wait"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    stop.cancel();
    working.await.unwrap().unwrap();
    assert!(states(&app).await.iter().all(|state| state == "accepted"));
    assert_in_order(&app).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_header_that_breaks_out_of_its_line_is_not_stored() {
    let peer = Peer::start().await;
    let app = newsroom(Engine::Sqlite, &peer).await;
    for (name, value) in [
        ("X-Note", "a\r\nBcc: x@example.org"),
        ("X-Note\r\nBcc", "x@example.org"),
        ("X-Note", "a\0"),
    ] {
        let bad = NewLetter {
            headers: vec![(name.to_owned(), value.to_owned())],
            ..letter(&app.core, LetterKind::Issue)
        };
        let mut tx = app.core.db.begin().await.unwrap();
        assert!(
            store::insert_letter(&mut tx, &app.core, &bad)
                .await
                .is_err(),
            "{name:?} {value:?}"
        );
    }
    // A subject becomes one line.
    let odd = NewLetter {
        subject: "Су\r\nBcc: x@example.org\0".to_owned(),
        sender_name: "Тау\nжаршысы".to_owned(),
        ..letter(&app.core, LetterKind::Issue)
    };
    plan_letter(&app, &odd, &["aigerim@example.kz".to_owned()]).await;
    drain(&app).await.unwrap();
    let text = String::from_utf8(peer.journal().remove(0).bytes).unwrap();
    assert!(!text.to_lowercase().contains("\r\nbcc"));
}

/// Python's strict policy finds no defect in what was received, and both parts name the same links.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_strict_parser_finds_no_defect() {
    let peer = Peer::start_with(Offers {
        keywords: vec!["SMTPUTF8".to_owned(), "8BITMIME".to_owned()],
        ..Offers::default()
    })
    .await;
    let app = newsroom(Engine::Sqlite, &peer).await;
    let core = &app.core;
    let long =
        "Қазақстанның барлық өңірлерінде су тасқынына дайындық жұмыстары жүріп жатыр: ".repeat(12);
    let letters = [
        letter(core, LetterKind::Issue),
        letter(core, LetterKind::Confirmation),
        NewLetter {
            subject: long.clone(),
            sender_name: "Herald, \"Tau\" <x>".to_owned(),
            ..letter(core, LetterKind::Issue)
        },
        NewLetter {
            subject: "Flood preparations =?utf-8?q?x?= and 6 more stories".to_owned(),
            sender_name: "Tau Herald".to_owned(),
            text: "From here\n.\n..\ntrailing \n\ttab\t\n=equal= and a very long line: ".to_owned()
                + &"word ".repeat(300),
            html: format!(
                "<html lang=\"en\"><body>{}</body></html>",
                "<p>café &amp; more</p>".repeat(2000)
            ),
            ..letter(core, LetterKind::Issue)
        },
    ];
    for letter in &letters {
        plan_letter(
            &app,
            letter,
            &[
                "aigerim@example.kz".to_owned(),
                "айгерім@example.kz".to_owned(),
            ],
        )
        .await;
    }
    run_sql(&app, "UPDATE delivery SET text_only = (1 = 1) WHERE id = 3").await;
    drain(&app).await.unwrap();
    let journal = peer.journal();
    assert_eq!(journal.len(), 8, "{:?}", rows(&app).await);
    let mut paths = Vec::new();
    for (i, entry) in journal.iter().enumerate() {
        let path = app.folder.path().join(format!("{i}.eml"));
        std::fs::write(&path, &entry.bytes).unwrap();
        paths.push(path);
    }
    let judge = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/smtp/judge.py");
    let said = Command::new("python3")
        .arg(judge)
        .args(&paths)
        .output()
        .unwrap();
    assert!(
        said.status.success(),
        "{}{}",
        String::from_utf8_lossy(&said.stdout),
        String::from_utf8_lossy(&said.stderr)
    );
    // The judge can say no.
    let broken = app.folder.path().join("broken.eml");
    std::fs::write(&broken, b"Subject: a\r\nnonsense\r\n\r\nx\r\n").unwrap();
    assert!(
        !Command::new("python3")
            .arg(judge)
            .arg(&broken)
            .status()
            .unwrap()
            .success()
    );
}
