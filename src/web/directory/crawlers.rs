//! `robots.txt` and sitemaps.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;

use crate::syndication::Sitemap;
use crate::syndication::sitemap::secs_of_hour_left;
use crate::web::WebState;
use crate::web::error::WebError;
use crate::web::protect::has;

/// Seconds for which a sitemap is kept.
const KEPT: i64 = 600;

/// `GET /robots.txt`: pages of one person are nobody else's; everything else, feeds too, is open.
pub(super) async fn robots(State(state): State<WebState>) -> Response {
    let server = &state.core.config.server;
    let mut text =
        "User-agent: *\nDisallow: /confirm/\nDisallow: /preferences/\nDisallow: /unsubscribe/\nDisallow: /change/\nDisallow: /my-data/\nDisallow: /inbox\n"
            .to_owned();
    for line in &server.robots {
        text.push_str(line);
        text.push('\n');
    }
    for sitemap in [Sitemap::Index, Sitemap::News] {
        text.push_str("\nSitemap: ");
        text.push_str(&server.absolute(&sitemap.path()));
    }
    text.push('\n');
    let mut response = Response::new(Body::from(text));
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    headers.insert(
        CACHE_CONTROL,
        HeaderValue::from_static("public, max-age=3600"),
    );
    response
}

/// `GET /sitemap.xml`
pub(super) async fn index(
    State(state): State<WebState>,
    headers: HeaderMap,
) -> Result<Response, WebError> {
    answer(&state, Sitemap::Index, &headers).await
}

/// `GET /sitemaps/{name}`
pub(super) async fn child(
    State(state): State<WebState>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Response, WebError> {
    let sitemap = Sitemap::parse(&name).ok_or(WebError::NotFound)?;
    answer(&state, sitemap, &headers).await
}

/// `GET /news-sitemap.xml`
pub(super) async fn news(
    State(state): State<WebState>,
    headers: HeaderMap,
) -> Result<Response, WebError> {
    answer(&state, Sitemap::News, &headers).await
}

async fn answer(
    state: &WebState,
    sitemap: Sitemap,
    headers: &HeaderMap,
) -> Result<Response, WebError> {
    let stem = state
        .shelf
        .find_sitemap(sitemap)
        .await?
        .ok_or(WebError::NotFound)?;
    // Weak, because the same text travels plain and compressed.
    let tag = format!("W/\"{stem}\"");
    let has_it = has(headers, &tag);
    let mut response = if has_it {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        let mut response = Response::new(Body::from(state.shelf.sitemap(sitemap, &stem).await?));
        response.headers_mut().insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/xml; charset=utf-8"),
        );
        response
    };
    // News are of the hour, so nobody keeps them longer than it lasts.
    let max_age = match sitemap {
        Sitemap::News => KEPT.min(secs_of_hour_left(state.core.clock.now())),
        _ => KEPT,
    };
    let out = response.headers_mut();
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        out.insert(ETAG, tag);
    }
    if let Ok(value) = HeaderValue::from_str(&format!("public, max-age={max_age}")) {
        out.insert(CACHE_CONTROL, value);
    }
    Ok(response)
}
