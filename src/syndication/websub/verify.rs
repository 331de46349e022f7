//! Asks a callback whether it meant what was asked in its name (WebSub section 5.3), and tells it when a subscription ends
//! against its will (section 5.2).

use serde::{Deserialize, Serialize};

use super::DENY;
use super::callback::Callback;
use super::request::Mode;
use super::run::{Hub, again};
use super::store::{self, Pending};
use crate::base::time::Timestamp;
use crate::base::token::hex;
use crate::db::{Result, Tx};
use crate::work::job::{Claimed, NewJob, Settled};
use crate::work::store::{put_job, settle_job};

/// How often a callback is asked that cannot be reached; one that answers is asked once.
const TRIES: i64 = 3;
/// Seconds until a callback that could not be reached is asked again, times three at every further try.
const FIRST_WAIT: i64 = 10;

/// What a callback made of the question.
enum Heard {
    /// It meant it.
    Yes,
    /// It did not, or did not understand.
    No,
    /// It could not be reached.
    Nothing,
}

/// Works on a request that was accepted. Unless the callback answers 2xx with the very challenge, nothing changes.
pub(super) async fn verify(hub: &Hub, job: &Claimed) -> Result<()> {
    let core = &hub.core;
    let id: i64 = job.key.parse().unwrap_or(0);
    let heard = match store::find_pending(&core.db, id).await? {
        Some(pending) => {
            let heard = if job.attempts > TRIES {
                Heard::No
            } else {
                ask(hub, &pending).await
            };
            Some((pending, heard))
        }
        None => None,
    };
    let now = core.clock.now();
    let mut tx = core.db.begin().await?;
    let settled = match heard {
        Some((_, Heard::Nothing)) if job.attempts < TRIES => {
            Settled::Again(again(core, FIRST_WAIT, job.attempts))
        }
        Some((pending, Heard::Yes)) => {
            if store::mark_done(&mut tx, id, now).await? {
                apply(hub, &mut tx, &pending, now).await?;
            }
            Settled::Over
        }
        _ => {
            store::mark_done(&mut tx, id, now).await?;
            Settled::Over
        }
    };
    settle_job(&mut tx, job, settled, now).await?;
    tx.commit().await
}

/// The question. The challenge is drawn for this one question and lives nowhere else.
async fn ask(hub: &Hub, pending: &Pending) -> Heard {
    let core = &hub.core;
    let Some(callback) = Callback::stored(&pending.callback) else {
        return Heard::No;
    };
    let mut random = [0; 32];
    core.clock.fill_random(&mut random);
    let challenge = hex(&random);
    let topic = core.config.server.absolute(&format!("/{}", pending.topic));
    let lease = pending.lease_secs.to_string();
    let mut parameters = vec![
        ("hub.mode", pending.mode.as_str()),
        ("hub.topic", &topic),
        ("hub.challenge", &challenge),
    ];
    if pending.parsed_mode() == Some(Mode::Subscribe) {
        parameters.push(("hub.lease_seconds", &lease));
    }
    let url = callback.with(&parameters);
    match hub.callbacks.ask(&url, challenge.len()).await {
        Ok(answer) if answer.is_success() && answer.body == challenge.as_bytes() => Heard::Yes,
        Ok(answer) if answer.status / 100 == 5 => Heard::Nothing,
        Ok(answer) => {
            tracing::info!(
                request = pending.id,
                status = answer.status,
                "a callback did not confirm"
            );
            Heard::No
        }
        Err(error) if error.is_refusal() => {
            tracing::info!(request = pending.id, %error, "a callback may not be called");
            Heard::No
        }
        Err(error) => {
            tracing::debug!(request = pending.id, %error, "a callback was not reached");
            Heard::Nothing
        }
    }
}

async fn apply(hub: &Hub, tx: &mut Tx, pending: &Pending, now: Timestamp) -> Result<()> {
    let settings = &hub.core.config.websub;
    let Some(callback) = Callback::stored(&pending.callback) else {
        return Ok(());
    };
    if pending.parsed_mode() == Some(Mode::Unsubscribe) {
        return store::delete_by_callback(tx, &pending.topic, &pending.callback).await;
    }
    // Others may have been verified since this one was accepted.
    let (is_renewal, of_host, total) =
        store::count_subscriptions(tx, &pending.topic, &callback, now).await?;
    let is_full =
        of_host >= settings.subscriptions_per_host || total >= settings.subscriptions_total;
    if is_full && !is_renewal {
        let reason = "the hub has all the subscriptions it can keep";
        return deny_later(tx, &pending.topic, &callback, reason, now).await;
    }
    store::put_subscription(tx, pending, callback.host(), now).await
}

/// Whom to tell what.
#[derive(Serialize, Deserialize)]
struct Denial {
    topic: String,
    callback: String,
    reason: String,
}

/// Puts down that a subscriber is told of the end.
pub(super) async fn deny_later(
    tx: &mut Tx,
    topic: &str,
    callback: &Callback,
    reason: &str,
    now: Timestamp,
) -> Result<()> {
    let denial = Denial {
        topic: topic.to_owned(),
        callback: callback.as_str().to_owned(),
        reason: reason.to_owned(),
    };
    let job = NewJob {
        kind: DENY,
        key: &format!("{topic} {}", callback.as_str()),
        lane: callback.host(),
        payload: &serde_json::to_string(&denial).unwrap_or_default(),
        run_at: now,
    };
    put_job(tx, &job).await
}

/// Tells a subscriber. What it answers changes nothing.
pub(super) async fn deny(hub: &Hub, job: &Claimed) -> Result<()> {
    let core = &hub.core;
    let mut settled = Settled::Over;
    if job.attempts <= TRIES
        && let Ok(denial) = serde_json::from_str::<Denial>(&job.payload)
        && let Some(callback) = Callback::stored(&denial.callback)
    {
        let topic = core.config.server.absolute(&format!("/{}", denial.topic));
        let url = callback.with(&[
            ("hub.mode", "denied"),
            ("hub.topic", &topic),
            ("hub.reason", &denial.reason),
        ]);
        let is_told = match hub.callbacks.ask(&url, 0).await {
            Ok(answer) => answer.status / 100 != 5,
            Err(error) => error.is_refusal(),
        };
        if !is_told && job.attempts < TRIES {
            settled = Settled::Again(again(core, FIRST_WAIT, job.attempts));
        }
    }
    let mut tx = core.db.begin().await?;
    settle_job(&mut tx, job, settled, core.clock.now()).await?;
    tx.commit().await
}
