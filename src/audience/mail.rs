//! The audience's small mails: what their templates are given.
//!
//! `templates/email/confirmation.{html,txt}` asks a person to press one button, `templates/email/already.{html,txt}` tells one
//! who is already subscribed where the settings are. They hold no word that a stranger typed, no picture and no news, one
//! button and the bare address beneath it. Interface strings are the templates' own, in `language`.

use serde::Serialize;

use super::links::CONFIRM_DAYS;
use super::{AudienceError, Newsletter};
use crate::base::language::Language;
use crate::base::text::clean_line;
use crate::base::time::Timestamp;
use crate::base::token::Purpose;
use crate::config::Operator;
use crate::delivery::{LetterKind, NewLetter};
use crate::theme::{Arg, Theme};
use crate::work::Core;

/// What `email/confirmation.*` and `email/already.*` are given. All texts are plain; templates escape.
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
    /// Where the button leads: `{base}/confirm/{placeholder}` in a confirmation, `{base}/preferences/{placeholder}` in "already".
    pub url: String,
    /// Days for which a confirmation link is good; 0 where the link has no such end.
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

/// Compiles a small mail: [`LetterKind::Already`] leads to the settings, every other kind asks to confirm.
pub(super) fn compile(
    core: &Core,
    theme: &Theme,
    kind: LetterKind,
    newsletter: &Newsletter,
    language: &Language,
    now: Timestamp,
) -> Result<NewLetter, AudienceError> {
    let (config, newsroom) = (&core.config, &core.config.newsroom);
    let name = newsroom.names.get(language).to_owned();
    let is_already = matches!(kind, LetterKind::Already);
    let (template, subject, purpose, path) = if is_already {
        (
            "already",
            "already-subject",
            Purpose::Preferences,
            "preferences",
        )
    } else {
        (
            "confirmation",
            "confirm-subject",
            Purpose::Confirm,
            "confirm",
        )
    };
    let view = SmallMailView {
        language: language.clone(),
        direction: language.direction(),
        subject: clean_line(&theme.text(language, subject, &[("site", Arg::Text(&name))])),
        newsroom: name.clone(),
        newsletter: newsletter.names.get(language).to_owned(),
        base_url: config.server.base_url().to_owned(),
        accent: newsroom.accent.clone(),
        operator: operator_lines(&newsroom.operator, language),
        url: config
            .server
            .absolute(&format!("/{path}/{}", purpose.placeholder())),
        valid_days: if is_already { 0 } else { CONFIRM_DAYS },
    };
    let html = theme.render(&format!("email/{template}.html"), language, &view)?;
    Ok(NewLetter {
        kind,
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
        text: theme.render(&format!("email/{template}.txt"), language, &view)?,
        subject: view.subject,
        // Not a list's mail yet, so nothing to unsubscribe from; what tells machines not to answer is delivery's.
        headers: Vec::new(),
        dated_at: now.floor_to_secs(),
        resend_uncertain: true,
    })
}
