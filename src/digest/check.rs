//! Whether the runs add up, for `jarshy verify`.

use std::collections::BTreeMap;

use super::DigestError;
use super::store::{self, CheckedRun};
use crate::audience::cadence::Cadence;
use crate::audience::store::{get_slot, list_lagging};
use crate::work::Core;

/// Looks at every run whose deliveries are still kept: what it mailed are its deliveries, and nobody of the last closed run of a
/// slot lags. Returns a sentence for each thing that does not add up; ids, never addresses.
pub async fn check_runs(core: &Core) -> Result<Vec<String>, DigestError> {
    // A day less than what is kept: pruning works by day.
    let days = (core.config.delivery.keep_days - 1).max(0);
    let since = core.clock.now().plus_secs(-days * 86_400);
    let runs = store::list_checked_runs(&core.db, since).await?;
    let mut wrong = Vec::new();
    let mut last: BTreeMap<i64, &CheckedRun> = BTreeMap::new();
    for run in &runs {
        if run.mailed != run.deliveries {
            wrong.push(format!(
                "run {} of {} says it mailed {} people and has {} deliveries",
                run.id, run.local_date, run.mailed, run.deliveries
            ));
        }
        if run.state == "done" {
            last.insert(run.slot_id, run);
        }
    }
    for run in last.into_values() {
        let slot = get_slot(&core.db, run.slot_id).await?;
        if matches!(slot.cadence, Cadence::Immediate) {
            continue;
        }
        let lagging = list_lagging(
            &core.db,
            run.slot_id,
            run.to_no,
            &run.local_date,
            run.opened_at,
        )
        .await?;
        if !lagging.is_empty() {
            wrong.push(format!(
                "run {} of {} is done, and {} people of it were passed over, e.g. subscription {}",
                run.id,
                run.local_date,
                lagging.len(),
                lagging[0]
            ));
        }
    }
    Ok(wrong)
}
