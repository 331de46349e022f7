//! Working on runs: one delivery for each person who has something to come.
//!
//! People are taken in chunks, each in one transaction: locked, given their stories, moved on. A killed planner loses nothing,
//! and any planner may take any chunk. No lock waits for a template: a chunk that meets a content without a letter is let go, the
//! letter is made, and the chunk is taken again. The last chunk closes its run in the same transaction, so that a small run is one.

use std::collections::{BTreeMap, BTreeSet};

use super::gather::{Content, Divided};
use super::morning::{Morning, Share};
use super::open::TRIES;
use super::prepare::{Outcome, Prepared, prepare};
use super::store::{self, FanOut, OpenRun};
use super::{DigestError, RunIssue, RunReport};
use crate::audience::cadence::Cadence;
use crate::audience::store::{
    Member, Slot, advance, is_anyone_due, lock_chunk, mark_told, mark_untold,
};
use crate::base::language::Language;
use crate::db::{Tx, is_retryable};
use crate::delivery::LetterKind;
use crate::delivery::store::{Entry, ensure_lane, lock_letters};
use crate::theme::Theme;
use crate::work::Core;

/// People in one transaction. SQLite has one writer and no rows to lock, and each commit writes every page of the indexes anew: there
/// more people at once cost half a second and a third of the pages.
const fn chunk_size(core: &Core) -> i64 {
    if core.db.is_postgres() { 5_000 } else { 20_000 }
}

/// The local date that passes the date rule of every subscription: immediate mail has none.
const ANY_DATE: &str = "9999-12-31";

/// Works on open runs until each is closed (or set aside with an alarm); returns what was closed.
///
/// A run that fails does not hold up the others; it stays open and is tried again by the next call.
pub async fn work_runs(core: &Core, theme: &Theme) -> Result<Vec<RunReport>, DigestError> {
    let mut closed = Vec::new();
    let mut morning = Morning::default();
    let runs = store::list_open_runs(&core.db, core.clock.now(), false).await?;
    let mut rest = &runs[..];
    while !rest.is_empty() {
        match work_together(core, theme, &mut morning, rest).await {
            Ok((count, reports)) => {
                closed.extend(reports);
                rest = &rest[count..];
            }
            Err(error) => {
                tracing::warn!(%error, "runs could not be planned together; the next one is planned alone");
            }
        }
        // The next one is too large for that, asks for something new, or has a trouble of its own.
        let Some((run, others)) = rest.split_first() else {
            break;
        };
        rest = others;
        match work_run(core, theme, &mut morning, run).await {
            Ok(report) => closed.extend(report),
            Err(error) => {
                tracing::error!(run_id = run.id, %error, "a run could not be worked on and stays open");
            }
        }
    }
    Ok(closed)
}

/// Plans as many of those runs as a transaction holds, from the first on, while each is small and asks for nothing that is not there
/// yet. Returns how many, and the reports of those that are closed now. Most slots of a morning have few people, and a transaction
/// for each would cost more than the people.
async fn work_together(
    core: &Core,
    theme: &Theme,
    morning: &mut Morning,
    runs: &[OpenRun],
) -> Result<(usize, Vec<RunReport>), DigestError> {
    let mut tx = core.db.begin().await?;
    let planned = match plan_together(core, theme, morning, &mut tx, runs).await {
        Ok(planned) => planned,
        Err(error) => {
            // One that is merely dropped holds its people a moment longer, and the next try would pass them over as another's.
            tx.rollback().await?;
            return Err(error);
        }
    };
    tx.commit().await?;
    if !planned.is_empty() {
        core.bells.queued.notify_waiters();
    }
    let count = planned.len();
    let mut reports = Vec::new();
    for mut one in planned {
        if one.closed.is_none() {
            // Another planner held somebody a moment ago, or somebody was set aside.
            let mut tx = core.db.begin().await?;
            one.closed = close_in(core, &mut tx, one.run, &one.slot, &one.date).await?;
            tx.commit().await?;
        }
        if let Some((state, sums)) = one.closed {
            reports.push(one.tally.report(one.run, &one.slot, state, sums));
        }
    }
    Ok((count, reports))
}

