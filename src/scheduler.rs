//! The metronome: one tick a minute in UTC, and nightly chores.
//!
//! tokio-cron-scheduler keeps the beat and nothing else: its zones are frozen to an offset, it lets runs overlap, never catches
//! up, and its shutdown does not wait. Wall-clock logic is the slots' and runs' own (DESIGN 5.3). Here: a tick that would
//! overlap is left out (the next one finds the same work in the database), and stopping waits for the one that runs.

use std::sync::Arc;

use tokio::sync::Mutex;
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};
use tokio_util::task::TaskTracker;

use crate::syndication::websub;
use crate::theme::Theme;
use crate::web::ViewCounter;
use crate::work::Core;
use crate::work::fitness::unfit_to_plan;
use crate::{audience, delivery, digest, newsroom};

/// The running metronome.
pub struct Scheduler {
    jobs: JobScheduler,
    tracker: TaskTracker,
}

#[derive(Clone)]
struct Beat {
    core: Core,
    theme: Arc<Theme>,
    views: Arc<ViewCounter>,
    works: bool,
    /// Held by the tick that runs.
    turn: Arc<Mutex<()>>,
    tracker: TaskTracker,
}

impl Scheduler {
    /// Starts the beat with a tick at once, so that a restart does not wait for the next minute. `works` is false for a
    /// process that only serves pages: it writes down its views and nothing else.
    pub async fn start(
        core: Core,
        theme: Arc<Theme>,
        views: Arc<ViewCounter>,
        works: bool,
    ) -> Result<Self, JobSchedulerError> {
        let jobs = JobScheduler::new().await?;
        let tracker = TaskTracker::new();
        let beat = Beat {
            core,
            theme,
            views,
            works,
            turn: Arc::default(),
            tracker: tracker.clone(),
        };
        beat.spawn_tick();
        for (expression, chore) in [
            ("0 * * * * *", Chore::Tick),
            ("0 20 21 * * *", Chore::Nightly),
        ] {
            let beat = beat.clone();
            jobs.add(Job::new(expression, move |_, _| match chore {
                Chore::Tick => beat.spawn_tick(),
                Chore::Nightly if beat.works => beat.spawn_nightly(),
                Chore::Nightly => {}
            })?)
            .await?;
        }
        jobs.start().await?;
        Ok(Self { jobs, tracker })
    }

    /// Stops the beat and waits for what it started.
    pub async fn stop(mut self) {
        if let Err(error) = self.jobs.shutdown().await {
            tracing::error!(%error, "the scheduler did not stop by itself");
        }
        self.tracker.close();
        self.tracker.wait().await;
    }
}

#[derive(Clone, Copy)]
enum Chore {
    Tick,
    /// 21:20 UTC, the small hours in Kazakhstan.
    Nightly,
}

impl Beat {
    fn spawn_tick(&self) {
        let beat = self.clone();
        self.tracker.spawn(async move {
            let Ok(_turn) = beat.turn.clone().try_lock_owned() else {
                return tracing::warn!("the last tick is still at work; this one is left out");
            };
            if let Err(error) = beat.views.flush(&beat.core).await {
                tracing::error!(%error, "views could not be written");
            }
            if beat.works {
                tick(&beat.core, &beat.theme).await;
            }
        });
    }

    fn spawn_nightly(&self) {
        let core = self.core.clone();
        self.tracker.spawn(async move {
            if let Err(error) = delivery::prune(&core).await {
                tracing::error!(%error, "old deliveries could not be pruned");
            }
            if let Err(error) = audience::prune_changes(&core).await {
                tracing::error!(%error, "changes of address past their days could not be forgotten");
            }
            if let Err(error) = audience::prune_unconfirmed(&core).await {
                tracing::error!(%error, "unconfirmed addresses could not be pruned");
            }
            if let Err(error) = audience::finish_erasures(&core).await {
                tracing::error!(%error, "erasures could not be finished");
            }
            if let Err(error) = websub::prune(&core).await {
                tracing::error!(%error, "old WebSub leases could not be pruned");
            }
        });
    }
}

/// One tick (DESIGN 5.3): release what is due, take back what was withdrawn, and unless the clock is wrong or another
/// worker knows the zones better, follow the zones' rules, open runs, work on them. Each part goes on where
/// another fails: an article that cannot be released must not hold back everybody's mail for ever.
pub async fn tick(core: &Core, theme: &Theme) {
    match newsroom::release_due(core).await {
        Ok(0) => {}
        Ok(count) => tracing::info!(count, "released"),
        Err(error) => tracing::error!(%error, "releasing failed"),
    }
    if let Err(error) = digest::follow_withdrawals(core, theme).await {
        tracing::error!(%error, "withdrawals could not be followed");
    }
    match unfit_to_plan(core).await {
        Ok(None) => {}
        Ok(Some(unfit)) => return tracing::error!("{unfit}"),
        Err(error) => tracing::error!(%error, "whether this process may plan is not known"),
    }
    if let Err(error) = audience::resume_paused(core).await {
        tracing::error!(%error, "paused subscriptions could not be resumed");
    }
    if let Err(error) = digest::recompute_slots(core).await {
        tracing::error!(%error, "slots could not be recomputed");
    }
    if let Err(error) = digest::open_runs(core).await {
        tracing::error!(%error, "runs could not be opened");
    }
    match digest::work_runs(core, theme).await {
        Ok(reports) => {
            for report in reports {
                tracing::info!(
                    run = report.run_id,
                    zone = report.time_zone,
                    date = report.local_date,
                    state = report.state,
                    mailed = report.mailed,
                    empty = report.empty,
                    "run closed"
                );
            }
        }
        Err(error) => tracing::error!(%error, "runs could not be worked on"),
    }
}
