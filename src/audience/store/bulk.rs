//! Many people at once.

use std::collections::HashMap;

use super::join_languages;
use crate::audience::Newsletter;
use crate::base::address::EmailAddress;
use crate::base::language::Language;
use crate::base::time::{Timestamp, Zone};
use crate::db::{Result, Tx};
use crate::on_tx;

/// Rows in one statement: SQLite takes 32 766 values, and no row here has more than twelve.
pub(crate) const BULK_ROWS: usize = 1000;

/// A known address: row, state, and the subscription to the newsletter in question, if there is one.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct Known {
    pub address_key: String,
    pub id: i64,
    pub subscriber_state: String,
    pub subscription_id: Option<i64>,
    pub subscription_uid: Option<String>,
    pub state: Option<String>,
    pub left_at: Option<Timestamp>,
    /// Whether the person pressed a button of this newsletter.
    pub is_own_hand: bool,
}

const LIST_KNOWN_SQLITE: &str = "SELECT p.address_key, p.id, p.state AS subscriber_state, s.id AS subscription_id, \
     s.uid AS subscription_uid, s.state, s.left_at, EXISTS (SELECT 1 FROM consent c WHERE c.subscriber_id = p.id \
     AND c.action IN ('confirmed', 'returned') AND SUBSTR(c.evidence || ';', 1, LENGTH(CAST($3 AS TEXT))) = $3) AS is_own_hand \
     FROM subscriber p LEFT JOIN subscription s ON s.subscriber_id = p.id AND s.newsletter_id = $2 \
     WHERE p.address_key IN (SELECT value FROM json_each($1)) ORDER BY p.id";
/// Locked by row, so that who is confirming or asking at this moment waits.
const LIST_KNOWN_POSTGRES: &str = "SELECT p.address_key, p.id, p.state AS subscriber_state, s.id AS subscription_id, \
     s.uid AS subscription_uid, s.state, s.left_at, EXISTS (SELECT 1 FROM consent c WHERE c.subscriber_id = p.id \
     AND c.action IN ('confirmed', 'returned') AND SUBSTR(c.evidence || ';', 1, LENGTH(CAST($3 AS TEXT))) = $3) AS is_own_hand \
     FROM subscriber p LEFT JOIN subscription s ON s.subscriber_id = p.id AND s.newsletter_id = $2 \
     WHERE p.address_key IN (SELECT value FROM jsonb_array_elements_text(CAST($1 AS JSONB))) ORDER BY p.id \
     FOR NO KEY UPDATE OF p";

/// What is known of those addresses, by their key.
pub(crate) async fn list_known(
    tx: &mut Tx,
    newsletter: &Newsletter,
    keys: &[String],
) -> Result<HashMap<String, Known>> {
    let sql = tx.choose(LIST_KNOWN_SQLITE, LIST_KNOWN_POSTGRES);
    let slug = format!("{};", newsletter.slug);
    let mut known = HashMap::new();
    for chunk in keys.chunks(BULK_ROWS) {
        let list = serde_json::to_string(chunk).unwrap_or_default();
        let rows: Vec<Known> = on_tx!(tx, c => sqlx::query_as(sql)
            .bind(list).bind(newsletter.id).bind(&slug).fetch_all(c).await)?;
        known.extend(rows.into_iter().map(|row| (row.address_key.clone(), row)));
    }
    Ok(known)
}

const LIST_ERASED_SQLITE: &str = "SELECT DISTINCT address_hash FROM subscriber p WHERE state = 'erased' \
     AND NOT EXISTS (SELECT 1 FROM subscriber o WHERE o.address_hash = p.address_hash AND o.state <> 'erased') AND address_hash IN (SELECT value FROM json_each($1))";
/// The engines unfold a JSON list by different functions.
const LIST_ERASED_POSTGRES: &str = "SELECT DISTINCT address_hash FROM subscriber p WHERE state = 'erased' \
     AND NOT EXISTS (SELECT 1 FROM subscriber o WHERE o.address_hash = p.address_hash AND o.state <> 'erased') AND address_hash IN (SELECT value FROM jsonb_array_elements_text(CAST($1 AS JSONB)))";

/// Which of those hashes belong to people who had themselves erased and have not come back.
pub(crate) async fn list_erased(tx: &mut Tx, hashes: &[String]) -> Result<Vec<String>> {
    let sql = tx.choose(LIST_ERASED_SQLITE, LIST_ERASED_POSTGRES);
    let mut erased = Vec::new();
    for chunk in hashes.chunks(BULK_ROWS) {
        let list = serde_json::to_string(chunk).unwrap_or_default();
        erased.extend(
            on_tx!(tx, c => sqlx::query_scalar::<_, String>(sql).bind(list).fetch_all(c).await)?,
        );
    }
    Ok(erased)
}

