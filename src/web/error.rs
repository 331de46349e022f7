//! The one place that maps errors to HTTP.
//!
//! A handler returns [`WebError`]; the answer carries a [`Problem`] and no body, and the outermost layer turns it into a page
//! in the reader's language ([`pages`]). So does every refusal that is not ours: an unknown path, a body that is too long, a
//! panic, a deadline. What a person sees says what happened and what to do; the log has the cause.

use axum::extract::{Request, State};
use axum::http::header::{ACCEPT_LANGUAGE, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::WebState;
use super::shell::{Shell, render_with_status};
use super::site::language::negotiate;
use crate::audience::AudienceError;
use crate::base::language::Language;
use crate::digest::DigestError;
use crate::newsroom::NewsroomError;
use crate::syndication::ShelfError;
use crate::theme::{Arg, ThemeError};

/// What can go wrong while answering.
#[derive(Debug, thiserror::Error)]
pub enum WebError {
    /// There is no such page.
    #[error("there is no such page")]
    NotFound,
    /// The request makes no sense.
    #[error("the request cannot be understood: {0}")]
    BadRequest(&'static str),
    /// A form that was sent from somebody else's page.
    #[error("the form was sent from another site")]
    ForeignForm,
    /// Nobody can subscribe by a form at present.
    #[error("subscriptions are closed")]
    Closed,
    /// Too many tries.
    #[error("too many tries, {minutes} minutes to wait")]
    TooMany {
        /// Minutes until the next try.
        minutes: i64,
    },
    /// A template failed.
    #[error(transparent)]
    Theme(#[from] ThemeError),
    /// The newsroom failed.
    #[error(transparent)]
    Newsroom(#[from] NewsroomError),
    /// The audience failed.
    #[error(transparent)]
    Audience(#[from] AudienceError),
    /// A digest failed.
    #[error(transparent)]
    Digest(#[from] DigestError),
    /// The list of feeds failed.
    #[error(transparent)]
    Shelf(#[from] ShelfError),
    /// The database failed.
    #[error("the database failed: {0}")]
    Database(#[from] sqlx::Error),
}

/// What the error page says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Problem {
    /// 404
    NotFound,
    /// 400
    BadRequest,
    /// 403
    ForeignForm,
    /// 429
    TooMany(i64),
    /// 503, until the settings are complete
    Closed,
    /// 500 and 503
    Broken,
}

impl IntoResponse for WebError {
    fn into_response(self) -> Response {
        let (status, problem) = match &self {
            Self::NotFound => (StatusCode::NOT_FOUND, Problem::NotFound),
            Self::BadRequest(_) => (StatusCode::BAD_REQUEST, Problem::BadRequest),
            Self::ForeignForm => (StatusCode::FORBIDDEN, Problem::ForeignForm),
            Self::TooMany { minutes } | Self::Audience(AudienceError::TooMany { minutes }) => {
                (StatusCode::TOO_MANY_REQUESTS, Problem::TooMany(*minutes))
            }
            Self::Closed | Self::Audience(AudienceError::Closed(_)) => {
                (StatusCode::SERVICE_UNAVAILABLE, Problem::Closed)
            }
            Self::Database(_)
            | Self::Shelf(_)
            | Self::Newsroom(NewsroomError::Database(_))
            | Self::Audience(AudienceError::Database(_))
            | Self::Digest(DigestError::Database(_)) => {
                tracing::error!(error = %self, "a page could not be made");
                (StatusCode::SERVICE_UNAVAILABLE, Problem::Broken)
            }
            _ => {
                tracing::error!(error = %self, "a page could not be made");
                (StatusCode::INTERNAL_SERVER_ERROR, Problem::Broken)
            }
        };
        let mut response = status.into_response();
        response.extensions_mut().insert(problem);
        response
    }
}

/// What `web/error.html` is given.
#[derive(Serialize)]
struct ErrorPage {
    status: u16,
    title: String,
    sentence: String,
}

/// Turns refusals without a page into a page in the reader's language. Programs that do not ask for HTML get the bare answer.
pub async fn pages(State(state): State<WebState>, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let headers = request.headers().clone();
    let is_head = request.method() == Method::HEAD;
    let response = next.run(request).await;
    let status = response.status();
    if !(status.is_client_error() || status.is_server_error()) || is_head {
        return response;
    }
    let problem = response.extensions().get::<Problem>().copied();
    let has_page = response
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|kind| !kind.as_bytes().starts_with(b"text/plain"));
    if has_page || (problem.is_none() && !wants_html(&headers)) {
        return response;
    }
    let problem = problem.unwrap_or(match status {
        StatusCode::NOT_FOUND => Problem::NotFound,
        status if status.is_client_error() => Problem::BadRequest,
        _ => Problem::Broken,
    });
    let language = reader_language(&state, &path, &headers);
    page(&state, &language, status, problem).unwrap_or_else(|error| {
        tracing::error!(%error, "the error page could not be made");
        response
    })
}

fn page(
    state: &WebState,
    language: &Language,
    status: StatusCode,
    problem: Problem,
) -> Result<Response, WebError> {
    let shell = Shell::new(state, language, |code| format!("/{code}/")).private();
    let say = |key: &str, args: &[(&str, Arg<'_>)]| state.theme.text(&shell.interface, key, args);
    let (title, sentence) = match problem {
        Problem::NotFound => (say("page-not-found", &[]), say("page-not-found-help", &[])),
        Problem::BadRequest => (say("error", &[]), say("form-incomplete", &[])),
        Problem::ForeignForm => (say("error", &[]), say("foreign-form", &[])),
        Problem::TooMany(minutes) => (
            say("too-many-title", &[]),
            say("too-many-requests", &[("n", Arg::Number(minutes.max(1)))]),
        ),
        Problem::Closed => (
            say("subscribe-title", &[]),
            say("subscriptions-closed", &[]),
        ),
        Problem::Broken => (
            say("something-broke-title", &[]),
            say("something-broke", &[]),
        ),
    };
    let mut response = render_with_status(
        state,
        &shell,
        "web/error.html",
        status,
        ErrorPage {
            status: status.as_u16(),
            title,
            sentence,
        },
    )?;
    let wait = match problem {
        Problem::TooMany(minutes) => Some(minutes.max(1) * 60),
        Problem::Broken => Some(60),
        _ => None,
    };
    if let Some(secs) = wait {
        response
            .headers_mut()
            .insert(RETRY_AFTER, HeaderValue::from(secs));
    }
    Ok(response)
}

fn wants_html(headers: &HeaderMap) -> bool {
    headers
        .get(axum::http::header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("text/html"))
}

/// The language of the path, else the first of ours that the browser asks for.
fn reader_language(state: &WebState, path: &str, headers: &HeaderMap) -> Language {
    let ours = &state.core.config.newsroom.languages;
    let first = path.split('/').nth(1).unwrap_or("");
    Language::parse(first)
        .ok()
        .filter(|language| ours.contains(language))
        .unwrap_or_else(|| {
            negotiate(
                headers
                    .get(ACCEPT_LANGUAGE)
                    .and_then(|value| value.to_str().ok()),
                ours,
            )
        })
}
