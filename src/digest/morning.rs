//! What runs that come due together share. A morning has hundreds of slots, and most of them ask for the same stories, picks and
//! issues: each is read, picked or compiled once for all of them.
//!
//! Nothing here can be too old to be right. What is withdrawn meanwhile has its letter replaced or cancelled, which every chunk
//! sees when it locks its letters; then the stories are read again.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jiff::civil::Date;

use super::DigestError;
use super::gather::{Content, Frame, Gathered};
use super::prepare::Prepared;
use super::store::{self, OpenRun};
use crate::audience::Newsletter;
use crate::audience::store::{Slot, get_newsletter};
use crate::base::time::Timestamp;
use crate::work::Core;

/// How many windows, and how many dates, are remembered at most: a morning has some of each, a catch-up has more.
const REMEMBERED: usize = 64;

/// What is known so far.
#[derive(Default)]
pub struct Morning {
    newsletters: HashMap<i64, Arc<Newsletter>>,
    /// The number of the log's last entry before an instant.
    memories: HashMap<Timestamp, i64>,
    windows: HashMap<(i64, Frame), Gathered>,
    issues: HashMap<(i64, Date), BTreeMap<Content, Prepared>>,
}

impl Morning {
    /// A newsletter.
    pub async fn newsletter(
        &mut self,
        core: &Core,
        id: i64,
    ) -> Result<Arc<Newsletter>, DigestError> {
        Ok(match self.newsletters.entry(id) {
            Entry::Occupied(known) => known.get().clone(),
            Entry::Vacant(unknown) => unknown
                .insert(Arc::new(get_newsletter(&core.db, id).await?))
                .clone(),
        })
    }

    /// The frame of a run's window.
    pub async fn frame(
        &mut self,
        core: &Core,
        newsletter: &Newsletter,
        slot: &Slot,
        run: &OpenRun,
    ) -> Result<Frame, DigestError> {
        let begins = Frame::begins(newsletter, slot, run.local_date);
        let forgotten_to = match self.memories.entry(begins) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(unknown) => {
                *unknown.insert(store::get_no_before(&core.db, begins).await?)
            }
        };
        Ok(Frame::behind(forgotten_to, slot, run.to_no, run.opened_at))
    }

    /// Stories, selections and picks of a window.
    pub async fn window(
        &mut self,
        core: &Core,
        newsletter: &Newsletter,
        frame: Frame,
    ) -> Result<&mut Gathered, DigestError> {
        let key = (newsletter.id, frame);
        if self.windows.len() >= REMEMBERED && !self.windows.contains_key(&key) {
            self.windows.clear();
        }
        Ok(match self.windows.entry(key) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => {
                unknown.insert(Gathered::new(core, newsletter.clone(), frame).await?)
            }
        })
    }

    /// Every window of a newsletter that is known.
    pub fn windows(&mut self, newsletter_id: i64) -> impl Iterator<Item = &mut Gathered> {
        self.windows
            .iter_mut()
            .filter(move |((id, _), _)| *id == newsletter_id)
            .map(|(_, window)| window)
    }

    /// The issues of a newsletter on a date.
    pub fn issues(&mut self, newsletter_id: i64, date: Date) -> &mut BTreeMap<Content, Prepared> {
        let key = (newsletter_id, date);
        if self.issues.len() >= REMEMBERED && !self.issues.contains_key(&key) {
            self.issues.clear();
        }
        self.issues.entry(key).or_default()
    }
}
