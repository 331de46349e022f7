//! The shelf: finished feed bytes, built once per change (DESIGN 5.2).
//!
//! A **scope** is built at once in its three formats, from one snapshot; a **row** is one format. In memory stand the log's
//! head, which scopes changed at which number, and every row's headers, so a conditional request for a scope that has not
//! changed costs a look into a map. Whoever sees a changed scope first builds it; others wait for that one build. A row that
//! another instance has already put on the shelf is taken as it is, and after a restart the rows are there before the first
//! request.
//!
//! What fails its check never reaches the shelf: the last good bytes stay, and an error is logged.

mod build;
mod bytes;
mod deltas;
mod head;
mod listing;
mod pages;
mod state;

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use self::build::Followed;
use self::bytes::{Bodies, Wanted};
use self::deltas::Deltas;
use self::listing::Listing;
use self::state::State;
use super::catalogue::Catalogue;
use super::feed::{FeedKey, Format, Scope};
use super::sitemap::Sitemaps;
use super::store::{self, Row};
use crate::base::time::Timestamp;
use crate::config::Config;
use crate::theme::Theme;
use crate::work::Core;

pub use self::deltas::Delta;
pub use self::head::{Head, cache_control};
pub use self::pages::{FoundPage, PageLookup};

/// How often the head is asked for when no bell rings.
const POLL: Duration = Duration::from_secs(1);

/// Why a feed cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ShelfError {
    /// The database failed.
    #[error("the database failed: {0}")]
    Database(#[from] sqlx::Error),
    /// The finished bytes failed their check.
    #[error("the feed {feed} {reason}; it was not put on the shelf")]
    Broken {
        /// Which feed.
        feed: String,
        /// What is wrong.
        reason: String,
    },
    /// Releases came faster than the feed could be read.
    #[error("the feed could not be read between two releases; try again")]
    Overtaken,
    /// The last build failed a moment ago.
    #[error("the feed could not be built a moment ago; try again")]
    Waiting,
}

/// The three formats of a scope, and the number up to which they are known to be right.
struct Shelved {
    checked_no: i64,
    heads: [Arc<Head>; 3],
}

impl Shelved {
    /// Whether it says everything up to that number of the log, and nothing that has ended.
    fn is_right(&self, needed: i64, now: Timestamp) -> bool {
        self.checked_no >= needed && !self.has_ended(now)
    }

    /// Whether something that it says has ended.
    fn has_ended(&self, now: Timestamp) -> bool {
        let ends = self.heads.iter().filter_map(|head| head.until);
        ends.into_iter().any(|until| until <= now)
    }
}

/// A scope's place on the shelf.
struct Slot {
    scope: Scope,
    shelved: ArcSwapOption<Shelved>,
    /// Whoever holds it builds; the others wait and find the work done.
    flight: Mutex<()>,
    /// The state by which what is shelved was last found right, by [`State::serial`]. Reading the state's maps takes as long as all
    /// else that a poll needs.
    right_in: AtomicU64,
    asked_at: AtomicI64,
    failed_at: AtomicI64,
    /// By format.
    wanted: [Wanted; 3],
}

impl Slot {
    fn new(scope: Scope) -> Self {
        Self {
            scope,
            shelved: ArcSwapOption::empty(),
            flight: Mutex::new(()),
            right_in: AtomicU64::new(0),
            asked_at: AtomicI64::new(i64::MIN),
            failed_at: AtomicI64::new(i64::MIN),
            wanted: Default::default(),
        }
    }

    fn fresh(&self, needed: i64, now: Timestamp) -> Option<Arc<Shelved>> {
        self.shelved
            .load_full()
            .filter(|shelved| shelved.is_right(needed, now))
    }
}

/// What a path leads to.
pub enum Lookup {
    /// No such feed.
    Unknown,
    /// The feed's canonical path is another.
    Moved(String),
    /// The feed was of a section that was closed so long ago that it is gone for good.
    Gone,
    /// A feed, with validators that are right.
    Feed(Found),
}

/// A feed that was found.
pub struct Found {
    /// In which format.
    pub format: Format,
    /// Its headers.
    pub head: Arc<Head>,
    slot: Arc<Slot>,
}

impl Found {
    /// Which feed.
    pub fn key(&self) -> FeedKey {
        FeedKey {
            scope: self.slot.scope.clone(),
            format: self.format,
        }
    }
}

