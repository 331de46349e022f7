//! SQL of articles as they change.

use super::put_words;
use crate::base::language::Language;
use crate::base::time::Timestamp;
use crate::db::{Result, Tx};
use crate::newsroom::{ArticleState, BodyFormat, Importance, LeadImage};
use crate::on_tx;

/// An article that has no row yet.
#[derive(Clone, Debug)]
pub struct NewArticle {
    /// Uid.
    pub uid: String,
    /// Feed id.
    pub guid: String,
    /// Row of its story.
    pub story_id: i64,
    /// Language.
    pub language: Language,
    /// Its words.
    pub text: Text,
    /// Row of its section.
    pub section_id: Option<i64>,
    /// Address at the origin.
    pub canonical_url: Option<String>,
    /// How much it matters.
    pub importance: Importance,
    /// Scheduled or released.
    pub state: ArticleState,
    /// Not before.
    pub embargo_at: Option<Timestamp>,
    /// First public.
    pub released_at: Option<Timestamp>,
    /// Last significant change.
    pub updated_at: Option<Timestamp>,
    /// Source, what it calls the article, and the hash of what it said.
    pub origin: Option<(i64, String, String)>,
}

/// The words of an article, checked and sanitised.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Text {
    /// Title.
    pub title: String,
    /// Summary.
    pub summary: String,
    /// Body as typed.
    pub body_source: String,
    /// What it is written in.
    pub format: BodyFormat,
    /// Body as shown.
    pub body_html: String,
    /// Version of the sanitiser that made it.
    pub sanitizer: i64,
    /// Byline.
    pub byline: Option<String>,
    /// Lead image.
    pub lead: Option<LeadImage>,
}

/// Adds an article with the words it is found by, and returns its row.
pub async fn insert_article(tx: &mut Tx, article: &NewArticle, now: Timestamp) -> Result<i64> {
    let text = &article.text;
    let lead = text.lead.as_ref();
    let (source_id, origin_guid, origin_hash) = match &article.origin {
        Some((id, guid, hash)) => (Some(*id), Some(guid), Some(hash)),
        None => (None, None, None),
    };
    let id = on_tx!(tx, c => sqlx::query_scalar(
        "INSERT INTO article (uid, guid, story_id, language, title, summary, body_source, body_format, body_html, sanitizer, \
         byline, section_id, canonical_url, importance, lead_url, lead_type, lead_bytes, lead_width, lead_height, lead_alt, \
         lead_credit, state, embargo_at, released_at, updated_at, edited_at, created_at, source_id, origin_guid, origin_hash) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, \
         $25, $26, $26, $27, $28, $29) RETURNING id")
        .bind(&article.uid).bind(&article.guid).bind(article.story_id).bind(article.language.as_str())
        .bind(&text.title).bind(&text.summary).bind(&text.body_source).bind(text.format.word())
        .bind(&text.body_html).bind(text.sanitizer).bind(&text.byline).bind(article.section_id)
        .bind(&article.canonical_url).bind(article.importance.word())
        .bind(lead.map(|l| &l.url)).bind(lead.and_then(|l| l.media_type.as_ref())).bind(lead.and_then(|l| l.bytes))
        .bind(lead.and_then(|l| l.width)).bind(lead.and_then(|l| l.height)).bind(lead.and_then(|l| l.alt.as_ref()))
        .bind(lead.and_then(|l| l.credit.as_ref())).bind(article.state.word()).bind(article.embargo_at)
        .bind(article.released_at).bind(article.updated_at).bind(now).bind(source_id).bind(origin_guid).bind(origin_hash)
        .fetch_one(c).await?);
    put_words(tx, id, text).await?;
    Ok(id)
}

/// Adds a story and returns its row.
pub async fn insert_story(tx: &mut Tx, uid: &str) -> Result<i64> {
    on_tx!(tx, c => sqlx::query_scalar("INSERT INTO story (uid) VALUES ($1) RETURNING id")
        .bind(uid).fetch_one(c).await)
}

