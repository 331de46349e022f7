//! The digest: runs freeze windows, picking finds each person's stories, compiling makes one issue per distinct content.
//!
//! Each minute, on any instance: [`follow_withdrawals`], [`open_runs`], [`work_runs`]. Nothing is handed over in memory; what is
//! to be done is read from the database, so a killed planner loses nothing and two of them plan nothing twice.
//!
//! Pure rules: `schedule` (when a slot opens a run), `pick` (which stories; `verdict`: why), `order` and `subject` (how an issue reads), `issue`
//! (what makes two digests one), `headers`, `notice` (what somebody is told of a text they had), `compile`. Use cases: `open`, `plan` (with `bundle`, `gather`, `prepare` and `tally`; `foresight` when one looks ahead), `withdraw`,
//! `hold` (hold, release and cancel), `note`, `page`, `preview`, `foresee` (a plan that is taken back), `ahead` (the next digests of one person), `explain`, `trial` (what send-test sends), `replay`, `diff` (a past issue as it would be now), `check`.

mod ahead;
mod bundle;
mod check;
mod compile;
mod diff;
mod explain;
mod explanation;
mod foresee;
mod foresight;
mod gather;
mod headers;
mod hold;
mod hours;
mod issue;
mod morning;
mod note;
mod notice;
mod open;
mod order;
mod page;
mod pick;
mod plan;
mod prepare;
mod present;
mod preview;
mod replay;
mod schedule;
mod store;
mod subject;
mod tally;
mod trial;
mod verdict;
pub mod view;
mod withdraw;

use std::sync::Arc;

use crate::base::language::Language;
use crate::base::time::Timestamp;

pub use ahead::{Ahead, NextSend, look_ahead};
pub use check::check_runs;
pub use diff::{Compared, compare_issue};
pub use explain::explain;
pub use explanation::{Explanation, Mail, OfNewsletter, Reason, Story, Try, Wish};
pub use foresee::plan_dry;
pub use hold::{
    Halt, Halted, cancel, hold, hold_date, list_held, list_names, release, release_date,
};
pub use note::{list_notes, put_note};
pub use open::{open_runs, recompute_slots};
pub use page::{find_issue_view, find_latest_issue};
pub use plan::{count_open_runs, work_runs};
pub use preview::{Reader, Seen, preview};
pub use replay::{Replayed, replay_issue, send_again};
pub use store::HeldRun;
pub use trial::trial_letter;
pub use view::{GroupView, IssueView, ItemView, NoticeView};
pub use withdraw::follow_withdrawals;

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
    /// Delivery failed.
    #[error(transparent)]
    Delivery(#[from] crate::delivery::DeliveryError),
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
    /// When it was due.
    pub due_at: Timestamp,
    /// How many distinct stories it mailed.
    pub stories: i64,
    /// How many distinct digests that made, as far as this planner met them.
    pub digests: i64,
    /// Per issue: languages in order as asked, e.g. `kk,ru`, the issue's own language, how many people, its subject.
    pub issues: Vec<RunIssue>,
    /// People who were mailed.
    pub mailed: i64,
    /// People who had nothing new.
    pub empty: i64,
    /// `done` or `cut`; `open` or `held` for a run that was only looked at.
    pub state: String,
}

/// One issue of a run.
#[derive(Clone, Debug)]
pub struct RunIssue {
    /// The languages people had asked for, in order.
    pub languages: Arc<[Language]>,
    /// People.
    pub people: i64,
    /// Subject.
    pub subject: Arc<str>,
    /// Stories.
    pub stories: i64,
}
