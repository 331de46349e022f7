//! A worker: registers, feeds its connections from what it claims, and ends cleanly.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::DeliveryError;
use super::breaker::Breaker;
use super::lease::{keep_lease, register, take_over};
use super::mime::Letter;
use super::press::Press;
use super::queue::{Event, Queue};
use super::send::serve;
use super::session::Relay;
use super::store::Outcome;
use super::writer::{Tracker, Writer};
use crate::work::Core;
use crate::work::store as registry;

/// How often the database is asked when no bell rings.
pub const POLL: Duration = Duration::from_secs(1);

/// When to return.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Until {
    /// Nothing is left that could be sent now.
    Drained,
    /// Stopped.
    Stopped,
}

/// What the connections of a process share.
pub struct Worker {
    /// Settings, database, clock.
    pub core: Core,
    /// How to reach the relay.
    pub relay: Relay,
    /// Where messages are written and signed.
    pub press: Press,
    /// The door to the journal.
    pub writer: Writer,
    /// Rows that are claimed and not settled.
    pub tracker: Arc<Tracker>,
    /// Rows that wait for a connection, each lane at its pace.
    pub queue: Queue,
    /// What happened to lanes and is not kept yet.
    pub events: Mutex<Vec<Event>>,
    /// Letters at hand.
    pub letters: Mutex<HashMap<i64, Arc<Letter>>>,
    /// Whether the relay is left alone.
    pub breaker: Breaker,
    /// The registered worker; another one after this one was declared dead.
    pub id: AtomicI64,
    /// Whether a row may be left that only the end of the lease will settle.
    pub is_dirty: AtomicBool,
    /// Which lane is first.
    pub turn: AtomicUsize,
}

/// Registers, works, and ends cleanly: whatever is in flight is finished and stored.
pub async fn work(
    core: &Core,
    stop: &CancellationToken,
    until: Until,
) -> Result<(), DeliveryError> {
    let relay = Relay::new(&core.config)?;
    let press = Press::start(core)
        .map_err(|error| DeliveryError::Settings(format!("no thread can be started: {error}")))?;
    let settings = &core.config.delivery;
    let target = settings.connections * 4;
    let tracker = Arc::new(Tracker::default());
    let id = register(core).await?;
    let (writer, writing) = Writer::spawn(core.clone(), Arc::clone(&tracker));
    let worker = Arc::new(Worker {
        core: core.clone(),
        relay,
        press,
        writer,
        tracker,
        queue: Queue::new(settings.connections - usize::from(settings.connections > 1)),
        events: Mutex::default(),
        letters: Mutex::default(),
        breaker: Breaker::default(),
        id: AtomicI64::new(id),
        is_dirty: AtomicBool::new(false),
        turn: AtomicUsize::new(0),
    });
    take_over(core).await;
    let ended = CancellationToken::new();
    let keeping = tokio::spawn(keep_lease(Arc::clone(&worker), ended.clone()));
    let mut connections = JoinSet::new();
    for number in 0..settings.connections {
        // One connection is kept for those whom a person waits for.
        let is_reserved = number == 0 && settings.connections > 1;
        connections.spawn(serve(Arc::clone(&worker), is_reserved));
    }
    let result = worker.pump(stop, until, target).await;
    for row in worker.queue.close() {
        worker.writer.report(row.key, Outcome::Release(None));
    }
    while connections.join_next().await.is_some() {}
    if let Err(error) = worker.keep_events().await {
        tracing::error!(%error, "where the lanes stand was not kept");
    }
    worker.drop_events();
    worker.keep_standings().await;
    while worker.tracker.count() > 0 {
        tokio::select! {
            () = worker.tracker.bell.notified() => {}
            () = tokio::time::sleep(Duration::from_millis(50)) => {}
        }
    }
    ended.cancel();
    let _ = keeping.await;
    let id = worker.id.load(Ordering::SeqCst);
    let is_dirty = worker.is_dirty.load(Ordering::SeqCst);
    drop(worker);
    let _ = writing.await;
    if !is_dirty {
        let mut tx = core.db.begin().await?;
        registry::end_worker(&mut tx, id, core.clock.now()).await?;
        tx.commit().await?;
    }
    result
}

/// Nothing that a lock guards here is left half done by a panic.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
