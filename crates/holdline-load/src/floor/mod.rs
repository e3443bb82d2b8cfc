//! The least that a correct program must do for the same work, with the same libraries as the
//! server: the limit that a figure of the server is held against. Each is a process of its own. Has
//! no sign-in, no routes, no keys, no audit; never part of the server.

mod accept;
mod dispatch;
mod rows;

use crate::stage::Process;
use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde_json::Value;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, ExitCode, Stdio};

#[derive(Debug, Args)]
pub(crate) struct FloorArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Takes messages by HTTP until the standard input ends
    Accept {
        /// Where rows are committed before the answer; without it nothing is kept
        #[arg(long)]
        folder: Option<PathBuf>,
    },
    /// Commits rows, 64 at a time
    Rows {
        #[arg(long)]
        folder: PathBuf,
        #[arg(long)]
        total: u64,
    },
    /// Sends rows that wait to a provider that takes them, or to a second one
    Dispatch {
        #[arg(long)]
        folder: PathBuf,
        #[arg(long)]
        total: u64,
        #[arg(long)]
        first: SocketAddr,
        #[arg(long)]
        second: SocketAddr,
    },
}

/// Runs one of them and says what came of it, as JSON in one line.
pub(crate) async fn run(args: FloorArgs) -> anyhow::Result<ExitCode> {
    match args.what {
        What::Accept { folder } => accept::run(folder.as_deref()).await?,
        What::Rows { folder, total } => {
            let rate = tokio::task::spawn_blocking(move || rows::rate(&folder, total));
            println!("{}", serde_json::json!({"rate": rate.await??}));
        }
        What::Dispatch {
            folder,
            total,
            first,
            second,
        } => {
            let took = dispatch::run(folder, total, first, second).await?;
            println!("{}", serde_json::json!({"took_s": took}));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A limit program that takes messages, until this is dropped.
#[derive(Debug)]
pub(crate) struct Floor {
    pub(crate) address: SocketAddr,
    pub(crate) process: Process,
    _open: ChildStdin,
}

impl Floor {
    /// With rows in `folder`, or with nothing kept.
    pub(crate) async fn accepting(
        folder: Option<&Path>,
        env: &[(&'static str, String)],
    ) -> anyhow::Result<Self> {
        let mut command = command("accept")?;
        command.stdin(Stdio::piped());
        command.envs(env.iter().map(|(name, value)| (name, value)));
        if let Some(folder) = folder {
            command.arg("--folder").arg(folder);
        }
        let mut process = Process::new(command.spawn().context("the limit does not start")?);
        let stdin = process.child().stdin.take().context("no standard input")?;
        let said: Value = serde_json::from_str(&process.first_line().await?)?;
        let address = said["address"].as_str().context("no address")?.parse()?;
        Ok(Self {
            address,
            process,
            _open: stdin,
        })
    }
}

/// What a limit program that ends by itself says.
pub(crate) async fn figure(what: &str, args: &[(&str, String)], name: &str) -> anyhow::Result<f64> {
    let mut command = command(what)?;
    command.stdin(Stdio::null());
    for (name, value) in args {
        command.arg(name).arg(value);
    }
    let mut process = Process::new(command.spawn().context("the limit does not start")?);
    let said: Value = serde_json::from_str(&process.first_line().await?)
        .with_context(|| format!("the limit {what} ended without a figure"))?;
    said[name].as_f64().context("no figure")
}

fn command(what: &str) -> anyhow::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["floor", what]).stdout(Stdio::piped());
    Ok(command)
}
