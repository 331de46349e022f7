//! One issue per distinct content: compiled once, by whoever needs it first, on any instance.

use jiff::civil::Date;

use super::DigestError;
use super::compile::{Compiled, Material, compile};
use super::foresight::Foresight;
use super::gather::Content;
use super::issue::{content_key, uid_of};
use super::note::find_note;
use super::order::arrange;
use super::store::{self, NewIssue};
use crate::audience::Newsletter;
use crate::base::time::Timestamp;
use crate::db::is_retryable;
use crate::delivery::store::insert_letter;
use crate::newsroom::store::{get_head, list_articles, lock_live_articles};
use crate::newsroom::{Article, ArticleState, Section};
use crate::theme::Theme;
use crate::work::Core;

/// What became of a content.
#[derive(Clone, Debug)]
pub enum Prepared {
    /// It has a letter.
    Ready {
        /// Row of the letter.
        letter_id: i64,
        /// Subject.
        subject: String,
    },
    /// It does not compile: set aside, said in the log, and its people keep their place.
    Failed,
}

/// Whether a content could be prepared.
pub enum Outcome {
    /// It is settled.
    Settled(Prepared),
    /// Something of it is no longer live: pick again.
    Stale,
    /// No mail can be made of these articles (said in the log): pick again without them.
    Faulty(Vec<i64>),
}

/// What an issue is made of, besides settings.
pub struct Loaded {
    /// Its stories in their order.
    pub articles: Vec<Article>,
    /// Texts it tells of, by number of the log.
    pub told: Vec<Article>,
    /// What the editor says on top.
    pub note: Option<String>,
    /// The head of the log before any of it was read.
    pub head_no: i64,
}

/// The articles of a content in the order of the issue, and what stands beside them; none if one of them is not live under that
/// number any more.
pub async fn load(
    core: &Core,
    newsletter: &Newsletter,
    content: &Content,
    local_date: Date,
    sections: &[Section],
    foreseen: &Foresight,
) -> Result<Option<Loaded>, DigestError> {
    let head_no = get_head(&core.db).await?;
    let ids: Vec<i64> = content.items.iter().map(|item| item.article_id).collect();
    let mut articles = list_articles(&core.db, &ids).await?;
    for article in &mut articles {
        if let Some(as_it_will_be) = foreseen.articles.get(&article.id) {
            article.clone_from(as_it_will_be);
        }
    }
    let is_live = |article: &Article| {
        article.state == ArticleState::Released
            && content
                .items
                .iter()
                .any(|i| i.article_id == article.id && Some(i.release_no) == article.release_no)
    };
    if articles.len() != ids.len() || !articles.iter().all(is_live) {
        return Ok(None);
    }
    arrange(&mut articles, sections);
    let told: Vec<i64> = content.notices.iter().map(|n| n.article_id).collect();
    Ok(Some(Loaded {
        articles,
        told: list_articles(&core.db, &told).await?,
        note: find_note(core, newsletter, local_date, &content.language).await?,
        head_no,
    }))
}

/// The key of a content.
pub fn key_of(
    newsletter: &Newsletter,
    content: &Content,
    local_date: Date,
    loaded: &Loaded,
) -> String {
    // A corrected text makes another issue: whoever is planned later must not get the mistake.
    let items: Vec<(String, i64)> = loaded
        .articles
        .iter()
        .map(|a| {
            let version = a
                .updated_at
                .map_or_else(String::new, |at| format!("@{}", at.as_millis()));
            (format!("{}{version}", a.uid), a.release_no.unwrap_or(0))
        })
        .collect();
    let notices: Vec<(String, i64)> = loaded
        .told
        .iter()
        .zip(&content.notices)
        .map(|(article, notice)| (article.uid.clone(), notice.no))
        .collect();
    content_key(
        &newsletter.uid,
        &content.language,
        local_date,
        &items,
        &notices,
        loaded.note.as_deref(),
    )
}

