//! Whether this process may plan: its clock is right, and nobody who is at work has newer zone rules.

use std::cmp::Ordering;
use std::fmt;

use super::watch::ClockTrouble;
use super::{Core, store};
use crate::base::tzdb;
use crate::config::zone_folder;

/// Why a process does not plan.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Unfit {
    /// Its clock is not to be trusted.
    Clock(ClockTrouble),
    /// A worker has newer zone rules: it knows the hours better (DESIGN 5.3).
    OldRules {
        /// The version here.
        mine: String,
        /// The newest among those at work.
        newest: String,
    },
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Clock(trouble) => write!(f, "nothing is planned here: {trouble}"),
            Self::OldRules { mine, newest } => write!(
                f,
                "nothing is planned here: the tz database of this process is {mine}, and a worker with {newest} is at work, which \
                 plans; update the tz database of this machine"
            ),
        }
    }
}

/// Why this process must not plan now, if so.
pub async fn unfit_to_plan(core: &Core) -> crate::db::Result<Option<Unfit>> {
    if let Some(trouble) = core.watch.trouble(core).await {
        return Ok(Some(Unfit::Clock(trouble)));
    }
    let mine = tzdb::version(zone_folder());
    let newest = store::list_live_tzdb(&core.db, core.clock.now())
        .await?
        .into_iter()
        .max_by(|one, other| tzdb::compare(one, other));
    Ok(newest
        .filter(|newest| tzdb::compare(&mine, newest) == Ordering::Less)
        .map(|newest| Unfit::OldRules { mine, newest }))
}
