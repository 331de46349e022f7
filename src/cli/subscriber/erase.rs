//! `jarshy subscriber erase`: forgets a person.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use crate::audience::{self, AudienceError};
use crate::base::address::EmailAddress;
use crate::work::Core;

/// Options of `jarshy subscriber erase`.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The person's address.
    #[arg(value_name = "ADDRESS", value_parser = EmailAddress::parse)]
    address: EmailAddress,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
}

/// Erases after a question on a terminal, elsewhere only with `--yes`; fails if nobody has that address.
pub(super) async fn run(core: &Core, args: &Args) -> anyhow::Result<ExitCode> {
    if !args.yes && !is_confirmed(&args.address)? {
        eprintln!("jarshy: nothing was changed");
        return Ok(ExitCode::FAILURE);
    }
    match audience::erase(core, &args.address).await {
        Ok(in_flight) => {
            println!(
                "Erased: mail that waits is called off, address, wishes of the person, evidence and the relay's replies are emptied. Only a keyed hash stays; lists with that address are refused."
            );
            if in_flight > 0 {
                println!(
                    "{in_flight} messages are being handed to the relay at this moment; what it says of them is emptied tonight."
                );
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(AudienceError::Nobody) => {
            eprintln!("jarshy: nobody with that address is known here; nothing was changed");
            Ok(ExitCode::FAILURE)
        }
        Err(error) => Err(error.into()),
    }
}

fn is_confirmed(address: &EmailAddress) -> anyhow::Result<bool> {
    if !io::stdin().is_terminal() {
        anyhow::bail!("this cannot be taken back; say --yes");
    }
    print!(
        "Erase {address} and all that is known of the person? This cannot be taken back. [y/N] "
    );
    io::stdout().flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}
