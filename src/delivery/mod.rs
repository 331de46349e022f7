//! Delivery: letters, and the journal that proves what became of each.
//!
//! Upstairs stores a [`NewLetter`] and its [`NewDelivery`]s in a transaction of its own; [`run`] or [`drain`] does the rest.
//! `worker` feeds its connections (`send`) from a `queue` of rows it claimed (`claim`) under its `lease`, `session` talks to the relay and holds the final dot back, `writer` makes
//! intents and outcomes durable in groups, `pace` says how fast a lane may be (`provider`: which lane that is; `lanes`: how it is
//! kept), `mime` makes the bytes and `dkim` signs them, on the threads of the `press`, `outcome` judges replies. No row is ever lost,
//! and a message repeats only if its dot was written and no reply was kept. This room knows letters and addresses, never digests.

mod breaker;
mod claim;
mod dkim;
mod lanes;
mod lease;
pub mod letter;
mod mime;
mod outcome;
mod pace;
mod press;
mod preview;
mod provider;
mod prune;
mod queue;
mod queue_id;
mod replay;
mod send;
mod session;
pub mod store;
mod transcript;
mod trial;
mod worker;
mod writer;

pub use dkim::sign;
pub use letter::{LetterKind, NewDelivery, NewLetter};
pub use mime::{Addressee, Letter, Template, compose};
pub use preview::{Preview, preview};
pub use provider::{is_provider, provider_of};
pub use prune::prune;
pub use queue_id::queue_id;
pub use replay::{Copy, replay};
pub use store::{LetterSums, is_suppressed, suppress};
pub use transcript::{Said, Side};
pub use trial::{Trial, send_trial};

use crate::work::Core;

/// What can go wrong in delivery.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    /// The settings do not allow sending; the sentence says what to do.
    #[error("{0}")]
    Settings(String),
    /// The relay cannot be used now.
    #[error(
        "the relay cannot be used: {0}. What is due stays queued; look at [mail] and at the relay"
    )]
    Relay(String),
    /// The clock is not to be trusted, so nothing is claimed.
    #[error("nothing is sent: {0}")]
    Clock(crate::work::watch::ClockTrouble),
    /// The database failed.
    #[error("the database failed: {0}")]
    Database(#[from] sqlx::Error),
}

/// What is known about deliveries: planned = accepted + failed + cancelled + expired + held + open.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Serialize)]
pub struct Sums {
    /// Rows.
    pub planned: i64,
    /// The relay said 250 to the final dot.
    pub accepted: i64,
    /// A definite refusal.
    pub failed: i64,
    /// Left, suppressed or withdrawn before the intent.
    pub cancelled: i64,
    /// Too late.
    pub expired: i64,
    /// Waits for the operator.
    pub held: i64,
    /// Queued, leased, committing or uncertain.
    pub open: i64,
}

impl Sums {
    /// Adds another letter's.
    pub const fn add(&mut self, other: &Self) {
        self.planned += other.planned;
        self.accepted += other.accepted;
        self.failed += other.failed;
        self.cancelled += other.cancelled;
        self.expired += other.expired;
        self.held += other.held;
        self.open += other.open;
    }

    /// Whether the equation holds.
    pub const fn adds_up(&self) -> bool {
        self.planned
            == self.accepted + self.failed + self.cancelled + self.expired + self.held + self.open
    }
}

/// Sends what is due until nothing is left that could be sent now, or `stop` is cancelled; finishes what is in flight.
pub async fn drain(
    core: &Core,
    stop: &tokio_util::sync::CancellationToken,
) -> Result<(), DeliveryError> {
    worker::work(core, stop, worker::Until::Drained).await
}

/// Works until `stop` is cancelled, then finishes what is in flight and returns.
pub async fn run(
    core: &Core,
    stop: &tokio_util::sync::CancellationToken,
) -> Result<(), DeliveryError> {
    worker::work(core, stop, worker::Until::Stopped).await
}
