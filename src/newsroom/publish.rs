//! Publishing: from a draft to an article that is public, or waits for its moment.

use super::enclosure::MAX_ENCLOSURES;
use super::retry::retrying;
use super::slug::{slug, with_suffix};
use super::store::{self, NewArticle, NewEntry, Revision, Subject};
use super::text::{check_tags, check_text};
use super::{ArticleState, Draft, LogKind, NewsroomError, Published};
use crate::base::language::Language;
use crate::base::time::{Clock, Timestamp};
use crate::db::Tx;
use crate::work::Core;

/// Validates, sanitises and stores; releases at once unless an embargo or the hold-back window stands before it.
///
/// A draft with `as_archive` is public at once and never waits; it takes a number of kind `archived` and no `release_no`.
pub async fn publish(core: &Core, draft: Draft) -> Result<Published, NewsroomError> {
    let text = check_text(&draft)?;
    let tags = check_tags(&draft.tags)?;
    if draft.enclosures.len() > MAX_ENCLOSURES {
        return Err(NewsroomError::Invalid(format!(
            "the article has {} files; leave at most {MAX_ENCLOSURES}",
            draft.enclosures.len()
        )));
    }
    let now = core.clock.now();
    if let Some(at) = draft.released_at.filter(|at| *at > now) {
        return Err(NewsroomError::Invalid(format!(
            "an article cannot have become public at {at}, which is still to come; give it an embargo instead"
        )));
    }
    let embargo_at = if draft.as_archive {
        None
    } else {
        let hold_back = core.config.newsroom.hold_back_minutes;
        let held = (hold_back > 0).then(|| now.plus_secs(hold_back * 60));
        draft.embargo_at.max(held).filter(|at| *at > now)
    };
    let state = if embargo_at.is_some() {
        ArticleState::Scheduled
    } else {
        ArticleState::Released
    };
    let released_at = match state {
        ArticleState::Scheduled => draft.released_at,
        _ => Some(draft.released_at.unwrap_or(now)),
    };
    let published = retrying!(async {
        let mut tx = core.db.begin().await?;
        let section_id = match draft.section.as_deref() {
            Some(section) => Some(require_section(core, &mut tx, section).await?),
            None => None,
        };
        let follows = promise(core, &draft)?;
        let (story_id, story_uid) = if let Some(uid) = draft.story_uid.as_deref() {
            let id = join_story(&mut tx, uid, &draft.language).await?;
            (id, uid.to_owned())
        } else {
            let uid = core.clock.uuid_v7();
            (store::insert_story(&mut tx, &uid).await?, uid)
        };
        let uid = core.clock.uuid_v7();
        let article = NewArticle {
            guid: format!("urn:uuid:{uid}"),
            uid: uid.clone(),
            story_id,
            language: draft.language.clone(),
            text: text.clone(),
            section_id,
            canonical_url: None,
            importance: draft.importance,
            state,
            embargo_at,
            released_at,
            updated_at: None,
            origin: None,
        };
        let article_id =
            insert_whole(&core.clock, &mut tx, &article, &tags, "published", now).await?;
        store::replace_enclosures(&mut tx, article_id, &draft.enclosures).await?;
        if let Some(language) = follows {
            let until = embargo_at
                .unwrap_or(now)
                .plus_secs(core.config.newsroom.follows_hours * 3600);
            store::promise_text(&mut tx, story_id, language, until).await?;
        }
        let mut release_no = None;
        if state == ArticleState::Released {
            let kind = if draft.as_archive {
                LogKind::Archived
            } else {
                LogKind::Released
            };
            let subject = Subject::Article(article_id);
            let no = store::append_log(&mut tx, &[NewEntry::new(subject, kind)], now).await?;
            release_no = (!draft.as_archive).then_some(no);
        }
        tx.commit().await?;
        Ok(Published {
            article_id,
            uid,
            story_uid,
            state,
            release_no,
        })
    })?;
    if state == ArticleState::Released {
        core.bells.released.notify_waiters();
    }
    tracing::debug!(
        article = published.article_id,
        state = state.word(),
        no = published.release_no,
        "published"
    );
    Ok(published)
}

