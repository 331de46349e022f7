//! Pictures and recordings of stories. Their address names the bytes, so they may be kept for ever.
//!
//! A player asks for parts (RFC 9110 section 14): Safari plays nothing that it cannot have in parts.

use std::ops::RangeInclusive;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_RANGE, CONTENT_TYPE, ETAG, IF_NONE_MATCH, IF_RANGE, RANGE,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use axum::routing::get;

use super::WebState;
use super::error::WebError;
use super::protect::matches;
use crate::newsroom::store;

/// Routes of pictures and recordings.
pub fn routes() -> Router<WebState> {
    Router::new().route("/media/{file}", get(file))
}

/// `GET /media/{uid}.jpg`
async fn file(
    State(state): State<WebState>,
    Path(file): Path<String>,
    headers: HeaderMap,
) -> Result<Response, WebError> {
    let db = &state.core.db;
    let uid = file.rsplit_once('.').map_or(file.as_str(), |(uid, _)| uid);
    if uid.len() != 36 || !uid.chars().all(|c| c.is_ascii_hexdigit() || c == '-') {
        return Err(WebError::NotFound);
    }
    let tag = format!("\"{uid}\"");
    let said = |name| {
        headers
            .get(name)
            .and_then(|v: &HeaderValue| v.to_str().ok())
    };
    let known =
        said(IF_NONE_MATCH).is_some_and(|known| matches(known, &tag) && known.trim() != "*");
    // A part of other bytes than the player has would be noise (RFC 9110 section 13.1.5).
    let wanted = said(RANGE).filter(|_| said(IF_RANGE).is_none_or(|one| one == tag));
    let (status, kind, range, body) = if known {
        (StatusCode::NOT_MODIFIED, None, None, Body::empty())
    } else if let Some(wanted) = wanted {
        let (kind, size) = store::find_media_head(db, uid)
            .await?
            .ok_or(WebError::NotFound)?;
        match part(wanted, size) {
            Part::Whole => {
                let (kind, bytes) = store::find_media(db, uid)
                    .await?
                    .ok_or(WebError::NotFound)?;
                (StatusCode::OK, Some(kind), None, Body::from(bytes))
            }
            Part::Of(range) => {
                let length = range.end() - range.start() + 1;
                let bytes = store::find_media_part(db, uid, *range.start(), length)
                    .await?
                    .ok_or(WebError::NotFound)?;
                let said = format!("bytes {}-{}/{size}", range.start(), range.end());
                (
                    StatusCode::PARTIAL_CONTENT,
                    Some(kind),
                    Some(said),
                    Body::from(bytes),
                )
            }
            Part::Beyond => (
                StatusCode::RANGE_NOT_SATISFIABLE,
                None,
                Some(format!("bytes */{size}")),
                Body::empty(),
            ),
        }
    } else {
        let (kind, bytes) = store::find_media(db, uid)
            .await?
            .ok_or(WebError::NotFound)?;
        (StatusCode::OK, Some(kind), None, Body::from(bytes))
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let out = response.headers_mut();
    if let Some(kind) = kind {
        // What is kept as a picture or a recording is never served as anything a browser would run.
        let kind = match kind.as_str() {
            "image/jpeg" | "image/png" | "image/webp" | "image/gif" | "image/avif"
            | "audio/mpeg" | "audio/mp4" | "audio/ogg" => kind,
            _ => "application/octet-stream".to_owned(),
        };
        if let Ok(kind) = HeaderValue::from_str(&kind) {
            out.insert(CONTENT_TYPE, kind);
        }
    }
    for (name, value) in [(ETAG, Some(tag)), (CONTENT_RANGE, range)] {
        if let Some(value) = value.and_then(|v| HeaderValue::from_str(&v).ok()) {
            out.insert(name, value);
        }
    }
    out.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    out.insert(
        CACHE_CONTROL,
        HeaderValue::from_static("public, max-age=31536000, immutable"),
    );
    Ok(response)
}

/// What a `Range` asks of so many bytes.
#[derive(PartialEq, Eq, Debug)]
enum Part {
    /// Everything: it is not understood, or asks for several parts.
    Whole,
    /// From one byte to another, counted from 0.
    Of(RangeInclusive<i64>),
    /// Nothing that there is.
    Beyond,
}

fn part(range: &str, size: i64) -> Part {
    let asked = range
        .trim()
        .strip_prefix("bytes=")
        .filter(|list| !list.contains(','))
        .and_then(|one| one.split_once('-'));
    let Some((first, last)) = asked.map(|(first, last)| (first.trim(), last.trim())) else {
        return Part::Whole;
    };
    let number = |text: &str| {
        text.parse::<i64>()
            .ok()
            .filter(|_| text.bytes().all(|b| b.is_ascii_digit()))
    };
    let (first, last) = match (number(first), number(last)) {
        (Some(first), Some(last)) if first <= last => (first, last.min(size - 1)),
        (Some(first), None) if last.is_empty() => (first, size - 1),
        // The last so many bytes.
        (None, Some(tail)) if first.is_empty() => {
            if tail == 0 {
                return Part::Beyond;
            }
            ((size - tail).max(0), size - 1)
        }
        _ => return Part::Whole,
    };
    if first < size {
        Part::Of(first..=last)
    } else {
        Part::Beyond
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_understood_as_rfc_9110_says() {
        for (range, wanted) in [
            ("bytes=0-1", Part::Of(0..=1)),
            ("bytes=2-", Part::Of(2..=9)),
            ("bytes=2-99", Part::Of(2..=9)),
            ("bytes=-3", Part::Of(7..=9)),
            ("bytes=-99", Part::Of(0..=9)),
            ("bytes=9-9", Part::Of(9..=9)),
            ("bytes=10-", Part::Beyond),
            ("bytes=-0", Part::Beyond),
            ("bytes=3-2", Part::Whole),
            ("bytes=0-1,4-5", Part::Whole),
            ("bytes=a-b", Part::Whole),
            ("bytes=+1-2", Part::Whole),
            ("bytes=-", Part::Whole),
            ("lines=1-2", Part::Whole),
            ("", Part::Whole),
        ] {
            assert_eq!(part(range, 10), wanted, "{range}");
        }
    }
}
