//! The digest's only SQL: runs, issues and their items. What a person was sent is delivery × issue × issue_item, so
//! statements here reach down into the journal.

mod fan_out;
mod history;
mod hold;
mod notice;

use jiff::civil::Date;

use crate::base::language::Language;
use crate::base::time::Timestamp;
use crate::db::{Db, Result, Tx};
use crate::{on_db, on_tx};

pub use fan_out::*;
pub use history::*;
pub use hold::*;
pub use notice::*;

/// Runs that were opened within so many milliseconds were opened together: a few ticks of several instances.
const TOGETHER_MILLIS: i64 = 300_000;

/// A run that is open.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OpenRun {
    /// Row.
    pub id: i64,
    /// Row of its slot.
    pub slot_id: i64,
    /// When it was due.
    pub due_at: Timestamp,
    /// The date on the slot's calendar.
    pub local_date: Date,
    /// The end of its window.
    pub to_no: i64,
    /// Until when it is worth sending.
    pub expires_at: Timestamp,
    /// When the window was frozen.
    pub opened_at: Timestamp,
}

/// What is stored of a run when it is opened or skipped.
#[derive(Clone, Copy, Debug)]
pub struct NewRun {
    /// Row of its slot.
    pub slot_id: i64,
    /// When it was due.
    pub due_at: Timestamp,
    /// The date on the slot's calendar.
    pub local_date: Date,
    /// The end of its window: the head of the log.
    pub to_no: i64,
    /// Until when it is worth sending.
    pub expires_at: Timestamp,
    /// Missed: nobody is planned.
    pub is_skipped: bool,
    /// Now.
    pub opened_at: Timestamp,
}

/// Stores a run; `None` if somebody else opened it.
pub async fn insert_run(tx: &mut Tx, run: &NewRun) -> Result<Option<i64>> {
    let state = if run.is_skipped { "skipped" } else { "open" };
    on_tx!(tx, c => sqlx::query_scalar(
        "INSERT INTO run (slot_id, due_at, local_date, to_no, expires_at, state, opened_at, closed_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (slot_id, due_at) DO NOTHING RETURNING id")
        .bind(run.slot_id).bind(run.due_at).bind(run.local_date.to_string()).bind(run.to_no).bind(run.expires_at)
        .bind(state).bind(run.opened_at).bind(run.is_skipped.then_some(run.opened_at))
        .fetch_optional(c).await)
}

/// The end of the last window of a slot; 0 if it never had a run.
pub async fn get_last_to_no(tx: &mut Tx, slot_id: i64) -> Result<i64> {
    on_tx!(tx, c => sqlx::query_scalar("SELECT COALESCE(MAX(to_no), 0) FROM run WHERE slot_id = $1")
        .bind(slot_id).fetch_one(c).await)
}

/// The hours of a newsletter's local date whose runs were opened together with one that was opened then, as (end of the window,
/// earliest due instant); runs that were missed do not count.
pub async fn list_hours(
    db: &Db,
    newsletter_id: i64,
    local_date: Date,
    opened_at: Timestamp,
) -> Result<Vec<(i64, Timestamp)>> {
    on_db!(db, c => sqlx::query_as(
        "SELECT r.to_no, MIN(r.due_at) FROM run r JOIN slot s ON s.id = r.slot_id WHERE s.newsletter_id = $1 AND r.local_date = $2 \
         AND r.state <> 'skipped' AND r.opened_at >= $3 AND r.opened_at <= $4 GROUP BY r.to_no ORDER BY r.to_no")
        .bind(newsletter_id).bind(local_date.to_string())
        .bind(opened_at.plus_millis(-TOGETHER_MILLIS)).bind(opened_at.plus_millis(TOGETHER_MILLIS))
        .fetch_all(c).await)
}

/// Open runs that a planner may take, longest due first: all but those that the operator holds and that still have time; these
/// `also_held`.
pub async fn list_open_runs(db: &Db, now: Timestamp, also_held: bool) -> Result<Vec<OpenRun>> {
    type Row = (i64, i64, Timestamp, String, i64, Timestamp, Timestamp);
    let rows: Vec<Row> = on_db!(db, c => sqlx::query_as(
        "SELECT r.id, r.slot_id, r.due_at, r.local_date, r.to_no, r.expires_at, r.opened_at FROM run r \
         WHERE r.state = 'open' AND (r.expires_at <= $1 OR $2 = 1 OR (r.held_at IS NULL AND NOT EXISTS (SELECT 1 FROM hold h \
         JOIN slot s ON s.newsletter_id = h.newsletter_id WHERE s.id = r.slot_id AND h.local_date = r.local_date))) \
         ORDER BY r.due_at, r.id").bind(now).bind(i64::from(also_held)).fetch_all(c).await)?;
    rows.into_iter()
        .map(|r| {
            Ok(OpenRun {
                id: r.0,
                slot_id: r.1,
                due_at: r.2,
                local_date: read_date(&r.3)?,
                to_no: r.4,
                expires_at: r.5,
                opened_at: r.6,
            })
        })
        .collect()
}

