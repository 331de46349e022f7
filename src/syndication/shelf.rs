//! The shelf: finished feed bytes, built once per change (DESIGN 5.2).
//!
//! A **scope** is built at once in its three formats, from one snapshot; a **row** is one format. In memory stand the log's
//! head, which scopes changed at which number, and every row's validators, so a conditional request for a scope that has not
//! changed costs a look into a map. Whoever sees a changed scope first builds it; others wait for that one build. A row that
//! another instance has already put on the shelf is taken as it is, and after a restart the rows are there before the first
//! request.
//!
//! What fails its check never reaches the shelf: the last good bytes stay, and an error is logged.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use arc_swap::{ArcSwapOption, Guard};
use bytes::Bytes;
use moka::future::Cache;
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use super::catalogue::Catalogue;
use super::directory::{self, Directory};
use super::document::{Document, GENERATOR_VERSION};
use super::feed::{FeedKey, Format, Scope};
use super::gather::{Birth, gather};
use super::opml;
use super::render::{Body, Rendered, render, stem};
use super::sitemap::{Sitemap, Sitemaps};
use super::store::{self, Row};
use super::websub::{self, hubs};
use crate::base::language::Language;
use crate::base::time::Timestamp;
use crate::db::is_retryable;
use crate::newsroom::store as newsroom;
use crate::newsroom::{LogEntry, LogKind};
use crate::theme::Theme;
use crate::work::Core;
use crate::work::store::{find_meta, keep_meta, set_meta};

/// Raised whenever the writers write other bytes for the same articles.
const WRITER: i64 = 2;
/// Builds of one writer under different settings: `build` is `WRITER * EPOCHS + epoch`.
const EPOCHS: i64 = 1 << 32;
/// How often the head is asked for when no bell rings.
const POLL: Duration = Duration::from_secs(1);
/// A scope that nobody asked for so long is no longer built ahead of a request.
const WARM_SECS: i64 = 24 * 3600;
/// So long what is waited for is known while nothing changes.
const FOLLOW_SECS: i64 = 60;
/// After a failed build the old bytes are served so long before the next try.
const RETRY_SECS: i64 = 5;
/// More new log entries than this dirty whole languages, so that a large import is not read twice.
const PRECISE_ENTRIES: usize = 200;

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

/// The validators of one feed, ready to be sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Head {
    /// What the entity tags of all codings begin with.
    pub stem: String,
    /// `ETag` of the identity coding, quoted.
    pub etag: Bytes,
    /// `ETag` of the gzip coding, quoted.
    pub etag_gzip: Bytes,
    /// When the bytes last changed.
    pub last_modified: Timestamp,
    /// The same as an HTTP date.
    pub last_modified_text: Bytes,
    log_no: i64,
    build: i64,
}

impl Head {
    fn new(row: &Row) -> Self {
        Self {
            stem: row.etag.clone(),
            etag: format!("\"{}\"", row.etag).into(),
            etag_gzip: format!("\"{}-gzip\"", row.etag).into(),
            last_modified: row.last_modified,
            last_modified_text: row.last_modified.http_date().into(),
            log_no: row.log_no,
            build: row.build,
        }
    }
}

/// The three formats of a scope, and the number up to which they are known to be right.
struct Shelved {
    checked_no: i64,
    heads: [Arc<Head>; 3],
}

/// A scope's place on the shelf.
struct Slot {
    scope: Scope,
    shelved: ArcSwapOption<Shelved>,
    /// Whoever holds it builds; the others wait and find the work done.
    flight: Mutex<()>,
    asked_at: AtomicI64,
    failed_at: AtomicI64,
}

impl Slot {
    fn new(scope: Scope) -> Self {
        Self {
            scope,
            shelved: ArcSwapOption::empty(),
            flight: Mutex::new(()),
            asked_at: AtomicI64::new(i64::MIN),
            failed_at: AtomicI64::new(i64::MIN),
        }
    }

    fn fresh(&self, needed: i64) -> Option<Arc<Shelved>> {
        self.shelved
            .load_full()
            .filter(|shelved| shelved.checked_no >= needed)
    }
}

