//! `jarshy digest replay`: a past issue byte for byte, or once more to whom it has not reached.

use std::path::PathBuf;
use std::process::ExitCode;

use super::preview::{ANYBODY, put};
use super::print;
use crate::base::address::EmailAddress;
use crate::digest;
use crate::work::Core;

/// Options of `jarshy digest replay`.
#[derive(clap::Args)]
pub(super) struct Replay {
    /// The issue: its uid or the first eight letters of it, as `jarshy verify` prints them.
    #[arg(value_name = "ISSUE")]
    issue: String,
    /// The copy of this subscriber, byte for byte as the relay was given it. Nobody's copy if left out.
    #[arg(long, value_name = "ADDRESS", value_parser = EmailAddress::parse)]
    to: Option<EmailAddress>,
    /// Write digest.html, digest.txt and digest.eml into this folder instead of printing the text.
    #[arg(long, value_name = "DIR", conflicts_with = "send")]
    out: Option<PathBuf>,
    /// Queue it, behind everything else, for the subscriber of --to, if it has not reached them and no story of it has.
    #[arg(long, requires = "to")]
    send: bool,
}

/// Shows the issue, or queues it.
pub(super) async fn run(core: &Core, args: &Replay) -> anyhow::Result<ExitCode> {
    if let Some(address) = args.to.as_ref().filter(|_| args.send) {
        digest::send_again(core, &args.issue, address).await?;
        println!(
            "queued for {}: it is sent within a minute, or by `jarshy deliver`",
            address.masked()
        );
        return Ok(ExitCode::SUCCESS);
    }
    let anybody = EmailAddress::parse(ANYBODY).map_err(anyhow::Error::msg)?;
    let told = digest::replay_issue(core, &args.issue, args.to.as_ref(), &anybody).await?;
    if let Some(folder) = &args.out {
        put(folder, &told.shown)?;
        return Ok(ExitCode::SUCCESS);
    }
    let state = told.state.map_or_else(
        || "nobody's copy".to_owned(),
        |state| format!("this copy: {state}"),
    );
    print(&format!(
        "No. {} of {}, revision {}, {state}\nSubject: {}\n\n{}\n",
        told.number,
        told.local_date,
        told.revision,
        told.subject,
        told.shown.text.trim_end()
    ))?;
    Ok(ExitCode::SUCCESS)
}
