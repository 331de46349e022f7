//! The life of a row (DESIGN 5.5). Every update names the worker and the attempt, and tells how many rows it touched; on
//! PostgreSQL, statements of many rows lock them by id, the order of the journal's writer.

use crate::base::address::EmailAddress;
use crate::base::time::Timestamp;
use crate::db::{Db, Result, Tx};
use crate::delivery::mime::{Letter, Template};
use crate::delivery::outcome::{Class, Reply};
use crate::{on_db, on_tx};

/// Attempts that may be lost without a reply before a row waits for the operator.
pub const LOST_MAX: i64 = 5;

/// A claimed row: what one message needs beside its letter.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// Whose attempt this is.
    pub key: Key,
    /// The person, opaque.
    pub recipient_id: i64,
    /// What the links name.
    pub recipient_uid: String,
    /// The subscriber's `link_epoch`.
    pub recipient_epoch: i64,
    /// Address.
    pub address: String,
    /// Its domain in lower-case ASCII; empty if it is no address.
    pub domain: String,
    /// Keyed hash of the address.
    pub address_hash: String,
    /// 0 where a person waits.
    pub priority: i64,
    /// Without the HTML part.
    pub is_text_only: bool,
    /// How often a try at this message failed: the wait grows with it, and not with claims that never came to a try.
    pub refusals: i64,
    /// Since when it is due.
    pub due_at: Timestamp,
}

/// A row, and whose attempt it is: worker and attempt fence everything that is done to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Key {
    /// Row.
    pub id: i64,
    /// Letter.
    pub letter_id: i64,
    /// Worker.
    pub worker_id: i64,
    /// Attempt: how often the row was claimed. It fences, and says nothing about the relay.
    pub attempts: i64,
}

/// A letter with its body, ready to be filled; none if it was pruned or cannot be read.
pub async fn find_letter(db: &Db, id: i64) -> Result<Option<Letter>> {
    type Row = (
        String,
        String,
        Option<String>,
        String,
        String,
        Option<String>,
        String,
        Option<String>,
        Option<String>,
        String,
        Timestamp,
        i64,
        Option<String>,
    );
    let row: Option<Row> = on_db!(db, c => sqlx::query_as(
        "SELECT uid, kind, scope, language, sender, reply_to, subject, html, text, headers, dated_at, key_id, selector \
         FROM letter WHERE id = $1")
        .bind(id).fetch_optional(c).await)?;
    let Some(row) = row else { return Ok(None) };
    let (
        uid,
        kind,
        scope,
        language,
        sender,
        reply_to,
        subject,
        html,
        text,
        headers,
        dated_at,
        key_id,
        selector,
    ) = row;
    let Some(text) = text else { return Ok(None) };
    let unreadable = |error: serde_json::Error| sqlx::Error::Decode(error.into());
    let (sender_name, address): (String, String) =
        serde_json::from_str(&sender).map_err(unreadable)?;
    let headers: Vec<(String, String)> = serde_json::from_str(&headers).map_err(unreadable)?;
    let parse = |address: &str| {
        EmailAddress::parse(address).map_err(|error| sqlx::Error::Decode(error.into()))
    };
    Ok(Some(Letter {
        id,
        uid,
        kind,
        scope,
        language,
        sender_name,
        sender_address: parse(&address)?,
        reply_to: reply_to.as_deref().map(parse).transpose()?,
        subject,
        html: Template::body(&html.unwrap_or_default()),
        text: Template::body(&text),
        headers: headers
            .into_iter()
            .map(|(name, value)| (name, Template::new(value)))
            .collect(),
        dated_at,
        key_id,
        signed_by: selector
            .unwrap_or_default()
            .split_whitespace()
            .map(str::to_owned)
            .collect(),
    }))
}

/// What the journal said to an intent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Intent {
    /// The dot may be written.
    Granted,
    /// No dot; what becomes of the row is stored.
    Refused,
    /// The row is not ours any more.
    Lost,
}

