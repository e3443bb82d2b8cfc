//! W2: how fast what waits in the database leaves, to a provider that answers at once and whose
//! receipts come back by webhook. The limit is read, send and mark.

use super::ground::{Bench, Filled, Ground, Runs, Used, senders};
use crate::floor::figure;
use crate::row::Row;
use crate::sink::{Form, Manner, Sink};
use crate::stage::{Server, free_address};
use anyhow::Context as _;
use std::time::Duration;
use tokio::time::{Instant, sleep};

const LOOK: Duration = Duration::from_millis(20);
/// Nothing comes for so long: that was the last.
const QUIET: Duration = Duration::from_millis(500);
/// The latency of a provider that is far away.
const LATE: Duration = Duration::from_millis(50);
const LATE_COUNT: u64 = 20_000;
const WHOLE_MAX: Duration = Duration::from_secs(300);

#[derive(Clone, Copy, Debug)]
struct Dispatched {
    rate: f64,
    limit_rate: f64,
    /// From the last send until every receipt was taken.
    receipts_s: f64,
    doubled: u64,
    used: Used,
}

pub(super) async fn rows(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let filled = bench.filled(bench.count(100_000, 20_000)).await?;
    let mut runs = Vec::new();
    for _ in 0..bench.runs {
        let run = once(bench, &filled).await?;
        eprintln!(
            "W2: {:.0}/s {:.4} s/1k, receipts {:.1} s later; limit {:.0}/s",
            run.rate, run.used.cpu_s_per_1k, run.receipts_s, run.limit_rate
        );
        runs.push(run);
    }
    let of = |figure: fn(&Dispatched) -> f64| Runs::of(&runs, figure);
    bench.measured.dispatch(of(|it| it.rate).median());
    let mut rows = rows_of(&filled, &runs);
    rows.push(late(bench, &filled).await?);
    Ok(rows)
}

fn rows_of(filled: &Filled, runs: &[Dispatched]) -> Vec<Row> {
    let of = |figure: fn(&Dispatched) -> f64| Runs::of(runs, figure);
    vec![
        of(|it| it.rate)
            .row("W2 dispatch: sent", "/s")
            .at_least(40_000.0)
            .on(format!(
                "limit {}; {} waited",
                of(|it| it.limit_rate).text("/s"),
                filled.waiting()
            )),
        of(|it| it.rate / it.limit_rate)
            .row("W2 dispatch: of the limit", "")
            .at_least(0.29),
        of(|it| it.used.cpu_s_per_1k)
            .row("W2 dispatch: processor", "s/1k")
            .on(format!(
                "with the receipts; {:.0} switches of threads/1k",
                of(|it| it.used.switches_per_1k).median()
            )),
        of(|it| it.receipts_s).row("W2 dispatch: receipts taken after the last send", "s"),
        of(|it| it.used.peak_mb).row("W2 dispatch: RSS peak", "MB"),
        of(|it| it.doubled as f64)
            .row("W2 dispatch: sent twice", "")
            .at_most(0.0),
    ]
}

/// A provider as far away as most are: the rate is that of the requests under way.
async fn late(bench: &Bench, filled: &Filled) -> anyhow::Result<Row> {
    let folder = bench.folder()?;
    let sink = Sink::start(Form::CloudApi, filled.count, None).await?;
    sink.becomes(Manner::After(LATE));
    let senders = senders(&sink, bench.rate_per_s, (&sink, bench.rate_per_s));
    let ground = Ground::start(&filled.copy(bench, &folder, &senders)?).await?;
    let count = filled.waiting().min(LATE_COUNT);
    let sent_s = until_sent(&sink, count).await?;
    drop(ground);
    let row = Row::told(
        "W2 dispatch: sent, answers 50 ms late",
        count as f64 / sent_s,
        "/s",
    );
    Ok(row.on(format!("the first {count}")))
}

async fn once(bench: &Bench, filled: &Filled) -> anyhow::Result<Dispatched> {
    let took_s = limit(bench, filled.waiting(), false).await?;
    let folder = bench.folder()?;
    let address = free_address()?;
    let sink = Sink::start(Form::CloudApi, filled.count, Some(address)).await?;
    let senders = senders(&sink, bench.rate_per_s, (&sink, bench.rate_per_s));
    let mut setting = filled.copy(bench, &folder, &senders)?;
    setting.address = address;
    let ground = Ground::start(&setting).await?;
    let sent_s = until_sent(&sink, filled.waiting()).await?;
    let last = Instant::now();
    until_ended(&ground.server, filled.left.len()).await?;
    let vitals = ground.server.vitals()?;
    let doubled = sink.seen().doubled;
    Ok(Dispatched {
        rate: filled.waiting() as f64 / sent_s,
        limit_rate: filled.waiting() as f64 / took_s,
        receipts_s: last.elapsed().as_secs_f64(),
        doubled,
        used: Used::between(crate::stage::Vitals::default(), vitals, filled.waiting()),
    })
}

/// Seconds that the limit program takes, with the first provider failing or not.
pub(super) async fn limit(bench: &Bench, total: u64, fails: bool) -> anyhow::Result<f64> {
    let folder = bench.folder()?;
    let first = Sink::start(Form::CloudApi, total, None).await?;
    let second = Sink::start(Form::CloudApi, total, None).await?;
    if fails {
        first.becomes(Manner::Refuses);
    }
    let args = [
        ("--folder", folder.path().display().to_string()),
        ("--total", total.to_string()),
        ("--first", first.address.to_string()),
        ("--second", second.address.to_string()),
    ];
    figure("dispatch", &args, "took_s").await
}

/// Waits until so many were taken; gives the seconds from the first to the last.
pub(super) async fn until_sent(sink: &Sink, waiting: u64) -> anyhow::Result<f64> {
    let begun = Instant::now();
    let mut before = 0;
    let mut since = begun;
    loop {
        sleep(LOOK).await;
        let taken = sink.taken();
        if taken != before {
            (before, since) = (taken, Instant::now());
        }
        if taken >= waiting || (taken + 1 >= waiting && since.elapsed() > QUIET) {
            break;
        }
        anyhow::ensure!(
            begun.elapsed() < WHOLE_MAX,
            "{taken} of {waiting} were sent in {WHOLE_MAX:?}"
        );
    }
    let seen = sink.seen();
    let (first, last) = seen.first().zip(seen.last()).context("nothing was sent")?;
    Ok((last - first).as_secs_f64())
}

/// Waits until no delivery is open but those of an earlier provider, which sent no receipts.
async fn until_ended(server: &Server, without_receipt: usize) -> anyhow::Result<()> {
    let begun = Instant::now();
    loop {
        let metrics = server.metrics().await?;
        let open = metrics
            .iter()
            .filter(|(name, _)| name.starts_with("holdline_deliveries_open{"));
        let open: f64 = open.map(|(_, count)| count).sum();
        if open <= without_receipt as f64 {
            return Ok(());
        }
        anyhow::ensure!(
            begun.elapsed() < WHOLE_MAX,
            "{open} deliveries are open {WHOLE_MAX:?} after the last send"
        );
        sleep(LOOK * 5).await;
    }
}
