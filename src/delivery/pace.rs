//! How fast one lane takes mail: pure rules, fed with what became of each message (REQUIREMENTS-EMAIL 1d; the window is that of
//! TCP, RFC 5681, counted in conversations).
//!
//! A lane begins with two conversations at once. Each message that is accepted while they are in use adds one more (slow start), and
//! beyond the point where the provider last complained one more a round (additive recovery). "Slower, please" halves conversations
//! and rate, once for all that were under way together; at one conversation the lane rests for a while instead, and longer each
//! time. A refusal by policy, and conversations that break or dots that stay without a reply three times in a row, put it to rest at
//! once. After a rest one message asks whether it is over.

use std::time::Duration;

use tokio::time::Instant;

/// Conversations a lane begins with.
pub const START: u32 = 2;
/// Failures of one kind in a row that put a lane to rest.
const IN_A_ROW: u32 = 3;
/// A lane that was quiet for so long begins slowly again.
const QUIET: Duration = Duration::from_hours(1);
/// A conversation that takes longer than this on the average is a slow one.
const SLOW_SECS: f64 = 3.0;
/// Seconds of the full rate that may be made up for at once.
const BURST_SECS: f64 = 10.0;

/// Where a lane may grow to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Messages in conversation at once.
    pub concurrency: u32,
    /// Messages that may begin in a minute; none: as many as there are.
    pub per_minute: Option<u32>,
}

impl Limits {
    /// What one of so many processes may do.
    pub fn shared_by(self, processes: u32) -> Self {
        let share = |all: u32| (all / processes.max(1)).max(1);
        Self {
            concurrency: share(self.concurrency),
            per_minute: self.per_minute.map(share),
        }
    }
}

/// Where a lane stands, as far as it outlives the process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Standing {
    /// Messages that may be in conversation at once now.
    pub window: u32,
    /// Messages that may begin in a minute now.
    pub per_minute: Option<u32>,
    /// Rests in a row without a message that was accepted between them.
    pub pauses: u32,
}

/// Why a lane rests.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trouble {
    /// Slower, please, at one conversation already.
    Throttle,
    /// We are not wanted.
    Policy,
    /// Conversations break.
    Broken,
    /// Dots stay without a reply.
    Uncertain,
}

impl Trouble {
    /// How the database spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Throttle => "throttle",
            Self::Policy => "policy",
            Self::Broken => "broken",
            Self::Uncertain => "uncertain",
        }
    }

    /// Reads what [`Trouble::as_str`] wrote; what is unknown is the strictest.
    pub fn parse(text: &str) -> Self {
        match text {
            "throttle" => Self::Throttle,
            "broken" => Self::Broken,
            "uncertain" => Self::Uncertain,
            _ => Self::Policy,
        }
    }

    /// Seconds of the first rest, and of the longest.
    const fn rest_secs(self) -> (i64, i64) {
        match self {
            Self::Throttle | Self::Broken => (15, 300),
            Self::Policy => (60, 3600),
            Self::Uncertain => (300, 1800),
        }
    }
}

/// A lane that rests.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rest {
    /// Why.
    pub trouble: Trouble,
    /// For how long.
    pub secs: i64,
}

/// What a conversation says about its lane.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Effect {
    /// The message was accepted.
    Accepted,
    /// A definite answer that is about the message or the mailbox.
    Answered,
    /// Come again later, said to everybody whom the provider does not know yet.
    Greylisted,
    /// Slower, please.
    Throttled,
    /// We are not wanted.
    Policy,
    /// The conversation broke once the recipient was known.
    Broken,
    /// The dot has no reply.
    Uncertain,
    /// Nothing: it did not come so far.
    Nothing,
}

/// A message in conversation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ticket(u32);

/// The pace of one lane.
#[derive(Debug)]
pub struct Pace {
    limits: Limits,
    window: f64,
    threshold: f64,
    per_minute: Option<f64>,
    tokens: f64,
    filled_at: Instant,
    ended_at: Instant,
    in_flight: u32,
    /// The most that were in conversation at once since there was none: a window that is not used does not grow.
    crowd: u32,
    generation: u32,
    pauses: u32,
    broken: u32,
    uncertain: u32,
    mean_secs: f64,
}

