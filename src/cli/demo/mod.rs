//! `jarshy demo`: a newsroom with sample stories, invented subscribers and a built-in inbox; no set-up.
//!
//! Everything is real but the people: the stories are published by the newsroom's own use cases, the digests are planned and
//! compiled, and the mail goes over a TCP connection to a receiver that keeps it. Only the clock is set by hand.

mod content;
mod people;
mod run;
mod setup;
mod smtp;
mod words;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

/// See a newsroom at work: sample stories, 1,250 invented subscribers, an inbox. Needs no settings.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// Where the demo keeps its files; a second start continues there.
    #[arg(long, value_name = "DIR", default_value = "./jarshy-demo")]
    pub dir: PathBuf,
    /// Address and port to serve on; the next free port is taken if this one is not.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7070")]
    pub listen: SocketAddr,
    /// Run one day's mornings without waiting and without serving, verify, and exit.
    #[arg(long)]
    pub once: bool,
    /// With --once: print one JSON object with the sums and nothing else.
    #[arg(long, requires = "once")]
    pub json: bool,
}

/// Runs the demo. With `--once` the exit code is 0 only if every planned mail is accounted for.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    run::run(args).await
}