/// Finds the issue of a content, or compiles and stores it under the lock of its articles.
pub async fn prepare(
    core: &Core,
    theme: &Theme,
    newsletter: &Newsletter,
    sections: &[Section],
    content: &Content,
    local_date: Date,
    dated_at: Timestamp,
) -> Result<Outcome, DigestError> {
    let foreseen = Foresight::default();
    let Some(loaded) = load(core, newsletter, content, local_date, sections, &foreseen).await?
    else {
        return Ok(Outcome::Stale);
    };
    let key = key_of(newsletter, content, local_date, &loaded);
    if let Some(found) = find(core, &key).await? {
        return Ok(found);
    }
    let uid = uid_of(&key);
    let material = Material {
        config: &core.config,
        theme,
        newsletter,
        sections,
        language: &content.language,
        local_date,
        uid: &uid,
        dated_at,
        articles: &loaded.articles,
        told: &loaded.told,
        note: loaded.note.as_deref(),
    };
    let compiled = match compile(&material) {
        Ok(compiled) => compiled,
        Err(error) => {
            let faulty = find_faulty(&material);
            if !faulty.is_empty() {
                for article in loaded.articles.iter().filter(|a| faulty.contains(&a.id)) {
                    tracing::error!(newsletter = newsletter.slug, article = article.uid, %error,
                        "no mail can be made of an article and it is left out; mend it or the template, then run `jarshy article release`");
                }
                return Ok(Outcome::Faulty(faulty));
            }
            tracing::error!(newsletter = newsletter.slug, language = %content.language, %error,
                "an issue does not compile and is set aside; its people keep their place");
            return Ok(Outcome::Settled(Prepared::Failed));
        }
    };
    for attempt in 1.. {
        match insert(
            core, newsletter, content, &loaded, &compiled, &key, local_date,
        )
        .await
        {
            Err(DigestError::Database(e)) if is_retryable(&e) && attempt < super::open::TRIES => {}
            Err(other) => return Err(other),
            Ok(Some(outcome)) => return Ok(outcome),
            // Another instance was quicker; equal content is one issue.
            Ok(None) => {
                if let Some(found) = find(core, &key).await? {
                    return Ok(found);
                }
                if attempt >= super::open::TRIES {
                    return Err(DigestError::Invalid(format!(
                        "issue {uid} can neither be stored nor found"
                    )));
                }
            }
        }
    }
    unreachable!("the loop returns")
}

/// The articles of an issue that does not compile without which it does; none if it is not for them: then the template is at fault,
/// and leaving articles out would only hide it.
fn find_faulty(material: &Material<'_>) -> Vec<i64> {
    let (mut sound, mut faulty) = (Vec::new(), Vec::new());
    for article in material.articles {
        sound.push(article.clone());
        let tried = Material {
            articles: &sound,
            ..*material
        };
        if compile(&tried).is_err() {
            sound.pop();
            faulty.push(article.id);
        }
    }
    if faulty.len() * 2 > material.articles.len() {
        faulty.clear();
    }
    faulty
}

/// The issue of that key if it is there. One whose letter was replaced has lost a story, and so has the pick that asks for it.
async fn find(core: &Core, key: &str) -> Result<Option<Outcome>, DigestError> {
    Ok(store::find_issue_by_content(&core.db, key)
        .await?
        .map(|(issue, state)| match state.as_str() {
            "replaced" => Outcome::Stale,
            _ => Outcome::Settled(Prepared::Ready {
                letter_id: issue.letter_id,
                subject: issue.subject,
            }),
        }))
}

async fn insert(
    core: &Core,
    newsletter: &Newsletter,
    content: &Content,
    loaded: &Loaded,
    compiled: &Compiled,
    key: &str,
    local_date: Date,
) -> Result<Option<Outcome>, DigestError> {
    let numbered = |a: &Article| (a.id, a.release_no.unwrap_or(0));
    let items: Vec<(i64, i64)> = loaded.articles.iter().map(numbered).collect();
    // A corrected text is named, so it must not be withdrawn meanwhile either; one of an archive was never mailed.
    let named = |a: &&Article| a.state == ArticleState::Released;
    let mut locked = items.clone();
    locked.extend(loaded.told.iter().filter(named).map(numbered));
    locked.sort_unstable();
    locked.dedup();
    let mut tx = core.db.begin().await?;
    // Locked against withdrawal, and looked at again: what is withdrawn later finds this issue.
    if lock_live_articles(&mut tx, &locked).await?.len() != locked.len() {
        return Ok(Some(Outcome::Stale));
    }
    let letter_id = insert_letter(&mut tx, core, &compiled.letter).await?;
    let number = store::get_next_number(&mut tx, newsletter.id).await?;
    let issue = NewIssue {
        uid: &uid_of(key),
        revision: 1,
        newsletter_id: newsletter.id,
        number,
        local_date,
        language: &content.language,
        content_key: Some(key),
        letter_id,
        subject: &compiled.letter.subject,
        head_no: loaded.head_no,
        note: loaded.note.as_deref(),
        created_at: core.clock.now(),
    };
    let Some(issue_id) = store::insert_issue(&mut tx, &issue).await? else {
        return Ok(None);
    };
    store::insert_items(&mut tx, issue_id, &items, compiled.shown).await?;
    store::insert_notices(&mut tx, issue_id, &content.notices).await?;
    tx.commit().await?;
    Ok(Some(Outcome::Settled(Prepared::Ready {
        letter_id,
        subject: compiled.letter.subject.clone(),
    })))
}
