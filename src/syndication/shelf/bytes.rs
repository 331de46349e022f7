//! The bytes of feeds in memory, each coding on its own, all of them together within `feeds.memory_bytes`.
//!
//! A coding is made when the first reader asks for it, by one of those who wait, and from then on ahead of readers whenever the
//! feed is built, as long as somebody asks. So a feed that is read as gzip alone costs some kilobytes, and one that nobody reads
//! nothing. What was let go comes back from another coding that is still there, else from the row.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use moka::sync::Cache;

use super::{Found, Head, Shelf, ShelfError};
use crate::base::sendable::Sendable;
use crate::syndication::coding::Coding;
use crate::syndication::store;

/// What an entry costs beside its bytes.
const ENTRY_BYTES: usize = 200;

/// Names bytes by what they are: a stem stands for one body.
type Name = (Arc<str>, Coding);

/// Bodies that are read most have pages for the kernel to send; so many at most, each a descriptor and 64 KB at most.
const WITH_PAGES: u64 = 256;
/// What nobody reads any more gives its pages back.
const PAGES_IDLE: Duration = Duration::from_mins(10);
/// With so many readings a body gets them.
const READINGS: u32 = 64;

/// Bytes by stem and coding.
pub(super) struct Bodies {
    cache: Cache<Name, Body>,
    with_pages: Cache<Name, Sendable>,
}

#[derive(Clone)]
struct Body {
    bytes: Bytes,
    readings: Arc<AtomicU32>,
}

impl Bodies {
    pub(super) fn new(most_bytes: u64) -> Self {
        let cache = Cache::builder()
            .weigher(|_: &Name, body: &Body| {
                u32::try_from(body.bytes.len() + ENTRY_BYTES).unwrap_or(u32::MAX)
            })
            .max_capacity(most_bytes)
            .build();
        Self {
            cache,
            with_pages: Cache::builder()
                .max_capacity(WITH_PAGES)
                .time_to_idle(PAGES_IDLE)
                .build(),
        }
    }

    pub(super) fn get(&self, stem: &Arc<str>, coding: Coding) -> Option<Bytes> {
        Some(self.cache.get(&(stem.clone(), coding))?.bytes)
    }

    /// The same for one of many readers.
    fn sendable(&self, stem: &Arc<str>, coding: Coding) -> Option<Sendable> {
        let name = (stem.clone(), coding);
        if let Some(sendable) = self.with_pages.get(&name) {
            return Some(sendable);
        }
        let Body { bytes, readings } = self.cache.get(&name)?;
        let mut sendable = Sendable::plain(bytes);
        if readings.fetch_add(1, Ordering::Relaxed) % READINGS == READINGS - 1 {
            sendable = sendable.with_pages();
            if sendable.has_pages() {
                self.with_pages.insert(name, sendable.clone());
            }
        }
        Some(sendable)
    }

    pub(super) fn insert(&self, stem: &Arc<str>, coding: Coding, bytes: Bytes) {
        let body = Body {
            bytes,
            readings: Arc::default(),
        };
        self.cache.insert((stem.clone(), coding), body);
    }

    /// Bytes that they take.
    pub(super) fn weight(&self) -> u64 {
        self.cache.run_pending_tasks();
        self.cache.weighted_size()
    }

    /// The bytes in any coding that is there, those first that are cheapest to unpack.
    fn any(&self, stem: &Arc<str>) -> Option<(Coding, Bytes)> {
        [Coding::Identity, Coding::Zstd, Coding::Gzip, Coding::Brotli]
            .into_iter()
            .find_map(|coding| Some((coding, self.get(stem, coding)?)))
    }
}

/// In which codings readers want a feed: since the last build, and between that and the one before.
#[derive(Default)]
pub(super) struct Wanted {
    now: AtomicU8,
    before: AtomicU8,
}

impl Wanted {
    fn note(&self, coding: Coding) {
        // Nearly always noted already, and reading does not take the line from the other cores.
        if self.now.load(Ordering::Relaxed) & coding.bit() == 0 {
            self.now.fetch_or(coding.bit(), Ordering::Relaxed);
        }
    }

    /// The set for a build, which begins a new count. Two builds without a reader, and nothing is made ahead.
    pub(super) fn turn(&self) -> u8 {
        let now = self.now.swap(0, Ordering::Relaxed);
        now | self.before.swap(now, Ordering::Relaxed)
    }
}

impl Shelf {
    /// The bytes of a feed in a coding if they are in memory.
    pub fn kept(&self, found: &Found, coding: Coding) -> Option<Sendable> {
        found.slot.wanted[found.format as usize].note(coding);
        self.bodies.sendable(&found.head.stem, coding)
    }

    /// The bytes of a feed that was found, with the headers that belong to them.
    pub async fn bytes(
        &self,
        found: &Found,
        coding: Coding,
    ) -> Result<(Arc<Head>, Bytes), ShelfError> {
        if let Some(bytes) = self.kept(found, coding) {
            return Ok((found.head.clone(), bytes.bytes().clone()));
        }
        let _flight = found.slot.flight.lock().await;
        let head = found.head.clone();
        if let Some(bytes) = self.bodies.get(&head.stem, coding) {
            return Ok((head, bytes));
        }
        if let Some((other, bytes)) = self.bodies.any(&head.stem)
            && let Some(bytes) = work(move || Some(coding.encode(&other.decode(&bytes)?))).await?
        {
            self.bodies.insert(&head.stem, coding, bytes.clone());
            return Ok((head, bytes));
        }
        // Let go, or put on the shelf by another instance, which may have replaced it since.
        let (row, bytes) = store::find_body(&self.core.db, &found.key().to_string())
            .await?
            .ok_or(ShelfError::Waiting)?;
        let head = if *row.etag == *head.stem {
            head
        } else {
            Arc::new(Head::new(&row, &self.core.config))
        };
        let bytes = work(move || coding.encode(&bytes.into())).await?;
        self.bodies.insert(&head.stem, coding, bytes.clone());
        Ok((head, bytes))
    }
}

/// Packing takes milliseconds: not on the threads that answer.
pub(super) async fn work<T: Send + 'static>(
    pack: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ShelfError> {
    tokio::task::spawn_blocking(pack)
        .await
        .map_err(|_| ShelfError::Waiting)
}
