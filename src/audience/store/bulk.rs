//! Many people at once.

use std::collections::HashMap;

use super::join_languages;
use crate::base::address::EmailAddress;
use crate::base::language::Language;
use crate::base::time::{Timestamp, Zone};
use crate::db::{Result, Tx};
use crate::on_tx;

/// Rows in one statement: SQLite takes 32 766 values, and no row here has more than ten.
pub(crate) const BULK_ROWS: usize = 1000;

/// A known address: row, state, and the state and `left_at` of the subscription to the newsletter in question, if there is one.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct Known {
    pub address_key: String,
    pub id: i64,
    pub subscriber_state: String,
    pub subscription_id: Option<i64>,
    pub state: Option<String>,
    pub left_at: Option<Timestamp>,
}

const LIST_KNOWN_SQLITE: &str = "SELECT p.address_key, p.id, p.state AS subscriber_state, s.id AS subscription_id, s.state, s.left_at \
     FROM subscriber p LEFT JOIN subscription s ON s.subscriber_id = p.id AND s.newsletter_id = $2 \
     WHERE p.address_key IN (SELECT value FROM json_each($1)) ORDER BY p.id";
/// Locked by row, so that who is confirming or asking at this moment waits.
const LIST_KNOWN_POSTGRES: &str = "SELECT p.address_key, p.id, p.state AS subscriber_state, s.id AS subscription_id, s.state, s.left_at \
     FROM subscriber p LEFT JOIN subscription s ON s.subscriber_id = p.id AND s.newsletter_id = $2 \
     WHERE p.address_key IN (SELECT value FROM jsonb_array_elements_text(CAST($1 AS JSONB))) ORDER BY p.id \
     FOR NO KEY UPDATE OF p";

/// What is known of those addresses, by their key.
pub(crate) async fn list_known(
    tx: &mut Tx,
    newsletter_id: i64,
    keys: &[String],
) -> Result<HashMap<String, Known>> {
    let sql = tx.choose(LIST_KNOWN_SQLITE, LIST_KNOWN_POSTGRES);
    let mut known = HashMap::new();
    for chunk in keys.chunks(BULK_ROWS) {
        let list = serde_json::to_string(chunk).unwrap_or_default();
        let rows: Vec<Known> =
            on_tx!(tx, c => sqlx::query_as(sql).bind(list).bind(newsletter_id).fetch_all(c).await)?;
        known.extend(rows.into_iter().map(|row| (row.address_key.clone(), row)));
    }
    Ok(known)
}

const LIST_ERASED_SQLITE: &str = "SELECT DISTINCT address_hash FROM subscriber WHERE state = 'erased' \
     AND address_hash IN (SELECT value FROM json_each($1))";
/// The engines unfold a JSON list by different functions.
const LIST_ERASED_POSTGRES: &str = "SELECT DISTINCT address_hash FROM subscriber WHERE state = 'erased' \
     AND address_hash IN (SELECT value FROM jsonb_array_elements_text(CAST($1 AS JSONB)))";

/// Which of those hashes belong to people who had themselves erased.
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
    pub provider: &'static str,
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

/// A subscription the operator adds: it is active at once.
pub(crate) struct BulkSubscription {
    pub uid: String,
    pub subscriber_id: i64,
    pub selection_id: i64,
    pub slot_id: i64,
    pub text_only: bool,
}

/// Stores active subscriptions that have read up to `read_to`.
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
                "INSERT INTO subscription (uid, subscriber_id, newsletter_id, selection_id, slot_id, state, text_only, read_to, \
                 created_at, confirmed_at) ",
            );
            insert.push_values(chunk, |mut row, new| {
                row.push_bind(&new.uid)
                    .push_bind(new.subscriber_id)
                    .push_bind(newsletter_id)
                    .push_bind(new.selection_id)
                    .push_bind(new.slot_id)
                    .push_bind("active")
                    .push_bind(new.text_only)
                    .push_bind(read_to)
                    .push_bind(now)
                    .push_bind(now);
            });
            insert.build().execute(c).await.map(|_| ())
        })?;
    }
    Ok(())
}

/// Writes that the operator added those people, with what the consent rests on.
pub(crate) async fn insert_added(
    tx: &mut Tx,
    subscriber_ids: &[i64],
    evidence: &str,
    now: Timestamp,
) -> Result<()> {
    for chunk in subscriber_ids.chunks(BULK_ROWS) {
        on_tx!(tx, c => {
            let mut insert =
                sqlx::QueryBuilder::new("INSERT INTO consent (subscriber_id, action, method, evidence, at) ");
            insert.push_values(chunk, |mut row, id| {
                row.push_bind(*id)
                    .push_bind("added")
                    .push_bind("operator")
                    .push_bind(evidence)
                    .push_bind(now);
            });
            insert.build().execute(c).await.map(|_| ())
        })?;
    }
    Ok(())
}
