//! The page of an issue in the browser: rendered from its items as they are now, so that it outlives the letter and follows
//! withdrawals.

use super::compile::{Medium, view};
use super::present::Present;
use super::{DigestError, IssueView, store};
use crate::base::language::Language;
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
    let Some(present) = Present::read(core, &issue).await? else {
        return Ok(None);
    };
    let material = present.material(core, theme, &issue, core.clock.now());
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
