//! Prints how many groups a second a store commits, every commit synced, by batch size: SQLite in a
//! directory, or PostgreSQL in an empty database, where four callers commit at once.
//! `cargo run --release -p holdline-store --example commit_rate [DIRECTORY | postgres://...]`

use bytes::Bytes;
use holdline_core::message::{ClassSet, DuplicateRule, Priority, Success};
use holdline_core::{ChannelKind, ContactId, MessageId, Redacted, Timestamp};
use holdline_engine::ports::ops::Accept;
use holdline_engine::ports::records::{DeliveryState, MessageRecord, PlannedHop};
use holdline_engine::ports::{Group, Op, Store, StoreError};
use holdline_store::{PostgresOptions, SqliteOptions, is_postgres, postgres, sqlite};
use std::path::Path;
use std::time::{Duration, Instant};

const BODY_BYTES: usize = 332;
const ROUND_S: u64 = 3;
const CALLERS: u32 = 4;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), StoreError> {
    let given = std::env::args().nth(1);
    if let Some(url) = given.as_deref().filter(|it| is_postgres(it)) {
        return measure_postgres(url).await;
    }
    let directory = given.map_or_else(std::env::temp_dir, Into::into);
    let directory = directory.join(format!("holdline-commit-rate-{}", std::process::id()));
    let measured = measure_all(&directory).await;
    if let Err(error) = std::fs::remove_dir_all(&directory) {
        eprintln!("cannot remove {}: {error}", directory.display());
    }
    measured
}

async fn measure_all(directory: &Path) -> Result<(), StoreError> {
    println!(
        "{:>6} {:>12} {:>12} {:>16}",
        "batch", "groups/s", "commits/s", "bytes a message"
    );
    for batch in [1, 64, 512] {
        let path = directory.join(format!("{batch}.db"));
        let store = sqlite::open(SqliteOptions::new(&path)).await?;
        let (count, elapsed) = measure(&store, batch).await?;
        store.close().await?;
        let bytes = std::fs::metadata(&path).map_or(0, |file| file.len());
        let rate = f64::from(count) / elapsed.as_secs_f64();
        let commits = rate / f64::from(batch);
        println!(
            "{batch:>6} {rate:>12.0} {commits:>12.0} {:>16}",
            bytes / u64::from(count)
        );
    }
    Ok(())
}

async fn measure_postgres(url: &str) -> Result<(), StoreError> {
    let store = postgres::open(PostgresOptions::from_url(url)?).await?;
    println!("{:>6} {:>12} {:>12}", "batch", "groups/s", "commits/s");
    for (round, batch) in (0..).zip([1, 64, 512]) {
        let callers =
            (0..CALLERS).map(|n| measure_from(&store, (round * CALLERS + n) << 24, batch));
        let done = futures_util::future::join_all(callers).await;
        let rates: Result<Vec<f64>, StoreError> = done.into_iter().map(rate_of).collect();
        let rate: f64 = rates?.into_iter().sum();
        println!("{batch:>6} {rate:>12.0} {:>12.0}", rate / f64::from(batch));
    }
    store.close().await
}

fn rate_of(measured: Result<(u32, Duration), StoreError>) -> Result<f64, StoreError> {
    let (count, elapsed) = measured?;
    Ok(f64::from(count) / elapsed.as_secs_f64())
}

async fn measure(store: &dyn Store, batch: u32) -> Result<(u32, Duration), StoreError> {
    measure_from(store, 0, batch).await
}

async fn measure_from(
    store: &dyn Store,
    first: u32,
    batch: u32,
) -> Result<(u32, Duration), StoreError> {
    let start = Instant::now();
    let mut next = first;
    while start.elapsed() < Duration::from_secs(ROUND_S) {
        let groups = (next..next + batch)
            .map(|n| Group(vec![accept(n)]))
            .collect();
        store.commit(groups).await?;
        next += batch;
    }
    Ok((next - first, start.elapsed()))
}

fn accept(n: u32) -> Op {
    let id = MessageId(u128::from(n) << 80 | 0x7000_8000_0000_0000_0000);
    let at = Timestamp(i64::from(n));
    let message = MessageRecord {
        id,
        app: "shop".to_owned(),
        sender: "106540352242922".to_owned(),
        contact: ContactId(u128::from(n % 1_000) << 80),
        to_input: Redacted::new("+15550100".to_owned()),
        kind: "text".to_owned(),
        body: Redacted::new(Bytes::from(vec![b'x'; BODY_BYTES])),
        opaque: None,
        priority: Priority::Service,
        duplicate_rule: DuplicateRule::Reconcile,
        data_class: "personal".to_owned(),
        created_at: at,
        expires_at: Timestamp::MAX,
        plan: vec![hop(ChannelKind::WHATSAPP), hop(ChannelKind::SMS)],
    };
    let delivery = DeliveryState::new(id, at);
    Op::Accept(Box::new(Accept {
        message: message.into(),
        delivery,
        idempotency: None,
    }))
}

fn hop(channel: ChannelKind) -> PlannedHop {
    PlannedHop {
        feature: holdline_core::health::Feature::Session,
        channel,
        sender: "106540352242922".to_owned(),
        address: Redacted::new("+15550100".to_owned()),
        receipt_wait_ms: 120_000,
        wait_is_explicit: false,
        ttl_ms: 0,
        success: Success::Delivered,
        on: ClassSet::default(),
        template: None,
    }
}
