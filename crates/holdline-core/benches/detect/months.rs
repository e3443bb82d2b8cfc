//! Healthy months, and months with short blips: what the board says although nothing is wrong, or
//! nothing that lasts.

use crate::Progress;
use crate::row::Row;
use crate::world::{Fault, Setup, World};
use holdline_core::health::Health;

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 86_400_000;
const MONTH_DAYS: i64 = 30;
/// A message that still fails after so long is moved, though the route is not Down.
const PATIENCE_MS: i64 = 15_000;

/// (Degraded, Down) of so many days.
fn live(setup: Setup, days: i64, seed: u64, progress: &Progress) -> (f64, f64) {
    let mut world = World::new(setup, seed);
    let (mut degraded, mut down) = (0.0, 0.0);
    for day in 0..days {
        for verdict in world.pass(DAY_MS) {
            degraded += f64::from(u8::from(verdict.to == Health::Degraded));
            down += f64::from(u8::from(verdict.to == Health::Down));
        }
        if day % 3 == 0 {
            progress.step();
        }
    }
    (degraded, down)
}

fn healthy(per_s: f64, months: i64, seed: u64, progress: &Progress) -> Vec<Row> {
    let setup = Setup {
        per_s,
        probes: true,
        receipts: true,
        base: 0.005,
    };
    let (degraded, down) = live(setup, months * MONTH_DAYS, seed, progress);
    let basis = format!("{months} months at .5 %");
    vec![
        count(format!("false Down, {per_s}/s"), down, 0.0, basis.clone()),
        count(
            format!("false Degraded in 6 months, {per_s}/s"),
            degraded * 6.0 / months.max(6) as f64,
            1.0,
            basis,
        ),
    ]
}

fn count(name: String, figure: f64, target: f64, basis: String) -> Row {
    Row {
        name,
        kind: "count",
        figure,
        target,
        unit: "",
        basis,
    }
}

pub(crate) fn healthy_slow(progress: &Progress) -> Vec<Row> {
    let mut rows = healthy(0.01, 12, 100, progress);
    rows.extend(healthy(0.1, 12, 101, progress));
    rows
}

pub(crate) fn healthy_1(progress: &Progress) -> Vec<Row> {
    healthy(1.0, 12, 102, progress)
}

pub(crate) fn healthy_10(progress: &Progress) -> Vec<Row> {
    healthy(10.0, 1, 103, progress)
}

/// Failing at what an untaught leaf takes for its ceiling.
pub(crate) fn at_the_ceiling(progress: &Progress) -> Vec<Row> {
    let runs = [(0.1, 12), (1.0, 6)].iter().zip(110..);
    let rows = runs.map(|((per_s, months), seed)| {
        let setup = Setup {
            per_s: *per_s,
            probes: true,
            receipts: true,
            base: 0.01,
        };
        let (degraded, _) = live(setup, months * MONTH_DAYS, seed, progress);
        let figure = degraded * 6.0 / *months as f64;
        let name = format!("false Degraded in 6 months, base at the ceiling, {per_s}/s");
        count(name, figure, 1.0, format!("{months} months at 1 %"))
    });
    rows.collect()
}

/// What blips did in the months that count.
#[derive(Debug, Default)]
struct Blips {
    downs: f64,
    moved: f64,
    messages: f64,
    until_ms: i64,
}

/// Four blips a day: log-normal, median 2 s, a tenth longer than 9 s, 60 % failing, none as long as
/// a minute. The first `learning` months teach the dwell and do not count.
fn blips(per_s: f64, (learning, months): (i64, i64), seed: u64, progress: &Progress) -> Vec<Row> {
    let setup = Setup {
        per_s,
        probes: true,
        receipts: true,
        base: 0.005,
    };
    let mut world = World::new(setup, seed);
    let begin_ms = world.now_ms;
    let end_ms = begin_ms + (learning + months) * MONTH_DAYS * DAY_MS;
    let counted_ms = begin_ms + learning * MONTH_DAYS * DAY_MS;
    let mut seen = Blips::default();
    while world.now_ms < end_ms {
        let pause_ms = world.draw.pause(DAY_MS as f64 / 4.0) as i64;
        let counts = world.now_ms >= counted_ms;
        let mut before = (world.turned_away, world.sends);
        watch(&mut world, pause_ms, counts, &mut seen, &mut before);
        let lasts_ms = (world.draw.log_normal(2_000.0, 1.1736) as i64).min(MINUTE_MS - 1);
        world.fault = Fault {
            failing: 0.6,
            ..Fault::default()
        };
        seen.until_ms = world.now_ms + lasts_ms;
        watch(&mut world, lasts_ms, counts, &mut seen, &mut before);
        world.fault = Fault::default();
        // Retries within its patience save a message only where the blip ends before that.
        if counts && lasts_ms > PATIENCE_MS {
            seen.moved += 0.6 * per_s * (lasts_ms - PATIENCE_MS) as f64 / 1000.0;
        }
        progress.step();
    }
    let basis = format!(
        "months {} to {} of one history",
        learning + 1,
        learning + months
    );
    vec![
        count(
            format!("needless Down in a month, four blips a day, {per_s}/s"),
            seen.downs / months as f64,
            3.0,
            basis.clone(),
        ),
        Row {
            name: format!("messages moved by them, {per_s}/s"),
            kind: "share",
            figure: 100.0 * seen.moved / seen.messages.max(1.0),
            target: 1.0,
            unit: "%",
            basis,
        },
    ]
}

fn watch(world: &mut World, ms: i64, counts: bool, seen: &mut Blips, before: &mut (u64, u64)) {
    for verdict in world.pass(ms) {
        if counts && verdict.to == Health::Down && verdict.from == Health::Degraded {
            seen.downs += 1.0;
        }
    }
    let now = (world.turned_away, world.sends);
    if counts {
        let away = (now.0 - before.0) as f64;
        seen.moved += away;
        seen.messages += away + (now.1 - before.1) as f64;
    }
    *before = now;
}

pub(crate) fn blips_1(progress: &Progress) -> Vec<Row> {
    let mut rows = blips(0.1, (3, 9), 120, progress);
    rows.extend(blips(1.0, (3, 9), 121, progress));
    rows
}

pub(crate) fn blips_10(progress: &Progress) -> Vec<Row> {
    blips(10.0, (1, 2), 122, progress)
}
