//! Feeds over HTTP (REQUIREMENTS-FEEDS section 7).
//!
//! A feed is the same for everyone: no cookie, no redirect by language, and whatever stands behind `?` is ignored. A reader
//! that has the bytes gets 304 from memory.

pub(in crate::web) mod answer;
mod archive;
mod coding;
pub(in crate::web) mod conditional;

use std::borrow::Cow;
use std::net::IpAddr;

use axum::Router;
use axum::body::Body;
use axum::extract::{OriginalUri, State};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, CACHE_CONTROL, CONTENT_ENCODING,
    CONTENT_LENGTH, CONTENT_TYPE, ETAG, LOCATION, RETRY_AFTER, VARY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use axum::response::Response;
use axum::routing::{MethodRouter, get};
use bytes::Bytes;

use super::WebState;
use super::client::ClientAddress;
use super::metrics::Ended;
use crate::syndication::shelf::{Head, cache_control};
use crate::syndication::{Coding, Format, Lookup, ShelfError};

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
    routes = routes.merge(archive::routes());
    for (typed, meant) in GUESSES {
        routes = routes.route(typed, get(move || async move { moved(meant) }));
    }
    routes
}

/// A feed in its canonical place.
async fn feed(
    State(state): State<WebState>,
    ClientAddress(client): ClientAddress,
    OriginalUri(uri): OriginalUri,
    method: Method,
    headers: HeaderMap,
) -> Response {
    let poll = Poll {
        client,
        path: address(&uri),
        method: &method,
        headers: &headers,
    };
    answer(&state, &poll)
        .await
        .unwrap_or_else(|error| unavailable(&error))
}

/// One request for a feed.
struct Poll<'a> {
    client: Option<IpAddr>,
    path: Cow<'a, str>,
    method: &'a Method,
    headers: &'a HeaderMap,
}

async fn answer(state: &WebState, poll: &Poll<'_>) -> Result<Response, ShelfError> {
    let WebState {
        core, shelf, polls, ..
    } = state;
    let (method, headers) = (poll.method, poll.headers);
    let now = core.clock.now();
    if let Some(format) = shelf.would_make(&poll.path)
        && let Err(secs) = polls.may_have_made(poll.client, headers, now)
    {
        polls.answered.count_refused(format);
        return Ok(answer::refused(secs));
    }
    let found = match shelf.find(&poll.path).await? {
        Lookup::Unknown => return Ok(unknown(state)),
        Lookup::Moved(path) => return Ok(moved(&path)),
        Lookup::Gone => return Ok(gone(state)),
        Lookup::Feed(found) => found,
    };
    let format = found.format;
    let coding = match poll.coding(state, &found.head, format) {
        Ok(coding) => coding,
        Err(answer) => return Ok(*answer),
    };
    if *method == Method::GET && answer::takes_delta(headers) {
        let known = answer::known_documents(headers);
        let stems = known.iter().map(|(_, stem)| stem.as_str());
        match shelf.delta(&found, stems, coding).await {
            Ok(Some(delta)) => {
                let length = delta.bytes.len();
                polls.answered.count(Ended::Delta, format, coding, length);
                let base = known.iter().find(|(_, stem)| **stem == *delta.base);
                let base = base.map_or(&*delta.base, |(tag, _)| tag);
                return Ok(answer::delta(&delta, base, format, coding, headers));
            }
            Ok(None) => {}
            // The whole is as good.
            Err(error) => tracing::warn!(%error, "a delta could not be made"),
        }
    }
    let (head, bytes) = shelf.bytes(&found, coding).await?;
    Ok(poll.whole(state, &head, format, coding, bytes))
}

impl Poll<'_> {
    /// The coding in which the whole may be sent, or the answer to a request that gets less.
    fn coding(
        &self,
        state: &WebState,
        head: &Head,
        format: Format,
    ) -> Result<Coding, Box<Response>> {
        let (polls, headers) = (&state.polls, self.headers);
        let now = state.core.clock.now();
        let Some(coding) = answer::coding(headers) else {
            return Err(Box::new(not_acceptable()));
        };
        if answer::has_demands(headers) && answer::fails(headers, head, coding) {
            return Err(Box::new(plain(
                StatusCode::PRECONDITION_FAILED,
                "The feed is not as If-Match or If-Unmodified-Since demand.\n",
            )));
        }
        if answer::has(headers, head, now) {
            polls.answered.count(Ended::Known, format, coding, 0);
            let known = answer::not_modified(head, coding, Body::empty());
            return Err(Box::new(known));
        }
        if let Err(secs) = polls.may_have_whole(self.client, &self.path, self.method, headers, now)
        {
            polls.answered.count_refused(format);
            return Err(Box::new(answer::refused(secs)));
        }
        Ok(coding)
    }

    /// All of it, counted.
    fn whole(
        &self,
        state: &WebState,
        head: &Head,
        format: Format,
        coding: Coding,
        bytes: Bytes,
    ) -> Response {
        let (method, length) = (self.method, bytes.len());
        let sent = if *method == Method::HEAD { 0 } else { length };
        let answered = &state.polls.answered;
        answered.count(Ended::Whole, format, coding, sent);
        let body = (length, bytes.into());
        answer::whole(head, format, coding, body, method, self.headers)
    }
}

/// Every coding that we have is forbidden by the request.
fn not_acceptable() -> Response {
    plain(
        StatusCode::NOT_ACCEPTABLE,
        "Feeds travel as they are or as gzip, br or zstd, and the request forbids all of them.\n",
    )
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
            "If-None-Match, If-Modified-Since, A-IM",
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
        Ok(Lookup::Feed(found)) => moved(&found.key().path()),
        Ok(Lookup::Moved(path)) => moved(&path),
        Ok(Lookup::Gone) => gone(&state),
        Ok(Lookup::Unknown) => unknown(&state),
        Err(error) => unavailable(&error),
    }
}

/// All feeds as OPML.
async fn opml(State(state): State<WebState>, method: Method, headers: HeaderMap) -> Response {
    let Some(coding) = answer::coding(&headers) else {
        return not_acceptable();
    };
    let (stem, bytes) = match state.shelf.opml(coding).await {
        Ok(made) => made,
        Err(error) => return unavailable(&error),
    };
    // Its entity tag is all it has: the list has no row that would remember a date.
    let has_it = answer::has_stem(&headers, &stem, None, state.core.clock.now());
    let mut response = if has_it || method == Method::HEAD {
        Response::new(Body::empty())
    } else {
        Response::new(Body::from(bytes.clone()))
    };
    let said = response.headers_mut();
    if let Ok(etag) = HeaderValue::from_str(&format!("\"{stem}{}\"", coding.mark())) {
        said.insert(ETAG, etag);
    }
    said.insert(CACHE_CONTROL, cache_control(&state.core.config));
    said.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
    said.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    said.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    said.insert(
        ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static("ETag"),
    );
    if has_it {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return response;
    }
    said.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/x-opml; charset=utf-8"),
    );
    said.insert(CONTENT_LENGTH, HeaderValue::from(bytes.len()));
    if let Some(name) = coding.name() {
        said.insert(CONTENT_ENCODING, HeaderValue::from_static(name));
    }
    response
}