/// The story with that uid, and the languages it has a living article in.
pub async fn find_story(tx: &mut Tx, uid: &str) -> Result<Option<(i64, Vec<Language>)>> {
    on_tx!(tx, c => {
        let id: Option<i64> = sqlx::query_scalar("SELECT id FROM story WHERE uid = $1")
            .bind(uid).fetch_optional(&mut *c).await?;
        let Some(id) = id else { return Ok(None) };
        let languages = sqlx::query_scalar("SELECT language FROM article WHERE story_id = $1 AND state <> 'withdrawn'")
            .bind(id).fetch_all(c).await?;
        Ok(Some((id, languages)))
    })
}

/// Takes the slug for an article as its current one; false if somebody has or had it.
pub async fn insert_slug(
    tx: &mut Tx,
    language: &Language,
    slug: &str,
    article_id: i64,
) -> Result<bool> {
    on_tx!(tx, c => sqlx::query(
        "INSERT INTO article_slug (language, slug, article_id, is_current) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (language, slug) DO NOTHING")
        .bind(language.as_str()).bind(slug).bind(article_id).bind(true)
        .execute(c).await.map(|done| done.rows_affected() == 1))
}

/// A version that is kept for ever.
#[derive(Clone, Copy, Debug)]
pub struct Revision<'a> {
    /// `published`, `corrected`, `edited`, `imported` or `withdrawn`.
    pub kind: &'static str,
    /// Title of that version.
    pub title: &'a str,
    /// Summary of that version.
    pub summary: &'a str,
    /// Body of that version, as typed.
    pub body_source: &'a str,
    /// What the body is written in.
    pub format: BodyFormat,
    /// What was said about the change.
    pub note: Option<&'a str>,
}

impl<'a> Revision<'a> {
    /// The version that a text is.
    pub const fn of(kind: &'static str, text: &'a Text, note: Option<&'a str>) -> Self {
        Self {
            kind,
            title: text.title.as_str(),
            summary: text.summary.as_str(),
            body_source: text.body_source.as_str(),
            format: text.format,
            note,
        }
    }
}

/// Keeps a version.
pub async fn insert_revision(
    tx: &mut Tx,
    article_id: i64,
    revision: Revision<'_>,
    now: Timestamp,
) -> Result<()> {
    on_tx!(tx, c => sqlx::query(
        "INSERT INTO article_revision (article_id, kind, title, summary, body_source, body_format, note, at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)")
        .bind(article_id).bind(revision.kind).bind(revision.title).bind(revision.summary).bind(revision.body_source)
        .bind(revision.format.word()).bind(revision.note).bind(now).execute(c).await.map(|_| ()))
}

/// Whether no article has that feed id.
pub async fn is_guid_free(tx: &mut Tx, guid: &str) -> Result<bool> {
    let taken: Option<i64> = on_tx!(tx, c => sqlx::query_scalar("SELECT id FROM article WHERE guid = $1")
        .bind(guid).fetch_optional(c).await?);
    Ok(taken.is_none())
}

/// Gives an article exactly those tags; returns whether that changed anything.
pub async fn replace_tags(tx: &mut Tx, article_id: i64, tags: &[i64]) -> Result<bool> {
    let mut wanted = tags.to_vec();
    wanted.sort_unstable();
    wanted.dedup();
    on_tx!(tx, c => {
        let mut known: Vec<i64> = sqlx::query_scalar("SELECT tag_id FROM article_tag WHERE article_id = $1")
            .bind(article_id).fetch_all(&mut *c).await?;
        known.sort_unstable();
        if known == wanted {
            return Ok(false);
        }
        sqlx::query("DELETE FROM article_tag WHERE article_id = $1").bind(article_id).execute(&mut *c).await?;
        for tag in &wanted {
            sqlx::query("INSERT INTO article_tag (article_id, tag_id) VALUES ($1, $2)")
                .bind(article_id).bind(*tag).execute(&mut *c).await?;
        }
        Ok(true)
    })
}

/// An article as editing sees it.
#[derive(Clone, Debug)]
pub struct Editable {
    /// Row.
    pub id: i64,
    /// Where it stands.
    pub state: ArticleState,
    /// First public.
    pub released_at: Option<Timestamp>,
    /// Last significant change.
    pub updated_at: Option<Timestamp>,
    /// Row of its section.
    pub section_id: Option<i64>,
    /// Address at the origin.
    pub canonical_url: Option<String>,
    /// The sentence of the last correction.
    pub correction: Option<String>,
    /// Its words.
    pub text: Text,
}

