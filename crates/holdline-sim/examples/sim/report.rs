//! Says what was played and what was found: in words, or as JSON.

use holdline_sim::deterministic::script::Script;
use holdline_sim::deterministic::{Report, Shrunk};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::process::Command;
use std::time::Instant;

/// Sums over all runs.
#[derive(Debug)]
pub(crate) struct Totals {
    began: Instant,
    seeds: u64,
    ran_ms: u64,
    messages: u64,
    steps: u64,
    facts: u64,
    ends: BTreeMap<&'static str, u64>,
    faults: BTreeMap<String, u64>,
}

impl Default for Totals {
    fn default() -> Self {
        Self {
            began: Instant::now(),
            seeds: 0,
            ran_ms: 0,
            messages: 0,
            steps: 0,
            facts: 0,
            ends: BTreeMap::new(),
            faults: BTreeMap::new(),
        }
    }
}

impl Totals {
    pub(crate) fn add(&mut self, report: &Report) {
        self.seeds += 1;
        self.ran_ms += report.ran_ms;
        self.messages += report.messages;
        self.steps += report.steps;
        self.facts += report.facts;
        for (end, count) in &report.ends {
            *self.ends.entry(end).or_default() += count;
        }
        for (fault, count) in &report.faults {
            *self.faults.entry(fault.clone()).or_default() += count;
        }
    }

    pub(crate) const fn seeds(&self) -> u64 {
        self.seeds
    }

    fn hours(&self) -> f64 {
        self.ran_ms as f64 / 3_600_000.0
    }
}

pub(crate) fn print(totals: &Totals, failed: Option<(&Script, &Report)>, shrunk: Option<&Shrunk>) {
    println!(
        "{} seeds in {:.1} s: {:.1} simulated hours, {} messages, {} steps",
        totals.seeds,
        totals.began.elapsed().as_secs_f64(),
        totals.hours(),
        totals.messages,
        totals.steps
    );
    let ends: Vec<String> = totals
        .ends
        .iter()
        .map(|(end, count)| format!("{count} {end}"))
        .collect();
    println!("ends: {}", ends.join(", "));
    println!("faults:");
    for (fault, count) in &totals.faults {
        println!("  {count:>7} {fault}");
    }
    match failed {
        None => println!("every promise held"),
        Some((script, report)) => print_failure(script, report, shrunk),
    }
}

/// One line for each seed that failed.
pub(crate) fn list(failed: &[Report]) {
    for report in failed {
        let Some(violation) = &report.violation else {
            continue;
        };
        println!(
            "seed {}: {} at {:.3} s: {}",
            report.seed,
            violation.invariant,
            violation.at_ms as f64 / 1000.0,
            violation.what
        );
    }
}

fn print_failure(script: &Script, report: &Report, shrunk: Option<&Shrunk>) {
    let best = shrunk.map_or(report, |shrunk| &shrunk.report);
    let Some(violation) = &best.violation else {
        return;
    };
    println!(
        "\nFAILED: seed {} on {} nodes, commit {}",
        script.seed,
        script.nodes,
        commit()
    );
    let at = violation.at_ms as f64 / 1000.0;
    println!(
        "broken promise: {} ({at:.3} s): {}",
        violation.invariant, violation.what
    );
    println!("the story:");
    violation.story.iter().for_each(|line| println!("  {line}"));
    let shortest = shrunk.map_or(script, |shrunk| &shrunk.script);
    let runs = shrunk.map_or(0, |shrunk| shrunk.runs);
    let (from, to) = (script.items.len(), shortest.items.len());
    println!("\nits script, {from} items made {to} in {runs} runs:");
    println!("{}", written(shortest));
    println!(
        "replay: cargo xtask sim --seed {} --nodes {} --trace\n\
         replay what is left of it: keep the lines above as FILE; cargo xtask sim --script FILE",
        script.seed, script.nodes
    );
}

/// As JSON, an item a line.
fn written(script: &Script) -> String {
    let head = Script {
        items: Vec::new(),
        ..script.clone()
    };
    let json = |text: Result<String, serde_json::Error>| text.unwrap_or_else(|why| why.to_string());
    let items: Vec<String> = script
        .items
        .iter()
        .map(|item| json(serde_json::to_string(item)))
        .collect();
    let head = json(serde_json::to_string(&head));
    let head = head.strip_suffix("]}").unwrap_or(&head);
    format!("{head}\n  {}\n]}}", items.join(",\n  "))
}

pub(crate) fn json(
    totals: &Totals,
    failed: Option<(&Script, &Report)>,
    shrunk: Option<&Shrunk>,
) -> Value {
    let failure = failed.map(|(script, report)| {
        let best = shrunk.map_or(report, |shrunk| &shrunk.report);
        let violation = best.violation.as_ref();
        json!({
            "seed": script.seed, "nodes": script.nodes, "commit": commit(),
            "invariant": violation.map(|it| it.invariant),
            "at_ms": violation.map(|it| it.at_ms),
            "what": violation.map(|it| &it.what),
            "story": violation.map(|it| &it.story),
            "script": shrunk.map_or(script, |shrunk| &shrunk.script),
        })
    });
    json!({
        "seeds": totals.seeds, "seconds": totals.began.elapsed().as_secs_f64(),
        "simulated_hours": totals.hours(), "messages": totals.messages, "steps": totals.steps,
        "facts": totals.facts, "ends": totals.ends, "faults": totals.faults, "failure": failure,
    })
}

fn commit() -> String {
    let asked = Command::new("git")
        .args(["rev-parse", "--short", "HEAD"])
        .output();
    let text = asked.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    text.ok()
        .filter(|text| !text.is_empty())
        .unwrap_or_else(|| String::from("unknown"))
}
