//! `cargo xtask sim`: plays seeds, several at once, and says what it found. Decides nothing about
//! a run.

mod report;
mod seeds;

use clap::Parser;
use holdline_sim::deterministic::script::{Script, script_of};
use holdline_sim::deterministic::{Report, Trace, run, shrink};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

/// Runs in which a failing script may be made shorter.
const SHRINK_RUNS_MAX: u32 = 400;
/// Seeds played unless it is said how many.
const SEEDS: u64 = 200;
/// As a shell says that Ctrl-C ended a program.
const STOPPED: u8 = 130;

/// The deterministic simulation: the real engine on a virtual clock, with faults drawn from a
/// seed, and checkers of every promise.
///
/// Exit code: 0 every promise held, 1 one was broken, 2 wrong usage, 130 stopped before the end.
#[derive(Debug, Parser)]
#[command(name = "sim", bin_name = "cargo xtask sim")]
struct Options {
    /// How many seeds to play; 200, or one where --seed says which
    #[arg(long)]
    seeds: Option<u64>,
    /// The first seed; the number of its nodes is drawn too
    #[arg(long)]
    seed: Option<u64>,
    /// Nodes that share the store, in every run
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=8))]
    nodes: Option<u8>,
    /// Print every line of the log, of one seed or script
    #[arg(long, conflicts_with = "seeds")]
    trace: bool,
    /// Go on until stopped with Ctrl-C or until the first failure, from a seed that was never
    /// played
    #[arg(long, conflicts_with_all = ["seeds", "trace", "keep_going"])]
    nightly: bool,
    /// Play this script instead of seeds
    #[arg(long, value_name = "FILE", conflicts_with_all = ["seeds", "seed", "nodes", "nightly"])]
    script: Option<PathBuf>,
    /// Play all seeds, also after a failure, and list those that fail
    #[arg(long)]
    keep_going: bool,
    /// Leave a failing script as long as it is
    #[arg(long)]
    no_shrink: bool,
    /// Seeds played at once; one for each core by default
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
    /// One JSON object instead of words
    #[arg(long, conflicts_with = "trace")]
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
    if options.trace {
        let seed = options.seed.unwrap_or(0);
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
    let failed = report.violation.is_some().then_some((script, &report));
    finish(options, &totals, failed);
    ExitCode::from(u8::from(failed.is_some()))
}

fn many(options: &Options) -> ExitCode {
    let count = match options.seed {
        Some(_) => options.seeds.unwrap_or(1),
        None => options.seeds.unwrap_or(SEEDS),
    };
    let asked = seeds::Asked {
        first: options.seed.unwrap_or_else(|| first_seed(options.nightly)),
        count: if options.nightly { u64::MAX } else { count },
        nodes: options.nodes,
        jobs: options.jobs.map_or_else(cores, usize::from),
        quiet: options.json,
        keep_going: options.keep_going,
    };
    let (totals, failed) = seeds::play(&asked);
    if options.keep_going && !options.json {
        report::list(&failed);
    }
    let first = failed.first();
    let script = first.map(|report| script_of(report.seed, options.nodes));
    finish(options, &totals, script.as_ref().zip(first));
    if first.is_some() {
        return ExitCode::FAILURE;
    }
    let stopped = !options.nightly && totals.seeds() < count;
    ExitCode::from(if stopped { STOPPED } else { 0 })
}

/// Every night others.
fn first_seed(nightly: bool) -> u64 {
    const SEEDS_PER_SECOND_MAX: u64 = 10_000;
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let seconds = since.map_or(0, |since| since.as_secs());
    if nightly {
        seconds.wrapping_mul(SEEDS_PER_SECOND_MAX)
    } else {
        0
    }
}

fn finish(options: &Options, totals: &report::Totals, failed: Option<(&Script, &Report)>) {
    let shrunk = failed
        .filter(|_| !options.no_shrink)
        .and_then(|(script, _)| shrink(script, SHRINK_RUNS_MAX));
    if options.json {
        println!("{}", report::json(totals, failed, shrunk.as_ref()));
    } else {
        report::print(totals, failed, shrunk.as_ref());
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
