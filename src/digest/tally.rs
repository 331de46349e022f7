//! What a planner met in a run, counted for its report.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::gather::Content;
use super::store::OpenRun;
use super::{RunIssue, RunReport};
use crate::audience::store::{Member, Slot};
use crate::base::language::Language;

/// How many people with one selection get one issue; issues by any number that tells them apart.
#[derive(Default)]
pub struct Tally(HashMap<(i64, i64), i64>);

/// An issue as a report names it.
#[derive(Clone, Copy)]
pub struct Told<'a> {
    /// Its subject.
    pub subject: &'a Arc<str>,
    /// What it holds.
    pub content: &'a Content,
}

/// What people share who make one line of a report: the languages they asked for, the subject, how many stories.
type Alike = (Arc<[Language]>, Arc<str>, i64);

impl Tally {
    /// One more who gets that issue.
    pub fn add(&mut self, issue: i64, member: &Member) {
        *self.0.entry((issue, member.selection_id)).or_default() += 1;
    }

    /// The report of a run that is now in `state`, with its sums of people mailed and people for whom there was nothing.
    pub fn report<'a>(
        &self,
        (run, slot): (&OpenRun, &Slot),
        state: &str,
        (mailed, empty): (i64, i64),
        issue: impl Fn(i64) -> Option<Told<'a>>,
        languages: impl Fn(i64) -> Arc<[Language]>,
    ) -> RunReport {
        let (mut stories, mut contents) = (BTreeSet::new(), BTreeSet::new());
        let mut issues: BTreeMap<Alike, i64> = BTreeMap::new();
        for ((number, selection), people) in &self.0 {
            let Some(Told { subject, content }) = issue(*number) else {
                continue;
            };
            if contents.insert(*number) {
                stories.extend(content.items.iter().map(|item| item.story_id));
            }
            let alike = (
                languages(*selection),
                subject.clone(),
                content.items.len() as i64,
            );
            *issues.entry(alike).or_default() += people;
        }
        let mut issues: Vec<RunIssue> = issues
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
            stories: stories.len() as i64,
            digests: contents.len() as i64,
            issues,
            mailed,
            empty,
            state: state.to_owned(),
        }
    }
}
