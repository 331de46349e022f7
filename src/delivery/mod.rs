//! Delivery: letters, and the journal that proves what became of each.

pub mod letter;
mod mime;
mod provider;
pub mod store;

pub use letter::{LetterKind, NewDelivery, NewLetter};
pub use provider::provider_of;
pub use store::{LetterSums, is_suppressed};

use crate::work::Core;

/// What can go wrong in delivery.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    /// The settings do not allow sending; the sentence says what to do.
    #[error("{0}")]
    Settings(String),
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
    let _ = (core, stop);
    todo!()
}

/// Works until `stop` is cancelled, then finishes what is in flight and returns.
pub async fn run(
    core: &Core,
    stop: &tokio_util::sync::CancellationToken,
) -> Result<(), DeliveryError> {
    let _ = (core, stop);
    todo!()
}

/// The nightly chores: addresses, bodies and rows past their time, in chunks by id.
pub async fn prune(core: &Core) -> Result<(), DeliveryError> {
    let _ = core;
    todo!()
}