impl Pace {
    /// A lane as it stood before, or a new one.
    pub fn new(limits: Limits, before: Option<Standing>, now: Instant) -> Self {
        let mut pace = Self {
            limits,
            window: f64::from(before.map_or(START, |standing| standing.window.max(1))),
            threshold: f64::from(limits.concurrency),
            per_minute: before
                .and_then(|standing| standing.per_minute)
                .map(f64::from),
            tokens: 1.0,
            filled_at: now,
            ended_at: now,
            in_flight: 0,
            crowd: 0,
            generation: 0,
            pauses: before.map_or(0, |standing| standing.pauses),
            broken: 0,
            uncertain: 0,
            mean_secs: 0.0,
        };
        pace.set_limits(limits);
        pace
    }

    /// Other limits: what is above them comes down, what has none any more is free.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
        self.window = self.window.min(f64::from(limits.concurrency));
        self.per_minute = limits.per_minute.map(|most| {
            let most = f64::from(most);
            self.per_minute.map_or(most, |now| now.min(most))
        });
    }

    /// What outlives the process.
    pub fn standing(&self) -> Standing {
        Standing {
            window: self.window as u32,
            per_minute: self.per_minute.map(|rate| rate as u32),
            pauses: self.pauses,
        }
    }

    /// Messages in conversation now.
    pub const fn in_flight(&self) -> u32 {
        self.in_flight
    }

    /// Messages that may be in conversation at once now.
    pub fn window(&self) -> u32 {
        self.window as u32
    }

    /// Whether its conversations take long: then it may not have many connections.
    pub fn is_slow(&self) -> bool {
        self.mean_secs > SLOW_SECS
    }

    /// When the next message may begin by the rate.
    pub fn ready_at(&mut self, now: Instant) -> Instant {
        let Some(rate) = self.per_minute.map(|rate| rate / 60.0) else {
            return now;
        };
        let passed = now.saturating_duration_since(self.filled_at).as_secs_f64();
        let burst = (rate * BURST_SECS).max(1.0);
        self.tokens = (self.tokens + passed * rate).min(burst);
        self.filled_at = now;
        if self.tokens >= 1.0 {
            now
        } else {
            now + Duration::from_secs_f64((1.0 - self.tokens) / rate) + Duration::from_millis(1)
        }
    }

    /// A message begins. Whom a person waits for may begin ahead of the rate, which is made up for later.
    pub fn start(&mut self, now: Instant) -> Ticket {
        if self.in_flight == 0 && now.saturating_duration_since(self.ended_at) >= QUIET {
            self.threshold = self.threshold.min(self.window.max(f64::from(START)));
            self.window = self.window.min(f64::from(START));
        }
        if self.per_minute.is_some() {
            let _ = self.ready_at(now);
            self.tokens -= 1.0;
        }
        self.in_flight += 1;
        self.crowd = self.crowd.max(self.in_flight);
        Ticket(self.generation)
    }

    /// So many messages that began elsewhere are in conversation here.
    pub fn adopt(&mut self, messages: u32) {
        self.in_flight += messages;
        self.crowd = self.crowd.max(self.in_flight);
    }

    /// A message ended after `took`; says whether the lane rests now.
    pub fn end(
        &mut self,
        ticket: Ticket,
        effect: Effect,
        took: Duration,
        now: Instant,
    ) -> Option<Rest> {
        let is_in_use = f64::from(self.crowd * 2) >= self.window.floor();
        self.in_flight = self.in_flight.saturating_sub(1);
        if self.in_flight == 0 {
            self.crowd = 0;
        }
        self.ended_at = now;
        if effect != Effect::Nothing {
            self.mean_secs += (took.as_secs_f64() - self.mean_secs) / 4.0;
        }
        // What was under way when the lane slowed down says nothing new.
        let is_news = ticket.0 == self.generation;
        if !matches!(effect, Effect::Broken | Effect::Nothing) {
            self.broken = 0;
        }
        if !matches!(effect, Effect::Uncertain | Effect::Nothing) {
            self.uncertain = 0;
        }
        match effect {
            Effect::Accepted => {
                self.pauses = 0;
                if is_in_use {
                    self.grow();
                }
                None
            }
            Effect::Answered | Effect::Nothing => None,
            Effect::Greylisted => {
                if is_news && self.window > 1.0 {
                    self.halve();
                }
                None
            }
            Effect::Throttled | Effect::Policy if !is_news => None,
            Effect::Throttled if self.window >= 2.0 => {
                self.halve();
                None
            }
            Effect::Throttled => Some(self.rest(Trouble::Throttle)),
            Effect::Policy => Some(self.rest(Trouble::Policy)),
            Effect::Broken => {
                self.broken += 1;
                (self.broken >= IN_A_ROW).then(|| self.rest(Trouble::Broken))
            }
            Effect::Uncertain => {
                self.uncertain += 1;
                (self.uncertain >= IN_A_ROW).then(|| self.rest(Trouble::Uncertain))
            }
        }
    }

    fn grow(&mut self) {
        let step = if self.window < self.threshold {
            1.0
        } else {
            1.0 / self.window
        };
        self.window = (self.window + step).min(f64::from(self.limits.concurrency));
        if let (Some(rate), Some(most)) = (&mut self.per_minute, self.limits.per_minute) {
            let most = f64::from(most);
            *rate = (*rate + (most / 100.0).max(1.0)).min(most);
        }
    }

    fn halve(&mut self) {
        self.window = (self.window / 2.0).max(1.0);
        self.threshold = self.window;
        self.per_minute = self.per_minute.map(|rate| (rate / 2.0).max(1.0));
        self.generation = self.generation.wrapping_add(1);
    }

    fn rest(&mut self, trouble: Trouble) -> Rest {
        self.halve();
        self.window = 1.0;
        (self.broken, self.uncertain) = (0, 0);
        let (first, longest) = trouble.rest_secs();
        let secs = (first << self.pauses.min(16)).min(longest);
        self.pauses += 1;
        Rest { trouble, secs }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const WIDE: Limits = Limits {
        concurrency: 16,
        per_minute: None,
    };
    const SHORT: Duration = Duration::from_millis(20);

    fn begun() -> (Pace, Instant) {
        let now = Instant::now();
        (Pace::new(WIDE, None, now), now)
    }

    /// As many messages at once as the lane takes; all end the same way.
    fn round(pace: &mut Pace, effect: Effect, now: Instant) -> Vec<Rest> {
        let tickets: Vec<Ticket> = (0..pace.window()).map(|_| pace.start(now)).collect();
        tickets
            .into_iter()
            .filter_map(|ticket| pace.end(ticket, effect, SHORT, now))
            .collect()
    }

    fn windows(pace: &mut Pace, effect: Effect, now: Instant, rounds: usize) -> Vec<u32> {
        (0..rounds)
            .map(|_| {
                round(pace, effect, now);
                pace.window()
            })
            .collect()
    }

    /// Slow start, halving once a round, additive recovery.
    #[test]
    fn a_lane_starts_slowly_is_halved_at_once_and_recovers_one_a_round() {
        let (mut pace, now) = begun();
        assert_eq!(pace.window(), 2);
        assert_eq!(windows(&mut pace, Effect::Accepted, now, 4), [4, 8, 16, 16]);
        // Sixteen complaints of one round are one complaint.
        assert!(round(&mut pace, Effect::Throttled, now).is_empty());
        assert_eq!(pace.window(), 8);
        assert_eq!(windows(&mut pace, Effect::Accepted, now, 3), [8, 9, 10]);
    }

    #[test]
    fn one_that_is_throttled_at_one_conversation_rests_and_longer_each_time() {
        let (mut pace, now) = begun();
        assert!(round(&mut pace, Effect::Throttled, now).is_empty());
        let rests: Vec<i64> = (0..7)
            .flat_map(|_| round(&mut pace, Effect::Throttled, now))
            .map(|rest| rest.secs)
            .collect();
        assert_eq!(rests, [15, 30, 60, 120, 240, 300, 300]);
        round(&mut pace, Effect::Accepted, now);
        assert_eq!(pace.standing().pauses, 0);
        round(&mut pace, Effect::Throttled, now);
        let rest = round(&mut pace, Effect::Throttled, now);
        assert_eq!(rest.last().map(|rest| rest.secs), Some(15));
    }

    #[test]
    fn greylisting_shrinks_a_lane_and_never_stops_it() {
        let (mut pace, now) = begun();
        windows(&mut pace, Effect::Accepted, now, 3);
        for _ in 0..50 {
            assert!(round(&mut pace, Effect::Greylisted, now).is_empty());
        }
        assert_eq!(pace.window(), 1);
    }

    #[test]
    fn a_policy_refusal_stops_a_lane_at_once() {
        let (mut pace, now) = begun();
        windows(&mut pace, Effect::Accepted, now, 3);
        let rests = round(&mut pace, Effect::Policy, now);
        let rest = Rest {
            trouble: Trouble::Policy,
            secs: 60,
        };
        assert_eq!((rests, pace.window()), (vec![rest], 1));
    }

    /// The breaker after repeated uncertainty (REQUIREMENTS-EMAIL section 2, rule 7).
    #[test]
    fn three_in_a_row_stop_a_lane_and_any_answer_between_them_does_not() {
        for (effect, trouble) in [
            (Effect::Uncertain, Trouble::Uncertain),
            (Effect::Broken, Trouble::Broken),
        ] {
            let (mut pace, now) = begun();
            let mut one = |effect| {
                let ticket = pace.start(now);
                pace.end(ticket, effect, SHORT, now)
            };
            for _ in 0..5 {
                assert_eq!(one(effect), None);
                assert_eq!(one(effect), None);
                assert_eq!(one(Effect::Answered), None);
            }
            assert_eq!(one(effect), None);
            assert_eq!(one(Effect::Nothing), None);
            assert_eq!(one(effect), None);
            assert_eq!(one(effect).map(|rest| rest.trouble), Some(trouble));
        }
    }

    #[test]
    fn a_rate_is_kept_halved_and_made_up_for() {
        let now = Instant::now();
        let limits = Limits {
            concurrency: 4,
            per_minute: Some(600),
        };
        let mut pace = Pace::new(limits, None, now);
        // Ten a second: after the first the next one waits a tenth.
        pace.start(now);
        let wait = pace.ready_at(now) - now;
        assert!((100..=102).contains(&wait.as_millis()), "{wait:?}");
        // A pause is made up for, but not without end.
        let later = now + Duration::from_mins(10);
        let mut begun = 0;
        while pace.ready_at(later) == later {
            pace.start(later);
            begun += 1;
        }
        assert_eq!(begun, 100);
        pace.in_flight = 0;
        round(&mut pace, Effect::Throttled, later);
        assert_eq!(pace.standing().per_minute, Some(300));
        for _ in 0..100 {
            round(&mut pace, Effect::Accepted, later);
        }
        assert_eq!(pace.standing().per_minute, Some(600));
        // Whom a person waits for goes ahead, and the others wait for it.
        let empty = later + Duration::from_mins(10);
        for _ in 0..110 {
            pace.start(empty);
        }
        assert!(pace.ready_at(empty) - empty >= Duration::from_secs(1));
    }

    #[test]
    fn a_lane_goes_on_where_it_stood_and_slowly_after_a_quiet_hour() {
        let now = Instant::now();
        let stood = Standing {
            window: 9,
            per_minute: None,
            pauses: 2,
        };
        let mut pace = Pace::new(WIDE, Some(stood), now);
        assert_eq!(pace.standing(), stood);
        let ticket = pace.start(now + QUIET);
        assert_eq!(pace.window(), START);
        pace.end(ticket, Effect::Accepted, SHORT, now + QUIET);
        assert_eq!(windows(&mut pace, Effect::Accepted, now + QUIET, 2), [6, 9]);
        // Another limit holds at once.
        pace.set_limits(WIDE.shared_by(4));
        assert_eq!(pace.window(), 4);
    }

    #[test]
    fn long_conversations_make_a_slow_lane_and_short_ones_a_quick_one() {
        let (mut pace, now) = begun();
        let mut take = |secs| {
            let ticket = pace.start(now);
            pace.end(ticket, Effect::Accepted, Duration::from_secs(secs), now);
            pace.is_slow()
        };
        assert!(!take(1));
        assert!(take(30));
        assert!((0..10).map(|_| take(0)).last().is_some_and(|slow| !slow));
    }

    const EFFECTS: [Effect; 8] = [
        Effect::Accepted,
        Effect::Answered,
        Effect::Greylisted,
        Effect::Throttled,
        Effect::Policy,
        Effect::Broken,
        Effect::Uncertain,
        Effect::Nothing,
    ];

    proptest! {
        /// Whatever happens, a lane keeps at least one conversation and never more than its limit, and no rest is longer than an hour.
        #[test]
        fn a_lane_never_dies_and_never_exceeds_its_limit(story in proptest::collection::vec((0usize..8, 1u32..5), 1..200)) {
            let now = Instant::now();
            let limits = Limits { concurrency: 5, per_minute: Some(120) };
            let mut pace = Pace::new(limits, None, now);
            for (effect, together) in story {
                let tickets: Vec<Ticket> = (0..together).map(|_| pace.start(now)).collect();
                for ticket in tickets {
                    if let Some(rest) = pace.end(ticket, EFFECTS[effect], SHORT, now) {
                        prop_assert!((15..=3600).contains(&rest.secs));
                    }
                    prop_assert!((1..=5).contains(&pace.window()));
                    let rate = pace.standing().per_minute.unwrap();
                    prop_assert!((1..=120).contains(&rate));
                }
                prop_assert_eq!(pace.in_flight(), 0);
            }
        }
    }
}
