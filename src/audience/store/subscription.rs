//! Subscriptions: a person × a newsletter.

use crate::base::time::Timestamp;
use crate::db::{Db, Result, Tx};
use crate::{on_db, on_tx};

/// A subscription with all that its owner's pages show.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct Record {
    pub id: i64,
    pub uid: String,
    pub subscriber_id: i64,
    pub subscriber_uid: String,
    /// `pending`, `active` or `erased`.
    pub subscriber_state: String,
    /// None once erased.
    pub address: Option<String>,
    pub link_epoch: i64,
    pub newsletter_id: i64,
    /// Canonical text of the selection.
    pub selection_key: String,
    pub cadence: String,
    pub time_zone: String,
    pub minute: i64,
    pub next_date: String,
    pub next_due_at: Timestamp,
    /// `pending`, `active`, `paused` or `left`.
    pub state: String,
    pub paused_until: Option<String>,
    pub text_only: bool,
    pub last_date: String,
    pub left_at: Option<Timestamp>,
    pub selection_id: i64,
    pub slot_id: i64,
    pub read_to: i64,
}

const FIND: &str = "SELECT s.id, s.uid, s.subscriber_id, p.uid AS subscriber_uid, p.state AS subscriber_state, p.address, p.link_epoch, \
     s.newsletter_id, e.key AS selection_key, t.cadence, t.time_zone, t.minute, t.next_date, t.next_due_at, s.state, \
     s.paused_until, s.text_only, s.last_date, s.left_at, s.selection_id, s.slot_id, s.read_to FROM subscription s JOIN subscriber p ON p.id = s.subscriber_id \
     JOIN selection e ON e.id = s.selection_id JOIN slot t ON t.id = s.slot_id WHERE s.uid = $1";

/// The subscription of a uid.
pub(crate) async fn find_subscription(db: &Db, uid: &str) -> Result<Option<Record>> {
    on_db!(db, c => sqlx::query_as(FIND).bind(uid).fetch_optional(c).await)
}

/// [`find_subscription`] inside a transaction.
pub(crate) async fn find_subscription_in(tx: &mut Tx, uid: &str) -> Result<Option<Record>> {
    on_tx!(tx, c => sqlx::query_as(FIND).bind(uid).fetch_optional(c).await)
}

const LIST_OF_SUBSCRIBER: &str = "SELECT s.id, s.uid, s.subscriber_id, p.uid AS subscriber_uid, p.state AS subscriber_state, p.address, \
     p.link_epoch, s.newsletter_id, e.key AS selection_key, t.cadence, t.time_zone, t.minute, t.next_date, t.next_due_at, \
     s.state, s.paused_until, s.text_only, s.last_date, s.left_at, s.selection_id, s.slot_id, s.read_to FROM subscription s \
     JOIN subscriber p ON p.id = s.subscriber_id JOIN selection e ON e.id = s.selection_id JOIN slot t ON t.id = s.slot_id \
     WHERE p.uid = $1 ORDER BY s.id";

/// All subscriptions of a subscriber, by row.
pub(crate) async fn list_subscriptions(db: &Db, subscriber_uid: &str) -> Result<Vec<Record>> {
    on_db!(db, c => sqlx::query_as(LIST_OF_SUBSCRIBER).bind(subscriber_uid).fetch_all(c).await)
}

/// [`list_subscriptions`] inside a transaction.
pub(crate) async fn list_subscriptions_in(
    tx: &mut Tx,
    subscriber_uid: &str,
) -> Result<Vec<Record>> {
    on_tx!(tx, c => sqlx::query_as(LIST_OF_SUBSCRIBER).bind(subscriber_uid).fetch_all(c).await)
}

const LOCK_SQLITE: &str = "SELECT state FROM subscription WHERE uid = $1";
/// Against planners, who take the row along with its chunk: whoever commits first wins.
const LOCK_POSTGRES: &str = "SELECT state FROM subscription WHERE uid = $1 FOR UPDATE";

/// Locks a subscription until the transaction ends; its state, or none if there is no such row.
pub(crate) async fn lock_subscription(tx: &mut Tx, uid: &str) -> Result<Option<String>> {
    let sql = tx.choose(LOCK_SQLITE, LOCK_POSTGRES);
    on_tx!(tx, c => sqlx::query_scalar(sql).bind(uid).fetch_optional(c).await)
}

/// What a new subscription is stored with.
pub(crate) struct NewSubscription<'a> {
    pub uid: &'a str,
    pub subscriber_id: i64,
    pub newsletter_id: i64,
    pub selection_id: i64,
    pub slot_id: i64,
    pub text_only: bool,
    pub now: Timestamp,
}

