//! Prints how long commits of new messages take alone, and while a million old rows expire in small
//! steps beside them.
//! `cargo run --release -p holdline-store --example expire_latency [DIRECTORY] [MESSAGES]`

use bytes::Bytes;
use holdline_core::message::{DuplicateRule, Priority};
use holdline_core::message::{End, Progress, State};
use holdline_core::{AttemptKey, ChannelKind, ContactId, MessageId, Redacted, Timestamp};
use holdline_engine::ports::ops::{Accept, Advance};
use holdline_engine::ports::records::{AttemptRecord, DeliveryState, MessageRecord, ReceiptRecord};
use holdline_engine::ports::{Group, Op, Store, StoreError};
use holdline_store::{SqliteOptions, SqliteStore, sqlite};
use std::time::{Duration, Instant};

/// Each has five rows: message, delivery, body, attempt, receipt.
const MESSAGES: u32 = 200_000;
const BATCH: u32 = 8;
const ALONE: Duration = Duration::from_secs(10);
/// As the server does it: rows a step, and the pause between steps.
const STEP_ROWS: usize = 500;
const STEP_PAUSE: Duration = Duration::from_millis(200);
const NEW: i64 = 2_000_000_000_000;

#[tokio::main]
async fn main() -> Result<(), StoreError> {
    let mut arguments = std::env::args().skip(1);
    let directory = arguments.next().map_or_else(std::env::temp_dir, Into::into);
    let messages = arguments
        .next()
        .and_then(|it| it.parse().ok())
        .unwrap_or(MESSAGES);
    let directory = directory.join(format!("holdline-expire-{}", std::process::id()));
    let measured = measure(&directory.join("h.db"), messages).await;
    if let Err(error) = std::fs::remove_dir_all(&directory) {
        eprintln!("cannot remove {}: {error}", directory.display());
    }
    measured
}

async fn measure(path: &std::path::Path, messages: u32) -> Result<(), StoreError> {
    let store = sqlite::open(SqliteOptions::new(path)).await?;
    for first in (0..messages).step_by(1_000) {
        let old = (first..messages.min(first + 1_000)).map(|n| ended(i64::from(n)));
        store.commit(old.collect()).await?;
    }
    println!(
        "{:>10} {:>8} {:>9} {:>9} {:>9}",
        "", "commits", "p50 ms", "p99 ms", "max ms"
    );
    let begun = Instant::now();
    let mut next = NEW;
    report(
        "alone",
        commits(&store, &mut next, || begun.elapsed() < ALONE).await?,
    );
    let begun = Instant::now();
    let expiring = expire(&store);
    let done = std::sync::atomic::AtomicBool::new(false);
    let (expired, times) = tokio::join!(
        async {
            let expired = expiring.await;
            done.store(true, std::sync::atomic::Ordering::SeqCst);
            expired
        },
        commits(&store, &mut next, || !done
            .load(std::sync::atomic::Ordering::SeqCst))
    );
    report("expiring", times?);
    let rows = expired? * 5;
    println!(
        "{rows} rows expired in {:.1} s",
        begun.elapsed().as_secs_f64()
    );
    store.close().await
}

async fn expire(store: &SqliteStore) -> Result<usize, StoreError> {
    let before = Timestamp(NEW - 1);
    let mut all = 0;
    loop {
        let expired = store.expire_rows(before, before, STEP_ROWS).await?;
        all += expired;
        if expired < STEP_ROWS {
            while store.give_back_room().await? {
                tokio::time::sleep(STEP_PAUSE).await;
            }
            return Ok(all);
        }
        store.give_back_room().await?;
        tokio::time::sleep(STEP_PAUSE).await;
    }
}

async fn commits(
    store: &SqliteStore,
    next: &mut i64,
    go_on: impl Fn() -> bool,
) -> Result<Vec<Duration>, StoreError> {
    let mut times = Vec::new();
    while go_on() {
        let groups = (*next..*next + i64::from(BATCH)).map(|n| Group(vec![accept(n)]));
        *next += i64::from(BATCH);
        let begun = Instant::now();
        store.commit(groups.collect()).await?;
        times.push(begun.elapsed());
    }
    Ok(times)
}

fn report(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |percent: usize| {
        let place = (times.len() * percent / 100).min(times.len().saturating_sub(1));
        times
            .get(place)
            .map_or(0.0, |time| time.as_secs_f64() * 1_000.0)
    };
    let count = times.len();
    println!(
        "{what:>10} {count:>8} {:>9.2} {:>9.2} {:>9.2}",
        at(50),
        at(99),
        at(100)
    );
}

fn id(at: i64) -> MessageId {
    MessageId(u128::from(at.unsigned_abs()) << 80)
}

fn accept(n: i64) -> Op {
    let message = MessageRecord {
        id: id(n),
        app: "app".to_owned(),
        sender: "1".to_owned(),
        contact: ContactId(n.unsigned_abs().into()),
        to_input: Redacted::default(),
        kind: "text".to_owned(),
        body: Redacted::new(Bytes::from(vec![b'x'; 332])),
        opaque: None,
        priority: Priority::Service,
        duplicate_rule: DuplicateRule::Never,
        data_class: "personal".to_owned(),
        created_at: Timestamp(n),
        expires_at: Timestamp::MAX,
        plan: Vec::new(),
    };
    Op::Accept(Box::new(Accept {
        message: message.into(),
        delivery: DeliveryState::new(id(n), Timestamp(n)),
        idempotency: None,
    }))
}

/// An old message that was delivered.
fn ended(n: i64) -> Group {
    let (at, key) = (
        Timestamp(n),
        AttemptKey {
            message: id(n),
            number: 1,
        },
    );
    let state = DeliveryState {
        state: State::Ended {
            end: End::Delivered,
            at,
        },
        told: Progress::Delivered,
        ..DeliveryState::new(id(n), at)
    };
    let attempt = AttemptRecord {
        key,
        hop: 0,
        channel: ChannelKind::SMS,
        route: "sms/1/any".to_owned(),
        started_at: at,
        outcome: None,
        ended_at: None,
        provider_id: None,
        fault_class: None,
        fault_code: None,
        fault_detail: None,
    };
    let receipt = ReceiptRecord {
        key,
        status: "delivered".to_owned(),
        at,
        received_at: at,
        fault_code: None,
        fault_detail: None,
    };
    let advance = Advance {
        state,
        started: Some(attempt),
        ended: None,
        receipts: vec![receipt],
        decisions: Vec::new(),
        duplicate: None,
    };
    Group(vec![accept(n), Op::Advance(Box::new(advance))])
}
