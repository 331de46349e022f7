//! `jarshy import`: articles from elsewhere.

use std::process::ExitCode;

use clap::Subcommand;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use url::Url;

use crate::base::language::Language;
use crate::newsroom::sources::{ImportOptions, Imported, Location, import_feed};
use crate::work::Core;

/// Options of `jarshy import`.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Import RSS, Atom or JSON feeds; importing again brings only what is new or changed.
    ///
    /// The first import of a source goes to the archive: into feeds and pages, never into a digest. What appears later is news.
    Feed(Box<FeedArgs>),
}

#[derive(clap::Args)]
struct FeedArgs {
    /// Files and addresses.
    // Parsed in `run`: a complaint of the command line's own would repeat a password.
    #[arg(required = true, value_name = "PATH|URL")]
    feeds: Vec<String>,
    /// The language of every entry, whatever the feed says.
    #[arg(long, value_name = "TAG", value_parser = Language::parse)]
    language: Option<Language>,
    /// The section of every new entry, by its slug.
    #[arg(long, value_name = "SLUG")]
    section: Option<String>,
    /// Release even a first import as news, so that digests have it.
    #[arg(long)]
    as_news: bool,
    /// What relative links in a file are meant against, if the file does not say.
    #[arg(long, value_name = "URL")]
    base: Option<Url>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Imports, and says what was taken and what was not; fails if any source failed.
pub async fn run(core: Core, args: Args) -> anyhow::Result<ExitCode> {
    let Command::Feed(args) = args.command;
    let options = ImportOptions {
        language: args.language,
        section: args.section,
        as_news: args.as_news,
        base: args.base,
    };
    let mut done: Vec<Imported> = Vec::new();
    let mut failed: Vec<(String, String)> = Vec::new();
    let feeds: Vec<Location> = args
        .feeds
        .iter()
        .map(|typed| Location::parse(typed).map_err(anyhow::Error::msg))
        .collect::<Result<_, _>>()?;
    for location in &feeds {
        let place = location.shown();
        // On stderr, and only where that is a terminal.
        let bar = ProgressBar::new(0).with_message(place.clone());
        if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len}") {
            bar.set_style(style);
        }
        let progress = |at: usize, all: usize| {
            bar.set_length(all as u64);
            bar.set_position(at as u64);
        };
        let result = import_feed(&core, location, &options, &progress).await;
        bar.finish_and_clear();
        match result {
            Ok(report) => {
                if !args.json {
                    print_report(&place, &report);
                }
                done.push(report);
            }
            Err(error) => {
                eprintln!("jarshy: {error}");
                failed.push((place, error.to_string()));
            }
        }
    }
    let sum = |count: fn(&Imported) -> usize| done.iter().map(count).sum::<usize>();
    let (new, changed, unchanged) = (sum(|r| r.new), sum(|r| r.changed), sum(|r| r.unchanged));
    let skipped = sum(|r| r.skipped.len());
    if args.json {
        let failed: Vec<_> = failed
            .iter()
            .map(|(source, error)| json!({ "source": source, "error": error }))
            .collect();
        println!(
            "{}",
            json!({
                "new": new, "changed": changed, "unchanged": unchanged, "skipped": skipped,
                "sources": done, "failed": failed,
            })
        );
    } else if feeds.len() > 1 {
        println!(
            "{} of {} sources: {new} new, {changed} changed, {unchanged} unchanged, {skipped} skipped",
            done.len(),
            feeds.len()
        );
    }
    Ok(if failed.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn print_report(place: &str, report: &Imported) {
    let title = report.title.as_deref().unwrap_or(&report.source);
    if report.is_unmodified {
        println!("{place}: nothing changed since the last visit");
        return;
    }
    let kind = match (report.new, report.is_archive) {
        (0, _) => "",
        (_, true) => " (to the archive; digests leave them out)",
        (_, false) => " (as news)",
    };
    println!(
        "{place}: {title}: {} new{kind}, {} changed, {} unchanged, {} skipped",
        report.new,
        report.changed,
        report.unchanged,
        report.skipped.len()
    );
    for skipped in &report.skipped {
        println!("    skipped «{}»: {}", skipped.entry, skipped.why);
    }
}
