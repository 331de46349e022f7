//! Stories of pacing: each provider is sent to as fast as it takes it, and none waits for another.

use std::time::Duration;

use jarshy::delivery::LetterKind;
use jarshy::on_db;

use crate::both_engines;
use crate::delivery::{
    assert_in_order, count, drain, draining, later, letter, plan, plan_letter, rows, settings,
    states,
};
use crate::support::smtp::{Act, At, Peer};
use crate::support::{Chance, Engine, TestApp};

both_engines!(
    one_slow_domain_never_delays_another,
    a_greylisted_domain_never_delays_another,
    a_provider_gets_no_more_at_once_than_its_lane_says,
    a_provider_that_complains_is_sent_to_more_slowly,
    a_policy_refusal_stops_its_lane_and_suppresses_nobody,
    dots_without_a_reply_stop_their_lane_for_every_worker,
    a_confirmation_never_waits_behind_digests,
    small_issues_do_not_wait_for_large_ones,
    a_domain_that_the_settings_move_takes_its_new_lane,
    whatever_a_provider_says_in_between_everybody_is_reached,
);

fn people(domain: &str, many: usize) -> Vec<String> {
    (0..many).map(|n| format!("reader{n}@{domain}")).collect()
}

/// A newsroom with so many connections and these lanes, and a peer that may take its time.
async fn paced(engine: Engine, peer: &Peer, connections: usize, lanes: &str) -> TestApp {
    let text = settings(peer, "")
        .replace("_deadline_secs = 1", "_deadline_secs = 30")
        .replace("connections = 2", &format!("connections = {connections}"));
    TestApp::spawn_with(engine, &format!("{text}{lanes}")).await
}

async fn plan_issue(app: &TestApp, addresses: &[String]) -> i64 {
    plan_letter(app, &letter(&app.core, LetterKind::Issue), addresses).await
}

#[derive(Debug, PartialEq, Eq, sqlx::FromRow)]
struct Lane {
    provider: String,
    concurrency: i64,
    paused_until: Option<i64>,
    class: Option<String>,
    reason: Option<String>,
    pauses: i64,
}

async fn lanes(app: &TestApp) -> Vec<Lane> {
    on_db!(&app.core.db, c => sqlx::query_as(
        "SELECT provider, concurrency, paused_until, class, reason, pauses FROM lane ORDER BY id").fetch_all(c).await)
    .unwrap()
}

async fn lane(app: &TestApp, provider: &str) -> Lane {
    lanes(app)
        .await
        .into_iter()
        .find(|lane| lane.provider == provider)
        .unwrap_or_else(|| panic!("there is no lane {provider}"))
}

fn arrived(peer: &Peer, domain: &str) -> usize {
    let end = format!("@{domain}");
    peer.journal()
        .iter()
        .filter(|e| e.to.ends_with(&end))
        .count()
}

async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    for _ in 0..6000 {
        if is_so().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("never: {what}");
}

