//! One issue per distinct content: compiled once, by whoever needs it first, on any instance.

use jiff::civil::Date;

use super::DigestError;
use super::compile::{Compiled, Material, compile};
use super::foresight::Foresight;
use super::gather::Content;
use super::issue::{content_key, uid_of};
use super::order::arrange;
use super::store::{self, NewIssue};
use crate::audience::Newsletter;
use crate::base::time::Timestamp;
use crate::db::is_retryable;
use crate::delivery::store::insert_letter;
use crate::newsroom::store::{list_articles, lock_live_articles};
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
}

/// The articles of a content in the order of the issue; none if one of them is not live under that number any more.
pub async fn load(
    core: &Core,
    content: &Content,
    sections: &[Section],
    foreseen: &Foresight,
) -> Result<Option<Vec<Article>>, DigestError> {
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
    Ok(Some(articles))
}

/// The key of a content.
pub fn key_of(
    newsletter: &Newsletter,
    content: &Content,
    local_date: Date,
    articles: &[Article],
) -> String {
    let items: Vec<(String, i64)> = articles
        .iter()
        .map(|a| (a.uid.clone(), a.release_no.unwrap_or(0)))
        .collect();
    content_key(&newsletter.uid, &content.language, local_date, &items)
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
    let Some(articles) = load(core, content, sections, &Foresight::default()).await? else {
        return Ok(Outcome::Stale);
    };
    let key = key_of(newsletter, content, local_date, &articles);
    if let Some(found) = find(core, &key).await? {
        return Ok(found);
    }
    let uid = uid_of(&key);
    let compiled = compile(&Material {
        config: &core.config,
        theme,
        newsletter,
        sections,
        language: &content.language,
        local_date,
        uid: &uid,
        dated_at,
        articles: &articles,
    });
    let compiled = match compiled {
        Ok(compiled) => compiled,
        Err(error) => {
            tracing::error!(newsletter = newsletter.slug, language = %content.language, %error,
                "an issue does not compile and is set aside; its people keep their place");
            return Ok(Outcome::Settled(Prepared::Failed));
        }
    };
    for attempt in 1.. {
        match insert(
            core, newsletter, content, &articles, &compiled, &key, local_date,
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
    articles: &[Article],
    compiled: &Compiled,
    key: &str,
    local_date: Date,
) -> Result<Option<Outcome>, DigestError> {
    let items: Vec<(i64, i64)> = articles
        .iter()
        .map(|a| (a.id, a.release_no.unwrap_or(0)))
        .collect();
    let mut tx = core.db.begin().await?;
    // Locked against withdrawal, and looked at again: what is withdrawn later finds this issue.
    if lock_live_articles(&mut tx, &items).await?.len() != items.len() {
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
        created_at: core.clock.now(),
    };
    let Some(issue_id) = store::insert_issue(&mut tx, &issue).await? else {
        return Ok(None);
    };
    store::insert_items(&mut tx, issue_id, &items, compiled.shown).await?;
    tx.commit().await?;
    Ok(Some(Outcome::Settled(Prepared::Ready {
        letter_id,
        subject: compiled.letter.subject.clone(),
    })))
}
