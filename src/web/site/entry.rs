//! A story as an Atom entry document.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_MODIFIED_SINCE,
    IF_NONE_MATCH, LAST_MODIFIED,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;

use super::{check_slug, known_language, redirect};
use crate::newsroom::{ArticleState, store};
use crate::syndication::ShelfError;
use crate::syndication::entry::{EntryError, MEDIA_TYPE, entry_document, path};
use crate::web::WebState;
use crate::web::error::WebError;
use crate::web::feeds::conditional::{Conditions, is_not_modified};

/// `GET /{lang}/news/{slug}/entry.atom`
pub(super) async fn document(
    State(state): State<WebState>,
    Path((typed, slug)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, WebError> {
    let lang = known_language(&state, &typed).await?;
    check_slug(&slug)?;
    let db = &state.core.db;
    let article = store::find_article_by_slug(db, &lang, &slug)
        .await?
        .ok_or(WebError::NotFound)?;
    if article.slug != slug {
        return Ok(redirect(StatusCode::PERMANENT_REDIRECT, &path(&article)));
    }
    match article.state {
        ArticleState::Released => {}
        ArticleState::Withdrawn => {
            let mut gone = Response::new(Body::from("The article was withdrawn.\n"));
            *gone.status_mut() = StatusCode::GONE;
            gone.headers_mut().insert(
                CONTENT_TYPE,
                HeaderValue::from_static("text/plain; charset=utf-8"),
            );
            return Ok(gone);
        }
        ArticleState::Draft | ArticleState::Scheduled => return Err(WebError::NotFound),
    }
    let config = &state.core.config;
    let made = entry_document(db, config, &article)
        .await
        .map_err(|error| match error {
            EntryError::Database(error) => WebError::Database(error),
            EntryError::Atom(error) => WebError::Shelf(ShelfError::Broken {
                feed: path(&article),
                reason: error.to_string(),
            }),
        })?;
    let said = |name| {
        headers
            .get(name)
            .map(|v: &HeaderValue| v.to_str().unwrap_or(""))
    };
    let conditions = Conditions {
        if_none_match: said(IF_NONE_MATCH),
        if_modified_since: said(IF_MODIFIED_SINCE),
    };
    let now = state.core.clock.now();
    let is_known = is_not_modified(conditions, &made.stem, made.last_modified, now);
    let mut response = Response::new(if is_known {
        Body::empty()
    } else {
        Body::from(made.bytes)
    });
    let out = response.headers_mut();
    let max_age = config.feeds.max_age_minutes * 60;
    for (name, value) in [
        (ETAG, format!("\"{}\"", made.stem)),
        (LAST_MODIFIED, made.last_modified.http_date()),
        (CACHE_CONTROL, format!("public, max-age={max_age}")),
    ] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            out.insert(name, value);
        }
    }
    out.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    if is_known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    } else if let Ok(kind) = HeaderValue::from_str(&format!("{MEDIA_TYPE};charset=utf-8")) {
        out.insert(CONTENT_TYPE, kind);
    }
    Ok(response)
}
