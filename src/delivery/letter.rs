//! A letter: a compiled message, ready to be personalised and sent.

use super::dkim;
use super::mime;
use super::store::{Frozen, insert_letter_row};
use crate::base::address::EmailAddress;
use crate::base::language::Language;
use crate::base::time::Timestamp;
use crate::db::{Result, Tx};
use crate::work::Core;

/// What kind of letter; decides its priority.
#[derive(Clone, Copy, PartialEq, Eq, Debug, sqlx::Type)]
#[sqlx(type_name = "TEXT", rename_all = "lowercase")]
pub enum LetterKind {
    /// A digest.
    Issue,
    /// Double opt-in.
    Confirmation,
    /// After confirming.
    Welcome,
    /// "You are already subscribed".
    Already,
    /// Change of address.
    Change,
    /// After leaving.
    Goodbye,
    /// A fresh link that was asked for.
    Link,
    /// `send-test`.
    Test,
}

impl LetterKind {
    /// How the database spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Issue => "issue",
            Self::Confirmation => "confirmation",
            Self::Welcome => "welcome",
            Self::Already => "already",
            Self::Change => "change",
            Self::Goodbye => "goodbye",
            Self::Link => "link",
            Self::Test => "test",
        }
    }

    /// 0 where a person waits, else 5.
    pub const fn priority(self) -> i64 {
        if matches!(self, Self::Issue) { 5 } else { 0 }
    }
}

/// A letter before it has a row. Frozen once stored: everything that decides bytes stands here and in the delivery row.
///
/// `html` and `text` may hold [`crate::base::token::Purpose::placeholder`]s; `headers` too, as values.
#[derive(Clone, Debug)]
pub struct NewLetter {
    /// Kind.
    pub kind: LetterKind,
    /// What can be paused together: the newsletter's uid.
    pub scope: Option<String>,
    /// Content-Language.
    pub language: Language,
    /// Name in From.
    pub sender_name: String,
    /// Address in From.
    pub sender_address: String,
    /// Reply-To.
    pub reply_to: Option<String>,
    /// Subject, one line.
    pub subject: String,
    /// HTML part.
    pub html: String,
    /// Text part.
    pub text: String,
    /// Further headers in their order, e.g. List-Id, List-Unsubscribe.
    pub headers: Vec<(String, String)>,
    /// The Date header.
    pub dated_at: Timestamp,
    /// After a dot without a reply: send once more (true), or hold.
    pub resend_uncertain: bool,
}

/// One letter to one person, before it has a row.
#[derive(Clone, Debug)]
pub struct NewDelivery {
    /// Row of the letter.
    pub letter_id: i64,
    /// Opaque: the run that planned it.
    pub batch: Option<i64>,
    /// Opaque: the subscriber, so that one letter reaches a person once.
    pub recipient_id: i64,
    /// What its links name: the subscription's uid for an issue, the subscriber's for a small mail.
    pub recipient_uid: String,
    /// The subscriber's `link_epoch`.
    pub recipient_epoch: i64,
    /// Address for the envelope and To.
    pub address: String,
    /// Keyed hash of the address.
    pub address_hash: String,
    /// Lane.
    pub lane_id: i64,
    /// Priority of the letter's kind.
    pub priority: i64,
    /// Without the HTML part.
    pub text_only: bool,
    /// Not before.
    pub due_at: Timestamp,
    /// Not after.
    pub expires_at: Option<Timestamp>,
}

/// Stores a letter under the current key and returns its row. A header that could break out of its line is refused.
pub async fn insert_letter(tx: &mut Tx, core: &Core, letter: &NewLetter) -> Result<i64> {
    for (name, value) in &letter.headers {
        mime::check_header(name, value).map_err(|e| sqlx::Error::Encode(e.into()))?;
    }
    let sender =
        EmailAddress::parse(&letter.sender_address).map_err(|e| sqlx::Error::Encode(e.into()))?;
    let frozen = Frozen {
        uid: core.clock.uuid_v7(),
        key_id: core.keys.current_id(),
        format: mime::FORMAT,
        signed_by: dkim::names_for(&core.config.dkim, sender.domain()),
        created_at: core.clock.now(),
    };
    insert_letter_row(tx, letter, &frozen).await
}