/// Stores a pending subscription. Call it under the subscriber's lock.
pub(crate) async fn insert_subscription(tx: &mut Tx, new: &NewSubscription<'_>) -> Result<()> {
    on_tx!(tx, c => sqlx::query(
        "INSERT INTO subscription (uid, subscriber_id, newsletter_id, selection_id, slot_id, state, text_only, created_at) \
         VALUES ($1, $2, $3, $4, $5, 'pending', $6, $7)")
        .bind(new.uid).bind(new.subscriber_id).bind(new.newsletter_id).bind(new.selection_id).bind(new.slot_id)
        .bind(new.text_only).bind(new.now).execute(c).await.map(|_| ()))
}

/// Someone asks (again): the latest wishes wait for the button. `left_at` stays, so that an unanswered question can be taken
/// back.
pub(crate) async fn ask_again(
    tx: &mut Tx,
    id: i64,
    selection_id: i64,
    slot_id: i64,
    text_only: bool,
) -> Result<()> {
    on_tx!(tx, c => sqlx::query(
        "UPDATE subscription SET state = 'pending', selection_id = $2, slot_id = $3, text_only = $4 \
         WHERE id = $1 AND state IN ('pending', 'left')")
        .bind(id).bind(selection_id).bind(slot_id).bind(text_only).execute(c).await.map(|_| ()))
}

/// Joins: news from `read_to` on.
pub(crate) async fn activate_subscription(
    tx: &mut Tx,
    id: i64,
    read_to: i64,
    now: Timestamp,
) -> Result<()> {
    on_tx!(tx, c => sqlx::query(
        "UPDATE subscription SET state = 'active', read_to = $2, confirmed_at = $3, left_at = NULL, paused_until = NULL \
         WHERE id = $1 AND state = 'pending'")
        .bind(id).bind(read_to).bind(now).execute(c).await.map(|_| ()))
}

/// What a person wants and when; how far they have read is none of it.
pub(crate) async fn update_wishes(
    tx: &mut Tx,
    id: i64,
    selection_id: i64,
    slot_id: i64,
    text_only: bool,
) -> Result<()> {
    on_tx!(tx, c => sqlx::query("UPDATE subscription SET selection_id = $2, slot_id = $3, text_only = $4 WHERE id = $1")
        .bind(id).bind(selection_id).bind(slot_id).bind(text_only).execute(c).await.map(|_| ()))
}

/// Pauses until a local date, or resumes with none; touches only who is active or paused.
pub(crate) async fn update_pause(tx: &mut Tx, id: i64, until: Option<&str>) -> Result<()> {
    let state = if until.is_some() { "paused" } else { "active" };
    on_tx!(tx, c => sqlx::query(
        "UPDATE subscription SET state = $2, paused_until = $3 WHERE id = $1 AND state IN ('active', 'paused')")
        .bind(id).bind(state).bind(until).execute(c).await.map(|_| ()))
}

/// Leaves; true if the person had not left before.
pub(crate) async fn mark_left(tx: &mut Tx, id: i64, now: Timestamp) -> Result<bool> {
    on_tx!(tx, c => sqlx::query(
        "UPDATE subscription SET state = 'left', left_at = $2, paused_until = NULL WHERE id = $1 AND state <> 'left'")
        .bind(id).bind(now).execute(c).await.map(|done| done.rows_affected() == 1))
}

/// Takes leaving back; `read_to` stays, so that nothing released meanwhile is missed.
pub(crate) async fn mark_returned(tx: &mut Tx, id: i64) -> Result<bool> {
    on_tx!(tx, c => sqlx::query("UPDATE subscription SET state = 'active', left_at = NULL WHERE id = $1 AND state = 'left'")
        .bind(id).execute(c).await.map(|done| done.rows_affected() == 1))
}

/// Paused subscriptions whose last day of pause is at hand: row, first day with mail again, zone. `upto` is a local date; the
/// caller compares in each one's zone.
pub(crate) async fn list_paused(db: &Db, upto: &str) -> Result<Vec<(i64, String, String)>> {
    on_db!(db, c => sqlx::query_as(
        "SELECT s.id, s.paused_until, t.time_zone FROM subscription s JOIN slot t ON t.id = s.slot_id \
         WHERE s.state = 'paused' AND s.paused_until <= $1 ORDER BY s.id")
        .bind(upto).fetch_all(c).await)
}

/// Ends a pause that runs until `until`. The date stays, so that `verify` knows why earlier runs passed the person over.
pub(crate) async fn resume(tx: &mut Tx, id: i64, until: &str) -> Result<bool> {
    on_tx!(tx, c => sqlx::query("UPDATE subscription SET state = 'active' WHERE id = $1 AND state = 'paused' AND paused_until = $2")
        .bind(id).bind(until).execute(c).await.map(|done| done.rows_affected() == 1))
}

/// Remembers the local date of a digest that came to the same person elsewhere.
pub(crate) async fn carry_date(tx: &mut Tx, id: i64, last_date: &str) -> Result<()> {
    on_tx!(tx, c => sqlx::query("UPDATE subscription SET last_date = $2 WHERE id = $1 AND last_date < $2")
        .bind(id).bind(last_date).execute(c).await.map(|_| ()))
}
