//! Changing an article: a significant correction, or a quiet edit. The slug, the ids and the first date stay.

use url::Url;

use super::publish::require_section;
use super::retry::retrying;
use super::sanitize::SANITIZER;
use super::store::{self, Editable, NewEntry, Revision, Subject};
use super::text::{check_body, check_byline, check_summary, check_title, summarise};
use super::{ArticleState, Edit, LogKind, NewsroomError};
use crate::base::text::clean_line;
use crate::base::time::Timestamp;
use crate::db::Tx;
use crate::work::Core;

/// A significant correction: moves `updated_at`, takes a log number of kind `updated`; `sentence` says what was wrong.
///
/// An article that is not public yet is simply edited: nobody has read the mistake.
pub async fn correct(
    core: &Core,
    uid: &str,
    edit: Edit,
    sentence: &str,
) -> Result<(), NewsroomError> {
    let sentence = clean_line(sentence);
    if sentence.is_empty() {
        return Err(NewsroomError::Invalid(
            "a correction needs a sentence that says what was wrong; a quiet edit needs none"
                .to_owned(),
        ));
    }
    change(core, uid, &edit, Some(&sentence)).await
}

/// A quiet edit: dates, numbers and ids stay; takes a log number of kind `changed` so that feeds are built anew.
pub async fn edit_quietly(core: &Core, uid: &str, edit: Edit) -> Result<(), NewsroomError> {
    change(core, uid, &edit, None).await
}

async fn change(
    core: &Core,
    uid: &str,
    edit: &Edit,
    sentence: Option<&str>,
) -> Result<(), NewsroomError> {
    let now = core.clock.now();
    let is_public = retrying!(async {
        let mut tx = core.db.begin().await?;
        let Some(before) = store::lock_article(&mut tx, uid).await? else {
            return Err(NewsroomError::NotFound(uid.to_owned()));
        };
        if before.state == ArticleState::Withdrawn {
            return Err(NewsroomError::Invalid(format!(
                "the article {uid} is withdrawn; publish a new one"
            )));
        }
        let is_public = before.state == ArticleState::Released;
        let mut after = apply(core, &mut tx, &before, edit).await?;
        let sentence = sentence.filter(|_| is_public);
        if let Some(sentence) = sentence {
            after.correction = Some(sentence.to_owned());
            after.updated_at = Some(next_update(&before, now));
        } else if after.text == before.text && after.section_id == before.section_id {
            return Ok(false);
        }
        let kind = if sentence.is_some() {
            "corrected"
        } else {
            "edited"
        };
        store::update_text(&mut tx, &after, None, now).await?;
        store::insert_revision(
            &mut tx,
            after.id,
            Revision::of(kind, &after.text, sentence),
            now,
        )
        .await?;
        if is_public {
            let kind = if sentence.is_some() {
                LogKind::Updated
            } else {
                LogKind::Changed
            };
            let entry = NewEntry {
                subject: Subject::Article(after.id),
                kind,
                left_at: before
                    .feed_at()
                    .filter(|_| kind == LogKind::Updated || after.section_id != before.section_id),
            };
            store::append_log(&mut tx, &[entry], now).await?;
        }
        tx.commit().await?;
        Ok(is_public)
    })?;
    if is_public {
        core.bells.released.notify_waiters();
    }
    Ok(())
}

/// A significant change is always later than the one before it, or readers that compare `updated` would miss it.
pub(super) fn next_update(article: &Editable, now: Timestamp) -> Timestamp {
    let last = article.updated_at.max(article.released_at);
    last.map_or(now, |last| now.max(last.plus_secs(1)))
}

async fn apply(
    core: &Core,
    tx: &mut Tx,
    before: &Editable,
    edit: &Edit,
) -> Result<Editable, NewsroomError> {
    let mut after = before.clone();
    if let Some(title) = &edit.title {
        after.text.title = check_title(title)?;
    }
    if let Some(body) = &edit.body {
        let base = before
            .canonical_url
            .as_deref()
            .and_then(|url| Url::parse(url).ok());
        after.text.format = edit.format.unwrap_or(before.text.format);
        (after.text.body_source, after.text.body_html) =
            check_body(body, after.text.format, base.as_ref())?;
        after.text.sanitizer = SANITIZER;
        // A summary that was made from the old body is made anew; one that was typed stays.
        if before.text.summary == summarise(&before.text.body_html) {
            after.text.summary = summarise(&after.text.body_html);
        }
    }
    if let Some(summary) = &edit.summary {
        after.text.summary =
            check_summary(summary)?.unwrap_or_else(|| summarise(&after.text.body_html));
    }
    if let Some(byline) = &edit.byline {
        after.text.byline = check_byline(byline)?;
    }
    if let Some(section) = &edit.section {
        after.section_id = Some(require_section(core, tx, section).await?);
    }
    Ok(after)
}
