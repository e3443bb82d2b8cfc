//! `cargo xtask soak`, `bench limits` and `bench load`: puts load on the real server, as it is
//! released, and judges what it made of it. Reads the command line and sets the exit code; never
//! looks into the server but by what it shows to everybody.

mod floor;
mod limits;
mod offer;
mod press;
mod row;
mod sink;
mod soak;
mod stage;
mod works;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use row::Row;
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};

#[derive(Debug, Parser)]
#[command(name = "holdline-load", max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Steady load for a long time, with WhatsApp failing and mending: what grows?
    Soak(soak::SoakArgs),
    /// A million messages wait: how long is the start, how much memory and disk do they take?
    Limits(limits::LimitsArgs),
    /// How fast it is, beside the least that the same work costs on this machine
    Load(works::LoadArgs),
    /// The sandbox's providers, until the standard input ends
    #[command(hide = true)]
    Providers(stage::ProvidersArgs),
    /// A limit program
    #[command(hide = true)]
    Floor(floor::FloorArgs),
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn run(command: Command) -> anyhow::Result<ExitCode> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        done = perform(command) => done,
        _ = terminate.recv() => anyhow::bail!("stopped before the end"),
        _ = interrupt.recv() => anyhow::bail!("stopped before the end"),
    }
}

async fn perform(command: Command) -> anyhow::Result<ExitCode> {
    let (rows, json) = match command {
        Command::Providers(args) => return stage::providers(args).await,
        Command::Floor(args) => return floor::run(args).await,
        Command::Load(args) => (works::run(&args).await.context("load")?, args.json),
        Command::Soak(args) => (soak::run(&args).await.context("soak")?, args.json),
        Command::Limits(args) => (limits::run(&args).await.context("limits")?, args.json),
    };
    print!(
        "{}",
        if json {
            row::json(&rows)
        } else {
            row::table(&rows)
        }
    );
    let all_hold = rows.iter().all(Row::holds);
    Ok(if all_hold {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
