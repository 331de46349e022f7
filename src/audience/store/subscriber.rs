//! Subscribers: a person is an address.

use super::join_languages;
use crate::base::address::EmailAddress;
use crate::base::language::Language;
use crate::base::time::{Timestamp, Zone};
use crate::db::{Db, Result, Tx};
use crate::{on_db, on_tx};

/// A subscriber under lock.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct Subscriber {
    pub id: i64,
    pub uid: String,
    /// None once erased.
    pub address: Option<String>,
    pub address_hash: String,
    pub link_epoch: i64,
}

/// What a new subscriber is stored with.
pub(crate) struct NewSubscriber<'a> {
    pub uid: &'a str,
    pub address: &'a EmailAddress,
    pub address_hash: &'a str,
    pub provider: &'a str,
    pub languages: &'a [Language],
    pub time_zone: &'a Zone,
    pub now: Timestamp,
}

/// Stores a pending subscriber unless the address is known; two at once make one, the second waits for the first.
pub(crate) async fn insert_subscriber(tx: &mut Tx, new: &NewSubscriber<'_>) -> Result<()> {
    on_tx!(tx, c => sqlx::query(
        "INSERT INTO subscriber (uid, address, address_key, address_hash, provider, languages, time_zone, state, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, 'pending', $8) ON CONFLICT (address_key) DO NOTHING")
        .bind(new.uid).bind(new.address.to_string()).bind(new.address.key()).bind(new.address_hash).bind(new.provider)
        .bind(join_languages(new.languages)).bind(new.time_zone.name()).bind(new.now)
        .execute(c).await.map(|_| ()))
}

const LOCK_BY_KEY_SQLITE: &str = "SELECT id, uid, address, address_hash, link_epoch FROM subscriber \
     WHERE address_key = $1";
/// NO KEY: consent and subscriptions refer to the row, which must not wait.
const LOCK_BY_KEY_POSTGRES: &str = "SELECT id, uid, address, address_hash, link_epoch FROM subscriber \
     WHERE address_key = $1 FOR NO KEY UPDATE";

/// The subscriber of an address, locked.
pub(crate) async fn lock_subscriber_by_key(tx: &mut Tx, key: &str) -> Result<Option<Subscriber>> {
    let sql = tx.choose(LOCK_BY_KEY_SQLITE, LOCK_BY_KEY_POSTGRES);
    on_tx!(tx, c => sqlx::query_as(sql).bind(key).fetch_optional(c).await)
}

const LOCK_BY_UID_SQLITE: &str = "SELECT id, uid, address, address_hash, link_epoch FROM subscriber \
     WHERE uid = $1";
/// As above.
const LOCK_BY_UID_POSTGRES: &str = "SELECT id, uid, address, address_hash, link_epoch FROM subscriber \
     WHERE uid = $1 FOR NO KEY UPDATE";

/// The subscriber of a uid, locked.
pub(crate) async fn lock_subscriber(tx: &mut Tx, uid: &str) -> Result<Option<Subscriber>> {
    let sql = tx.choose(LOCK_BY_UID_SQLITE, LOCK_BY_UID_POSTGRES);
    on_tx!(tx, c => sqlx::query_as(sql).bind(uid).fetch_optional(c).await)
}

/// The address is the person's own: they pressed the button.
pub(crate) async fn activate_subscriber(tx: &mut Tx, id: i64, now: Timestamp) -> Result<()> {
    on_tx!(tx, c => sqlx::query(
        "UPDATE subscriber SET state = 'active', confirmed_at = COALESCE(confirmed_at, $2) WHERE id = $1 AND state <> 'erased'")
        .bind(id).bind(now).execute(c).await.map(|_| ()))
}

/// Remembers the person's languages and zone.
pub(crate) async fn update_subscriber_wishes(
    tx: &mut Tx,
    id: i64,
    languages: &[Language],
    zone: &Zone,
) -> Result<()> {
    on_tx!(tx, c => sqlx::query("UPDATE subscriber SET languages = $2, time_zone = $3 WHERE id = $1")
        .bind(id).bind(join_languages(languages)).bind(zone.name()).execute(c).await.map(|_| ()))
}

/// How many addresses of a domain wait for their confirmation since an instant.
pub(crate) async fn count_waiting(tx: &mut Tx, domain: &str, since: Timestamp) -> Result<i64> {
    on_tx!(tx, c => sqlx::query_scalar(
        "SELECT COUNT(*) FROM subscriber WHERE state = 'pending' AND created_at >= $1 AND address_key LIKE $2")
        .bind(since).bind(format!("%@{domain}")).fetch_one(c).await)
}

/// Empties all that tells who somebody was, but the keyed hash; their links die.
pub(crate) async fn empty_subscriber(tx: &mut Tx, id: i64) -> Result<()> {
    on_tx!(tx, c => sqlx::query(
        "UPDATE subscriber SET state = 'erased', address = NULL, address_key = NULL, provider = 'other', languages = '', \
         time_zone = '', link_epoch = link_epoch + 1 WHERE id = $1")
        .bind(id).execute(c).await.map(|_| ()))
}

/// The subscriber of an address: row and uid.
pub(crate) async fn find_by_key(db: &Db, key: &str) -> Result<Option<(i64, String)>> {
    on_db!(db, c => sqlx::query_as("SELECT id, uid FROM subscriber WHERE address_key = $1")
        .bind(key).fetch_optional(c).await)
}

/// What a subscriber's row says.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct PersonRow {
    pub address: Option<String>,
    pub address_hash: String,
    pub state: String,
    /// With commas.
    pub languages: String,
    pub time_zone: String,
    pub created_at: Timestamp,
    pub confirmed_at: Option<Timestamp>,
}

/// The subscriber of that row.
pub(crate) async fn get_person(db: &Db, id: i64) -> Result<PersonRow> {
    on_db!(db, c => sqlx::query_as(
        "SELECT address, address_hash, state, languages, time_zone, created_at, confirmed_at FROM subscriber WHERE id = $1")
        .bind(id).fetch_one(c).await)
}

/// The subscriber of a uid, without a lock.
pub(crate) async fn find_subscriber(db: &Db, uid: &str) -> Result<Option<Subscriber>> {
    on_db!(db, c => sqlx::query_as("SELECT id, uid, address, address_hash, link_epoch FROM subscriber WHERE uid = $1")
        .bind(uid).fetch_optional(c).await)
}

/// Another mailbox for the same person; settings links in the old one die.
pub(crate) async fn update_address(
    tx: &mut Tx,
    id: i64,
    address: &EmailAddress,
    address_hash: &str,
    provider: &str,
) -> Result<()> {
    on_tx!(tx, c => sqlx::query(
        "UPDATE subscriber SET address = $2, address_key = $3, address_hash = $4, provider = $5, link_epoch = link_epoch + 1 WHERE id = $1")
        .bind(id).bind(address.to_string()).bind(address.key()).bind(address_hash).bind(provider)
        .execute(c).await.map(|_| ()))
}

/// Calls back the settings links a person has.
pub(crate) async fn bump_epoch(tx: &mut Tx, id: i64) -> Result<()> {
    on_tx!(tx, c => sqlx::query("UPDATE subscriber SET link_epoch = link_epoch + 1 WHERE id = $1")
        .bind(id).execute(c).await.map(|_| ()))
}
