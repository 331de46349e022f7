//! What runs that come due together share. A morning has hundreds of slots, and most of them ask for the same stories, picks and
//! issues: each is read, picked or compiled once for all of them.
//!
//! Nothing here can be too old to be right. What is withdrawn meanwhile has its letter replaced or cancelled, which every chunk
//! sees when it locks its letters; then the stories are read again.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};

use jiff::civil::Date;

use super::DigestError;
use super::gather::{Content, Frame, Gathered};
use super::prepare::Prepared;
use super::store::OpenRun;
use crate::audience::Newsletter;
use crate::audience::store::{Slot, get_newsletter, get_slot};
use crate::work::Core;

/// How many windows, and how many dates, are remembered at most: a morning has one or two of each, a catch-up has more.
const REMEMBERED: usize = 16;

/// What is known so far.
#[derive(Default)]
pub struct Morning {
    newsletters: HashMap<i64, Newsletter>,
    windows: HashMap<(i64, Frame), Gathered>,
    issues: HashMap<(i64, Date), BTreeMap<Content, Prepared>>,
    lanes: HashMap<i64, HashMap<String, i64>>,
}

/// What one run takes of it, and brings back.
pub struct Share {
    /// Stories, selections and picks of its window.
    pub gathered: Gathered,
    /// Issues of its date.
    pub issues: BTreeMap<Content, Prepared>,
    /// Lanes of its newsletter, by provider.
    pub lanes: HashMap<String, i64>,
    date: Date,
    frame: Frame,
}

impl Morning {
    /// The run's slot, and its share.
    pub async fn take(&mut self, core: &Core, run: &OpenRun) -> Result<(Slot, Share), DigestError> {
        let slot = get_slot(&core.db, run.slot_id).await?;
        let id = slot.newsletter_id;
        let newsletter = match self.newsletters.entry(id) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => unknown.insert(get_newsletter(&core.db, id).await?),
        };
        let (date, to_no) = (run.local_date, run.to_no);
        let frame = Frame::new(core, newsletter, &slot, date, to_no, run.opened_at).await?;
        let gathered = match self.windows.remove(&(id, frame)) {
            Some(gathered) => gathered,
            None => Gathered::new(core, newsletter.clone(), frame).await?,
        };
        let share = Share {
            gathered,
            issues: self.issues.remove(&(id, date)).unwrap_or_default(),
            lanes: self.lanes.remove(&id).unwrap_or_default(),
            date,
            frame,
        };
        Ok((slot, share))
    }

    /// Keeps what a run has found out. One that failed brings nothing back.
    pub fn put(&mut self, share: Share) {
        let id = share.gathered.newsletter().id;
        if self.windows.len() >= REMEMBERED {
            self.windows.clear();
        }
        if self.issues.len() >= REMEMBERED {
            self.issues.clear();
        }
        self.windows.insert((id, share.frame), share.gathered);
        self.issues.insert((id, share.date), share.issues);
        self.lanes.insert(id, share.lanes);
    }
}
