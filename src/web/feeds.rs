//! Feeds over HTTP (REQUIREMENTS-FEEDS section 7).
//!
//! A feed is the same for everyone: no cookie, no redirect by language, and whatever stands behind `?` is ignored. A reader
//! that has the bytes gets 304 from memory.

mod coding;
pub(in crate::web) mod conditional;

use std::borrow::Cow;

use axum::Router;
use axum::body::Body;
use axum::extract::{OriginalUri, State};
use axum::http::header::{
    ACCEPT_ENCODING, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderName,
    IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, LINK, LOCATION, RETRY_AFTER, VARY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use axum::response::Response;
use axum::routing::{MethodRouter, get};
use bytes::Bytes;

use super::WebState;
use crate::base::time::Timestamp;
use crate::syndication::shelf::Head;
use crate::syndication::websub::link_header;
use crate::syndication::{Format, Lookup, ShelfError};
use coding::Coding;
use conditional::{Conditions, is_not_modified};

/// Paths that readers guess, and the feed they mean.
const GUESSES: [(&str, &str); 13] = [
    ("/feed", "/feed.rss"),
    ("/feed/", "/feed.rss"),
    ("/feeds/", "/feeds"),
    ("/rss", "/feed.rss"),
    ("/rss/", "/feed.rss"),
    ("/rss.xml", "/feed.rss"),
    ("/feed.xml", "/feed.rss"),
    ("/index.xml", "/feed.rss"),
    ("/index.rss", "/feed.rss"),
    ("/atom", "/feed.atom"),
    ("/atom.xml", "/feed.atom"),
    ("/index.json", "/feed.json"),
    ("/opml", "/feeds.opml"),
];

/// Routes of feeds.
pub fn routes() -> Router<WebState> {
    let feed = || -> MethodRouter<WebState> { get(feed).options(preflight) };
    let mut routes = Router::new().route("/feeds.opml", get(opml));
    for guess in [
        "feed",
        "feed/",
        "rss",
        "rss/",
        "feed.xml",
        "rss.xml",
        "index.xml",
        "atom",
        "atom.xml",
    ] {
        routes = routes.route(&format!("/{{lang}}/{guess}"), get(guess_in));
    }
    for folder in [
        "",
        "/{lang}",
        "/{lang}/sections/{slug}",
        "/{lang}/tags/{slug}",
        "/{lang}/search",
        "/f/{key}",
    ] {
        for extension in ["rss", "atom", "json"] {
            routes = routes.route(&format!("{folder}/feed.{extension}"), feed());
        }
    }
    for (typed, meant) in GUESSES {
        routes = routes.route(typed, get(move || async move { moved(meant) }));
    }
    routes
}

/// A feed in its canonical place.
async fn feed(
    State(state): State<WebState>,
    OriginalUri(uri): OriginalUri,
    method: Method,
    headers: HeaderMap,
) -> Response {
    answer(&state, &uri, &method, &headers)
        .await
        .unwrap_or_else(|error| unavailable(&error))
}

async fn answer(
    state: &WebState,
    uri: &Uri,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Response, ShelfError> {
    let found = match state.shelf.find(&address(uri)).await? {
        Lookup::Unknown => return Ok(unknown(state)),
        Lookup::Moved(path) => return Ok(moved(&path)),
        Lookup::Gone => return Ok(gone(state)),
        Lookup::Feed(found) => found,
    };
    let Some(coding) = coding::choose(joined(headers, &ACCEPT_ENCODING).as_deref()) else {
        return Ok(plain(
            StatusCode::NOT_ACCEPTABLE,
            "Feeds travel as they are or as gzip, and the request forbids both.\n",
        ));
    };
    let none_match = joined(headers, &IF_NONE_MATCH);
    let conditions = Conditions {
        if_none_match: none_match.as_deref(),
        if_modified_since: headers
            .get(IF_MODIFIED_SINCE)
            .map(|v| v.to_str().unwrap_or("")),
    };
    let now = state.core.clock.now();
    let max_age = state.core.config.feeds.max_age_minutes * 60;
    if is_not_modified(conditions, &found.head.stem, found.head.last_modified, now) {
        let validators = Validators::new(&found.head, coding);
        return Ok(validators.response(StatusCode::NOT_MODIFIED, max_age, Body::empty()));
    }
    let (head, body) = state.shelf.body(&found).await?;
    let bytes = match coding {
        Coding::Identity => body.identity.clone(),
        Coding::Gzip => body.gzip.clone(),
    };
    let mut response = whole(
        &Validators::new(&head, coding),
        max_age,
        content_type(found.key.format, headers),
        coding,
        bytes,
        method,
    );
    if let Ok(links) = HeaderValue::from_str(&link_header(&state.core.config, &found.key)) {
        response.headers_mut().insert(LINK, links);
    }
    Ok(response)
}

/// The media type of a feed. Chromium shows what is called RSS or Atom as bare source text; a browser that opens the address as a
/// page says so in `Sec-Fetch-Dest`, which no reader sends, and gets the same bytes called XML: then it lays them out by their
/// style sheet.
fn content_type(format: Format, headers: &HeaderMap) -> &'static str {
    let is_page = headers
        .get("sec-fetch-dest")
        .is_some_and(|value| value == "document");
    if is_page && format != Format::Json {
        "application/xml; charset=utf-8"
    } else {
        format.content_type()
    }
}

/// What names a feed in a request: the path, and of what stands behind `?` the words of a search alone.
fn address(uri: &Uri) -> Cow<'_, str> {
    let path = uri.path();
    let is_search = path
        .rsplit_once('/')
        .is_some_and(|(folder, _)| folder.ends_with("/search") && !folder.starts_with("/f/"));
    if !is_search {
        return path.into();
    }
    let words = url::form_urlencoded::parse(uri.query().unwrap_or("").as_bytes())
        .find(|(name, _)| name == "q")
        .map(|(_, typed)| typed.into_owned())
        .unwrap_or_default();
    let words: String = url::form_urlencoded::byte_serialize(words.as_bytes()).collect();
    format!("{path}?q={words}").into()
}

