//! The audience: who reads, what they want, when, and what they agreed to.

pub mod cadence;
pub mod mail;
pub mod selection;
pub mod store;

pub use cadence::Cadence;
pub use selection::{Choice, Selection};

use crate::base::address::EmailAddress;
use crate::base::language::Language;
use crate::base::time::{Timestamp, Zone};
use crate::config::Names;
use crate::theme::Theme;
use crate::work::Core;

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
    /// Too many tries; minutes until the next.
    #[error("too many requests, try again in {minutes} minutes")]
    TooMany {
        /// Minutes until the next try.
        minutes: i64,
    },
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

/// Brings the newsletter table in line with the settings.
pub async fn sync_newsletters(core: &Core) -> Result<(), AudienceError> {
    let _ = core;
    todo!()
}

/// All newsletters in the order of the settings.
pub async fn list_newsletters(core: &Core) -> Result<Vec<Newsletter>, AudienceError> {
    let _ = core;
    todo!()
}

/// Takes a sign-up. A new or pending address gets a confirmation mail, an active one a "you are already subscribed" mail with
/// a link to its settings; the answer is the same for both.
pub async fn sign_up(core: &Core, theme: &Theme, request: SignUp) -> Result<(), AudienceError> {
    let _ = (core, theme, request);
    todo!()
}

/// What the page behind a confirmation link shows; changes nothing.
pub async fn peek_confirmation(core: &Core, token: &str) -> Result<Preferences, AudienceError> {
    let _ = (core, token);
    todo!()
}

/// Confirms (the button, POST). Confirming twice is no error. `read_to` starts at the head of the log.
pub async fn confirm(core: &Core, token: &str) -> Result<Preferences, AudienceError> {
    let _ = (core, token);
    todo!()
}

/// Sends a fresh link to the person an expired token names; the answer tells nothing.
pub async fn resend_link(core: &Core, theme: &Theme, token: &str) -> Result<(), AudienceError> {
    let _ = (core, theme, token);
    todo!()
}

/// The settings behind a preferences token.
pub async fn get_preferences(core: &Core, token: &str) -> Result<Preferences, AudienceError> {
    let _ = (core, token);
    todo!()
}

/// Changes wishes; `paused_until` pauses, `None` resumes.
pub async fn save_preferences(
    core: &Core,
    token: &str,
    wishes: Wishes,
    paused_until: Option<jiff::civil::Date>,
) -> Result<Preferences, AudienceError> {
    let _ = (core, token, wishes, paused_until);
    todo!()
}

/// What the page behind an unsubscribe link shows; changes nothing. Works for every key there ever was.
pub async fn peek_leaving(core: &Core, token: &str) -> Result<Preferences, AudienceError> {
    let _ = (core, token);
    todo!()
}

/// Leaves: no more mail, also not what is queued. Leaving twice is no error.
pub async fn leave(core: &Core, token: &str, by: LeaveBy) -> Result<Preferences, AudienceError> {
    let _ = (core, token, by);
    todo!()
}

/// Takes leaving back (the button "Subscribe again" on the page after leaving, with the same token).
pub async fn rejoin(core: &Core, token: &str) -> Result<Preferences, AudienceError> {
    let _ = (core, token);
    todo!()
}

/// The operator adds people who agreed elsewhere: active at once, `read_to` at the head. Who left is never revived, a known
/// address keeps its wishes. All in one transaction; returns (new, known, refused).
pub async fn add(
    core: &Core,
    newsletter: Option<&str>,
    people: &[(EmailAddress, Wishes)],
    evidence: &str,
) -> Result<(usize, usize, usize), AudienceError> {
    let _ = (core, newsletter, people, evidence);
    todo!()
}
