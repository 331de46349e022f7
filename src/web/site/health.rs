//! Signs of life for those who watch the service, and the file for robots.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::IntoResponse;

use crate::web::WebState;

/// How long the database may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// `GET /healthz`: the process answers.
pub(super) async fn alive() -> impl IntoResponse {
    ([(CACHE_CONTROL, "no-store")], "alive\n")
}

/// `GET /readyz`: the database answers too.
pub(super) async fn ready(State(state): State<WebState>) -> impl IntoResponse {
    let answer = match tokio::time::timeout(PATIENCE, state.core.db.ping()).await {
        Ok(Ok(())) => (StatusCode::OK, "ready\n"),
        Ok(Err(error)) => {
            tracing::warn!(%error, "not ready: the database does not answer");
            (
                StatusCode::SERVICE_UNAVAILABLE,
                "the database does not answer\n",
            )
        }
        Err(_) => {
            tracing::warn!("not ready: the database is too slow");
            (
                StatusCode::SERVICE_UNAVAILABLE,
                "the database is too slow\n",
            )
        }
    };
    (answer.0, [(CACHE_CONTROL, "no-store")], answer.1)
}
