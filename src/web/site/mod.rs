//! The public pages: front, sections, tags, stories, issues.

pub mod article;
mod card;
mod entry;
mod front;
mod health;
mod issue;
pub mod language;
mod listing;
mod other_news;
mod search;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::header::{ACCEPT_LANGUAGE, CACHE_CONTROL, LOCATION, VARY};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::WebState;
use super::error::WebError;
use crate::base::language::Language;
use crate::newsroom::store;

/// Routes of the public pages.
pub fn routes() -> Router<WebState> {
    Router::new()
        .route("/", get(home))
        .route("/{lang}", get(without_slash))
        .route("/{lang}/", get(front::page))
        .route("/{lang}/sections/{slug}", get(listing::section))
        .route("/{lang}/tags/{slug}", get(listing::tag))
        .route("/{lang}/news/{slug}", get(article::page))
        .route("/{lang}/news/{slug}/entry.atom", get(entry::document))
        .route("/issues/{uid}", get(issue::page))
        .route("/{lang}/search", get(search::page))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
}

/// `/` leads to the default language unless the browser asks for another of ours.
async fn home(State(state): State<WebState>, headers: HeaderMap) -> Response {
    let accept = headers
        .get(ACCEPT_LANGUAGE)
        .and_then(|value| value.to_str().ok());
    let language = language::negotiate(accept, &state.core.config.newsroom.languages);
    let mut response = redirect(StatusCode::FOUND, &format!("/{language}/"));
    let out = response.headers_mut();
    out.insert(VARY, HeaderValue::from_static("Accept-Language"));
    out.insert(
        CACHE_CONTROL,
        HeaderValue::from_static("private, max-age=10"),
    );
    response
}

async fn without_slash(
    State(state): State<WebState>,
    Path(lang): Path<String>,
) -> Result<Response, WebError> {
    let language = known_language(&state, &lang).await?;
    Ok(redirect(
        StatusCode::PERMANENT_REDIRECT,
        &format!("/{language}/"),
    ))
}

/// A redirect within the site; `path` is ours and plain.
pub(in crate::web) fn redirect(status: StatusCode, path: &str) -> Response {
    match HeaderValue::from_str(path) {
        Ok(location) => (status, [(LOCATION, location)]).into_response(),
        Err(_) => WebError::NotFound.into_response(),
    }
}

/// The language of a path: one of the newsroom's, or one that has a public story. Only the usual spelling has pages.
pub(in crate::web) async fn known_language(
    state: &WebState,
    typed: &str,
) -> Result<Language, WebError> {
    let language = Language::parse(typed).map_err(|_| WebError::NotFound)?;
    if language.as_str() != typed {
        return Err(WebError::NotFound);
    }
    if state.core.config.newsroom.languages.contains(&language)
        || store::list_languages(&state.core.db)
            .await?
            .contains(&language)
    {
        Ok(language)
    } else {
        Err(WebError::NotFound)
    }
}

/// What is no slug never reaches the database (PostgreSQL refuses U+0000 in a text).
fn check_slug(typed: &str) -> Result<(), WebError> {
    let is_slug = !typed.is_empty()
        && typed.len() <= 200
        && typed
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    is_slug.then_some(()).ok_or(WebError::NotFound)
}

/// Every language that has pages: the newsroom's in their order, then those of imported stories.
async fn all_languages(state: &WebState) -> Result<Vec<Language>, WebError> {
    let mut all = state.core.config.newsroom.languages.clone();
    for language in store::list_languages(&state.core.db).await? {
        if !all.contains(&language) {
            all.push(language);
        }
    }
    Ok(all)
}
