//! What long-running work stands on: the [`Core`] every use case is handed, the worker registry, jobs, cursors and meta.

pub mod fitness;
pub mod job;
pub mod store;
pub mod watch;

use std::sync::Arc;

use tokio::sync::Notify;

use crate::base::time::Clock;
use crate::base::token::KeyRing;
use crate::config::Config;
use crate::db::Db;
use watch::Watch;

/// What every use case needs: settings, database, clock, keys and the bells. Cheap to clone.
#[derive(Clone)]
pub struct Core {
    /// Settings.
    pub config: Arc<Config>,
    /// Database.
    pub db: Db,
    /// Time and chance.
    pub clock: Clock,
    /// Keys.
    pub keys: Arc<KeyRing>,
    /// Bells that spare a wait; the database is polled as well.
    pub bells: Arc<Bells>,
    /// Whether the clock is to be trusted.
    pub watch: Arc<Watch>,
}

/// In-process bells. Ringing one is a hint: whoever listens looks at the database, and looks anyway every few seconds.
#[derive(Default)]
pub struct Bells {
    /// The head of the release log moved.
    pub released: Notify,
    /// A delivery became due.
    pub queued: Notify,
    /// A job became due.
    pub jobs: Notify,
}

impl Core {
    /// Puts the parts together.
    pub fn new(config: Config, db: Db, clock: Clock, keys: KeyRing) -> Self {
        Self {
            config: Arc::new(config),
            db,
            watch: Arc::new(Watch::over(&clock)),
            clock,
            keys: Arc::new(keys),
            bells: Arc::default(),
        }
    }
}