fn read_date(text: &str) -> Result<Date> {
    text.parse()
        .map_err(|e: jiff::Error| sqlx::Error::Decode(e.to_string().into()))
}

/// The number of the log's last entry before an instant; 0 if there is none.
pub async fn get_no_before(db: &Db, at: Timestamp) -> Result<i64> {
    on_db!(db, c => sqlx::query_scalar::<_, i64>(
        "SELECT no FROM release_log WHERE at < $1 ORDER BY no DESC LIMIT 1").bind(at).fetch_optional(c).await)
    .map(|no| no.unwrap_or(0))
}

const LIST_SENT_SQLITE: &str = "SELECT DISTINCT d.recipient_id, a.story_id FROM delivery d \
     JOIN issue i ON i.letter_id = d.letter_id JOIN issue_item t ON t.issue_id = i.id JOIN article a ON a.id = t.article_id \
     WHERE i.newsletter_id = $1 AND d.recipient_id IN (SELECT value FROM json_each($2)) \
     AND a.story_id IN (SELECT value FROM json_each($3)) AND d.state NOT IN ('cancelled', 'failed', 'expired') \
     AND d.created_at < $4";
/// The engines unfold a JSON list by different functions.
const LIST_SENT_POSTGRES: &str = "SELECT DISTINCT d.recipient_id, a.story_id FROM delivery d \
     JOIN issue i ON i.letter_id = d.letter_id JOIN issue_item t ON t.issue_id = i.id JOIN article a ON a.id = t.article_id \
     WHERE i.newsletter_id = $1 AND d.recipient_id IN (SELECT CAST(value AS BIGINT) FROM jsonb_array_elements_text(CAST($2 AS JSONB))) \
     AND a.story_id IN (SELECT CAST(value AS BIGINT) FROM jsonb_array_elements_text(CAST($3 AS JSONB))) \
     AND d.state NOT IN ('cancelled', 'failed', 'expired') AND d.created_at < $4";

/// Which of those stories this newsletter sent (or is about to send) to which of those subscribers, as (subscriber, story): somebody
/// subscribes to a newsletter once. What was cancelled, failed or expired did not reach anybody. `before` looks back to what was
/// planned before an instant; a planner, whose clock may be behind another's, looks at everything.
pub async fn list_sent(
    tx: &mut Tx,
    newsletter_id: i64,
    subscriber_ids: &[i64],
    story_ids: &[i64],
    before: Option<Timestamp>,
) -> Result<Vec<(i64, i64)>> {
    let before = before.map_or(i64::MAX, Timestamp::as_millis);
    let sql = tx.choose(LIST_SENT_SQLITE, LIST_SENT_POSTGRES);
    let (people, stories) = (json(subscriber_ids), json(story_ids));
    on_tx!(tx, c => sqlx::query_as(sql).bind(newsletter_id).bind(people).bind(stories).bind(before).fetch_all(c).await)
}

/// A list as one value of a statement.
fn json(list: impl serde::Serialize) -> String {
    serde_json::to_string(&list).unwrap_or_default()
}

/// An issue as stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredIssue {
    /// Row.
    pub id: i64,
    /// Uid, shared by all revisions.
    pub uid: String,
    /// 1, and one more for each withdrawal.
    pub revision: i64,
    /// Row of the newsletter.
    pub newsletter_id: i64,
    /// Running number in the newsletter.
    pub number: i64,
    /// Its date.
    pub local_date: Date,
    /// Its language.
    pub language: Language,
    /// Row of its letter.
    pub letter_id: i64,
    /// Subject.
    pub subject: String,
}

type IssueRow = (i64, String, i64, i64, i64, String, Language, i64, String);

fn read_issue(row: IssueRow) -> Result<StoredIssue> {
    Ok(StoredIssue {
        id: row.0,
        uid: row.1,
        revision: row.2,
        newsletter_id: row.3,
        number: row.4,
        local_date: read_date(&row.5)?,
        language: row.6,
        letter_id: row.7,
        subject: row.8,
    })
}

const FIND_CONTENTS_SQLITE: &str = "SELECT i.content_key, i.letter_id, i.subject, l.state FROM issue i JOIN letter l ON l.id = i.letter_id \
     WHERE i.content_key IN (SELECT value FROM json_each($1))";
