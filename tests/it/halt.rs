//! Hold, release and cancel: the operator's word about mail under way (PRODUCT M4), and that the sum stays whole.

use jarshy::delivery::store::get_total_sums;
use jarshy::delivery::{self, Sums};
use jarshy::digest::{self, Halt};
use jarshy::on_db;
use tokio_util::sync::CancellationToken;

use crate::both_engines;
use crate::support::desk::{Desk, PLAIN, relay, wishes};
use crate::support::smtp::{Act, At, Peer};
use crate::support::{Engine, told};

both_engines!(
    m4_cancel_stops_a_running_send_and_the_sum_is_accepted_and_cancelled,
    m4_a_dot_that_is_written_when_cancel_comes_still_counts_as_accepted,
    a_cancelled_issue_reaches_nobody_who_is_planned_later,
    a_held_issue_waits_for_its_release,
    a_held_issue_past_its_time_expires_and_adds_up,
    a_date_that_is_held_is_not_planned_and_loses_nothing,
    a_run_is_held_and_cancelled_as_a_whole,
    an_issue_that_is_held_twice_or_named_badly,
);

const ALMATY: &str = "Asia/Almaty";
const MORNING: &str = "2026-02-28T08:00:00+05:00";
const FLOOD: &str = "В области начали готовиться к паводку";
const BRIDGE: &str = "Мост через Есиль закроют на ремонт";

fn reader(n: usize) -> String {
    format!("r{n}@example.org")
}

async fn subscribe(desk: &Desk, people: usize) {
    for n in 0..people {
        desk.subscribe(&reader(n), wishes(&["ru"], ALMATY)).await;
    }
}

async fn issue(desk: &Desk) -> Halt {
    let uid: String = on_db!(&desk.core().db, c => sqlx::query_scalar("SELECT uid FROM issue ORDER BY id DESC LIMIT 1")
        .fetch_one(c).await)
    .unwrap();
    Halt::Issue(uid)
}

async fn sums(desk: &Desk) -> Sums {
    let sums = get_total_sums(&desk.core().db).await.unwrap();
    assert!(sums.adds_up());
    sums
}

/// Sends in the background until nothing is left.
fn send(desk: &Desk) -> tokio::task::JoinHandle<()> {
    let core = desk.core().clone();
    tokio::spawn(async move {
        delivery::drain(&core, &CancellationToken::new())
            .await
            .unwrap();
    })
}

/// The classes of the rows in a state.
async fn classes(desk: &Desk, state: &str) -> Vec<Option<String>> {
    on_db!(&desk.core().db, c => sqlx::query_scalar("SELECT DISTINCT class FROM delivery WHERE state = $1")
        .bind(state).fetch_all(c).await)
    .unwrap()
}

async fn m4_cancel_stops_a_running_send_and_the_sum_is_accepted_and_cancelled(engine: Engine) {
    let peer = Peer::start().await;
    let desk = Desk::with_relay(engine, &peer).await;
    subscribe(&desk, 10).await;
    desk.publish("ru", FLOOD).await;
    desk.at(MORNING).await;
    // The relay is slow with the fifth: everything before its DATA has been said.
    peer.script_for(&reader(4), At::Data, Act::Wait, 1);
    let sending = send(&desk);
    peer.heard(&format!("RCPT TO:<{}>", reader(4))).await;
    peer.heard("DATA").await;
    let done = digest::cancel(desk.core(), &issue(&desk).await)
        .await
        .unwrap();
    assert_eq!(done[0].moved, 6, "{done:?}");
    peer.open_gate();
    sending.await.unwrap();
    assert_eq!(peer.journal().len(), 4, "no dot after the word");
    assert_eq!(
        sums(&desk).await,
        Sums {
            planned: 10,
            accepted: 4,
            cancelled: 6,
            ..Sums::default()
        }
    );
    assert_eq!(
        classes(&desk, "cancelled").await,
        [Some("stopped".to_owned())]
    );
    desk.agrees().await;
    let verify = told(&desk.app.jarshy(&relay(peer.port, PLAIN), &["verify"]));
    assert!(
        verify.contains("cancelled by the operator: 4 were sent it, 6 will not get it\n"),
        "{verify}"
    );
    assert!(verify.contains("nobody lost, nobody twice"), "{verify}");
    // Said again it changes nothing, and the next run has only what is new.
    assert_eq!(
        digest::cancel(desk.core(), &issue(&desk).await)
            .await
            .unwrap()[0]
            .moved,
        0
    );
    desk.publish("ru", BRIDGE).await;
    desk.at("2026-03-01T08:00:00+05:00").await;
    assert_eq!(
        desk.digests(&reader(9)).await.last().unwrap().titles,
        [BRIDGE]
    );
}

