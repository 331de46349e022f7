//! `jarshy deliver`: sends what is due and exits.

use std::process::ExitCode;

use tokio_util::sync::CancellationToken;

use crate::delivery::{self, store};
use crate::work::Core;

/// Options of `jarshy deliver`.
#[derive(clap::Args)]
pub struct Args {
    /// Print one JSON object instead of words.
    #[arg(long)]
    json: bool,
}

/// Sends what is due, prints the sums, and fails if anything that is due is still open. SIGTERM and Ctrl-C finish what is in flight.
pub async fn run(core: Core, args: Args) -> anyhow::Result<ExitCode> {
    let stop = CancellationToken::new();
    let listening = tokio::spawn(super::serve::cancel_on_signal(stop.clone()));
    let drained = delivery::drain(&core, &stop).await;
    listening.abort();
    let sums = store::get_total_sums(&core.db).await?;
    let due = store::count_due(&core.db, core.clock.now()).await?;
    if args.json {
        println!("{}", serde_json::to_string(&sums)?);
    } else {
        println!("{}", super::verify::equation(&sums));
        let later = sums.open - due;
        if later > 0 {
            println!("{later} open, due later");
        }
    }
    if let Err(error) = drained {
        eprintln!("jarshy: {error}");
        return Ok(ExitCode::FAILURE);
    }
    if due > 0 {
        let reason = if stop.is_cancelled() {
            "this run was stopped"
        } else {
            "another worker may have them"
        };
        eprintln!(
            "jarshy: {due} deliveries are due and still open; {reason}. Run `jarshy deliver` again, or `jarshy verify`"
        );
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}
