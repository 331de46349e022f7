//! The built-in inbox of `jarshy demo`.

use axum::Router;

use super::WebState;

/// Mails that arrived.
pub struct Inbox {
    _private: (),
}

/// Routes of the inbox; merged in demo mode alone.
pub fn routes() -> Router<WebState> {
    Router::new()
}
