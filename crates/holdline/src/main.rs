//! Starts the program: one crypto provider, one runtime, then the command line. Decides nothing.

mod cli;
mod config;
mod listen;
mod secret;
mod telemetry;
mod tls;

use clap::Parser as _;
use std::process::ExitCode;

fn main() -> ExitCode {
    holdline_channels::http::install_crypto();
    let cli = cli::Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: the runtime cannot start: {error}");
            return cli::Exit::Failed.into();
        }
    };
    let context = cli::Context::new(cli.global);
    runtime.block_on(cli::run(cli.command, &context)).into()
}
