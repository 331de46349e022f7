//! Feeds that must be built after a change although nobody polls them, and the end of those that are no more.

use super::callback::Callback;
use super::{store, verify};
use crate::db::Result;
use crate::syndication::{Catalogue, FeedKey, Scope};
use crate::work::Core;

/// Seconds for which a subscription is not ended: another instance may know a new section a moment earlier.
const YOUNG: i64 = 60;

/// The scopes that somebody subscribed to. Who subscribed to a feed that is no more is told so, and the subscription ends.
pub async fn follow(core: &Core, catalogue: &Catalogue) -> Result<Vec<Scope>> {
    if !core.config.websub.enabled {
        return Ok(Vec::new());
    }
    let mut scopes = Vec::new();
    let now = core.clock.now();
    for (topic, verified_at) in store::list_topics(&core.db, now).await? {
        let is_there = |key: &FeedKey| {
            catalogue.has(&key.scope)
                && !catalogue.is_gone(&key.scope, core.config.feeds.closed_days, now)
        };
        match FeedKey::parse(&topic).filter(is_there) {
            Some(key) => scopes.push(key.scope),
            None if verified_at > now.plus_secs(-YOUNG) => {}
            None => end(core, &topic, "the feed is no more").await?,
        }
    }
    scopes.sort();
    scopes.dedup();
    Ok(scopes)
}

/// Ends every subscription of a feed and lets each subscriber know why (WebSub section 5.2).
pub async fn end(core: &Core, topic: &str, reason: &str) -> Result<()> {
    let now = core.clock.now();
    let mut tx = core.db.begin().await?;
    for callback in store::list_callbacks(&mut tx, topic, now).await? {
        if let Some(callback) = Callback::stored(&callback) {
            verify::deny_later(&mut tx, topic, &callback, reason, now).await?;
        }
    }
    store::delete_topic(&mut tx, topic).await?;
    tx.commit().await?;
    core.bells.jobs.notify_one();
    Ok(())
}
