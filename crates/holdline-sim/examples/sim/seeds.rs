//! Plays many seeds on several threads, until all are played, one fails, or somebody stops it.

use super::report::Totals;
use holdline_sim::deterministic::script::script_of;
use holdline_sim::deterministic::{Report, Trace, run};
use indicatif::{ProgressBar, ProgressStyle};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// What to play.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) first: u64,
    pub(crate) count: u64,
    pub(crate) nodes: Option<u8>,
    pub(crate) jobs: usize,
    pub(crate) quiet: bool,
    /// Play the others too after a failure.
    pub(crate) keep_going: bool,
}

/// Failures kept of a run that goes on after the first.
const FAILURES_MAX: usize = 10_000;

static STOP: AtomicBool = AtomicBool::new(false);

/// All that was played, and the failures in the order of their seeds.
pub(crate) fn play(asked: &Asked) -> (Totals, Vec<Report>) {
    stop_on_ctrl_c();
    let bar = bar(asked);
    let next = AtomicU64::new(0);
    let totals = Mutex::new(Totals::default());
    let failed: Mutex<Vec<Report>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..asked.jobs.max(1) {
            scope.spawn(|| {
                while !STOP.load(Ordering::SeqCst) {
                    let number = next.fetch_add(1, Ordering::SeqCst);
                    if number >= asked.count {
                        return;
                    }
                    let script = script_of(asked.first.wrapping_add(number), asked.nodes);
                    let report = run(&script, Trace::Story);
                    totals
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .add(&report);
                    bar.inc(1);
                    if report.violation.is_some() {
                        keep(&failed, report);
                        STOP.fetch_or(!asked.keep_going, Ordering::SeqCst);
                    }
                }
            });
        }
    });
    bar.finish_and_clear();
    let totals = totals.into_inner().unwrap_or_else(PoisonError::into_inner);
    let mut failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
    failed.sort_by_key(|report| report.seed);
    (totals, failed)
}

fn keep(failed: &Mutex<Vec<Report>>, mut report: Report) {
    let mut failed = failed.lock().unwrap_or_else(PoisonError::into_inner);
    if failed.len() < FAILURES_MAX {
        report.log = Vec::new();
        failed.push(report);
    }
}

/// Shown on a terminal only.
fn bar(asked: &Asked) -> ProgressBar {
    if asked.quiet {
        return ProgressBar::hidden();
    }
    let known = asked.count != u64::MAX;
    let words = if known {
        "{bar:40} {pos}/{len} seeds, {elapsed}, {eta} left"
    } else {
        "{spinner} {pos} seeds, {elapsed}; Ctrl-C ends it"
    };
    let bar = if known {
        ProgressBar::new(asked.count)
    } else {
        ProgressBar::no_length()
    };
    bar.with_style(
        ProgressStyle::with_template(words).unwrap_or_else(|_| ProgressStyle::default_bar()),
    )
}

/// The seeds under way are played to their end; a second Ctrl-C ends the process.
fn stop_on_ctrl_c() {
    std::thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build();
        if let Ok(runtime) = runtime
            && runtime.block_on(tokio::signal::ctrl_c()).is_ok()
        {
            STOP.store(true, Ordering::SeqCst);
            if runtime.block_on(tokio::signal::ctrl_c()).is_ok() {
                std::process::exit(130);
            }
        }
    });
}
