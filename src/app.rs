//! Builds everything and runs until shutdown; the only place that wires.

use std::sync::{Arc, OnceLock};

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::newsroom;
use crate::scheduler::Scheduler;
use crate::syndication::shelf::Shelf;
use crate::syndication::websub;
use crate::theme::Theme;
use crate::web::{self, ViewCounter, WebState};
use crate::work::Core;
use crate::{delivery, web::inbox::Inbox};

/// Which part of the service a process is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum Role {
    /// Everything.
    All,
    /// Pages and feeds.
    Web,
    /// Releasing, planning and delivering.
    Worker,
}

impl Role {
    /// Whether the process listens.
    pub const fn serves_web(self) -> bool {
        matches!(self, Self::All | Self::Web)
    }

    const fn works(self) -> bool {
        matches!(self, Self::All | Self::Worker)
    }
}

/// One process of the service.
pub struct App {
    state: WebState,
}

impl App {
    /// Wires the rooms together; `inbox` in the demo alone.
    pub fn new(core: Core, theme: Arc<Theme>, inbox: Option<Arc<Inbox>>) -> Self {
        let shelf = Arc::new(Shelf::new(core.clone(), Arc::clone(&theme)));
        let views = Arc::new(ViewCounter::default());
        Self {
            state: WebState::new(core, theme, shelf, views, inbox),
        }
    }

    /// Everything that can be asked for.
    pub fn router(&self) -> axum::Router {
        web::router(self.state.clone())
    }

    /// Runs until `stop`, then in order: nothing new is planned or claimed, what is in flight is finished and recorded,
    /// open requests are answered.
    pub async fn run(
        self,
        listener: Option<TcpListener>,
        role: Role,
        stop: CancellationToken,
    ) -> anyhow::Result<()> {
        let WebState {
            core,
            theme,
            shelf,
            views,
            ..
        } = self.state.clone();
        let hub = role.works().then(|| websub::Hub::new(&core)).transpose()?;
        let tracker = TaskTracker::new();
        // The first part that fails takes the others down with it, and the process ends with its error: a supervisor that
        // restarts on failure must see one.
        let failure = Arc::new(OnceLock::<anyhow::Error>::new());
        let fail = {
            let (failure, stop) = (Arc::clone(&failure), stop.clone());
            move |part: &str, error: anyhow::Error| {
                tracing::error!(%error, "{part} ended");
                let _ = failure.set(error.context(format!("{part} ended")));
                stop.cancel();
            }
        };
        if role.serves_web()
            && let Some(listener) = listener
        {
            let (router, stopped, fail) = (self.router(), stop.clone(), fail.clone());
            let hot = Arc::new(web::hot::Hot::new(self.state.clone()));
            tracker.spawn(async move {
                if let Err(error) = web::serve::serve(listener, router, hot, stopped).await {
                    fail("the web server", error.into());
                }
            });
            let (shelf, stopped) = (Arc::clone(&shelf), stop.clone());
            tracker.spawn(async move { shelf.follow(stopped).await });
        }
        if role.works() {
            // Articles of before there was search; until they have their words, search does not find them.
            let (indexed, stopped) = (core.clone(), stop.clone());
            tracker.spawn(async move {
                let work = newsroom::search::index_all(&indexed);
                match stopped.run_until_cancelled(work).await {
                    Some(Ok(count)) if count > 0 => tracing::info!(count, "articles were indexed"),
                    Some(Err(error)) => tracing::error!(%error, "articles could not be indexed"),
                    _ => {}
                }
            });
            let (core, stopped) = (core.clone(), stop.clone());
            tracker.spawn(async move {
                if let Err(error) = delivery::run(&core, &stopped).await {
                    fail("delivery", error.into());
                }
            });
        }
        if let Some(hub) = hub {
            let stopped = stop.clone();
            tracker.spawn(async move { hub.run(&stopped).await });
        }
        let scheduler =
            Scheduler::start(core.clone(), theme, Arc::clone(&views), role.works()).await?;
        if !stop.is_cancelled() {
            let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
        }
        stop.cancelled().await;
        let _ = sd_notify::notify(&[sd_notify::NotifyState::Stopping]);
        scheduler.stop().await;
        tracker.close();
        tracker.wait().await;
        views.flush(&core).await?;
        core.db.close().await;
        match Arc::try_unwrap(failure).ok().and_then(OnceLock::into_inner) {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }
}
