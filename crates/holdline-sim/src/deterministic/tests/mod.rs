//! The simulation itself is tested: promises hold for the first 200 seeds, a seed is one run, every
//! checker notices a machine that breaks its promise, and a failing script gets short.

mod sabotage;
mod same;
mod seeds;

use super::run::Report;

/// What a failure says: all that is needed to see it again.
fn words(report: &Report) -> String {
    let Some(violation) = &report.violation else {
        return String::from("every promise held");
    };
    format!(
        "seed {}: {} at {} ms: {}\n{}\ncargo xtask sim --seed {} makes it shorter",
        report.seed,
        violation.invariant,
        violation.at_ms,
        violation.what,
        violation.story.join("\n"),
        report.seed
    )
}
