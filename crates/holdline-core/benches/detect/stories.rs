//! What must never happen: an account's fault called an outage, a return to a broken route, an
//! outage forgotten in a restart, an alarm by a clock that was set or a host that stood still.

use crate::Progress;
use crate::row::Row;
use crate::world::{Fault, Setup, World};
use holdline_core::Timestamp;
use holdline_core::health::{Ended, Evidence, Health, Signal, Verdict};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
/// Meta's codes for a fault of our own account.
const CODES: [&str; 12] = [
    "0", "3", "10", "33", "190", "200", "299", "368", "131005", "131031", "131042", "131045",
];

fn setup(per_s: f64) -> Setup {
    Setup {
        per_s,
        probes: true,
        receipts: true,
        base: 0.005,
    }
}

fn broken(failing: f64) -> Fault {
    Fault {
        failing,
        ..Fault::default()
    }
}

fn row(name: &str, kind: &'static str, figure: f64, target: f64, basis: String) -> Row {
    let unit = if kind == "share" { "%" } else { "" };
    Row {
        name: name.into(),
        kind,
        figure,
        target,
        unit,
        basis,
    }
}

fn outage(verdict: &Verdict) -> bool {
    matches!(verdict.to, Health::Degraded | Health::Down) && verdict.course.account_code.is_none()
}

/// Our account is refused, by its code or by an error that says nothing.
pub(crate) fn account(progress: &Progress) -> Vec<Row> {
    let (mut cases, mut labelled, mut unseen) = (0, 0, 0);
    for (code, at) in CODES.iter().zip(0_u64..) {
        for (per_s, share) in [
            (0.1, 1.0),
            (1.0, 1.0),
            (1.0, 0.2),
            (10.0, 0.05),
            (10.0, 1.0),
        ] {
            for seed in 0..4 {
                let mut world = World::new(setup(per_s), 200_000 + at * 1_000 + seed);
                world.pass(10 * MINUTE_MS);
                world.fault.refused = Some((share, code));
                let said = world.pass(20 * MINUTE_MS);
                cases += 1;
                labelled += u32::from(said.iter().any(outage));
                unseen += u32::from(!said.iter().any(|it| it.to == Health::AccountFault));
            }
        }
        progress.step();
    }
    let basis = format!("{cases} cases, {} codes", CODES.len());
    let mut rows = vec![
        row(
            "account faults called an outage, coded",
            "count",
            f64::from(labelled),
            0.0,
            basis.clone(),
        ),
        row(
            "account faults not named, coded",
            "count",
            f64::from(unseen),
            0.0,
            basis,
        ),
    ];
    rows.push(uncoded(progress));
    rows
}

/// Blocked, but requests end with the unknown error: Down must wait for the account's own status.
fn uncoded(progress: &Progress) -> Row {
    let runs = 400;
    let mut labelled = 0;
    for seed in 0..runs {
        let mut world = World::new(setup(1.0), 230_000 + seed);
        world.pass(10 * MINUTE_MS);
        world.fault.unknown = 1.0;
        let said = world.pass(10 * MINUTE_MS);
        labelled += u32::from(said.iter().any(|it| outage(it) && it.to == Health::Down));
        progress.step();
    }
    let share = 100.0 * f64::from(labelled) / runs as f64;
    row(
        "account faults called Down, uncoded",
        "share",
        share,
        1.0,
        format!("{runs} cases"),
    )
}

/// The test of a route that is still broken, or whole again.
pub(crate) fn failback(progress: &Progress) -> Vec<Row> {
    let cells = [
        ("wrong fail-back, 30 % fail", 0.3, Health::Up, 0.2, 20_000),
        ("wrong fail-back, 50 % fail", 0.5, Health::Up, 0.2, 20_000),
        (
            "healthy route kept Down by its test",
            0.005,
            Health::Down,
            1.0,
            5_000,
        ),
    ];
    let rows = cells
        .iter()
        .zip(1_u64..)
        .map(|((name, failing, wrong, target, trials), at)| {
            let mut count = 0;
            for trial in 0..*trials {
                count += u32::from(tested(*failing, at * 1_000_000 + trial) == *wrong);
                if trial % 100 == 0 {
                    progress.step();
                }
            }
            let share = 100.0 * f64::from(count) / *trials as f64;
            row(name, "share", share, *target, format!("{trials} tests"))
        });
    rows.collect()
}

