//! Prints how long a store takes to move from SQLite to an empty database of PostgreSQL: beside a
//! server, when nothing is there yet, and after its end, when a hundredth has come since.
//! `cargo run --release -p holdline-store --example move_rate postgres://... [MESSAGES]`

use bytes::Bytes;
use holdline_core::message::{DuplicateRule, End, Priority, Progress, State};
use holdline_core::{AttemptKey, ChannelKind, ContactId, MessageId, Redacted, Timestamp};
use holdline_engine::ports::ops::{Accept, Advance, AttemptEnd, Idempotency};
use holdline_engine::ports::records::{
    AttemptRecord, DecisionRecord, DeliveryState, MessageRecord, ReceiptRecord,
};
use holdline_engine::ports::{Group, Op, Store, StoreError};
use holdline_store::transfer::{self, Move};
use holdline_store::{PostgresOptions, SqliteOptions, SqliteStore, sqlite};
use std::path::Path;
use std::time::Instant;

const BATCH: u32 = 500;
const BODY_BYTES: usize = 332;

#[tokio::main]
async fn main() -> Result<(), StoreError> {
    let mut given = std::env::args().skip(1);
    let url = given.next().unwrap_or_default();
    let messages = given.next().and_then(|it| it.parse().ok());
    let messages: u32 = messages.unwrap_or(100_000);
    let to = PostgresOptions::from_url(&url)?;
    let folder = std::env::temp_dir().join(format!("holdline-move-rate-{}", std::process::id()));
    let from = folder.join("h.db");
    let measured = measure(&from, to, messages).await;
    if let Err(error) = std::fs::remove_dir_all(&folder) {
        eprintln!("cannot remove {}: {error}", folder.display());
    }
    measured
}

async fn measure(from: &Path, to: PostgresOptions, messages: u32) -> Result<(), StoreError> {
    let serving = sqlite::open(SqliteOptions {
        exclusive: true,
        ..SqliteOptions::new(from)
    })
    .await?;
    fill(&serving, 0, messages).await?;
    let order = Move {
        from: from.to_path_buf(),
        to,
    };
    run("beside a server", &order).await?;
    fill(&serving, messages, messages / 100).await?;
    serving.close().await?;
    drop(serving);
    run("after its end", &order).await
}

async fn run(what: &str, order: &Move) -> Result<(), StoreError> {
    let begin = Instant::now();
    let moved = transfer::copy(order, &mut |_| {}).await?;
    let (mut rows, mut written) = (0, 0);
    for table in &moved.tables {
        rows += table.source.rows;
        written += table.written;
    }
    println!(
        "{what}: {rows} rows, {written} written, {:?}, {:.1} s",
        moved.state,
        begin.elapsed().as_secs_f64()
    );
    Ok(())
}

async fn fill(store: &SqliteStore, first: u32, count: u32) -> Result<(), StoreError> {
    for begin in (first..first + count).step_by(BATCH as usize) {
        let end = (first + count).min(begin + BATCH);
        let groups = (begin..end).map(|n| Group(vec![accept(n), advance(n)]));
        store.commit(groups.collect()).await?;
    }
    Ok(())
}

fn id(n: u32) -> MessageId {
    MessageId(u128::from(n) << 80 | 0x7000_8000_0000_0000_0000)
}

fn at(n: u32) -> Timestamp {
    Timestamp(i64::from(n))
}

fn accept(n: u32) -> Op {
    let message = MessageRecord {
        id: id(n),
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
        created_at: at(n),
        expires_at: Timestamp::MAX,
        plan: Vec::new(),
    };
    Op::Accept(Box::new(Accept {
        message: message.into(),
        delivery: DeliveryState::new(id(n), at(n)),
        idempotency: Some(Idempotency {
            scope: "shop".to_owned(),
            key: format!("key-{n}"),
            body_hash: [7; 32],
            answer: Bytes::from_static(b"{}"),
            expires_at: Timestamp::MAX,
        }),
    }))
}

/// One attempt, three receipts, two decisions.
fn advance(n: u32) -> Op {
    let key = AttemptKey {
        message: id(n),
        number: 1,
    };
    let state = State::Ended {
        end: End::Delivered,
        at: at(n + 9),
    };
    let receipt = |status: &str| ReceiptRecord {
        key,
        status: status.to_owned(),
        at: at(n + 5),
        received_at: at(n + 6),
        fault_code: None,
        fault_detail: None,
    };
    let decision = |code: &str| DecisionRecord {
        message: id(n),
        at: at(n),
        hop: 0,
        number: 1,
        code: code.to_owned(),
        words: String::new(),
    };
    Op::Advance(Box::new(Advance {
        state: DeliveryState {
            state,
            told: Progress::Read,
            ..DeliveryState::new(id(n), at(n))
        },
        started: Some(attempt(key, n)),
        ended: Some(AttemptEnd {
            key,
            at: at(n + 2),
            outcome: "accepted",
            provider_id: Some(format!("wamid.{n}")),
            fault_class: None,
            fault_code: None,
            fault_detail: None,
        }),
        receipts: ["sent", "delivered", "read"].map(receipt).to_vec(),
        decisions: ["sent", "delivered"].map(decision).to_vec(),
        duplicate: None,
    }))
}

fn attempt(key: AttemptKey, n: u32) -> AttemptRecord {
    AttemptRecord {
        key,
        hop: 0,
        channel: ChannelKind::WHATSAPP,
        route: "whatsapp/106540352242922/any".to_owned(),
        started_at: at(n + 1),
        outcome: None,
        ended_at: None,
        provider_id: None,
        fault_class: None,
        fault_code: None,
        fault_detail: None,
    }
}