/// The validators of one representation.
struct Validators {
    etag: Bytes,
    last_modified: Bytes,
}

impl Validators {
    fn new(head: &Head, coding: Coding) -> Self {
        Self {
            etag: match coding {
                Coding::Identity => head.etag.clone(),
                Coding::Gzip => head.etag_gzip.clone(),
            },
            last_modified: head.last_modified_text.clone(),
        }
    }

    /// An answer with what 200 and 304 share (RFC 9110 section 15.4.5).
    fn response(&self, status: StatusCode, max_age: i64, body: Body) -> Response {
        let mut response = Response::new(body);
        *response.status_mut() = status;
        let headers = response.headers_mut();
        for (name, value) in [(ETAG, &self.etag), (LAST_MODIFIED, &self.last_modified)] {
            if let Ok(value) = HeaderValue::from_maybe_shared(value.clone()) {
                headers.insert(name, value);
            }
        }
        if let Ok(value) = HeaderValue::from_str(&format!(
            "public, max-age={max_age}, stale-while-revalidate={max_age}, stale-if-error=86400"
        )) {
            headers.insert(CACHE_CONTROL, value);
        }
        headers.insert(
            VARY,
            HeaderValue::from_static("Accept-Encoding, Sec-Fetch-Dest"),
        );
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        headers.insert(
            ACCESS_CONTROL_EXPOSE_HEADERS,
            HeaderValue::from_static("ETag, Last-Modified"),
        );
        response
    }
}