/// A person the operator adds.
pub(crate) struct BulkPerson<'a> {
    pub uid: String,
    pub address: &'a EmailAddress,
    pub address_key: &'a str,
    pub address_hash: &'a str,
    pub provider: &'a str,
    pub languages: &'a [Language],
    pub time_zone: &'a Zone,
}

/// Stores active subscribers; returns row and key of those that are new.
pub(crate) async fn insert_people(
    tx: &mut Tx,
    people: &[BulkPerson<'_>],
    now: Timestamp,
) -> Result<Vec<(i64, String)>> {
    let mut rows = Vec::with_capacity(people.len());
    for chunk in people.chunks(BULK_ROWS) {
        let inserted: Vec<(i64, String)> = on_tx!(tx, c => {
            let mut insert = sqlx::QueryBuilder::new(
                "INSERT INTO subscriber (uid, address, address_key, address_hash, provider, languages, time_zone, state, created_at, \
                 confirmed_at) ",
            );
            insert.push_values(chunk, |mut row, person| {
                row.push_bind(&person.uid)
                    .push_bind(person.address.to_string())
                    .push_bind(person.address_key)
                    .push_bind(person.address_hash)
                    .push_bind(person.provider)
                    .push_bind(join_languages(person.languages))
                    .push_bind(person.time_zone.name())
                    .push_bind("active")
                    .push_bind(now)
                    .push_bind(now);
            });
            insert.push(" ON CONFLICT (address_key) DO NOTHING RETURNING id, address_key");
            insert.build_query_as().fetch_all(c).await
        })?;
        rows.extend(inserted);
    }
    Ok(rows)
}

/// A subscription that is active at once, or that of somebody who left elsewhere.
pub(crate) struct BulkSubscription {
    pub uid: String,
    pub subscriber_id: i64,
    pub selection_id: i64,
    pub slot_id: i64,
    pub text_only: bool,
    /// First local date with mail, if the person pauses.
    pub paused_until: Option<String>,
    /// When the person left, if they did.
    pub left_at: Option<Timestamp>,
}

impl BulkSubscription {
    const fn state(&self) -> &'static str {
        match (&self.left_at, &self.paused_until) {
            (Some(_), _) => "left",
            (None, Some(_)) => "paused",
            (None, None) => "active",
        }
    }
}

/// Stores subscriptions that have read up to `read_to`.
pub(crate) async fn insert_subscriptions(
    tx: &mut Tx,
    newsletter_id: i64,
    subscriptions: &[BulkSubscription],
    read_to: i64,
    now: Timestamp,
) -> Result<()> {
    for chunk in subscriptions.chunks(BULK_ROWS) {
        on_tx!(tx, c => {
            let mut insert = sqlx::QueryBuilder::new(
                "INSERT INTO subscription (uid, subscriber_id, newsletter_id, selection_id, slot_id, state, paused_until, text_only, \
                 read_to, created_at, confirmed_at, left_at) ",
            );
            insert.push_values(chunk, |mut row, new| {
                row.push_bind(&new.uid)
                    .push_bind(new.subscriber_id)
                    .push_bind(newsletter_id)
                    .push_bind(new.selection_id)
                    .push_bind(new.slot_id)
                    .push_bind(new.state())
                    .push_bind(&new.paused_until)
                    .push_bind(new.text_only)
                    .push_bind(read_to)
                    .push_bind(now)
                    .push_bind(new.left_at.is_none().then_some(now))
                    .push_bind(new.left_at);
            });
            insert.build().execute(c).await.map(|_| ())
        })?;
    }
    Ok(())
}

/// What the operator did with a person, and what it rests on.
pub(crate) struct NewConsent {
    pub subscriber_id: i64,
    pub action: &'static str,
    pub method: &'static str,
    pub evidence: String,
}

/// Writes what happened to many people at once.
pub(crate) async fn insert_consents(
    tx: &mut Tx,
    consents: &[NewConsent],
    now: Timestamp,
) -> Result<()> {
    for chunk in consents.chunks(BULK_ROWS) {
        on_tx!(tx, c => {
            let mut insert =
                sqlx::QueryBuilder::new("INSERT INTO consent (subscriber_id, action, method, evidence, at) ");
            insert.push_values(chunk, |mut row, new| {
                row.push_bind(new.subscriber_id)
                    .push_bind(new.action)
                    .push_bind(new.method)
                    .push_bind(&new.evidence)
                    .push_bind(now);
            });
            insert.build().execute(c).await.map(|_| ())
        })?;
    }
    Ok(())
}
