//! The audience: who reads, what they want, when, and what they agreed to.
//!
//! Values and pure rules: [`cadence`] (when), [`upcoming`] (the next hours), [`selection`] (what), `wishes` (both, as typed). Use
//! cases: `sign_up`, `confirm`, `preferences`, `change` (of address), `data` (one's own), `leave`, `erase`, `add` and [`import`] (both by `admit`), [`export`], and the
//! scheduler's `chores`. GET never acts for a person: whatever changes something is a use
//! case of its own beside the one that shows it. Whether an address is known never shows in an answer.

mod add;
mod admit;
pub mod cadence;
mod change;
mod chores;
mod confirm;
mod data;
mod erase;
pub mod export;
pub mod import;
mod leave;
mod links;
pub mod mail;
mod newsletters;
mod preferences;
pub mod selection;
mod sign_up;
pub mod store;
mod terms;
pub mod upcoming;
mod wishes;

pub use add::add;
pub use admit::{Outcome, Refusal};
pub use cadence::Cadence;
pub use change::{Change, Side, agree_change, ask_change, peek_change};
pub use chores::{prune_changes, prune_unconfirmed, resume_paused, resume_paused_in};
pub use confirm::{confirm, confirm_and_welcome, peek_confirmation};
pub use data::{Agreement, DATA_DAYS, MyData, ask_data, erase_own, own_data, peek_data};
pub use erase::{erase, finish_erasures};
pub use leave::{leave, leave_with_goodbye, peek_leaving, rejoin};
pub use links::CONFIRM_DAYS;
pub(crate) use links::mask;
pub use newsletters::{find_offered, list_newsletters, sync_newsletters};
pub use preferences::{get_preferences, save_preferences};
pub use selection::{Choice, Selection};
pub use sign_up::{resend_link, sign_up};
pub use terms::Terms;

use crate::base::address::EmailAddress;
use crate::base::language::Language;
use crate::base::time::{Timestamp, Zone};
use crate::config::Names;
use crate::newsroom::choice::ChoiceError;

/// What can go wrong with a subscription.
#[derive(Debug, thiserror::Error)]
pub enum AudienceError {
    /// What was typed cannot be used; the sentence says what to do. `field` names the form's field.
    #[error("{sentence}")]
    Invalid {
        /// Name of the field in the form.
        field: &'static str,
        /// What is wrong.
        sentence: String,
    },
    /// A link that is not ours, or whose person is gone.
    #[error("the link is not valid")]
    UnknownLink,
    /// A link that was ours and is too old or was called back.
    #[error("the link has expired")]
    ExpiredLink,
    /// No such person is known.
    #[error("nobody with that address is known here")]
    Nobody,
    /// Too many tries; minutes until the next.
    #[error("too many requests, try again in {minutes} minutes")]
    TooMany {
        /// Minutes until the next try.
        minutes: i64,
    },
    /// Nobody can subscribe yet: the settings do not say what a person would agree to.
    #[error("subscriptions are closed: the settings lack {0}")]
    Closed(String),
    /// A template failed.
    #[error(transparent)]
    Theme(#[from] crate::theme::ThemeError),
    /// Delivery failed.
    #[error(transparent)]
    Delivery(#[from] crate::delivery::DeliveryError),
    /// The database failed.
    #[error("the database failed: {0}")]
    Database(#[from] sqlx::Error),
}

impl From<ChoiceError> for AudienceError {
    fn from(error: ChoiceError) -> Self {
        Self::Invalid {
            field: error.field,
            sentence: error.sentence,
        }
    }
}

impl AudienceError {
    /// Whether the transaction lost a race and should be tried again.
    fn is_retryable(&self) -> bool {
        match self {
            Self::Database(error)
            | Self::Delivery(crate::delivery::DeliveryError::Database(error)) => {
                crate::db::is_retryable(error)
            }
            _ => false,
        }
    }
}

/// Runs a use case's transaction, a few times more if it lost a race for locks.
macro_rules! retried {
    ($attempt:expr) => {{
        let mut tries = 0;
        loop {
            match $attempt.await {
                Err(error)
                    if tries < 4 && $crate::audience::AudienceError::is_retryable(&error) =>
                {
                    tries += 1;
                }
                settled => break settled,
            }
        }
    }};
}
pub(crate) use retried;

/// What a person wants and when.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wishes {
    /// Languages in the order of preference.
    pub languages: Vec<Language>,
    /// Slugs of sections; empty means everything, also sections that come later.
    pub sections: Vec<String>,
    /// Slugs of tags; empty means no further narrowing.
    pub tags: Vec<String>,
    /// When.
    pub cadence: Cadence,
    /// Zone.
    pub time_zone: Zone,
    /// Minutes after local midnight.
    pub minute: i64,
    /// Text part only.
    pub text_only: bool,
}

/// A newsletter as stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Newsletter {
    /// Row.
    pub id: i64,
    /// Uid.
    pub uid: String,
    /// Slug.
    pub slug: String,
    /// Name per language.
    pub names: Names,
    /// Slugs of the sections it draws from; empty means all.
    pub sections: Vec<String>,
    /// Address in From.
    pub sender: String,
    /// Reply-To.
    pub reply_to: Option<String>,
    /// The angle part of List-Id.
    pub list_id: String,
    /// Name of the relay whose lanes its mail takes.
    pub relay: String,
    /// The preset minute after midnight.
    pub minute: i64,
    /// Hours after the due instant until which a late digest is sent.
    pub late_until_hours: i64,
    /// Stories shown.
    pub max_items: i64,
    /// Stories older than that are not mailed.
    pub max_age_days: i64,
    /// Send once more after a dot without a reply.
    pub resend_uncertain: bool,
}

/// Somebody asks to subscribe by the form.
#[derive(Clone, Debug)]
pub struct SignUp {
    /// Address.
    pub address: EmailAddress,
    /// Slug of the newsletter; the first one if none.
    pub newsletter: Option<String>,
    /// What and when.
    pub wishes: Wishes,
    /// The language the form was shown in; the mail is written in it.
    pub interface: Language,
    /// What is kept with the consent: version of the text shown, page, network address.
    pub evidence: String,
}

/// A subscription as its owner sees it.
#[derive(Clone, Debug)]
pub struct Preferences {
    /// Uid of the subscription.
    pub uid: String,
    /// The subscriber's epoch, for links made on the spot.
    pub link_epoch: i64,
    /// Address with most letters hidden.
    pub masked_address: String,
    /// Newsletter.
    pub newsletter: Newsletter,
    /// What and when.
    pub wishes: Wishes,
    /// Whether mail comes: false once the person has left.
    pub is_active: bool,
    /// Paused until that local date.
    pub paused_until: Option<jiff::civil::Date>,
    /// When the next digest is due.
    pub next_due_at: Timestamp,
    /// The language in which to speak to the person.
    pub interface: Language,
}

/// By which way a person left.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LeaveBy {
    /// The button on the page.
    Page,
    /// The mailbox's own button (RFC 8058).
    OneClick,
}