/// What is known of the newsroom at one head of the log.
struct State {
    head: i64,
    build: i64,
    birth: Birth,
    catalogue: Arc<Catalogue>,
    /// Everything changed here.
    dirty_all: i64,
    /// Everything in a language changed here.
    dirty_languages: HashMap<Language, i64>,
    /// A section's or tag's feed, or a language's own, changed here.
    dirty_scopes: HashMap<Scope, i64>,
}

impl State {
    /// The number at which the scope last changed, as far as is known.
    fn needed(&self, scope: &Scope) -> i64 {
        let languages = scope.languages();
        if languages.is_empty() {
            return self.head.max(self.dirty_all);
        }
        let of = |found: Option<&i64>| found.copied().unwrap_or(0);
        languages
            .iter()
            .map(|language| {
                let changed = if scope.is_dynamic() {
                    // What was chosen or looked for may be any article of the language.
                    of(self.dirty_scopes.get(&Scope::Language(language.clone())))
                } else {
                    of(self.dirty_scopes.get(scope))
                };
                changed.max(of(self.dirty_languages.get(language)))
            })
            .fold(self.dirty_all, i64::max)
    }
}

/// The list of feeds and its OPML, made once per head.
struct Listing {
    head: i64,
    directory: Arc<Directory>,
    opml: Body,
    stem: String,
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
    /// Which.
    pub key: FeedKey,
    /// Its validators.
    pub head: Arc<Head>,
}

/// The shelf. One in a process; share it in an [`Arc`].
pub struct Shelf {
    core: Core,
    theme: Arc<Theme>,
    state: ArcSwapOption<State>,
    /// By request path, so that a known feed costs no parsing.
    paths: RwLock<HashMap<String, (Arc<Slot>, Format)>>,
    slots: RwLock<HashMap<Scope, Arc<Slot>>>,
    bodies: Cache<(String, String), Arc<Body>>,
    refreshing: Mutex<()>,
    listing: ArcSwapOption<Listing>,
    listing_flight: Mutex<()>,
    sitemaps: Sitemaps,
    followed: Mutex<Followed>,
}

/// The scopes that are waited for, as they were at a head and an instant. Who subscribes makes the shelf build the feed, so they
/// need to be read again only when something changed; and now and then, for what another instance accepted.
#[derive(Default)]
struct Followed {
    head: i64,
    at: Option<Timestamp>,
    scopes: Arc<HashSet<Scope>>,
}

