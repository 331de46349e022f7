//! Building feeds: whoever sees a changed scope first, and the shelf itself ahead of requests.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use metrics::counter;

use super::state::State;
use super::{Head, Shelf, ShelfError, Shelved, Slot, keys, read, shelved};
use crate::base::time::Timestamp;
use crate::db::is_retryable;
use crate::syndication::archive::{self, Plan};
use crate::syndication::document::{Document, Material};
use crate::syndication::feed::{FeedKey, Format, Scope};
use crate::syndication::gather::{Source, gather};
use crate::syndication::render::{Rendered, render};
use crate::syndication::store::{self, Row};
use crate::syndication::websub;

/// A scope that nobody asked for so long is no longer built ahead of a request.
const WARM_SECS: i64 = 24 * 3600;
/// So long what is waited for is known while nothing changes.
const FOLLOW_SECS: i64 = 60;
/// After a failed build the old bytes are served so long before the next try.
const RETRY_SECS: i64 = 5;
/// How often another instance may move a feed's archive on while it is read here.
const TRIES: u32 = 5;

/// The scopes that are waited for, as they were at a head and an instant. Who subscribes makes the shelf build the feed, so they
/// need to be read again only when something changed; and now and then, for what another instance accepted.
#[derive(Default)]
pub(super) struct Followed {
    head: i64,
    at: Option<Timestamp>,
    scopes: Arc<HashSet<Scope>>,
}

impl Shelf {
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
    pub(super) async fn build_ahead(&self) {
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
        let now = self.core.clock.now();
        for slot in slots {
            if slot.fresh(state.needed(&slot.scope), now).is_none()
                && let Err(error) = self.ensure(&slot, &state).await
            {
                tracing::warn!(%error, feed = %slot.scope.page_path(), "a feed could not be built ahead");
            }
        }
    }

