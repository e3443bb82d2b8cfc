//! A move from SQLite to PostgreSQL under load: the bulk while the server works, the rest when it
//! has stopped, and then the server on PostgreSQL. The app only sees that it must ask again.

use super::load::{Load, options};
use crate::stack::Stack;
use holdline_servers::Postgres;
use serde_json::Value;
use std::time::Instant;
use tokio::task::block_in_place;

/// For half a minute.
const PER_S: u32 = if cfg!(debug_assertions) { 60 } else { 300 };
const MESSAGES: u32 = 30 * PER_S;

#[tokio::test(flavor = "multi_thread")]
async fn a_store_moves_under_load_and_nothing_is_lost_or_doubled() {
    let database = block_in_place(Postgres::start);
    let url = database.url(&database.new_database());
    let mut stack = Stack::start_with(options()).await;
    let (load, senders) = Load::begin(&stack, &stack.url, PER_S, MESSAGES);
    load.until_sent(MESSAGES / 3).await;
    assert_eq!(moved(&stack, &url)["state"], "behind");
    load.until_sent(MESSAGES / 2).await;
    let begin = Instant::now();
    stack.stop().await;
    let last = moved(&stack, &url);
    assert_eq!(last["state"], "ready", "{last:#}");
    stack.set_env("HOLDLINE_STORAGE_URL", &url);
    stack.serve().await;
    println!("away for {} ms", begin.elapsed().as_millis());
    let verdict = load.judge(&stack, senders).await;
    println!("{verdict}");
}

fn moved(stack: &Stack, url: &str) -> Value {
    let args = ["--json", "migrate", "sqlite-to-postgres", "--to", url];
    let output = block_in_place(|| stack.command(&args).output()).expect("holdline runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}
