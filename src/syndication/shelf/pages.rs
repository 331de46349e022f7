//! Closed pages of archives. They are built when somebody first reads them and kept from then on, so that their bytes stay as they
//! are whatever happens to settings, section names, new translations or quiet edits.

use std::sync::Arc;

use bytes::Bytes;

use super::bytes::work;
use super::state::State;
use super::{Head, Shelf, ShelfError};
use crate::base::time::Timestamp;
use crate::db::is_retryable;
use crate::syndication::archive::{self, Page, PageKey, page_path};
use crate::syndication::coding::Coding;
use crate::syndication::feed::Format;
use crate::syndication::gather::gather_page;
use crate::syndication::render::Rendered;
use crate::syndication::store::Row;

/// What the path of a page leads to.
pub enum PageLookup {
    /// No such page.
    Unknown,
    /// The page's address is another for good: it was written in an unusual way.
    Moved(String),
    /// The version that holds now stands there, or the head where the page is not closed yet.
    SeeOther(String),
    /// The feed has ended.
    Gone,
    /// A page.
    Page(FoundPage),
}

/// A closed page.
pub struct FoundPage {
    /// Its format.
    pub format: Format,
    /// Its headers.
    pub head: Arc<Head>,
    path: String,
}

/// How often a page may get another version while it is read.
const TRIES: u32 = 5;
/// How pages are kept: there may be many, and most readers take them so.
const PACKED: Coding = Coding::Gzip;

impl Shelf {
    /// The closed page at a path like `/kk/feed/3.atom`.
    pub async fn page(&self, path: &str) -> Result<PageLookup, ShelfError> {
        let state = self.state().await?.clone().ok_or(ShelfError::Waiting)?;
        let known = |key: &PageKey| state.catalogue.has(&key.feed.scope);
        let Some(key) = PageKey::parse(path).filter(known) else {
            return Ok(PageLookup::Unknown);
        };
        let canonical = key.path();
        if canonical != path {
            return Ok(PageLookup::Moved(canonical));
        }
        let scope = &key.feed.scope;
        let now = self.core.clock.now();
        let closed_days = self.core.config.feeds.closed_days;
        if state.catalogue.is_gone(scope, closed_days, now) {
            return Ok(PageLookup::Gone);
        }
        // The archive is right when the head is: what was withdrawn must be in neither.
        let slot = self.slot(scope);
        let needed = state.needed(scope);
        if self.ensure(&slot, &state).await?.checked_no < needed {
            return Err(ShelfError::Waiting);
        }
        let (db, folder) = (&self.core.db, scope.folder());
        let origin = self.core.config.server.base_url();
        for _ in 0..TRIES {
            let page = archive::store::find_page(db, &folder, key.page).await?;
            let Some(page) = page else {
                let last = archive::store::find_last_page(db, &folder).await?;
                let is_next = key.page == last.map_or(0, |last| last.page) + 1;
                return Ok(if is_next && last.is_some() {
                    PageLookup::SeeOther(key.feed.path())
                } else {
                    PageLookup::Unknown
                });
            };
            if key.version != Some(page.version) {
                let format = key.feed.format;
                let path = page_path(scope, format, page.page, Some(page.version));
                return Ok(PageLookup::SeeOther(path));
            }
            if let Some(row) = archive::store::find_file(db, &path[1..], origin).await? {
                return Ok(PageLookup::Page(FoundPage {
                    format: key.feed.format,
                    head: Arc::new(Head::of_page(&row, &self.core.config)),
                    path: canonical,
                }));
            }
            let _flight = slot.flight.lock().await;
            self.build_page(&key, page, &state).await?;
        }
        Err(ShelfError::Overtaken)
    }

    /// The bytes of a page that was found, in a coding.
    pub async fn page_bytes(&self, found: &FoundPage, coding: Coding) -> Result<Bytes, ShelfError> {
        let stem = &found.head.stem;
        if let Some(bytes) = self.bodies.get(stem, coding) {
            return Ok(bytes);
        }
        // It may have got another version this very moment; whoever asks again is sent there.
        let packed = archive::store::find_bytes(&self.core.db, &found.path[1..], stem)
            .await?
            .ok_or(ShelfError::Overtaken)?;
        let bytes = work(move || Some(coding.encode(&PACKED.decode(&packed.into())?)))
            .await?
            .ok_or_else(|| ShelfError::Broken {
                feed: found.path.clone(),
                reason: "cannot be unpacked".to_owned(),
            })?;
        self.bodies.insert(stem, coding, bytes.clone());
        Ok(bytes)
    }

    /// Writes a page and keeps it, unless it got another version meanwhile.
    async fn build_page(&self, key: &PageKey, page: Page, state: &State) -> Result<(), ShelfError> {
        let scope = &key.feed.scope;
        let material = gather_page(self.source(state), scope, page.page, page.version).await?;
        let Some(material) = material else {
            return Ok(());
        };
        let formats = vec![(key.feed.format, PACKED.bit())];
        let rendered = self.render(scope, material, formats).await?;
        for finished in rendered {
            let row = Row {
                feed_key: key.path()[1..].to_owned(),
                log_no: 0,
                build: 0,
                etag: finished.stem.clone(),
                last_modified: self.core.clock.now().floor_to_secs(),
                as_of: Timestamp::from_millis(0),
                until: None,
            };
            let mut tries = 0;
            loop {
                match self.keep_page(key, page, &row, &finished).await {
                    Err(error) if is_retryable(&error) && tries < 5 => tries += 1,
                    done => break done?,
                }
            }
        }
        Ok(())
    }

    async fn keep_page(
        &self,
        key: &PageKey,
        page: Page,
        row: &Row,
        finished: &Rendered,
    ) -> crate::db::Result<()> {
        let mut tx = self.core.db.begin().await?;
        let folder = key.feed.scope.folder();
        let origin = self.core.config.server.base_url();
        for (_, packed) in &finished.coded {
            let numbers = (page.page, page.version);
            archive::store::keep_file(&mut tx, &folder, numbers, origin, row, packed).await?;
        }
        tx.commit().await
    }
}
