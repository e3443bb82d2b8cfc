//! `limits`: a million messages wait in the database when the server starts. How long until it
//! listens, accepts and sends; how much memory and disk a waiting message takes; how fast they go.

mod mail;
mod start;

use crate::offer::{Order, Tally, offer};
use crate::row::Row;
use crate::sink::{Form, Sink};
use crate::stage::{Setting, copy_database, empty_log, free_address, sections, target_folder};
use clap::Args;
use mail::Mail;
pub(crate) use start::{Started, start};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::time::Instant;

const LANES: usize = 64;
/// While the database is filled next to nothing leaves, so that all of it waits.
const HELD_PER_S: u32 = 1;
/// Then as much as a number may have.
const FREE_PER_S: u32 = 10_000;

#[derive(Debug, Args)]
pub(crate) struct LimitsArgs {
    /// Messages that wait
    #[arg(long, default_value_t = 1_000_000)]
    #[arg(value_parser = clap::value_parser!(u64).range(1_000..=10_000_000))]
    waiting: u64,
    /// Folder of a filled database: made when it is not there, and copied before it is used
    #[arg(long, value_name = "FOLDER")]
    filled: Option<PathBuf>,
    /// Print the verdict as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// What filling the database told.
#[derive(Clone, Copy, Debug)]
struct Filled {
    /// Memory of the server before the first message.
    idle_mb: f64,
    took_s: f64,
    p99_ms: f64,
}

pub(crate) async fn run(args: &LimitsArgs) -> anyhow::Result<Vec<Row>> {
    let temporary = tempfile::Builder::new()
        .prefix("holdline-limits-")
        .tempdir()?;
    let sink = Sink::start(Form::CloudApi, args.waiting, None).await?;
    let mut setting = Setting {
        folder: temporary.path().to_owned(),
        log: empty_log(&target_folder()?.join("limits"), "server.log")?,
        address: free_address()?,
        sections: sections(&sink.url(), HELD_PER_S, None) + LIMITS,
        env: Vec::new(),
    };
    let mut rows = Vec::new();
    let kept = args
        .filled
        .as_deref()
        .filter(|it| it.join("holdline.db").is_file());
    if let Some(kept) = kept {
        copy_database(kept, &setting.folder)?;
    } else {
        let filled = fill(&setting, args.waiting).await?;
        rows.extend(rows_of_fill(filled, args.waiting));
        if let Some(to) = &args.filled {
            copy_database(&setting.folder, to)?;
        }
    }
    let before = sink.taken();
    setting.sections = sections(&sink.url(), FREE_PER_S, None) + LIMITS;
    let started = start(&setting, &sink, args.waiting, start::SENDING).await?;
    rows.extend(rows_of_start(&started, args.waiting, before));
    Ok(rows)
}

const LIMITS: &str = "[limits]\nopen_messages_max = 20_000_000\n";

/// Through the front door, as fast as it takes them.
async fn fill(setting: &Setting, waiting: u64) -> anyhow::Result<Filled> {
    setting.write()?;
    let server = setting.start().await?;
    let token = setting.token()?;
    let idle_mb = mb(server.vitals()?.rss_kib);
    let mail = Arc::new(Mail::new(setting.address, token, waiting));
    let tally = Tally::new()?;
    let order = Order {
        rate_per_s: f64::INFINITY,
        total: waiting,
        lanes: LANES,
        first: 0,
    };
    eprintln!("filling the database with {waiting} messages");
    let begin = Instant::now();
    offer(order, setting.address, mail, Arc::clone(&tally)).await?;
    let took_s = begin.elapsed().as_secs_f64();
    anyhow::ensure!(
        Tally::count(&tally.given_up) == 0.0,
        "messages were not accepted: {}",
        tally.first_error()
    );
    server.stop().await?;
    Ok(Filled {
        idle_mb,
        took_s,
        p99_ms: tally.latency_ms(0.99),
    })
}

fn rows_of_fill(filled: Filled, waiting: u64) -> Vec<Row> {
    let rate = waiting as f64 / filled.took_s;
    vec![
        Row::told("RSS with nothing to do", filled.idle_mb, "MB"),
        Row::told("accept, the route held", rate, "/s").on(format!(
            "{LANES} connections; p99 {:.1} ms; {:.0} s in all",
            filled.p99_ms, filled.took_s
        )),
    ]
}

fn rows_of_start(it: &Started, waiting: u64, before: u64) -> Vec<Row> {
    let count = waiting as f64;
    let (base_mb, each) = (start::BASE_MB, start::BYTES_PER_WAITING);
    let memory_mb = base_mb + each * count / 1e6;
    vec![
        Row::told("start: listens", it.listens_s, "s").on("from the start of the process"),
        Row::told("start: first accept answered", it.accepts_s, "s").at_most(start::FIRST_S),
        Row::told("start: first send at the provider", it.sends_s, "s").at_most(start::FIRST_S),
        Row::told("waiting, as the server says", it.waiting, "")
            .on(format!("{waiting} made, {before} left while they were")),
        Row::told("RSS at the first send", it.first_mb, "MB"),
        Row::told("RSS: peak", it.peak_mb, "MB")
            .at_most(memory_mb)
            .on(format!("{base_mb} MB and {each} B a waiting message")),
        Row::told(
            "memory",
            (it.peak_mb - it.listening_mb) * 1e6 / count,
            "B/msg",
        )
        .on(format!(
            "peak without the {:.1} MB when it began to listen",
            it.listening_mb
        )),
        Row::told("disk", it.disk_bytes as f64 / count, "B/msg").at_most(start::DISK_BYTES),
        Row::told("sent", it.sent as f64 / it.sending_s, "/s").on(format!(
            "{} in {:.1} s; the provider answers at once",
            it.sent, it.sending_s
        )),
        Row::told("sent twice", it.doubled as f64, "").at_most(0.0),
        Row::told("accept meanwhile: p99", it.accept_p99_ms, "ms")
            .on(format!("{} messages a second", start::MEANWHILE_PER_S)),
        Row::told(
            "processor while it sends",
            it.cpu_s * 1e3 / it.sent.max(1) as f64,
            "s/1k",
        ),
        Row::told("WhatsApp is up at the end", it.up, ""),
    ]
}

fn mb(kib: u64) -> f64 {
    kib as f64 * 1_024.0 / 1e6
}
