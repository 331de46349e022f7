//! Closed pages of archived feeds (RFC 5005): bytes that never change, kept by whoever has them.

use axum::Router;
use axum::extract::{OriginalUri, State};
use axum::http::header::{CACHE_CONTROL, LOCATION};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::Response;
use axum::routing::get;

use super::{Poll, gone, moved, plain, preflight, unavailable, unknown};
use crate::syndication::{PageLookup, ShelfError};
use crate::web::WebState;
use crate::web::client::ClientAddress;

/// Routes of pages.
pub(super) fn routes() -> Router<WebState> {
    let mut routes = Router::new();
    for folder in [
        "",
        "/{lang}",
        "/{lang}/sections/{slug}",
        "/{lang}/tags/{slug}",
    ] {
        let path = format!("{folder}/feed/{{page}}");
        routes = routes.route(&path, get(page).options(preflight));
    }
    routes
}

async fn page(
    State(state): State<WebState>,
    ClientAddress(client): ClientAddress,
    OriginalUri(uri): OriginalUri,
    method: Method,
    headers: HeaderMap,
) -> Response {
    let poll = Poll {
        client,
        path: uri.path().into(),
        method: &method,
        headers: &headers,
    };
    respond(&state, &poll)
        .await
        .unwrap_or_else(|error| unavailable(&error))
}

async fn respond(state: &WebState, poll: &Poll<'_>) -> Result<Response, ShelfError> {
    let found = match state.shelf.page(&poll.path).await? {
        PageLookup::Unknown => return Ok(unknown(state)),
        PageLookup::Moved(path) => return Ok(moved(&path)),
        PageLookup::SeeOther(path) => return Ok(elsewhere(&path)),
        PageLookup::Gone => return Ok(gone(state)),
        PageLookup::Page(found) => found,
    };
    let (head, format) = (&found.head, found.format);
    let coding = match poll.coding(state, head, format) {
        Ok(coding) => coding,
        Err(answer) => return Ok(*answer),
    };
    let bytes = state.shelf.page_bytes(&found, coding).await?;
    Ok(poll.whole(state, head, format, coding, bytes))
}

/// Where the page is for now: a correction or a withdrawal may give it another version at any time.
fn elsewhere(path: &str) -> Response {
    let mut response = plain(StatusCode::TEMPORARY_REDIRECT, "");
    let headers = response.headers_mut();
    if let Ok(location) = HeaderValue::from_str(path) {
        headers.insert(LOCATION, location);
    }
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}
