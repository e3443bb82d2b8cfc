//! How good the detector is: replays of outages and of healthy months through the real board on a
//! virtual clock, with fixed seeds, against the targets. Prints one row for each target and ends
//! with 1 when one falls short. Decides nothing and sends nothing.
//!
//! `cargo bench -p holdline-core --bench detect -- [--json] [WORD]`: with a word, only the groups
//! of rows whose names contain it.

mod cost;
mod delays;
mod draw;
mod months;
mod row;
mod stories;
mod world;

use row::Row;
use std::io::{IsTerminal as _, Write as _};
use std::panic::resume_unwind;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

type Group = (&'static str, fn(&Progress) -> Vec<Row>);

/// The longest first, so that no thread is left with one at the end.
const GROUPS: &[Group] = &[
    ("month-1", months::healthy_1),
    ("blips-1", months::blips_1),
    ("month-10", months::healthy_10),
    ("ceiling", months::at_the_ceiling),
    ("blips-10", months::blips_10),
    ("failback", stories::failback),
    ("degraded", delays::degraded),
    ("ratio", delays::ratio),
    ("suspect", delays::suspect),
    ("down", delays::down),
    ("silent", delays::silent),
    ("month-0.1", months::healthy_slow),
    ("account", stories::account),
    ("restart", stories::restart),
    ("clock", stories::clock),
    ("burst", stories::burst),
    ("size", cost::size),
];

const THREADS: usize = 2;
/// Steps of all groups together, for the bar.
const STEPS: u64 = 17_900;

/// How far it is, on a terminal.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    steps: AtomicU64,
    shown: AtomicU64,
}

impl Progress {
    pub(crate) fn step(&self) {
        let steps = self.steps.fetch_add(1, Ordering::Relaxed) + 1;
        let percent = (steps * 100 / STEPS).min(99);
        if self.shown.swap(percent, Ordering::Relaxed) != percent && std::io::stderr().is_terminal()
        {
            let done = "#".repeat(percent as usize / 2);
            let _ = write!(std::io::stderr(), "\r[{done:<50}] {percent:>2} %");
        }
    }

    fn end(&self) {
        if self.shown.load(Ordering::Relaxed) > 0 && std::io::stderr().is_terminal() {
            let _ = write!(std::io::stderr(), "\r{:<60}\r", "");
        }
    }
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| word != "--bench")
        .collect();
    let as_json = words.iter().any(|word| word == "--json");
    let only: Vec<&String> = words
        .iter()
        .filter(|word| !word.starts_with("--"))
        .collect();
    let wanted = |name: &str| only.is_empty() || only.iter().any(|word| name.contains(*word));
    let groups: Vec<&Group> = GROUPS.iter().filter(|(name, _)| wanted(name)).collect();
    let mut rows = run(&groups);
    if wanted("cost") {
        rows.extend(cost::observation());
    }
    print!(
        "{}",
        if as_json {
            row::json(&rows)
        } else {
            row::table(&rows)
        }
    );
    let short = rows.iter().filter(|row| !row.holds()).count();
    if short > 0 || rows.is_empty() {
        eprintln!("detect: {short} of {} rows fall short", rows.len());
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Runs every group; the rows come in the order of the groups.
fn run(groups: &[&Group]) -> Vec<Row> {
    let (progress, next) = (Progress::default(), AtomicUsize::new(0));
    let work = || {
        let mut found = Vec::new();
        while let Some((at, group)) = take(groups, &next) {
            found.push((at, group.1(&progress)));
        }
        found
    };
    let mut found: Vec<(usize, Vec<Row>)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
        let joined = threads.into_iter().map(|thread| thread.join());
        joined
            .flat_map(|rows| rows.unwrap_or_else(|panic| resume_unwind(panic)))
            .collect()
    });
    progress.end();
    found.sort_by_key(|(at, _)| *at);
    found.into_iter().flat_map(|(_, rows)| rows).collect()
}

fn take<'a>(groups: &[&'a Group], next: &AtomicUsize) -> Option<(usize, &'a Group)> {
    let at = next.fetch_add(1, Ordering::Relaxed);
    groups.get(at).map(|group| (at, *group))
}
