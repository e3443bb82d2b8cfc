//! W1: how fast messages are accepted, each synced before its answer. The sender is held meanwhile,
//! so that nothing else costs; the limit is parse, row and group commit.

mod slow_disk;

use super::ground::{Bench, Ground, Runs, Used};
use crate::floor::{Floor, figure};
use crate::press::{Press, Template, press};
use crate::row::Row;
use crate::sink::{Form, Sink};
use crate::stage::sections;
use std::sync::Arc;

const CONNECTIONS: usize = 64;
/// Next to nothing leaves.
const HELD_PER_S: u32 = 1;
const PER_PERSON: u64 = 4;

/// One row of the table stands on this.
#[derive(Clone, Copy, Debug)]
struct Plan {
    door: Door,
    connections: usize,
    total: u64,
    rate_per_s: u32,
    slow_disk: bool,
}

#[derive(Clone, Copy, Debug)]
enum Door {
    Cloud,
    Api,
}

#[derive(Clone, Copy, Debug)]
struct Accepted {
    rate: f64,
    p50_ms: f64,
    p99_ms: f64,
    max_ms: f64,
    used: Used,
    refused: u64,
}

pub(super) async fn rows(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let usual = Plan {
        door: Door::Cloud,
        connections: CONNECTIONS,
        total: bench.count(200_000, 20_000),
        rate_per_s: HELD_PER_S,
        slow_disk: false,
    };
    let mut rows = machine(bench, usual).await?;
    rows.extend(door(bench, "W1 front door", usual).await?);
    let api = Plan {
        door: Door::Api,
        ..usual
    };
    rows.extend(door(bench, "W1 own API", api).await?);
    rows.extend(single(bench, usual).await?);
    rows.extend(slow(bench, usual).await?);
    rows.extend(burst(bench, usual).await?);
    rows.extend(meanwhile(bench, usual).await?);
    Ok(rows)
}

/// What the parts of the limit take by themselves.
async fn machine(bench: &Bench, plan: Plan) -> anyhow::Result<Vec<Row>> {
    let floor = Floor::accepting(None, &[]).await?;
    let parsed = offer(&floor, plan).await?;
    let folder = bench.folder()?;
    let args = [
        ("--folder", folder.path().display().to_string()),
        ("--total", plan.total.to_string()),
    ];
    let rows = figure("rows", &args, "rate").await?;
    Ok(vec![
        Row::told("W1 limit: parsed and answered", parsed.rate, "/s"),
        Row::told("W1 limit: rows, 64 a sync", rows, "/s"),
    ])
}

async fn door(bench: &Bench, name: &str, plan: Plan) -> anyhow::Result<Vec<Row>> {
    let (runs, limits) = pairs(bench, name, plan).await?;
    let limit = |figure: fn(&Accepted) -> f64, unit| {
        format!("limit {}", Runs::of(&limits, figure).text(unit))
    };
    let of = |figure: fn(&Accepted) -> f64| Runs::of(&runs, figure);
    bench.measured.accept(of(|it| it.rate).median());
    Ok(vec![
        of(|it| it.rate)
            .row(format!("{name}: accepted"), "/s")
            .at_least(25_000.0)
            .on(limit(|it| it.rate, "/s")),
        Runs::ratio(&runs, &limits, |it| it.rate, |it| it.rate)
            .row(format!("{name}: of the limit"), "")
            .at_least(0.36),
        of(|it| it.p99_ms)
            .row(format!("{name}: p99"), "ms")
            .at_most(10.0)
            .on(format!(
                "{}; p50 {}",
                limit(|it| it.p99_ms, "ms"),
                of(|it| it.p50_ms).text("ms")
            )),
        of(|it| it.used.cpu_s_per_1k)
            .row(format!("{name}: processor"), "s/1k")
            .at_most(0.040)
            .on(format!(
                "limit {:.4} s/1k; {:.0} switches of threads/1k, limit {:.0}",
                Runs::of(&limits, |it| it.used.cpu_s_per_1k).median(),
                of(|it| it.used.switches_per_1k).median(),
                Runs::of(&limits, |it| it.used.switches_per_1k).median(),
            )),
        of(|it| it.used.peak_mb)
            .row(format!("{name}: RSS peak"), "MB")
            .on(limit(|it| it.used.peak_mb, "MB")),
    ])
}

async fn single(bench: &Bench, usual: Plan) -> anyhow::Result<Vec<Row>> {
    let plan = Plan {
        connections: 1,
        total: bench.count(5_000, 1_000),
        ..usual
    };
    let (runs, limits) = pairs(bench, "W1 single caller", plan).await?;
    Ok(vec![
        Runs::of(&runs, |it| it.p50_ms)
            .row("W1 single caller: p50", "ms")
            .at_most(0.8)
            .on(format!(
                "limit {}; p99 {}",
                Runs::of(&limits, |it| it.p50_ms).text("ms"),
                Runs::of(&runs, |it| it.p99_ms).text("ms")
            )),
    ])
}

