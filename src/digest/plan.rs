//! Working on runs: one delivery for each person who has something to come.
//!
//! Runs that end alike are worked on together ([`super::bundle`]). Their people are taken in chunks, each in one transaction: locked,
//! given their stories, moved on. A killed planner loses nothing, and any planner may take any chunk. No lock waits for a template: a
//! chunk that meets contents without a letter is let go, the letters are made, and the chunk is taken again. The last chunk closes the
//! runs in the same transaction, so that small runs are one.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::bundle::{Bundle, CHUNK, bundle};
use super::gather::{Content, Divided, Frame};
use super::hours::Hours;
use super::morning::Morning;
use super::open::TRIES;
use super::prepare::{Outcome, Prepared, Setting, prepare};
use super::store::{self, FanOut};
use super::tally::{Tally, Told};
use super::{DigestError, RunReport};
use crate::audience::store::{
    Member, advance, list_slots_with_due, lock_chunk, mark_told, mark_untold,
};
use crate::db::{Tx, is_retryable};
use crate::delivery::LetterKind;
use crate::delivery::store::{Entry, ensure_lane, lock_letters};
use crate::theme::Theme;
use crate::work::Core;

/// Deliveries in one statement: PostgreSQL sorts so many without a file.
const TOGETHER: usize = 5_000;

/// Works on open runs until each is closed (or set aside with an alarm); returns what was closed.
///
/// A run that fails does not hold up the others; it stays open and is tried again by the next call.
pub async fn work_runs(core: &Core, theme: &Theme) -> Result<Vec<RunReport>, DigestError> {
    let mut closed = Vec::new();
    let mut morning = Morning::default();
    let runs = store::list_open_runs(&core.db, core.clock.now(), false).await?;
    for bundle in bundle(core, &mut morning, runs).await? {
        let is_one = bundle.parts.len() == 1;
        match work_bundle(core, theme, &mut morning, &bundle, &mut closed).await {
            Ok(()) => continue,
            Err(error) if !is_one => {
                tracing::warn!(%error, "runs could not be planned together; each is planned alone");
            }
            Err(error) => log_failed(&bundle, &error),
        }
        // What is known may be half of something.
        morning = Morning::default();
        if is_one {
            continue;
        }
        for alone in bundle.apart() {
            if let Err(error) = work_bundle(core, theme, &mut morning, &alone, &mut closed).await {
                log_failed(&alone, &error);
                morning = Morning::default();
            }
        }
    }
    Ok(closed)
}

fn log_failed(bundle: &Bundle, error: &DigestError) {
    for part in bundle.parts.values() {
        tracing::error!(run_id = part.run.id, %error, "a run could not be worked on and stays open");
    }
}

/// How many runs are open and not held: after [`work_runs`], those that failed or that another planner is still at.
pub async fn count_open_runs(core: &Core) -> Result<usize, DigestError> {
    Ok(store::list_open_runs(&core.db, core.clock.now(), false)
        .await?
        .len())
}

async fn work_bundle(
    core: &Core,
    theme: &Theme,
    morning: &mut Morning,
    bundle: &Bundle,
    reports: &mut Vec<RunReport>,
) -> Result<(), DigestError> {
    let mut planner = Planner {
        core,
        theme,
        morning,
        bundle,
        live: bundle.parts.keys().copied().collect(),
        after: 0,
        tallies: HashMap::new(),
        closed: BTreeMap::new(),
        hours: None,
    };
    let planned = planner.plan_all().await;
    // What was closed before something failed is closed.
    let closed = match &planned {
        Ok(()) => planner.close_rest().await,
        Err(_) => Ok(()),
    };
    planner.report(reports).await?;
    planned.and(closed)
}

/// One planner at one bundle.
struct Planner<'a> {
    core: &'a Core,
    theme: &'a Theme,
    morning: &'a mut Morning,
    bundle: &'a Bundle,
    /// Slots whose run is open, not held, and has time left, as far as this planner knows.
    live: Vec<i64>,
    /// The last row that was served or set aside; the chunks go on behind it.
    after: i64,
    /// Counts, by slot.
    tallies: HashMap<i64, Tally>,
    /// Runs that this planner closed, by slot.
    closed: BTreeMap<i64, Closed>,
    /// What issues are dated by; read when the first one is made.
    hours: Option<Hours>,
}