async fn m4_a_dot_that_is_written_when_cancel_comes_still_counts_as_accepted(engine: Engine) {
    let peer = Peer::start().await;
    let desk = Desk::with_relay(engine, &peer).await;
    subscribe(&desk, 6).await;
    desk.publish("ru", FLOOD).await;
    desk.at(MORNING).await;
    peer.script_for(&reader(2), At::Dot, Act::Wait, 1);
    let sending = send(&desk);
    for _ in 0..2000 {
        if peer.journal().len() == 3 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let words = told(&desk.app.jarshy(
        &relay(peer.port, PLAIN),
        &["digest", "cancel", &uid_of(&issue(&desk).await)[..8]],
    ));
    assert!(
        words.contains(
            "2 readers have it; 3 will not get it; 1 is at the relay at this moment, `jarshy verify` tells how that ends"
        ),
        "{words}"
    );
    peer.open_gate();
    sending.await.unwrap();
    assert_eq!(
        sums(&desk).await,
        Sums {
            planned: 6,
            accepted: 3,
            cancelled: 3,
            ..Sums::default()
        }
    );
    desk.agrees().await;
}

fn uid_of(what: &Halt) -> String {
    match what {
        Halt::Issue(uid) => uid.clone(),
        Halt::Run(_) => unreachable!(),
    }
}

async fn a_cancelled_issue_reaches_nobody_who_is_planned_later(engine: Engine) {
    let desk = Desk::open(engine).await;
    desk.subscribe("a@example.org", wishes(&["ru"], ALMATY))
        .await;
    desk.subscribe("b@example.org", wishes(&["ru"], "Europe/Berlin"))
        .await;
    desk.publish("ru", FLOOD).await;
    desk.at(MORNING).await;
    digest::cancel(desk.core(), &issue(&desk).await)
        .await
        .unwrap();
    // Four hours later another zone asks for the same issue.
    desk.at("2026-02-28T08:00:00+01:00").await;
    let late = desk.digests("b@example.org").await.remove(0);
    assert_eq!(late.state, "cancelled");
    assert_eq!(
        classes(&desk, "cancelled").await,
        [Some("stopped".to_owned())]
    );
    assert_eq!(
        sums(&desk).await,
        Sums {
            planned: 2,
            cancelled: 2,
            ..Sums::default()
        }
    );
    desk.agrees().await;
    let error = digest::release(desk.core(), &issue(&desk).await)
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("that issue is cancelled"), "{error}");
}

async fn a_held_issue_waits_for_its_release(engine: Engine) {
    let peer = Peer::start().await;
    let desk = Desk::with_relay(engine, &peer).await;
    subscribe(&desk, 3).await;
    desk.publish("ru", FLOOD).await;
    desk.at(MORNING).await;
    let held = digest::hold(desk.core(), &issue(&desk).await)
        .await
        .unwrap();
    assert_eq!((held[0].moved, held[0].sums.held), (3, 3));
    send(&desk).await.unwrap();
    assert!(peer.journal().is_empty());
    let verify = told(&desk.app.jarshy(&relay(peer.port, PLAIN), &["verify"]));
    let name = &held[0].uid[..8];
    assert!(
        verify.contains(&format!(
            "held: 3 wait for `jarshy digest release {name}`\n"
        )),
        "{verify}"
    );
    let at = "2026-02-28T09:00:00+05:00";
    let words = told(&desk.app.jarshy(
        &relay(peer.port, PLAIN),
        &["digest", "release", name, "--at", at],
    ));
    assert!(
        words.contains("0 readers have it; 3 are under way"),
        "{words}"
    );
    send(&desk).await.unwrap();
    assert_eq!(peer.journal().len(), 3);
    assert_eq!(sums(&desk).await.accepted, 3);
    desk.agrees().await;
}

async fn a_held_issue_past_its_time_expires_and_adds_up(engine: Engine) {
    let desk = Desk::open(engine).await;
    subscribe(&desk, 2).await;
    desk.publish("ru", FLOOD).await;
    desk.at(MORNING).await;
    digest::hold(desk.core(), &issue(&desk).await)
        .await
        .unwrap();
    desk.app.set_time("2026-02-28T20:00:00+05:00");
    let released = digest::release(desk.core(), &issue(&desk).await)
        .await
        .unwrap();
    assert_eq!(released[0].sums.expired, 2);
    assert_eq!(
        sums(&desk).await,
        Sums {
            planned: 2,
            expired: 2,
            ..Sums::default()
        }
    );
    desk.agrees().await;
}

