//! A worker: claims what is due, feeds its connections, keeps its lease, and takes over from the dead.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::mime::{self, Addressee, Letter};
use super::outcome::{Class, Reply, Stage, Verdict, judge, retry_delay_millis};
use super::session::{Relay, Sent, Session};
use super::store::{self, Agenda, Claimed, Outcome};
use super::writer::{Answer, Tracker, Writer};
use super::{DeliveryError, store as journal};
use crate::base::address::EmailAddress;
use crate::work::Core;
use crate::work::store as registry;

/// How long a connection without work stays open: relays close idle ones, and a closed one costs a try.
const IDLE: Duration = Duration::from_secs(10);
/// How often the database is asked when no bell rings.
const POLL: Duration = Duration::from_secs(1);
/// The longest time for which a relay that cannot be reached is left alone: people wait for their confirmations.
const AWAY: Duration = Duration::from_secs(10);
/// The longest time for which a relay is left alone that answers, but not well.
const TROUBLE: Duration = Duration::from_mins(5);
/// Letters kept in memory.
const LETTERS: usize = 64;

/// When to return.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Until {
    /// Nothing is left that could be sent now.
    Drained,
    /// Stopped.
    Stopped,
}

struct Worker {
    core: Core,
    relay: Relay,
    writer: Writer,
    tracker: Arc<Tracker>,
    queue: Queue,
    letters: Mutex<HashMap<i64, Arc<Letter>>>,
    breaker: Breaker,
    /// The registered worker; another one after this one was declared dead.
    id: AtomicI64,
    /// Whether a row may be left that only the end of the lease will settle.
    is_dirty: AtomicBool,
    turn: AtomicUsize,
}