/// A run that was planned together with others.
struct Together<'a> {
    run: &'a OpenRun,
    slot: Slot,
    date: String,
    tally: Tally,
    closed: Option<Closed>,
}

async fn plan_together<'a>(
    core: &'a Core,
    theme: &'a Theme,
    morning: &mut Morning,
    tx: &mut Tx,
    runs: &'a [OpenRun],
) -> Result<Vec<Together<'a>>, DigestError> {
    let (mut done, mut people) = (Vec::new(), 0);
    for run in runs {
        if people >= chunk_size(core) || core.clock.now() >= run.expires_at {
            break;
        }
        let mut planner = Planner::new(core, theme, morning, run).await?;
        let closed = match planner.plan_chunk(tx, true).await? {
            Step::Planned(planned) => {
                planner.count(&planned.mailed);
                people += planned.people;
                planned.closed
            }
            Step::Nobody => close_in(core, tx, run, &planner.slot, &planner.date).await?,
            Step::Gone => {
                return Err(DigestError::Invalid(format!(
                    "run {} was closed or held meanwhile",
                    run.id
                )));
            }
            Step::Large | Step::Stale | Step::Missing(..) => {
                morning.put(planner.share);
                break;
            }
        };
        let Planner {
            slot,
            date,
            share,
            tally,
            ..
        } = planner;
        morning.put(share);
        done.push(Together {
            run,
            slot,
            date,
            tally,
            closed,
        });
    }
    Ok(done)
}

/// How many runs are open and not held: after [`work_runs`], those that failed or that another planner is still at.
pub async fn count_open_runs(core: &Core) -> Result<usize, DigestError> {
    Ok(store::list_open_runs(&core.db, core.clock.now(), false)
        .await?
        .len())
}

/// The people and stories a planner has met in a run, for its report.
#[derive(Default)]
pub(super) struct Tally {
    stories: BTreeSet<i64>,
    contents: BTreeSet<Content>,
    issues: BTreeMap<(Vec<Language>, String, i64), i64>,
}

impl Tally {
    /// So many people more who asked for these languages and get that content.
    pub(super) fn add(
        &mut self,
        languages: &[Language],
        subject: &str,
        content: &Content,
        people: i64,
    ) {
        *self
            .issues
            .entry((
                languages.to_vec(),
                subject.to_owned(),
                content.items.len() as i64,
            ))
            .or_default() += people;
        if !self.contents.contains(content) {
            self.contents.insert(content.clone());
            self.stories
                .extend(content.items.iter().map(|item| item.story_id));
        }
    }

    pub(super) fn report(
        self,
        run: &OpenRun,
        slot: &Slot,
        state: &str,
        (mailed, empty): (i64, i64),
    ) -> RunReport {
        let mut issues: Vec<RunIssue> = self
            .issues
            .into_iter()
            .map(|((languages, subject, stories), people)| RunIssue {
                languages,
                people,
                subject,
                stories,
            })
            .collect();
        issues.sort_by_key(|issue| std::cmp::Reverse(issue.people));
        RunReport {
            run_id: run.id,
            time_zone: slot.time_zone.name().to_owned(),
            local_date: run.local_date.to_string(),
            due_at: run.due_at,
            stories: self.stories.len() as i64,
            digests: self.contents.len() as i64,
            issues,
            mailed,
            empty,
            state: state.to_owned(),
        }
    }
}

/// The date that the date rule compares with.
pub(super) fn rule_date(run: &OpenRun, slot: &Slot) -> String {
    if matches!(slot.cadence, Cadence::Immediate) {
        ANY_DATE.to_owned()
    } else {
        run.local_date.to_string()
    }
}

