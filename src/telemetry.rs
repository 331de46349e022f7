//! Logging. Lines go to standard error; ids are logged, never addresses, tokens or keys.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// Starts logging: `RUST_LOG` chooses, e.g. `RUST_LOG=jarshy=debug`; JSON where standard error is not a terminal.
///
/// lettre logs message bodies and AUTH at debug level: its target stays at warnings whatever is asked.
///
/// `is_quiet` keeps to warnings where nothing was chosen, for a command whose own lines are what one wants to read.
pub fn init(is_quiet: bool) {
    let usual = if is_quiet {
        "warn,sqlx=error"
    } else {
        "warn,jarshy=info,sqlx=error"
    };
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new(usual))
        .add_directive("lettre=warn".parse().expect("a directive of ours"));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false);
    let started = if std::io::stderr().is_terminal() {
        builder.compact().try_init()
    } else {
        builder.json().try_init()
    };
    if started.is_err() {
        tracing::debug!("logging runs already");
    }
}