/// Asks for the dot: the row must be ours, in time, its letter open (`replaced` serves rows that had an intent) and not paused, the
/// address not suppressed, all in one statement. If not, the row goes where it belongs. A confirmation goes to addresses that were
/// erased or bounced once: confirming is what lifts that.
pub async fn ask_intent(tx: &mut Tx, key: &Key, now: Timestamp) -> Result<Intent> {
    type Found = (
        String,
        Option<i64>,
        i64,
        i64,
        Option<Timestamp>,
        String,
        Option<String>,
        Option<String>,
    );
    let granted = on_tx!(tx, c => sqlx::query(
        "UPDATE delivery SET state = 'committing', intent_at = $5 \
         WHERE id = $1 AND worker_id = $2 AND attempts = $3 AND state = 'leased' \
         AND (expires_at IS NULL OR expires_at > $5) \
         AND EXISTS (SELECT 1 FROM letter l WHERE l.id = $4 AND l.id = delivery.letter_id \
         AND (l.state = 'open' OR (l.state = 'replaced' AND delivery.intent_at IS NOT NULL)) \
         AND NOT EXISTS (SELECT 1 FROM pause p WHERE p.scope = '*' OR p.scope = l.scope) \
         AND NOT EXISTS (SELECT 1 FROM suppression s WHERE s.address_hash = delivery.address_hash AND s.lifted_at IS NULL \
         AND (s.scope IS NULL OR s.scope = l.scope) \
         AND (l.kind NOT IN ('confirmation', 'change') OR s.reason IN ('complaint', 'manual'))))")
        .bind(key.id).bind(key.worker_id).bind(key.attempts).bind(key.letter_id).bind(now)
        .execute(c).await.map(|done| done.rows_affected()))?;
    if granted == 1 {
        return Ok(Intent::Granted);
    }
    let found: Option<Found> = on_tx!(tx, c => sqlx::query_as(
        "SELECT d.state, d.worker_id, d.attempts, d.letter_id, d.expires_at, l.state, l.closed_by, \
         (SELECT MIN(p.scope) FROM pause p WHERE p.scope = '*' OR p.scope = l.scope) FROM delivery d JOIN letter l ON l.id = d.letter_id WHERE d.id = $1")
        .bind(key.id).fetch_optional(c).await)?;
    let Some((state, worker_id, attempts, letter_id, expires_at, letter, closed_by, paused)) =
        found
    else {
        return Ok(Intent::Lost);
    };
    if worker_id != Some(key.worker_id) || attempts != key.attempts {
        return Ok(Intent::Lost);
    }
    match state.as_str() {
        // An attempt asks once: a commit of ours without an answer was durable after all.
        "committing" => return Ok(Intent::Granted),
        "leased" => {}
        _ => return Ok(Intent::Lost),
    }
    let is_late = expires_at.is_some_and(|at| at <= now);
    let (state, class, is_final) = match letter.as_str() {
        "paused" => ("held", "paused", false),
        "cancelled" if closed_by.is_some() => ("cancelled", "stopped", true),
        "cancelled" => ("cancelled", "withdrawn", true),
        _ if is_late => ("expired", "late", true),
        // The rows of a replaced letter are re-pointed in chunks; this one's turn comes.
        "replaced" => ("queued", "replaced", false),
        _ if letter_id != key.letter_id => ("queued", "replaced", false),
        // Everything waits where it is, and nothing is claimed; the mail of one newsletter is put aside.
        _ if paused.as_deref() == Some(super::EVERYTHING) => ("queued", "paused", false),
        _ if paused.is_some() => ("held", "paused", false),
        _ => ("cancelled", "suppressed", true),
    };
    let due_at = (state == "queued").then(|| now.plus_secs(2));
    on_tx!(tx, c => sqlx::query(
        "UPDATE delivery SET state = $4, class = $5, finished_at = $6, due_at = COALESCE($7, due_at) \
         WHERE id = $1 AND worker_id = $2 AND attempts = $3 AND state = 'leased'")
        .bind(key.id).bind(key.worker_id).bind(key.attempts).bind(state).bind(class)
        .bind(is_final.then_some(now)).bind(due_at).execute(c).await.map(|_| ()))?;
    Ok(Intent::Refused)
}

