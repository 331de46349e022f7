//! `jarshy digest`: see a digest before anybody gets it, plan those that are due, and say a word about mail under way.

mod diff;
mod halt;
mod next;
mod note;
mod plan;
mod preview;
mod replay;
mod send_test;

use std::io::Write;
use std::process::ExitCode;

use clap::Subcommand;

use crate::theme::Theme;
use crate::work::Core;

/// Digests.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Show the digest that a subscriber, or somebody with these wishes, would get now. Changes nothing.
    Preview(Box<preview::Preview>),
    /// List the next digests of a subscriber, each with the reason for its hour.
    Next(next::Next),
    /// Plan the digests that are due: one queued letter for each reader who has news. `jarshy deliver` sends them.
    Plan(plan::Plan),
    /// Send one mail now, marked as a test, and print the conversation with the relay in plain words.
    ///
    /// It is no delivery: it stands in no sum, its links are nobody's, and nothing is remembered of it.
    SendTest(send_test::SendTest),
    /// Show a past issue byte for byte, or send it to a subscriber whom it has not reached.
    Replay(replay::Replay),
    /// Show what a past issue would be if it were compiled now, line by line: after a template or a setting was changed.
    Diff(diff::Diff),
    /// Hold an issue, a run or a date: nothing of it is sent until `jarshy digest release`.
    ///
    /// What is held before it is planned loses nothing: if its time ends, its stories come with the next digest. An issue that is
    /// planned already must be released before its time ends, or it expires.
    Hold(halt::Hold),
    /// Let go what was held.
    Release(halt::Hold),
    /// Say a few words on top of the issues of one date, or take them back; without words, show what is said.
    Note(note::Note),
    /// Cancel an issue or a run, also while it is being sent: whoever has not been sent it will not get it.
    Cancel(halt::Cancel),
}

/// Runs the command.
pub async fn run(core: Core, args: Args) -> anyhow::Result<ExitCode> {
    let theme = Theme::load(&core.config)?;
    match args.command {
        Command::Preview(args) => preview::run(&core, &theme, *args).await,
        Command::Next(args) => next::run(&core, &theme, &args).await,
        Command::Plan(args) => plan::run(&core, &theme, &args).await,
        Command::SendTest(args) => send_test::run(&core, &theme, &args).await,
        Command::Replay(args) => replay::run(&core, &args).await,
        Command::Diff(args) => diff::run(&core, &theme, &args).await,
        Command::Hold(args) => halt::hold(&core, &args).await,
        Command::Release(args) => halt::release(&core, &args).await,
        Command::Note(args) => note::run(&core, &args).await,
        Command::Cancel(args) => halt::cancel(&core, &args).await,
    }
}

/// Prints; `jarshy digest preview | head` is no error.
pub(super) fn print(text: &str) -> std::io::Result<()> {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}
