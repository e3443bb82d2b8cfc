//! `load`: the works W1 to W7 and a few more, each on the real server and on the limit program that
//! does the least of the same, in turn. Runs each several times and takes the median; never
//! compares figures of different machines or times.

mod accept;
mod detection;
mod dispatch;
mod failover;
mod ground;
mod inbound;
mod postgres;
mod restart;
mod steady;

use crate::row::Row;
use clap::{Args, ValueEnum};
use ground::Bench;

/// As much as the configuration takes for a sender.
const RATE_PER_S: u32 = 100_000;

#[derive(Debug, Args)]
pub(crate) struct LoadArgs {
    /// Each work once, with fewer messages: to see that all works, not to judge by
    #[arg(long)]
    quick: bool,
    /// Only these works, with commas
    #[arg(long, value_delimiter = ',', ignore_case = true, value_name = "WORK")]
    only: Vec<Work>,
    /// The rate of a sender where it shall have no limit
    #[arg(long, default_value_t = RATE_PER_S, hide = true)]
    rate_per_s: u32,
    /// Print the verdict as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Work {
    /// Accept
    W1,
    /// Dispatch
    W2,
    /// Failover
    W3,
    /// Steady load
    W4,
    /// Killed and started again; memory and disk
    W5,
    /// Webhooks of a provider
    W6,
    /// With PostgreSQL
    W7,
    /// How soon a failing provider is left alone
    Detection,
}

const ALL: [Work; 8] = [
    Work::W1,
    Work::W2,
    Work::W3,
    Work::W4,
    Work::W5,
    Work::W6,
    Work::W7,
    Work::Detection,
];

pub(crate) async fn run(args: &LoadArgs) -> anyhow::Result<Vec<Row>> {
    let bench = Bench::new(args.quick, args.rate_per_s)?;
    let mut rows = Vec::new();
    let wanted = |work: &Work| args.only.is_empty() || args.only.contains(work);
    for work in ALL.into_iter().filter(wanted) {
        rows.extend(perform(work, &bench).await.unwrap_or_else(|error| {
            eprintln!("{work:?}: {error:#}");
            vec![Row::broken(format!("{work:?}"), &error)]
        }));
    }
    Ok(rows)
}

async fn perform(work: Work, bench: &Bench) -> anyhow::Result<Vec<Row>> {
    match work {
        Work::W1 => accept::rows(bench).await,
        Work::W2 => dispatch::rows(bench).await,
        Work::W3 => failover::rows(bench).await,
        Work::W4 => steady::rows(bench).await,
        Work::W5 => restart::rows(bench).await,
        Work::W6 => inbound::rows(bench).await,
        Work::W7 => postgres::rows(bench).await,
        Work::Detection => detection::rows(bench).await,
    }
}

fn mb(kib: u64) -> f64 {
    kib as f64 * 1_024.0 / 1e6
}
