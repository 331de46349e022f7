//! A past issue beside what it would be if it were compiled now: what a changed template, setting or text would do to it.

use super::compile::{Material, compile};
use super::order::arrange;
use super::{DigestError, store};
use crate::audience::store::get_newsletter;
use crate::base::address::EmailAddress;
use crate::delivery::{Copy, Preview, preview, replay};
use crate::newsroom::ArticleState;
use crate::newsroom::store::{list_articles, list_sections};
use crate::theme::Theme;
use crate::work::Core;

/// An issue then and now, as nobody's copy.
#[derive(Clone, Debug)]
pub struct Compared {
    /// Subject as it was compiled, and as it would be.
    pub subjects: (String, String),
    /// The mail as it was compiled.
    pub then: Preview,
    /// The mail as it would be.
    pub now: Preview,
}

/// Compiles the latest revision of an issue again, from its stories as they are now, and stores nothing. Withdrawn ones are left out;
/// the error says so if nothing is left.
pub async fn compare_issue(
    core: &Core,
    theme: &Theme,
    name: &str,
    anybody: &EmailAddress,
) -> Result<Compared, DigestError> {
    let issue = super::hold::find_one(core, name)
        .await?
        .pop()
        .ok_or_else(|| DigestError::Invalid("there is no such issue".to_owned()))?;
    let then = replay(core, issue.letter_id, Copy::Nobodys(anybody))
        .await?
        .ok_or_else(|| {
            DigestError::Invalid(format!(
                "the bodies of mails are kept for {} days (delivery.keep_body_days), and this one is gone",
                core.config.delivery.keep_body_days
            ))
        })?;
    let ids: Vec<i64> = store::list_items(&core.db, issue.id)
        .await?
        .into_iter()
        .map(|(article_id, _)| article_id)
        .collect();
    let mut articles = list_articles(&core.db, &ids).await?;
    articles.retain(|article| article.state == ArticleState::Released);
    if articles.is_empty() {
        return Err(DigestError::Invalid(
            "everything in that issue is withdrawn".to_owned(),
        ));
    }
    let sections = list_sections(&core.db).await?;
    arrange(&mut articles, &sections);
    let newsletter = get_newsletter(&core.db, issue.newsletter_id).await?;
    let told: Vec<i64> = store::list_notices(&core.db, issue.id)
        .await?
        .iter()
        .map(|notice| notice.article_id)
        .collect();
    let told = list_articles(&core.db, &told).await?;
    let note = store::find_note_of_issue(&core.db, issue.id).await?;
    let compiled = compile(&Material {
        config: &core.config,
        theme,
        newsletter: &newsletter,
        sections: &sections,
        language: &issue.language,
        local_date: issue.local_date,
        uid: &issue.uid,
        dated_at: core.clock.now().floor_to_secs(),
        articles: &articles,
        told: &told,
        note: note.as_deref(),
    })?;
    let now = preview(core, &compiled.letter, anybody, false).map_err(DigestError::Invalid)?;
    Ok(Compared {
        subjects: (issue.subject, compiled.letter.subject),
        then,
        now,
    })
}
