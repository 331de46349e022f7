//! The answer to "why did I get this, or nothing?", as the terminal prints it or a program reads it.

use std::fmt::Display;

use serde::{Serialize, Serializer};

use crate::base::time::Timestamp;

/// A sentence and its name for programs.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Reason {
    /// A word that does not change, e.g. `paused`.
    pub code: &'static str,
    /// What happened, and where it helps what to do.
    pub sentence: String,
}

impl Reason {
    /// Puts both together.
    pub fn new(code: &'static str, sentence: impl Into<String>) -> Self {
        Self {
            code,
            sentence: sentence.into(),
        }
    }
}

/// Everything about one address on one date.
#[derive(Clone, Debug, Serialize)]
pub struct Explanation {
    /// `unknown`, `pending`, `active` or `erased`.
    pub person: &'static str,
    /// What holds for the address itself.
    pub reasons: Vec<Reason>,
    /// One for each subscription that was asked about.
    pub newsletters: Vec<OfNewsletter>,
    /// Confirmations and other small mails since the day before.
    pub small_mails: Vec<Mail>,
}

/// One subscription on one date.
#[derive(Clone, Debug, Serialize)]
pub struct OfNewsletter {
    /// Slug.
    pub newsletter: String,
    /// `pending`, `active`, `paused` or `left`.
    pub state: String,
    /// What the person wants.
    pub wishes: Wish,
    /// The local date that is explained.
    pub date: String,
    /// Why there was no mail, or what is odd about it; empty if everything went its way.
    pub reasons: Vec<Reason>,
    /// What was planned for the date, and what became of it.
    pub mails: Vec<Mail>,
    /// Corrections and withdrawals of texts the person had: `corrected` and `withdrawn` where a mail of the date tells of them,
    /// `waits` where the next mail will.
    pub told: Vec<Reason>,
    /// The stories of the window and what became of each: those that matched first.
    pub stories: Vec<Story>,
    /// When mail can come next.
    #[serde(serialize_with = "text")]
    pub next_due_at: Option<Timestamp>,
}

/// Wishes in words.
#[derive(Clone, Debug, Serialize)]
pub struct Wish {
    /// Languages in order.
    pub languages: Vec<String>,
    /// Names of sections in the person's first language; empty means everything.
    pub sections: Vec<String>,
    /// Slugs of tags; empty means no further narrowing.
    pub tags: Vec<String>,
    /// `daily`, `weekdays`, …
    pub cadence: String,
    /// `08:00`
    pub hour: String,
    /// IANA name.
    pub time_zone: String,
    /// Text part only.
    pub text_only: bool,
}

/// One mail to the person.
#[derive(Clone, Debug, Serialize)]
pub struct Mail {
    /// `issue`, `confirmation`, …
    pub kind: String,
    /// Uid of the issue.
    pub issue: Option<String>,
    /// Running number of the issue.
    pub number: Option<i64>,
    /// The run that planned it.
    pub run: Option<i64>,
    /// Subject.
    pub subject: String,
    /// State in the journal.
    pub state: String,
    /// What that means.
    pub sentence: String,
    /// When it was due.
    #[serde(serialize_with = "text")]
    pub due_at: Option<Timestamp>,
    /// Every try that is known, oldest first.
    pub tries: Vec<Try>,
    /// The relay's name for it, once accepted.
    pub queue_id: Option<String>,
}

/// One try.
#[derive(Clone, Debug, Serialize)]
pub struct Try {
    /// When.
    #[serde(serialize_with = "text")]
    pub at: Option<Timestamp>,
    /// `accepted`, `refused`, `delayed`, `no answer`, …
    pub result: String,
    /// The relay's own words, or ours where it said nothing.
    pub words: String,
}

/// One story of the window.
#[derive(Clone, Debug, Serialize)]
pub struct Story {
    /// Title, in the person's language where there is one.
    pub title: String,
    /// The languages it has.
    pub languages: Vec<String>,
    /// Name of its section.
    pub section: Option<String>,
    /// When its text came out.
    #[serde(serialize_with = "text")]
    pub released_at: Option<Timestamp>,
    /// Whether it is in a mail of that date.
    pub is_mailed: bool,
    /// What became of it.
    pub reason: Reason,
}

impl Story {
    /// A story that matched a window that was served, and is in no mail of it: its text is one of which no mail could be made.
    #[must_use]
    pub(super) fn left_out_if(mut self, is_served: bool) -> Self {
        if is_served && self.reason.code == "matches" {
            self.reason = Reason::new(
                "left-out",
                "matched and was left out: no mail could be made of its text, as the log says; mend it or the template, then run \
                 `jarshy article release`",
            );
        }
        self
    }
}

/// Instants as text: numbers would leave a reader to guess their unit.
#[expect(clippy::ref_option, reason = "serde passes a reference to the field")]
fn text<T: Display, S: Serializer>(value: &Option<T>, to: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => to.collect_str(value),
        None => to.serialize_none(),
    }
}
