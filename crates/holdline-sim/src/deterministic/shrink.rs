//! Makes a failing script shorter: takes items out, halves first and then one by one, as long as
//! the same promise is still broken. Bounded by a number of runs.

use super::run::{Report, Trace, run};
use super::script::Script;

/// A shorter script that fails in the same way.
#[derive(Clone, Debug)]
pub struct Shrunk {
    pub script: Script,
    pub report: Report,
    pub runs: u32,
}

/// Shrinks by at most so many runs. None when the script does not fail.
#[must_use]
pub fn shrink(script: &Script, runs_max: u32) -> Option<Shrunk> {
    shrink_by(script, runs_max, |script| run(script, Trace::Story))
}

pub(crate) fn shrink_by(
    script: &Script,
    runs_max: u32,
    play: impl Fn(&Script) -> Report,
) -> Option<Shrunk> {
    let report = play(script);
    let invariant = report.violation.as_ref()?.invariant;
    let mut best = Shrunk {
        script: script.clone(),
        report,
        runs: 1,
    };
    let mut size = best.script.items.len().div_ceil(2).max(1);
    loop {
        let mut at = 0;
        let mut shorter = false;
        while at < best.script.items.len() && best.runs < runs_max {
            let end = (at + size).min(best.script.items.len());
            let mut tried = best.script.clone();
            tried.items.drain(at..end);
            let report = play(&tried);
            best.runs += 1;
            let fails = report.violation.as_ref().map(|it| it.invariant) == Some(invariant);
            if fails {
                (best.script, best.report, shorter) = (tried, report, true);
            } else {
                at = end;
            }
        }
        if best.runs >= runs_max || (size == 1 && !shorter) {
            return Some(best);
        }
        size = if shorter { size } else { size.div_ceil(2) }.max(1);
    }
}
