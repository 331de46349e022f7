//! What is kept of a person, on the person's own page: what was agreed to, the download, and erasure behind a second button.

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::form::Fields;
use super::limit::Limits;
use super::notice::{Button, Link, Notice, Words, show as show_notice, without_referrer};
use super::token::{aged, resend, settings_of};
use crate::audience::{self, MyData};
use crate::base::language::Language;
use crate::theme::dates;
use crate::web::WebState;
use crate::web::client::ClientAddress;
use crate::web::error::WebError;
use crate::web::shell::{Shell, render_with_status};

#[derive(Serialize)]
struct DataPage {
    action: String,
    address: String,
    agreements: Vec<Line>,
}

/// An entry of the consent log in words.
#[derive(Serialize)]
struct Line {
    when: String,
    /// RFC 3339.
    instant: String,
    what: String,
    text: Option<String>,
    /// The language of `text`.
    lang: Option<String>,
}

/// `GET /my-data/{token}`
pub(super) async fn show(
    State(state): State<WebState>,
    Path(token): Path<String>,
    headers: HeaderMap,
) -> Result<Response, WebError> {
    match audience::peek_data(&state.core, &token).await {
        Ok(data) => page(&state, &token, &data),
        Err(error) => aged(&state, &headers, &format!("/my-data/{token}"), error),
    }
}

/// `POST /my-data/{token}`: `act` is `download`, `ask` (for the second button), `erase` or `resend`.
pub(super) async fn act(
    State(state): State<WebState>,
    Path(token): Path<String>,
    Extension(limits): Extension<Limits>,
    ClientAddress(from): ClientAddress,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, WebError> {
    limits.take(from, &state).await?;
    let action = format!("/my-data/{token}");
    let fields = Fields::parse(&body);
    match fields.get("act") {
        "resend" => resend(&state, &headers, &token).await,
        "download" => match audience::own_data(&state.core, &token).await {
            Ok(data) => Ok(download(&data)),
            Err(error) => aged(&state, &headers, &action, error),
        },
        "ask" => match audience::peek_data(&state.core, &token).await {
            Ok(data) => ask(&state, action, &data),
            Err(error) => aged(&state, &headers, &action, error),
        },
        "erase" => match audience::erase_own(&state.core, &token).await {
            Ok(language) => erased(&state, &language),
            Err(error) => aged(&state, &headers, &action, error),
        },
        _ => show(State(state), Path(token), headers).await,
    }
}

fn page(state: &WebState, token: &str, data: &MyData) -> Result<Response, WebError> {
    let words = Words::new(state, &data.interface);
    let zone = state.core.config.newsroom.zone();
    let agreements = data
        .agreements
        .iter()
        .map(|entry| {
            let at = entry.at.in_zone(&zone).datetime();
            Line {
                when: dates::short_and_time(at, words.language()),
                instant: entry.at.to_string(),
                what: words.say(&format!("agreed-{}", entry.action)),
                text: entry.text.as_ref().map(|(text, _)| text.clone()),
                lang: entry.text.as_ref().map(|(_, lang)| lang.clone()),
            }
        })
        .collect();
    let shell = Shell::new(state, &data.interface, |code| format!("/{code}/")).private();
    let page = DataPage {
        action: format!("/my-data/{token}"),
        address: data.masked_address.clone(),
        agreements,
    };
    let response = render_with_status(state, &shell, "web/data.html", StatusCode::OK, page)?;
    Ok(without_referrer(response))
}

/// A file for the person to keep; nobody else's cache keeps it.
fn download(data: &serde_json::Value) -> Response {
    let text = serde_json::to_string_pretty(data).unwrap_or_default();
    let headers = [
        (CONTENT_TYPE, "application/json"),
        (
            CONTENT_DISPOSITION,
            "attachment; filename=\"jarshy-my-data.json\"",
        ),
        (CACHE_CONTROL, "no-store"),
    ];
    without_referrer((headers, text).into_response())
}

fn ask(state: &WebState, action: String, data: &MyData) -> Result<Response, WebError> {
    let words = Words::new(state, &data.interface);
    let notice = Notice {
        title: words.say("delete-my-data"),
        sentences: vec![words.say("delete-question")],
        form: Some(Button {
            action,
            act: "erase",
            label: words.say("delete-my-data"),
        }),
        small: vec![settings_of(&words, &data.masked_address)],
        ..Notice::default()
    };
    show_notice(state, &data.interface, StatusCode::OK, notice)
}

fn erased(state: &WebState, language: &Language) -> Result<Response, WebError> {
    let words = Words::new(state, language);
    let notice = Notice {
        title: words.say("deleted-title"),
        sentences: vec![words.say("deleted")],
        links: vec![Link {
            href: format!("/{language}/"),
            label: words.say("back-home"),
            is_button: true,
        }],
        ..Notice::default()
    };
    show_notice(state, language, StatusCode::OK, notice)
}
