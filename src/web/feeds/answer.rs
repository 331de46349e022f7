//! What a poll is answered once its feed is found: which representation, whether the reader has it already, and the headers.
//!
//! All of it is pure and made of ready values, because the quick way of [`crate::web::hot`] and the router share it.

use std::borrow::Cow;
use std::sync::LazyLock;

use axum::http::header::{
    ACCEPT_ENCODING, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, CACHE_CONTROL,
    CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderName,
    IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_UNMODIFIED_SINCE, LAST_MODIFIED, LINK,
    RETRY_AFTER, VARY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use bytes::Bytes;

use super::coding;
use super::conditional::{Conditions, Demands, is_failed, is_not_modified, stems};
use crate::base::time::Timestamp;
use crate::syndication::shelf::{Delta, Head};
use crate::syndication::{Coding, Format};

/// Asks for a delta, says that it is one, and against what (RFC 3229 section 10.5).
const A_IM: HeaderName = HeaderName::from_static("a-im");
const IM: HeaderName = HeaderName::from_static("im");
const DELTA_BASE: HeaderName = HeaderName::from_static("delta-base");
/// More entity tags than that are not looked up.
const STEMS_READ: usize = 32;

/// What a feed depends on beside its address. `A-IM` asks for a delta; browsers get the same bytes under another name.
const VARY_BY: &str = "Accept-Encoding, A-IM, Sec-Fetch-Dest";
/// A feed that a browser shows loads its style sheet and nothing else.
const POLICY: &str = "default-src 'none'; style-src 'self'; frame-ancestors 'none'";

/// What 304 says: what a cache needs to go on with what it has (RFC 9110 section 15.4.5), and that scripts of other sites may read
/// it. All else it has from the 200. Most answers are this one, so each header more costs. The empty values are filled in: a map
/// that is copied whole and changed in place costs a third of one that grows.
static KNOWN: LazyLock<HeaderMap> = LazyLock::new(|| {
    map([
        (ETAG, ""),
        (LAST_MODIFIED, ""),
        (CACHE_CONTROL, ""),
        (VARY, VARY_BY),
        (ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
    ])
});

/// What 200 says.
static WHOLE: LazyLock<HeaderMap> = LazyLock::new(|| {
    let mut headers = KNOWN.clone();
    headers.extend(map([
        (LINK, ""),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (
            ACCESS_CONTROL_EXPOSE_HEADERS,
            "ETag, Last-Modified, IM, Delta-Base",
        ),
        (CONTENT_SECURITY_POLICY, POLICY),
        (CONTENT_TYPE, ""),
        (CONTENT_LENGTH, ""),
    ]));
    headers
});

/// The best coding that a request accepts; `None` if it forbids all of them.
pub fn coding(headers: &HeaderMap) -> Option<Coding> {
    coding::choose(joined(headers, &ACCEPT_ENCODING).as_deref())
}

/// Whether the request carries a validator of whatever kind.
pub fn is_conditional(headers: &HeaderMap) -> bool {
    headers.contains_key(IF_NONE_MATCH) || headers.contains_key(IF_MODIFIED_SINCE)
}

/// Whether the request makes demands of what is there (RFC 9110 section 13.1.1 and 13.1.4). Hardly any does.
pub fn has_demands(headers: &HeaderMap) -> bool {
    headers.contains_key(IF_MATCH) || headers.contains_key(IF_UNMODIFIED_SINCE)
}

/// Whether they are not met.
pub fn fails(headers: &HeaderMap, head: &Head, coding: Coding) -> bool {
    let if_match = joined(headers, &IF_MATCH);
    let demands = Demands {
        if_match: if_match.as_deref(),
        if_unmodified_since: headers
            .get(IF_UNMODIFIED_SINCE)
            .and_then(|value| value.to_str().ok()),
    };
    let tag = format!("{}{}", head.stem, coding.mark());
    is_failed(demands, &tag, head.last_modified)
}

/// Whether the reader has the feed already.
pub fn has(headers: &HeaderMap, head: &Head, now: Timestamp) -> bool {
    has_stem(headers, &head.stem, Some(head.last_modified), now)
}

/// The same for what has a stem, and perhaps a date.
pub fn has_stem(
    headers: &HeaderMap,
    stem: &str,
    last_modified: Option<Timestamp>,
    now: Timestamp,
) -> bool {
    let none_match = joined(headers, &IF_NONE_MATCH);
    let conditions = Conditions {
        if_none_match: none_match.as_deref(),
        if_modified_since: last_modified
            .and(headers.get(IF_MODIFIED_SINCE))
            .map(|v| v.to_str().unwrap_or("")),
    };
    let long_ago = Timestamp::from_millis(0);
    is_not_modified(conditions, stem, last_modified.unwrap_or(long_ago), now)
}

/// 304: it has. What it says is what 200 would have said of the same coding (RFC 9110 section 15.4.5).
pub fn not_modified<B>(head: &Head, coding: Coding, empty: B) -> Response<B> {
    let mut headers = KNOWN.clone();
    describe(&mut headers, head, coding);
    response(StatusCode::NOT_MODIFIED, headers, empty)
}

/// Whether the request takes a delta (RFC 3229 section 10.5.3): `A-IM` names `feed`. What else it names, such as `gzip`, is content
/// coding's business.
pub fn takes_delta(headers: &HeaderMap) -> bool {
    joined(headers, &A_IM).is_some_and(|list| {
        list.split(',').any(|part| {
            let mut pieces = part.split(';').map(str::trim);
            pieces
                .next()
                .is_some_and(|name| name.eq_ignore_ascii_case("feed"))
                && !pieces.any(|piece| {
                    let weight = piece
                        .split_once('=')
                        .filter(|(key, _)| key.trim().eq_ignore_ascii_case("q"));
                    weight.is_some_and(|(_, q)| q.trim().parse().is_ok_and(|q: f32| q <= 0.0))
                })
        })
    })
}

/// The documents that the reader has, as it lists them: entity tags and their stems.
pub fn known_documents(headers: &HeaderMap) -> Vec<(String, String)> {
    joined(headers, &IF_NONE_MATCH)
        .map(|list| {
            stems(&list)
                .take(STEMS_READ)
                .map(|(tag, stem)| (tag.to_owned(), stem.to_owned()))
                .collect()
        })
        .unwrap_or_default()
}

/// 226: what is new since the document whose entity tag is `base`, in the reader's own words (RFC 3229 section 10.4.1). It must not be kept as if it were the feed:
/// `no-store` says so to caches that do not know `im`, which frees those that do from it.
pub fn delta<B: From<Bytes> + Default>(
    delta: &Delta,
    base: &str,
    format: Format,
    coding: Coding,
    asked: &HeaderMap,
) -> Response<B> {
    let body = (delta.bytes.len(), delta.bytes.clone().into());
    let mut response = whole(&delta.head, format, coding, body, &Method::GET, asked);
    *response.status_mut() = StatusCode::IM_USED;
    let headers = response.headers_mut();
    headers.insert(IM, HeaderValue::from_static("feed"));
    if let Ok(base) = HeaderValue::from_str(&format!("\"{base}\"")) {
        headers.insert(DELTA_BASE, base);
    }
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store, im"));
    headers.insert(
        VARY,
        HeaderValue::from_static("A-IM, If-None-Match, Accept-Encoding, Sec-Fetch-Dest"),
    );
    response
}

/// 200 with everything, or what HEAD gets of it: all but the bytes.
pub fn whole<B: Default>(
    head: &Head,
    format: Format,
    coding: Coding,
    (length, body): (usize, B),
    method: &Method,
    asked: &HeaderMap,
) -> Response<B> {
    let ready = head.whole(coding, || {
        let mut headers = WHOLE.clone();
        describe(&mut headers, head, coding);
        headers.insert(LINK, head.link.clone());
        if let Some(name) = coding.name() {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static(name));
        }
        headers
    });
    let mut headers = ready.clone();
    let media_type = HeaderValue::from_static(content_type(format, asked));
    headers.insert(CONTENT_TYPE, media_type);
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    let body = if *method == Method::HEAD {
        B::default()
    } else {
        body
    };
    response(StatusCode::OK, headers, body)
}

/// 429: it comes too often without saying what it has (RFC 6585 section 4).
pub fn refused<B: From<Bytes>>(secs: u64) -> Response<B> {
    let text = "This client asks too often without saying what it has. Send If-None-Match with the ETag of the last answer: such \
        requests are not limited.\n";
    let mut response = response(
        StatusCode::TOO_MANY_REQUESTS,
        HeaderMap::with_capacity(8),
        B::from(Bytes::from_static(text.as_bytes())),
    );
    let headers = response.headers_mut();
    headers.insert(RETRY_AFTER, HeaderValue::from(secs));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response
}

fn describe(headers: &mut HeaderMap, head: &Head, coding: Coding) {
    headers.insert(ETAG, head.etag(coding).clone());
    headers.insert(LAST_MODIFIED, head.last_modified_value.clone());
    headers.insert(CACHE_CONTROL, head.cache_control.clone());
}

fn map<const COUNT: usize>(headers: [(HeaderName, &'static str); COUNT]) -> HeaderMap {
    headers
        .into_iter()
        .map(|(name, value)| (name, HeaderValue::from_static(value)))
        .collect()
}

fn response<B>(status: StatusCode, headers: HeaderMap, body: B) -> Response<B> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
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

/// Several lines of one header as one list (RFC 9110 section 5.3). Lines that are not ASCII count as empty.
fn joined<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<Cow<'a, str>> {
    let mut lines = headers
        .get_all(name)
        .iter()
        .map(|v| v.to_str().unwrap_or(""));
    let first = lines.next()?;
    let Some(second) = lines.next() else {
        return Some(first.into());
    };
    let rest: Vec<&str> = lines.collect();
    Some([&[first, second], &rest[..]].concat().join(",").into())
}