/// The language whose text follows, if the editor promised one.
fn promise<'a>(core: &Core, draft: &'a Draft) -> Result<Option<&'a Language>, NewsroomError> {
    let Some(language) = draft.follows.as_ref().filter(|_| !draft.as_archive) else {
        return Ok(None);
    };
    if *language == draft.language {
        return Err(NewsroomError::Invalid(format!(
            "the text is in {language} itself; name the language whose text follows"
        )));
    }
    if !core.config.newsroom.languages.contains(language) {
        return Err(NewsroomError::Invalid(format!(
            "no text in {language} can follow: the newsroom writes in {}",
            core.config
                .newsroom
                .languages
                .iter()
                .map(Language::as_str)
                .collect::<Vec<_>>()
                .join(", ")
        )));
    }
    Ok(Some(language))
}

/// The row of a section; the error lists the sections there are.
pub(super) async fn require_section(
    core: &Core,
    tx: &mut Tx,
    slug: &str,
) -> Result<i64, NewsroomError> {
    if let Some(id) = store::find_section_id(tx, slug).await? {
        return Ok(id);
    }
    let known: Vec<&str> = core
        .config
        .sections
        .iter()
        .map(|section| section.slug.as_str())
        .collect();
    Err(NewsroomError::Invalid(if known.is_empty() {
        format!("there is no section {slug:?}; the settings name none")
    } else {
        format!(
            "there is no section {slug:?}; there are {}",
            known.join(", ")
        )
    }))
}

/// The story that a translation joins: it must not speak that language yet.
async fn join_story(tx: &mut Tx, uid: &str, language: &Language) -> Result<i64, NewsroomError> {
    let Some((id, languages)) = store::find_story(tx, uid).await? else {
        return Err(NewsroomError::Invalid(format!(
            "there is no story {uid}; leave it out for a new one"
        )));
    };
    if languages.contains(language) {
        return Err(NewsroomError::Invalid(format!(
            "the story {uid} already has an article in {language}; correct that one instead"
        )));
    }
    Ok(id)
}

/// Stores an article with its slug, tags and first revision; nothing of it touches the release log.
pub(super) async fn insert_whole(
    clock: &Clock,
    tx: &mut Tx,
    article: &NewArticle,
    tags: &[String],
    kind: &'static str,
    now: Timestamp,
) -> Result<i64, NewsroomError> {
    let id = store::insert_article(tx, article, now).await?;
    take_slug(tx, article, id).await?;
    let tag_ids = make_tags(clock, tx, &article.language, tags).await?;
    store::replace_tags(tx, id, &tag_ids).await?;
    store::insert_revision(tx, id, Revision::of(kind, &article.text, None), now).await?;
    Ok(id)
}

/// Takes the first free slug: the title's, then `-2`, `-3`, …, at last one that only this article can have.
async fn take_slug(tx: &mut Tx, article: &NewArticle, id: i64) -> Result<(), NewsroomError> {
    let tail = article.uid.rsplit('-').next().unwrap_or(&article.uid);
    let mut base = slug(&article.language, &article.text.title);
    if base.is_empty() {
        base = format!("n-{tail}");
    }
    if store::insert_slug(tx, &article.language, &base, id).await? {
        return Ok(());
    }
    for n in 2..=20 {
        let next = with_suffix(&base, &n.to_string());
        if store::insert_slug(tx, &article.language, &next, id).await? {
            return Ok(());
        }
    }
    if store::insert_slug(tx, &article.language, &with_suffix(&base, tail), id).await? {
        return Ok(());
    }
    Err(NewsroomError::Invalid(format!(
        "no address is free for the title {:?}; change the title",
        article.text.title
    )))
}

/// The rows of those tags; a new one is made. In the order of their slugs, so that two transactions never wait crosswise.
pub(super) async fn make_tags(
    clock: &Clock,
    tx: &mut Tx,
    language: &Language,
    names: &[String],
) -> Result<Vec<i64>, NewsroomError> {
    let mut slugs: Vec<(String, &String)> = names
        .iter()
        .map(|name| (tag_slug(language, name), name))
        .collect();
    slugs.sort();
    slugs.dedup_by(|a, b| a.0 == b.0);
    let mut ids = Vec::with_capacity(slugs.len());
    for (slug, name) in slugs {
        ids.push(store::insert_tag(tx, &clock.uuid_v7(), &slug, language, name).await?);
    }
    Ok(ids)
}

/// The slug of a tag; one without a letter that our tables know is named by its hash.
fn tag_slug(language: &Language, name: &str) -> String {
    use sha2::{Digest, Sha256};
    let slug = slug(language, name);
    if slug.is_empty() {
        let hash = Sha256::digest(name.to_lowercase().as_bytes());
        format!("t-{}", crate::base::token::hex(&hash[..6]))
    } else {
        slug
    }
}
