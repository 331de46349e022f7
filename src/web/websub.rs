//! `POST /websub`: the newsroom's hub (WebSub section 5). Answers are for programs and their makers: a status and one sentence.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;

use super::WebState;
use super::client::ClientAddress;
use super::error::WebError;
use crate::syndication::websub::request::RequestError;
use crate::syndication::websub::{HubError, accept};

/// The route of the hub.
pub fn routes() -> Router<WebState> {
    Router::new().route("/websub", post(hub).fallback(not_a_page))
}

async fn hub(
    State(state): State<WebState>,
    ClientAddress(client): ClientAddress,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if !state.core.config.websub.enabled {
        return WebError::NotFound.into_response();
    }
    let is_form = headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .and_then(|kind| kind.split(';').next())
        .is_some_and(|kind| {
            kind.trim()
                .eq_ignore_ascii_case("application/x-www-form-urlencoded")
        });
    if !is_form {
        return say(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "A request to the hub is a form: send it as application/x-www-form-urlencoded.",
        );
    }
    match accept(&state.core, &state.shelf, &body, client).await {
        Ok(()) => say(
            StatusCode::ACCEPTED,
            "Accepted. Your callback is asked in a moment whether it meant this.",
        ),
        Err(error) => refuse(&error),
    }
}

fn refuse(error: &HubError) -> Response {
    let (status, wait) = match error {
        HubError::Request(RequestError::Publish) | HubError::HostFull(_) => {
            (StatusCode::FORBIDDEN, None)
        }
        HubError::Request(_) | HubError::Callback(_) | HubError::Moved(_) => {
            (StatusCode::BAD_REQUEST, None)
        }
        HubError::Foreign(_) => (StatusCode::NOT_FOUND, None),
        HubError::TooMany { secs, .. } => (StatusCode::TOO_MANY_REQUESTS, Some(*secs)),
        HubError::Full => (StatusCode::SERVICE_UNAVAILABLE, Some(86_400)),
        HubError::Shelf(_) | HubError::Database(_) => {
            tracing::error!(%error, "a request to the hub could not be kept");
            let mut response = say(
                StatusCode::SERVICE_UNAVAILABLE,
                "The hub cannot take this just now. Try again in half a minute.",
            );
            response
                .headers_mut()
                .insert(RETRY_AFTER, HeaderValue::from(30));
            return response;
        }
    };
    let mut response = say(status, &format!("{error}."));
    if let Some(secs) = wait {
        response
            .headers_mut()
            .insert(RETRY_AFTER, HeaderValue::from(secs));
    }
    response
}

/// Somebody looks at the hub with a browser.
async fn not_a_page(State(state): State<WebState>) -> Response {
    if !state.core.config.websub.enabled {
        return WebError::NotFound.into_response();
    }
    let list = state.core.config.server.absolute("/feeds");
    let mut response = say(
        StatusCode::METHOD_NOT_ALLOWED,
        &format!(
            "This is the WebSub hub of this newsroom: feed readers subscribe here by POST. The feeds are listed at {list}"
        ),
    );
    response
        .headers_mut()
        .insert(ALLOW, HeaderValue::from_static("POST"));
    response
}

fn say(status: StatusCode, sentence: &str) -> Response {
    let mut response = (status, format!("{sentence}\n")).into_response();
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