/// One planner at one run.
struct Planner<'a> {
    core: &'a Core,
    theme: &'a Theme,
    run: &'a OpenRun,
    slot: Slot,
    date: String,
    share: Share,
    /// The last row that was served or set aside; the chunks go on behind it.
    after: i64,
    tally: Tally,
}

/// The sums of a run that was closed, and how: `done` or `cut`.
type Closed = (&'static str, (i64, i64));

/// A chunk that was planned, before it is committed.
struct Planned {
    /// Who gets which content.
    mailed: BTreeMap<Content, Vec<Member>>,
    /// How many were moved on.
    people: i64,
    /// The last row.
    last: i64,
    /// There are no more.
    is_last: bool,
    /// The last chunk closed the run.
    closed: Option<Closed>,
}

/// What one try at a chunk gave.
enum Step {
    /// People were planned.
    Planned(Planned),
    /// Nobody is left that this planner could take.
    Nobody,
    /// Somebody else closed the run, or holds it: nothing of the transaction may be kept.
    Gone,
    /// It has more people than one chunk, which was not wanted.
    Large,
    /// Contents without a letter, providers without a lane.
    Missing(Vec<Content>, Vec<String>),
    /// Something was withdrawn meanwhile.
    Stale,
}

async fn work_run(
    core: &Core,
    theme: &Theme,
    morning: &mut Morning,
    run: &OpenRun,
) -> Result<Option<RunReport>, DigestError> {
    let mut planner = Planner::new(core, theme, morning, run).await?;
    let mut closed = None;
    if core.clock.now() < run.expires_at {
        closed = planner.plan_all().await?;
    }
    if closed.is_none() {
        closed = planner.close().await?;
    }
    let Planner {
        slot, share, tally, ..
    } = planner;
    morning.put(share);
    Ok(closed.map(|(state, sums)| tally.report(run, &slot, state, sums)))
}

impl<'a> Planner<'a> {
    async fn new(
        core: &'a Core,
        theme: &'a Theme,
        morning: &mut Morning,
        run: &'a OpenRun,
    ) -> Result<Self, DigestError> {
        let (slot, share) = morning.take(core, run).await?;
        Ok(Self {
            core,
            theme,
            run,
            date: rule_date(run, &slot),
            slot,
            share,
            after: 0,
            tally: Tally::default(),
        })
    }

    /// False if something of the content is not live any more, or no mail can be made of it: then the chunks pick again.
    async fn prepare_one(&mut self, content: &Content) -> Result<bool, DigestError> {
        if self.share.issues.contains_key(content) {
            return Ok(true);
        }
        let outcome = prepare(
            self.core,
            self.theme,
            self.share.gathered.newsletter(),
            &self.share.gathered.sections,
            content,
            self.run.local_date,
            self.run.due_at,
        )
        .await?;
        match outcome {
            Outcome::Settled(prepared) => {
                self.share.issues.insert(content.clone(), prepared);
                Ok(true)
            }
            Outcome::Stale => Ok(false),
            Outcome::Faulty(articles) => {
                self.share.gathered.leave_out(&articles);
                Ok(false)
            }
        }
    }

    fn forget(&mut self) {
        self.share.gathered.forget_stories();
        self.share
            .issues
            .retain(|_, prepared| matches!(prepared, Prepared::Failed));
    }

    async fn plan_all(&mut self) -> Result<Option<Closed>, DigestError> {
        // Tries in a row that planned nobody: each one must have found something new, or the run is let go until later.
        let mut idle = 0;
        loop {
            let step = match self.try_chunk().await {
                Err(DigestError::Database(e)) if is_retryable(&e) && idle < TRIES => {
                    idle += 1;
                    continue;
                }
                other => other?,
            };
            match step {
                Step::Nobody | Step::Gone | Step::Large => return Ok(None),
                Step::Planned(planned) => {
                    self.after = planned.last;
                    self.count(&planned.mailed);
                    self.core.bells.queued.notify_waiters();
                    if planned.is_last {
                        return Ok(planned.closed);
                    }
                    idle = 0;
                    continue;
                }
                Step::Missing(contents, providers) => {
                    for content in &contents {
                        if !self.prepare_one(content).await? {
                            self.forget();
                            break;
                        }
                    }
                    self.make_lanes(providers).await?;
                }
                Step::Stale => self.forget(),
            }
            idle += 1;
            if idle > TRIES * 4 {
                return Err(DigestError::Invalid(format!(
                    "run {} finds no rest: its stories change faster than they are planned",
                    self.run.id
                )));
            }
        }
    }

    async fn make_lanes(&mut self, providers: Vec<String>) -> Result<(), DigestError> {
        if providers.is_empty() {
            return Ok(());
        }
        let relay = self.share.gathered.newsletter().relay.clone();
        let mut tx = self.core.db.begin().await?;
        let mut made = Vec::new();
        for provider in providers {
            made.push((
                provider.clone(),
                ensure_lane(&mut tx, &relay, &provider).await?,
            ));
        }
        tx.commit().await?;
        self.share.lanes.extend(made);
        Ok(())
    }

    /// Locks, divides and plans one chunk in one transaction.
    async fn try_chunk(&mut self) -> Result<Step, DigestError> {
        let mut tx = self.core.db.begin().await?;
        let step = self.plan_chunk(&mut tx, false).await;
        if matches!(step, Ok(Step::Planned(_))) {
            tx.commit().await?;
        } else {
            tx.rollback().await?;
        }
        step
    }

    /// Locks, divides and plans one chunk; with `whole`, only if the run has no more people than that.
    async fn plan_chunk(&mut self, tx: &mut Tx, whole: bool) -> Result<Step, DigestError> {
        let run = self.run;
        let size = chunk_size(self.core);
        let members = lock_chunk(tx, self.slot.id, self.after, run.to_no, &self.date, size).await?;
        let Some(last) = members.last().map(|member| member.id) else {
            return Ok(Step::Nobody);
        };
        let is_last = (members.len() as i64) < size;
        if whole && !is_last {
            return Ok(Step::Large);
        }
        let Divided {
            mailed,
            empty,
            untold,
            told,
        } = self.share.gathered.divide(self.core, tx, members).await?;
        let missing: Vec<Content> = mailed
            .keys()
            .filter(|content| !self.share.issues.contains_key(content))
            .cloned()
            .collect();
        let providers: BTreeSet<&String> = mailed
            .values()
            .flatten()
            .map(|member| &member.provider)
            .filter(|provider| !self.share.lanes.contains_key(*provider))
            .collect();
        if !missing.is_empty() || !providers.is_empty() {
            let providers = providers.into_iter().cloned().collect();
            return Ok(Step::Missing(missing, providers));
        }
        // Those whose issue does not compile are in neither list: they keep their place.
        let mut of_letter: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
        for (content, people) in &mailed {
            if let Prepared::Ready { letter_id, .. } = &self.share.issues[content] {
                of_letter
                    .entry(*letter_id)
                    .or_default()
                    .extend(people.iter().map(|member| member.id));
            }
        }
        if !self.fan_out(tx, &of_letter).await? {
            return Ok(Step::Stale);
        }
        if !untold.is_empty() {
            mark_untold(tx, &untold).await?;
        }
        let served: Vec<i64> = of_letter.into_values().flatten().collect();
        if !told.is_empty() {
            let mailed: BTreeSet<i64> = served.iter().copied().collect();
            let told: Vec<i64> = told.into_iter().filter(|id| mailed.contains(id)).collect();
            mark_told(tx, &told).await?;
        }
        let last_date =
            (!matches!(self.slot.cadence, Cadence::Immediate)).then(|| run.local_date.to_string());
        let moved = advance(tx, &served, run.to_no, last_date.as_deref()).await?
            + advance(tx, &empty, run.to_no, None).await?;
        if moved as usize != served.len() + empty.len() {
            return Err(DigestError::Invalid(format!(
                "run {}: {} people were locked and {moved} moved on; nothing of it is kept",
                run.id,
                served.len() + empty.len()
            )));
        }
        let is_open =
            store::add_to_run(tx, run.id, served.len() as i64, empty.len() as i64).await?;
        if !is_open {
            return Ok(Step::Gone);
        }
        let closed = if is_last {
            close_in(self.core, tx, run, &self.slot, &self.date).await?
        } else {
            None
        };
        Ok(Step::Planned(Planned {
            people: (served.len() + empty.len()) as i64,
            mailed,
            last,
            is_last,
            closed,
        }))
    }

    /// Stores the deliveries of a chunk; false if a letter was replaced meanwhile.
    async fn fan_out(
        &self,
        tx: &mut Tx,
        of_letter: &BTreeMap<i64, Vec<i64>>,
    ) -> Result<bool, DigestError> {
        let ids: BTreeSet<i64> = of_letter.keys().copied().collect();
        let Some(entries) = lock_letters(tx, &ids).await? else {
            return Ok(false);
        };
        let fan = FanOut {
            run: self.run,
            relay: &self.share.gathered.newsletter().relay,
            priority: LetterKind::Issue.priority(),
            now: self.core.clock.now(),
        };
        // Nearly always one: all letters are open.
        let kinds: BTreeSet<Entry> = entries.values().copied().collect();
        for kind in kinds {
            let people: Vec<(i64, i64)> = of_letter
                .iter()
                .filter(|(letter, _)| entries[letter] == kind)
                .flat_map(|(letter, people)| people.iter().map(|row| (*row, *letter)))
                .collect();
            let stored = store::insert_fan_out(tx, &fan, kind, &people).await?;
            if stored as usize != people.len() {
                return Err(DigestError::Invalid(format!(
                    "run {}: {stored} deliveries were stored for {} people; nothing of it is kept",
                    self.run.id,
                    people.len()
                )));
            }
        }
        Ok(true)
    }

    /// Counts a chunk that was planned.
    fn count(&mut self, mailed: &BTreeMap<Content, Vec<Member>>) {
        for (content, people) in mailed {
            let Prepared::Ready { subject, .. } = &self.share.issues[content] else {
                continue;
            };
            let mut wishes: BTreeMap<i64, i64> = BTreeMap::new();
            for member in people {
                *wishes.entry(member.selection_id).or_default() += 1;
            }
            for (selection, people) in wishes {
                let languages = self
                    .share
                    .gathered
                    .selection(selection)
                    .map_or(&[][..], |selection| &selection.languages);
                self.tally.add(languages, subject, content, people);
            }
        }
    }

    /// Closes the run if nobody is left (`done`) or its time is over (`cut`); else it stays open for whoever holds the rest.
    async fn close(&self) -> Result<Option<Closed>, DigestError> {
        let mut tx = self.core.db.begin().await?;
        let closed = close_in(self.core, &mut tx, self.run, &self.slot, &self.date).await?;
        tx.commit().await?;
        Ok(closed)
    }
}

async fn close_in(
    core: &Core,
    tx: &mut Tx,
    run: &OpenRun,
    slot: &Slot,
    date: &str,
) -> Result<Option<Closed>, DigestError> {
    let now = core.clock.now();
    let state = if !is_anyone_due(tx, slot.id, run.to_no, date).await? {
        "done"
    } else if now >= run.expires_at {
        tracing::warn!(
            run_id = run.id,
            "a run was cut: its time is over; the rest keep their place"
        );
        "cut"
    } else {
        return Ok(None);
    };
    let sums = store::close_run(tx, run.id, state, now).await?;
    Ok(sums.map(|sums| (state, sums)))
}
