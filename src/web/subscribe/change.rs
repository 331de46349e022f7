//! The page behind both links of a change of address: one button.

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use super::form::Fields;
use super::limit::Limits;
use super::notice::{Button, Notice, Words, show as show_notice, stranger};
use super::token::aged;
use crate::audience::{self, AudienceError, Change, Side};
use crate::theme::Arg;
use crate::web::WebState;
use crate::web::client::ClientAddress;
use crate::web::error::WebError;

/// `GET /change/{token}`
pub(super) async fn show(
    State(state): State<WebState>,
    Path(token): Path<String>,
    headers: HeaderMap,
) -> Result<Response, WebError> {
    match audience::peek_change(&state.core, &token).await {
        Ok(change) => page(&state, &token, &change),
        Err(error) => gone(&state, &headers, &token, error),
    }
}

/// `POST /change/{token}`
pub(super) async fn agree(
    State(state): State<WebState>,
    Path(token): Path<String>,
    Extension(limits): Extension<Limits>,
    ClientAddress(from): ClientAddress,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, WebError> {
    limits.take(from, &state).await?;
    if Fields::parse(&body).get("act") != "agree" {
        return show(State(state), Path(token), headers).await;
    }
    match audience::agree_change(&state.core, &token).await {
        Ok(change) => page(&state, &token, &change),
        Err(error) => gone(&state, &headers, &token, error),
    }
}

fn page(state: &WebState, token: &str, change: &Change) -> Result<Response, WebError> {
    let words = Words::new(state, &change.interface);
    let (title, sentences, form) = if change.is_done {
        ("change-done-title", vec![words.say("change-done")], None)
    } else if change.is_agreed {
        ("change-title", vec![words.say("change-waits")], None)
    } else {
        let button = match change.side {
            Side::From => "change-from-button",
            Side::To => "change-to-button",
        };
        let form = Button {
            action: format!("/change/{token}"),
            act: "agree",
            label: words.say(button),
        };
        ("change-title", vec![words.say("change-both")], Some(form))
    };
    let mut small = Vec::new();
    if !change.from.is_empty() {
        small.push(words.with("change-old", &[("address", Arg::Text(&change.from))]));
    }
    small.push(words.with("change-new", &[("address", Arg::Text(&change.to))]));
    let notice = Notice {
        title: words.say(title),
        sentences,
        form,
        small,
        ..Notice::default()
    };
    show_notice(state, &change.interface, StatusCode::OK, notice)
}

/// A link past its days, or one whose wish was replaced by another: there is nothing to send anew, the settings are the way.
fn gone(
    state: &WebState,
    headers: &HeaderMap,
    token: &str,
    error: AudienceError,
) -> Result<Response, WebError> {
    if !matches!(error, AudienceError::ExpiredLink) {
        return aged(state, headers, &format!("/change/{token}"), error);
    }
    let language = stranger(state, headers);
    let words = Words::new(state, &language);
    let notice = Notice {
        title: words.say("link-expired-title"),
        sentences: vec![words.say("change-again")],
        ..Notice::default()
    };
    show_notice(state, &language, StatusCode::GONE, notice)
}
