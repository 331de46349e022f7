//! Everything that is stored about one person, for the operator who is asked "why did I get nothing?".

use crate::base::time::Timestamp;
use crate::db::{Db, Result};
use crate::on_db;

/// A person.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Profile {
    /// Row.
    pub id: i64,
    /// Uid.
    pub uid: String,
    /// None once erased.
    pub address: Option<String>,
    /// Keyed hash of the address.
    pub address_hash: String,
    /// Links of an older epoch are called back.
    pub link_epoch: i64,
    /// `pending`, `active` or `erased`.
    pub state: String,
    /// Since when the address is known.
    pub created_at: Timestamp,
    /// When it was confirmed.
    pub confirmed_at: Option<Timestamp>,
}

/// The person of an address, by its key or, once erased, by its hash.
pub async fn find_profile(db: &Db, key: &str, address_hash: &str) -> Result<Option<Profile>> {
    on_db!(db, c => sqlx::query_as(
        "SELECT id, uid, address, address_hash, link_epoch, state, created_at, confirmed_at FROM subscriber \
         WHERE address_key = $1 OR address_hash = $2 ORDER BY CASE WHEN address_key = $1 THEN 0 ELSE 1 END, id DESC LIMIT 1")
        .bind(key).bind(address_hash).fetch_optional(c).await)
}

/// A subscription of a person.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Subscribed {
    /// Row.
    pub id: i64,
    /// Uid: what the links of an issue name.
    pub uid: String,
    /// Row of the newsletter.
    pub newsletter_id: i64,
    /// Row of the selection.
    pub selection_id: i64,
    /// Row of the slot.
    pub slot_id: i64,
    /// `pending`, `active`, `paused` or `left`.
    pub state: String,
    /// The first local date with mail after a pause.
    pub paused_until: Option<String>,
    /// Text part only.
    pub text_only: bool,
    /// The last release the person was served.
    pub read_to: i64,
    /// The local date of the last digest; empty if there was none.
    pub last_date: String,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// Since when mail comes.
    pub confirmed_at: Option<Timestamp>,
    /// When the person left.
    pub left_at: Option<Timestamp>,
}

/// The subscriptions of a person, by row.
pub async fn list_subscribed(db: &Db, subscriber_id: i64) -> Result<Vec<Subscribed>> {
    on_db!(db, c => sqlx::query_as(
        "SELECT id, uid, newsletter_id, selection_id, slot_id, state, paused_until, text_only, read_to, last_date, created_at, \
         confirmed_at, left_at FROM subscription WHERE subscriber_id = $1 ORDER BY id")
        .bind(subscriber_id).fetch_all(c).await)
}

/// What a person agreed to, as (action, way, when), oldest first.
pub async fn list_consents(
    db: &Db,
    subscriber_id: i64,
) -> Result<Vec<(String, String, Timestamp)>> {
    on_db!(db, c => sqlx::query_as("SELECT action, method, at FROM consent WHERE subscriber_id = $1 ORDER BY id")
        .bind(subscriber_id).fetch_all(c).await)
}
