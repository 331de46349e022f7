//! `jarshy digest`: see a digest before anybody gets it, and plan those that are due.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Subcommand;

use super::report::morning;
use crate::audience::{self, Choice, store::list_slots};
use crate::base::address::EmailAddress;
use crate::base::language::Language;
use crate::base::time::Zone;
use crate::delivery;
use crate::digest::{self, Reader, RunReport};
use crate::newsroom;
use crate::theme::Theme;
use crate::work::Core;

/// To whom a preview for nobody in particular is addressed.
const ANYBODY: &str = "reader@example.org";

/// Digests.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Show the digest that a subscriber, or somebody with these wishes, would get now. Changes nothing.
    Preview(Box<Preview>),
    /// Plan the digests that are due: one queued letter for each reader who has news. `jarshy deliver` sends them.
    Plan(Plan),
}

#[derive(clap::Args)]
struct Preview {
    /// A subscriber's address: their wishes, and only what they have not had yet.
    #[arg(long, value_name = "ADDRESS", value_parser = EmailAddress::parse, conflicts_with_all = ["languages", "sections", "tags"])]
    subscriber: Option<EmailAddress>,
    /// The newsletter's slug; the first one of the settings if left out.
    #[arg(long, value_name = "SLUG")]
    newsletter: Option<String>,
    /// Languages in order of preference, e.g. kk,ru; all of the newsroom if left out. Shows the stories of the last day.
    #[arg(long, value_name = "TAGS", value_delimiter = ',', value_parser = Language::parse)]
    languages: Vec<Language>,
    /// Only these sections, by their slugs. Everything if left out.
    #[arg(long, value_name = "SLUGS", value_delimiter = ',')]
    sections: Vec<String>,
    /// Only stories with these tags, by their slugs.
    #[arg(long, value_name = "SLUGS", value_delimiter = ',')]
    tags: Vec<String>,
    /// Write digest.html, digest.txt and digest.eml into this folder instead of printing the text.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

#[derive(clap::Args)]
struct Plan {
    /// Say what would be planned, and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Print a JSON array instead of words.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub async fn run(core: Core, args: Args) -> anyhow::Result<ExitCode> {
    let theme = Theme::load(&core.config)?;
    match args.command {
        Command::Preview(args) => preview(&core, &theme, *args).await,
        Command::Plan(args) => plan(&core, &theme, &args).await,
    }
}

async fn preview(core: &Core, theme: &Theme, args: Preview) -> anyhow::Result<ExitCode> {
    let newsletter = audience::find_offered(core, args.newsletter.as_deref()).await?;
    let (reader, address, is_text_only) = if let Some(address) = args.subscriber {
        let found = audience::store::find_reading(&core.db, newsletter.id, &address.key()).await?;
        let reading = found
            .filter(|reading| matches!(reading.state.as_str(), "active" | "paused"))
            .with_context(|| {
                format!(
                    "that address gets no mail of the newsletter {:?}; see `jarshy subscriber list`",
                    newsletter.slug
                )
            })?;
        let reader = Reader::Subscription {
            selection_id: reading.selection_id,
            slot_id: reading.slot_id,
            read_to: reading.read_to,
        };
        (reader, address, reading.text_only)
    } else {
        let choice = wished(core, &args.languages, &args.sections, &args.tags)?;
        let address = EmailAddress::parse(ANYBODY).map_err(anyhow::Error::msg)?;
        (Reader::Anybody(choice), address, false)
    };
    let Some(letter) = digest::preview(core, theme, &newsletter, &reader).await? else {
        println!("nothing new: nobody is mailed");
        return Ok(ExitCode::SUCCESS);
    };
    let shown = delivery::preview(core, &letter, &address, is_text_only)
        .map_err(|problem| anyhow::anyhow!("the digest cannot be written: {problem}"))?;
    if let Some(folder) = args.out {
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("{} cannot be made", folder.display()))?;
        write(&folder, "digest.html", shown.html.as_bytes())?;
        write(&folder, "digest.txt", shown.text.as_bytes())?;
        write(&folder, "digest.eml", &shown.source)?;
        return Ok(ExitCode::SUCCESS);
    }
    print(&format!(
        "From: {} <{}>\nSubject: {}\n\n{}\n",
        letter.sender_name,
        letter.sender_address,
        letter.subject,
        shown.text.trim_end()
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// The wishes as typed; a name that the newsroom does not have is a slip of the pen, never an empty digest.
fn wished(
    core: &Core,
    languages: &[Language],
    sections: &[String],
    tags: &[String],
) -> anyhow::Result<Choice> {
    let known = &core.config.newsroom.languages;
    if let Some(stranger) = languages.iter().find(|language| !known.contains(language)) {
        let known: Vec<&str> = known.iter().map(Language::as_str).collect();
        anyhow::bail!(
            "the newsroom does not write in {stranger}; it writes in {}",
            known.join(", ")
        );
    }
    let slugs: Vec<&str> = core
        .config
        .sections
        .iter()
        .map(|section| section.slug.as_str())
        .collect();
    if let Some(stranger) = sections.iter().find(|slug| !slugs.contains(&slug.as_str())) {
        anyhow::bail!(
            "there is no section {stranger:?}; there is {}",
            slugs.join(", ")
        );
    }
    let languages = if languages.is_empty() {
        known
    } else {
        languages
    };
    Ok(Choice::new(languages, sections, tags)?)
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
    let path = folder.join(name);
    std::fs::write(&path, bytes)
        .with_context(|| format!("{} cannot be written", path.display()))?;
    println!("{}", path.display());
    Ok(())
}

async fn plan(core: &Core, theme: &Theme, args: &Plan) -> anyhow::Result<ExitCode> {
    let (mut reports, mut left_open) = (Vec::new(), 0);
    if args.dry_run {
        reports = digest::plan_dry(core, theme).await?;
    } else {
        // As a tick of the service does it (`scheduler::tick`), but here the first error is the answer.
        while newsroom::release_due(core).await? > 0 {}
        digest::follow_withdrawals(core, theme).await?;
        audience::resume_paused(core).await?;
        digest::open_runs(core).await?;
        for mut report in digest::work_runs(core, theme).await? {
            // Another planner may have had a share in it.
            report.digests = delivery::store::count_batch_letters(&core.db, report.run_id).await?;
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
        }
        if reports.is_empty() && left_open == 0 {
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

/// Prints; `jarshy digest preview | head` is no error.
fn print(text: &str) -> std::io::Result<()> {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}
