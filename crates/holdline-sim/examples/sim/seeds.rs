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
    pub(crate) nodes: u8,
    pub(crate) jobs: usize,
    pub(crate) quiet: bool,
}

static STOP: AtomicBool = AtomicBool::new(false);

/// All that was played, and the first failure by seed.
pub(crate) fn play(asked: &Asked) -> (Totals, Option<Report>) {
    stop_on_ctrl_c();
    let bar = bar(asked);
    let next = AtomicU64::new(0);
    let totals = Mutex::new(Totals::default());
    let failed: Mutex<Option<Report>> = Mutex::new(None);
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
                        keep_first(
                            &mut failed.lock().unwrap_or_else(PoisonError::into_inner),
                            report,
                        );
                        STOP.store(true, Ordering::SeqCst);
                    }
                }
            });
        }
    });
    bar.finish_and_clear();
    let totals = totals.into_inner().unwrap_or_else(PoisonError::into_inner);
    (
        totals,
        failed.into_inner().unwrap_or_else(PoisonError::into_inner),
    )
}

fn keep_first(failed: &mut Option<Report>, report: Report) {
    if failed.as_ref().is_none_or(|known| report.seed < known.seed) {
        *failed = Some(report);
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
