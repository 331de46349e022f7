//! A page with one message and at most one button: `web/notice.html`.

use axum::http::StatusCode;
use axum::http::header::REFERRER_POLICY;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use serde::Serialize;

use crate::base::language::Language;
use crate::theme::Arg;
use crate::web::WebState;
use crate::web::error::WebError;
use crate::web::shell::{Shell, render_with_status};
use crate::web::site::language::negotiate;

/// One message.
#[derive(Debug, Default, Serialize)]
pub(super) struct Notice {
    pub(super) title: String,
    /// Under the title, one paragraph each.
    pub(super) sentences: Vec<String>,
    /// The button that acts (POST).
    pub(super) form: Option<Button>,
    /// Links that only lead somewhere; the first is the weightier.
    pub(super) links: Vec<Link>,
    /// In small letters.
    pub(super) small: Vec<String>,
}

/// A form with nothing but a button.
#[derive(Debug, Serialize)]
pub(super) struct Button {
    pub(super) action: String,
    /// Value of the field `act`; empty for none.
    pub(super) act: &'static str,
    pub(super) label: String,
}

/// A link.
#[derive(Debug, Serialize)]
pub(super) struct Link {
    pub(super) href: String,
    pub(super) label: String,
    pub(super) is_button: bool,
}

/// Words of one interface language.
pub(super) struct Words<'a> {
    state: &'a WebState,
    language: Language,
}

impl<'a> Words<'a> {
    pub(super) fn new(state: &'a WebState, language: &Language) -> Self {
        Self {
            state,
            language: state.theme.interface(language),
        }
    }

    /// The interface language.
    pub(super) fn language(&self) -> &Language {
        &self.language
    }

    /// A string without placeholders.
    pub(super) fn say(&self, key: &str) -> String {
        self.state.theme.text(&self.language, key, &[])
    }

    /// A string with placeholders.
    pub(super) fn with(&self, key: &str, args: &[(&str, Arg<'_>)]) -> String {
        self.state.theme.text(&self.language, key, args)
    }
}

/// Shows a message. Nobody keeps the page, and its address goes nowhere.
pub(super) fn show(
    state: &WebState,
    language: &Language,
    status: StatusCode,
    notice: Notice,
) -> Result<Response, WebError> {
    let shell = Shell::new(state, language, |code| format!("/{code}/")).private();
    let response = render_with_status(state, &shell, "web/notice.html", status, notice)?;
    Ok(without_referrer(response))
}

/// The address of a page behind a token must not reach another site. The browser then says `Origin: null` on the form, which
/// these routes take.
pub(super) fn without_referrer(mut response: Response) -> Response {
    response
        .headers_mut()
        .insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

/// The language in which to speak to somebody of whom nothing is known but the browser.
pub(super) fn stranger(state: &WebState, headers: &HeaderMap) -> Language {
    let accept = headers
        .get(axum::http::header::ACCEPT_LANGUAGE)
        .and_then(|value| value.to_str().ok());
    negotiate(accept, &state.core.config.newsroom.languages)
}