fn whole(
    validators: &Validators,
    max_age: i64,
    content_type: &'static str,
    coding: Coding,
    bytes: Bytes,
    method: &Method,
) -> Response {
    let length = bytes.len();
    let body = if *method == Method::HEAD {
        Body::empty()
    } else {
        Body::from(bytes)
    };
    let mut response = validators.response(StatusCode::OK, max_age, body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    if coding == Coding::Gzip {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

/// Several lines of one header as one list (RFC 9110 section 5.3). Lines that are not ASCII count as empty.
fn joined<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<std::borrow::Cow<'a, str>> {
    let mut lines = headers
        .get_all(name)
        .iter()
        .map(|v| v.to_str().unwrap_or(""));
    let first = lines.next()?;
    let rest: Vec<&str> = lines.collect();
    Some(if rest.is_empty() {
        first.into()
    } else {
        format!("{first},{}", rest.join(",")).into()
    })
}

/// A feed for good at another path.
fn moved(path: &str) -> Response {
    let mut response = plain(StatusCode::PERMANENT_REDIRECT, "");
    if let Ok(location) = HeaderValue::from_str(path) {
        response.headers_mut().insert(LOCATION, location);
    }
    response.headers_mut().insert(
        CACHE_CONTROL,
        HeaderValue::from_static("public, max-age=86400"),
    );
    response
}

fn unknown(state: &WebState) -> Response {
    absent(
        state,
        StatusCode::NOT_FOUND,
        "There is no such feed.",
        "public, max-age=60",
    )
}

/// A section was closed and its feed has said so for long enough: readers take 410 for the end and stop asking.
fn gone(state: &WebState) -> Response {
    absent(
        state,
        StatusCode::GONE,
        "This feed has ended.",
        "public, max-age=86400",
    )
}

fn absent(state: &WebState, status: StatusCode, why: &str, keep: &'static str) -> Response {
    let list = state.core.config.server.absolute("/feeds");
    let mut response = plain(status, format!("{why} All feeds are listed at {list}\n"));
    response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static(keep));
    response
}

/// 503 with a time to come back: never an empty feed, never a page that a reader would take for one.
fn unavailable(error: &ShelfError) -> Response {
    tracing::error!(%error, "a feed could not be served");
    let mut response = plain(
        StatusCode::SERVICE_UNAVAILABLE,
        "The feed cannot be read just now. Try again in half a minute.\n",
    );
    let headers = response.headers_mut();
    headers.insert(RETRY_AFTER, HeaderValue::from(30));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn plain(status: StatusCode, text: impl Into<Body>) -> Response {
    let mut response = Response::new(text.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response
}

/// A script of another site may send `If-None-Match` only after asking (Fetch, CORS-preflight).
async fn preflight() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    for (name, value) in [
        (ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD"),
        (
            ACCESS_CONTROL_ALLOW_HEADERS,
            "If-None-Match, If-Modified-Since",
        ),
        (ACCESS_CONTROL_MAX_AGE, "86400"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// `/kk/feed`, `/kz/rss.xml`, `/ru/atom`: the language's feed, if we have the language.
async fn guess_in(State(state): State<WebState>, OriginalUri(uri): OriginalUri) -> Response {
    let first = uri.path().split('/').nth(1).unwrap_or("");
    let is_atom = uri.path().contains("/atom");
    let path = format!("/{first}/feed.{}", if is_atom { "atom" } else { "rss" });
    match state.shelf.find(&path).await {
        Ok(Lookup::Feed(found)) => moved(&found.key.path()),
        Ok(Lookup::Moved(path)) => moved(&path),
        Ok(Lookup::Gone) => gone(&state),
        Ok(Lookup::Unknown) => unknown(&state),
        Err(error) => unavailable(&error),
    }
}

/// All feeds as OPML.
async fn opml(State(state): State<WebState>, method: Method, headers: HeaderMap) -> Response {
    let (stem, body) = match state.shelf.opml().await {
        Ok(made) => made,
        Err(error) => return unavailable(&error),
    };
    let Some(coding) = coding::choose(joined(&headers, &ACCEPT_ENCODING).as_deref()) else {
        return plain(
            StatusCode::NOT_ACCEPTABLE,
            "The list travels as it is or as gzip, and the request forbids both.\n",
        );
    };
    let (mark, bytes) = match coding {
        Coding::Identity => ("", body.identity),
        Coding::Gzip => ("-gzip", body.gzip),
    };
    let etag = format!("\"{stem}{mark}\"");
    let none_match = joined(&headers, &IF_NONE_MATCH);
    let conditions = Conditions {
        if_none_match: none_match.as_deref(),
        if_modified_since: None,
    };
    let long_ago = Timestamp::from_millis(0);
    let is_known = is_not_modified(conditions, &stem, long_ago, state.core.clock.now());
    let validators = Validators {
        etag: etag.into(),
        last_modified: Bytes::new(),
    };
    let max_age = state.core.config.feeds.max_age_minutes * 60;
    let mut response = if is_known {
        validators.response(StatusCode::NOT_MODIFIED, max_age, Body::empty())
    } else {
        whole(
            &validators,
            max_age,
            "text/x-opml; charset=utf-8",
            coding,
            bytes,
            &method,
        )
    };
    // Its entity tag is all it has: the list has no row that would remember a date.
    response.headers_mut().remove(LAST_MODIFIED);
    response
}
