//! Files.

use axum::Router;

use super::WebState;

/// Routes.
pub fn routes() -> Router<WebState> {
    Router::new()
}
