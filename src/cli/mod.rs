//! The command line: one file per command. `main` hands over here.

mod article;
mod deliver;
mod demo;
mod digest;
mod dkim;
mod embed;
mod explain;
mod import;
mod report;
mod serve;
mod subscriber;
mod verify;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};

use crate::base::time::{Clock, Timestamp};
use crate::config::Config;
use crate::db::Db;
use crate::work::Core;
use crate::{audience, newsroom, telemetry};

/// A syndication and newsletter service for newsrooms: articles in, feeds and digests out.
#[derive(Parser)]
#[command(
    name = "jarshy",
    version,
    propagate_version = true,
    arg_required_else_help = true
)]
struct Cli {
    /// The settings file.
    #[arg(
        long,
        global = true,
        default_value = "jarshy.toml",
        value_name = "PATH"
    )]
    config: PathBuf,
    /// Set the clock of `digest`, `deliver` and `explain`, e.g. 2026-02-28T08:00:00+05:00.
    #[arg(long, global = true, value_name = "INSTANT")]
    at: Option<Timestamp>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the service: web, scheduler and delivery in one process, or one role of it.
    Serve(serve::Args),
    /// Bring the database up to date and exit.
    Migrate,
    /// Publish, correct, edit, withdraw and list articles.
    Article(article::Args),
    /// Bring in articles from elsewhere.
    Import(import::Args),
    /// Bring in people who agreed elsewhere, see who is there, or forget somebody.
    Subscriber(subscriber::Args),
    /// See the next digest, or plan those that are due.
    Digest(digest::Args),
    /// Send what is due and exit.
    Deliver(deliver::Args),
    /// Make keys that sign mail, and print what DNS must say of them.
    Dkim(dkim::Args),
    /// Say why somebody got what they got on a date, or nothing: wishes, stories, mails, the relay's own words.
    Explain(explain::Args),
    /// Print the form to subscribe with, for the pages of other sites: HTML without script.
    Embed(embed::Args),
    /// Print what became of every delivery; fail if it does not add up.
    Verify(verify::Args),
    /// See a newsroom at work, without any settings.
    Demo(demo::Args),
}

impl Command {
    /// Whether `--at` means anything to the command.
    const fn takes_at(&self) -> bool {
        matches!(self, Self::Digest(_) | Self::Deliver(_) | Self::Explain(_))
    }
}

/// Parses the command line and runs the command. Errors go to the terminal in one sentence with what to do.
pub async fn main() -> ExitCode {
    let cli = Cli::parse();
    telemetry::init(matches!(cli.command, Command::Demo(_)));
    match run(cli).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("jarshy: {error:#}");
            ExitCode::from(2)
        }
    }
}

async fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    if cli.at.is_some() && !cli.command.takes_at() {
        anyhow::bail!("--at goes with `digest`, `deliver` and `explain` alone; take it away");
    }
    let clock = cli.at.map_or_else(Clock::system, Clock::starting_at);
    match cli.command {
        Command::Serve(args) => serve::run(open(&cli.config, clock).await?, args).await,
        Command::Demo(args) => demo::run(args).await,
        Command::Dkim(args) => dkim::run(&cli.config, &clock, &args),
        Command::Embed(args) => embed::run(&Config::load(&cli.config)?, &args),
        Command::Migrate => {
            open(&cli.config, clock).await?;
            println!("The database is up to date.");
            Ok(ExitCode::SUCCESS)
        }
        Command::Article(args) => article::run(open(&cli.config, clock).await?, args).await,
        Command::Import(args) => import::run(open(&cli.config, clock).await?, args).await,
        Command::Subscriber(args) => subscriber::run(open(&cli.config, clock).await?, args).await,
        Command::Digest(args) => digest::run(open(&cli.config, clock).await?, args).await,
        Command::Deliver(args) => deliver::run(open(&cli.config, clock).await?, args).await,
        Command::Explain(args) => explain::run(open(&cli.config, clock).await?, args).await,
        Command::Verify(args) => verify::run(open(&cli.config, clock).await?, args).await,
    }
}

/// Reads the settings, opens and migrates the database, and brings sections and newsletters in line with the settings.
async fn open(path: &std::path::Path, clock: Clock) -> anyhow::Result<Core> {
    let config = Config::load(path)?;
    let keys = config
        .secrets
        .key_ring()
        .map_err(|problem| anyhow::anyhow!("{}: {problem}", path.display()))?;
    open_core(config, keys, clock).await
}

/// Opens and migrates the database of settings that are already known, as `demo` does with its own.
pub(crate) async fn open_core(
    config: Config,
    keys: crate::base::token::KeyRing,
    clock: Clock,
) -> anyhow::Result<Core> {
    let db = Db::connect(&config.database).await?;
    db.migrate().await?;
    let core = Core::new(config, db, clock, keys);
    newsroom::sync_sections(&core)
        .await
        .context("the sections of the settings cannot be stored")?;
    audience::sync_newsletters(&core)
        .await
        .context("the newsletters of the settings cannot be stored")?;
    Ok(core)
}
