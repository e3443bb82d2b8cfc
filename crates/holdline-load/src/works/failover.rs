//! W3: WhatsApp fails from the start while many wait: how long until the last has left by SMS, and
//! how many calls are wasted on the provider that fails.

use super::dispatch::limit;
use super::ground::{Bench, Filled, Ground, Runs, Used, is_urgent, senders};
use crate::row::Row;
use crate::sink::{Form, Manner, Sink};
use crate::stage::Vitals;
use anyhow::Context as _;
use std::time::Duration;
use tokio::time::{Instant, sleep};

const LOOK: Duration = Duration::from_millis(20);
const WHOLE_MAX: Duration = Duration::from_secs(300);
/// What the second route may send when it is the bottleneck.
const CAPPED_PER_S: u32 = 100;

/// Apps that want speed above all: no message waits to see whether WhatsApp comes back.
pub(super) const NO_PATIENCE: &str = "\
[failover]
patience_emergency_ms = 0
patience_urgent_ms = 0
patience_service_ms = 0
[health]
dwell_ms = 0
";

#[derive(Clone, Copy, Debug)]
struct Moved {
    took_s: f64,
    limit_s: f64,
    /// Calls at the provider that fails, for each message that waited.
    wasted: f64,
    calls: u64,
    doubled: u64,
    used: Used,
}

#[derive(Clone, Copy, Debug)]
struct Plan {
    name: &'static str,
    manner: Manner,
    count: u64,
    target_s: f64,
}

pub(super) async fn rows(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let count = bench.count(100_000, 20_000);
    let refuses = Plan {
        name: "W3 WhatsApp at 503",
        manner: Manner::Refuses,
        count,
        target_s: 3.0,
    };
    let hangs = Plan {
        name: "W3 WhatsApp hangs",
        manner: Manner::Hangs,
        target_s: 12.0,
        ..refuses
    };
    let mut rows = several(bench, refuses, bench.runs).await?;
    if !bench.quick {
        let million = Plan {
            name: "W3 WhatsApp at 503, a million",
            count: 1_000_000,
            target_s: 30.0,
            ..refuses
        };
        rows.extend(several(bench, million, 1).await?);
    }
    rows.extend(several(bench, hangs, bench.runs).await?);
    rows.push(urgent(bench, count).await?);
    Ok(rows)
}

async fn several(bench: &Bench, plan: Plan, times: usize) -> anyhow::Result<Vec<Row>> {
    let filled = bench.filled(plan.count).await?;
    let mut runs = Vec::new();
    for _ in 0..times {
        let run = once(bench, &filled, plan).await?;
        eprintln!(
            "{}: {:.2} s, {} calls wasted, {} doubled, {:.4} s/1k; limit {:.2} s",
            plan.name, run.took_s, run.calls, run.doubled, run.used.cpu_s_per_1k, run.limit_s
        );
        runs.push(run);
    }
    Ok(rows_of(plan, &filled, &runs))
}

fn rows_of(plan: Plan, filled: &Filled, runs: &[Moved]) -> Vec<Row> {
    let name = plan.name;
    let of = |figure: fn(&Moved) -> f64| Runs::of(runs, figure);
    let mut rows = vec![
        of(|it| it.took_s)
            .row(format!("{name}: all by SMS"), "s")
            .at_most(plan.target_s)
            .on(format!(
                "limit {}; {} waited",
                of(|it| it.limit_s).text("s"),
                filled.waiting()
            )),
        of(|it| it.limit_s / it.took_s).row(format!("{name}: of the limit"), ""),
        of(|it| it.used.cpu_s_per_1k)
            .row(format!("{name}: processor"), "s/1k")
            .on(format!(
                "{:.0} switches of threads/1k; RSS peak {}",
                of(|it| it.used.switches_per_1k).median(),
                of(|it| it.used.peak_mb).text("MB")
            )),
    ];
    let wasted = of(|it| it.wasted * 100.0)
        .row(format!("{name}: calls wasted"), "%")
        .on(of(|it| it.calls as f64).text("calls"));
    let doubled = of(|it| it.doubled as f64).row(format!("{name}: sent twice by SMS"), "");
    rows.push(match plan.manner {
        Manner::Hangs => wasted,
        Manner::AtOnce | Manner::After(_) | Manner::Refuses => wasted.at_most(0.1),
    });
    rows.push(doubled.at_most(0.0));
    rows
}

