//! The group-committing writer: one per process, so that many connections share one fsync.
//!
//! First in, first out: a connection hands in its outcome at once, goes on with the next message, and hands in that one's
//! intent, which is durable only after the outcome ahead of it. A group is sorted by id and committed as one; if it fails, each
//! row is tried alone, and a commit without an answer is read again. Outcomes that cannot be stored are kept and tried until
//! they can; meanwhile nothing is claimed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::store::{self, Intent, Key, Outcome};
use crate::work::Core;

/// Rows in one commit.
const GROUP: usize = 64;

/// What an intent was answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    /// Durable, and asked for then: write the dot soon.
    Granted(Instant),
    /// No dot, and nothing more to report.
    Settled,
    /// No dot: whether the journal has it is not known.
    Unknown,
}

enum Task {
    Ask(oneshot::Sender<Answer>),
    Report(Outcome),
}

struct Op {
    key: Key,
    task: Task,
}

/// What storing an operation came to.
enum Stored {
    Intent(Intent),
    Rows(u64),
}

/// Counts the rows that are claimed and not yet settled.
#[derive(Default)]
pub struct Tracker {
    open: AtomicUsize,
    /// Rings when none is left, and for whoever wants the worker to look what there is to do.
    pub bell: Notify,
}

impl Tracker {
    /// Rows that are open.
    pub fn count(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    /// More rows are open.
    pub fn add(&self, rows: usize) {
        self.open.fetch_add(rows, Ordering::SeqCst);
    }

    /// One row is settled.
    pub fn settle(&self) {
        if self.open.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.bell.notify_one();
        }
    }
}

/// The door to the writer task.
pub struct Writer {
    ops: mpsc::UnboundedSender<Op>,
    is_healthy: Arc<AtomicBool>,
}

impl Writer {
    /// Starts the task; it ends when the writer is dropped and everything is stored.
    pub fn spawn(core: Core, tracker: Arc<Tracker>) -> (Self, JoinHandle<()>) {
        let (ops, inbox) = mpsc::unbounded_channel();
        let is_healthy = Arc::new(AtomicBool::new(true));
        let task = tokio::spawn(work(core, inbox, Arc::clone(&is_healthy), tracker));
        (Self { ops, is_healthy }, task)
    }

    /// Whether everything handed in so far could be stored.
    pub fn is_healthy(&self) -> bool {
        self.is_healthy.load(Ordering::SeqCst)
    }

    /// Asks for the dot and waits until the intent is durable.
    pub async fn ask(&self, key: Key) -> Answer {
        let (answer, waiting) = oneshot::channel();
        let task = Task::Ask(answer);
        if self.ops.send(Op { key, task }).is_err() {
            return Answer::Unknown;
        }
        waiting.await.unwrap_or(Answer::Unknown)
    }

    /// Hands in what became of an attempt, and does not wait.
    pub fn report(&self, key: Key, outcome: Outcome) {
        let task = Task::Report(outcome);
        if self.ops.send(Op { key, task }).is_err() {
            tracing::error!(delivery = key.id, "the journal's writer is gone");
        }
    }
}

async fn work(
    core: Core,
    mut inbox: mpsc::UnboundedReceiver<Op>,
    is_healthy: Arc<AtomicBool>,
    tracker: Arc<Tracker>,
) {
    const FIRST_WAIT: Duration = Duration::from_millis(100);
    let mut kept: Vec<Op> = Vec::new();
    let mut wait = FIRST_WAIT;
    loop {
        let mut group = std::mem::take(&mut kept);
        if group.is_empty() {
            match inbox.recv().await {
                Some(op) => group.push(op),
                None => return,
            }
        } else {
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(Duration::from_secs(5));
        }
        while group.len() < GROUP
            && let Ok(op) = inbox.try_recv()
        {
            group.push(op);
        }
        group.sort_by_key(|op| op.key.id);
        kept = store_group(&core, group, &tracker).await;
        is_healthy.store(kept.is_empty(), Ordering::SeqCst);
        if kept.is_empty() {
            wait = FIRST_WAIT;
        }
    }
}

/// Stores what it can and returns the outcomes that must be tried again.
async fn store_group(core: &Core, group: Vec<Op>, tracker: &Tracker) -> Vec<Op> {
    // Before the rows' `intent_at`, from which the resend wait counts: what the commit takes is part of the time the dot has.
    let at = Instant::now();
    match store_together(core, &group).await {
        Ok(results) => {
            for (op, stored) in group.into_iter().zip(results) {
                finish(op, &stored, at, tracker);
            }
            return Vec::new();
        }
        Err(error) => {
            tracing::warn!(rows = group.len(), %error, "a group was not stored, its rows are tried alone");
        }
    }
    let mut kept = Vec::new();
    let mut is_database_gone = false;
    for op in group {
        // Twice: if the first commit gave no answer, the second try reads what it left.
        let mut result = Err(sqlx::Error::PoolClosed);
        for _ in 0..2 {
            if !is_database_gone && result.is_err() {
                result = store_together(core, std::slice::from_ref(&op)).await;
            }
        }
        match result {
            Ok(results) => {
                for stored in results.iter().take(1) {
                    finish_ref(&op, stored, tracker);
                }
                if let (Task::Ask(answer), Some(stored)) = (op.task, results.first()) {
                    reply(answer, stored, at);
                }
            }
            Err(error) => {
                is_database_gone |= error.as_database_error().is_none();
                tracing::error!(delivery = op.key.id, %error, "the journal cannot be written: sending stops until it can");
                match op.task {
                    Task::Ask(answer) => {
                        let _ = answer.send(Answer::Unknown);
                    }
                    Task::Report(_) => kept.push(op),
                }
            }
        }
    }
    kept
}

async fn store_together(core: &Core, group: &[Op]) -> Result<Vec<Stored>, sqlx::Error> {
    let now = core.clock.now();
    let mut tx = core.db.begin().await?;
    let mut results = Vec::with_capacity(group.len());
    for op in group {
        results.push(match &op.task {
            Task::Ask(_) => Stored::Intent(store::ask_intent(&mut tx, &op.key, now).await?),
            Task::Report(outcome) => {
                Stored::Rows(store::store_outcome(&mut tx, &op.key, outcome, now).await?)
            }
        });
    }
    tx.commit().await?;
    Ok(results)
}

fn finish(op: Op, stored: &Stored, at: Instant, tracker: &Tracker) {
    finish_ref(&op, stored, tracker);
    if let Task::Ask(answer) = op.task {
        reply(answer, stored, at);
    }
}

fn finish_ref(op: &Op, stored: &Stored, tracker: &Tracker) {
    match stored {
        Stored::Intent(Intent::Granted) => {}
        Stored::Intent(_) => tracker.settle(),
        Stored::Rows(rows) => {
            if *rows == 0 {
                // Declared dead, or stored by a commit that gave no answer: the row's own state says which.
                tracing::warn!(
                    delivery = op.key.id,
                    attempt = op.key.attempts,
                    "an outcome came too late for its row"
                );
            }
            tracker.settle();
        }
    }
}

fn reply(answer: oneshot::Sender<Answer>, stored: &Stored, at: Instant) {
    let _ = answer.send(match stored {
        Stored::Intent(Intent::Granted) => Answer::Granted(at),
        _ => Answer::Settled,
    });
}
