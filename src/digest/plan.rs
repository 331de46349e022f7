//! Working on runs: one delivery for each person who has something to come.
//!
//! People are taken in chunks, each in one transaction: locked, given their stories, moved on. A killed planner loses nothing,
//! and any planner may take any chunk. Issues are compiled before the chunk is locked, so a lock never waits for a template: a
//! chunk that meets a content without a letter is let go, the letter is made, and the chunk is taken again.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::gather::{Content, Divided, Gathered};
use super::open::TRIES;
use super::prepare::{Outcome, Prepared, prepare};
use super::store::{self, OpenRun};
use super::{DigestError, RunIssue, RunReport};
use crate::audience::cadence::Cadence;
use crate::audience::store::{
    Slot, advance, is_anyone_due, list_groups, lock_chunk, mark_told, mark_untold,
};
use crate::base::language::Language;
use crate::db::is_retryable;
use crate::delivery::store::{ensure_lane, insert_deliveries};
use crate::delivery::{LetterKind, NewDelivery};
use crate::theme::Theme;
use crate::work::Core;

/// People in one transaction.
const CHUNK: i64 = 5_000;

/// The local date that passes the date rule of every subscription: immediate mail has none.
const ANY_DATE: &str = "9999-12-31";

/// Works on open runs until each is closed (or set aside with an alarm); returns what was closed.
///
/// A run that fails does not hold up the others; it stays open and is tried again by the next call.
pub async fn work_runs(core: &Core, theme: &Theme) -> Result<Vec<RunReport>, DigestError> {
    let mut closed = Vec::new();
    for run in store::list_open_runs(&core.db, core.clock.now(), false).await? {
        match work_run(core, theme, &run).await {
            Ok(report) => closed.extend(report),
            Err(error) => {
                tracing::error!(run_id = run.id, %error, "a run could not be worked on and stays open");
            }
        }
    }
    Ok(closed)
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
    pub(super) fn add(&mut self, languages: &[Language], subject: &str, content: &Content) {
        *self
            .issues
            .entry((
                languages.to_vec(),
                subject.to_owned(),
                content.items.len() as i64,
            ))
            .or_default() += 1;
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
    gathered: Gathered,
    prepared: BTreeMap<Content, Prepared>,
    lanes: HashMap<String, i64>,
    /// People whose issue does not compile; they are met again in each chunk.
    set_aside: BTreeSet<i64>,
    tally: Tally,
}

/// What one try at a chunk gave.
enum Step {
    /// People were planned.
    Planned,
    /// Nobody is left that this planner could take.
    Nobody,
    /// Contents without a letter, providers without a lane.
    Missing(Vec<Content>, Vec<String>),
    /// Something was withdrawn meanwhile.
    Stale,
    /// Somebody closed the run, or holds it.
    Closed,
}

async fn work_run(
    core: &Core,
    theme: &Theme,
    run: &OpenRun,
) -> Result<Option<RunReport>, DigestError> {
    let (slot, gathered) = Gathered::of_run(core, run).await?;
    let mut planner = Planner {
        core,
        theme,
        run,
        date: rule_date(run, &slot),
        slot,
        gathered,
        prepared: BTreeMap::new(),
        lanes: HashMap::new(),
        set_aside: BTreeSet::new(),
        tally: Tally::default(),
    };
    if core.clock.now() < run.expires_at {
        planner.prepare_ahead().await?;
        planner.plan_all().await?;
    }
    planner.close().await
}

impl Planner<'_> {
    /// Compiles what the run's groups will ask for, before anybody is locked.
    async fn prepare_ahead(&mut self) -> Result<(), DigestError> {
        let groups = list_groups(&self.core.db, self.slot.id, self.run.to_no, &self.date).await?;
        let mut tx = self.core.db.begin().await?;
        self.gathered.gather(self.core, &mut tx, &groups).await?;
        tx.rollback().await?;
        let contents: BTreeSet<Content> = groups
            .iter()
            .filter(|group| !self.gathered.is_doubtful(group))
            .filter_map(|group| self.gathered.content_of(group))
            .collect();
        for content in contents {
            if !self.prepare_one(&content).await? {
                self.forget();
                break;
            }
        }
        Ok(())
    }

    /// False if something of the content is not live any more, or no mail can be made of it: then the chunks pick again.
    async fn prepare_one(&mut self, content: &Content) -> Result<bool, DigestError> {
        if self.prepared.contains_key(content) {
            return Ok(true);
        }
        let outcome = prepare(
            self.core,
            self.theme,
            self.gathered.newsletter(),
            &self.gathered.sections,
            content,
            self.run.local_date,
            self.run.due_at,
        )
        .await?;
        match outcome {
            Outcome::Settled(prepared) => {
                self.prepared.insert(content.clone(), prepared);
                Ok(true)
            }
            Outcome::Stale => Ok(false),
            Outcome::Faulty(articles) => {
                self.gathered.leave_out(&articles);
                Ok(false)
            }
        }
    }

    fn forget(&mut self) {
        self.gathered.forget_stories();
        self.prepared
            .retain(|_, prepared| matches!(prepared, Prepared::Failed));
    }

    async fn plan_all(&mut self) -> Result<(), DigestError> {
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
                Step::Nobody | Step::Closed => return Ok(()),
                Step::Planned => {
                    idle = 0;
                    self.core.bells.queued.notify_waiters();
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
        let relay = self.gathered.newsletter().relay.clone();
        let mut tx = self.core.db.begin().await?;
        let mut made = Vec::new();
        for provider in providers {
            made.push((
                provider.clone(),
                ensure_lane(&mut tx, &relay, &provider).await?,
            ));
        }
        tx.commit().await?;
        self.lanes.extend(made);
        Ok(())
    }

    /// Locks, divides and plans one chunk in one transaction.
    async fn try_chunk(&mut self) -> Result<Step, DigestError> {
        let run = self.run;
        let mut tx = self.core.db.begin().await?;
        let limit = CHUNK + self.set_aside.len() as i64;
        let mut members = lock_chunk(&mut tx, self.slot.id, run.to_no, &self.date, limit).await?;
        members.retain(|member| !self.set_aside.contains(&member.id));
        if members.is_empty() {
            return Ok(Step::Nobody);
        }
        let Divided {
            mailed,
            empty,
            untold,
            told,
        } = self.gathered.divide(self.core, &mut tx, members).await?;
        let missing: Vec<Content> = mailed
            .keys()
            .filter(|content| !self.prepared.contains_key(content))
            .cloned()
            .collect();
        let providers: BTreeSet<&String> = mailed
            .values()
            .flatten()
            .map(|member| &member.provider)
            .filter(|provider| !self.lanes.contains_key(*provider))
            .collect();
        if !missing.is_empty() || !providers.is_empty() {
            let providers = providers.into_iter().cloned().collect();
            tx.rollback().await?;
            return Ok(Step::Missing(missing, providers));
        }
        let mut deliveries = Vec::new();
        let mut served = Vec::new();
        let mut aside = Vec::new();
        for (content, people) in &mailed {
            let Prepared::Ready { letter_id, .. } = &self.prepared[content] else {
                aside.extend(people.iter().map(|member| member.id));
                continue;
            };
            for member in people {
                served.push(member.id);
                deliveries.push(NewDelivery {
                    letter_id: *letter_id,
                    batch: Some(run.id),
                    recipient_id: member.subscriber_id,
                    recipient_uid: member.uid.clone(),
                    recipient_epoch: member.link_epoch,
                    address: member.address.clone(),
                    address_hash: member.address_hash.clone(),
                    lane_id: self.lanes[&member.provider],
                    priority: LetterKind::Issue.priority(),
                    text_only: member.text_only,
                    due_at: run.due_at,
                    expires_at: Some(run.expires_at),
                });
            }
        }
        if insert_deliveries(&mut tx, self.core.clock.now(), &deliveries).await? {
            return Ok(Step::Stale);
        }
        if !untold.is_empty() {
            mark_untold(&mut tx, &untold).await?;
        }
        let told: Vec<i64> = told.into_iter().filter(|id| !aside.contains(id)).collect();
        if !told.is_empty() {
            mark_told(&mut tx, &told).await?;
        }
        let last_date =
            (!matches!(self.slot.cadence, Cadence::Immediate)).then(|| run.local_date.to_string());
        let moved = advance(&mut tx, &served, run.to_no, last_date.as_deref()).await?
            + advance(&mut tx, &empty, run.to_no, None).await?;
        if moved as usize != served.len() + empty.len() {
            return Err(DigestError::Invalid(format!(
                "run {}: {} people were locked and {moved} moved on; nothing of it is kept",
                run.id,
                served.len() + empty.len()
            )));
        }
        let is_open =
            store::add_to_run(&mut tx, run.id, served.len() as i64, empty.len() as i64).await?;
        if !is_open {
            return Ok(Step::Closed);
        }
        tx.commit().await?;
        self.set_aside.extend(aside);
        for (content, people) in &mailed {
            let Prepared::Ready { subject, .. } = &self.prepared[content] else {
                continue;
            };
            for member in people {
                let languages = self
                    .gathered
                    .selection(member.selection_id)
                    .map_or(&[][..], |selection| &selection.languages);
                self.tally.add(languages, subject, content);
            }
        }
        Ok(Step::Planned)
    }

    /// Closes the run if nobody is left (`done`) or its time is over (`cut`); else it stays open for whoever holds the rest.
    async fn close(self) -> Result<Option<RunReport>, DigestError> {
        let run = self.run;
        let now = self.core.clock.now();
        let mut tx = self.core.db.begin().await?;
        let state = if !is_anyone_due(&mut tx, self.slot.id, run.to_no, &self.date).await? {
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
        let sums = store::close_run(&mut tx, run.id, state, now).await?;
        tx.commit().await?;
        Ok(sums.map(|sums| self.tally.report(run, &self.slot, state, sums)))
    }
}
