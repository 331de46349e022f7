//! Joining, confirming, settings and leaving.
//!
//! GET shows, POST acts: mail scanners follow every link. Behind a token nothing but the token counts: no cookie, no origin, so
//! that the buttons work in the browsers that mail apps bring along. Pages about an address say the same whether it is known or
//! not.

mod address;
mod change;
mod data;
mod form;
mod limit;
mod mailbox;
mod notice;
mod preferences;
mod signup;
mod token;
mod zones;

use axum::routing::get;
use axum::{Extension, Router};

use super::WebState;

/// Routes of subscriptions.
pub fn routes() -> Router<WebState> {
    Router::new()
        .route("/{lang}/subscribe", get(signup::show).post(signup::send))
        .route(
            "/confirm/{token}",
            get(token::show_confirm).post(token::confirm),
        )
        .route(
            "/preferences/{token}",
            get(preferences::show).post(preferences::save),
        )
        .route(
            "/unsubscribe/{token}",
            get(token::show_leave).post(token::leave),
        )
        .route("/change/{token}", get(change::show).post(change::agree))
        .route("/my-data/{token}", get(data::show).post(data::act))
        .layer(Extension(limit::Limits::default()))
}
