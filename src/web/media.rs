//! Pictures of stories. Their address names the bytes, so they may be kept for ever.

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use axum::routing::get;

use super::WebState;
use super::error::WebError;
use super::protect::matches;
use crate::newsroom::store;

/// Routes of pictures.
pub fn routes() -> Router<WebState> {
    Router::new().route("/media/{file}", get(picture))
}

/// `GET /media/{uid}.jpg`
async fn picture(
    State(state): State<WebState>,
    Path(file): Path<String>,
    headers: HeaderMap,
) -> Result<Response, WebError> {
    let uid = file.rsplit_once('.').map_or(file.as_str(), |(uid, _)| uid);
    if uid.len() != 36 || !uid.chars().all(|c| c.is_ascii_hexdigit() || c == '-') {
        return Err(WebError::NotFound);
    }
    let tag = format!("\"{uid}\"");
    let known = headers
        .get(IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|known| matches(known, &tag) && known.trim() != "*");
    let (status, kind, body) = if known {
        (StatusCode::NOT_MODIFIED, None, Body::empty())
    } else {
        let (kind, bytes) = store::find_media(&state.core.db, uid)
            .await?
            .ok_or(WebError::NotFound)?;
        (StatusCode::OK, Some(kind), Body::from(bytes))
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let out = response.headers_mut();
    if let Some(kind) = kind {
        // What is kept as a picture is never served as anything a browser would run.
        let kind = match kind.as_str() {
            "image/jpeg" | "image/png" | "image/webp" | "image/gif" | "image/avif" => kind,
            _ => "application/octet-stream".to_owned(),
        };
        if let Ok(kind) = HeaderValue::from_str(&kind) {
            out.insert(CONTENT_TYPE, kind);
        }
    }
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        out.insert(ETAG, tag);
    }
    out.insert(
        CACHE_CONTROL,
        HeaderValue::from_static("public, max-age=31536000, immutable"),
    );
    Ok(response)
}
