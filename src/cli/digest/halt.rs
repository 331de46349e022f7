//! `jarshy digest hold`, `release` and `cancel`.

use std::process::ExitCode;

use jiff::civil::Date;

use super::print;
use crate::audience;
use crate::cli::report::{counted, grouped};
use crate::cli::verify::equation;
use crate::digest::{self, Halt, Halted};
use crate::work::Core;

/// Options of `jarshy digest hold` and `release`.
#[derive(clap::Args)]
#[command(group = clap::ArgGroup::new("what").required(true).args(["issue", "run", "date"]))]
pub(super) struct Hold {
    /// An issue: its uid or the first eight letters of it, as `jarshy verify` prints them.
    #[arg(value_name = "ISSUE")]
    issue: Option<String>,
    /// Everything of a run, also what it has still to plan.
    #[arg(long, value_name = "NUMBER")]
    run: Option<i64>,
    /// All digests of a date that are not planned yet, in every zone, e.g. 2026-03-01.
    #[arg(long, value_name = "DATE")]
    date: Option<Date>,
    /// With --date: the newsletter's slug; the first one of the settings if left out.
    #[arg(long, value_name = "SLUG", requires = "date")]
    newsletter: Option<String>,
    /// Print a JSON array instead of words.
    #[arg(long)]
    json: bool,
}

/// Options of `jarshy digest cancel`.
#[derive(clap::Args)]
#[command(group = clap::ArgGroup::new("what").required(true).args(["issue", "run"]))]
pub(super) struct Cancel {
    /// An issue: its uid or the first eight letters of it, as `jarshy verify` prints them.
    #[arg(value_name = "ISSUE")]
    issue: Option<String>,
    /// Everything a run has planned; it plans nobody else, and their stories come with their next digest.
    #[arg(long, value_name = "NUMBER")]
    run: Option<i64>,
    /// Print a JSON array instead of words.
    #[arg(long)]
    json: bool,
}

fn meant(issue: Option<&String>, run: Option<i64>) -> Option<Halt> {
    issue
        .map(|uid| Halt::Issue(uid.clone()))
        .or_else(|| run.map(Halt::Run))
}

/// Holds.
pub(super) async fn hold(core: &Core, args: &Hold) -> anyhow::Result<ExitCode> {
    if let Some(date) = args.date {
        let newsletter = audience::find_offered(core, args.newsletter.as_deref()).await?;
        let is_new = digest::hold_date(core, &newsletter, date).await?;
        return tell_date(args.json, is_new, &newsletter.slug, date, true);
    }
    let Some(what) = meant(args.issue.as_ref(), args.run) else {
        return Ok(ExitCode::FAILURE);
    };
    let issues = digest::hold(core, &what).await?;
    tell(args.json, &what, &issues, Told::Held)
}

/// Lets go.
pub(super) async fn release(core: &Core, args: &Hold) -> anyhow::Result<ExitCode> {
    if let Some(date) = args.date {
        let newsletter = audience::find_offered(core, args.newsletter.as_deref()).await?;
        let was_held = digest::release_date(core, &newsletter, date).await?;
        return tell_date(args.json, was_held, &newsletter.slug, date, false);
    }
    let Some(what) = meant(args.issue.as_ref(), args.run) else {
        return Ok(ExitCode::FAILURE);
    };
    let issues = digest::release(core, &what).await?;
    tell(args.json, &what, &issues, Told::Released)
}

/// Cancels.
pub(super) async fn cancel(core: &Core, args: &Cancel) -> anyhow::Result<ExitCode> {
    let Some(what) = meant(args.issue.as_ref(), args.run) else {
        return Ok(ExitCode::FAILURE);
    };
    let issues = digest::cancel(core, &what).await?;
    tell(args.json, &what, &issues, Told::Cancelled)
}

#[derive(Clone, Copy)]
enum Told {
    Held,
    Released,
    Cancelled,
}

impl Told {
    const fn word(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Released => "released",
            Self::Cancelled => "cancelled",
        }
    }
}

fn tell_date(
    is_json: bool,
    is_changed: bool,
    newsletter: &str,
    date: Date,
    is_hold: bool,
) -> anyhow::Result<ExitCode> {
    if is_json {
        let answer = serde_json::json!([{
            "newsletter": newsletter, "date": date.to_string(), "held": is_hold, "changed": is_changed,
        }]);
        print(&format!("{answer}\n"))?;
        return Ok(ExitCode::SUCCESS);
    }
    print(&match (is_hold, is_changed) {
        (true, true) => format!(
            "held: no digest of {newsletter:?} for {date} is planned before `jarshy digest release --date {date}`.\n\
             If its time ends first, the stories come with the next digest.\n"
        ),
        (true, false) => format!("{date} of {newsletter:?} is held already\n"),
        (false, true) => format!(
            "released: the digests of {newsletter:?} for {date} that are due are planned within a minute, or by `jarshy digest plan`\n"
        ),
        (false, false) => format!("{date} of {newsletter:?} was not held\n"),
    })?;
    Ok(ExitCode::SUCCESS)
}

fn tell(is_json: bool, what: &Halt, issues: &[Halted], told: Told) -> anyhow::Result<ExitCode> {
    if is_json {
        let all: Vec<_> = issues
            .iter()
            .map(|issue| {
                serde_json::json!({
                    "issue": issue.uid,
                    "number": issue.number,
                    "date": issue.local_date.to_string(),
                    "subject": issue.subject,
                    "done": told.word(),
                    "moved": issue.moved,
                    "sums": issue.sums,
                })
            })
            .collect();
        print(&format!("{}\n", serde_json::to_string_pretty(&all)?))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut lines = String::new();
    if let Halt::Run(run) = what {
        let first = match told {
            Told::Held => format!(
                "run {run} is held: what it has not planned yet waits for `jarshy digest release --run {run}`\n"
            ),
            Told::Released => {
                format!("run {run} goes on within a minute, or by `jarshy digest plan`\n")
            }
            Told::Cancelled => format!(
                "run {run} plans nobody else; the stories of whom it had not planned come with their next digest\n"
            ),
        };
        lines.push_str(&first);
    }
    for issue in issues {
        lines += &words(issue, told);
    }
    print(&lines)?;
    Ok(ExitCode::SUCCESS)
}

/// The issue, its sum, and what the sum means for people.
fn words(issue: &Halted, told: Told) -> String {
    let sums = &issue.sums;
    let name = &issue.uid[..8];
    let mut meaning = vec![format!(
        "{} it",
        counted(sums.accepted, "reader has", "readers have")
    )];
    match told {
        Told::Held => meaning.push(format!(
            "{} until `jarshy digest release {name}`",
            counted(sums.held, "waits", "wait")
        )),
        Told::Released => {
            meaning.push(format!("{} under way", counted(sums.open, "is", "are")));
            if sums.expired > 0 {
                meaning.push(format!(
                    "{} too late: its time is over",
                    counted(sums.expired, "was", "were")
                ));
            }
        }
        Told::Cancelled => meaning.push(format!("{} will not get it", grouped(sums.cancelled))),
    }
    if !matches!(told, Told::Released) && sums.open > 0 {
        meaning.push(format!(
            "{} at the relay at this moment, `jarshy verify` tells how that ends",
            counted(sums.open, "is", "are")
        ));
    }
    format!(
        "{}: «{}», No. {} of {}, {name}\n    {}\n    {}\n",
        told.word(),
        issue.subject,
        issue.number,
        issue.local_date,
        equation(sums),
        meaning.join("; ")
    )
}