/// The engines unfold a JSON list by different functions.
const FIND_CONTENTS_POSTGRES: &str = "SELECT i.content_key, i.letter_id, i.subject, l.state FROM issue i JOIN letter l ON l.id = i.letter_id \
     WHERE i.content_key IN (SELECT value FROM jsonb_array_elements_text(CAST($1 AS JSONB)))";

/// The issues with those contents, whoever compiled them, as (content, letter, subject, state of the letter).
pub async fn find_issues_by_content(
    db: &Db,
    content_keys: &[&str],
) -> Result<Vec<(String, i64, String, String)>> {
    let sql = db.choose(FIND_CONTENTS_SQLITE, FIND_CONTENTS_POSTGRES);
    on_db!(db, c => sqlx::query_as(sql).bind(json(content_keys)).fetch_all(c).await)
}

/// The latest revision of an issue.
pub async fn find_issue_by_uid(db: &Db, uid: &str) -> Result<Option<StoredIssue>> {
    on_db!(db, c => sqlx::query_as::<_, IssueRow>(
        "SELECT id, uid, revision, newsletter_id, number, local_date, language, letter_id, subject FROM issue \
         WHERE uid = $1 ORDER BY revision DESC LIMIT 1").bind(uid).fetch_optional(c).await)?
    .map(read_issue)
    .transpose()
}

/// The newest issue of a newsletter in a language.
pub async fn find_latest_issue(
    db: &Db,
    newsletter_id: i64,
    language: &Language,
) -> Result<Option<StoredIssue>> {
    on_db!(db, c => sqlx::query_as::<_, IssueRow>(
        "SELECT id, uid, revision, newsletter_id, number, local_date, language, letter_id, subject FROM issue \
         WHERE newsletter_id = $1 AND language = $2 ORDER BY number DESC, revision DESC LIMIT 1")
        .bind(newsletter_id).bind(language.as_str()).fetch_optional(c).await)?
    .map(read_issue)
    .transpose()
}

/// The issues whose letter may still be sent (open or paused) and that hold the article, or tell of it.
pub async fn list_live_issues_with(db: &Db, article_id: i64) -> Result<Vec<StoredIssue>> {
    on_db!(db, c => sqlx::query_as::<_, IssueRow>(
        "SELECT i.id, i.uid, i.revision, i.newsletter_id, i.number, i.local_date, i.language, i.letter_id, i.subject \
         FROM issue i JOIN letter l ON l.id = i.letter_id WHERE l.state IN ('open', 'paused') AND i.id IN \
         (SELECT issue_id FROM issue_item WHERE article_id = $1 UNION ALL SELECT issue_id FROM issue_notice WHERE article_id = $1) \
         ORDER BY i.id")
        .bind(article_id).fetch_all(c).await)?
    .into_iter()
    .map(read_issue)
    .collect()
}

/// The articles of an issue in its order, with their numbers.
pub async fn list_items(db: &Db, issue_id: i64) -> Result<Vec<(i64, i64)>> {
    on_db!(db, c => sqlx::query_as("SELECT article_id, release_no FROM issue_item WHERE issue_id = $1 ORDER BY position")
        .bind(issue_id).fetch_all(c).await)
}

const LOCK_NEWSLETTER_SQLITE: &str = "SELECT id FROM newsletter WHERE id = $1";
/// Two planners wait for each other here; NO KEY, so that people can join meanwhile.
const LOCK_NEWSLETTER_POSTGRES: &str = "SELECT id FROM newsletter WHERE id = $1 FOR NO KEY UPDATE";

/// The next running number of a newsletter's issues; nobody else gets it until the transaction ends. In two statements, because
/// the second must see what the one it waited for has stored.
pub async fn get_next_number(tx: &mut Tx, newsletter_id: i64) -> Result<i64> {
    let lock = tx.choose(LOCK_NEWSLETTER_SQLITE, LOCK_NEWSLETTER_POSTGRES);
    on_tx!(tx, c => sqlx::query(lock).bind(newsletter_id).fetch_one(c).await.map(|_| ()))?;
    on_tx!(tx, c => sqlx::query_scalar("SELECT COALESCE(MAX(number), 0) + 1 FROM issue WHERE newsletter_id = $1")
        .bind(newsletter_id).fetch_one(c).await)
}

/// An issue before it has a row.
#[derive(Clone, Copy, Debug)]
pub struct NewIssue<'a> {
    /// Uid.
    pub uid: &'a str,
    /// 1 for the first.
    pub revision: i64,
    /// Row of the newsletter.
    pub newsletter_id: i64,
    /// Running number.
    pub number: i64,
    /// Its date.
    pub local_date: Date,
    /// Its language.
    pub language: &'a Language,
    /// Its content; none for a revision.
    pub content_key: Option<&'a str>,
    /// Row of its letter.
    pub letter_id: i64,
    /// Subject.
    pub subject: &'a str,
    /// The head of the log before it was compiled: what changed later is not in it.
    pub head_no: i64,
    /// What the editor says on top.
    pub note: Option<&'a str>,
    /// Now.
    pub created_at: Timestamp,
}

