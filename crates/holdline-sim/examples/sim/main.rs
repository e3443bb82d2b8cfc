//! `cargo xtask sim`: plays seeds, one after the other or several at once, and says what it found.
//! Decides nothing about a run.

mod report;
mod seeds;

use clap::Parser;
use holdline_sim::deterministic::script::{Script, script_of};
use holdline_sim::deterministic::{Report, Trace, run, shrink};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Runs in which a failing script may be made shorter.
const SHRINK_RUNS_MAX: u32 = 400;
/// Nodes of a run, unless said otherwise.
const NODES: u8 = 1;

/// The deterministic simulation: the real engine on a virtual clock, with faults drawn from a
/// seed, and checkers of every promise.
#[derive(Debug, Parser)]
#[command(name = "sim", bin_name = "cargo xtask sim")]
struct Options {
    /// How many seeds to play
    #[arg(long, default_value_t = 200)]
    seeds: u64,
    /// The first seed; alone, unless --seeds says how many
    #[arg(long)]
    seed: Option<u64>,
    /// Nodes that share the store
    #[arg(long, default_value_t = NODES, value_parser = clap::value_parser!(u8).range(1..=8))]
    nodes: u8,
    /// Print every line of the log (of one seed)
    #[arg(long)]
    trace: bool,
    /// Go on until stopped with Ctrl-C, or until the first failure
    #[arg(long)]
    nightly: bool,
    /// Play this script instead of seeds
    #[arg(long, value_name = "FILE")]
    script: Option<PathBuf>,
    /// Leave a failing script as long as it is
    #[arg(long)]
    no_shrink: bool,
    /// Seeds played at once; one for each core by default
    #[arg(long)]
    jobs: Option<usize>,
    /// One JSON object instead of words
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let options = Options::parse();
    if let Some(file) = &options.script {
        return match read(file) {
            Ok(script) => one(&options, &script),
            Err(why) => {
                eprintln!("sim: {}: {why}", file.display());
                ExitCode::from(2)
            }
        };
    }
    if let Some(seed) = options.seed.filter(|_| options.trace) {
        return one(&options, &script_of(seed, options.nodes));
    }
    many(&options)
}

fn read(file: &Path) -> Result<Script, String> {
    let text = std::fs::read_to_string(file).map_err(|error| error.to_string())?;
    serde_json::from_str(&text).map_err(|error| error.to_string())
}

fn one(options: &Options, script: &Script) -> ExitCode {
    let trace = if options.trace {
        Trace::Whole
    } else {
        Trace::Story
    };
    let report = run(script, trace);
    if options.trace {
        report.log.iter().for_each(|line| println!("{line}"));
    }
    let mut totals = report::Totals::default();
    totals.add(&report);
    finish(
        options,
        &totals,
        report.violation.is_some().then_some((script, &report)),
    )
}

fn many(options: &Options) -> ExitCode {
    let asked = seeds::Asked {
        first: options.seed.unwrap_or(0),
        count: match (options.nightly, options.seed) {
            (true, _) => u64::MAX,
            (false, Some(_)) if options.seeds == 200 => 1,
            (false, _) => options.seeds,
        },
        nodes: options.nodes,
        jobs: options.jobs.unwrap_or_else(cores),
        quiet: options.json,
    };
    let (totals, failed) = seeds::play(&asked);
    let failed = failed.map(|report| (script_of(report.seed, options.nodes), report));
    finish(
        options,
        &totals,
        failed.as_ref().map(|(script, report)| (script, report)),
    )
}

fn finish(
    options: &Options,
    totals: &report::Totals,
    failed: Option<(&Script, &Report)>,
) -> ExitCode {
    let shrunk = failed
        .filter(|_| !options.no_shrink)
        .and_then(|(script, _)| shrink(script, SHRINK_RUNS_MAX));
    if options.json {
        println!("{}", report::json(totals, failed, shrunk.as_ref()));
    } else {
        report::print(totals, failed, shrunk.as_ref());
    }
    ExitCode::from(u8::from(failed.is_some()))
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