impl Editable {
    /// The instant by which it stands in feeds, once it is public.
    pub fn feed_at(&self) -> Option<Timestamp> {
        self.updated_at.or(self.released_at)
    }
}

#[derive(sqlx::FromRow)]
struct EditableRow {
    id: i64,
    state: String,
    released_at: Option<Timestamp>,
    updated_at: Option<Timestamp>,
    section_id: Option<i64>,
    canonical_url: Option<String>,
    correction: Option<String>,
    title: String,
    summary: String,
    body_source: String,
    body_format: String,
    body_html: String,
    sanitizer: i64,
    byline: Option<String>,
    lead_url: Option<String>,
    lead_type: Option<String>,
    lead_bytes: Option<i64>,
    lead_width: Option<i64>,
    lead_height: Option<i64>,
    lead_alt: Option<String>,
    lead_credit: Option<String>,
}

impl From<EditableRow> for Editable {
    fn from(row: EditableRow) -> Self {
        let lead = row.lead_url.map(|url| LeadImage {
            url,
            media_type: row.lead_type,
            bytes: row.lead_bytes,
            width: row.lead_width,
            height: row.lead_height,
            alt: row.lead_alt,
            credit: row.lead_credit,
        });
        Self {
            id: row.id,
            state: ArticleState::from_word(&row.state),
            released_at: row.released_at,
            updated_at: row.updated_at,
            section_id: row.section_id,
            canonical_url: row.canonical_url,
            correction: row.correction,
            text: Text {
                title: row.title,
                summary: row.summary,
                body_source: row.body_source,
                format: BodyFormat::from_word(&row.body_format),
                body_html: row.body_html,
                sanitizer: row.sanitizer,
                byline: row.byline,
                lead,
            },
        }
    }
}

/// SQLite's one writer needs no lock.
const LOCK_ARTICLE_SQLITE: &str = "SELECT id, state, released_at, updated_at, section_id, canonical_url, correction, \
    title, summary, body_source, body_format, body_html, sanitizer, byline, lead_url, lead_type, lead_bytes, lead_width, \
    lead_height, lead_alt, lead_credit FROM article WHERE uid = $1";
const LOCK_ARTICLE_POSTGRES: &str = "SELECT id, state, released_at, updated_at, section_id, canonical_url, correction, \
    title, summary, body_source, body_format, body_html, sanitizer, byline, lead_url, lead_type, lead_bytes, lead_width, \
    lead_height, lead_alt, lead_credit FROM article WHERE uid = $1 FOR NO KEY UPDATE";

/// The article with that uid, locked until the transaction ends.
pub async fn lock_article(tx: &mut Tx, uid: &str) -> Result<Option<Editable>> {
    let sql = tx.choose(LOCK_ARTICLE_SQLITE, LOCK_ARTICLE_POSTGRES);
    let row: Option<EditableRow> =
        on_tx!(tx, c => sqlx::query_as(sql).bind(uid).fetch_optional(c).await?);
    Ok(row.map(Editable::from))
}

const FIND_TEXT_SQLITE: &str = "SELECT id, state, released_at, updated_at, section_id, canonical_url, correction, \
    title, summary, body_source, body_format, body_html, sanitizer, byline, lead_url, lead_type, lead_bytes, lead_width, \
    lead_height, lead_alt, lead_credit FROM article WHERE id = $1";
const FIND_TEXT_POSTGRES: &str = "SELECT id, state, released_at, updated_at, section_id, canonical_url, correction, \
    title, summary, body_source, body_format, body_html, sanitizer, byline, lead_url, lead_type, lead_bytes, lead_width, \
    lead_height, lead_alt, lead_credit FROM article WHERE id = $1 FOR NO KEY UPDATE";

/// The article in that row, locked until the transaction ends.
pub async fn find_text(tx: &mut Tx, id: i64) -> Result<Option<Editable>> {
    let sql = tx.choose(FIND_TEXT_SQLITE, FIND_TEXT_POSTGRES);
    let row: Option<EditableRow> =
        on_tx!(tx, c => sqlx::query_as(sql).bind(id).fetch_optional(c).await?);
    Ok(row.map(Editable::from))
}

