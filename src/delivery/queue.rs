//! Claimed rows on their way to a connection, each lane at its pace.
//!
//! Lanes take turns. Whom a person waits for goes first and has a connection of its own; no lane holds all the others, so that one
//! which suddenly stalls leaves room for the rest, and a slow one holds a quarter of them at most. In a lane that many domains share
//! (`other`) each domain is paced for itself; one that stops, or whose rows wait while it has no room, is to get a lane of its own
//! ([`Event`]), so that its rows do not stand in the way of the others' in the journal either.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::pace::{Effect, Limits, Pace, Rest, Standing, Ticket, Trouble};
use super::store::Claimed;

/// Rows of a domain that waited so long without room are taken out of the way.
const PATIENCE: Duration = Duration::from_secs(2);
/// Domains of shared lanes that are remembered though nothing of them is here.
const DOMAINS: usize = 512;

/// What is paced: a lane, or one domain of a lane that many share.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Track {
    /// Row of the lane.
    pub lane_id: i64,
    /// The domain, in a shared lane.
    pub domain: Option<String>,
}

/// A row whose turn it is.
pub struct Turn {
    /// The row.
    pub row: Claimed,
    track: Track,
    ticket: Ticket,
    since: Instant,
    is_urgent: bool,
    /// Whether its lane has room for more claimed rows now.
    pub is_low: bool,
}

/// Something about a lane that must be kept.
#[derive(Debug)]
pub struct Event {
    /// What it is about.
    pub track: Track,
    /// That it rests now.
    pub rest: Option<Rest>,
    /// Where it stands.
    pub standing: Standing,
    /// What was said, without addresses.
    pub words: String,
    /// Rows that waited for it and are to go back.
    pub rows: Vec<Claimed>,
}

/// What is known of a lane in the journal.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// How fast it may become in this process.
    pub limits: Limits,
    /// Where it stood.
    pub standing: Standing,
    /// Why it rests now, if it does.
    pub rest: Option<Trouble>,
    /// Whether each of its domains is paced for itself.
    pub is_shared: bool,
}

struct Lane {
    pace: Pace,
    urgent: VecDeque<Claimed>,
    other: VecDeque<(Instant, Claimed)>,
    flying_other: usize,
    rest: Option<Trouble>,
    /// Whether the journal does not know of that rest yet.
    is_news: bool,
    saved: Standing,
}

impl Lane {
    fn new(limits: Limits, standing: Option<Standing>, now: Instant) -> Self {
        let pace = Pace::new(limits, standing, now);
        Self {
            saved: pace.standing(),
            pace,
            urgent: VecDeque::new(),
            other: VecDeque::new(),
            flying_other: 0,
            rest: None,
            is_news: false,
        }
    }

    /// Connections it may hold of so many.
    fn most(&self, connections: usize) -> usize {
        let all_but_one = connections.saturating_sub(1).max(1);
        if self.pace.is_slow() {
            all_but_one.min(connections.div_ceil(4))
        } else {
            all_but_one
        }
    }

    fn has_room(&self, connections: usize) -> bool {
        self.rest.is_none()
            && self.pace.in_flight() < self.pace.window()
            && self.flying_other < self.most(connections)
    }

    /// Whom a person waits for may be one more than the window, and asks a lane that was told to slow down whether it may.
    fn has_room_for_urgent(&self) -> bool {
        match self.rest {
            None => self.pace.in_flight() <= self.pace.window(),
            Some(Trouble::Throttle) => self.pace.in_flight() == 0,
            Some(_) => false,
        }
    }

    fn is_idle(&self) -> bool {
        self.urgent.is_empty() && self.other.is_empty() && self.pace.in_flight() == 0
    }
}

struct State {
    known: HashMap<i64, Known>,
    lanes: HashMap<Track, Lane>,
    /// Those with rows that wait, in the order of their turns.
    ring: VecDeque<Track>,
    /// Domains of shared lanes that have a lane of their own now.
    moved: HashMap<Track, Track>,
    is_closed: bool,
}

