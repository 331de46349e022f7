//! Deltas from the shelf: against the documents whose marks it remembers, and no others.
//!
//! The marks of former documents stand in the database, so a delta is the same after a restart and on every instance; in memory
//! are those of feeds that are asked for deltas, read once for each change.

use std::sync::Arc;

use bytes::Bytes;
use moka::sync::Cache;

use super::bytes::work;
use super::{Found, Head, Shelf, ShelfError};
use crate::syndication::archive::page_size;
use crate::syndication::coding::Coding;
use crate::syndication::delta::{End, Former, Items, Mark};
use crate::syndication::store;

/// What deltas may take of `feeds.memory_bytes`: an eighth for bytes, and as much for marks.
const SHARE: u64 = 8;
/// What an entry costs beside its bytes.
const ENTRY_BYTES: usize = 200;

/// A delta for one reader.
pub struct Delta {
    /// The headers of the present document.
    pub head: Arc<Head>,
    /// The stem of the document that the reader has.
    pub base: Arc<str>,
    /// The bytes.
    pub bytes: Bytes,
}

/// The documents of a feed by stem, the present one among them.
type Past = Arc<Vec<(Arc<str>, Former)>>;

/// What is known of deltas, in memory.
pub(super) struct Deltas {
    /// By the stem of the present document.
    past: Cache<Arc<str>, Past>,
    /// By the stems of the present and the former document. `None`: the whole must be sent.
    made: Cache<(Arc<str>, Arc<str>, Coding), Option<Bytes>>,
}

impl Deltas {
    pub(super) fn new(most_bytes: u64) -> Self {
        let size = |bytes: usize| u32::try_from(bytes + ENTRY_BYTES).unwrap_or(u32::MAX);
        Self {
            past: Cache::builder()
                .weigher(move |_, past: &Past| {
                    let marks: usize = past.iter().map(|(_, former)| former.marks.len() + 8).sum();
                    size(marks * size_of::<Mark>())
                })
                .max_capacity(most_bytes / SHARE)
                .build(),
            made: Cache::builder()
                .weigher(move |_, made: &Option<Bytes>| size(made.as_ref().map_or(0, Bytes::len)))
                .max_capacity(most_bytes / SHARE)
                .build(),
        }
    }
}

impl Shelf {
    /// What a reader needs who has one of the documents `stems` names, the first that is known. `None` where the whole must be
    /// sent: none is known, or something was taken away since that it does not name.
    pub async fn delta(
        &self,
        found: &Found,
        stems: impl Iterator<Item = &str> + Send,
        coding: Coding,
    ) -> Result<Option<Delta>, ShelfError> {
        let past = self.past(found).await?;
        let find = |stem: &str| past.iter().find(|(known, _)| **known == *stem);
        let (Some((_, present)), Some((base, old))) =
            (find(&found.head.stem), { stems }.find_map(find))
        else {
            return Ok(None);
        };
        let head = found.head.clone();
        let name = (head.stem.clone(), base.clone(), coding);
        let bytes = if let Some(made) = self.deltas.made.get(&name) {
            made
        } else {
            let (now, whole) = self.bytes(found, Coding::Identity).await?;
            if now.stem != head.stem {
                return Ok(None);
            }
            let end = self.end(found, present.page - old.page);
            let (format, old) = (found.format, old.marks.clone());
            let made = work(move || {
                let items = Items::find(format, &whole).ok()?;
                let places = items.changed_since(&old, end)?;
                Some(coding.encode(&items.only(format, &whole, &places).into()))
            })
            .await?;
            self.deltas.made.insert(name, made.clone());
            made
        };
        Ok(bytes.map(|bytes| Delta {
            head,
            base: base.clone(),
            bytes,
        }))
    }

    /// What fell off the end of a feed while so many pages were closed behind it.
    fn end(&self, found: &Found, pages: i64) -> End {
        let items = self.core.config.feeds.items;
        let count = |count: i64| usize::try_from(count).unwrap_or(usize::MAX);
        if found.slot.scope.is_dynamic() {
            End::Most(count(items))
        } else {
            End::Closed(count(pages * page_size(items)))
        }
    }

    async fn past(&self, found: &Found) -> Result<Past, ShelfError> {
        let stem = &found.head.stem;
        if let Some(past) = self.deltas.past.get(stem) {
            return Ok(past);
        }
        let rows = store::list_past(&self.core.db, &found.key().to_string()).await?;
        let past: Past = Arc::new(
            rows.into_iter()
                .filter_map(|(etag, marks)| Some((etag.into(), Former::read(&marks)?)))
                .collect(),
        );
        self.deltas.past.insert(stem.clone(), past.clone());
        Ok(past)
    }
}
