//! Brings a feed that changed to everybody who waits for it (WebSub section 7), and tells outside hubs (section 6).
//!
//! A delivery names a subscription, not bytes: what is sent is what stands on the shelf at that moment, so of several changes
//! during a wait only the newest travels, and the same bytes never travel twice.

use metrics::counter;
use url::Url;

use super::callback::Callback;
use super::run::{Hub, again};
use super::signature::signature;
use super::store::{self, Subscription};
use super::{TELL, link_header, outside_hubs};
use crate::base::time::Timestamp;
use crate::db::{Result, Tx, is_retryable};
use crate::syndication::FeedKey;
use crate::work::Core;
use crate::work::job::{Claimed, NewJob, Settled};
use crate::work::store::{put_job, settle_job};

/// How often one delivery is tried: with the waits below it takes about a day.
pub const TRIES: i64 = 8;
/// Deliveries that may be given up in a row; then the subscription ends.
pub const GIVEN_UP: i64 = 3;
/// Seconds after the first failure, times three at every further one, never more than [`MAX_WAIT`].
const FIRST_WAIT: i64 = 60;
/// The longest wait in seconds.
pub(super) const MAX_WAIT: i64 = 12 * 3600;

/// Makes one delivery for each subscriber, and one notice for each outside hub.
pub(super) async fn fan_out(hub: &Hub, job: &Claimed) -> Result<()> {
    let core = &hub.core;
    let now = core.clock.now();
    let mut tx = core.db.begin().await?;
    if core.config.websub.enabled {
        store::insert_deliveries(&mut tx, &job.key, now).await?;
    }
    for outside in outside_hubs(&core.config) {
        let url = Url::parse(&outside).ok();
        let lane = url.as_ref().and_then(Url::host_str).unwrap_or("");
        let notice = NewJob {
            kind: TELL,
            key: &format!("{outside} {}", job.key),
            lane,
            payload: &outside,
            run_at: now,
        };
        put_job(&mut tx, &notice).await?;
    }
    settle_job(&mut tx, job, Settled::Over, now).await?;
    tx.commit().await?;
    core.bells.jobs.notify_one();
    Ok(())
}

/// How a try ended.
enum Outcome {
    /// The subscriber has the bytes with that stem, or had them.
    Sent(String),
    /// Nothing to do any more: no lease, no feed.
    Moot,
    /// 410: it wants no more.
    Gone,
    /// It could not be reached, or did not take it.
    Failed,
}

/// Brings the feed's present bytes to one subscriber.
pub(super) async fn deliver(hub: &Hub, job: &Claimed) -> Result<()> {
    let core = &hub.core;
    let id: i64 = job.key.parse().unwrap_or(0);
    let live = if core.config.websub.enabled {
        store::find_live(&core.db, id, core.clock.now()).await?
    } else {
        None
    };
    let outcome = match &live {
        None => Outcome::Moot,
        Some(_) if job.attempts > TRIES => Outcome::Failed,
        Some(subscription) => send(hub, subscription).await?,
    };
    let ended = match &outcome {
        Outcome::Sent(_) => "sent",
        Outcome::Moot => "moot",
        Outcome::Gone => "gone",
        Outcome::Failed => "failed",
    };
    counter!("jarshy_websub_deliveries_total", "ended" => ended).increment(1);
    // The call was made: what it brought must not be lost to a lock, or it would be made again.
    let mut tries = 0;
    loop {
        match record(core, job, id, &outcome).await {
            Err(error) if is_retryable(&error) && tries < 5 => tries += 1,
            done => return done,
        }
    }
}