/// What a connection reports about an attempt.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// 250 to the final dot.
    Accepted(Reply),
    /// A definite refusal for ever.
    Failed {
        /// Class.
        class: Class,
        /// The relay's words, or ours where it was not asked.
        reply: Reply,
        /// The person and the address, for the suppression.
        recipient_id: i64,
        /// Keyed hash of the address.
        address_hash: String,
        /// Whether the relay said it to the recipient.
        is_at_recipient: bool,
    },
    /// Nothing was accepted; try again then.
    Retry {
        /// Class.
        class: Class,
        /// The relay's words, or ours.
        reply: Reply,
        /// When.
        due_at: Timestamp,
        /// How often a try at this message has failed, this one included if it counts.
        refusals: i64,
        /// The person and the address: a mailbox that stays full is given up one day.
        recipient_id: i64,
        /// Keyed hash of the address.
        address_hash: String,
    },
    /// Nothing was sent, and it is not the row's fault: as it was, or in another lane.
    Release(Option<i64>),
    /// The dot was written and no reply settles it.
    Uncertain {
        /// What happened.
        detail: String,
        /// How long after the intent it may be sent again.
        resend_wait_secs: i64,
    },
}

/// Stores an outcome; how many rows it touched (1, or 0 if the row is not ours any more or has it already).
pub async fn store_outcome(
    tx: &mut Tx,
    key: &Key,
    outcome: &Outcome,
    now: Timestamp,
) -> Result<u64> {
    match outcome {
        // Whatever became of the row meanwhile: this attempt had its intent, and the relay has the message.
        Outcome::Accepted(reply) => {
            on_tx!(tx, c => sqlx::query(
            "UPDATE delivery SET state = 'accepted', class = NULL, code = $4, enhanced = $5, reply = $6, accepted_at = $7, \
             finished_at = $7 WHERE id = $1 AND worker_id = $2 AND attempts = $3 \
             AND state IN ('committing', 'uncertain', 'queued', 'held', 'cancelled')")
            .bind(key.id).bind(key.worker_id).bind(key.attempts).bind(i64::from(reply.code)).bind(&reply.enhanced)
            .bind(&reply.text).bind(now).execute(c).await.map(|done| done.rows_affected()))
        }
        Outcome::Failed {
            class,
            reply,
            recipient_id,
            address_hash,
            is_at_recipient,
        } => {
            let code = (reply.code > 0).then_some(i64::from(reply.code));
            let touched = on_tx!(tx, c => sqlx::query(
                "UPDATE delivery SET state = 'failed', class = $4, code = $5, enhanced = $6, reply = $7, finished_at = $8 \
                 WHERE id = $1 AND worker_id = $2 AND attempts = $3 AND state IN ('leased', 'committing', 'uncertain')")
                .bind(key.id).bind(key.worker_id).bind(key.attempts).bind(class.as_str()).bind(code).bind(&reply.enhanced)
                .bind(&reply.text).bind(now).execute(c).await.map(|done| done.rows_affected()))?;
            if touched == 1 && code.is_some() {
                let detail = format!(
                    "{} {}",
                    reply.code,
                    reply.enhanced.as_deref().unwrap_or("-")
                );
                insert_event(tx, key.id, ("refused", *class), reply, now).await?;
                if *class == Class::Hard
                    && (reply.enhanced.is_some()
                        || (*is_at_recipient
                            && was_refused_before(tx, key.id, *recipient_id, address_hash, now)
                                .await?))
                {
                    let evidence = format!("delivery {}: {detail}", key.id);
                    super::suppress(
                        tx,
                        address_hash,
                        Some(*recipient_id),
                        "hard",
                        &evidence,
                        now,
                    )
                    .await?;
                }
            }
            Ok(touched)
        }
        Outcome::Retry {
            class,
            reply,
            due_at,
            refusals,
            recipient_id,
            address_hash,
        } => {
            let code = (reply.code > 0).then_some(i64::from(reply.code));
            // A definite answer takes the intent back, unless an earlier dot is still unsettled.
            let touched = on_tx!(tx, c => sqlx::query(
                "UPDATE delivery SET state = 'queued', class = $4, code = $5, enhanced = $6, reply = $7, due_at = $8, \
                 refusals = $9, intent_at = CASE WHEN uncertain_count > 0 THEN intent_at END \
                 WHERE id = $1 AND worker_id = $2 AND attempts = $3 AND state IN ('leased', 'committing', 'uncertain')")
                .bind(key.id).bind(key.worker_id).bind(key.attempts).bind(class.as_str()).bind(code).bind(&reply.enhanced)
                .bind(&reply.text).bind(*due_at).bind(*refusals).execute(c).await.map(|done| done.rows_affected()))?;
            if touched == 1 {
                insert_event(tx, key.id, ("delayed", *class), reply, now).await?;
                if *class == Class::Soft
                    && let Some((editions, since)) =
                        find_full(tx, *recipient_id, address_hash, now).await?
                {
                    let evidence = format!(
                        "delivery {}: mailbox full, {editions} editions since {since}",
                        key.id
                    );
                    super::suppress(
                        tx,
                        address_hash,
                        Some(*recipient_id),
                        "hard",
                        &evidence,
                        now,
                    )
                    .await?;
                }
            }
            Ok(touched)
        }
        Outcome::Release(lane_id) => {
            on_tx!(tx, c => sqlx::query(
            "UPDATE delivery SET state = 'queued', intent_at = CASE WHEN uncertain_count > 0 THEN intent_at END, \
             lane_id = COALESCE($4, lane_id) \
             WHERE id = $1 AND worker_id = $2 AND attempts = $3 AND state IN ('leased', 'committing')")
            .bind(key.id).bind(key.worker_id).bind(key.attempts).bind(*lane_id).execute(c).await.map(|done| done.rows_affected()))
        }
        Outcome::Uncertain {
            detail,
            resend_wait_secs,
        } => {
            on_tx!(tx, c => sqlx::query(
            "UPDATE delivery SET state = 'uncertain', uncertain_count = uncertain_count + 1, due_at = intent_at + $4, \
             class = 'uncertain', reply = $5 WHERE id = $1 AND worker_id = $2 AND attempts = $3 AND state = 'committing'")
            .bind(key.id).bind(key.worker_id).bind(key.attempts).bind(resend_wait_secs * 1000).bind(detail)
            .execute(c).await.map(|done| done.rows_affected()))
        }
    }
}