/// Stores an issue; `None` if an equal one is there already, and then nothing of the transaction may be kept.
pub async fn insert_issue(tx: &mut Tx, issue: &NewIssue<'_>) -> Result<Option<i64>> {
    on_tx!(tx, c => sqlx::query_scalar(
        "INSERT INTO issue (uid, revision, newsletter_id, number, local_date, language, content_key, letter_id, subject, \
         head_no, note, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT DO NOTHING RETURNING id")
        .bind(issue.uid).bind(issue.revision).bind(issue.newsletter_id).bind(issue.number)
        .bind(issue.local_date.to_string()).bind(issue.language.as_str()).bind(issue.content_key)
        .bind(issue.letter_id).bind(issue.subject).bind(issue.head_no).bind(issue.note).bind(issue.created_at).fetch_optional(c).await)
}

const INSERT_ITEMS_SQLITE: &str = "INSERT INTO issue_item (issue_id, position, article_id, release_no, is_shown) \
     SELECT $1, key + 1, value ->> 0, value ->> 1, key < $3 FROM json_each($2)";
/// The engines unfold a JSON list by different functions.
const INSERT_ITEMS_POSTGRES: &str = "INSERT INTO issue_item (issue_id, position, article_id, release_no, is_shown) \
     SELECT $1, n, CAST(value ->> 0 AS BIGINT), CAST(value ->> 1 AS BIGINT), n <= $3 \
     FROM jsonb_array_elements(CAST($2 AS JSONB)) WITH ORDINALITY AS j (value, n)";

/// Stores the items of an issue in their order, as (article, number); the first `shown` of them stand in the mail.
pub async fn insert_items(
    tx: &mut Tx,
    issue_id: i64,
    items: &[(i64, i64)],
    shown: usize,
) -> Result<()> {
    let sql = tx.choose(INSERT_ITEMS_SQLITE, INSERT_ITEMS_POSTGRES);
    on_tx!(tx, c => sqlx::query(sql).bind(issue_id).bind(json(items)).bind(shown as i64).execute(c).await.map(|_| ()))
}

/// Letters that were replaced since an instant while rows without an intent still wait on them, with the letter of the
/// latest revision, as (old, new).
pub async fn list_left_behind(db: &Db, since: Timestamp) -> Result<Vec<(i64, i64)>> {
    on_db!(db, c => sqlx::query_as(
        "SELECT i.letter_id, n.letter_id FROM issue i JOIN letter l ON l.id = i.letter_id AND l.state = 'replaced' \
         JOIN issue n ON n.uid = i.uid AND n.revision = (SELECT MAX(m.revision) FROM issue m WHERE m.uid = i.uid) \
         WHERE i.created_at >= $1 AND n.id <> i.id AND EXISTS (SELECT 1 FROM delivery d WHERE d.letter_id = i.letter_id \
         AND d.state IN ('queued', 'held') AND d.intent_at IS NULL) ORDER BY i.letter_id")
        .bind(since).fetch_all(c).await)
}

/// A run beside the number of its deliveries.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CheckedRun {
    /// Row.
    pub id: i64,
    /// Row of its slot.
    pub slot_id: i64,
    /// The date on the slot's calendar.
    pub local_date: String,
    /// The end of its window.
    pub to_no: i64,
    /// State.
    pub state: String,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// What it says it mailed.
    pub mailed: i64,
    /// The deliveries that name it.
    pub deliveries: i64,
}

/// Runs opened since an instant with the number of their deliveries, oldest first.
pub async fn list_checked_runs(db: &Db, since: Timestamp) -> Result<Vec<CheckedRun>> {
    type Row = (i64, i64, String, i64, String, Timestamp, i64, i64);
    let rows: Vec<Row> = on_db!(db, c => sqlx::query_as(
        "SELECT r.id, r.slot_id, r.local_date, r.to_no, r.state, r.opened_at, r.mailed, \
         (SELECT COUNT(*) FROM delivery d WHERE d.batch = r.id) FROM run r WHERE r.opened_at >= $1 ORDER BY r.id")
        .bind(since).fetch_all(c).await)?;
    Ok(rows
        .into_iter()
        .map(|r| CheckedRun {
            id: r.0,
            slot_id: r.1,
            local_date: r.2,
            to_no: r.3,
            state: r.4,
            opened_at: r.5,
            mailed: r.6,
            deliveries: r.7,
        })
        .collect())
}
