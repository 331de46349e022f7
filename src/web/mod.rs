//! The web: axum alone lives here. One router for people (pages, forms) and for programs (feeds, pictures, health).
//!
//! Each part has `routes()`; [`router`] puts them together and wraps them in what every answer needs: a log line without
//! tokens, a deadline, a limit for bodies, a page instead of a panic, and headers that forbid the browser everything the
//! pages do not use.

mod asked;
pub mod assets;
pub mod client;
pub mod directory;
pub mod error;
pub mod feeds;
pub mod hot;
pub mod inbox;
mod limit;
pub mod media;
pub mod metrics;
mod patience;
pub mod polls;
mod protect;
mod sending;
pub mod serve;
pub mod shell;
pub mod site;
pub mod subscribe;
pub mod views;
pub mod websub;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::{Extensions, HeaderMap, StatusCode, Version};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::timeout::TimeoutLayer;
use tower_http::trace::{DefaultOnFailure, DefaultOnResponse, TraceLayer};
use tracing::Level;

use crate::syndication::shelf::Shelf;
use crate::theme::Theme;
use crate::work::Core;
use client::Networks;
use polls::Polls;

pub use views::ViewCounter;

/// What every handler is given. Cheap to clone.
#[derive(Clone)]
pub struct WebState {
    /// Settings, database, clock, keys.
    pub core: Core,
    /// Templates and interface strings.
    pub theme: Arc<Theme>,
    /// Finished feeds.
    pub shelf: Arc<Shelf>,
    /// Views of articles that are not written yet.
    pub views: Arc<ViewCounter>,
    /// Limits and counts of polls.
    pub polls: Arc<Polls>,
    /// Whom to believe, and who may see numbers.
    pub networks: Arc<Networks>,
    /// The inbox of `jarshy demo`; `None` everywhere else, and then it has no routes.
    pub inbox: Option<Arc<inbox::Inbox>>,
}

impl WebState {
    /// Puts the parts together; `inbox` in the demo alone.
    pub fn new(
        core: Core,
        theme: Arc<Theme>,
        shelf: Arc<Shelf>,
        views: Arc<ViewCounter>,
        inbox: Option<Arc<inbox::Inbox>>,
    ) -> Self {
        let polls = Arc::new(Polls::new(&core.config.feeds));
        let networks = Arc::new(Networks::new(&core.config.server));
        Self {
            core,
            theme,
            shelf,
            views,
            polls,
            networks,
            inbox,
        }
    }
}

/// How long an answer may take.
const DEADLINE: Duration = Duration::from_secs(30);
/// The longest body that is read; a form has some hundred bytes.
const BODY_LIMIT: usize = 64 * 1024;

/// Everything that is served.
pub fn router(state: WebState) -> Router {
    let mut all = Router::new()
        .merge(feeds::routes())
        .merge(directory::routes())
        .merge(websub::routes())
        .merge(site::routes())
        .merge(subscribe::routes())
        .merge(assets::routes())
        .merge(media::routes())
        .merge(metrics::routes());
    if state.inbox.is_some() {
        all = all.merge(inbox::routes());
    }
    // The last layer is the outermost.
    all.fallback(|| async { error::WebError::NotFound })
        .layer(from_fn(protect::conditional))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(RequestBodyLimitLayer::new(BODY_LIMIT))
        .layer(from_fn_with_state(state.clone(), protect::forms))
        .layer(TimeoutLayer::with_status_code(
            StatusCode::SERVICE_UNAVAILABLE,
            DEADLINE,
        ))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(state.clone(), error::pages))
        .layer(CompressionLayer::new().gzip(true).compress_when(is_text))
        .layer(from_fn(protect::kazakh))
        .layer(from_fn(protect::headers))
        .layer(
            TraceLayer::new_for_http()
                .make_span_with(|request: &Request| {
                    let matched = request.extensions().get::<MatchedPath>();
                    tracing::info_span!(
                        "http",
                        method = %request.method(),
                        path = %protect::loggable(request.uri().path(), matched),
                    )
                })
                .on_response(DefaultOnResponse::new().level(Level::DEBUG))
                .on_failure(DefaultOnFailure::new().level(Level::WARN)),
        )
        .with_state(state)
}

/// What is worth compressing here: our own text. Feeds bring their own codings, pictures and fonts have theirs inside.
fn is_text(_: StatusCode, _: Version, headers: &HeaderMap, _: &Extensions) -> bool {
    let kind = headers
        .get(CONTENT_TYPE)
        .map_or(&b""[..], axum::http::HeaderValue::as_bytes);
    [
        &b"text/html"[..],
        b"text/css",
        b"text/javascript",
        b"image/svg+xml",
        b"application/xml",
    ]
    .iter()
    .any(|text| kind.starts_with(text))
}

/// The cause goes to the log, the reader gets the page of a 500.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the layer hands the cause over"
)]
fn panicked(cause: Box<dyn std::any::Any + Send>) -> Response {
    let text = cause
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| cause.downcast_ref::<&str>().copied())
        .unwrap_or("of unknown cause");
    tracing::error!(cause = text, "a handler panicked");
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}