    /// Makes a scope right up to what the state needs; where that fails, the last good bytes stay.
    pub(super) async fn ensure(
        &self,
        slot: &Slot,
        state: &Arc<State>,
    ) -> Result<Arc<Shelved>, ShelfError> {
        let needed = state.needed(&slot.scope);
        let _flight = slot.flight.lock().await;
        let now = self.core.clock.now();
        if let Some(shelved) = slot.fresh(needed, now) {
            return Ok(shelved);
        }
        let old = slot.shelved.load_full();
        let failed_at = slot.failed_at.load(Ordering::Relaxed);
        let waits =
            failed_at > now.plus_secs(-RETRY_SECS).as_millis() && failed_at <= now.as_millis();
        if waits {
            return old.ok_or(ShelfError::Waiting);
        }
        let built = self.build(slot, state, needed).await;
        let took = (self.core.clock.now().as_millis() - now.as_millis()).max(0);
        counter!("jarshy_shelf_build_millis_total").increment(took as u64);
        match built {
            Ok(shelved) => {
                counter!("jarshy_shelf_builds_total").increment(1);
                let shelved = Arc::new(shelved);
                slot.shelved.store(Some(shelved.clone()));
                slot.failed_at.store(i64::MIN, Ordering::Relaxed);
                Ok(shelved)
            }
            Err(error) => {
                counter!("jarshy_shelf_build_failures_total").increment(1);
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

    async fn build(&self, slot: &Slot, state: &State, needed: i64) -> Result<Shelved, ShelfError> {
        let now = self.core.clock.now();
        for _ in 0..TRIES {
            // Another instance may have been quicker.
            let mut rows = Vec::new();
            for key in keys(&slot.scope) {
                if let Some(row) = store::find_row(&self.core.db, &key.to_string()).await? {
                    rows.push((key.format, row));
                }
            }
            if let Some(shelved) = shelved(&rows, state.build, &self.core.config)
                .filter(|shelved| shelved.is_right(needed, now))
            {
                return Ok(shelved);
            }
            if let Some(shelved) = self.try_build(slot, state, now).await? {
                return Ok(shelved);
            }
        }
        Err(ShelfError::Overtaken)
    }

    /// Builds the three formats from one reading; `None` if another instance moved the archive on meanwhile.
    async fn try_build(
        &self,
        slot: &Slot,
        state: &State,
        now: Timestamp,
    ) -> Result<Option<Shelved>, ShelfError> {
        let scope = &slot.scope;
        let as_of = now.floor_to_hours();
        let (material, plan) = gather(self.source(state), scope, as_of)
            .await?
            .ok_or(ShelfError::Overtaken)?;
        let days = self.core.config.feeds.tombstone_days;
        let numbers = Numbers {
            log_no: material.head,
            build: state.build,
            as_of,
            until: material
                .withdrawn
                .iter()
                .map(|article| ends_at(article.at, days))
                .min(),
        };
        let wanted = Format::ALL.map(|format| (format, slot.wanted[format as usize].turn()));
        let rendered = self.render(scope, material, wanted.into()).await?;
        let Some(rows) = self.put(scope, numbers, plan.as_ref(), &rendered).await? else {
            return Ok(None);
        };
        let heads: Vec<Arc<Head>> = rows
            .iter()
            .map(|(_, row)| Arc::new(Head::new(row, &self.core.config)))
            .collect();
        for (finished, head) in rendered.into_iter().zip(&heads) {
            // A newer build of another instance stands there otherwise; its bytes are read when somebody asks for them.
            if *finished.stem == *head.stem {
                for (coding, bytes) in finished.coded {
                    self.bodies.insert(&head.stem, coding, bytes);
                }
            }
        }
        let heads: [Arc<Head>; 3] = heads.try_into().map_err(|_| ShelfError::Waiting)?;
        Ok(Some(Shelved {
            checked_no: numbers.log_no,
            heads,
        }))
    }

    /// What readings need beside the scope.
    pub(super) fn source<'a>(&'a self, state: &'a State) -> Source<'a> {
        Source {
            db: &self.core.db,
            config: &self.core.config,
            catalogue: &state.catalogue,
            birth: &state.birth,
        }
    }

    /// Writes a reading in those formats, each packed into a set of codings, and looks at the results.
    pub(super) async fn render(
        &self,
        scope: &Scope,
        material: Material,
        formats: Vec<(Format, u8)>,
    ) -> Result<Vec<Rendered>, ShelfError> {
        let config = self.core.config.clone();
        let latest = self.latest(
            scope
                .language()
                .unwrap_or_else(|| config.newsroom.default_language()),
        );
        let scope = scope.clone();
        tokio::task::spawn_blocking(move || {
            let document = Document::new(&config, &scope, &material, &latest);
            let mut rendered = Vec::with_capacity(formats.len());
            for (format, codings) in formats {
                let finished = render(&document, format).map_err(|reason| ShelfError::Broken {
                    feed: document.self_link(format),
                    reason,
                })?;
                rendered.push(finished.packed(codings));
            }
            Ok(rendered)
        })
        .await
        .map_err(|_| ShelfError::Waiting)?
    }

    /// Puts the three formats on the shelf, and the archive that belongs to them, in one transaction; `None` if the archive has
    /// moved on since it was read.
    async fn put(
        &self,
        scope: &Scope,
        numbers: Numbers,
        plan: Option<&Plan>,
        rendered: &[Rendered],
    ) -> Result<Option<Vec<(Format, Row)>>, ShelfError> {
        let mut tries = 0;
        loop {
            match self.try_put(scope, numbers, plan, rendered).await {
                Err(error) if is_retryable(&error) && tries < 5 => tries += 1,
                done => return Ok(done?),
            }
        }
    }

    async fn try_put(
        &self,
        scope: &Scope,
        numbers: Numbers,
        plan: Option<&Plan>,
        rendered: &[Rendered],
    ) -> crate::db::Result<Option<Vec<(Format, Row)>>> {
        let (websub_settings, now) = (&self.core.config.websub, self.core.clock.now());
        let mut tx = self.core.db.begin().await?;
        if let Some(plan) = plan
            && !archive::store::save_plan(&mut tx, plan).await?
        {
            return Ok(None);
        }
        let mut rows = Vec::with_capacity(rendered.len());
        for finished in rendered {
            let key = FeedKey {
                scope: scope.clone(),
                format: finished.format,
            };
            let row = Row {
                feed_key: key.to_string(),
                log_no: numbers.log_no,
                build: numbers.build,
                etag: finished.stem.clone(),
                last_modified: now.floor_to_secs(),
                as_of: numbers.as_of,
                until: numbers.until,
            };
            let (row, is_change) =
                store::replace(&mut tx, &row, &finished.bytes, &finished.marks).await?;
            if is_change {
                counter!("jarshy_shelf_changes_total").increment(1);
                websub::store::topic_changed(&mut tx, websub_settings, &row.feed_key, now).await?;
            }
            rows.push((finished.format, row));
        }
        tx.commit().await?;
        self.core.bells.jobs.notify_one();
        Ok(Some(rows))
    }
}

/// What a build is known by.
#[derive(Clone, Copy)]
struct Numbers {
    log_no: i64,
    build: i64,
    as_of: Timestamp,
    until: Option<Timestamp>,
}

/// The first full hour at which a feed no longer names what was withdrawn then.
fn ends_at(withdrawn_at: Timestamp, days: i64) -> Timestamp {
    withdrawn_at
        .plus_secs(days * 86_400)
        .floor_to_hours()
        .plus_secs(3_600)
}
