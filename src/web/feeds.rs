//! Feeds over HTTP, and the page for people who look for them.

use axum::Router;

use super::WebState;

/// Routes of feeds.
pub fn routes() -> Router<WebState> {
    Router::new()
}
