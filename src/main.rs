//! Parses the command line and hands over.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    // One TLS provider for the relay, the database and the HTTP client.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    jarshy::cli::main().await
}