/// Days for which the relay's words are kept beside their codes: they may name the address.
const WORDS_DAYS: i64 = 30;

/// Notes a try that did not end well: the row itself remembers the last one alone.
async fn insert_event(
    tx: &mut Tx,
    delivery_id: i64,
    (kind, class): (&str, Class),
    reply: &Reply,
    now: Timestamp,
) -> Result<()> {
    let detail = match reply.code {
        0 => "-".to_owned(),
        code => format!("{code} {}", reply.enhanced.as_deref().unwrap_or("-")),
    };
    on_tx!(tx, c => sqlx::query(
        "INSERT INTO mail_event (delivery_id, kind, class, detail, at, raw, raw_until) VALUES ($1, $2, $3, $4, $5, $6, $7)")
        .bind(delivery_id).bind(kind).bind(class.as_str()).bind(detail).bind(now).bind(&reply.text)
        .bind(now.plus_secs(WORDS_DAYS * 86_400)).execute(c).await.map(|_| ()))
}

/// Whether the person was refused without an enhanced code on an earlier day: once may be a slip of the relay.
async fn was_refused_before(
    tx: &mut Tx,
    delivery_id: i64,
    recipient_id: i64,
    address_hash: &str,
    now: Timestamp,
) -> Result<bool> {
    const DAY: i64 = 86_400_000;
    let midnight = Timestamp::from_millis(now.as_millis().div_euclid(DAY) * DAY);
    on_tx!(tx, c => sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM delivery WHERE recipient_id = $1 AND id <> $2 AND state = 'failed' AND class = 'hard' \
         AND finished_at < $3 AND address_hash = $4)")
        .bind(recipient_id).bind(delivery_id).bind(midnight).bind(address_hash).fetch_one(c).await)
}

/// Editions that a full mailbox may refuse, and for how many days, before it is given up (REQUIREMENTS-EMAIL 1e).
const FULL: (i64, i64) = (5, 14);

/// How many editions in a row found the mailbox full, and since when, if that is enough to give it up.
async fn find_full(
    tx: &mut Tx,
    recipient_id: i64,
    address_hash: &str,
    now: Timestamp,
) -> Result<Option<(i64, Timestamp)>> {
    let (editions, since): (i64, Option<Timestamp>) = on_tx!(tx, c => sqlx::query_as(
        "SELECT COUNT(DISTINCT e.delivery_id), MIN(e.at) FROM delivery d JOIN mail_event e ON e.delivery_id = d.id \
         WHERE d.recipient_id = $1 AND d.address_hash = $2 AND e.class = 'soft' AND e.at > COALESCE((SELECT MAX(accepted_at) \
         FROM delivery WHERE recipient_id = $1 AND address_hash = $2), 0)")
        .bind(recipient_id).bind(address_hash).fetch_one(c).await)?;
    let is_long = since.filter(|since| since.plus_secs(FULL.1 * 86_400) <= now);
    Ok(is_long
        .filter(|_| editions >= FULL.0)
        .map(|since| (editions, since)))
}