/// Registers, works, and ends cleanly: whatever is in flight is finished and stored.
pub async fn work(
    core: &Core,
    stop: &CancellationToken,
    until: Until,
) -> Result<(), DeliveryError> {
    let relay = Relay::new(&core.config)?;
    let settings = &core.config.delivery;
    let target = settings.connections * 4;
    let tracker = Arc::new(Tracker::new(target / 2));
    let id = register(core).await?;
    let (writer, writing) = Writer::spawn(core.clone(), Arc::clone(&tracker));
    let worker = Arc::new(Worker {
        core: core.clone(),
        relay,
        writer,
        tracker,
        queue: Queue::default(),
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
        worker.writer.report(row.key, Outcome::Release);
    }
    while connections.join_next().await.is_some() {}
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

async fn register(core: &Core) -> Result<i64, DeliveryError> {
    let now = core.clock.now();
    let host = format!("{}:{}", core.config.mail.ehlo_name, std::process::id());
    let lease = now.plus_secs(core.config.delivery.lease_secs);
    let mut tx = core.db.begin().await?;
    let id = registry::insert_worker(&mut tx, &host, env!("CARGO_PKG_VERSION"), now, lease).await?;
    tx.commit().await?;
    Ok(id)
}

/// Renews the lease and looks for the dead, until the worker has ended.
async fn keep_lease(worker: Arc<Worker>, ended: CancellationToken) {
    let core = &worker.core;
    let every = Duration::from_secs(core.config.delivery.renew_secs.max(1) as u64);
    loop {
        tokio::select! {
            () = ended.cancelled() => return,
            () = tokio::time::sleep(every) => {}
        }
        let id = worker.id.load(Ordering::SeqCst);
        match renew(core, id).await {
            Ok(true) => {}
            Ok(false) => {
                tracing::error!(worker = id, "declared dead while alive: registering anew");
                worker.renounce().await;
            }
            Err(error) => tracing::error!(worker = id, %error, "the lease was not renewed"),
        }
        take_over(core).await;
    }
}

async fn renew(core: &Core, id: i64) -> crate::db::Result<bool> {
    let lease = core.clock.now().plus_secs(core.config.delivery.lease_secs);
    let mut tx = core.db.begin().await?;
    let is_alive = registry::renew_worker(&mut tx, id, lease).await?;
    tx.commit().await?;
    Ok(is_alive)
}

/// Ends the workers whose lease ran out, and puts their rows where they belong.
async fn take_over(core: &Core) {
    let result: crate::db::Result<()> = async {
        let now = core.clock.now();
        for id in registry::list_dead_workers(&core.db, now).await? {
            let mut tx = core.db.begin().await?;
            if registry::end_worker(&mut tx, id, now).await? {
                let wait = core.config.delivery.resend_wait_secs;
                let (leased, committing) = journal::reap(&mut tx, id, wait).await?;
                tx.commit().await?;
                tracing::warn!(
                    worker = id,
                    leased,
                    committing,
                    "took over from a worker that died"
                );
                core.bells.queued.notify_waiters();
            }
        }
        Ok(())
    }
    .await;
    if let Err(error) = result {
        tracing::error!(%error, "dead workers were not looked after");
    }
}

impl Worker {
    /// Goes on under a new id. What was claimed under the old one is settled by its own outcome or by the end of its lease.
    async fn renounce(&self) {
        match register(&self.core).await {
            Ok(id) => self.id.store(id, Ordering::SeqCst),
            Err(error) => tracing::error!(%error, "the worker could not register anew"),
        }
    }

    /// Claims until it is time to return.
    async fn pump(
        &self,
        stop: &CancellationToken,
        until: Until,
        target: usize,
    ) -> Result<(), DeliveryError> {
        loop {
            if stop.is_cancelled() {
                return Ok(());
            }
            let open = self.tracker.count();
            if let Some((trouble, left)) = self.breaker.open() {
                if until == Until::Drained && open == 0 {
                    return Err(DeliveryError::Relay(trouble));
                }
                self.pause(stop, left.min(POLL)).await;
                continue;
            }
            if self.writer.is_healthy() {
                match self.claim(target, open).await {
                    Ok(0) if until == Until::Drained && open == 0 => return Ok(()),
                    Ok(_) => {}
                    Err(error) if until == Until::Drained && open == 0 => return Err(error.into()),
                    Err(error) => tracing::error!(%error, "nothing was claimed"),
                }
            }
            self.pause(stop, POLL).await;
        }
    }

    async fn pause(&self, stop: &CancellationToken, longest: Duration) {
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.core.bells.queued.notified() => {}
            () = self.tracker.bell.notified() => {}
            () = tokio::time::sleep(longest) => {}
        }
    }

    /// Does the chores and claims what there is room for; returns how many rows were claimed or moved.
    async fn claim(&self, target: usize, open: usize) -> crate::db::Result<usize> {
        let now = self.core.clock.now();
        let agenda: Agenda = store::get_agenda(&self.core.db, now).await?;
        let mut moved = 0;
        if agenda.has_chores {
            let mut tx = self.core.db.begin().await?;
            moved += store::expire(&mut tx, now).await? as usize;
            moved += store::resolve_uncertain(&mut tx, now).await? as usize;
            tx.commit().await?;
            if moved > 0 {
                // What became due again is claimed in the next round.
                self.tracker.bell.notify_one();
            }
        }
        let urgent: Vec<_> = agenda.lanes.iter().filter(|(_, p)| *p == 0).collect();
        let other: Vec<_> = agenda.lanes.iter().filter(|(_, p)| *p > 0).collect();
        // Where a person waits there is always some room.
        let urgent_room = (target + 16).saturating_sub(open);
        let other_room = if open <= target / 2 { target - open } else { 0 };
        // After trouble a single row asks whether it is over.
        let mut most = if self.breaker.is_half_open() {
            1_usize.saturating_sub(open)
        } else {
            usize::MAX
        };
        let (urgent_room, other_room) = (urgent_room.min(most), other_room.min(most));
        if (urgent.is_empty() || urgent_room == 0) && (other.is_empty() || other_room == 0) {
            return Ok(moved);
        }
        let worker_id = self.id.load(Ordering::SeqCst);
        let mut rows: Vec<Claimed> = Vec::new();
        let mut tx = self.core.db.begin().await?;
        if !registry::lock_worker(&mut tx, worker_id).await? {
            // Nobody would look after rows that a dead worker takes.
            tx.rollback().await?;
            tracing::error!(
                worker = worker_id,
                "declared dead while alive: registering anew"
            );
            self.renounce().await;
            self.tracker.bell.notify_one();
            return Ok(moved + 1);
        }
        for (lanes, room) in [(urgent, urgent_room), (other, other_room)] {
            let mut room = room.min(most);
            // Round robin: each lane has its share, and another one is first the next time.
            let turn = self.turn.fetch_add(1, Ordering::SeqCst);
            for i in 0..lanes.len() {
                let lane = *lanes[(turn + i) % lanes.len()];
                let share = room.div_ceil(lanes.len() - i).min(256);
                if share > 0 {
                    let claimed = store::claim(&mut tx, worker_id, lane, now, share as i64).await?;
                    room -= claimed.len();
                    most -= claimed.len();
                    rows.extend(claimed);
                }
            }
        }
        if let Err(error) = tx.commit().await {
            // Whether the rows are ours is not known: under a new id, the end of the old lease frees them.
            self.renounce().await;
            return Err(error);
        }
        let claimed = rows.len();
        self.tracker.add(claimed);
        self.queue.push(rows);
        Ok(moved + claimed)
    }

    async fn letter(&self, id: i64) -> crate::db::Result<Option<Arc<Letter>>> {
        if let Some(letter) = lock(&self.letters).get(&id) {
            return Ok(Some(Arc::clone(letter)));
        }
        let Some(letter) = store::find_letter(&self.core.db, id).await?.map(Arc::new) else {
            return Ok(None);
        };
        let mut letters = lock(&self.letters);
        if letters.len() >= LETTERS {
            letters.clear();
        }
        letters.insert(id, Arc::clone(&letter));
        Ok(Some(letter))
    }

    /// Sends one row and reports what became of it.
    async fn deliver(&self, session: &mut Option<Session>, row: &Claimed) {
        if row.key.worker_id != self.id.load(Ordering::SeqCst) {
            // Claimed by the one we were: whoever declared it dead has the row.
            self.tracker.settle();
            return;
        }
        if self.breaker.open().is_some() {
            self.writer.report(row.key, Outcome::Release);
            return;
        }
        let (message, to) = match self.compose(row).await {
            Ok(Some(composed)) => composed,
            Ok(None) => return,
            Err(error) => {
                tracing::error!(delivery = row.key.id, %error, "the letter was not read");
                self.writer.report(row.key, Outcome::Release);
                tokio::time::sleep(POLL).await;
                return;
            }
        };
        let key_id = to.1;
        let from = format!(
            "{}@{}",
            self.core.keys.delivery_name(key_id, row.key.id),
            self.core.config.mail.bounce_domain
        );
        for try_again in [true, false] {
            let is_reused = session.as_ref().is_some_and(|s| s.messages > 0);
            let open = match session {
                Some(open) => open,
                None => match Session::open(&self.relay).await {
                    Ok(opened) => session.insert(opened),
                    Err((stage, detail)) => {
                        tracing::warn!(?stage, detail, "no connection to the relay");
                        // A relay that answers is not asked again and again; one that is away is missed as soon as it is back.
                        let longest = if stage == Stage::Connect {
                            AWAY
                        } else {
                            TROUBLE
                        };
                        self.breaker.fail(&detail, longest);
                        self.writer.report(row.key, Outcome::Release);
                        return;
                    }
                },
            };
            let mut is_settled = false;
            let intent = async {
                match self.writer.ask(row.key).await {
                    Answer::Granted(at) => Some(at),
                    Answer::Settled => {
                        is_settled = true;
                        None
                    }
                    Answer::Unknown => None,
                }
            };
            let sent = open.send(&from, &to.0, &message, intent).await;
            let may_be_stale = is_reused
                && try_again
                && match &sent {
                    Sent::Broken { stage, .. } => *stage == Stage::Mail,
                    Sent::Refused { stage, reply } => *stage == Stage::Mail && reply.code == 421,
                    _ => false,
                };
            if open.is_broken() {
                *session = None;
            }
            if may_be_stale {
                // The relay closed a connection that had been idle: that says nothing about this message.
                continue;
            }
            if !(is_settled && matches!(sent, Sent::Stopped)) {
                self.report(row, sent);
            }
            return;
        }
    }

    /// The message, and the envelope address with the letter's key; `None` if the row was settled instead.
    async fn compose(&self, row: &Claimed) -> crate::db::Result<Option<(Vec<u8>, (String, i64))>> {
        let Some(letter) = self.letter(row.key.letter_id).await? else {
            self.fail(row, Class::Content, "the letter's body is gone");
            return Ok(None);
        };
        let address = match EmailAddress::parse(&row.address) {
            Ok(address) => address,
            Err(error) => {
                self.fail(row, Class::Capability, &error);
                return Ok(None);
            }
        };
        let to = Addressee {
            delivery_id: row.key.id,
            uid: &row.recipient_uid,
            epoch: row.recipient_epoch,
            address: &address,
            is_text_only: row.is_text_only,
        };
        match mime::compose(&letter, &self.core.keys, &to) {
            Ok(message) => Ok(Some((message, (address.envelope(), letter.key_id)))),
            Err(error) => {
                tracing::error!(letter = letter.id, error, "the letter cannot be written");
                self.fail(row, Class::Content, &error);
                Ok(None)
            }
        }
    }

    fn fail(&self, row: &Claimed, class: Class, sentence: &str) {
        let outcome = Outcome::Failed {
            class,
            reply: Reply::new(0, sentence),
            recipient_id: row.recipient_id,
            address_hash: row.address_hash.clone(),
            is_at_recipient: false,
        };
        self.writer.report(row.key, outcome);
    }

    /// Puts the row off. What says nothing about this message does not count, and the wait stays where it is.
    fn retry(&self, row: &Claimed, class: Class, reply: Reply, counts: bool) {
        let clock = &self.core.clock;
        let settings = &self.core.config.delivery;
        let refusals = row.refusals + i64::from(counts);
        let delay = retry_delay_millis(
            refusals,
            settings.retry_first_secs,
            settings.retry_max_secs,
            clock.random_below(1001),
        );
        let due_at = clock.now().plus_millis(delay);
        let outcome = Outcome::Retry {
            class,
            reply,
            due_at,
            refusals,
        };
        self.writer.report(row.key, outcome);
    }

    fn report(&self, row: &Claimed, sent: Sent) {
        let delivery = row.key.id;
        match sent {
            Sent::Accepted(reply) => {
                self.breaker.succeed();
                self.writer.report(row.key, Outcome::Accepted(reply));
            }
            Sent::Refused { stage, reply } => {
                let verdict = judge(stage, &reply);
                tracing::info!(delivery, ?stage, code = reply.code, ?verdict, "refused");
                if stage == Stage::Mail {
                    let trouble = format!("the relay refuses us: {} {}", reply.code, reply.text);
                    self.breaker.fail(&trouble, TROUBLE);
                } else {
                    self.breaker.succeed();
                }
                match verdict {
                    Verdict::Retry(class) => self.retry(row, class, reply, true),
                    Verdict::Failed(class) => {
                        if class == Class::Policy {
                            tracing::error!(
                                delivery,
                                code = reply.code,
                                "refused by policy: look at the sender's reputation and records"
                            );
                        }
                        let outcome = Outcome::Failed {
                            class,
                            recipient_id: row.recipient_id,
                            address_hash: row.address_hash.clone(),
                            is_at_recipient: stage == Stage::Rcpt,
                            reply,
                        };
                        self.writer.report(row.key, outcome);
                    }
                }
            }
            Sent::Broken { stage, detail } => {
                tracing::warn!(
                    delivery,
                    ?stage,
                    detail,
                    "the conversation broke before the dot"
                );
                self.breaker.fail(&detail, TROUBLE);
                // A relay may hang up on a message it dislikes; before DATA it cannot know the message.
                let counts = matches!(stage, Stage::Data | Stage::Body);
                self.retry(row, Class::Transient, Reply::new(0, &detail), counts);
            }
            Sent::Uncertain { detail } => {
                tracing::error!(delivery, detail, "the dot has no reply");
                self.breaker.fail(&detail, TROUBLE);
                let outcome = Outcome::Uncertain {
                    detail: Reply::new(0, &detail).text,
                    resend_wait_secs: self.core.config.delivery.resend_wait_secs,
                };
                self.writer.report(row.key, outcome);
            }
            Sent::Stopped => self.writer.report(row.key, Outcome::Release),
            Sent::Unsendable { class, detail } => self.fail(row, class, &detail),
        }
    }
}

/// One connection: takes rows until the queue is closed.
async fn serve(worker: Arc<Worker>, is_reserved: bool) {
    let mut session: Option<Session> = None;
    let limit = worker.core.config.delivery.messages_per_connection;
    loop {
        let row = if session.is_some() {
            let waiting = tokio::time::timeout(IDLE, worker.queue.pop(is_reserved)).await;
            let Ok(row) = waiting else {
                if let Some(idle) = session.take() {
                    idle.quit().await;
                }
                continue;
            };
            row
        } else {
            worker.queue.pop(is_reserved).await
        };
        let Some(row) = row else { break };
        let delivering = worker.deliver(&mut session, &row);
        if std::panic::AssertUnwindSafe(delivering)
            .catch_unwind()
            .await
            .is_err()
        {
            tracing::error!(
                delivery = row.key.id,
                "a connection failed badly; the row waits for the end of the lease"
            );
            session = None;
            worker.is_dirty.store(true, Ordering::SeqCst);
            worker.tracker.settle();
        }
        if session.as_ref().is_some_and(|s| s.messages >= limit)
            && let Some(worn) = session.take()
        {
            worn.quit().await;
        }
    }
    if let Some(session) = session {
        session.quit().await;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Claimed rows that wait for a connection.
#[derive(Default)]
struct Queue {
    rows: Mutex<Rows>,
    bell: Notify,
}

#[derive(Default)]
struct Rows {
    urgent: VecDeque<Claimed>,
    other: VecDeque<Claimed>,
    is_closed: bool,
}

impl Queue {
    fn push(&self, claimed: Vec<Claimed>) {
        if claimed.is_empty() {
            return;
        }
        let mut rows = lock(&self.rows);
        for row in claimed {
            if row.priority == 0 {
                rows.urgent.push_back(row);
            } else {
                rows.other.push_back(row);
            }
        }
        drop(rows);
        self.bell.notify_waiters();
    }

    /// The next row; `None` once the queue is closed.
    async fn pop(&self, is_reserved: bool) -> Option<Claimed> {
        loop {
            let rung = self.bell.notified();
            {
                let mut rows = lock(&self.rows);
                if rows.is_closed {
                    return None;
                }
                if let Some(row) = rows.urgent.pop_front() {
                    return Some(row);
                }
                if !is_reserved && let Some(row) = rows.other.pop_front() {
                    return Some(row);
                }
            }
            rung.await;
        }
    }

    /// Nothing is given out any more; returns what was left.
    fn close(&self) -> Vec<Claimed> {
        let mut rows = lock(&self.rows);
        rows.is_closed = true;
        let mut left: Vec<Claimed> = rows.urgent.drain(..).collect();
        left.extend(rows.other.drain(..));
        drop(rows);
        self.bell.notify_waiters();
        left
    }
}

/// Stops trying after several failures in a row, for longer each time.
#[derive(Default)]
struct Breaker(Mutex<Failures>);

#[derive(Default)]
struct Failures {
    in_a_row: u32,
    opened: u32,
    until: Option<Instant>,
    trouble: String,
}

impl Breaker {
    const LIMIT: u32 = 3;

    /// What is wrong and for how long nothing is tried, if so.
    fn open(&self) -> Option<(String, Duration)> {
        let failures = lock(&self.0);
        let left = failures.until?.saturating_duration_since(Instant::now());
        (!left.is_zero()).then(|| (failures.trouble.clone(), left))
    }

    /// Whether nothing has succeeded yet since it was open.
    fn is_half_open(&self) -> bool {
        lock(&self.0).opened > 0
    }

    fn succeed(&self) {
        let mut failures = lock(&self.0);
        if failures.opened > 0 {
            tracing::info!("the relay takes mail again");
        }
        failures.in_a_row = 0;
        failures.opened = 0;
        failures.until = None;
    }

    /// One more failure in a row; nothing is tried for at most `longest` from now on if that is too many.
    fn fail(&self, trouble: &str, longest: Duration) {
        let mut failures = lock(&self.0);
        trouble.clone_into(&mut failures.trouble);
        failures.in_a_row += 1;
        let is_open = failures.until.is_some_and(|until| until > Instant::now());
        if failures.in_a_row >= Self::LIMIT && !is_open {
            let wait = Duration::from_secs(5 << failures.opened.min(6)).min(longest);
            if failures.opened == 0 {
                tracing::error!(trouble, "the relay is left alone for a while");
            }
            failures.opened += 1;
            failures.until = Some(Instant::now() + wait);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The waits of so many failures in a row, each after the wait before is over.
    fn waits(longest: Duration, failures: usize) -> Vec<u64> {
        let breaker = Breaker::default();
        let mut waits = Vec::new();
        for _ in 0..failures {
            breaker.fail("gone", longest);
            let left = breaker.open().map_or(Duration::ZERO, |(_, left)| left);
            waits.push(left.as_millis().div_ceil(1000) as u64);
            lock(&breaker.0).until = None;
        }
        waits
    }

    #[test]
    fn a_relay_that_is_away_is_asked_every_few_seconds_and_one_in_trouble_ever_less() {
        assert_eq!(waits(AWAY, 9), [0, 0, 5, 10, 10, 10, 10, 10, 10]);
        assert_eq!(waits(TROUBLE, 10), [0, 0, 5, 10, 20, 40, 80, 160, 300, 300]);
    }

    #[test]
    fn one_row_asks_whether_the_trouble_is_over() {
        let breaker = Breaker::default();
        assert!(!breaker.is_half_open());
        for _ in 0..Breaker::LIMIT {
            breaker.fail("gone", AWAY);
        }
        assert!(breaker.open().is_some() && breaker.is_half_open());
        breaker.succeed();
        assert!(breaker.open().is_none() && !breaker.is_half_open());
    }
}
