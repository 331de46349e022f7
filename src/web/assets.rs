//! Style sheet, script, icon and fonts: inside the binary, with a hash in their address, so that a browser may keep them for ever.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use axum::routing::get;
use sha2::{Digest, Sha256};

use super::WebState;
use super::error::WebError;
use super::protect::has;
use crate::base::token::hex;
use crate::config::Config;
use crate::theme::icons;

#[derive(rust_embed::RustEmbed)]
#[folder = "templates/static"]
#[exclude = "*.txt"]
struct Files;

/// Hash of every file as it stands in the binary, once per process.
fn hashes() -> &'static BTreeMap<String, String> {
    static HASHES: OnceLock<BTreeMap<String, String>> = OnceLock::new();
    HASHES.get_or_init(|| {
        Files::iter()
            .filter_map(|name| {
                let file = Files::get(&name)?;
                let hash = hex(&Sha256::digest(&file.data))[..12].to_owned();
                Some((name.into_owned(), hash))
            })
            .collect()
    })
}

/// The path of a file with its hash, e.g. `/static/site.css?v=0a1b…`. The style sheet's also names the accent colour.
pub fn address(name: &str, config: &Config) -> String {
    if ending(name) == "css" {
        // It names fonts by their hashes, so it is another one when any file is.
        let all: String = hashes().values().map(String::as_str).collect();
        let hash = &hex(&Sha256::digest(all.as_bytes()))[..12];
        let accent = config.newsroom.accent.trim_start_matches('#');
        format!("/static/{name}?v={hash}-{accent}")
    } else {
        hashed(name)
    }
}

fn ending(name: &str) -> &str {
    name.rsplit_once('.').map_or("", |(_, ending)| ending)
}

fn hashed(name: &str) -> String {
    let hash = hashes().get(name).map_or("0", String::as_str);
    format!("/static/{name}?v={hash}")
}

/// Routes of files.
pub fn routes() -> Router<WebState> {
    Router::new()
        .route("/static/{*file}", get(file))
        .route("/favicon.ico", get(icon))
        .route("/feed.css", get(feed_style))
        .merge(pictures())
}

/// What stands for the newsroom in feed readers.
fn pictures() -> Router<WebState> {
    icons::PATHS
        .into_iter()
        .fold(Router::new(), |routes, (path, _)| {
            routes.route(
                path,
                get(
                    async move |State(state): State<WebState>, headers: HeaderMap| {
                        picture(path, &state, &headers)
                    },
                ),
            )
        })
}

fn picture(path: &str, state: &WebState, headers: &HeaderMap) -> Result<Response, WebError> {
    let icon = state.theme.icon(path).ok_or(WebError::NotFound)?;
    let tag = format!("\"{}\"", icon.stem);
    let has_it = has(headers, &tag);
    let mut response = if has_it {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        let mut response = Response::new(Body::from(icon.bytes.clone()));
        response
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static("image/png"));
        response
    };
    let out = response.headers_mut();
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        out.insert(ETAG, tag);
    }
    // The address stays when the picture changes, so it is asked again after a week.
    out.insert(
        CACHE_CONTROL,
        HeaderValue::from_static("public, max-age=604800"),
    );
    Ok(response)
}

#[derive(serde::Deserialize)]
struct Version {
    v: Option<String>,
}

async fn icon(state: State<WebState>, headers: HeaderMap) -> Result<Response, WebError> {
    plainly("icon.svg", state, headers).await
}

/// What feeds name as their style: the address stands in bytes that live long, so it has no hash.
async fn feed_style(state: State<WebState>, headers: HeaderMap) -> Result<Response, WebError> {
    plainly("feed.css", state, headers).await
}

async fn plainly(
    name: &str,
    state: State<WebState>,
    headers: HeaderMap,
) -> Result<Response, WebError> {
    let version = Query(Version { v: None });
    file(state, Path(name.to_owned()), version, headers).await
}

