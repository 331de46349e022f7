//! What tells of all feeds at once: the list for people, the OPML, and the sitemaps beside them.

use std::sync::Arc;

use bytes::Bytes;

use super::bytes::work;
use super::{Shelf, ShelfError};
use crate::syndication::coding::Coding;
use crate::syndication::directory::{self, Directory};
use crate::syndication::opml;
use crate::syndication::render::stem;
use crate::syndication::sitemap::Sitemap;

/// The list of feeds and its OPML, made once per head.
pub(super) struct Listing {
    head: i64,
    directory: Arc<Directory>,
    /// By coding.
    opml: [Bytes; 4],
    stem: String,
}

impl Shelf {
    /// The list of feeds for people.
    pub async fn directory(&self) -> Result<Arc<Directory>, ShelfError> {
        Ok(self.listing().await?.directory.clone())
    }

    /// The list of feeds as OPML in a coding, with the stem of its validators.
    pub async fn opml(&self, coding: Coding) -> Result<(String, Bytes), ShelfError> {
        let listing = self.listing().await?;
        let bytes = listing.opml[coding as usize].clone();
        Ok((listing.stem.clone(), bytes))
    }

    async fn listing(&self) -> Result<Arc<Listing>, ShelfError> {
        let state = self.state().await?.clone().ok_or(ShelfError::Waiting)?;
        let current = |listing: &Arc<Listing>| listing.head >= state.head;
        if let Some(listing) = self.listing.load_full().filter(current) {
            return Ok(listing);
        }
        let _flight = self.listing_flight.lock().await;
        if let Some(listing) = self.listing.load_full().filter(current) {
            return Ok(listing);
        }
        let config = &self.core.config;
        let directory = directory::gather(
            &self.core.db,
            config,
            &state.catalogue,
            &self.theme,
            state.birth.at,
        )
        .await?;
        let bytes = opml::write(&directory, &config.newsroom.zone()).map_err(|error| {
            ShelfError::Broken {
                feed: "feeds.opml".to_owned(),
                reason: error.to_string(),
            }
        })?;
        let stem = stem(&bytes);
        let bytes = Bytes::from(bytes);
        let opml = work(move || Coding::ALL.map(|coding| coding.encode(&bytes))).await?;
        let listing = Arc::new(Listing {
            head: state.head,
            directory: Arc::new(directory),
            stem,
            opml,
        });
        self.listing.store(Some(listing.clone()));
        Ok(listing)
    }

    /// The stem of a sitemap's entity tag; `None` if there is no such sitemap.
    pub async fn find_sitemap(&self, sitemap: Sitemap) -> Result<Option<String>, ShelfError> {
        let state = self.state().await?.clone().ok_or(ShelfError::Waiting)?;
        let (core, now) = (&self.core, self.core.clock.now());
        let found = self
            .sitemaps
            .find(&core.db, &core.config, state.head, sitemap, now);
        Ok(found.await?)
    }

    /// The bytes of a sitemap that was found.
    pub async fn sitemap(&self, sitemap: Sitemap, stem: &str) -> Result<Bytes, ShelfError> {
        let (core, now) = (&self.core, self.core.clock.now());
        let body = self
            .sitemaps
            .body(&core.db, &core.config, sitemap, stem, now);
        Ok(body.await?)
    }
}
