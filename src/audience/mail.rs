//! The audience's small mails: what their templates are given.
//!
//! `templates/email/confirmation.{html,txt}` asks a person to press one button, `templates/email/already.{html,txt}` tells one
//! who is already subscribed where the settings are. They hold no word that a stranger typed, no picture and no news, one
//! button and the bare address beneath it. Interface strings are the templates' own, in `language`.

use serde::Serialize;

/// What `email/confirmation.*` and `email/already.*` are given. All texts are plain; templates escape.
#[derive(Clone, Debug, Serialize)]
pub struct SmallMailView {
    /// Language of the mail, for `<html lang>`.
    pub language: crate::base::language::Language,
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
