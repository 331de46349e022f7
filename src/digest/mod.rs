//! The digest: runs freeze windows, picking finds each person's stories, compiling makes one issue per distinct content.

pub mod view;

use crate::base::language::Language;
use crate::theme::Theme;
use crate::work::Core;

pub use view::{GroupView, IssueView, ItemView};

/// What can go wrong with a digest.
#[derive(Debug, thiserror::Error)]
pub enum DigestError {
    /// A question that cannot be answered; the sentence says why and what to do.
    #[error("{0}")]
    Invalid(String),
    /// The audience failed.
    #[error(transparent)]
    Audience(#[from] crate::audience::AudienceError),
    /// A template failed.
    #[error(transparent)]
    Theme(#[from] crate::theme::ThemeError),
    /// The newsroom failed.
    #[error(transparent)]
    Newsroom(#[from] crate::newsroom::NewsroomError),
    /// The database failed.
    #[error("the database failed: {0}")]
    Database(#[from] sqlx::Error),
}

/// What one run became, for the terminal and the log.
#[derive(Clone, Debug)]
pub struct RunReport {
    /// Row.
    pub run_id: i64,
    /// Zone of its slot.
    pub time_zone: String,
    /// Local date.
    pub local_date: String,
    /// How many distinct stories it mailed.
    pub stories: i64,
    /// Per issue: languages in order as asked, e.g. `kk,ru`, the issue's own language, how many people, its subject.
    pub issues: Vec<RunIssue>,
    /// People who were mailed.
    pub mailed: i64,
    /// People who had nothing new.
    pub empty: i64,
    /// `done`, `cut` or `skipped`.
    pub state: String,
}

/// One issue of a run.
#[derive(Clone, Debug)]
pub struct RunIssue {
    /// The languages people had asked for, in order.
    pub languages: Vec<Language>,
    /// People.
    pub people: i64,
    /// Subject.
    pub subject: String,
}

/// Opens a run for every slot that is due; moves the slots on. Returns how many were opened or skipped.
pub async fn open_runs(core: &Core) -> Result<usize, DigestError> {
    let _ = core;
    todo!()
}

/// Works on open runs until each is closed (or set aside with an alarm); returns what was closed.
pub async fn work_runs(core: &Core, theme: &Theme) -> Result<Vec<RunReport>, DigestError> {
    let _ = (core, theme);
    todo!()
}

/// Recomputes `next_due_at` of every slot from its date, minute and zone (at start and hourly).
pub async fn recompute_slots(core: &Core) -> Result<(), DigestError> {
    let _ = core;
    todo!()
}

/// The page of an issue, rendered from its items as they are now (withdrawn ones are gone); none if there is no such issue.
pub async fn find_issue_view(
    core: &Core,
    theme: &Theme,
    uid: &str,
) -> Result<Option<IssueView>, DigestError> {
    let _ = (core, theme, uid);
    todo!()
}