/// All conversations with one domain hang, and it stands first in the queue, with more rows than are ever claimed at once: the
/// others go on, and so does a domain that comes later. T8: nothing is dropped for having to wait.
async fn one_slow_domain_never_delays_another(engine: Engine) {
    let peer = Peer::start().await;
    let app = paced(engine, &peer, 4, "").await;
    peer.script_for("@slow.example.org", At::Rcpt, Act::Wait, 1000);
    plan_issue(&app, &people("slow.example.org", 80)).await;
    plan_issue(&app, &people("example.kz", 30)).await;
    let working = draining(&app);
    until("the others are served", async || {
        arrived(&peer, "example.kz") == 30
    })
    .await;
    assert_eq!(arrived(&peer, "slow.example.org"), 0);
    plan_issue(&app, &people("example.net", 10)).await;
    until("whoever comes later is served", async || {
        arrived(&peer, "example.net") == 10
    })
    .await;
    assert!(!working.is_finished());
    // The slow one has a lane of its own, so that its rows do not stand before the others' again.
    until("it has its own lane", async || {
        lanes(&app)
            .await
            .iter()
            .any(|l| l.provider == "slow.example.org")
    })
    .await;
    peer.behave();
    while !working.is_finished() {
        peer.open_gate();
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    working.await.unwrap().unwrap();
    assert_eq!(arrived(&peer, "slow.example.org"), 80);
    assert!(states(&app).await.iter().all(|state| state == "accepted"));
    // A digest that is planned later is put there at once.
    plan_issue(&app, &people("slow.example.org", 5)).await;
    drain(&app).await.unwrap();
    let elsewhere = count(
        &app,
        "SELECT COUNT(*) FROM delivery d JOIN lane l ON l.id = d.lane_id \
         WHERE d.letter_id = (SELECT MAX(id) FROM letter) AND l.provider = 'other'",
    )
    .await;
    assert_eq!((arrived(&peer, "slow.example.org"), elsewhere), (85, 0));
    assert_in_order(&app).await;
}

async fn a_greylisted_domain_never_delays_another(engine: Engine) {
    let peer = Peer::start().await;
    let app = paced(engine, &peer, 4, "").await;
    let greylisted = Act::say("451 4.7.1 greylisted, please come back");
    peer.script_for("@grey.example.org", At::Rcpt, greylisted, 60);
    plan_issue(&app, &people("grey.example.org", 60)).await;
    plan_issue(&app, &people("example.kz", 30)).await;
    drain(&app).await.unwrap();
    assert_eq!(arrived(&peer, "example.kz"), 30);
    // Everybody of it was asked once, and nobody twice: greylisting never stops a lane.
    assert!(
        rows(&app)
            .await
            .iter()
            .filter(|row| row.state != "accepted")
            .all(|row| row.refusals == 1 && row.code == Some(451))
    );
    later(&app, 301);
    drain(&app).await.unwrap();
    assert_eq!(arrived(&peer, "grey.example.org"), 60);
    assert_in_order(&app).await;
}

async fn a_provider_gets_no_more_at_once_than_its_lane_says(engine: Engine) {
    let peer = Peer::start().await;
    let lanes = "[delivery.lanes.mailru]\ndomains = [\"mail.example.kz\"]\nper_minute = 0\n";
    let app = paced(engine, &peer, 8, lanes).await;
    // The rows stand in the lane of everybody else: the settings are newer than the people.
    plan_issue(&app, &people("mail.example.kz", 60)).await;
    plan_issue(&app, &people("example.kz", 60)).await;
    drain(&app).await.unwrap();
    assert_eq!(peer.journal().len(), 120);
    let most = peer.most_at_once("mail.example.kz");
    assert!(most <= 2, "{most} at once");
    assert!(
        peer.most_at_once("example.kz") <= 6,
        "room is left for others"
    );
    assert_eq!(lane(&app, "mailru").await.concurrency, 2);
    assert_in_order(&app).await;
}

/// The peer takes two at once and says 421 to a third: the lane is halved, rests where that is not enough, and everybody is served.
async fn a_provider_that_complains_is_sent_to_more_slowly(engine: Engine) {
    let peer = Peer::start().await;
    let app = paced(engine, &peer, 8, "").await;
    plan_issue(&app, &people("example.kz", 60)).await;
    drain(&app).await.unwrap();
    assert!(peer.most_at_once("example.kz") > 2, "it grew");
    peer.limit("example.kz", 2);
    plan_issue(&app, &people("example.kz", 120)).await;
    let mut rounds = 0;
    while states(&app).await.iter().any(|state| state != "accepted") {
        drain(&app).await.unwrap();
        later(&app, 400);
        rounds += 1;
        assert!(rounds < 60, "{:?}", lanes(&app).await);
    }
    assert_eq!(arrived(&peer, "example.kz"), 180);
    // Nobody was asked so often that it is a storm.
    let asked: i64 = rows(&app).await.iter().map(|row| row.refusals).sum();
    assert!(asked < 60, "{asked} refusals for 120 people");
    assert_in_order(&app).await;
}

async fn a_policy_refusal_stops_its_lane_and_suppresses_nobody(engine: Engine) {
    let peer = Peer::start().await;
    let lanes = "[delivery.lanes.microsoft]\ndomains = [\"live.example.org\"]\n";
    let app = paced(engine, &peer, 4, lanes).await;
    let no = Act::say("550 5.7.515 access denied for reader0@live.example.org, see your records");
    peer.script_for("@live.example.org", At::Rcpt, no.clone(), 1000);
    peer.script_for("@strict.example.org", At::Dot, no, 1000);
    plan_issue(&app, &people("live.example.org", 30)).await;
    plan_issue(&app, &people("strict.example.org", 30)).await;
    plan_issue(&app, &people("example.kz", 30)).await;
    drain(&app).await.unwrap();
    assert_eq!(arrived(&peer, "example.kz"), 30);
    let failed = rows(&app)
        .await
        .iter()
        .filter(|row| row.state == "failed")
        .count();
    assert!((2..=6).contains(&failed), "{failed} people paid for it");
    assert_eq!(count(&app, "SELECT COUNT(*) FROM suppression").await, 0);
    // It is kept, and seen; the words name nobody. Of those who share a lane only that domain stops.
    let now = app.core.clock.now();
    for provider in ["microsoft", "strict.example.org"] {
        let lane = lane(&app, provider).await;
        assert_eq!(lane.class.as_deref(), Some("policy"), "{lane:?}");
        assert_eq!(lane.paused_until, Some(now.plus_secs(60).as_millis()));
        assert_eq!(
            lane.reason.as_deref(),
            Some("550 5.7.515 access denied for … see your records")
        );
        assert_eq!((lane.concurrency, lane.pauses), (1, 1));
    }
    assert_eq!(lane(&app, "other").await.paused_until, None);
    // Not before the rest is over; then one message asks, and the next rest is longer.
    later(&app, 59);
    drain(&app).await.unwrap();
    let after =
        |rows: Vec<crate::delivery::Row>| rows.iter().filter(|r| r.state == "failed").count();
    assert_eq!(after(rows(&app).await), failed);
    later(&app, 2);
    drain(&app).await.unwrap();
    assert_eq!(after(rows(&app).await), failed + 2);
    assert_eq!(lane(&app, "microsoft").await.pauses, 2);
    peer.behave();
    later(&app, 121);
    drain(&app).await.unwrap();
    let missing = states(&app).await.iter().filter(|s| *s == "queued").count();
    assert_eq!((missing, lane(&app, "microsoft").await.pauses), (0, 0));
    assert_in_order(&app).await;
}

/// REQUIREMENTS-EMAIL section 2, rule 7: after three dots in a row without a reply nobody asks that provider, whoever starts.
async fn dots_without_a_reply_stop_their_lane_for_every_worker(engine: Engine) {
    let peer = Peer::start().await;
    let app = paced(engine, &peer, 2, "").await;
    peer.script_for("@lost.example.org", At::Dot, Act::take(Act::Close), 1000);
    plan_issue(&app, &people("lost.example.org", 20)).await;
    plan_issue(&app, &people("example.kz", 20)).await;
    for _ in 0..3 {
        drain(&app).await.unwrap();
    }
    assert_eq!(arrived(&peer, "example.kz"), 20);
    assert_eq!(arrived(&peer, "lost.example.org"), 3);
    let rest = lane(&app, "lost.example.org").await;
    assert_eq!(rest.class.as_deref(), Some("uncertain"));
    let uncertain = states(&app)
        .await
        .iter()
        .filter(|s| *s == "uncertain")
        .count();
    assert_eq!(uncertain, 3);
    peer.behave();
    later(&app, 301);
    drain(&app).await.unwrap();
    later(&app, 901);
    drain(&app).await.unwrap();
    assert!(states(&app).await.iter().all(|state| state == "accepted"));
    assert_eq!(arrived(&peer, "lost.example.org"), 20 + 3);
    assert_in_order(&app).await;
}

/// Every connection that a digest may have hangs at its dot, in the very lane that the confirmation takes.
async fn a_confirmation_never_waits_behind_digests(engine: Engine) {
    let peer = Peer::start().await;
    let app = paced(engine, &peer, 4, "").await;
    for reader in people("example.kz", 200) {
        peer.script_for(&reader, At::Dot, Act::Wait, 9);
    }
    plan_issue(&app, &people("example.kz", 200)).await;
    let working = draining(&app);
    until("the digests hang", async || peer.journal().len() >= 2).await;
    let waiting = [
        "waiting@example.kz".to_owned(),
        "other@example.net".to_owned(),
    ];
    plan_letter(&app, &letter(&app.core, LetterKind::Confirmation), &waiting).await;
    until("the confirmations are there", async || {
        let journal = peer.journal();
        waiting.iter().all(|to| journal.iter().any(|e| e.to == *to))
    })
    .await;
    let digests = peer.journal().len() - 2;
    assert!(digests < 10, "{digests} digests went first");
    while !working.is_finished() {
        peer.open_gate();
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    working.await.unwrap().unwrap();
    assert!(states(&app).await.iter().all(|state| state == "accepted"));
    assert_in_order(&app).await;
}

async fn small_issues_do_not_wait_for_large_ones(engine: Engine) {
    let peer = Peer::start().await;
    let app = paced(engine, &peer, 1, "").await;
    plan_issue(&app, &people("example.kz", 300)).await;
    plan_issue(&app, &people("small.example.net", 12)).await;
    // Due later than all of the others, and of another day.
    later(&app, 60);
    plan_issue(&app, &people("late.example.net", 12)).await;
    drain(&app).await.unwrap();
    let to: Vec<String> = peer.journal().into_iter().map(|e| e.to).collect();
    assert_eq!(to.len(), 324);
    for domain in ["small.example.net", "late.example.net"] {
        let last = to.iter().rposition(|to| to.ends_with(domain)).unwrap();
        assert!(last < 80, "the last of {domain} was number {last}");
    }
    assert_in_order(&app).await;
}

async fn a_domain_that_the_settings_move_takes_its_new_lane(engine: Engine) {
    let peer = Peer::start().await;
    let lanes = "[delivery.lanes.ours]\ndomains = [\"example.kz\"]\nconcurrency = 1\n";
    let app = paced(engine, &peer, 4, lanes).await;
    plan(&app, &["a@example.kz", "b@Example.KZ", "c@example.net"]).await;
    drain(&app).await.unwrap();
    assert!(states(&app).await.iter().all(|state| state == "accepted"));
    let ours = count(
        &app,
        "SELECT COUNT(*) FROM delivery d JOIN lane l ON l.id = d.lane_id WHERE l.provider = 'ours'",
    )
    .await;
    assert_eq!((ours, peer.most_at_once("example.kz")), (2, 1));
    assert_in_order(&app).await;
}

/// T9: 421, 450, 451, 452 and 454 at random, at every stage: back-off, and full delivery. T5: who failed is tried again, whoever comes
/// behind.
async fn whatever_a_provider_says_in_between_everybody_is_reached(engine: Engine) {
    const PEOPLE: usize = 90;
    let replies = [
        "421 4.7.0 try again later",
        "450 4.2.0 busy",
        "451 4.3.0 trouble",
        "452 4.2.2 full",
        "454 4.7.0 throttled",
    ];
    let peer = Peer::start().await;
    let app = paced(engine, &peer, 4, "").await;
    let chance = std::sync::Mutex::new(Chance::new(9));
    peer.decide(Box::new(move |at, _, _| {
        let mut chance = chance.lock().unwrap();
        let is_there = matches!(at, At::Rcpt | At::Data | At::Dot);
        (is_there && chance.below(7) == 0).then(|| Act::say(replies[chance.index(replies.len())]))
    }));
    for domain in ["example.kz", "example.net", "example.org"] {
        plan_issue(&app, &people(domain, PEOPLE / 3)).await;
    }
    let mut rounds = 0;
    while states(&app).await.iter().any(|state| state != "accepted") {
        let _ = drain(&app).await;
        later(&app, 7201);
        rounds += 1;
        assert!(rounds < 80, "{:?}", states(&app).await);
    }
    let mut to: Vec<String> = peer.journal().into_iter().map(|e| e.to).collect();
    to.sort();
    to.dedup();
    assert_eq!(
        (to.len(), peer.journal().len()),
        (PEOPLE, PEOPLE),
        "nobody lost, nobody twice"
    );
    assert_in_order(&app).await;
}
