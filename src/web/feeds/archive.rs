//! Closed pages of archived feeds (RFC 5005): bytes that never change, kept by whoever has them.

use axum::Router;
use axum::body::Body;
use axum::extract::{OriginalUri, State};
use axum::http::header::{CACHE_CONTROL, LOCATION};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use axum::response::Response;
use axum::routing::get;

use super::{answer, gone, moved, not_acceptable, plain, preflight, unavailable, unknown};
use crate::syndication::{PageLookup, ShelfError};
use crate::web::WebState;

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
    OriginalUri(uri): OriginalUri,
    method: Method,
    headers: HeaderMap,
) -> Response {
    respond(&state, &uri, &method, &headers)
        .await
        .unwrap_or_else(|error| unavailable(&error))
}

async fn respond(
    state: &WebState,
    uri: &Uri,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Response, ShelfError> {
    let found = match state.shelf.page(uri.path()).await? {
        PageLookup::Unknown => return Ok(unknown(state)),
        PageLookup::Moved(path) => return Ok(moved(&path)),
        PageLookup::SeeOther(path) => return Ok(elsewhere(&path)),
        PageLookup::Gone => return Ok(gone(state)),
        PageLookup::Page(found) => found,
    };
    let Some(coding) = answer::coding(headers) else {
        return Ok(not_acceptable());
    };
    if answer::has(headers, &found.head, state.core.clock.now()) {
        return Ok(answer::not_modified(&found.head, coding, Body::empty()));
    }
    let bytes = state.shelf.page_bytes(&found, coding).await?;
    let (head, format) = (&found.head, found.format);
    Ok(answer::whole(head, format, coding, bytes, method, headers))
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