const EXPIRE_SQLITE: &str = "UPDATE delivery SET state = 'expired', class = COALESCE(class, 'late'), finished_at = $1 \
     WHERE id IN (SELECT id FROM delivery WHERE state = 'queued' AND expires_at <= $1 ORDER BY id LIMIT 1000)";
const EXPIRE_POSTGRES: &str = "WITH picked AS MATERIALIZED (SELECT id FROM delivery WHERE state = 'queued' \
     AND expires_at <= $1 ORDER BY id LIMIT 1000 FOR UPDATE SKIP LOCKED) \
     UPDATE delivery SET state = 'expired', class = COALESCE(class, 'late'), finished_at = $1 FROM picked \
     WHERE delivery.id = picked.id";

/// Ends at most 1000 queued rows that are past their time.
pub async fn expire(tx: &mut Tx, now: Timestamp) -> Result<u64> {
    let sql = tx.choose(EXPIRE_SQLITE, EXPIRE_POSTGRES);
    on_tx!(tx, c => sqlx::query(sql).bind(now).execute(c).await.map(|done| done.rows_affected()))
}

const RESOLVE_SQLITE: &str = "UPDATE delivery SET due_at = $1, state = CASE WHEN uncertain_count = 1 \
     AND (SELECT l.uncertain FROM letter l WHERE l.id = delivery.letter_id) = 'resend' THEN 'queued' ELSE 'held' END \
     WHERE id IN (SELECT id FROM delivery WHERE state = 'uncertain' AND due_at <= $1 ORDER BY id LIMIT 1000)";
const RESOLVE_POSTGRES: &str = "WITH picked AS MATERIALIZED (SELECT id FROM delivery WHERE state = 'uncertain' \
     AND due_at <= $1 ORDER BY id LIMIT 1000 FOR UPDATE SKIP LOCKED) \
     UPDATE delivery SET due_at = $1, state = CASE WHEN uncertain_count = 1 \
     AND (SELECT l.uncertain FROM letter l WHERE l.id = delivery.letter_id) = 'resend' THEN 'queued' ELSE 'held' END \
     FROM picked WHERE delivery.id = picked.id";

/// Decides about at most 1000 uncertain rows whose wait is over: once more, or held for the operator.
pub async fn resolve_uncertain(tx: &mut Tx, now: Timestamp) -> Result<u64> {
    let sql = tx.choose(RESOLVE_SQLITE, RESOLVE_POSTGRES);
    on_tx!(tx, c => sqlx::query(sql).bind(now).execute(c).await.map(|done| done.rows_affected()))
}

/// Takes over from a worker that was declared dead: what it had leased was not sent; what it was committing may have been.
/// Call it in the transaction that ended the worker. Returns both counts.
pub async fn reap(tx: &mut Tx, worker_id: i64, resend_wait_secs: i64) -> Result<(u64, u64)> {
    let leased = on_tx!(tx, c => sqlx::query(
        "UPDATE delivery SET lost_count = lost_count + 1, state = CASE WHEN lost_count + 1 >= $2 THEN 'held' ELSE 'queued' END, \
         class = CASE WHEN lost_count + 1 >= $2 THEN 'lost' ELSE class END WHERE worker_id = $1 AND state = 'leased'")
        .bind(worker_id).bind(LOST_MAX).execute(c).await.map(|done| done.rows_affected()))?;
    let committing = on_tx!(tx, c => sqlx::query(
        "UPDATE delivery SET state = 'uncertain', uncertain_count = uncertain_count + 1, due_at = intent_at + $2, \
         class = 'uncertain' WHERE worker_id = $1 AND state = 'committing'")
        .bind(worker_id).bind(resend_wait_secs * 1000).execute(c).await.map(|done| done.rows_affected()))?;
    Ok((leased, committing))
}
