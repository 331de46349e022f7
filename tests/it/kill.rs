//! `kill -9` in the middle of a delivery: nobody is lost, and a message repeats only if its dot was written and no reply kept.
//!
//! The real binary (`JARSHY_BIN`, else the one cargo built) delivers to a peer that writes down and fsyncs what it accepted
//! before it replies. `JARSHY_KILL_DELIVERIES`, `JARSHY_KILLS` and `JARSHY_KILL_SEED` scale it: `tests/load/kill.sh`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use jarshy::base::language::Language;
use jarshy::base::token::Purpose;
use jarshy::delivery::store;
use jarshy::delivery::{LetterKind, NewDelivery, NewLetter};
use jarshy::on_db;
use tokio::process::{Child, Command};

use crate::both_engines;
use crate::support::smtp::{Act, At, Offers, Peer};
use crate::support::{Chance, Engine, NEWSROOM, SECRETS, TestApp};

both_engines!(
    nobody_is_lost_and_nobody_is_mailed_twice_by_a_kill,
    a_told_deliver_finishes_what_is_in_flight,
);

const CONNECTIONS: usize = 8;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

/// Plans one letter for `people`, straight through the journal's store.
async fn plan(app: &TestApp, people: usize) {
    let core = &app.core;
    let leave = Purpose::Unsubscribe.placeholder();
    let story = "Су тасқынына дайындық басталды: ауыл тұрғындарына нұсқау берілді. ".repeat(40);
    let letter = NewLetter {
        kind: LetterKind::Issue,
        scope: None,
        language: Language::parse("kk").unwrap(),
        sender_name: "Тау жаршысы".to_owned(),
        sender_address: "digest@news.example.kz".to_owned(),
        reply_to: None,
        subject: "Су тасқынына дайындық басталды".to_owned(),
        html: format!(
            "<html lang=\"kk\"><body><p>{story}</p><a href=\"https://news.example.kz/unsubscribe/{leave}\">Бас тарту</a></body></html>"
        ),
        text: format!("{story}\nhttps://news.example.kz/unsubscribe/{leave}\n"),
        headers: Vec::new(),
        dated_at: core.clock.now(),
        resend_uncertain: true,
    };
    let mut tx = core.db.begin().await.unwrap();
    let lane_id = store::ensure_lane(&mut tx, "main", "other").await.unwrap();
    let letter_id = store::insert_letter(&mut tx, core, &letter).await.unwrap();
    let rows: Vec<NewDelivery> = (0..people)
        .map(|n| {
            let address = format!("reader{n}@example.kz");
            NewDelivery {
                letter_id,
                batch: None,
                recipient_id: n as i64 + 1,
                recipient_uid: format!("0194f5b6-7c1e-4a3b-9a55-{n:012}"),
                recipient_epoch: 0,
                address_hash: core.keys.address_hash(&address),
                address,
                lane_id,
                priority: 5,
                text_only: false,
                due_at: core.clock.now(),
                expires_at: None,
            }
        })
        .collect();
    store::insert_deliveries(&mut tx, core.clock.now(), &rows)
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

struct Service {
    binary: PathBuf,
    config: PathBuf,
    log: PathBuf,
}

impl Service {
    /// The binary, with that database and that relay, and so many seconds for the dot's answer.
    fn new(app: &TestApp, peer: &Peer, dot_deadline: u64) -> Self {
        let config = app.folder.path().join("jarshy.toml");
        let settings = format!(
            "{NEWSROOM}{SECRETS}[database]\nurl = \"{}\"\n[mail]\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none\"\n\
             ehlo_name = \"mail.news.example.kz\"\nbounce_domain = \"bounce.news.example.kz\"\n\
             [delivery]\nconnections = {CONNECTIONS}\nlease_secs = 2\nrenew_secs = 1\nresend_wait_secs = {}\n\
             dot_deadline_secs = {dot_deadline}\n",
            app.database_url,
            peer.port,
            dot_deadline + 3,
        );
        std::fs::write(&config, settings).unwrap();
        Self {
            binary: std::env::var_os("JARSHY_BIN").map_or_else(
                || PathBuf::from(env!("CARGO_BIN_EXE_jarshy")),
                PathBuf::from,
            ),
            config,
            log: app.folder.path().join("service.log"),
        }
    }

    fn command(&self) -> Command {
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(&self.log)
            .unwrap();
        let mut command = Command::new(&self.binary);
        command
            .arg("--config")
            .arg(&self.config)
            .env_remove("RUST_LOG")
            .stdin(Stdio::null())
            .stderr(log)
            .kill_on_drop(true);
        command
    }

    fn serve(&self) -> Child {
        self.command()
            .args(["serve", "--role", "worker"])
            .stdout(Stdio::null())
            .spawn()
            .unwrap()
    }

    fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

async fn until(what: &str, service: &Service, mut is_true: impl AsyncFnMut() -> bool) {
    for _ in 0..12_000 {
        if is_true().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("not within two minutes: {what}\n{}", service.said());
}

async fn nobody_is_lost_and_nobody_is_mailed_twice_by_a_kill(engine: Engine) {
    let people = number("JARSHY_KILL_DELIVERIES", 240) as usize;
    let kills = number("JARSHY_KILLS", 3) as usize;
    let mut chance = Chance::new(number("JARSHY_KILL_SEED", 20_260_228));

    let app = TestApp::spawn(engine).await;
    // Long ago, so that everything is due by the machine's clock, which the binary goes by.
    app.set_time("2020-01-01T00:00:00Z");
    let peer = Peer::start_with(Offers {
        keywords: vec!["PIPELINING".to_owned()],
        journal: Some(app.folder.path().join("peer.journal")),
        ..Offers::default()
    })
    .await;
    let service = Service::new(&app, &peer, 2);
    plan(&app, people).await;

    for kill in 0..kills {
        let mut child = service.serve();
        // Somewhere in its share of the work, and at any point of a conversation.
        let share = people / (kills + 1);
        let moment = share * kill + 1 + chance.below(share as u64) as usize;
        until("the next kill", &service, async || {
            assert!(
                child.try_wait().unwrap().is_none(),
                "the service ended by itself\n{}",
                service.said()
            );
            peer.journal().len() >= moment
        })
        .await;
        tokio::time::sleep(Duration::from_micros(chance.below(20_000))).await;
        child.kill().await.unwrap();
        let committing: i64 = on_db!(&app.core.db, c => sqlx::query_scalar(
            "SELECT COUNT(*) FROM delivery WHERE state = 'committing' AND worker_id = (SELECT MAX(id) FROM worker)").fetch_one(c).await)
        .unwrap();
        assert!(
            committing <= CONNECTIONS as i64,
            "{committing} dots were under way over {CONNECTIONS} connections"
        );
    }

    let mut child = service.serve();
    until("everyone is served", &service, async || {
        assert!(
            child.try_wait().unwrap().is_none(),
            "the service ended by itself\n{}",
            service.said()
        );
        store::get_total_sums(&app.core.db).await.unwrap().open == 0
    })
    .await;
    // SIGTERM: it ends cleanly.
    let pid = child.id().unwrap().to_string();
    let told = Command::new("kill").arg(&pid).status().await.unwrap();
    assert!(told.success());
    let ended = tokio::time::timeout(Duration::from_secs(30), child.wait()).await;
    assert!(
        ended.expect("the service did not stop").unwrap().success(),
        "{}",
        service.said()
    );

    let sums = store::get_total_sums(&app.core.db).await.unwrap();
    assert_eq!(
        (sums.accepted, sums.planned),
        (people as i64, people as i64),
        "{sums:?}"
    );
    let mut copies: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for entry in peer.journal() {
        copies
            .entry(entry.to)
            .or_default()
            .push((entry.message_id, entry.sha256));
    }
    assert_eq!(copies.len(), people, "somebody was lost");
    let uncertain: Vec<(Option<String>, i64)> = on_db!(&app.core.db, c => sqlx::query_as(
        "SELECT address, uncertain_count FROM delivery WHERE uncertain_count > 0").fetch_all(c).await)
    .unwrap();
    let uncertain: BTreeMap<String, i64> = uncertain
        .into_iter()
        .map(|(address, count)| (address.unwrap(), count))
        .collect();
    let mut repeats = 0;
    for (to, received) in &copies {
        let again = received.len() - 1;
        assert!(
            again as i64 <= uncertain.get(to).copied().unwrap_or(0),
            "{to} has {received:?}"
        );
        assert!(
            received.iter().all(|copy| *copy == received[0]),
            "a repeat has other bytes: {received:?}"
        );
        repeats += again;
    }
    assert!(
        repeats <= CONNECTIONS * kills,
        "{repeats} repeats after {kills} kills"
    );
    eprintln!(
        "{people} deliveries, {kills} kills, {} uncertain, {repeats} repeated",
        uncertain.len()
    );

    let verified = service
        .command()
        .args(["verify", "--json"])
        .stdout(Stdio::piped())
        .output()
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&verified.stdout).into_owned();
    assert!(verified.status.success(), "{said}{}", service.said());
    let object: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(object["adds_up"], true, "{said}");
    assert_eq!(object["accepted"], people as i64, "{said}");
    // The peer's own file, fsynced before each reply, says the same as its memory.
    let journal = std::fs::read_to_string(app.folder.path().join("peer.journal")).unwrap();
    assert_eq!(journal.lines().count(), people + repeats);
}

async fn a_told_deliver_finishes_what_is_in_flight(engine: Engine) {
    const PEOPLE: usize = 60;
    const FIRST: usize = 30;
    // One connection is kept for those whom a person waits for, and one for other lanes.
    const SENT: usize = FIRST + CONNECTIONS - 2;
    for signal in ["-TERM", "-INT"] {
        let app = TestApp::spawn(engine).await;
        app.set_time("2020-01-01T00:00:00Z");
        let peer = Peer::start().await;
        // After the first ones, which give the lane its pace, the reply to the dots comes when the gate opens.
        let dots = AtomicUsize::new(0);
        peer.decide(Box::new(move |at, _, _| {
            (at == At::Dot && dots.fetch_add(1, Ordering::SeqCst) >= FIRST).then_some(Act::Wait)
        }));
        let service = Service::new(&app, &peer, 60);
        plan(&app, PEOPLE).await;
        let mut child = service
            .command()
            .arg("deliver")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        until("every dot waits", &service, async || {
            peer.journal().len() == SENT
        })
        .await;
        let pid = child.id().unwrap().to_string();
        let told = Command::new("kill").args([signal, &pid]).status().await;
        assert!(told.unwrap().success());
        until("it hears", &service, async || {
            assert!(
                child.try_wait().unwrap().is_none(),
                "{signal} ended it with a dot unanswered\n{}",
                service.said()
            );
            service
                .said()
                .contains("what is in flight is finished first")
        })
        .await;
        peer.open_gate();
        let ended = tokio::time::timeout(Duration::from_secs(30), child.wait()).await;
        let status = ended.expect("it did not stop").unwrap();
        assert_eq!(status.code(), Some(1), "{}", service.said());
        assert!(service.said().contains("this run was stopped"));
        let sums = store::get_total_sums(&app.core.db).await.unwrap();
        assert_eq!(sums.accepted as usize, SENT, "{sums:?}");
        assert_eq!(peer.journal().len(), SENT);
        // Nothing is in doubt, and nobody has to declare it dead first.
        let left: i64 = on_db!(&app.core.db, c => sqlx::query_scalar(
            "SELECT (SELECT COUNT(*) FROM delivery WHERE state IN ('leased', 'committing', 'uncertain')) \
             + (SELECT COUNT(*) FROM worker WHERE ended_at IS NULL)").fetch_one(c).await)
        .unwrap();
        assert_eq!(left, 0, "{}", service.said());
    }
}