/// How a run was closed, and its sums of people mailed and people for whom there was nothing.
#[derive(Clone, Copy)]
struct Closed {
    state: &'static str,
    sums: (i64, i64),
}

/// A chunk that was planned.
struct Planned {
    /// Who gets which letter.
    served: Vec<(Member, i64)>,
    /// The last row that was gone through.
    last: i64,
    /// There are no more.
    is_last: bool,
    /// The runs that the last chunk closed, by slot.
    closed: BTreeMap<i64, Closed>,
}

/// What one try at a chunk gave.
enum Step {
    /// People were planned, or there was nobody.
    Planned(Planned),
    /// Somebody else closed a run, or holds it: nothing of the transaction may be kept.
    Gone,
    /// Contents without a letter.
    Missing(Vec<Content>),
    /// Providers without a lane.
    Laneless(Vec<String>),
    /// Something was withdrawn meanwhile.
    Stale,
}

impl Planner<'_> {
    async fn plan_all(&mut self) -> Result<(), DigestError> {
        // Tries in a row that planned nobody: each one must have found something new, or the runs are let go until later.
        let mut idle = 0;
        while self.any_live() {
            let step = match self.try_chunk().await {
                Err(DigestError::Database(e)) if is_retryable(&e) && idle < TRIES => {
                    idle += 1;
                    continue;
                }
                other => other?,
            };
            match step {
                Step::Planned(planned) => {
                    self.after = planned.last;
                    self.closed.extend(planned.closed);
                    for (member, letter_id) in &planned.served {
                        self.tallies
                            .entry(member.slot_id)
                            .or_default()
                            .add(*letter_id, member);
                    }
                    if !planned.served.is_empty() {
                        self.core.bells.queued.notify_waiters();
                    }
                    if planned.is_last {
                        return Ok(());
                    }
                    idle = 0;
                    continue;
                }
                Step::Gone => self.look_again().await?,
                Step::Missing(contents) => self.prepare(&contents).await?,
                Step::Laneless(providers) => self.make_lanes(&providers).await?,
                Step::Stale => self.forget(),
            }
            idle += 1;
            if idle > TRIES * 4 {
                return Err(DigestError::Invalid(
                    "the runs find no rest: their stories change faster than they are planned"
                        .to_owned(),
                ));
            }
        }
        Ok(())
    }

    /// Leaves out runs whose time is over; false if none is left.
    fn any_live(&mut self) -> bool {
        let now = self.core.clock.now();
        let parts = &self.bundle.parts;
        self.live
            .retain(|slot_id| now < parts[slot_id].run.expires_at);
        !self.live.is_empty()
    }

    /// Leaves out runs that are open no more, or held.
    async fn look_again(&mut self) -> Result<(), DigestError> {
        let now = self.core.clock.now();
        let open: BTreeSet<i64> = store::list_open_runs(&self.core.db, now, false)
            .await?
            .into_iter()
            .map(|run| run.id)
            .collect();
        let parts = &self.bundle.parts;
        self.live
            .retain(|slot_id| open.contains(&parts[slot_id].run.id));
        Ok(())
    }

    /// Makes the letters of contents; where a text is not live any more or no mail can be made of it, the chunks pick again.
    async fn prepare(&mut self, contents: &[Content]) -> Result<(), DigestError> {
        let Bundle {
            newsletter,
            local_date,
            ..
        } = self.bundle;
        let Some(sections) = self
            .morning
            .windows(newsletter.id)
            .next()
            .map(|w| w.sections.clone())
        else {
            return Ok(());
        };
        let hours = match self.hours.take() {
            Some(known) => known,
            None => Box::pin(Hours::of_bundle(self.core, self.bundle)).await?,
        };
        let mut setting = Setting {
            newsletter: newsletter.clone(),
            sections: sections.into(),
            local_date: *local_date,
            dated_at: self.bundle.due_at,
        };
        let mut outcomes = Vec::new();
        for (dated_at, contents) in self.hours.insert(hours).sort(contents) {
            setting.dated_at = dated_at;
            let prepared = Box::pin(prepare(self.core, self.theme, &setting, &contents));
            outcomes.extend(prepared.await?);
        }
        let mut is_stale = false;
        for (content, outcome) in outcomes {
            match outcome {
                Outcome::Settled(prepared) => {
                    self.morning
                        .issues(newsletter.id, *local_date)
                        .insert(content, prepared);
                }
                Outcome::Stale => is_stale = true,
                Outcome::Faulty(articles) => {
                    for window in self.morning.windows(newsletter.id) {
                        window.leave_out(&articles);
                    }
                    is_stale = true;
                }
            }
        }
        if is_stale {
            self.forget();
        }
        Ok(())
    }

    fn forget(&mut self) {
        let Bundle {
            newsletter,
            local_date,
            ..
        } = self.bundle;
        for window in self.morning.windows(newsletter.id) {
            window.forget_stories();
        }
        self.morning
            .issues(newsletter.id, *local_date)
            .retain(|_, prepared| matches!(prepared, Prepared::Failed));
    }

    async fn make_lanes(&mut self, providers: &[String]) -> Result<(), DigestError> {
        let mut tx = self.core.db.begin().await?;
        for provider in providers {
            ensure_lane(&mut tx, &self.bundle.newsletter.relay, provider).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// Locks, divides and plans one chunk in one transaction.
    async fn try_chunk(&mut self) -> Result<Step, DigestError> {
        let mut tx = self.core.db.begin().await?;
        let step = self.plan_chunk(&mut tx).await;
        if matches!(step, Ok(Step::Planned(_))) {
            tx.commit().await?;
        } else {
            // One that is merely dropped holds its people a moment longer, and the next try would pass them over as another's.
            tx.rollback().await?;
        }
        step
    }

    async fn plan_chunk(&mut self, tx: &mut Tx) -> Result<Step, DigestError> {
        let bundle = self.bundle;
        let (last_row, stride) = bundle.reach;
        let upto = self.after.saturating_add(stride);
        let members = lock_chunk(tx, &bundle.due(&self.live), (self.after, upto), CHUNK).await?;
        let is_full = members.len() as i64 == CHUNK;
        let last = match members.last() {
            Some(member) if is_full => member.id,
            _ => upto,
        };
        let is_last = !is_full && upto >= last_row;
        let divided = self.divide(tx, members).await?;
        let issues = self.morning.issues(bundle.newsletter.id, bundle.local_date);
        let missing: Vec<Content> = divided
            .mailed
            .keys()
            .filter(|content| !issues.contains_key(content))
            .cloned()
            .collect();
        if !missing.is_empty() {
            return Ok(Step::Missing(missing));
        }
        // Those whose issue does not compile are in neither list: they keep their place.
        let mut served: Vec<(Member, i64)> = Vec::new();
        for (content, people) in divided.mailed {
            if let Prepared::Ready { letter_id, .. } = &issues[&content] {
                served.extend(people.into_iter().map(|member| (member, *letter_id)));
            }
        }
        served.sort_unstable_by_key(|(member, _)| member.id);
        if let Some(other) = self.fan_out(tx, &served).await? {
            return Ok(other);
        }
        let told = divided.told;
        if !self
            .move_on(tx, &served, &divided.empty, &divided.untold, told)
            .await?
        {
            return Ok(Step::Gone);
        }
        let closed = if is_last {
            self.close_in(tx).await?
        } else {
            BTreeMap::new()
        };
        Ok(Step::Planned(Planned {
            served,
            last,
            is_last,
            closed,
        }))
    }

    /// Divides people by what they get, each by the window of their run.
    async fn divide(&mut self, tx: &mut Tx, members: Vec<Member>) -> Result<Divided, DigestError> {
        let Bundle {
            newsletter, parts, ..
        } = self.bundle;
        let mut by_frame: Vec<(Frame, Vec<Member>)> = Vec::new();
        for member in members {
            let frame = parts[&member.slot_id].frame;
            match by_frame.iter_mut().find(|(known, _)| *known == frame) {
                Some((_, people)) => people.push(member),
                None => by_frame.push((frame, vec![member])),
            }
        }
        let mut all = Divided::default();
        for (frame, people) in by_frame {
            let window = self.morning.window(self.core, newsletter, frame).await?;
            let divided = window.divide(self.core, tx, people).await?;
            for (content, people) in divided.mailed {
                all.mailed.entry(content).or_default().extend(people);
            }
            all.empty.extend(divided.empty);
            all.untold.extend(divided.untold);
            all.told.extend(divided.told);
        }
        Ok(all)
    }

    /// Stores the deliveries of a chunk; something else if they cannot be kept.
    async fn fan_out(
        &self,
        tx: &mut Tx,
        served: &[(Member, i64)],
    ) -> Result<Option<Step>, DigestError> {
        let letters: BTreeSet<i64> = served.iter().map(|(_, letter)| *letter).collect();
        let Some(entries) = lock_letters(tx, &letters).await? else {
            return Ok(Some(Step::Stale));
        };
        if entries
            .values()
            .any(|entry| entry.class == Some("withdrawn"))
        {
            // Nothing of it is left. Picked again, its people have nothing to come, and what they would be told waits for their next mail.
            return Ok(Some(Step::Stale));
        }
        let slots: BTreeSet<i64> = served.iter().map(|(member, _)| member.slot_id).collect();
        let runs: Vec<i64> = slots
            .iter()
            .map(|id| self.bundle.parts[id].run.id)
            .collect();
        let fan = FanOut {
            runs: &runs,
            relay: &self.bundle.newsletter.relay,
            priority: LetterKind::Issue.priority(),
            now: self.core.clock.now(),
        };
        // Nearly always one: all letters are open.
        let kinds: BTreeSet<Entry> = entries.values().copied().collect();
        for kind in kinds {
            let people: Vec<(i64, i64)> = served
                .iter()
                .filter(|(_, letter)| entries[letter] == kind)
                .map(|(member, letter)| (member.id, *letter))
                .collect();
            let mut stored = 0;
            for some in people.chunks(TOGETHER) {
                stored += store::insert_fan_out(tx, &fan, kind, some).await?;
            }
            if stored as usize == people.len() {
                continue;
            }
            let rows: Vec<i64> = people.iter().map(|(row, _)| *row).collect();
            let laneless = store::list_laneless(tx, fan.relay, &rows).await?;
            if laneless.is_empty() {
                return Err(DigestError::Invalid(format!(
                    "{stored} deliveries were stored for {} people; nothing of it is kept",
                    people.len()
                )));
            }
            return Ok(Some(Step::Laneless(laneless)));
        }
        Ok(None)
    }

    /// Moves the people of a chunk on, and adds them to the sums of their runs; false if nothing of the transaction may be kept.
    async fn move_on(
        &self,
        tx: &mut Tx,
        served: &[(Member, i64)],
        empty: &[Member],
        untold: &[i64],
        told: Vec<i64>,
    ) -> Result<bool, DigestError> {
        let Bundle {
            parts,
            to_no,
            local_date,
            ..
        } = self.bundle;
        if !untold.is_empty() {
            mark_untold(tx, untold).await?;
        }
        let mailed: Vec<i64> = served.iter().map(|(member, _)| member.id).collect();
        if !told.is_empty() {
            let told: Vec<i64> = told
                .into_iter()
                .filter(|id| mailed.binary_search(id).is_ok())
                .collect();
            mark_told(tx, &told).await?;
        }
        let nothing: Vec<i64> = empty.iter().map(|member| member.id).collect();
        let date = (!self.bundle.is_immediate()).then(|| local_date.to_string());
        let mut moved = 0;
        for (people, date) in [(&mailed, date.as_deref()), (&nothing, None)] {
            if !people.is_empty() {
                moved += advance(tx, people, *to_no, date).await? as usize;
            }
        }
        if moved != mailed.len() + nothing.len() {
            return Err(DigestError::Invalid(format!(
                "{} people were locked and {moved} moved on; nothing of it is kept",
                mailed.len() + nothing.len()
            )));
        }
        let mut sums: BTreeMap<i64, (i64, i64)> = BTreeMap::new();
        for (member, _) in served {
            sums.entry(parts[&member.slot_id].run.id).or_default().0 += 1;
        }
        for member in empty {
            sums.entry(parts[&member.slot_id].run.id).or_default().1 += 1;
        }
        let sums: Vec<(i64, i64, i64)> =
            sums.into_iter().map(|(run, (m, e))| (run, m, e)).collect();
        Ok(sums.is_empty() || store::add_to_runs(tx, &sums).await?)
    }

    /// Closes what is not closed yet, in a transaction of its own: another planner held somebody a moment ago, somebody was set
    /// aside, or the time was over.
    async fn close_rest(&mut self) -> Result<(), DigestError> {
        if self.closed.len() == self.bundle.parts.len() {
            return Ok(());
        }
        let mut tx = self.core.db.begin().await?;
        let closed = self.close_in(&mut tx).await?;
        tx.commit().await?;
        self.closed.extend(closed);
        Ok(())
    }

    /// Closes each run if nobody is left (`done`) or its time is over (`cut`); the others stay open for whoever holds the rest.
    async fn close_in(&self, tx: &mut Tx) -> Result<BTreeMap<i64, Closed>, DigestError> {
        let now = self.core.clock.now();
        let open: BTreeMap<i64, i64> = self
            .bundle
            .parts
            .iter()
            .filter(|(slot_id, _)| !self.closed.contains_key(slot_id))
            .map(|(slot_id, part)| (part.run.id, *slot_id))
            .collect();
        let slots: Vec<i64> = open.values().copied().collect();
        let with_due: BTreeSet<i64> = list_slots_with_due(tx, &self.bundle.due(&slots))
            .await?
            .into_iter()
            .collect();
        let (left, done): (Vec<i64>, Vec<i64>) =
            open.keys().partition(|run| with_due.contains(&open[*run]));
        let cut: Vec<i64> = left
            .into_iter()
            .filter(|run| now >= self.bundle.parts[&open[run]].run.expires_at)
            .collect();
        for run_id in &cut {
            tracing::warn!(
                run_id,
                "a run was cut: its time is over; the rest keep their place"
            );
        }
        let mut closed = BTreeMap::new();
        for (runs, state) in [(done, "done"), (cut, "cut")] {
            if runs.is_empty() {
                continue;
            }
            for (run, mailed, empty) in store::close_runs(tx, &runs, state, now).await? {
                closed.insert(
                    open[&run],
                    Closed {
                        state,
                        sums: (mailed, empty),
                    },
                );
            }
        }
        Ok(closed)
    }

    /// The reports of the runs that were closed, longest due first.
    async fn report(self, reports: &mut Vec<RunReport>) -> Result<(), DigestError> {
        let Bundle {
            newsletter,
            local_date,
            parts,
            ..
        } = self.bundle;
        let mut letters: HashMap<i64, Told<'_>> = HashMap::new();
        let mut languages = HashMap::new();
        for slot_id in self.closed.keys() {
            let window = self
                .morning
                .window(self.core, newsletter, parts[slot_id].frame)
                .await?;
            for selection in window.selections() {
                languages
                    .entry(selection.id)
                    .or_insert_with(|| Arc::from(selection.languages.as_slice()));
            }
        }
        for (content, prepared) in self.morning.issues(newsletter.id, *local_date).iter() {
            if let Prepared::Ready { letter_id, subject } = prepared {
                letters.insert(*letter_id, Told { subject, content });
            }
        }
        let nobody = Tally::default();
        let mut closed: Vec<(&i64, &Closed)> = self.closed.iter().collect();
        closed.sort_by_key(|(slot_id, _)| (parts[*slot_id].run.due_at, parts[*slot_id].run.id));
        for (slot_id, Closed { state, sums }) in closed {
            let part = &parts[slot_id];
            let tally = self.tallies.get(slot_id).unwrap_or(&nobody);
            reports.push(tally.report(
                (&part.run, &part.slot),
                state,
                *sums,
                |letter| letters.get(&letter).copied(),
                |selection| {
                    languages
                        .get(&selection)
                        .cloned()
                        .unwrap_or_else(|| Arc::from([]))
                },
            ));
        }
        Ok(())
    }
}