async fn file(
    State(state): State<WebState>,
    Path(name): Path<String>,
    Query(version): Query<Version>,
    headers: HeaderMap,
) -> Result<Response, WebError> {
    let stored = Files::get(&name).ok_or(WebError::NotFound)?;
    let kind = match ending(&name) {
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "svg" => "image/svg+xml",
        "woff2" => "font/woff2",
        "png" => "image/png",
        "jpg" => "image/jpeg",
        _ => "application/octet-stream",
    };
    let accent = &state.core.config.newsroom.accent;
    let body = if ending(&name) == "css" {
        colour(&String::from_utf8_lossy(&stored.data), accent).into_bytes()
    } else if ending(&name) == "svg" {
        String::from_utf8_lossy(&stored.data)
            .replace("#0a7a6e", accent)
            .into_bytes()
    } else {
        stored.data.into_owned()
    };
    // Weak: text travels plain and compressed.
    let tag = format!("W/\"{}\"", &hex(&Sha256::digest(&body))[..32]);
    let mut response = Response::new(Body::from(body));
    let out = response.headers_mut();
    out.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        out.insert(ETAG, tag);
    }
    // Without the hash the address says nothing about the bytes, so it is asked again after an hour.
    let keep = if version.v.is_some() {
        "public, max-age=31536000, immutable"
    } else {
        "public, max-age=3600"
    };
    out.insert(CACHE_CONTROL, HeaderValue::from_static(keep));
    let has_it = has(&headers, &tag);
    if has_it {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        *response.body_mut() = Body::empty();
    }
    Ok(response)
}

/// Puts the accent of the settings and the fonts' hashes into the style sheet.
fn colour(css: &str, accent: &str) -> String {
    let (light, dark) = accents(accent);
    let mut css = css
        .replace("--accent: #0a7a6e", &format!("--accent: {light}"))
        .replace("--accent: #4db8a8", &format!("--accent: {dark}"));
    for font in hashes().keys().filter(|name| ending(name) == "woff2") {
        css = css.replace(&format!("/static/{font}\""), &format!("{}\"", hashed(font)));
    }
    css
}

/// The accent for a light and for a dark ground: darkened or lightened until text in it holds 4.5:1 (WCAG 2.2, 1.4.3).
pub fn accents(accent: &str) -> (String, String) {
    let rgb = parse_colour(accent).unwrap_or([0x0a, 0x7a, 0x6e]);
    let toward = |ground: [u8; 3], end: f64| {
        (0..=100)
            .map(|step| {
                let share = f64::from(step) / 100.0;
                rgb.map(|part| {
                    (f64::from(part) + (end - f64::from(part)) * share)
                        .round()
                        .clamp(0.0, 255.0) as u8
                })
            })
            .find(|mixed| contrast(*mixed, ground) >= 4.6)
            .unwrap_or(if end > 0.0 { [255; 3] } else { [0; 3] })
    };
    let write = |[r, g, b]: [u8; 3]| format!("#{r:02x}{g:02x}{b:02x}");
    (
        write(toward([0xf6, 0xf4, 0xef], 0.0)),
        write(toward([0x1d, 0x1d, 0x1c], 255.0)),
    )
}

fn parse_colour(text: &str) -> Option<[u8; 3]> {
    let digits = text
        .strip_prefix('#')
        .filter(|d| d.len() == 6 && d.is_ascii())?;
    let part = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).ok();
    Some([part(0)?, part(2)?, part(4)?])
}

/// Contrast ratio of two colours (WCAG 2.2, "contrast ratio").
fn contrast(a: [u8; 3], b: [u8; 3]) -> f64 {
    let luminance = |rgb: [u8; 3]| {
        let [r, g, b] = rgb.map(|part| {
            let share = f64::from(part) / 255.0;
            if share <= 0.04045 {
                share / 12.92
            } else {
                ((share + 0.055) / 1.055).powf(2.4)
            }
        });
        0.2126 * r + 0.7152 * g + 0.0722 * b
    };
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_accent_can_be_read_on_both_grounds() {
        for accent in [
            "#0a7a6e", "#ffffff", "#000000", "#ffdd00", "#c8102e", "#00afca", "#777777",
        ] {
            let (light, dark) = accents(accent);
            let on_paper = contrast(parse_colour(&light).unwrap(), [0xf6, 0xf4, 0xef]);
            let on_black = contrast(parse_colour(&dark).unwrap(), [0x1d, 0x1d, 0x1c]);
            assert!(
                on_paper >= 4.5 && on_black >= 4.5,
                "{accent}: {on_paper} {on_black}"
            );
        }
    }
}