/// The shelf. One in a process; share it in an [`Arc`].
pub struct Shelf {
    core: Core,
    theme: Arc<Theme>,
    state: ArcSwapOption<State>,
    /// By request path, so that a known feed costs no parsing.
    paths: RwLock<HashMap<String, (Arc<Slot>, Format)>>,
    slots: RwLock<HashMap<Scope, Arc<Slot>>>,
    bodies: Bodies,
    deltas: Deltas,
    refreshing: Mutex<()>,
    listing: ArcSwapOption<Listing>,
    listing_flight: Mutex<()>,
    sitemaps: Sitemaps,
    followed: Mutex<Followed>,
}

impl Shelf {
    /// An empty shelf; [`Shelf::refresh`] or the first request fills it from its rows.
    pub fn new(core: Core, theme: Arc<Theme>) -> Self {
        let bodies = Bodies::new(core.config.feeds.memory_bytes);
        let deltas = Deltas::new(core.config.feeds.memory_bytes);
        Self {
            core,
            theme,
            state: ArcSwapOption::empty(),
            paths: RwLock::default(),
            slots: RwLock::default(),
            bodies,
            deltas,
            refreshing: Mutex::new(()),
            listing: ArcSwapOption::empty(),
            listing_flight: Mutex::new(()),
            sitemaps: Sitemaps::default(),
            followed: Mutex::default(),
        }
    }

