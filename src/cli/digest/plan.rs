//! `jarshy digest plan`: plans what is due, or says what would be planned.

use std::fmt::Write as _;
use std::process::ExitCode;

use super::print;
use crate::audience::{self, store::list_slots};
use crate::base::language::Language;
use crate::base::time::Zone;
use crate::cli::report::{counted, morning};
use crate::digest::{self, RunReport};
use crate::theme::Theme;
use crate::work::Core;
use crate::work::fitness::unfit_to_plan;
use crate::{delivery, newsroom};

/// Options of `jarshy digest plan`.
#[derive(clap::Args)]
pub(super) struct Plan {
    /// Say what would be planned, and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Print a JSON array instead of words.
    #[arg(long)]
    json: bool,
}

/// Plans, and prints a line for each run.
pub(super) async fn run(core: &Core, theme: &Theme, args: &Plan) -> anyhow::Result<ExitCode> {
    let (mut reports, mut left_open) = (Vec::new(), 0);
    let unfit = unfit_to_plan(core).await?;
    if let Some(unfit) = &unfit {
        eprintln!("jarshy: {unfit}");
        if !args.dry_run {
            return Ok(ExitCode::FAILURE);
        }
    }
    if args.dry_run {
        reports = digest::plan_dry(core, theme).await?;
    } else {
        // As a tick of the service does it (`scheduler::tick`), but here the first error is the answer.
        while newsroom::release_due(core).await? > 0 {}
        digest::follow_withdrawals(core, theme).await?;
        audience::resume_paused(core).await?;
        digest::recompute_slots(core).await?;
        digest::open_runs(core).await?;
        for mut report in digest::work_runs(core, theme).await? {
            if report.issues.iter().map(|issue| issue.people).sum::<i64>() != report.mailed {
                // Another planner had a share in it.
                let count = delivery::store::count_batch_letters(&core.db, report.run_id);
                report.digests = count.await?;
            }
            reports.push(report);
        }
        left_open = digest::count_open_runs(core).await?;
    }
    if args.json {
        let all: Vec<_> = reports.iter().map(json).collect();
        print(&format!("{}\n", serde_json::to_string_pretty(&all)?))?;
    } else {
        let mut lines = String::new();
        for report in &reports {
            let zone = Zone::parse(&report.time_zone).map_err(anyhow::Error::msg)?;
            let order = &core.config.newsroom.languages;
            lines += &morning(report.due_at, &zone, report, report.digests, order);
            lines.push('\n');
            if args.dry_run {
                lines += &each_issue(report);
            }
        }
        let (mut held, _) = digest::list_held(core).await?;
        if args.dry_run {
            // They stand among the reports.
            held.clear();
        }
        for run in &held {
            lines.push_str(&crate::cli::report::held(run));
            lines.push('\n');
        }
        if reports.is_empty() && left_open == 0 && held.is_empty() {
            lines += &nothing_due(core).await?;
        }
        print(&lines)?;
    }
    if left_open > 0 {
        eprintln!(
            "jarshy: {left_open} runs stay open: the log says why, or another planner is at them. Run `jarshy digest plan` again"
        );
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

/// A line for each issue of a run that was only looked at: readers, languages, stories, subject.
fn each_issue(report: &RunReport) -> String {
    let mut lines = String::new();
    if report.state == "held" {
        lines.push_str("          held: nothing of it is planned before `jarshy digest release`\n");
    }
    for issue in &report.issues {
        let languages: Vec<&str> = issue.languages.iter().map(Language::as_str).collect();
        let _ = writeln!(
            lines,
            "          {} · {} · {} · «{}»",
            counted(issue.people, "reader", "readers"),
            languages.join("→"),
            counted(issue.stories, "story", "stories"),
            issue.subject
        );
    }
    if report.empty > 0 {
        let _ = writeln!(
            lines,
            "          {} nothing new and no mail",
            counted(report.empty, "reader has", "readers have")
        );
    }
    lines
}

/// When to come back.
async fn nothing_due(core: &Core) -> anyhow::Result<String> {
    let now = core.clock.now();
    let slots = list_slots(&core.db).await?;
    let next = slots
        .iter()
        .filter(|slot| slot.next_due_at > now)
        .min_by_key(|slot| slot.next_due_at);
    Ok(match next {
        Some(slot) => format!(
            "nothing is due; next: {}  {}\n",
            slot.next_due_at
                .in_zone(&slot.time_zone)
                .strftime("%Y-%m-%d %H:%M"),
            slot.time_zone.name()
        ),
        None => "nothing is due: nobody has subscribed yet\n".to_owned(),
    })
}

fn json(report: &RunReport) -> serde_json::Value {
    let issues: Vec<_> = report
        .issues
        .iter()
        .map(|issue| {
            serde_json::json!({
                "languages": issue.languages,
                "people": issue.people,
                "subject": issue.subject,
                "stories": issue.stories,
            })
        })
        .collect();
    serde_json::json!({
        // A run that was only looked at has no row.
        "run": (report.run_id != 0).then_some(report.run_id),
        "time_zone": report.time_zone,
        "local_date": report.local_date,
        "due_at": report.due_at.to_string(),
        "state": report.state,
        "stories": report.stories,
        "digests": report.digests,
        "mailed": report.mailed,
        "empty": report.empty,
        "issues": issues,
    })
}
