//! Building feeds: whoever sees a changed scope first, and the shelf itself ahead of requests.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use metrics::counter;

use super::state::State;
use super::{Head, Shelf, ShelfError, Shelved, Slot, read, shelved};
use crate::base::time::Timestamp;
use crate::db::is_retryable;
use crate::syndication::document::Document;
use crate::syndication::feed::{FeedKey, Format, Scope};
use crate::syndication::gather::gather;
use crate::syndication::render::{Rendered, render};
use crate::syndication::store::{self, Row};
use crate::syndication::websub;

/// A scope that nobody asked for so long is no longer built ahead of a request.
const WARM_SECS: i64 = 24 * 3600;
/// So long what is waited for is known while nothing changes.
const FOLLOW_SECS: i64 = 60;
/// After a failed build the old bytes are served so long before the next try.
const RETRY_SECS: i64 = 5;

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
        for slot in slots {
            if slot.fresh(state.needed(&slot.scope)).is_none()
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
        match self.build(slot, state, needed).await {
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
        let (db, scope) = (&self.core.db, &slot.scope);
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
        if let Some(shelved) =
            shelved(&rows, state.build, &self.core.config).filter(|s| s.checked_no >= needed)
        {
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
        let wanted = Format::ALL.map(|format| slot.wanted[format as usize].turn());
        let rendered = tokio::task::spawn_blocking(move || {
            let document = Document::new(&config, &of_scope, &material, &latest);
            let mut rendered = Vec::with_capacity(3);
            for format in Format::ALL {
                match render(&document, format) {
                    Ok(finished) => rendered.push(finished.packed(wanted[format as usize])),
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
        Ok(rows)
    }
}