impl Shelf {
    /// An empty shelf; [`Shelf::refresh`] or the first request fills it from its rows.
    pub fn new(core: Core, theme: Arc<Theme>) -> Self {
        let bodies = Cache::builder()
            .weigher(|_: &(String, String), body: &Arc<Body>| {
                u32::try_from(body.weight()).unwrap_or(u32::MAX)
            })
            .max_capacity(core.config.feeds.memory_bytes)
            .build();
        Self {
            core,
            theme,
            state: ArcSwapOption::empty(),
            paths: RwLock::default(),
            slots: RwLock::default(),
            bodies,
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

    /// Reads the head of the release log, and what changed since the last time.
    pub async fn refresh(&self) -> Result<(), ShelfError> {
        let _turn = self.refreshing.lock().await;
        let db = &self.core.db;
        let head = newsroom::get_head(db).await?;
        let known = self.state.load_full();
        let state = match known {
            Some(known) if known.head == head => return Ok(()),
            Some(known) if known.head < head => {
                let entries = newsroom::list_log(db, known.head, head).await?;
                let mut next = State {
                    head,
                    build: known.build,
                    birth: known.birth.clone(),
                    catalogue: self.read_catalogue().await?,
                    dirty_all: known.dirty_all,
                    dirty_languages: known.dirty_languages.clone(),
                    dirty_scopes: known.dirty_scopes.clone(),
                };
                self.mark(&mut next, &entries).await?;
                next
            }
            // The first look, or a database that was restored to an earlier head: what stands in memory is worth nothing.
            _ => self.begin(head).await?,
        };
        self.state.store(Some(Arc::new(state)));
        Ok(())
    }

    async fn begin(&self, head: i64) -> Result<State, ShelfError> {
        let (build, birth) = self.register().await?;
        let catalogue = self.read_catalogue().await?;
        write(&self.paths).clear();
        let mut by_scope: HashMap<Scope, Vec<(Format, Row)>> = HashMap::new();
        for row in store::list_rows(&self.core.db).await? {
            if let Some(key) = FeedKey::parse(&row.feed_key) {
                by_scope
                    .entry(key.scope)
                    .or_default()
                    .push((key.format, row));
            }
        }
        let mut slots = HashMap::new();
        // Who last asked for them is not known after a restart: what is above the bound goes.
        let dynamic = by_scope.keys().filter(|s| s.is_dynamic()).count();
        let surplus: Vec<Scope> = by_scope
            .keys()
            .filter(|scope| scope.is_dynamic())
            .take(dynamic.saturating_sub(self.core.config.feeds.dynamic_max))
            .cloned()
            .collect();
        for scope in &surplus {
            by_scope.remove(scope);
        }
        self.delete_rows(&surplus).await?;
        for (scope, rows) in by_scope {
            let slot = Slot::new(scope.clone());
            slot.shelved.store(shelved(&rows, build).map(Arc::new));
            slots.insert(scope, Arc::new(slot));
        }
        *write(&self.slots) = slots;
        Ok(State {
            head,
            build,
            birth,
            catalogue,
            dirty_all: head,
            dirty_languages: HashMap::new(),
            dirty_scopes: HashMap::new(),
        })
    }

    /// Which build this process makes, and when the newsroom began. Other settings or another program make another build, so
    /// that rows they would write differently are built anew although the log stands still.
    async fn register(&self) -> Result<(i64, Birth), ShelfError> {
        let fingerprint = self.fingerprint();
        let stored = find_meta(&self.core.db, "shelf.build").await?;
        let (epoch, is_same) = match stored.as_deref().and_then(|text| text.split_once(' ')) {
            Some((epoch, print)) => (epoch.parse().unwrap_or(0), print == fingerprint),
            None => (0_i64, false),
        };
        let began = find_meta(&self.core.db, "shelf.began_at").await?;
        let uid = find_meta(&self.core.db, "newsroom.uid").await?;
        if let (true, Some(began), Some(uid)) = (is_same, began, uid) {
            return Ok((WRITER * EPOCHS + epoch, birth(&began, uid)));
        }
        let epoch = if is_same { epoch } else { epoch + 1 };
        let now = self
            .core
            .clock
            .now()
            .floor_to_secs()
            .as_millis()
            .to_string();
        let mut tx = self.core.db.begin().await?;
        set_meta(&mut tx, "shelf.build", &format!("{epoch} {fingerprint}")).await?;
        let began = keep_meta(&mut tx, "shelf.began_at", &now).await?;
        let uid = keep_meta(&mut tx, "newsroom.uid", &self.core.clock.uuid_v7()).await?;
        tx.commit().await?;
        Ok((WRITER * EPOCHS + epoch, birth(&began, uid)))
    }

    /// A hash of all settings that reach feed bytes.
    fn fingerprint(&self) -> String {
        let config = &self.core.config;
        let newsroom = &config.newsroom;
        let latest: Vec<String> = newsroom.languages.iter().map(|l| self.latest(l)).collect();
        let text = format!(
            "{WRITER} {GENERATOR_VERSION} {latest:?} {} {} {} {:?} {:?} {:?} {} {:?} {} {:?}",
            config.server.base_url(),
            config.feeds.items,
            config.feeds.max_age_minutes,
            newsroom.names,
            newsroom.descriptions,
            newsroom.languages,
            newsroom.time_zone,
            newsroom.operator.names,
            newsroom.accent,
            hubs(config),
        );
        stem(&Sha256::digest(text))
    }

    /// “Latest news” in a language.
    fn latest(&self, language: &Language) -> String {
        let interface = self.theme.interface(language);
        self.theme.text(&interface, "latest-news", &[])
    }

    async fn read_catalogue(&self) -> Result<Arc<Catalogue>, ShelfError> {
        let db = &self.core.db;
        Ok(Arc::new(
            Catalogue::new(
                &self.core.config.newsroom.languages,
                &newsroom::list_known_languages(db).await?,
                newsroom::list_sections(db).await?,
                newsroom::list_known_tags(db).await?,
            )
            .with_closed(newsroom::list_closed_sections(db).await?),
        ))
    }

    /// Marks what the entries changed: the feeds of every language of each story, since its translations link each other.
    async fn mark(&self, state: &mut State, entries: &[LogEntry]) -> Result<(), ShelfError> {
        let db = &self.core.db;
        let stories: HashSet<i64> = entries.iter().filter_map(|e| e.story_id).collect();
        let stories: Vec<i64> = stories.into_iter().collect();
        let mut translations = Vec::new();
        for some in stories.chunks(500) {
            translations.extend(newsroom::list_translations(db, some).await?);
        }
        // An edit may have moved the article out of a section that its row no longer names.
        let is_precise = entries.len() <= PRECISE_ENTRIES
            && entries.iter().all(|entry| {
                matches!(
                    entry.kind,
                    LogKind::Released | LogKind::Archived | LogKind::Withdrawn
                )
            });
        if is_precise {
            let mut ids: Vec<i64> = entries.iter().filter_map(|e| e.article_id).collect();
            ids.extend(translations.iter().map(|t| t.article_id));
            ids.sort_unstable();
            ids.dedup();
            for article in newsroom::list_articles(db, &ids).await? {
                let language = &article.language;
                let section = article
                    .section_id
                    .and_then(|id| state.catalogue.section_in_row(id))
                    .map(|section| Scope::Section(language.clone(), section.slug.clone()));
                let tags = article
                    .tags
                    .iter()
                    .map(|tag| Scope::Tag(language.clone(), tag.slug.clone()));
                for scope in section
                    .into_iter()
                    .chain(tags)
                    .chain([Scope::Language(language.clone())])
                {
                    state.dirty_scopes.insert(scope, state.head);
                }
            }
            return Ok(());
        }
        for entry in entries {
            if entry.article_id.is_none() {
                // A section's new name stands in every language.
                state.dirty_all = state.head;
            }
            if let Some(language) = &entry.language {
                state.dirty_languages.insert(language.clone(), state.head);
            }
        }
        for translation in translations {
            state
                .dirty_languages
                .insert(translation.language, state.head);
        }
        Ok(())
    }

    async fn state(&self) -> Result<Guard<Option<Arc<State>>>, ShelfError> {
        let state = self.state.load();
        if state.is_some() {
            return Ok(state);
        }
        self.refresh().await?;
        Ok(self.state.load())
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
        let closed_days = self.core.config.feeds.closed_days;
        if state.catalogue.is_gone(&slot.scope, closed_days, now) {
            return Ok(Lookup::Gone);
        }
        slot.asked_at.store(now.as_millis(), Ordering::Relaxed);
        let needed = state.needed(&slot.scope);
        let shelved = if let Some(shelved) = slot.fresh(needed) {
            shelved
        } else {
            let state = state.clone();
            drop(guard);
            self.ensure(&slot, &state).await?
        };
        Ok(Lookup::Feed(Found {
            key: FeedKey {
                scope: slot.scope.clone(),
                format,
            },
            head: shelved.heads[format as usize].clone(),
        }))
    }

    /// The bytes of a feed that was found, with the validators that belong to them.
    pub async fn body(&self, found: &Found) -> Result<(Arc<Head>, Arc<Body>), ShelfError> {
        let key = found.key.to_string();
        let id = (key.clone(), found.head.stem.clone());
        if let Some(body) = self.bodies.get(&id).await {
            return Ok((found.head.clone(), body));
        }
        let slot = self.slot(&found.key.scope);
        let _flight = slot.flight.lock().await;
        if let Some(body) = self.bodies.get(&id).await {
            return Ok((found.head.clone(), body));
        }
        // Evicted, or put on the shelf by another instance, which may have replaced it since.
        let (row, bytes) = store::find_body(&self.core.db, &key)
            .await?
            .ok_or(ShelfError::Waiting)?;
        let head = if row.etag == found.head.stem {
            found.head.clone()
        } else {
            Arc::new(Head::new(&row))
        };
        let body = Arc::new(
            tokio::task::spawn_blocking(move || Body::new(bytes))
                .await
                .map_err(|_| ShelfError::Waiting)?,
        );
        self.bodies.insert((key, row.etag), body.clone()).await;
        Ok((head, body))
    }

    /// The list of feeds for people.
    pub async fn directory(&self) -> Result<Arc<Directory>, ShelfError> {
        Ok(self.listing().await?.directory.clone())
    }

    /// The list of feeds as OPML, with the stem of its validators.
    pub async fn opml(&self) -> Result<(String, Body), ShelfError> {
        let listing = self.listing().await?;
        Ok((listing.stem.clone(), listing.opml.clone()))
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

    /// The catalogue in memory.
    pub async fn catalogue(&self) -> Result<Arc<Catalogue>, ShelfError> {
        let guard = self.state().await?;
        guard
            .as_ref()
            .map(|state| state.catalogue.clone())
            .ok_or(ShelfError::Waiting)
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
        let listing = Arc::new(Listing {
            head: state.head,
            directory: Arc::new(directory),
            stem: stem(&bytes),
            opml: Body::new(bytes),
        });
        self.listing.store(Some(listing.clone()));
        Ok(listing)
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

    /// One round of [`Shelf::follow`]: reads the log and builds what is waited for.
    pub async fn catch_up(&self) -> Result<(), ShelfError> {
        self.refresh().await?;
        self.build_ahead().await;
        Ok(())
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

    async fn waited_for(&self, state: &State) -> Arc<HashSet<Scope>> {
        let now = self.core.clock.now();
        let mut followed = self.followed.lock().await;
        let is_fresh = followed.head == state.head
            && followed
                .at
                .is_some_and(|at| at <= now && now < at.plus_secs(FOLLOW_SECS));
        if is_fresh {
            return followed.scopes.clone();
        }
        match websub::topics::follow(&self.core, &state.catalogue).await {
            Ok(scopes) => {
                for scope in &scopes {
                    // As if somebody asked, so that it is not let go.
                    let slot = self.slot(scope);
                    slot.asked_at.store(now.as_millis(), Ordering::Relaxed);
                }
                *followed = Followed {
                    head: state.head,
                    at: Some(now),
                    scopes: Arc::new(scopes.into_iter().collect()),
                };
            }
            Err(error) => tracing::warn!(%error, "the subscribed feeds could not be read"),
        }
        followed.scopes.clone()
    }

    /// Builds what changed and was asked for lately, or is waited for by somebody who does not ask (WebSub). What anybody can make
    /// by asking is built when it is asked for.
    async fn build_ahead(&self) {
        let Some(state) = self.state.load_full() else {
            return;
        };
        // Readers of an outside hub are known to nobody but the hub, so every feed that ever was counts as waited for.
        let has_hubs = !self.core.config.websub.hubs.is_empty();
        let waited_for = self.waited_for(&state).await;
        let since = self.core.clock.now().plus_secs(-WARM_SECS).as_millis();
        let slots: Vec<Arc<Slot>> = read(&self.slots)
            .values()
            .filter(|slot| {
                waited_for.contains(&slot.scope)
                    || (!slot.scope.is_dynamic()
                        && (has_hubs || slot.asked_at.load(Ordering::Relaxed) >= since))
            })
            .cloned()
            .collect();
        for slot in slots {
            if slot.fresh(state.needed(&slot.scope)).is_none()
                && let Err(error) = self.ensure(&slot, &state).await
            {
                tracing::warn!(%error, feed = %slot.scope.page_path(), "a feed could not be built ahead");
            }
        }
    }

    /// Makes a scope right up to what the state needs; where that fails, the last good bytes stay.
    async fn ensure(&self, slot: &Slot, state: &Arc<State>) -> Result<Arc<Shelved>, ShelfError> {
        let needed = state.needed(&slot.scope);
        let _flight = slot.flight.lock().await;
        if let Some(shelved) = slot.fresh(needed) {
            return Ok(shelved);
        }
        let old = slot.shelved.load_full();
        let now = self.core.clock.now();
        let failed_at = slot.failed_at.load(Ordering::Relaxed);
        let waits =
            failed_at > now.plus_secs(-RETRY_SECS).as_millis() && failed_at <= now.as_millis();
        if waits {
            return old.ok_or(ShelfError::Waiting);
        }
        match self.build(&slot.scope, state, needed).await {
            Ok(shelved) => {
                let shelved = Arc::new(shelved);
                slot.shelved.store(Some(shelved.clone()));
                slot.failed_at.store(i64::MIN, Ordering::Relaxed);
                Ok(shelved)
            }
            Err(error) => {
                slot.failed_at.store(now.as_millis(), Ordering::Relaxed);
                match old {
                    Some(old) => {
                        tracing::error!(%error, feed = %slot.scope.page_path(), "the feed keeps its last good bytes");
                        Ok(old)
                    }
                    None => Err(error),
                }
            }
        }
    }

    async fn build(
        &self,
        scope: &Scope,
        state: &State,
        needed: i64,
    ) -> Result<Shelved, ShelfError> {
        let db = &self.core.db;
        let key = |format| FeedKey {
            scope: scope.clone(),
            format,
        };
        // Another instance may have been quicker.
        let mut rows = Vec::new();
        for format in Format::ALL {
            if let Some(row) = store::find_row(db, &key(format).to_string()).await? {
                rows.push((format, row));
            }
        }
        if let Some(shelved) = shelved(&rows, state.build).filter(|s| s.checked_no >= needed) {
            return Ok(shelved);
        }
        let config = self.core.config.clone();
        let material = gather(db, &config, &state.catalogue, scope, &state.birth)
            .await?
            .ok_or(ShelfError::Overtaken)?;
        let log_no = material.head;
        let of_scope = scope.clone();
        let latest = self.latest(
            scope
                .language()
                .unwrap_or_else(|| config.newsroom.default_language()),
        );
        let rendered = tokio::task::spawn_blocking(move || {
            let document = Document::new(&config, &of_scope, &material, &latest);
            let mut rendered = Vec::with_capacity(3);
            for format in Format::ALL {
                match render(&document, format) {
                    Ok(finished) => rendered.push(finished),
                    Err(reason) => return Err((format, reason)),
                }
            }
            Ok(rendered)
        })
        .await
        .map_err(|_| ShelfError::Waiting)?
        .map_err(|(format, reason)| ShelfError::Broken {
            feed: key(format).to_string(),
            reason,
        })?;
        let rows = self.put(scope, log_no, state.build, &rendered).await?;
        for (finished, (_, row)) in rendered.into_iter().zip(&rows) {
            // A newer build of another instance stands there otherwise; its bytes are read when somebody asks for them.
            if finished.stem == row.etag {
                let id = (row.feed_key.clone(), row.etag.clone());
                self.bodies.insert(id, Arc::new(finished.body)).await;
            }
        }
        let heads: Vec<Arc<Head>> = rows
            .iter()
            .map(|(_, row)| Arc::new(Head::new(row)))
            .collect();
        let heads: [Arc<Head>; 3] = heads.try_into().map_err(|_| ShelfError::Waiting)?;
        Ok(Shelved {
            checked_no: log_no,
            heads,
        })
    }

    /// Puts the three formats on the shelf in one transaction.
    async fn put(
        &self,
        scope: &Scope,
        log_no: i64,
        build: i64,
        rendered: &[Rendered],
    ) -> Result<Vec<(Format, Row)>, ShelfError> {
        let mut tries = 0;
        loop {
            match self.try_put(scope, log_no, build, rendered).await {
                Err(error) if is_retryable(&error) && tries < 5 => tries += 1,
                done => return Ok(done?),
            }
        }
    }

    async fn try_put(
        &self,
        scope: &Scope,
        log_no: i64,
        build: i64,
        rendered: &[Rendered],
    ) -> crate::db::Result<Vec<(Format, Row)>> {
        let (websub_settings, now) = (&self.core.config.websub, self.core.clock.now());
        let mut tx = self.core.db.begin().await?;
        let mut rows = Vec::with_capacity(rendered.len());
        for finished in rendered {
            let key = FeedKey {
                scope: scope.clone(),
                format: finished.format,
            };
            let row = Row {
                feed_key: key.to_string(),
                log_no,
                build,
                etag: finished.stem.clone(),
                last_modified: now.floor_to_secs(),
            };
            let (row, is_change) = store::replace(&mut tx, &row, &finished.body.identity).await?;
            if is_change {
                websub::store::topic_changed(&mut tx, websub_settings, &row.feed_key, now).await?;
            }
            rows.push((finished.format, row));
        }
        tx.commit().await?;
        self.core.bells.jobs.notify_one();
        Ok(rows)
    }
}

fn birth(began: &str, uid: String) -> Birth {
    Birth {
        uid,
        at: Timestamp::from_millis(began.parse().unwrap_or(0)),
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
fn shelved(rows: &[(Format, Row)], build: i64) -> Option<Shelved> {
    let find = |format| {
        let (_, row) = rows.iter().find(|(f, _)| *f == format)?;
        Some(Arc::new(Head::new(row)))
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
