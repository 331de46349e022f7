//! Where the lanes stand outlives the process: what happened to them is kept, and said aloud.

use super::queue::Event;
use super::store::{self, Outcome};
use super::worker::{Worker, lock};

impl Worker {
    /// Something happened to a lane: the one who claims keeps it.
    pub fn note_event(&self, event: Event) {
        lock(&self.events).push(event);
        self.tracker.bell.notify_one();
    }

    /// Domains that stand in the way of others are to get lanes of their own.
    pub fn note_stuck(&self) {
        let stuck = self.queue.take_stuck();
        lock(&self.events).extend(stuck);
    }

    /// Keeps what happened to lanes; rows that waited for them go back. What cannot be kept is tried again.
    pub async fn keep_events(&self) -> crate::db::Result<()> {
        let mut events = std::mem::take(&mut *lock(&self.events)).into_iter();
        while let Some(event) = events.next() {
            match self.keep(&event).await {
                Ok(home) => {
                    self.queue.mark_kept(&event.track);
                    let more = home
                        .map_or_else(Vec::new, |home| self.queue.move_domain(&event.track, home));
                    for row in event.rows.into_iter().chain(more) {
                        self.writer.report(row.key, Outcome::Release(home));
                    }
                }
                Err(error) => {
                    let mut left = lock(&self.events);
                    left.push(event);
                    left.extend(events);
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Gives up what cannot be kept: the rows go back where they were.
    pub fn drop_events(&self) {
        for event in std::mem::take(&mut *lock(&self.events)) {
            for row in event.rows {
                self.writer.report(row.key, Outcome::Release(None));
            }
        }
    }

    /// Returns the lane that a domain got for itself.
    async fn keep(&self, event: &Event) -> crate::db::Result<Option<i64>> {
        let now = self.core.clock.now();
        let mut tx = self.core.db.begin().await?;
        let (lane_id, home) = match &event.track.domain {
            Some(domain) => {
                let own = store::ensure_own_lane(&mut tx, event.track.lane_id, domain).await?;
                (own, Some(own))
            }
            None => (event.track.lane_id, None),
        };
        let rest = event
            .rest
            .map(|rest| (rest.trouble.as_str(), now.plus_secs(rest.secs)));
        store::update_standing(&mut tx, lane_id, event.standing).await?;
        store::mark_trouble(&mut tx, lane_id, rest, &event.words, now).await?;
        tx.commit().await?;
        if let Some(rest) = event.rest {
            tracing::error!(
                lane = lane_id,
                trouble = rest.trouble.as_str(),
                secs = rest.secs,
                words = event.words,
                "a lane rests, its mail stays queued: `jarshy status` shows it"
            );
        } else {
            tracing::warn!(
                lane = lane_id,
                "a slow domain gets a lane of its own, so that the others do not wait for it"
            );
        }
        Ok(home)
    }

    /// Keeps how fast each lane is now.
    pub async fn keep_standings(&self) {
        let moved = self.queue.take_moved();
        if moved.is_empty() {
            return;
        }
        let result: crate::db::Result<()> = async {
            let mut tx = self.core.db.begin().await?;
            for (lane_id, standing) in &moved {
                store::update_standing(&mut tx, *lane_id, *standing).await?;
            }
            tx.commit().await
        }
        .await;
        if let Err(error) = result {
            tracing::warn!(%error, "how fast the lanes are was not kept");
        }
    }
}