/// All lanes of a process.
pub struct Queue {
    state: Mutex<State>,
    bell: Notify,
    /// Connections that are not kept for those whom a person waits for.
    connections: usize,
}

/// When to look again.
enum Look {
    Now(Box<Turn>),
    At(Instant),
    WhenRung,
}

impl Queue {
    /// For so many connections beside the one that is kept.
    pub fn new(connections: usize) -> Self {
        Self {
            state: Mutex::new(State {
                known: HashMap::new(),
                lanes: HashMap::new(),
                ring: VecDeque::new(),
                moved: HashMap::new(),
                is_closed: false,
            }),
            bell: Notify::new(),
            connections: connections.max(1),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes over what the journal says of a lane: its limits, and whether it rests. Returns rows that are not to wait for it.
    pub fn know(&self, lane_id: i64, known: Known) -> Vec<Claimed> {
        let now = Instant::now();
        let mut state = self.lock();
        let before = state.known.insert(lane_id, known);
        let is_other = before.is_none_or(|before| before.limits != known.limits);
        if known.is_shared {
            if is_other {
                for (track, lane) in &mut state.lanes {
                    if track.lane_id == lane_id {
                        lane.pace.set_limits(known.limits);
                    }
                }
            }
            return Vec::new();
        }
        let track = Track {
            lane_id,
            domain: None,
        };
        let lane = state
            .lanes
            .entry(track.clone())
            .or_insert_with(|| Lane::new(known.limits, Some(known.standing), now));
        if is_other {
            lane.pace.set_limits(known.limits);
        }
        if lane.is_news {
            return Vec::new();
        }
        let was_resting = std::mem::replace(&mut lane.rest, known.rest).is_some();
        if known.rest.is_some() {
            return Self::take_rows(&mut state, &track);
        }
        drop(state);
        if was_resting {
            self.bell.notify_waiters();
        }
        Vec::new()
    }

    /// The journal knows of the rest of a lane.
    pub fn mark_kept(&self, track: &Track) {
        if let Some(lane) = self.lock().lanes.get_mut(track) {
            lane.is_news = false;
        }
    }

    /// Rows that wait in a lane: those whom a person waits for, and the others.
    pub fn waiting(&self, lane_id: i64) -> (usize, usize) {
        let state = self.lock();
        let mut sums = (0, 0);
        for track in state.ring.iter().filter(|track| track.lane_id == lane_id) {
            let lane = &state.lanes[track];
            sums.0 += lane.urgent.len();
            sums.1 += lane.other.len();
        }
        sums
    }

    /// How many messages of a lane may be in conversation at once now; of a shared one, by its limits.
    pub fn window(&self, lane_id: i64) -> u32 {
        let state = self.lock();
        let track = Track {
            lane_id,
            domain: None,
        };
        match state.lanes.get(&track) {
            Some(lane) => lane.pace.window(),
            None => state
                .known
                .get(&lane_id)
                .map_or(1, |known| known.limits.concurrency),
        }
    }

    /// Hands in claimed rows of one lane.
    pub fn push(&self, lane_id: i64, claimed: Vec<Claimed>) {
        if claimed.is_empty() {
            return;
        }
        let now = Instant::now();
        let mut state = self.lock();
        let State {
            known, lanes, ring, ..
        } = &mut *state;
        let shared = known.get(&lane_id).filter(|known| known.is_shared);
        for row in claimed {
            let track = Track {
                lane_id,
                domain: shared.map(|_| row.domain.clone()),
            };
            let lane = lanes.entry(track.clone()).or_insert_with(|| {
                let open = Limits {
                    concurrency: u32::MAX,
                    per_minute: None,
                };
                Lane::new(shared.map_or(open, |known| known.limits), None, now)
            });
            if lane.urgent.is_empty() && lane.other.is_empty() {
                ring.push_back(track);
            }
            if row.priority == 0 {
                lane.urgent.push_back(row);
            } else {
                lane.other.push_back((now, row));
            }
        }
        if lanes.len() > DOMAINS {
            lanes.retain(|track, lane| track.domain.is_none() || !lane.is_idle());
        }
        drop(state);
        self.bell.notify_waiters();
    }

    /// The next row; `None` once the queue is closed.
    pub async fn pop(&self, is_reserved: bool) -> Option<Turn> {
        loop {
            let rung = self.bell.notified();
            let look = {
                let mut state = self.lock();
                if state.is_closed {
                    return None;
                }
                self.look(&mut state, is_reserved)
            };
            match look {
                Look::Now(turn) => return Some(*turn),
                Look::At(at) => {
                    let _ = tokio::time::timeout_at(at, rung).await;
                }
                Look::WhenRung => rung.await,
            }
        }
    }

    fn look(&self, state: &mut State, is_reserved: bool) -> Look {
        let now = Instant::now();
        let State { lanes, ring, .. } = state;
        let mut next: Option<Instant> = None;
        for is_urgent in [true, false] {
            if is_reserved && !is_urgent {
                break;
            }
            for _ in 0..ring.len() {
                let Some(track) = ring.pop_front() else { break };
                let Some(lane) = lanes.get_mut(&track) else {
                    continue;
                };
                let row = if is_urgent {
                    if lane.has_room_for_urgent() {
                        lane.urgent.pop_front()
                    } else {
                        None
                    }
                } else if !lane.other.is_empty() && lane.has_room(self.connections) {
                    let ready_at = lane.pace.ready_at(now);
                    if ready_at <= now {
                        lane.other.pop_front().map(|(_, row)| row)
                    } else {
                        next = Some(next.map_or(ready_at, |next| next.min(ready_at)));
                        None
                    }
                } else {
                    None
                };
                let is_empty = lane.urgent.is_empty() && lane.other.is_empty();
                if !is_empty {
                    ring.push_back(track.clone());
                }
                if let Some(row) = row {
                    lane.flying_other += usize::from(!is_urgent);
                    let ticket = lane.pace.start(now);
                    let half = 2 * lane.pace.window() as usize;
                    let left = if track.domain.is_some() {
                        let of_lane = ring.iter().filter(|other| other.lane_id == track.lane_id);
                        of_lane.map(|other| lanes[other].other.len()).sum()
                    } else {
                        lane.other.len()
                    };
                    return Look::Now(Box::new(Turn {
                        row,
                        ticket,
                        is_low: left == 0 || left == half.min(2 * self.connections),
                        track,
                        since: now,
                        is_urgent,
                    }));
                }
            }
        }
        next.map_or(Look::WhenRung, Look::At)
    }

    /// Says what became of a row; the event is to be kept, and its rows go back.
    pub fn finish(&self, turn: &Turn, effect: Effect, words: &str) -> Option<Event> {
        let now = Instant::now();
        let mut state = self.lock();
        // The domain may have got a lane of its own meanwhile.
        let track = state.moved.get(&turn.track).unwrap_or(&turn.track).clone();
        let lane = state.lanes.get_mut(&track)?;
        if !turn.is_urgent {
            lane.flying_other = lane.flying_other.saturating_sub(1);
        }
        let took = now.saturating_duration_since(turn.since);
        let rest = lane.pace.end(turn.ticket, effect, took, now);
        let event = rest.map(|rest| {
            lane.rest = Some(rest.trouble);
            lane.is_news = true;
            lane.saved = lane.pace.standing();
            (rest, lane.saved)
        });
        let event = event.map(|(rest, standing)| Event {
            rest: Some(rest),
            standing,
            words: words.to_owned(),
            rows: Self::take_rows(&mut state, &track),
            track,
        });
        let is_anyone_waiting = !state.ring.is_empty();
        drop(state);
        if is_anyone_waiting {
            self.bell.notify_waiters();
        }
        event
    }

    /// Takes the rows that wait out of a lane that stops, or of a domain that is to get a lane of its own.
    fn take_rows(state: &mut State, track: &Track) -> Vec<Claimed> {
        let Some(lane) = state.lanes.get_mut(track) else {
            return Vec::new();
        };
        let mut rows: Vec<Claimed> = lane.other.drain(..).map(|(_, row)| row).collect();
        // One that is to slow down is asked by whom a person waits for; one that does not want us is not.
        let goes_on = track.domain.is_none() && lane.rest == Some(Trouble::Throttle);
        if !goes_on {
            rows.extend(lane.urgent.drain(..));
        }
        if lane.urgent.is_empty() {
            state.ring.retain(|other| other != track);
        }
        rows
    }

    /// Domains of shared lanes whose rows wait and have no room: they stand in the way of the others.
    pub fn take_stuck(&self) -> Vec<Event> {
        let now = Instant::now();
        let mut state = self.lock();
        let stuck: Vec<Event> = state
            .lanes
            .iter_mut()
            .filter(|(track, _)| track.domain.is_some())
            .filter(|(_, lane)| {
                lane.other
                    .front()
                    .is_some_and(|(since, _)| now.saturating_duration_since(*since) >= PATIENCE)
            })
            .filter_map(|(track, lane)| {
                let has_room = lane.has_room(self.connections) && lane.pace.ready_at(now) <= now;
                (!has_room).then_some((track, lane))
            })
            .map(|(track, lane)| Event {
                track: track.clone(),
                rest: None,
                standing: lane.pace.standing(),
                words: "its messages take long".to_owned(),
                rows: Vec::new(),
            })
            .collect();
        stuck
            .into_iter()
            .map(|event| Event {
                rows: Self::take_rows(&mut state, &event.track),
                ..event
            })
            .collect()
    }

    /// A domain of a shared lane has a lane of its own now: what is in conversation goes on there, and counts there. Returns rows
    /// that came for it meanwhile.
    pub fn move_domain(&self, from: &Track, lane_id: i64) -> Vec<Claimed> {
        let own = Track {
            lane_id,
            domain: None,
        };
        let mut state = self.lock();
        let Some(mut lane) = state.lanes.remove(from) else {
            return Vec::new();
        };
        state.ring.retain(|track| track != from);
        let mut rows: Vec<Claimed> = lane.urgent.drain(..).collect();
        rows.extend(lane.other.drain(..).map(|(_, row)| row));
        if let Some(there) = state.lanes.get_mut(&own) {
            there.flying_other += lane.flying_other;
            there.pace.adopt(lane.pace.in_flight());
        } else {
            state.lanes.insert(own.clone(), lane);
        }
        state.moved.insert(from.clone(), own);
        rows
    }

    /// Lanes that stand elsewhere than what was kept last, and where.
    pub fn take_moved(&self) -> Vec<(i64, Standing)> {
        let mut state = self.lock();
        let mut moved = Vec::new();
        for (track, lane) in &mut state.lanes {
            let standing = lane.pace.standing();
            if track.domain.is_none() && standing != lane.saved {
                lane.saved = standing;
                moved.push((track.lane_id, standing));
            }
        }
        moved
    }

    /// Nothing is given out any more; returns what was left.
    pub fn close(&self) -> Vec<Claimed> {
        let mut state = self.lock();
        state.is_closed = true;
        let mut left: Vec<Claimed> = Vec::new();
        for lane in state.lanes.values_mut() {
            left.extend(lane.urgent.drain(..));
            left.extend(lane.other.drain(..).map(|(_, row)| row));
        }
        state.ring.clear();
        drop(state);
        self.bell.notify_waiters();
        left
    }
}
