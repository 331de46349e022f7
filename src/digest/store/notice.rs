//! SQL of corrections and withdrawals that people are told of, and of the editor's notes.

use jiff::civil::Date;

use crate::base::language::Language;
use crate::base::time::Timestamp;
use crate::db::{Db, Result, Tx};
use crate::digest::notice::{Notice, Sent, SentTo};
use crate::digest::store::json;
use crate::{on_db, on_tx};

/// Corrections and withdrawals with `after < no <= upto`, by number, as (number, article, whether it is a withdrawal).
pub async fn list_changes(tx: &mut Tx, after: i64, upto: i64) -> Result<Vec<(i64, i64, bool)>> {
    on_tx!(tx, c => sqlx::query_as(
        "SELECT no, article_id, kind = 'withdrawn' AS is_withdrawn FROM release_log \
         WHERE no > $1 AND no <= $2 AND kind IN ('updated', 'withdrawn') AND article_id IS NOT NULL ORDER BY no")
        .bind(after).bind(upto).fetch_all(c).await)
}

/// The number of an article's withdrawal, if it is withdrawn.
pub async fn find_withdrawal_no(db: &Db, article_id: i64) -> Result<Option<i64>> {
    on_db!(db, c => sqlx::query_scalar(
        "SELECT MAX(no) FROM release_log WHERE article_id = $1 AND kind = 'withdrawn'")
        .bind(article_id).fetch_one(c).await)
}

const LIST_SENT_TEXTS_SQLITE: &str = "SELECT d.recipient_id, t.article_id, i.head_no, d.state FROM delivery d \
     JOIN issue i ON i.letter_id = d.letter_id JOIN issue_item t ON t.issue_id = i.id AND t.is_shown \
     WHERE i.newsletter_id = $1 AND i.head_no IS NOT NULL AND d.recipient_id IN (SELECT value FROM json_each($2)) \
     AND t.article_id IN (SELECT value FROM json_each($3)) AND d.state NOT IN ('cancelled', 'failed', 'expired') \
     AND d.created_at < $4";
/// The engines unfold a JSON list by different functions.
const LIST_SENT_TEXTS_POSTGRES: &str = "SELECT d.recipient_id, t.article_id, i.head_no, d.state FROM delivery d \
     JOIN issue i ON i.letter_id = d.letter_id JOIN issue_item t ON t.issue_id = i.id AND t.is_shown \
     WHERE i.newsletter_id = $1 AND i.head_no IS NOT NULL \
     AND d.recipient_id IN (SELECT CAST(value AS BIGINT) FROM jsonb_array_elements_text(CAST($2 AS JSONB))) \
     AND t.article_id IN (SELECT CAST(value AS BIGINT) FROM jsonb_array_elements_text(CAST($3 AS JSONB))) \
     AND d.state NOT IN ('cancelled', 'failed', 'expired') AND d.created_at < $4";

/// Which of those texts stood in a mail of this newsletter to which of those subscribers, and how old the mail is. `before` looks
/// back as in [`super::list_sent`].
pub async fn list_sent_texts(
    tx: &mut Tx,
    newsletter_id: i64,
    subscriber_ids: &[i64],
    article_ids: &[i64],
    before: Option<Timestamp>,
) -> Result<SentTo> {
    let before = before.map_or(i64::MAX, Timestamp::as_millis);
    let sql = tx.choose(LIST_SENT_TEXTS_SQLITE, LIST_SENT_TEXTS_POSTGRES);
    let (people, articles) = (json(subscriber_ids), json(article_ids));
    let rows: Vec<(i64, i64, i64, String)> = on_tx!(tx, c => sqlx::query_as(sql)
        .bind(newsletter_id).bind(people).bind(articles).bind(before).fetch_all(c).await)?;
    let mut sent = SentTo::new();
    for (subscriber_id, article_id, head_no, state) in rows {
        sent.entry(subscriber_id).or_default().push(Sent {
            article_id,
            head_no,
            state,
        });
    }
    Ok(sent)
}

/// What an issue tells of, in its order.
pub async fn list_notices(db: &Db, issue_id: i64) -> Result<Vec<Notice>> {
    let rows: Vec<(i64, i64)> = on_db!(db, c => sqlx::query_as(
        "SELECT no, article_id FROM issue_notice WHERE issue_id = $1 ORDER BY position")
        .bind(issue_id).fetch_all(c).await)?;
    Ok(rows
        .into_iter()
        .map(|(no, article_id)| Notice { no, article_id })
        .collect())
}

/// Stores what an issue tells of.
pub async fn insert_notices(tx: &mut Tx, issue_id: i64, notices: &[Notice]) -> Result<()> {
    for (i, notice) in notices.iter().enumerate() {
        on_tx!(tx, c => sqlx::query(
            "INSERT INTO issue_notice (issue_id, position, article_id, no) VALUES ($1, $2, $3, $4)")
            .bind(issue_id).bind(i as i64 + 1).bind(notice.article_id).bind(notice.no)
            .execute(c).await.map(|_| ()))?;
    }
    Ok(())
}

/// What the editor said on top of an issue, as it was compiled.
pub async fn find_note_of_issue(db: &Db, issue_id: i64) -> Result<Option<String>> {
    on_db!(db, c => sqlx::query_scalar("SELECT note FROM issue WHERE id = $1").bind(issue_id).fetch_one(c).await)
}

/// What the editor says on a date, by language.
pub async fn list_notes(
    db: &Db,
    newsletter_id: i64,
    local_date: Date,
) -> Result<Vec<(Language, String)>> {
    on_db!(db, c => sqlx::query_as(
        "SELECT language, body FROM editor_note WHERE newsletter_id = $1 AND local_date = $2 ORDER BY language")
        .bind(newsletter_id).bind(local_date.to_string()).fetch_all(c).await)
}

/// Says something on a date in a language; what was said there before is gone.
pub async fn put_note(
    tx: &mut Tx,
    newsletter_id: i64,
    local_date: Date,
    language: &Language,
    body: &str,
    now: Timestamp,
) -> Result<()> {
    on_tx!(tx, c => sqlx::query(
        "INSERT INTO editor_note (newsletter_id, local_date, language, body, at) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (newsletter_id, local_date, language) DO UPDATE SET body = excluded.body, at = excluded.at")
        .bind(newsletter_id).bind(local_date.to_string()).bind(language.as_str()).bind(body).bind(now)
        .execute(c).await.map(|_| ()))
}

/// Takes back what is said on a date in a language; false if nothing is.
pub async fn delete_note(
    tx: &mut Tx,
    newsletter_id: i64,
    local_date: Date,
    language: &Language,
) -> Result<bool> {
    on_tx!(tx, c => sqlx::query(
        "DELETE FROM editor_note WHERE newsletter_id = $1 AND local_date = $2 AND language = $3")
        .bind(newsletter_id).bind(local_date.to_string()).bind(language.as_str())
        .execute(c).await.map(|done| done.rows_affected() == 1))
}
