//! Claiming: what is due is taken in small batches, lane by lane and letter by letter, as far as there is room.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::DeliveryError;
use super::pace::{Standing, Trouble};
use super::provider::{OTHER, Providers, is_own};
use super::queue::Known;
use super::store::{self, Agenda, Claimed, Lane, Outcome};
use super::worker::{POLL, Until, Worker};
use crate::base::time::Timestamp;
use crate::db::Tx;
use crate::work::store as registry;

/// Rows of one lane that may wait though a person waits for each of them.
const URGENT: usize = 16;
/// Letters that share what is claimed of a lane at once.
const LETTERS: usize = 4;
/// Letters that are listed at once.
const LISTED: i64 = 64;
/// How long a list of waiting letters is believed.
const FRESH: Duration = Duration::from_secs(1);
/// How often it is kept where the lanes stand.
const KEEP: Duration = Duration::from_secs(5);
/// A domain that was in no trouble for so many days goes back to where all the others are.
const OWN_DAYS: i64 = 7;

/// The letters of a lane and priority, in the order of their turns.
#[derive(Default)]
struct Turns {
    letters: VecDeque<i64>,
    listed_at: Option<Instant>,
    last: i64,
}

/// What the one who claims remembers.
struct Desk {
    providers: Providers,
    /// What each lane serves.
    lanes: HashMap<i64, (String, String)>,
    /// Lanes by relay and name.
    homes: HashMap<(String, String), i64>,
    turns: HashMap<(i64, i64), Turns>,
    kept_at: Instant,
}

/// A lane and priority with room for so many rows.
type Room = ((i64, i64), usize);

