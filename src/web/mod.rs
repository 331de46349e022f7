//! The web: axum alone lives here. One router for people (pages, forms) and for programs (feeds, pictures, health).
//!
//! Each part has `routes()`; [`router`] puts them together and wraps them in what every answer needs: a log line without
//! tokens, a deadline, a limit for bodies, a page instead of a panic, and headers that forbid the browser everything the
//! pages do not use.

pub mod assets;
pub mod error;
pub mod feeds;
pub mod inbox;
pub mod media;
pub mod shell;
pub mod site;
pub mod subscribe;
pub mod views;

use std::sync::Arc;

use axum::Router;

use crate::syndication::shelf::Shelf;
use crate::theme::Theme;
use crate::work::Core;

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
    /// The inbox of `jarshy demo`; `None` everywhere else, and then it has no routes.
    pub inbox: Option<Arc<inbox::Inbox>>,
}

/// Everything that is served.
pub fn router(state: WebState) -> Router {
    let mut all = Router::new()
        .merge(feeds::routes())
        .merge(site::routes())
        .merge(subscribe::routes())
        .merge(assets::routes())
        .merge(media::routes());
    if state.inbox.is_some() {
        all = all.merge(inbox::routes());
    }
    all.with_state(state)
}
