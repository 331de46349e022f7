//! The audience's small mails: what their templates are given.
//!
//! `Small` lists them; each has `templates/email/{name}.{html,txt}`. They hold no word that a stranger typed, no address, no
//! picture and no news, one button and the bare link beneath it. Interface strings are the templates' own, in `language`.

use jiff::civil::DateTime;
use serde::Serialize;

use super::data::DATA_DAYS;
use super::links::CONFIRM_DAYS;
use super::{AudienceError, Newsletter};
use crate::base::address::EmailAddress;
use crate::base::language::Language;
use crate::base::text::clean_line;
use crate::base::time::Timestamp;
use crate::base::token::Purpose;
use crate::config::Operator;
use crate::db::Tx;
use crate::delivery::{self, LetterKind, NewDelivery, NewLetter};
use crate::theme::{Arg, Theme, dates};
use crate::work::Core;

/// What every small mail's templates are given. All texts are plain; templates escape.
#[derive(Clone, Debug, Serialize)]
pub struct SmallMailView {
    /// Language of the mail, for `<html lang>`.
    pub language: Language,
    /// `ltr` or `rtl`.
    pub direction: &'static str,
    /// Subject, also `<title>`.
    pub subject: String,
    /// Newsroom's name in that language.
    pub newsroom: String,
    /// Newsletter's name in that language.
    pub newsletter: String,
    /// Public address of the newsroom without a slash at its end.
    pub base_url: String,
    /// Accent colour, `#rrggbb`.
    pub accent: String,
    /// The operator's lines: legal name, postal address, e-mail, telephone; those that are set.
    pub operator: Vec<String>,
    /// Where the button leads, e.g. `{base}/confirm/{placeholder}` in a confirmation.
    pub url: String,
    /// Days for which the link is good; 0 where it has no such end.
    pub valid_days: i64,
}

/// The operator's lines as mails and pages print them: legal name, postal address, e-mail, telephone; those that are set.
pub fn operator_lines(operator: &Operator, language: &Language) -> Vec<String> {
    let names = [
        operator.names.get(language),
        operator.addresses.get(language),
    ];
    let contacts = [operator.email.as_deref(), operator.phone.as_deref()];
    names
        .into_iter()
        .chain(contacts.into_iter().flatten())
        .filter(|line| !line.trim().is_empty())
        .map(str::to_owned)
        .collect()
}

/// What a subscription's own templates are given beside that; empty texts in the others.
#[derive(Serialize)]
struct View {
    #[serde(flatten)]
    small: SmallMailView,
    /// Day and hour of the next digest; empty if nobody can say.
    next_date: String,
    next_time: String,
    /// `{base}/unsubscribe/{placeholder}`
    leave_url: String,
}

/// The small mails.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Small {
    /// Press to confirm.
    Confirmation,
    /// Who is subscribed has asked again.
    Already,
    /// The button was pressed.
    Welcome,
    /// To the mailbox that shall no longer have the mail.
    ChangeFrom,
    /// To the mailbox that shall have it.
    ChangeTo,
    /// A fresh link to one's own data.
    Link,
    /// Left.
    Goodbye,
}

/// What tells them apart.
struct Shape {
    kind: LetterKind,
    /// Name of the templates.
    template: &'static str,
    /// Key of the subject.
    subject: &'static str,
    /// Where the button leads, and with which token.
    path: &'static str,
    purpose: Purpose,
    valid_days: i64,
}

impl Small {
    const fn shape(self) -> Shape {
        let (kind, template, subject, path, purpose, valid_days) = match self {
            Self::Confirmation => (
                LetterKind::Confirmation,
                "confirmation",
                "confirm-subject",
                "confirm",
                Purpose::Confirm,
                CONFIRM_DAYS,
            ),
            Self::Already => (
                LetterKind::Already,
                "already",
                "already-subject",
                "preferences",
                Purpose::Preferences,
                0,
            ),
            Self::Welcome => (
                LetterKind::Welcome,
                "welcome",
                "welcome-subject",
                "preferences",
                Purpose::Preferences,
                0,
            ),
            Self::ChangeFrom => (
                LetterKind::Change,
                "change_from",
                "change-subject",
                "change",
                Purpose::ChangeFrom,
                CONFIRM_DAYS,
            ),
            Self::ChangeTo => (
                LetterKind::Change,
                "change_to",
                "change-subject",
                "change",
                Purpose::ChangeTo,
                CONFIRM_DAYS,
            ),
            Self::Link => (
                LetterKind::Link,
                "link",
                "link-subject",
                "my-data",
                Purpose::Data,
                DATA_DAYS,
            ),
            Self::Goodbye => (
                LetterKind::Goodbye,
                "goodbye",
                "goodbye-subject",
                "unsubscribe",
                Purpose::Unsubscribe,
                0,
            ),
        };
        Shape {
            kind,
            template,
            subject,
            path,
            purpose,
            valid_days,
        }
    }
}

