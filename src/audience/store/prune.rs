//! Questions that nobody answered.

use super::id_list;
use crate::base::time::Timestamp;
use crate::db::{Db, Result, Tx};
use crate::{on_db, on_tx};

/// Subscribers with an unanswered question and none asked since `cutoff`, by row.
pub(crate) async fn list_unconfirmed(
    db: &Db,
    after: i64,
    cutoff: Timestamp,
    limit: i64,
) -> Result<Vec<i64>> {
    on_db!(db, c => sqlx::query_scalar(
        "SELECT DISTINCT s.subscriber_id FROM subscription s WHERE s.subscriber_id > $1 AND s.state = 'pending' AND s.created_at < $2 \
         AND NOT EXISTS (SELECT 1 FROM consent c WHERE c.subscriber_id = s.subscriber_id AND c.action = 'asked' AND c.at >= $2) \
         ORDER BY s.subscriber_id LIMIT $3")
        .bind(after).bind(cutoff).bind(limit).fetch_all(c).await)
}

const LOCK_UNCONFIRMED_SQLITE: &str = "SELECT p.id FROM subscriber p WHERE p.id IN (SELECT value FROM json_each($1)) \
     AND NOT EXISTS (SELECT 1 FROM consent c WHERE c.subscriber_id = p.id AND c.action = 'asked' AND c.at >= $2) ORDER BY p.id";
/// Who is asking or confirming at this moment is passed over.
const LOCK_UNCONFIRMED_POSTGRES: &str = "SELECT p.id FROM subscriber p \
     WHERE p.id IN (SELECT CAST(value AS BIGINT) FROM jsonb_array_elements_text(CAST($1 AS JSONB))) \
     AND NOT EXISTS (SELECT 1 FROM consent c WHERE c.subscriber_id = p.id AND c.action = 'asked' AND c.at >= $2) ORDER BY p.id \
     FOR UPDATE SKIP LOCKED";

/// Locks those of `ids` whose question is still old.
pub(crate) async fn lock_unconfirmed(
    tx: &mut Tx,
    ids: &[i64],
    cutoff: Timestamp,
) -> Result<Vec<i64>> {
    let sql = tx.choose(LOCK_UNCONFIRMED_SQLITE, LOCK_UNCONFIRMED_POSTGRES);
    on_tx!(tx, c => sqlx::query_scalar(sql).bind(id_list(ids)).bind(cutoff).fetch_all(c).await)
}

const RESTORE_LEFT_SQLITE: &str = "UPDATE subscription SET state = 'left' WHERE state = 'pending' AND left_at IS NOT NULL \
     AND subscriber_id IN (SELECT value FROM json_each($1))";
/// The engines unfold a JSON list by different functions.
const RESTORE_LEFT_POSTGRES: &str = "UPDATE subscription SET state = 'left' WHERE state = 'pending' AND left_at IS NOT NULL \
     AND subscriber_id IN (SELECT CAST(value AS BIGINT) FROM jsonb_array_elements_text(CAST($1 AS JSONB)))";

const DELETE_PENDING_SQLITE: &str = "DELETE FROM subscription WHERE state = 'pending' AND left_at IS NULL \
     AND subscriber_id IN (SELECT value FROM json_each($1))";
/// As above.
const DELETE_PENDING_POSTGRES: &str = "DELETE FROM subscription WHERE state = 'pending' AND left_at IS NULL \
     AND subscriber_id IN (SELECT CAST(value AS BIGINT) FROM jsonb_array_elements_text(CAST($1 AS JSONB)))";

const DELETE_CONSENT_SQLITE: &str = "DELETE FROM consent WHERE subscriber_id IN (SELECT p.id FROM subscriber p WHERE p.state = 'pending' \
     AND p.id IN (SELECT value FROM json_each($1)) \
     AND NOT EXISTS (SELECT 1 FROM subscription s WHERE s.subscriber_id = p.id))";
/// As above.
const DELETE_CONSENT_POSTGRES: &str = "DELETE FROM consent WHERE subscriber_id IN (SELECT p.id FROM subscriber p WHERE p.state = 'pending' \
     AND p.id IN (SELECT CAST(value AS BIGINT) FROM jsonb_array_elements_text(CAST($1 AS JSONB))) \
     AND NOT EXISTS (SELECT 1 FROM subscription s WHERE s.subscriber_id = p.id))";

const DELETE_PERSON_SQLITE: &str = "DELETE FROM subscriber WHERE state = 'pending' AND id IN (SELECT value FROM json_each($1)) \
     AND NOT EXISTS (SELECT 1 FROM subscription s WHERE s.subscriber_id = subscriber.id)";
/// As above.
const DELETE_PERSON_POSTGRES: &str = "DELETE FROM subscriber WHERE state = 'pending' \
     AND id IN (SELECT CAST(value AS BIGINT) FROM jsonb_array_elements_text(CAST($1 AS JSONB))) \
     AND NOT EXISTS (SELECT 1 FROM subscription s WHERE s.subscriber_id = subscriber.id)";

/// Takes back the unanswered questions of locked subscribers: who had left has left again, a subscription that never was goes,
/// and with it a person that nothing else is known of. Returns how many people are gone.
pub(crate) async fn delete_unconfirmed(tx: &mut Tx, ids: &[i64]) -> Result<u64> {
    let list = id_list(ids);
    let mut gone = 0;
    for (sqlite, postgres) in [
        (RESTORE_LEFT_SQLITE, RESTORE_LEFT_POSTGRES),
        (DELETE_PENDING_SQLITE, DELETE_PENDING_POSTGRES),
        (DELETE_CONSENT_SQLITE, DELETE_CONSENT_POSTGRES),
        (DELETE_PERSON_SQLITE, DELETE_PERSON_POSTGRES),
    ] {
        let sql = tx.choose(sqlite, postgres);
        gone = on_tx!(tx, c => sqlx::query(sql).bind(&list).execute(c).await.map(|done| done.rows_affected()))?;
    }
    Ok(gone)
}
