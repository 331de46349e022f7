//! Why a date's runs had nothing for somebody, other than the stories.

use jiff::civil::Date;

use super::{Case, hour};
use crate::audience::cadence::{Cadence, due_instant};
use crate::base::time::Timestamp;
use crate::delivery::store::Delivered;
use crate::digest::explanation::Reason;
use crate::digest::store::ToldRun;

impl Case<'_> {
    /// What the date's runs say about the person.
    pub(super) fn of_runs(&self, runs: &[ToldRun], rows: &[&Delivered]) -> Vec<Reason> {
        let zone = &self.slot.time_zone;
        let clock = |at: Timestamp| at.in_zone(zone).strftime("%H:%M").to_string();
        let mut reasons = Vec::new();
        for run in runs {
            let has_mail = rows.iter().any(|row| row.batch == Some(run.id));
            let due = clock(run.due_at);
            let reason = match run.state.as_str() {
                "skipped" => Reason::new(
                    "missed",
                    format!(
                        "the {due} digest was missed (nothing ran until its time was over); its stories came or come with the next one"
                    ),
                ),
                "open" if run.is_held => Reason::new(
                    "held",
                    format!(
                        "the {due} digest is held by the operator: `jarshy digest release --run {}` before {}",
                        run.id,
                        clock(run.expires_at)
                    ),
                ),
                "open" if !has_mail => {
                    Reason::new("planning", format!("the {due} digest is being planned"))
                }
                "cut" if !has_mail => Reason::new(
                    "cut",
                    format!(
                        "the {due} digest was cut before this person's turn (held, cancelled or out of time); its stories come with the next one"
                    ),
                ),
                "done" if !has_mail => match self.passed_over(run) {
                    Some(reason) => reason,
                    None => continue,
                },
                _ => continue,
            };
            reasons.push(reason);
        }
        if runs.is_empty() {
            reasons.push(self.no_run());
        }
        reasons
    }

    /// Why a finished run had nothing for the person, other than the stories.
    fn passed_over(&self, run: &ToldRun) -> Option<Reason> {
        let subscription = self.subscription;
        let joined = subscription.confirmed_at.filter(|at| *at > run.opened_at);
        if let Some(at) = joined {
            return Some(Reason::new(
                "joined-later",
                format!(
                    "joined at {}, after the window was frozen",
                    at.in_zone(&self.slot.time_zone).strftime("%Y-%m-%d %H:%M")
                ),
            ));
        }
        let was_paused = subscription
            .paused_until
            .as_deref()
            .is_some_and(|until| run.local_date.as_str() < until);
        if was_paused {
            return Some(Reason::new(
                "was-paused",
                format!(
                    "was paused that day, until {}",
                    subscription.paused_until.as_deref().unwrap_or("?")
                ),
            ));
        }
        None
    }

    fn no_run(&self) -> Reason {
        let slot = &self.slot;
        let due_at = due_instant(self.date, &slot.time_zone, slot.minute);
        let hour = hour(slot.minute);
        let now = self.core.clock.now();
        if matches!(slot.cadence, Cadence::Immediate) {
            return Reason::new(
                "nothing-came",
                "mail comes when something matches, at most every five minutes; nothing was published that day",
            );
        }
        if !slot.cadence.is_due_on(self.date) {
            return Reason::new(
                "not-due",
                format!(
                    "no digest is due on {}: the wish is {}",
                    weekday(self.date),
                    slot.cadence
                ),
            );
        }
        if due_at > now {
            return Reason::new(
                "not-yet",
                format!(
                    "the digest of {} comes at {hour} {}",
                    self.date,
                    slot.time_zone.name()
                ),
            );
        }
        if self.subscription.created_at > due_at {
            return Reason::new(
                "joined-later",
                format!("joined after {hour} of {}", self.date),
            );
        }
        Reason::new(
            "no-run",
            format!(
                "no digest was planned for {hour} of {}: nobody ran `jarshy serve` (or `digest plan`) then, or it came with a later one",
                self.date
            ),
        )
    }
}

/// `Sunday`
fn weekday(date: Date) -> String {
    date.strftime("%A").to_string()
}
