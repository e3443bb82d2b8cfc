//! W5: the server is killed while many wait, and started again: how long until it accepts and
//! sends. Tells also what it takes with nothing to do, and for each message that waits.

use super::ground::{Bench, Ground, senders};
use crate::limits::{Started, start};
use crate::row::Row;
use crate::sink::{Form, Sink};
use std::time::Duration;

const SENDING: Duration = Duration::from_secs(5);
const ACCEPTS_S: f64 = 1.0;
const SENDS_S: f64 = 2.0;
const IDLE_MB: f64 = 60.0;
const MEMORY_BYTES: f64 = 200.0;
const DISK_BYTES: f64 = 1_200.0;
const HELD_PER_S: u32 = 1;

pub(super) async fn rows(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let filled = bench.filled(bench.count(1_000_000, 100_000)).await?;
    let waiting = filled.waiting();
    let folder = bench.folder()?;
    let sink = Sink::start(Form::CloudApi, filled.count * 2, None).await?;
    let held = senders(&sink, HELD_PER_S, (&sink, HELD_PER_S));
    let mut setting = filled.copy(bench, &folder, &held)?;
    let ground = Ground::start(&setting).await?;
    // Killed, as the end of its value does.
    drop(ground);
    let free = senders(&sink, bench.rate_per_s, (&sink, bench.rate_per_s));
    setting.sections = bench.setting(&folder, &free)?.sections;
    let started = start(&setting, &sink, filled.count, SENDING).await?;
    eprintln!("W5: {started:?}");
    Ok(rows_of(
        &started,
        waiting,
        filled.idle_mb,
        filled.disk_bytes,
    ))
}

fn rows_of(it: &Started, waiting: u64, idle_mb: f64, disk_bytes: u64) -> Vec<Row> {
    let count = waiting as f64;
    vec![
        Row::told(
            "W5 kill -9 and start: first accept answered",
            it.accepts_s,
            "s",
        )
        .at_most(ACCEPTS_S)
        .on(format!(
            "{waiting} wait; listens after {:.2} s",
            it.listens_s
        )),
        Row::told(
            "W5 kill -9 and start: first send at the provider",
            it.sends_s,
            "s",
        )
        .at_most(SENDS_S),
        Row::told("W5 kill -9 and start: sent twice", it.doubled as f64, "")
            .at_most(1.0)
            .on("one may have been under way"),
        Row::told("memory with nothing to do", idle_mb, "MB").at_most(IDLE_MB),
        Row::told(
            "memory for each that waits",
            (it.first_mb - idle_mb) * 1e6 / count,
            "B",
        )
        .at_most(MEMORY_BYTES)
        .on(format!(
            "RSS {:.1} MB at the first send; peak of the sending {:.1} MB",
            it.first_mb, it.peak_mb
        )),
        Row::told("disk for each that waits", disk_bytes as f64 / count, "B").at_most(DISK_BYTES),
    ]
}