async fn slow(bench: &Bench, usual: Plan) -> anyhow::Result<Vec<Row>> {
    let plan = Plan {
        total: bench.count(60_000, 8_000),
        slow_disk: true,
        ..usual
    };
    let (runs, limits) = pairs(bench, "W1 slow disk", plan).await?;
    Ok(vec![
        Runs::of(&runs, |it| it.rate)
            .row("W1 slow disk: accepted", "/s")
            .at_least(5_000.0)
            .on(format!(
                "limit {}; each sync 5 ms longer",
                Runs::of(&limits, |it| it.rate).text("/s")
            )),
        Runs::of(&runs, |it| it.max_ms)
            .row("W1 slow disk: longest request", "ms")
            .at_most(500.0)
            .on(format!(
                "p99 {}",
                Runs::of(&runs, |it| it.p99_ms).text("ms")
            )),
    ])
}

async fn burst(bench: &Bench, usual: Plan) -> anyhow::Result<Vec<Row>> {
    let plan = Plan {
        connections: 512,
        total: 512,
        ..usual
    };
    let (runs, limits) = pairs(bench, "W1 burst", plan).await?;
    let refused = runs.iter().map(|it| it.refused).max().unwrap_or(0);
    Ok(vec![
        Runs::of(&runs, |it| it.max_ms)
            .row("W1 burst of 512 new connections: longest", "ms")
            .at_most(300.0)
            .on(format!(
                "limit {}; refused {refused}",
                Runs::of(&limits, |it| it.max_ms).text("ms")
            )),
    ])
}

/// For comparison alone: what accepting costs while all of it leaves.
async fn meanwhile(bench: &Bench, usual: Plan) -> anyhow::Result<Vec<Row>> {
    let plan = Plan {
        rate_per_s: bench.rate_per_s,
        ..usual
    };
    eprintln!("W1 while it sends");
    let it = server(bench, plan).await?;
    Ok(vec![
        Row::told("W1 while it sends: accepted", it.rate, "/s").on(format!(
            "p99 {:.2} ms; {:.4} s/1k with the sending so far",
            it.p99_ms, it.used.cpu_s_per_1k
        )),
    ])
}

/// Limit and server in turn, so that both see the same machine.
async fn pairs(
    bench: &Bench,
    name: &str,
    plan: Plan,
) -> anyhow::Result<(Vec<Accepted>, Vec<Accepted>)> {
    let (mut runs, mut limits) = (Vec::new(), Vec::new());
    for _ in 0..bench.runs {
        let (least, real) = (limit(bench, plan).await?, server(bench, plan).await?);
        eprintln!(
            "{name}: {:.0}/s p50 {:.2} p99 {:.2} max {:.1} ms {:.4} s/1k; limit {:.0}/s",
            real.rate, real.p50_ms, real.p99_ms, real.max_ms, real.used.cpu_s_per_1k, least.rate
        );
        limits.push(least);
        runs.push(real);
    }
    Ok((runs, limits))
}

async fn limit(bench: &Bench, plan: Plan) -> anyhow::Result<Accepted> {
    let folder = bench.folder()?;
    let env = match plan.slow_disk {
        true => slow_disk::env(folder.path())?,
        false => Vec::new(),
    };
    let floor = Floor::accepting(Some(folder.path()), &env).await?;
    offer(&floor, plan).await
}

async fn offer(floor: &Floor, plan: Plan) -> anyhow::Result<Accepted> {
    let people = plan.total / PER_PERSON;
    let ask = match plan.door {
        Door::Cloud => Template::front_door(floor.address, "none", None, people),
        Door::Api => Template::api(floor.address, "none", people),
    };
    let before = floor.process.vitals()?;
    let pressed = press(order(plan), floor.address, Arc::new(ask)).await?;
    let used = Used::between(before, floor.process.vitals()?, plan.total);
    Ok(accepted(&pressed, used))
}

async fn server(bench: &Bench, plan: Plan) -> anyhow::Result<Accepted> {
    let folder = bench.folder()?;
    let sink = Sink::start(Form::CloudApi, plan.total, None).await?;
    let senders = sections(&sink.url(), plan.rate_per_s, None);
    let mut setting = bench.setting(&folder, &senders)?;
    if plan.slow_disk {
        setting.env = slow_disk::env(folder.path())?;
    }
    let ground = Ground::start(&setting).await?;
    let people = plan.total / PER_PERSON;
    let ask = match plan.door {
        Door::Cloud => Template::front_door(setting.address, &ground.token, None, people),
        Door::Api => Template::api(setting.address, &ground.token, people),
    };
    let before = ground.server.vitals()?;
    let pressed = press(order(plan), setting.address, Arc::new(ask)).await?;
    let used = Used::between(before, ground.server.vitals()?, plan.total);
    Ok(accepted(&pressed, used))
}

fn order(plan: Plan) -> Press {
    Press {
        connections: plan.connections,
        first: 0,
        total: plan.total,
    }
}

fn accepted(pressed: &crate::press::Pressed, used: Used) -> Accepted {
    Accepted {
        rate: pressed.rate_per_s(),
        p50_ms: pressed.latency_ms(0.5),
        p99_ms: pressed.latency_ms(0.99),
        max_ms: pressed.latency_ms(1.0),
        used,
        refused: pressed.refused,
    }
}
