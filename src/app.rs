//! Builds everything and runs until shutdown; the only place that wires.

use std::sync::Arc;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::scheduler::Scheduler;
use crate::syndication::shelf::Shelf;
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
            state: WebState {
                core,
                theme,
                shelf,
                views,
                inbox,
            },
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
        let tracker = TaskTracker::new();
        if role.serves_web()
            && let Some(listener) = listener
        {
            let (router, stopped) = (self.router(), stop.clone());
            tracker.spawn(async move {
                let service = router.into_make_service_with_connect_info::<std::net::SocketAddr>();
                let served = axum::serve(listener, service)
                    .with_graceful_shutdown(stopped.clone().cancelled_owned())
                    .await;
                if let Err(error) = served {
                    tracing::error!(%error, "the web server ended");
                    stopped.cancel();
                }
            });
            let (shelf, stopped) = (Arc::clone(&shelf), stop.clone());
            tracker.spawn(async move { shelf.follow(stopped).await });
        }
        if role.works() {
            let (core, stopped) = (core.clone(), stop.clone());
            tracker.spawn(async move {
                if let Err(error) = delivery::run(&core, &stopped).await {
                    tracing::error!(%error, "delivery ended");
                    stopped.cancel();
                }
            });
        }
        let scheduler =
            Scheduler::start(core.clone(), theme, Arc::clone(&views), role.works()).await?;
        let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
        stop.cancelled().await;
        let _ = sd_notify::notify(&[sd_notify::NotifyState::Stopping]);
        scheduler.stop().await;
        tracker.close();
        tracker.wait().await;
        views.flush(&core).await?;
        core.db.close().await;
        Ok(())
    }
}