async fn a_date_that_is_held_is_not_planned_and_loses_nothing(engine: Engine) {
    let desk = Desk::open(engine).await;
    subscribe(&desk, 2).await;
    desk.subscribe("b@example.org", wishes(&["ru"], "Europe/Berlin"))
        .await;
    desk.publish("ru", FLOOD).await;
    let hold = ["digest", "hold", "--date", "2026-02-28"];
    let words = told(&desk.app.jarshy("", &hold));
    assert!(
        words.contains("held: no digest of \"daily\" for 2026-02-28 is planned before"),
        "{words}"
    );
    assert!(told(&desk.app.jarshy("", &hold)).contains("is held already"));

    // The hour comes: the window is frozen, nobody is planned.
    assert!(desk.at(MORNING).await.is_empty());
    assert_eq!(sums(&desk).await, Sums::default());
    let plan = told(&desk.app.jarshy("", &["digest", "plan", "--at", MORNING]));
    assert!(
        plan.contains("of 2026-02-28 (daily, Asia/Almaty) is held:"),
        "{plan}"
    );
    // What comes after the window was frozen is for the next one, also when the run is let go later.
    desk.publish("ru", BRIDGE).await;
    let release = ["digest", "release", "--date", "2026-02-28"];
    told(&desk.app.jarshy("", &release));
    desk.at("2026-02-28T09:30:00+05:00").await;
    assert_eq!(
        desk.read(&reader(0)).await,
        [("2026-02-28".to_owned(), vec![FLOOD.to_owned()])]
    );

    // Held past its time: the run is cut, and the stories come with the next digest.
    told(
        &desk
            .app
            .jarshy("", &["digest", "hold", "--date", "2026-03-01"]),
    );
    desk.at("2026-03-01T08:00:00+05:00").await;
    desk.at("2026-03-01T15:00:00+05:00").await;
    assert_eq!(desk.digests(&reader(0)).await.len(), 1);
    desk.at("2026-03-02T08:00:00+05:00").await;
    assert_eq!(
        desk.read(&reader(0)).await[1..],
        [("2026-03-02".to_owned(), vec![BRIDGE.to_owned()])]
    );
    assert!(
        desk.runs()
            .await
            .contains(&("2026-03-01".to_owned(), "cut".to_owned()))
    );
    desk.agrees().await;
}

async fn a_run_is_held_and_cancelled_as_a_whole(engine: Engine) {
    let desk = Desk::open(engine).await;
    desk.subscribe("a@example.org", wishes(&["ru"], ALMATY))
        .await;
    desk.subscribe("b@example.org", wishes(&["kk", "ru"], ALMATY))
        .await;
    desk.publish("ru", FLOOD).await;
    // Opened, not planned: what the operator holds in between is not planned at all.
    desk.app.set_time(MORNING);
    desk.open_runs().await;
    let run: i64 = desk.count("SELECT MAX(id) FROM run").await;
    assert!(
        digest::hold(desk.core(), &Halt::Run(run))
            .await
            .unwrap()
            .is_empty()
    );
    desk.tick().await;
    assert_eq!(sums(&desk).await, Sums::default());
    assert!(
        digest::release(desk.core(), &Halt::Run(run))
            .await
            .unwrap()
            .is_empty()
    );
    desk.tick().await;
    assert_eq!(sums(&desk).await.open, 2);
    assert_eq!(desk.count("SELECT COUNT(*) FROM issue").await, 2);
    let held = digest::hold(desk.core(), &Halt::Run(run)).await.unwrap();
    assert_eq!(held.len(), 2);
    assert_eq!(sums(&desk).await.held, 2);
    let number = run.to_string();
    let words = told(
        &desk
            .app
            .jarshy("", &["digest", "cancel", "--run", &number, "--json"]),
    );
    let words: serde_json::Value = serde_json::from_str(&words).unwrap();
    assert_eq!(words[1]["sums"]["cancelled"], 1, "{words}");
    assert_eq!(sums(&desk).await.cancelled, 2);
    desk.agrees().await;

    // A run that is cancelled before anybody was planned leaves everybody in place.
    desk.publish("ru", BRIDGE).await;
    desk.app.set_time("2026-03-01T08:00:00+05:00");
    desk.open_runs().await;
    let run: i64 = desk.count("SELECT MAX(id) FROM run").await;
    digest::cancel(desk.core(), &Halt::Run(run)).await.unwrap();
    desk.tick().await;
    desk.at("2026-03-02T08:00:00+05:00").await;
    assert_eq!(
        desk.read("a@example.org").await,
        [("2026-03-02".to_owned(), vec![BRIDGE.to_owned()])]
    );
    desk.agrees().await;
}

async fn an_issue_that_is_held_twice_or_named_badly(engine: Engine) {
    let desk = Desk::open(engine).await;
    subscribe(&desk, 1).await;
    desk.publish("ru", FLOOD).await;
    desk.at(MORNING).await;
    let what = issue(&desk).await;
    assert_eq!(digest::hold(desk.core(), &what).await.unwrap()[0].moved, 1);
    assert_eq!(digest::hold(desk.core(), &what).await.unwrap()[0].moved, 0);
    for (args, sentence) in [
        (&["digest", "hold", "%"][..], "names no issue"),
        (
            &["digest", "hold", "00000000"],
            "there is no issue 00000000",
        ),
        (&["digest", "cancel", "--run", "99"], "there is no run 99"),
        (&["digest", "hold"], "required"),
    ] {
        let output = desk.app.jarshy("", args);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(sentence), "{said}");
    }
}
