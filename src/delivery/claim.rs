//! Claiming: what is due is taken in small batches, lane by lane, as far as there is room.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::DeliveryError;
use super::store::{self, Agenda, Claimed};
use super::worker::{POLL, Until, Worker};
use crate::work::store as registry;

impl Worker {
    /// Claims until it is time to return.
    pub async fn pump(
        &self,
        stop: &CancellationToken,
        until: Until,
        target: usize,
    ) -> Result<(), DeliveryError> {
        loop {
            if stop.is_cancelled() {
                return Ok(());
            }
            let open = self.tracker.count();
            if let Some((trouble, left)) = self.breaker.open() {
                if until == Until::Drained && open == 0 {
                    return Err(DeliveryError::Relay(trouble));
                }
                self.pause(stop, left.min(POLL)).await;
                continue;
            }
            if self.writer.is_healthy() {
                match self.claim(target, open).await {
                    Ok(0) if until == Until::Drained && open == 0 => return Ok(()),
                    Ok(_) => {}
                    Err(error) if until == Until::Drained && open == 0 => return Err(error.into()),
                    Err(error) => tracing::error!(%error, "nothing was claimed"),
                }
            }
            self.pause(stop, POLL).await;
        }
    }

    async fn pause(&self, stop: &CancellationToken, longest: Duration) {
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.core.bells.queued.notified() => {}
            () = self.tracker.bell.notified() => {}
            () = tokio::time::sleep(longest) => {}
        }
    }

    /// Does the chores and claims what there is room for; returns how many rows were claimed or moved.
    async fn claim(&self, target: usize, open: usize) -> crate::db::Result<usize> {
        let now = self.core.clock.now();
        let agenda: Agenda = store::get_agenda(&self.core.db, now).await?;
        let mut moved = 0;
        if agenda.has_chores {
            let mut tx = self.core.db.begin().await?;
            moved += store::expire(&mut tx, now).await? as usize;
            moved += store::resolve_uncertain(&mut tx, now).await? as usize;
            tx.commit().await?;
            if moved > 0 {
                // What became due again is claimed in the next round.
                self.tracker.bell.notify_one();
            }
        }
        let urgent: Vec<_> = agenda.lanes.iter().filter(|(_, p)| *p == 0).collect();
        let other: Vec<_> = agenda.lanes.iter().filter(|(_, p)| *p > 0).collect();
        // Where a person waits there is always some room.
        let urgent_room = (target + 16).saturating_sub(open);
        let other_room = if open <= target / 2 { target - open } else { 0 };
        // After trouble a single row asks whether it is over.
        let mut most = if self.breaker.is_half_open() {
            1_usize.saturating_sub(open)
        } else {
            usize::MAX
        };
        let (urgent_room, other_room) = (urgent_room.min(most), other_room.min(most));
        if (urgent.is_empty() || urgent_room == 0) && (other.is_empty() || other_room == 0) {
            return Ok(moved);
        }
        let worker_id = self.id.load(Ordering::SeqCst);
        let mut rows: Vec<Claimed> = Vec::new();
        let mut tx = self.core.db.begin().await?;
        if !registry::lock_worker(&mut tx, worker_id).await? {
            // Nobody would look after rows that a dead worker takes.
            tx.rollback().await?;
            tracing::error!(
                worker = worker_id,
                "declared dead while alive: registering anew"
            );
            self.renounce().await;
            self.tracker.bell.notify_one();
            return Ok(moved + 1);
        }
        for (lanes, room) in [(urgent, urgent_room), (other, other_room)] {
            let mut room = room.min(most);
            // Round robin: each lane has its share, and another one is first the next time.
            let turn = self.turn.fetch_add(1, Ordering::SeqCst);
            for i in 0..lanes.len() {
                let lane = *lanes[(turn + i) % lanes.len()];
                let share = room.div_ceil(lanes.len() - i).min(256);
                if share > 0 {
                    let claimed = store::claim(&mut tx, worker_id, lane, now, share as i64).await?;
                    room -= claimed.len();
                    most -= claimed.len();
                    rows.extend(claimed);
                }
            }
        }
        if let Err(error) = tx.commit().await {
            // Whether the rows are ours is not known: under a new id, the end of the old lease frees them.
            self.renounce().await;
            return Err(error);
        }
        let claimed = rows.len();
        self.tracker.add(claimed);
        self.queue.push(rows);
        Ok(moved + claimed)
    }
}
