//! `jarshy serve`: the service.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::app::{App, Role};
use crate::theme::Theme;
use crate::work::Core;

/// What `serve` is told.
#[derive(clap::Args)]
pub struct Args {
    /// `all`; `web` serves pages and feeds; `worker` releases, plans and delivers.
    #[arg(long, value_enum, default_value = "all")]
    role: Role,
    /// Listen here instead of `server.listen`.
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<std::net::SocketAddr>,
}

pub async fn run(core: Core, args: Args) -> anyhow::Result<ExitCode> {
    let theme = Arc::new(Theme::load(&core.config)?);
    let missing = core.config.missing_terms();
    if !missing.is_empty() && !core.config.newsletters.is_empty() {
        tracing::warn!(
            keys = missing.join(", "),
            "nobody can subscribe by a form: the settings do not say what a person would agree to"
        );
    }
    let address = args.listen.unwrap_or(core.config.server.listen);
    let listener = if args.role.serves_web() {
        let listener = TcpListener::bind(address).await.with_context(|| {
            format!(
                "cannot listen on {address}: choose another port with server.listen or --listen"
            )
        })?;
        println!(
            "Jarshy {} · {} · http://{}",
            env!("CARGO_PKG_VERSION"),
            core.config.server.base_url(),
            listener.local_addr()?
        );
        Some(listener)
    } else {
        println!(
            "Jarshy {} · {} · worker",
            env!("CARGO_PKG_VERSION"),
            core.config.server.base_url()
        );
        None
    };
    let stop = CancellationToken::new();
    tokio::spawn(cancel_on_signal(stop.clone()));
    App::new(core, theme, None)
        .run(listener, args.role, stop)
        .await?;
    Ok(ExitCode::SUCCESS)
}

/// Cancels on SIGTERM or Ctrl-C; a second Ctrl-C ends the process at once.
pub(crate) async fn cancel_on_signal(stop: CancellationToken) {
    let mut terminate =
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(signal) => signal,
            Err(error) => return tracing::error!(%error, "SIGTERM cannot be watched"),
        };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    tracing::info!("stopping: what is in flight is finished first");
    stop.cancel();
    if tokio::signal::ctrl_c().await.is_ok() {
        std::process::exit(130);
    }
}