async fn once(bench: &Bench, filled: &Filled, plan: Plan) -> anyhow::Result<Moved> {
    let limit_s = limit(bench, filled.waiting(), true).await?;
    let folder = bench.folder()?;
    let whatsapp = Sink::start(Form::CloudApi, filled.count, None).await?;
    let sms = Sink::start(Form::Sms, filled.count, None).await?;
    whatsapp.becomes(plan.manner);
    let senders = senders(&whatsapp, bench.rate_per_s, (&sms, bench.rate_per_s));
    let setting = filled.copy(bench, &folder, &(senders + NO_PATIENCE))?;
    let ground = Ground::start(&setting).await?;
    until_moved(&whatsapp, &sms, filled.waiting(), plan.manner).await?;
    let first = whatsapp.seen().first_call();
    let first = first.context("WhatsApp was not called")?;
    let last = sms.seen().last().context("nothing went by SMS")?;
    let (calls, doubled) = (whatsapp.seen().calls, sms.seen().doubled);
    let vitals = ground.server.vitals()?;
    Ok(Moved {
        took_s: (last - first).as_secs_f64(),
        limit_s,
        wasted: calls as f64 / filled.waiting() as f64,
        calls,
        doubled,
        used: Used::between(Vitals::default(), vitals, filled.waiting()),
    })
}

/// Those at a provider that hangs are in doubt: they leave when their time is over, which is no
/// matter of speed.
async fn until_moved(
    whatsapp: &Sink,
    sms: &Sink,
    waiting: u64,
    manner: Manner,
) -> anyhow::Result<()> {
    let begun = Instant::now();
    loop {
        sleep(LOOK).await;
        let taken = sms.taken();
        let in_doubt = match manner {
            Manner::Hangs => whatsapp.seen().calls,
            Manner::AtOnce | Manner::After(_) | Manner::Refuses => 0,
        };
        // One may have been under way when the server that filled the database was stopped.
        if taken + in_doubt + 1 >= waiting {
            return Ok(());
        }
        anyhow::ensure!(
            begun.elapsed() < WHOLE_MAX,
            "{taken} of {waiting} went by SMS in {WHOLE_MAX:?}, {in_doubt} in doubt"
        );
    }
}

/// The second route is slow: the urgent ones go first.
async fn urgent(bench: &Bench, count: u64) -> anyhow::Result<Row> {
    let filled = bench.filled(count).await?;
    let folder = bench.folder()?;
    let whatsapp = Sink::start(Form::CloudApi, filled.count, None).await?;
    let sms = Sink::start(Form::Sms, filled.count, None).await?;
    whatsapp.becomes(Manner::Refuses);
    let senders = senders(&whatsapp, bench.rate_per_s, (&sms, CAPPED_PER_S));
    let setting = filled.copy(bench, &folder, &(senders + NO_PATIENCE))?;
    let ground = Ground::start(&setting).await?;
    let waits = |number: &u64| is_urgent(*number) && !filled.left.contains(number);
    let mut missing: Vec<u64> = (0..count).filter(waits).collect();
    let (total, begun, mut last) = (missing.len(), Instant::now(), None);
    while !missing.is_empty() {
        sleep(LOOK).await;
        let seen = sms.seen();
        missing.retain(|number| {
            seen.came(*number)
                .inspect(|at| last = last.max(Some(*at)))
                .is_none()
        });
        anyhow::ensure!(
            begun.elapsed() < WHOLE_MAX,
            "{} urgent ones are left",
            missing.len()
        );
    }
    let first = whatsapp.seen().first_call();
    let first = first.context("WhatsApp was not called")?;
    let took_s = last.map_or(f64::NAN, |last| (last - first).as_secs_f64());
    drop(ground);
    let target_s = total as f64 / f64::from(CAPPED_PER_S) * 1.1;
    Ok(
        Row::told("W3 urgent first: the last urgent by SMS", took_s, "s")
            .at_most(target_s)
            .on(format!(
                "{total} urgent among {count}; SMS takes {CAPPED_PER_S}/s"
            )),
    )
}
