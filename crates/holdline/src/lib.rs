//! The program, so that its parsers can be reached by a fuzzer: one crypto provider, one runtime,
//! then the command line. Decides nothing, and is no interface for other programs.

mod channels;
mod cli;
mod clock;
mod config;
mod demo;
mod engine_config;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod http;
mod library;
mod listen;
mod render;
mod secret;
mod telemetry;
mod tls;
mod upkeep;
mod watch;
mod wiring;

use clap::Parser as _;
use std::process::ExitCode;

/// Runs the command line of this process.
#[must_use]
pub fn run() -> ExitCode {
    holdline_channels::http::install_crypto();
    let cli = cli::Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: the runtime cannot start: {error}");
            return cli::Exit::Failed.into();
        }
    };
    let context = cli::Context::new(cli.global);
    runtime.block_on(cli::run(cli.command, &context)).into()
}
