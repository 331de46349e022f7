//! What the shelf knows of the newsroom: the head of the release log, the catalogue of feeds, and what changed at which number.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arc_swap::Guard;
use sha2::{Digest, Sha256};

use super::{Shelf, ShelfError, Slot, shelved, write};
use crate::base::language::Language;
use crate::base::time::Timestamp;
use crate::newsroom::store as newsroom;
use crate::newsroom::{LogEntry, LogKind};
use crate::syndication::catalogue::Catalogue;
use crate::syndication::document::GENERATOR_VERSION;
use crate::syndication::feed::{FeedKey, Format, Scope};
use crate::syndication::gather::Birth;
use crate::syndication::render::stem;
use crate::syndication::store::{self, Row};
use crate::syndication::websub::hubs;
use crate::work::store::{find_meta, keep_meta, set_meta};

/// Raised whenever the writers write other bytes for the same articles.
const WRITER: i64 = 3;
/// Builds of one writer under different settings: `build` is `WRITER * EPOCHS + epoch`.
const EPOCHS: i64 = 1 << 32;
/// More new log entries than this dirty whole languages, so that a large import is not read twice.
const PRECISE_ENTRIES: usize = 200;

/// What is known of the newsroom at one head of the log.
pub(super) struct State {
    /// A number that no other state of this process has; never 0.
    pub(super) serial: u64,
    pub(super) head: i64,
    pub(super) build: i64,
    pub(super) birth: Birth,
    pub(super) catalogue: Arc<Catalogue>,
    /// Everything changed here.
    dirty_all: i64,
    /// Everything in a language changed here.
    dirty_languages: HashMap<Language, i64>,
    /// A section's or tag's feed, or a language's own, changed here.
    dirty_scopes: HashMap<Scope, i64>,
}

impl State {
    /// The number at which the scope last changed, as far as is known.
    pub(super) fn needed(&self, scope: &Scope) -> i64 {
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

impl Shelf {
    pub(super) async fn state(&self) -> Result<Guard<Option<Arc<State>>>, ShelfError> {
        let state = self.state.load();
        if state.is_some() {
            return Ok(state);
        }
        self.refresh().await?;
        Ok(self.state.load())
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
                    serial: known.serial + 1,
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
            slot.shelved
                .store(shelved(&rows, build, &self.core.config).map(Arc::new));
            slots.insert(scope, Arc::new(slot));
        }
        *write(&self.slots) = slots;
        Ok(State {
            serial: self.state.load().as_ref().map_or(0, |known| known.serial) + 1,
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
            "{WRITER} {GENERATOR_VERSION} {latest:?} {} {} {} {} {:?} {:?} {:?} {} {:?} {} {:?}",
            config.server.base_url(),
            config.feeds.items,
            config.feeds.max_age_minutes,
            config.feeds.tombstone_days,
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
    pub(super) fn latest(&self, language: &Language) -> String {
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
}

fn birth(began: &str, uid: String) -> Birth {
    Birth {
        uid,
        at: Timestamp::from_millis(began.parse().unwrap_or(0)),
    }
}