    /// Follows the release log until told to stop: learns the head by bell or poll, and builds changed feeds ahead of requests.
    pub async fn follow(&self, stop: CancellationToken) {
        loop {
            // Before the look, so that no ring between look and wait is lost.
            let bell = self.core.bells.released.notified();
            let work = async {
                match self.refresh().await {
                    Ok(()) => self.build_ahead().await,
                    Err(error) => tracing::warn!(%error, "the release log could not be read"),
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = work => {}
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = bell => {}
                () = tokio::time::sleep(POLL) => {}
            }
        }
    }

    /// One round of [`Shelf::follow`]: reads the log and builds what is waited for.
    pub async fn catch_up(&self) -> Result<(), ShelfError> {
        self.refresh().await?;
        self.build_ahead().await;
        Ok(())
    }

    /// The feed at a path. For a feed that has not changed this touches no database.
    pub async fn find(&self, path: &str) -> Result<Lookup, ShelfError> {
        let guard = self.state().await?;
        let Some(state) = guard.as_ref() else {
            return Err(ShelfError::Waiting);
        };
        let known = read(&self.paths).get(path).cloned();
        let (slot, format) = if let Some(known) = known {
            known
        } else {
            let Some(key) = FeedKey::parse(path).filter(|key| state.catalogue.has(&key.scope))
            else {
                return Ok(Lookup::Unknown);
            };
            let canonical = key.path();
            if canonical != path {
                return Ok(Lookup::Moved(canonical));
            }
            let slot = self.slot(&key.scope);
            write(&self.paths).insert(canonical, (slot.clone(), key.format));
            if key.scope.is_dynamic() {
                // Now, so that it is not itself the one that nobody asked for.
                slot.asked_at
                    .store(self.core.clock.now().as_millis(), Ordering::Relaxed);
                self.make_room().await?;
            }
            (slot, key.format)
        };
        let now = self.core.clock.now();
        if self.is_gone(state, &slot, now) {
            return Ok(Lookup::Gone);
        }
        slot.asked_at.store(now.as_millis(), Ordering::Relaxed);
        let needed = state.needed(&slot.scope);
        let shelved = if let Some(shelved) = slot.fresh(needed, now) {
            shelved
        } else {
            let state = state.clone();
            drop(guard);
            self.ensure(&slot, &state).await?
        };
        Ok(Lookup::Feed(Found {
            format,
            head: shelved.heads[format as usize].clone(),
            slot,
        }))
    }

    /// The feed at a path if it has been asked for before and has not changed since: what most polls are. Waits for nothing; whoever
    /// gets nothing asks [`Shelf::find`].
    pub fn peek(&self, path: &str, now: Timestamp) -> Option<Found> {
        let state = self.state.load();
        let state = state.as_ref()?;
        let (slot, format) = read(&self.paths).get(path).cloned()?;
        // First, so that what is loaded after it is at least what was found right then.
        let right_in = slot.right_in.load(Ordering::Acquire);
        let shelved = slot.shelved.load();
        let shelved = shelved.as_ref()?;
        if right_in == state.serial {
            if shelved.has_ended(now) {
                return None;
            }
        } else {
            if !shelved.is_right(state.needed(&slot.scope), now) {
                return None;
            }
            if state.catalogue.closed_at(&slot.scope).is_some() {
                // Its end is a matter of the clock.
                if self.is_gone(state, &slot, now) {
                    return None;
                }
            } else {
                slot.right_in.store(state.serial, Ordering::Release);
            }
        }
        let head = shelved.heads[format as usize].clone();
        slot.asked_at.store(now.as_millis(), Ordering::Relaxed);
        Some(Found { format, head, slot })
    }

    /// Whether a path asks for a feed that anybody may invent (a choice, a search) and that is not on the shelf: then the format.
    pub fn would_make(&self, path: &str) -> Option<Format> {
        let key = FeedKey::parse(path).filter(|key| key.scope.is_dynamic())?;
        let is_there = read(&self.slots)
            .get(&key.scope)
            .is_some_and(|slot| slot.shelved.load().is_some());
        (!is_there).then_some(key.format)
    }

    /// Bytes of feeds in memory, and scopes that are known.
    pub fn size(&self) -> (u64, usize) {
        (self.bodies.weight(), read(&self.slots).len())
    }

    fn is_gone(&self, state: &State, slot: &Slot, now: Timestamp) -> bool {
        let closed_days = self.core.config.feeds.closed_days;
        state.catalogue.is_gone(&slot.scope, closed_days, now)
    }

    /// The catalogue in memory.
    pub async fn catalogue(&self) -> Result<Arc<Catalogue>, ShelfError> {
        let guard = self.state().await?;
        guard
            .as_ref()
            .map(|state| state.catalogue.clone())
            .ok_or(ShelfError::Waiting)
    }

    fn slot(&self, scope: &Scope) -> Arc<Slot> {
        if let Some(slot) = read(&self.slots).get(scope) {
            return slot.clone();
        }
        write(&self.slots)
            .entry(scope.clone())
            .or_insert_with(|| Arc::new(Slot::new(scope.clone())))
            .clone()
    }

    /// Keeps the scopes that anybody can make within their bound: those that were asked for longest ago go, from memory and from
    /// the shelf, a tenth at once. Whoever asks for one again gets it built again.
    async fn make_room(&self) -> Result<(), ShelfError> {
        let most = self.core.config.feeds.dynamic_max;
        let gone: Vec<Scope> = {
            let mut slots = write(&self.slots);
            let mut dynamic: Vec<(i64, Scope)> = Vec::new();
            if slots.len() > most {
                dynamic.extend(
                    slots
                        .values()
                        .filter(|slot| slot.scope.is_dynamic())
                        .map(|slot| (slot.asked_at.load(Ordering::Relaxed), slot.scope.clone())),
                );
            }
            if dynamic.len() <= most {
                return Ok(());
            }
            dynamic.sort_unstable();
            let surplus = dynamic.len() - most + most / 10;
            let gone: Vec<Scope> = dynamic.into_iter().take(surplus).map(|(_, s)| s).collect();
            for scope in &gone {
                slots.remove(scope);
            }
            gone
        };
        {
            let mut paths = write(&self.paths);
            for scope in &gone {
                for key in keys(scope) {
                    paths.remove(&key.path());
                }
            }
        }
        tracing::info!(
            count = gone.len(),
            "feeds of choices and searches that nobody asked for lately are let go"
        );
        self.delete_rows(&gone).await
    }

    async fn delete_rows(&self, scopes: &[Scope]) -> Result<(), ShelfError> {
        let keys: Vec<String> = scopes
            .iter()
            .flat_map(|scope| keys(scope).map(|key| key.to_string()))
            .collect();
        for some in keys.chunks(500) {
            let mut tx = self.core.db.begin().await?;
            store::delete_rows(&mut tx, some).await?;
            tx.commit().await?;
        }
        Ok(())
    }
}

/// The keys of a scope's three formats.
fn keys(scope: &Scope) -> [FeedKey; 3] {
    Format::ALL.map(|format| FeedKey {
        scope: scope.clone(),
        format,
    })
}

/// A scope as its rows have it; `None` if one is missing. Rows of an older build are worth showing, but not believed.
fn shelved(rows: &[(Format, Row)], build: i64, config: &Config) -> Option<Shelved> {
    let find = |format| {
        let (_, row) = rows.iter().find(|(f, _)| *f == format)?;
        Some(Arc::new(Head::new(row, config)))
    };
    let heads = [find(Format::Rss)?, find(Format::Atom)?, find(Format::Json)?];
    let checked_no = heads
        .iter()
        .map(|head| if head.build >= build { head.log_no } else { -1 })
        .min()?;
    Some(Shelved { checked_no, heads })
}

fn read<T>(lock: &RwLock<T>) -> std::sync::RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> std::sync::RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}
