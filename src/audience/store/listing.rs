//! The list of people, for the operator.

use crate::base::time::Timestamp;
use crate::db::{Db, Result};
use crate::on_db;

/// A person, and the subscription if there is one.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Listed {
    /// Row of the subscriber.
    pub id: i64,
    /// Uid of the subscriber.
    pub uid: String,
    /// None once erased.
    pub address: Option<String>,
    /// Keyed hash of the address.
    pub address_hash: String,
    /// `pending`, `active` or `erased`.
    pub subscriber_state: String,
    /// Slug of the newsletter.
    pub newsletter: Option<String>,
    /// Row of the subscription.
    pub subscription_id: Option<i64>,
    /// `pending`, `active`, `paused` or `left`.
    pub state: Option<String>,
    /// Local date until which mail is paused.
    pub paused_until: Option<String>,
    /// Canonical text of the selection.
    pub selection: Option<String>,
    /// Text form of the cadence.
    pub cadence: Option<String>,
    /// IANA name.
    pub time_zone: Option<String>,
    /// Minutes after local midnight.
    pub minute: Option<i64>,
    /// The last release the person was served.
    pub read_to: Option<i64>,
    /// The local date of the last digest; empty if none.
    pub last_date: Option<String>,
    /// When the row was made.
    pub created_at: Timestamp,
    /// When the person confirmed.
    pub confirmed_at: Option<Timestamp>,
    /// Text part only.
    pub text_only: Option<bool>,
    /// When the person left.
    pub left_at: Option<Timestamp>,
}

/// People by row behind (`after`), one entry per subscription. A page may end in the middle of a person; the next one begins
/// behind the last (subscriber, subscription).
pub async fn list_people(db: &Db, after: (i64, i64), limit: i64) -> Result<Vec<Listed>> {
    on_db!(db, c => sqlx::query_as(
        "SELECT p.id, p.uid, p.address, p.address_hash, p.state AS subscriber_state, n.slug AS newsletter, s.id AS subscription_id, s.state, \
         s.paused_until, e.key AS selection, t.cadence, t.time_zone, t.minute, s.read_to, s.last_date, p.created_at, p.confirmed_at, \
         s.text_only, s.left_at \
         FROM subscriber p LEFT JOIN subscription s ON s.subscriber_id = p.id LEFT JOIN newsletter n ON n.id = s.newsletter_id \
         LEFT JOIN selection e ON e.id = s.selection_id LEFT JOIN slot t ON t.id = s.slot_id \
         WHERE p.id >= $1 AND (p.id > $1 OR COALESCE(s.id, 0) > $2) ORDER BY p.id, s.id LIMIT $3")
        .bind(after.0).bind(after.1).bind(limit).fetch_all(c).await)
}

/// A subscription as a preview of its next digest needs it.
#[derive(Clone, PartialEq, Eq, Debug, sqlx::FromRow)]
pub struct Reading {
    /// Uid of the subscription.
    pub uid: String,
    /// Row of the subscriber.
    pub subscriber_id: i64,
    /// `pending`, `active`, `paused` or `left`.
    pub state: String,
    /// Row of the selection.
    pub selection_id: i64,
    /// Row of the slot.
    pub slot_id: i64,
    /// The last release the person was served.
    pub read_to: i64,
    /// Text part only.
    pub text_only: bool,
    /// Since when mail comes.
    pub confirmed_at: Option<Timestamp>,
    /// The first local date with mail after a pause.
    pub paused_until: Option<String>,
    /// The local date of the last digest; empty if there was none.
    pub last_date: String,
}

/// The subscription to a newsletter of the person with that address (by its key).
pub async fn find_reading(
    db: &Db,
    newsletter_id: i64,
    address_key: &str,
) -> Result<Option<Reading>> {
    on_db!(db, c => sqlx::query_as(
        "SELECT s.uid, s.subscriber_id, s.state, s.selection_id, s.slot_id, s.read_to, s.text_only, s.confirmed_at, \
         s.paused_until, s.last_date FROM subscription s \
         JOIN subscriber p ON p.id = s.subscriber_id WHERE p.address_key = $1 AND s.newsletter_id = $2")
        .bind(address_key).bind(newsletter_id).fetch_optional(c).await)
}