/// Writes back what an edit changed, and the words it is found by; `origin_hash` is kept where it is `None`.
pub async fn update_text(
    tx: &mut Tx,
    article: &Editable,
    origin_hash: Option<&str>,
    now: Timestamp,
) -> Result<()> {
    let text = &article.text;
    let lead = text.lead.as_ref();
    on_tx!(tx, c => sqlx::query(
        "UPDATE article SET title = $2, summary = $3, body_source = $4, body_html = $5, sanitizer = $6, byline = $7, \
         section_id = $8, canonical_url = $9, correction = $10, updated_at = $11, lead_url = $12, lead_type = $13, \
         lead_bytes = $14, lead_width = $15, lead_height = $16, lead_alt = $17, lead_credit = $18, \
         origin_hash = COALESCE($19, origin_hash), edited_at = $20, body_format = $21 WHERE id = $1")
        .bind(article.id).bind(&text.title).bind(&text.summary).bind(&text.body_source).bind(&text.body_html)
        .bind(text.sanitizer).bind(&text.byline).bind(article.section_id).bind(&article.canonical_url)
        .bind(&article.correction).bind(article.updated_at)
        .bind(lead.map(|l| &l.url)).bind(lead.and_then(|l| l.media_type.as_ref())).bind(lead.and_then(|l| l.bytes))
        .bind(lead.and_then(|l| l.width)).bind(lead.and_then(|l| l.height)).bind(lead.and_then(|l| l.alt.as_ref()))
        .bind(lead.and_then(|l| l.credit.as_ref())).bind(origin_hash).bind(now).bind(text.format.word())
        .execute(c).await.map(|_| ())?);
    put_words(tx, article.id, text).await
}

/// Flips an article to withdrawn.
pub async fn mark_withdrawn(
    tx: &mut Tx,
    id: i64,
    reason: Option<&str>,
    now: Timestamp,
) -> Result<()> {
    on_tx!(tx, c => sqlx::query("UPDATE article SET state = 'withdrawn', withdrawal = $2, edited_at = $3 WHERE id = $1")
        .bind(id).bind(reason).bind(now).execute(c).await.map(|_| ()))
}

/// Takes a scheduled article back to draft: nobody has had it.
pub async fn mark_draft(tx: &mut Tx, id: i64, now: Timestamp) -> Result<bool> {
    on_tx!(tx, c => sqlx::query(
        "UPDATE article SET state = 'draft', embargo_at = NULL, edited_at = $2 WHERE id = $1 AND state = 'scheduled'")
        .bind(id).bind(now).execute(c).await.map(|done| done.rows_affected() == 1))
}

/// SQLite's one writer needs no lock; instances on PostgreSQL leave each other's rows alone.
const LOCK_DUE_SQLITE: &str = "SELECT id FROM article WHERE state = 'scheduled' AND embargo_at <= $1 \
    ORDER BY embargo_at, id LIMIT $2";
const LOCK_DUE_POSTGRES: &str = "SELECT id FROM article WHERE state = 'scheduled' AND embargo_at <= $1 \
    ORDER BY embargo_at, id LIMIT $2 FOR UPDATE SKIP LOCKED";

/// Scheduled articles whose time has come, oldest first, locked until the transaction ends.
pub async fn lock_due(tx: &mut Tx, now: Timestamp, limit: i64) -> Result<Vec<i64>> {
    let sql = tx.choose(LOCK_DUE_SQLITE, LOCK_DUE_POSTGRES);
    on_tx!(tx, c => sqlx::query_scalar(sql).bind(now).bind(limit).fetch_all(c).await)
}

/// Flips a scheduled article to released; an explicit date that it was stored with stays. False if it is not scheduled.
pub async fn mark_released(tx: &mut Tx, id: i64, now: Timestamp) -> Result<bool> {
    on_tx!(tx, c => sqlx::query(
        "UPDATE article SET state = 'released', released_at = COALESCE(released_at, $2), edited_at = $2 \
         WHERE id = $1 AND state = 'scheduled'")
        .bind(id).bind(now).execute(c).await.map(|done| done.rows_affected() == 1))
}