/// Compiles a small mail; `next` is when the first digest comes, in the person's zone.
pub(super) fn compile(
    core: &Core,
    theme: &Theme,
    small: Small,
    newsletter: &Newsletter,
    language: &Language,
    now: Timestamp,
    next: Option<DateTime>,
) -> Result<NewLetter, AudienceError> {
    let (config, newsroom) = (&core.config, &core.config.newsroom);
    let name = newsroom.names.get(language).to_owned();
    let shape = small.shape();
    let absolute = |path: &str, purpose: Purpose| {
        config
            .server
            .absolute(&format!("/{path}/{}", purpose.placeholder()))
    };
    let leave_url = absolute("unsubscribe", Purpose::Unsubscribe);
    let view = View {
        small: SmallMailView {
            language: language.clone(),
            direction: language.direction(),
            subject: clean_line(&theme.text(
                language,
                shape.subject,
                &[("site", Arg::Text(&name))],
            )),
            newsroom: name.clone(),
            newsletter: newsletter.names.get(language).to_owned(),
            base_url: config.server.base_url().to_owned(),
            accent: newsroom.accent.clone(),
            operator: operator_lines(&newsroom.operator, language),
            url: absolute(shape.path, shape.purpose),
            valid_days: shape.valid_days,
        },
        next_date: next.map_or_else(String::new, |at| {
            dates::weekday_and_day(at.date(), language)
        }),
        next_time: next.map_or_else(String::new, |at| {
            format!("{:02}:{:02}", at.hour(), at.minute())
        }),
        leave_url: leave_url.clone(),
    };
    let html = theme.render(&format!("email/{}.html", shape.template), language, &view)?;
    Ok(NewLetter {
        kind: shape.kind,
        // A paused newsletter still answers who wants to join it.
        scope: None,
        language: language.clone(),
        sender_name: name,
        sender_address: config
            .mail
            .sender
            .clone()
            .or_else(|| config.newsletters.first().map(|first| first.sender.clone()))
            .unwrap_or_else(|| newsletter.sender.clone()),
        reply_to: newsletter.reply_to.clone(),
        html: theme.inline_css(&html)?,
        text: theme.render(&format!("email/{}.txt", shape.template), language, &view)?,
        subject: view.small.subject,
        // What comes before or after a subscription is no list's mail, so there is nothing to unsubscribe from; what tells machines
        // not to answer is delivery's.
        headers: if small == Small::Welcome {
            vec![
                ("List-Unsubscribe".to_owned(), format!("<{leave_url}>")),
                (
                    "List-Unsubscribe-Post".to_owned(),
                    "List-Unsubscribe=One-Click".to_owned(),
                ),
            ]
        } else {
            Vec::new()
        },
        dated_at: now.floor_to_secs(),
        resend_uncertain: true,
    })
}

/// To whom a small mail goes, and what its links name.
#[derive(Clone, Copy)]
pub(super) struct Recipient<'a> {
    /// Row of the subscriber.
    pub person_id: i64,
    /// Uid that the tokens name.
    pub uid: &'a str,
    /// The subscriber's `link_epoch`.
    pub epoch: i64,
    /// Where to.
    pub address: &'a EmailAddress,
    /// Its keyed hash.
    pub address_hash: &'a str,
}

/// Stores a small mail for one person, due at once; it is given up with its link.
pub(super) async fn plan(
    core: &Core,
    tx: &mut Tx,
    newsletter: &Newsletter,
    letter: &NewLetter,
    to: &Recipient<'_>,
) -> Result<(), AudienceError> {
    let now = core.clock.now();
    let provider = delivery::provider_of(&core.config, to.address.domain());
    let lane_id = delivery::store::ensure_lane(tx, &newsletter.relay, provider).await?;
    let letter_id = delivery::store::insert_letter(tx, core, letter).await?;
    let delivery = NewDelivery {
        letter_id,
        batch: None,
        recipient_id: to.person_id,
        recipient_uid: to.uid.to_owned(),
        recipient_epoch: to.epoch,
        address: to.address.envelope(),
        address_hash: to.address_hash.to_owned(),
        lane_id,
        priority: letter.kind.priority(),
        text_only: false,
        due_at: now,
        expires_at: Some(now.plus_secs(CONFIRM_DAYS * 86_400)),
    };
    // The letter is of this transaction, so nobody can have replaced it.
    delivery::store::insert_deliveries(tx, now, &[delivery]).await?;
    Ok(())
}
