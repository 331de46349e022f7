//! A past issue beside what it would be if it were compiled now: what a changed template, setting or text would do to it.

use super::DigestError;
use super::compile::compile;
use super::present::Present;
use crate::base::address::EmailAddress;
use crate::delivery::{Copy, Preview, preview, replay};
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
    let Some(present) = Present::read(core, &issue).await? else {
        return Err(DigestError::Invalid(
            "everything in that issue is withdrawn".to_owned(),
        ));
    };
    let now = core.clock.now().floor_to_secs();
    let compiled = compile(&present.material(core, theme, &issue, now))?;
    let now = preview(core, &compiled.letter, anybody, false).map_err(DigestError::Invalid)?;
    Ok(Compared {
        subjects: (issue.subject, compiled.letter.subject),
        then,
        now,
    })
}
