//! How soon a fault is noticed: from its beginning to Suspect, Degraded and Down, and how many
//! sends that took against what no detector can do without.

use crate::Progress;
use crate::row::{Row, mean, percentile};
use crate::world::{Fault, Setup, World};
use holdline_core::health::Health;
use holdline_core::health::stats::{bound, threshold};

const MTBFA_S: f64 = 180.0 * 86_400.0;
/// The ceiling that the bound is reckoned against, which is also what an untaught leaf assumes.
const CEILING: f64 = 0.01;
/// A fault that is not noticed after so long is given up.
const PATIENCE_MS: i64 = 6 * 3_600_000;

/// What one fault took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Took {
    pub(crate) suspect_s: f64,
    pub(crate) degraded_s: f64,
    pub(crate) down_s: f64,
    /// Answers from the beginning of the fault to Degraded.
    pub(crate) answers: f64,
}

fn broken(failing: f64) -> Fault {
    Fault {
        failing,
        ..Fault::default()
    }
}

fn setup(per_s: f64, probes: bool) -> Setup {
    Setup {
        per_s,
        probes,
        receipts: true,
        base: 0.005,
    }
}

/// Breaks a healthy world and watches until `goal`.
fn play(setup: Setup, fault: Fault, goal: Health, seed: u64) -> Took {
    let mut world = World::new(setup, seed);
    let sends = if setup.per_s < 0.05 { 20.0 } else { 60.0 };
    let phase_ms = world.draw.share() * 30_000.0;
    world.pass((sends / setup.per_s * 1000.0).max(120_000.0) as i64 + phase_ms as i64);
    world.fault = fault;
    let (begin_ms, answers) = (world.now_ms, world.answers);
    let mut took = Took {
        suspect_s: f64::INFINITY,
        degraded_s: f64::INFINITY,
        down_s: f64::INFINITY,
        answers: f64::INFINITY,
    };
    while world.step(begin_ms + PATIENCE_MS) {
        let since_s = (world.now_ms - begin_ms) as f64 / 1000.0;
        let health = world.health();
        if health >= Health::Suspect {
            took.suspect_s = took.suspect_s.min(since_s);
        }
        if health >= Health::Degraded && took.degraded_s.is_infinite() {
            took.degraded_s = since_s;
            took.answers = (world.answers - answers) as f64;
        }
        if health == Health::Down {
            took.down_s = took.down_s.min(since_s);
        }
        if health >= goal {
            break;
        }
    }
    took
}

struct Cell {
    name: String,
    setup: Setup,
    fault: Fault,
    goal: Health,
    runs: u64,
}

impl Cell {
    fn play(&self, seed: u64, progress: &Progress) -> Vec<Took> {
        let all = (0..self.runs).map(|run| {
            progress.step();
            play(self.setup, self.fault, self.goal, seed * 100_000 + run)
        });
        all.collect()
    }

    fn row(&self, kind: &'static str, values: &[f64], target: f64) -> Row {
        let figure = if kind == "p95" {
            percentile(values, 0.95)
        } else {
            mean(values)
        };
        let basis = format!("{} runs", self.runs);
        Row {
            name: self.name.clone(),
            kind,
            figure,
            target,
            unit: "s",
            basis,
        }
    }
}

pub(crate) fn suspect(progress: &Progress) -> Vec<Row> {
    let cells = [(1.0, 0.5), (1.0, 1.0), (10.0, 0.5), (10.0, 1.0)];
    let rows = cells.iter().zip(1..).map(|((per_s, failing), seed)| {
        let cell = Cell {
            name: format!("Suspect, {:.0} % fail, {per_s}/s", failing * 100.0),
            setup: setup(*per_s, true),
            fault: broken(*failing),
            goal: Health::Suspect,
            runs: 600,
        };
        let took = cell.play(seed, progress);
        let values: Vec<f64> = took.iter().map(|it| it.suspect_s).collect();
        cell.row("mean", &values, 2.0)
    });
    rows.collect()
}

pub(crate) fn degraded(progress: &Progress) -> Vec<Row> {
    let cells = [
        (0.01, 1.0, 12.0),
        (0.1, 1.0, 9.0),
        (1.0, 1.0, 3.0),
        (10.0, 1.0, 2.0),
        (100.0, 1.0, 2.0),
        (0.1, 0.2, 95.0),
        (1.0, 0.2, 32.0),
        (10.0, 0.2, 18.0),
    ];
    let rows = cells
        .iter()
        .zip(10..)
        .map(|((per_s, failing, target), seed)| {
            let cell = Cell {
                name: format!("Degraded, {:.0} % fail, {per_s}/s", failing * 100.0),
                setup: setup(*per_s, true),
                fault: broken(*failing),
                goal: Health::Degraded,
                runs: if *per_s > 50.0 { 200 } else { 600 },
            };
            let took = cell.play(seed, progress);
            let values: Vec<f64> = took.iter().map(|it| it.degraded_s).collect();
            cell.row("mean", &values, *target)
        });
    rows.collect()
}

pub(crate) fn down(progress: &Progress) -> Vec<Row> {
    let cell = Cell {
        name: "Down, all fail, 1/s".into(),
        setup: setup(1.0, true),
        fault: broken(1.0),
        goal: Health::Down,
        runs: 600,
    };
    let took = cell.play(30, progress);
    let values: Vec<f64> = took.iter().map(|it| it.down_s).collect();
    vec![cell.row("p95", &values, 16.0)]
}

/// Faults without a single failing answer.
pub(crate) fn silent(progress: &Progress) -> Vec<Row> {
    let hangs = Fault {
        hangs: true,
        ..Fault::default()
    };
    let undelivered = Fault {
        undelivered: true,
        ..Fault::default()
    };
    let unsent = Fault {
        unsent: true,
        ..undelivered
    };
    let cells = [
        ("Degraded, requests hang, 1/s", hangs, "mean", 5.0),
        (
            "Degraded, accepted and sent, not delivered, 1/s",
            undelivered,
            "p95",
            30.0,
        ),
        (
            "Degraded, accepted, neither sent nor delivered, 1/s",
            unsent,
            "p95",
            30.0,
        ),
    ];
    let rows = cells
        .iter()
        .zip(40..)
        .map(|((name, fault, kind, target), seed)| {
            let cell = Cell {
                name: (*name).into(),
                setup: setup(1.0, true),
                fault: *fault,
                goal: Health::Degraded,
                runs: 600,
            };
            let took = cell.play(seed, progress);
            let values: Vec<f64> = took.iter().map(|it| it.degraded_s).collect();
            cell.row(kind, &values, *target)
        });
    rows.collect()
}

/// Sends that were needed, without probes, against the least that any detector needs.
pub(crate) fn ratio(progress: &Progress) -> Vec<Row> {
    let rows = [0.1, 0.2, 0.5, 1.0]
        .iter()
        .zip(50..)
        .map(|(failing, seed)| {
            let cell = Cell {
                name: format!(
                    "sends / bound, {:.0} % fail, 1/s, no probes",
                    failing * 100.0
                ),
                setup: setup(1.0, false),
                fault: broken(*failing),
                goal: Health::Degraded,
                runs: 1_000,
            };
            let took = cell.play(seed, progress);
            let least = bound(threshold(1.0, MTBFA_S), *failing, CEILING);
            let ratios: Vec<f64> = took.iter().map(|it| it.answers / least).collect();
            Row {
                unit: "",
                ..cell.row("mean", &ratios, 1.3)
            }
        });
    rows.collect()
}
