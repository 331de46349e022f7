//! DESIGN 5.8: a process whose clock is wrong neither plans nor claims, and says so.

use std::sync::Arc;

use jarshy::base::time::Clock;
use jarshy::delivery::DeliveryError;
use jarshy::work::Core;
use jarshy::work::fitness::{Unfit, unfit_to_plan};
use jarshy::work::watch::{ClockTrouble, Watch};
use jarshy::{delivery, on_db, scheduler};
use tokio_util::sync::CancellationToken;

use crate::both_engines;
use crate::support::Engine;
use crate::support::desk::{Desk, wishes};
use crate::support::smtp::Peer;

both_engines!(a_process_whose_clock_is_wrong_neither_plans_nor_claims);

/// A process of its own with a clock that is so many seconds off.
fn off_by(desk: &Desk, secs: i64) -> Core {
    let mut core = desk.core().clone();
    core.clock = Clock::starting_at(Clock::system().now().plus_secs(secs));
    core.watch = Arc::new(Watch::strict());
    core
}

async fn trouble(core: &Core) -> Option<ClockTrouble> {
    match unfit_to_plan(core).await.unwrap() {
        None => None,
        Some(Unfit::Clock(trouble)) => Some(trouble),
        Some(other) => panic!("{other}"),
    }
}

async fn a_process_whose_clock_is_wrong_neither_plans_nor_claims(engine: Engine) {
    let peer = Peer::start().await;
    let desk = Desk::with_relay(engine, &peer).await;
    // Yesterday's digest is due.
    let now = Clock::system().now();
    desk.core().clock.set(now.plus_secs(-86_400));
    desk.subscribe("aigerim@example.kz", wishes(&["ru"], "UTC"))
        .await;
    desk.publish("ru", "Мост через Есиль закроют на ремонт")
        .await;
    let due = "SELECT COUNT(*) FROM slot WHERE next_due_at <= $1";
    let is_due: i64 =
        on_db!(&desk.core().db, c => sqlx::query_scalar(due).bind(now).fetch_one(c).await).unwrap();
    assert_eq!(is_due, 1);
    let sent = |peer: &Peer| peer.journal().len();
    let is_open = "SELECT COUNT(*) FROM delivery WHERE state = 'queued'";
    let stop = CancellationToken::new();

    for secs in [5, -5, 3600] {
        let core = off_by(&desk, secs);
        let Some(ClockTrouble::Offset(by)) = trouble(&core).await else {
            panic!("{secs} s off, and nobody says so");
        };
        assert!(
            (by - secs * 1000).abs() < 2000,
            "{secs} s off, and said {by} ms"
        );
        scheduler::tick(&core, &desk.theme).await;
        assert_eq!(desk.runs().await, [], "{secs}");
        let error = delivery::drain(&core, &stop).await.unwrap_err();
        assert!(matches!(error, DeliveryError::Clock(_)), "{error}");
    }

    // One that leaps stands still, though the database agrees with it afterwards.
    let core = off_by(&desk, -660);
    assert!(trouble(&core).await.is_some());
    core.clock.set(Clock::system().now());
    let Some(ClockTrouble::Leap(by)) = trouble(&core).await else {
        panic!("eleven minutes were leapt, and nobody says so");
    };
    assert!((659_000..662_000).contains(&by), "{by}");
    scheduler::tick(&core, &desk.theme).await;
    assert_eq!(desk.runs().await, []);

    // The others go on; whoever was set by hand is exempt whatever it shows.
    assert_eq!(trouble(desk.core()).await, None);
    let core = off_by(&desk, 0);
    assert_eq!(trouble(&core).await, None);
    scheduler::tick(&core, &desk.theme).await;
    assert!(!desk.runs().await.is_empty());
    delivery::drain(&core, &stop).await.unwrap();
    assert_eq!(desk.count(is_open).await, 0);
    let accepted = desk
        .count("SELECT COUNT(*) FROM delivery WHERE state = 'accepted'")
        .await;
    assert_eq!(sent(&peer) as i64, accepted);
}
