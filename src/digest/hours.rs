//! What the Date header of an issue says.
//!
//! An issue belongs to whoever has its stories, whatever their hour. After an outage a morning's hours come due at once, and which of
//! them compiles an issue first hangs on who is quicker. So an issue is dated by the earliest of the hours that come due together and
//! could have brought it: those whose runs are open or done, and those that are still to be opened. As a run and its slot move in one
//! transaction, every instance sees the same hours at whatever moment it looks.

use std::collections::BTreeMap;

use super::DigestError;
use super::bundle::Bundle;
use super::gather::Content;
use super::store;
use crate::audience::store::{get_slot, list_due_slots};
use crate::base::time::Timestamp;
use crate::work::Core;

/// The hours of one date that came due together.
#[derive(Clone, Debug)]
pub struct Hours {
    /// End of the window, due instant.
    all: Vec<(i64, Timestamp)>,
    /// The first of those that ask.
    own: Timestamp,
}

impl Hours {
    /// Those that came due with the runs of a bundle.
    pub async fn of_bundle(core: &Core, bundle: &Bundle) -> Result<Self, DigestError> {
        let (db, newsletter) = (&core.db, &bundle.newsletter);
        let now = core.clock.now();
        let mut all = Vec::new();
        // Slots before runs: one that moves between the two readings is seen twice and never missed.
        for id in list_due_slots(db, now).await? {
            let slot = get_slot(db, id).await?;
            let due_at = slot.next_due_at;
            let is_late = now >= due_at.plus_secs(newsletter.late_until_hours * 3600);
            let is_of_date = due_at.date_in(&slot.time_zone) == bundle.local_date;
            if slot.newsletter_id == newsletter.id && due_at <= now && is_of_date && !is_late {
                // Its window will end with whatever is out by then.
                all.push((i64::MAX, due_at));
            }
        }
        let opened = bundle.parts.values().map(|part| part.run.opened_at).min();
        let opened = opened.unwrap_or(now);
        all.extend(store::list_hours(db, newsletter.id, bundle.local_date, opened).await?);
        Ok(Self {
            all,
            own: bundle.due_at,
        })
    }

    /// Contents by the earliest hour that could have brought them.
    pub fn sort(&self, contents: &[Content]) -> BTreeMap<Timestamp, Vec<Content>> {
        let mut sorted: BTreeMap<Timestamp, Vec<Content>> = BTreeMap::new();
        for content in contents {
            let newest = content.items.iter().map(|item| item.release_no).max();
            let first = self
                .all
                .iter()
                .filter(|(to_no, _)| Some(*to_no) >= newest)
                .map(|(_, due_at)| *due_at)
                .fold(self.own, Timestamp::min);
            sorted.entry(first).or_default().push(content.clone());
        }
        sorted
    }
}
