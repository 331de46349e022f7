//! The page of an issue in the browser: rendered from its items as they are now, so that it outlives the letter and follows
//! withdrawals.

use super::compile::{Material, Medium, view};
use super::order::arrange;
use super::{DigestError, IssueView, store};
use crate::audience::store::get_newsletter;
use crate::base::language::Language;
use crate::newsroom::ArticleState;
use crate::newsroom::store::{list_articles, list_sections};
use crate::theme::Theme;
use crate::work::Core;

/// The page of an issue, rendered from its items as they are now (withdrawn ones are gone); none if there is no such issue, or
/// nothing is left of it.
pub async fn find_issue_view(
    core: &Core,
    theme: &Theme,
    uid: &str,
) -> Result<Option<IssueView>, DigestError> {
    let Some(issue) = store::find_issue_by_uid(&core.db, uid).await? else {
        return Ok(None);
    };
    let ids: Vec<i64> = store::list_items(&core.db, issue.id)
        .await?
        .into_iter()
        .map(|(article_id, _)| article_id)
        .collect();
    let mut articles = list_articles(&core.db, &ids).await?;
    articles.retain(|article| article.state == ArticleState::Released);
    if articles.is_empty() {
        return Ok(None);
    }
    let newsletter = get_newsletter(&core.db, issue.newsletter_id).await?;
    let sections = list_sections(&core.db).await?;
    arrange(&mut articles, &sections);
    let told: Vec<i64> = store::list_notices(&core.db, issue.id)
        .await?
        .iter()
        .map(|notice| notice.article_id)
        .collect();
    let told = list_articles(&core.db, &told).await?;
    let note = store::find_note_of_issue(&core.db, issue.id).await?;
    let material = Material {
        config: &core.config,
        theme,
        newsletter: &newsletter,
        sections: &sections,
        language: &issue.language,
        local_date: issue.local_date,
        uid: &issue.uid,
        dated_at: core.clock.now(),
        articles: &articles,
        told: &told,
        note: note.as_deref(),
    };
    Ok(Some(view(&material, Medium::Page)))
}

/// Path on our host and subject of the newest issue of a newsletter in a language, for those who just subscribed.
pub async fn find_latest_issue(
    core: &Core,
    newsletter_id: i64,
    language: &Language,
) -> Result<Option<(String, String)>, DigestError> {
    let found = store::find_latest_issue(&core.db, newsletter_id, language).await?;
    Ok(found.map(|issue| (format!("/issues/{}", issue.uid), issue.subject)))
}