impl Worker {
    /// Claims until it is time to return.
    pub async fn pump(
        &self,
        stop: &CancellationToken,
        until: Until,
        target: usize,
    ) -> Result<(), DeliveryError> {
        let mut desk = Desk {
            providers: Providers::new(&self.core.config.delivery),
            lanes: HashMap::new(),
            homes: HashMap::new(),
            turns: HashMap::new(),
            kept_at: Instant::now(),
        };
        loop {
            if stop.is_cancelled() {
                return Ok(());
            }
            self.note_stuck();
            if let Err(error) = self.keep_events().await {
                tracing::error!(%error, "where the lanes stand was not kept");
            }
            if desk.kept_at.elapsed() >= KEEP {
                desk.kept_at = Instant::now();
                self.keep_standings().await;
            }
            let open = self.tracker.count();
            if let Some((trouble, left)) = self.breaker.open() {
                if until == Until::Drained && open == 0 {
                    return Err(DeliveryError::Relay(trouble));
                }
                self.pause(stop, left.min(POLL)).await;
                continue;
            }
            if let Some(trouble) = self.core.watch.trouble(&self.core).await {
                if until == Until::Drained && open == 0 {
                    return Err(DeliveryError::Clock(trouble));
                }
                self.pause(stop, POLL).await;
                continue;
            }
            if self.writer.is_healthy() {
                match self.claim(&mut desk, target, open).await {
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
    async fn claim(&self, desk: &mut Desk, target: usize, open: usize) -> crate::db::Result<usize> {
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
        self.learn(desk, &agenda, now);
        if agenda.is_paused {
            return Ok(moved);
        }
        let rooms = self.rooms(&agenda, target, now);
        // After trouble a single row asks whether it is over.
        let mut most = if self.breaker.is_half_open() {
            1_usize.saturating_sub(open)
        } else {
            usize::MAX
        };
        if rooms.is_empty() || most == 0 {
            return Ok(moved);
        }
        let worker_id = self.id.load(Ordering::SeqCst);
        let mut rows: Vec<(i64, Claimed)> = Vec::new();
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
        // Those for whom a person waits first; then each lane in its turn, and another one is first the next time.
        let turn = self.turn.fetch_add(1, Ordering::SeqCst);
        let (urgent, other): (Vec<Room>, Vec<Room>) = rooms
            .into_iter()
            .partition(|((_, priority), _)| *priority == 0);
        for rooms in [urgent, other] {
            for i in 0..rooms.len() {
                let (place, room) = rooms[(turn + i) % rooms.len()];
                let claimed = self
                    .claim_lane(desk, &mut tx, worker_id, place, now, room.min(most))
                    .await?;
                most -= claimed.len();
                rows.extend(claimed.into_iter().map(|row| (place.0, row)));
            }
        }
        let (rows, rehomed) = self.rehome(desk, &mut tx, worker_id, rows).await?;
        if let Err(error) = tx.commit().await {
            // Whether the rows are ours is not known: under a new id, the end of the old lease frees them.
            self.renounce().await;
            return Err(error);
        }
        if rehomed > 0 {
            self.tracker.bell.notify_one();
        }
        let mut claimed = 0;
        for (lane_id, rows) in rows {
            claimed += rows.len();
            self.tracker.add(rows.len());
            self.queue.push(lane_id, rows);
        }
        Ok(moved + rehomed + claimed)
    }

    /// Takes over what the journal says of the lanes: other processes learn, too.
    fn learn(&self, desk: &mut Desk, agenda: &Agenda, now: Timestamp) {
        let since = now.plus_secs(-OWN_DAYS * 86_400);
        desk.homes.clear();
        for lane in &agenda.lanes {
            let rests = lane.paused_until.is_some_and(|until| until > now);
            let limits = desk.providers.limits(&lane.provider);
            let number = |n: i64| u32::try_from(n).unwrap_or(1);
            let back = self.queue.know(
                lane.id,
                Known {
                    limits: limits.shared_by(number(agenda.workers)),
                    standing: Standing {
                        window: number(lane.concurrency),
                        per_minute: lane.rate.map(number),
                        pauses: number(lane.pauses),
                    },
                    rest: rests.then(|| Trouble::parse(lane.class.as_deref().unwrap_or(""))),
                    is_shared: lane.provider == OTHER,
                },
            );
            for row in back {
                self.writer.report(row.key, Outcome::Release(None));
            }
            if !is_own(&lane.provider) || lane.troubled_at.is_some_and(|at| at > since) {
                desk.homes
                    .insert((lane.relay.clone(), lane.provider.clone()), lane.id);
            }
            desk.lanes
                .entry(lane.id)
                .or_insert_with(|| (lane.relay.clone(), lane.provider.clone()));
        }
    }

    /// Where there is something to claim, and room for it.
    fn rooms(&self, agenda: &Agenda, target: usize, now: Timestamp) -> Vec<Room> {
        let mut rooms = Vec::new();
        let rest = |lane: &Lane| {
            lane.paused_until
                .filter(|until| *until > now)
                .map(|_| Trouble::parse(lane.class.as_deref().unwrap_or("")))
        };
        for lane in agenda
            .lanes
            .iter()
            .filter(|lane| lane.has_urgent || lane.has_digest || lane.has_replay)
        {
            let rest = rest(lane);
            let (urgent, other) = self.queue.waiting(lane.id);
            // A lane that is to slow down is still asked by whom a person waits for.
            if lane.has_urgent && rest.is_none_or(|trouble| trouble == Trouble::Throttle) {
                rooms.push(((lane.id, 0), URGENT.saturating_sub(urgent)));
            }
            if rest.is_some() {
                continue;
            }
            let window = self.queue.window(lane.id) as usize;
            let budget = (window * 4).clamp(4, target.max(4));
            let room = budget.saturating_sub(other);
            if room * 2 < budget {
                continue;
            }
            // What is sent again comes after what is new.
            if lane.has_digest {
                rooms.push(((lane.id, 5), room));
            } else if lane.has_replay {
                rooms.push(((lane.id, 9), room));
            }
        }
        rooms.retain(|(_, room)| *room > 0);
        rooms
    }

    /// Claims up to `room` rows of a lane, shared by the letters whose turn it is: a small issue does not wait for a large one.
    async fn claim_lane(
        &self,
        desk: &mut Desk,
        tx: &mut Tx,
        worker_id: i64,
        place: (i64, i64),
        now: Timestamp,
        room: usize,
    ) -> crate::db::Result<Vec<Claimed>> {
        let turns = desk.turns.entry(place).or_default();
        if turns.listed_at.is_none_or(|at| at.elapsed() >= FRESH) {
            turns.letters.clear();
        }
        let mut rows = Vec::new();
        let mut was_listed = false;
        while rows.len() < room {
            if turns.letters.is_empty() {
                if was_listed {
                    break;
                }
                was_listed = true;
                turns.listed_at = Some(Instant::now());
                let mut letters =
                    store::list_waiting_letters(tx, place, turns.last, now, LISTED).await?;
                if (letters.len() as i64) < LISTED && turns.last > 0 {
                    let first = store::list_waiting_letters(tx, place, 0, now, LISTED).await?;
                    letters.extend(first.into_iter().filter(|id| *id <= turns.last));
                }
                turns.letters.extend(letters);
                if turns.letters.is_empty() {
                    break;
                }
            }
            let together = turns.letters.len().min(LETTERS);
            let share = (room - rows.len()).div_ceil(together).max(1);
            for _ in 0..together {
                let share = share.min(room - rows.len());
                if share == 0 {
                    break;
                }
                let Some(letter_id) = turns.letters.pop_front() else {
                    break;
                };
                turns.last = letter_id;
                let claimed = store::claim(
                    tx,
                    worker_id,
                    (place.0, place.1, letter_id),
                    now,
                    share as i64,
                )
                .await?;
                if claimed.len() == share {
                    turns.letters.push_back(letter_id);
                }
                rows.extend(claimed);
            }
        }
        Ok(rows)
    }

    /// Puts rows whose domain belongs elsewhere into that lane: the settings changed, or the domain has a lane of its own. Returns
    /// the others by lane, and how many were moved.
    async fn rehome(
        &self,
        desk: &mut Desk,
        tx: &mut Tx,
        worker_id: i64,
        rows: Vec<(i64, Claimed)>,
    ) -> crate::db::Result<(BTreeMap<i64, Vec<Claimed>>, usize)> {
        let mut stay: BTreeMap<i64, Vec<Claimed>> = BTreeMap::new();
        let mut go: BTreeMap<(String, String), Vec<i64>> = BTreeMap::new();
        for (lane_id, row) in rows {
            let home = desk.lanes.get(&lane_id).and_then(|(relay, provider)| {
                let own = (relay.clone(), row.domain.clone());
                if desk.homes.contains_key(&own) && *provider != row.domain {
                    return Some(own);
                }
                let proper = desk.providers.of(&row.domain);
                let is_there = is_own(provider) || provider == proper || row.domain.is_empty();
                (!is_there).then(|| (relay.clone(), proper.to_owned()))
            });
            match home {
                Some(home) => go.entry(home).or_default().push(row.key.id),
                None => stay.entry(lane_id).or_default().push(row),
            }
        }
        let mut moved = 0;
        for (home, ids) in go {
            let lane_id = match desk.homes.get(&home) {
                Some(id) => *id,
                None => store::ensure_lane(tx, &home.0, &home.1).await?,
            };
            store::rehome(tx, worker_id, &ids, lane_id).await?;
            moved += ids.len();
        }
        Ok((stay, moved))
    }
}
