//! `jarshy subscriber import`: a list of people from elsewhere.

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::PathBuf;
use std::process::ExitCode;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::WishArgs;
use crate::audience::Outcome;
use crate::audience::export::Sheet;
use crate::audience::import::{
    self, Charset, Finding, ImportOptions, Imported, Observer, Separator, State,
};
use crate::work::Core;

/// Findings that are printed; the report has all of them.
const PRINTED: usize = 20;

/// Options of `jarshy subscriber import`.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The list, as CSV.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// What their consent rests on, e.g. "Mailchimp, double opt-in, exported 12 May"; it is kept with each person.
    #[arg(long, value_name = "SOURCE", value_parser = parse_consent)]
    consent: String,
    /// Say what would be done and write nothing.
    #[arg(long)]
    dry_run: bool,
    /// Write what became of each row to this file, as CSV; the first refused ones are printed.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// The newsletter's slug; that of the column "newsletter", else the first one of the settings, if left out.
    #[arg(long, value_name = "SLUG")]
    newsletter: Option<String>,
    /// What these people are at best: active, left, bounced, blocked, complained or unconfirmed; a row that says worse counts.
    /// Active if left out, or what Mailchimp calls the file (unsubscribed_…, cleaned_…, nonsubscribed_…).
    #[arg(long, value_name = "STATE", value_parser = parse_state)]
    state: Option<State>,
    /// Let tags, labels and lists that are called like a section be the sections that the person wants.
    #[arg(long)]
    topics_from_labels: bool,
    /// utf-8, utf-16le, utf-16be, windows-1251 or kz-1048; told by the file if left out.
    #[arg(long, value_name = "CHARSET", value_parser = Charset::parse)]
    charset: Option<Charset>,
    /// comma, semicolon or tab; told by the file if left out.
    #[arg(long, value_name = "SEPARATOR", value_parser = Separator::parse)]
    separator: Option<Separator>,
    #[command(flatten)]
    wishes: WishArgs,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

fn parse_consent(text: &str) -> Result<String, String> {
    let text = crate::base::text::clean_line(text);
    if text.is_empty() {
        return Err(
            "say what the consent rests on, e.g. \"signed list of 12 May\": without consent nobody may be mailed"
                .to_owned(),
        );
    }
    Ok(text)
}

fn parse_state(text: &str) -> Result<State, String> {
    State::parse(text).ok_or_else(|| {
        format!(
            "{text:?} is no state; write active, left, bounced, blocked, complained or unconfirmed"
        )
    })
}

/// Shows a bar on a terminal, keeps the first findings, and writes the report.
struct Watcher {
    bar: ProgressBar,
    report: Option<Sheet<BufWriter<File>>>,
    first: Vec<Finding>,
    more: usize,
}

impl Observer for Watcher {
    fn progress(&mut self, rows: u64, of: u64) {
        self.bar.set_length(of);
        self.bar.set_position(rows);
    }

    fn found(&mut self, finding: &Finding) -> io::Result<()> {
        if let Some(report) = &mut self.report {
            report.row(&[
                &finding.line.to_string(),
                finding.address.as_str(),
                word(finding),
                &finding.sentence,
            ])?;
        }
        if !finding.sentence.is_empty() {
            if self.first.len() < PRINTED {
                self.first.push(finding.clone());
            } else {
                self.more += 1;
            }
        }
        Ok(())
    }
}

fn word(finding: &Finding) -> &'static str {
    match finding.outcome {
        _ if finding.is_unreadable => "refused",
        Outcome::New => "new",
        Outcome::Known => "known",
        Outcome::Left => "left",
        Outcome::Suppressed => "suppressed",
        Outcome::Refused(_) => "refused",
    }
}

/// Imports and says what became of whom; a row that is refused is no failure.
pub(super) async fn run(core: &Core, args: Args) -> anyhow::Result<ExitCode> {
    let report = args
        .report
        .as_ref()
        .map(|path| {
            anyhow::ensure!(
                std::fs::canonicalize(path).ok() != std::fs::canonicalize(&args.file).ok()
                    || !path.exists(),
                "the report would overwrite the list; give it another name"
            );
            let file = super::private_file(path)?;
            let mut sheet = Sheet::new(BufWriter::new(file), Separator::Semicolon)?;
            sheet.row(&["line", "address", "outcome", "reason"])?;
            anyhow::Ok(sheet)
        })
        .transpose()?;
    let bar = ProgressBar::new(0).with_message(args.file.display().to_string());
    if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} {per_sec} {eta}")
    {
        bar.set_style(style);
    }
    let mut watcher = Watcher {
        bar,
        report,
        first: Vec::new(),
        more: 0,
    };
    let options = ImportOptions {
        wishes: args.wishes.wishes(core, args.newsletter.as_deref()),
        newsletter: args.newsletter,
        consent: args.consent,
        state: args.state,
        topics_from_labels: args.topics_from_labels,
        charset: args.charset,
        separator: args.separator,
        is_dry: args.dry_run,
    };
    let done = import::import(core, &args.file, options, &mut watcher).await;
    watcher.bar.finish_and_clear();
    if let Some(report) = watcher.report.take() {
        report.finish()?;
    }
    let done = done?;
    if args.json {
        println!("{}", json(&done, args.dry_run, &watcher));
    } else {
        print(&args.file.display().to_string(), &done, &watcher);
        if let Some(path) = &args.report {
            println!("All {} rows are in {}.", done.rows, path.display());
        } else if watcher.more > 0 {
            println!(
                "    … and {} more; --report FILE writes all of them",
                watcher.more
            );
        }
        if args.dry_run {
            println!("This was a dry run: nothing was written.");
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn print(file: &str, done: &Imported, watcher: &Watcher) {
    let columns = if done.used.is_empty() {
        "no headings".to_owned()
    } else if done.unused.is_empty() {
        format!("columns {}", done.used.join(", "))
    } else {
        format!(
            "columns {} (not kept: {})",
            done.used.join(", "),
            done.unused.join(", ")
        )
    };
    println!("{file}: {}, {}, {columns}", done.charset, done.separator);
    println!(
        "{} rows: {} new, {} known already (their wishes stay), {} left there and are kept as such, {} must not be mailed, {} refused",
        done.rows, done.new, done.known, done.left, done.suppressed, done.refused
    );
    for finding in &watcher.first {
        let verdict = match finding.outcome {
            Outcome::Refused(_) => "refused",
            _ if finding.is_unreadable => "refused",
            _ => "taken",
        };
        println!("    line {}, {verdict}: {}", finding.line, finding.sentence);
    }
}

fn json(done: &Imported, is_dry: bool, watcher: &Watcher) -> serde_json::Value {
    let findings: Vec<_> = watcher
        .first
        .iter()
        .map(|f| json!({ "line": f.line, "outcome": word(f), "reason": f.sentence }))
        .collect();
    json!({
        "dry_run": is_dry,
        "charset": done.charset,
        "separator": done.separator,
        "columns": done.used,
        "columns_not_kept": done.unused,
        "rows": done.rows,
        "new": done.new,
        "known": done.known,
        "left": done.left,
        "suppressed": done.suppressed,
        "refused": done.refused,
        "unreadable": done.unreadable,
        "findings": findings,
        "more_findings": watcher.more,
    })
}
