//! W7: W1 and W2 with PostgreSQL, which syncs every commit, on one server; accept also on three of
//! them that share the work. The database takes its part of the same processor.

use super::dispatch::until_sent;
use super::ground::{Bench, Runs, Used, fill, senders};
use crate::press::{Press, Template, press};
use crate::row::Row;
use crate::sink::{Form, Sink};
use crate::stage::{Server, Setting, Vitals};
use holdline_servers::Postgres;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio::time::sleep;

const CONNECTIONS: usize = 64;
const HELD_PER_S: u32 = 1;
/// Servers that share one database find each other and their parts of the work meanwhile.
const SETTLE: Duration = Duration::from_secs(3);

/// Servers on one database.
#[derive(Debug)]
struct Nodes {
    nodes: Vec<(Setting, Server)>,
    token: String,
    /// Each of a node.
    folders: Vec<TempDir>,
}

#[derive(Clone, Copy, Debug)]
struct Taken {
    rate: f64,
    p99_ms: f64,
    used: Used,
}

pub(super) async fn rows(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let postgres = start()?;
    let total = bench.count(100_000, 10_000);
    let (mut one, mut three, mut sent) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..bench.runs {
        one.push(accept(bench, &postgres, 1, total).await?);
        three.push(accept(bench, &postgres, 3, total).await?);
        sent.push(dispatch(bench, &postgres, total).await?);
        eprintln!("W7: {:?} {:?} {:?}", one.last(), three.last(), sent.last());
    }
    let of = |runs: &[Taken], figure: fn(&Taken) -> f64| Runs::of(runs, figure);
    let basis = |runs: &[Taken]| {
        format!(
            "p99 {}; {:.4} s/1k without the database",
            of(runs, |it| it.p99_ms).text("ms"),
            of(runs, |it| it.used.cpu_s_per_1k).median()
        )
    };
    Ok(vec![
        of(&one, |it| it.rate)
            .row("W7 PostgreSQL, accept, one server", "/s")
            .at_least(12_000.0)
            .on(basis(&one)),
        of(&three, |it| it.rate)
            .row("W7 PostgreSQL, accept, three servers", "/s")
            .on(basis(&three)),
        of(&sent, |it| it.rate)
            .row("W7 PostgreSQL, dispatch, one server", "/s")
            .at_least(15_000.0)
            .on(format!(
                "{:.4} s/1k without the database",
                of(&sent, |it| it.used.cpu_s_per_1k).median()
            )),
    ])
}

/// It ends with the thread that starts it, so that must not be one that comes and goes.
fn start() -> anyhow::Result<Postgres> {
    // Unlike for tests, for which it is off.
    let settings = [("fsync", "on"), ("max_connections", "100")];
    let start = || tokio::task::block_in_place(|| Postgres::start_with(&settings));
    std::panic::catch_unwind(start).map_err(|_| anyhow::anyhow!("PostgreSQL does not start"))
}

async fn accept(
    bench: &Bench,
    postgres: &Postgres,
    count: usize,
    total: u64,
) -> anyhow::Result<Taken> {
    let database = new_database(postgres);
    let sink = Sink::start(Form::CloudApi, total, None).await?;
    let held = senders(&sink, HELD_PER_S, (&sink, HELD_PER_S));
    let nodes = Nodes::start(bench, &database, count, &held).await?;
    let before = nodes.cpu_s()?;
    let mut presses = JoinSet::new();
    for (place, (setting, _)) in nodes.nodes.iter().enumerate() {
        let each = total / count as u64;
        let order = Press {
            connections: CONNECTIONS / count,
            first: place as u64 * each,
            total: each,
        };
        let ask = Template::front_door(setting.address, &nodes.token, None, total / 4);
        presses.spawn(press(order, setting.address, Arc::new(ask)));
    }
    let (mut rate, mut p99_ms) = (0.0, 0.0_f64);
    while let Some(pressed) = presses.join_next().await {
        let pressed = pressed??;
        rate += pressed.rate_per_s();
        p99_ms = p99_ms.max(pressed.latency_ms(0.99));
    }
    Ok(Taken {
        rate,
        p99_ms,
        used: nodes.used(before, total)?,
    })
}

async fn dispatch(bench: &Bench, postgres: &Postgres, total: u64) -> anyhow::Result<Taken> {
    let database = new_database(postgres);
    let held_sink = Sink::start(Form::CloudApi, total, None).await?;
    let held = senders(&held_sink, HELD_PER_S, (&held_sink, HELD_PER_S));
    let nodes = Nodes::start(bench, &database, 1, &held).await?;
    for (setting, _) in &nodes.nodes {
        fill(setting, &nodes.token, total).await?;
    }
    nodes.stop().await?;
    let waiting = total - held_sink.taken();
    let sink = Sink::start(Form::CloudApi, total, None).await?;
    let free = senders(&sink, bench.rate_per_s, (&sink, bench.rate_per_s));
    let nodes = Nodes::start(bench, &database, 1, &free).await?;
    let sent_s = until_sent(&sink, waiting).await?;
    Ok(Taken {
        rate: waiting as f64 / sent_s,
        p99_ms: f64::NAN,
        used: nodes.used(0.0, waiting)?,
    })
}

/// Its URL.
fn new_database(postgres: &Postgres) -> String {
    let name = tokio::task::block_in_place(|| postgres.new_database());
    postgres.url(&name)
}

impl Nodes {
    async fn start(
        bench: &Bench,
        database: &str,
        count: usize,
        senders: &str,
    ) -> anyhow::Result<Self> {
        let mut made = Self {
            nodes: Vec::new(),
            token: String::new(),
            folders: Vec::new(),
        };
        for _ in 0..count {
            let folder = bench.folder()?;
            let mut setting = bench.setting(&folder, senders)?;
            setting.env.extend([
                ("HOLDLINE_STORAGE_URL", database.to_owned()),
                // No proxy is in between.
                ("HOLDLINE_STORAGE_PREPARED_STATEMENTS", "true".to_owned()),
            ]);
            setting.write()?;
            let server = setting.start().await?;
            if made.token.is_empty() {
                made.token = setting.token()?;
            }
            made.nodes.push((setting, server));
            made.folders.push(folder);
        }
        if count > 1 {
            sleep(SETTLE).await;
        }
        Ok(made)
    }

    fn cpu_s(&self) -> anyhow::Result<f64> {
        let each = self.nodes.iter().map(|(_, server)| server.vitals());
        each.map(|vitals| Ok(vitals?.cpu_s)).sum()
    }

    /// Of all together; memory of the largest.
    fn used(&self, cpu_s_before: f64, messages: u64) -> anyhow::Result<Used> {
        let mut after = Vitals {
            cpu_s: self.cpu_s()?,
            ..Vitals::default()
        };
        for (_, server) in &self.nodes {
            after.peak_kib = after.peak_kib.max(server.vitals()?.peak_kib);
        }
        let before = Vitals {
            cpu_s: cpu_s_before,
            ..Vitals::default()
        };
        Ok(Used::between(before, after, messages))
    }

    async fn stop(self) -> anyhow::Result<()> {
        for (_, server) in self.nodes {
            server.stop().await?;
        }
        Ok(())
    }
}