async fn record(core: &Core, job: &Claimed, id: i64, outcome: &Outcome) -> Result<()> {
    let mut tx = core.db.begin().await?;
    let settled = match outcome {
        Outcome::Moot => Settled::Over,
        Outcome::Sent(etag) => {
            store::mark_sent(&mut tx, id, etag).await?;
            Settled::Over
        }
        Outcome::Gone => {
            store::delete_subscription(&mut tx, id).await?;
            tracing::info!(subscription = id, "a subscriber wants no more");
            Settled::Over
        }
        Outcome::Failed if job.attempts < TRIES => {
            Settled::Again(again(core, FIRST_WAIT, job.attempts))
        }
        Outcome::Failed => {
            give_up(&mut tx, id).await?;
            Settled::Over
        }
    };
    settle_job(&mut tx, job, settled, core.clock.now()).await?;
    tx.commit().await
}

async fn give_up(tx: &mut Tx, id: i64) -> Result<()> {
    let failures = store::count_failure(tx, id).await?;
    tracing::warn!(subscription = id, failures, "a delivery was given up");
    if failures >= GIVEN_UP {
        store::delete_subscription(tx, id).await?;
    }
    Ok(())
}

async fn send(hub: &Hub, to: &Subscription) -> Result<Outcome> {
    let core = &hub.core;
    let (Some(feed), Some(callback)) = (FeedKey::parse(&to.topic), Callback::stored(&to.callback))
    else {
        return Ok(Outcome::Moot);
    };
    let Some((etag, body)) = hub.bytes_of(&to.topic).await? else {
        return Ok(Outcome::Moot);
    };
    if to.sent_etag.as_deref() == Some(etag.as_str()) {
        return Ok(Outcome::Sent(etag));
    }
    let mut headers = vec![
        ("content-type", feed.format.content_type().to_owned()),
        ("link", link_header(&core.config, &feed)),
    ];
    if let Some(secret) = &to.secret {
        headers.push(("x-hub-signature", signature(secret, &body)));
    }
    Ok(
        match hub.callbacks.tell(callback.url(), &headers, body).await {
            Ok(status) if status / 100 == 2 => Outcome::Sent(etag),
            Ok(410) => Outcome::Gone,
            Ok(status) => {
                tracing::debug!(subscription = to.id, status, "a delivery was not taken");
                Outcome::Failed
            }
            Err(error) => {
                tracing::debug!(subscription = to.id, %error, "a subscriber was not reached");
                Outcome::Failed
            }
        },
    )
}

/// Tells an outside hub that a feed changed; it fetches the feed itself.
pub(super) async fn tell(hub: &Hub, job: &Claimed) -> Result<()> {
    let core = &hub.core;
    let is_ours = outside_hubs(&core.config).contains(&job.payload);
    let topic = job.key.rsplit_once(' ').map_or("", |(_, topic)| topic);
    let mut settled = Settled::Over;
    if is_ours
        && job.attempts <= TRIES
        && let Ok(url) = Url::parse(&job.payload)
        && !notice(hub, core, &url, topic).await
    {
        if job.attempts < TRIES {
            settled = Settled::Again(again(core, FIRST_WAIT, job.attempts));
        } else {
            tracing::warn!(hub = %job.payload, topic, "an outside hub could not be told");
        }
    }
    let now: Timestamp = core.clock.now();
    let mut tx = core.db.begin().await?;
    settle_job(&mut tx, job, settled, now).await?;
    tx.commit().await
}

async fn notice(hub: &Hub, core: &Core, url: &Url, topic: &str) -> bool {
    let address = core.config.server.absolute(&format!("/{topic}"));
    // `hub.url` is what hubs read by custom, `hub.topic` what some of them do.
    let form = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("hub.mode", "publish")
        .append_pair("hub.url", &address)
        .append_pair("hub.topic", &address)
        .finish();
    let headers = [(
        "content-type",
        "application/x-www-form-urlencoded".to_owned(),
    )];
    match hub.outside.tell(url, &headers, form.into()).await {
        Ok(status) => status / 100 == 2,
        Err(error) => {
            tracing::debug!(%error, "an outside hub was not reached");
            false
        }
    }
}
