//! What every request passes through: headers for the browser, where forms may come from, conditional pages, the log line.

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HOST, IF_NONE_MATCH,
    ORIGIN, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::WebState;
use super::error::WebError;
use super::site::redirect;

/// Everything is forbidden but what our own pages use and what stands in imported stories: pictures from anywhere (old stories
/// have theirs at `http:`), sound and films at `https:`.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self' https: http: data:; media-src 'self' https:; \
    font-src 'self'; script-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Routes whose authority is the token in their path: they may be posted to from anywhere, also from the browsers inside mail
/// apps, which say `Origin: null` or nothing at all.
const TOKEN_ROUTES: [&str; 5] = [
    "/confirm/",
    "/preferences/",
    "/unsubscribe/",
    "/change/",
    "/my-data/",
];

/// Headers that every answer has unless its own part of the web says otherwise. What any site may read, such as feeds, is no page
/// of ours: it needs nothing that governs pages beside its policy. 304 leaves all as it was.
pub(super) async fn headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    if response.status() == StatusCode::NOT_MODIFIED {
        return response;
    }
    let headers = response.headers_mut();
    let is_page = !headers.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN);
    let mut default = |name: HeaderName, value: &'static str| {
        headers
            .entry(name)
            .or_insert_with(|| HeaderValue::from_static(value));
    };
    default(X_CONTENT_TYPE_OPTIONS, "nosniff");
    default(CONTENT_SECURITY_POLICY, POLICY);
    if is_page {
        default(REFERRER_POLICY, "strict-origin-when-cross-origin");
        default(
            HeaderName::from_static("permissions-policy"),
            "camera=(), geolocation=(), microphone=(), browsing-topics=()",
        );
    }
    response
}

/// Refuses forms that a foreign page sent. Browsers say where a form stands in `Sec-Fetch-Site`, older ones in `Origin`; who says
/// neither is a program and carries nobody's rights, since there are no cookies.
pub(super) async fn forms(State(state): State<WebState>, request: Request, next: Next) -> Response {
    let is_safe = matches!(
        *request.method(),
        Method::GET | Method::HEAD | Method::OPTIONS
    );
    let path = request.uri().path();
    let has_token = TOKEN_ROUTES.iter().any(|route| path.starts_with(route));
    let config = &state.core.config;
    if is_safe
        || has_token
        || is_own(request.headers(), config.server.base_url())
        || (is_subscribing(path) && is_friend(request.headers(), &config.subscribe.origins))
    {
        next.run(request).await
    } else {
        WebError::ForeignForm.into_response()
    }
}

/// `/{lang}/subscribe`: the one form that may stand on other sites (`jarshy embed`).
fn is_subscribing(path: &str) -> bool {
    matches!(
        path.split('/').collect::<Vec<_>>().as_slice(),
        ["", _, "subscribe"]
    )
}

/// Whether the form stands on a site that the settings name.
fn is_friend(headers: &HeaderMap, origins: &[String]) -> bool {
    headers
        .get(ORIGIN)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|origin| origins.iter().any(|friend| friend == origin))
}

fn is_own(headers: &HeaderMap, base_url: &str) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    match text("sec-fetch-site") {
        Some("same-origin" | "none") => return true,
        Some(_) => return false,
        None => {}
    }
    let Some(origin) = text(ORIGIN.as_str()) else {
        return true;
    };
    if origin == base_url {
        return true;
    }
    // Reached by another name than the public one, e.g. through a tunnel.
    let host = origin.split_once("://").map(|(_, host)| host);
    host.is_some() && host == text(HOST.as_str())
}

/// Answers 304 where the reader has the very page (RFC 9110 section 13.1.2).
pub(super) async fn conditional(request: Request, next: Next) -> Response {
    let known: Option<String> = request
        .headers()
        .get(IF_NONE_MATCH)
        .filter(|_| matches!(*request.method(), Method::GET | Method::HEAD))
        .and_then(|value| value.to_str().ok())
        .map(ToOwned::to_owned);
    let response = next.run(request).await;
    let is_page = response
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    let (Some(known), StatusCode::OK, true) = (known, response.status(), is_page) else {
        return response;
    };
    let has_it = response
        .headers()
        .get(ETAG)
        .and_then(|tag| tag.to_str().ok())
        .is_some_and(|tag| matches(&known, tag));
    if !has_it {
        return response;
    }
    let (mut parts, _) = response.into_parts();
    parts.status = StatusCode::NOT_MODIFIED;
    parts.headers.remove(CONTENT_TYPE);
    Response::from_parts(parts, axum::body::Body::empty())
}

/// Whether the reader has what that tag names.
pub(super) fn has(headers: &HeaderMap, tag: &str) -> bool {
    headers
        .get(IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|known| matches(known, tag))
}

/// Weak comparison of `If-None-Match` with a tag.
pub(super) fn matches(known: &str, tag: &str) -> bool {
    let stem = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    known.trim() == "*" || known.split(',').any(|one| stem(one) == stem(tag))
}

/// `/kz/…`, as many sites of the country write it, leads to `/kk/…`.
pub(super) async fn kazakh(request: Request, next: Next) -> Response {
    let uri = request.uri();
    let rest = match uri.path() {
        "/kz" => Some("/"),
        path => path
            .strip_prefix("/kz")
            .filter(|rest| rest.starts_with('/')),
    };
    match rest {
        Some(rest) => {
            let query = uri
                .query()
                .map(|query| format!("?{query}"))
                .unwrap_or_default();
            redirect(StatusCode::PERMANENT_REDIRECT, &format!("/kk{rest}{query}"))
        }
        None => next.run(request).await,
    }
}

/// The path for the log. A token is a key: where the route has one, the route is named instead; a path that no route knows may
/// be a mistyped link, so it is not named at all.
pub(super) fn loggable(path: &str, matched: Option<&MatchedPath>) -> String {
    match matched.map(MatchedPath::as_str) {
        Some(route) if route.contains("{token}") => route.to_owned(),
        Some(_) => path.to_owned(),
        None => "(no route)".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                )
            })
            .collect()
    }

    #[test]
    fn forms_come_from_our_own_pages() {
        let own = |pairs: &[(&'static str, &'static str)]| {
            is_own(&with(pairs), "https://news.example.kz")
        };
        assert!(own(&[
            ("sec-fetch-site", "same-origin"),
            ("origin", "https://news.example.kz")
        ]));
        assert!(own(&[("origin", "https://news.example.kz")]));
        assert!(own(&[
            ("origin", "http://localhost:7070"),
            ("host", "localhost:7070")
        ]));
        assert!(own(&[]));
        assert!(!own(&[
            ("sec-fetch-site", "cross-site"),
            ("origin", "https://news.example.kz")
        ]));
        assert!(!own(&[("sec-fetch-site", "same-site")]));
        assert!(!own(&[
            ("origin", "https://evil.example.org"),
            ("host", "news.example.kz")
        ]));
        assert!(!own(&[("origin", "null")]));
        assert!(!own(&[(
            "origin",
            "https://news.example.kz.evil.example.org"
        )]));
    }

    #[test]
    fn tags_are_compared_weakly() {
        assert!(matches("W/\"a\"", "W/\"a\""));
        assert!(matches("\"b\", \"a\"", "W/\"a\""));
        assert!(matches("*", "W/\"a\""));
        assert!(!matches("\"b\"", "W/\"a\""));
    }
}