/// Down as taken up after a restart; what its first test says.
fn tested(failing: f64, seed: u64) -> Health {
    let setup = Setup {
        probes: false,
        receipts: false,
        ..setup(2.0)
    };
    let mut world = World::new(setup, seed);
    world.fault = broken(failing);
    let (name, now) = (
        world.board.name_of(&world.board.leaf_at(world.route).scope),
        world.clock(),
    );
    world.board.resume(
        &name,
        (Health::Down, now),
        "it was down",
        "signal=send_outcomes;",
        now,
    );
    let until_ms = world.now_ms + HOUR_MS;
    while world.step(until_ms) {
        let ends = |it: &Verdict| it.from == Health::Recovering;
        if let Some(last) = world.board.take_verdicts().into_iter().find(ends) {
            return last.to;
        }
    }
    Health::Recovering
}

/// Restarted in the middle of an outage: Down at once, and never Up while it lasts.
pub(crate) fn restart(progress: &Progress) -> Vec<Row> {
    let runs = 60;
    let mut lost = 0;
    for seed in 0..runs {
        let mut world = World::new(setup(1.0), 240_000 + seed);
        world.pass(10 * MINUTE_MS);
        world.fault = broken(1.0);
        world.pass(10 * MINUTE_MS);
        let saved: Vec<(String, (Health, Timestamp), String)> = world
            .board
            .episodes()
            .iter()
            .filter_map(|it| {
                let text = world.board.saved(it.id)?;
                Some((world.board.name_of(&it.scope), (it.health, it.since), text))
            })
            .collect();
        let learned = world.board.learned();
        world.restart();
        let now = world.clock();
        for (key, values) in &learned {
            world.board.learn_again(key, values, now);
        }
        for (name, state, text) in &saved {
            world.board.resume(name, *state, "it was down", text, now);
        }
        let down = world.health() == Health::Down;
        let said = world.pass(20 * MINUTE_MS);
        lost += u32::from(!down || said.iter().any(|it| it.to == Health::Up));
        progress.step();
    }
    vec![row(
        "outages forgotten in a restart",
        "count",
        f64::from(lost),
        0.0,
        format!("{runs} runs"),
    )]
}

/// The clock is set, or the host stands still, with requests under way.
pub(crate) fn clock(progress: &Progress) -> Vec<Row> {
    let mut rows = Vec::new();
    for (name, jump_ms) in [("back", -HOUR_MS), ("forth", HOUR_MS), ("suspended", 0)] {
        let (mut runs, mut alarms) = (0, 0);
        for per_s in [0.1, 1.0, 10.0, 100.0] {
            for seed in 0..20 {
                let mut world = World::new(setup(per_s), 250_000 + seed);
                let away_ms = (world.draw.share() * 10_000.0) as i64;
                world.pass(5 * MINUTE_MS + away_ms);
                if jump_ms == 0 {
                    world.suspend(HOUR_MS);
                }
                world.clock_off_ms += jump_ms;
                let said = world.pass(5 * MINUTE_MS);
                runs += 1;
                alarms += u32::from(said.iter().any(outage));
            }
            progress.step();
        }
        let name = format!("alarms by an hour: clock set {name}").replace("clock set s", "host s");
        rows.push(row(
            &name,
            "count",
            f64::from(alarms),
            0.0,
            format!("{runs} runs"),
        ));
    }
    rows
}

/// Ten thousand recipients who cannot be reached, within one second.
pub(crate) fn burst(progress: &Progress) -> Vec<Row> {
    let mut moved = 0;
    for seed in 0..5 {
        let mut world = World::new(setup(1.0), 260_000 + seed);
        world.pass(10 * MINUTE_MS);
        let (route, begin) = (world.route, world.clock());
        for recipient in 0..10_000_u32 {
            let at = begin.plus_ms(u64::from(recipient) / 10);
            world.board.observe(&Signal::Ended(Ended {
                route,
                at,
                started_at: None,
                first: true,
                recipient,
                evidence: Some(Evidence::Works),
            }));
        }
        world.now_ms += 1_000;
        moved += world.pass(10 * MINUTE_MS).len();
        progress.step();
    }
    vec![row(
        "verdicts by 10,000 recipient errors",
        "count",
        moved as f64,
        0.0,
        "5 runs".into(),
    )]
}
