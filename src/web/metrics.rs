//! Numbers for those who watch the service: `GET /metrics` in the text format of Prometheus, for the networks of the settings alone.
//!
//! The rooms below count through the facade of the `metrics` crate; what they count is described here, where it is shown. A poll
//! adds to two numbers that are at hand and looks nothing up.

use std::net::SocketAddr;
use std::sync::OnceLock;

use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use metrics::{Counter, counter, describe_counter, describe_gauge, gauge};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

use super::WebState;
use super::client::{Network, client};
use super::error::WebError;
use crate::syndication::{Coding, Format};

/// The recorder of this process; none if another one was there before.
static RECORDER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

/// What a proxy adds to what it passes on.
const FORWARDED: [&str; 4] = ["x-forwarded-for", "forwarded", "x-real-ip", "via"];

/// The route.
pub fn routes() -> Router<WebState> {
    Router::new().route("/metrics", get(show))
}

/// Begins to count; what was counted before is lost.
fn start() -> Option<&'static PrometheusHandle> {
    let begin = || {
        let handle = PrometheusBuilder::new().install_recorder().ok()?;
        describe_counter!(
            "jarshy_feed_responses_total",
            "Answers to polls: 200 whole, 226 delta, 304 known, 429 refused."
        );
        describe_counter!(
            "jarshy_feed_body_bytes_total",
            "Bytes of bodies that answers to polls carried."
        );
        describe_counter!(
            "jarshy_shelf_builds_total",
            "Scopes whose feeds were built, all formats at once."
        );
        describe_counter!(
            "jarshy_shelf_build_millis_total",
            "Milliseconds that builds took, reading and writing the database included."
        );
        describe_counter!(
            "jarshy_shelf_build_failures_total",
            "Builds that failed; the last good bytes stayed."
        );
        describe_counter!(
            "jarshy_shelf_changes_total",
            "Feeds whose bytes a build of this process changed."
        );
        describe_counter!(
            "jarshy_websub_deliveries_total",
            "Feeds brought to WebSub subscribers, by how it ended."
        );
        describe_gauge!(
            "jarshy_shelf_memory_bytes",
            "Finished bytes in memory, in all codings."
        );
        describe_gauge!("jarshy_shelf_scopes", "Scopes that the shelf knows.");
        Some(handle)
    };
    RECORDER.get_or_init(begin).as_ref()
}

/// Ready counters of what polls are answered.
pub struct Answered {
    /// By status, format and coding.
    answers: [[[(Counter, Counter); 4]; 3]; 3],
    /// By format.
    refused: [Counter; 3],
}

/// How a poll ended, other than by a refusal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ended {
    /// 200.
    Whole,
    /// 226.
    Delta,
    /// 304.
    Known,
}

impl Answered {
    /// Counters of this process.
    pub(super) fn new() -> Self {
        start();
        let responses = |status, format: Format, coding: &'static str| counter!("jarshy_feed_responses_total", "status" => status, "format" => format.extension(), "coding" => coding);
        let bytes = |format: Format, coding: &'static str| counter!("jarshy_feed_body_bytes_total", "format" => format.extension(), "coding" => coding);
        Self {
            answers: ["200", "226", "304"].map(|status| {
                Format::ALL.map(|format| {
                    Coding::ALL.map(|coding| {
                        let name = coding.name().unwrap_or("identity");
                        (responses(status, format, name), bytes(format, name))
                    })
                })
            }),
            refused: Format::ALL.map(|format| responses("429", format, "identity")),
        }
    }

    /// Counts one answer with so many bytes.
    pub fn count(&self, ended: Ended, format: Format, coding: Coding, bytes: usize) {
        let (answers, sum) = &self.answers[ended as usize][format as usize][coding as usize];
        answers.increment(1);
        if bytes > 0 {
            sum.increment(bytes as u64);
        }
    }

    /// Counts one 429.
    pub fn count_refused(&self, format: Format) {
        self.refused[format as usize].increment(1);
    }
}

/// All numbers, for whoever may see them; for others there is no such page.
async fn show(State(state): State<WebState>, request: Request) -> Response {
    let peer = request
        .extensions()
        .get::<ConnectInfo<SocketAddr>>()
        .map(|ConnectInfo(peer)| *peer);
    if !may_see(&state, peer, request.headers()) {
        return WebError::NotFound.into_response();
    }
    let (bytes, scopes) = state.shelf.size();
    gauge!("jarshy_shelf_memory_bytes").set(bytes as f64);
    gauge!("jarshy_shelf_scopes").set(scopes as f64);
    let headers = [
        (CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8"),
        (CACHE_CONTROL, "no-store"),
    ];
    match start() {
        Some(recorder) => (headers, recorder.render()).into_response(),
        None => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

/// Whoever asks from one of the networks. What came through a proxy that is not trusted may have come from anywhere, although
/// the proxy itself stands on this very machine.
fn may_see(state: &WebState, peer: Option<SocketAddr>, headers: &HeaderMap) -> bool {
    let networks = &state.networks;
    let Some(peer) = peer.map(|peer| peer.ip().to_canonical()) else {
        return false;
    };
    let is_in = |networks: &[Network], address| networks.iter().any(|n| n.contains(address));
    let was_forwarded = FORWARDED.iter().any(|name| headers.contains_key(*name));
    if was_forwarded && !is_in(&networks.trusted, peer) {
        return false;
    }
    let address = client(peer, headers, &networks.trusted);
    is_in(&networks.metrics, address)
        // A trusted proxy that does not say for whom it asks.
        && (!was_forwarded || headers.contains_key("x-forwarded-for"))
}
