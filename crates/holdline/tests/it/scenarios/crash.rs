//! kill -9 at random moments under load: everything that was accepted ends, nothing is lost, and
//! nobody gets a message twice but where the outcome of an attempt stayed unknown by rule.

use crate::stack::{Options, Stack, until};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// For a minute; without optimisation, what two cores bear beside everything else of the tests.
const PER_S: u32 = if cfg!(debug_assertions) { 150 } else { 500 };
const MESSAGES: u32 = 60 * PER_S;
const KILLS: u32 = 10;
const SENDERS: usize = 64;
const PEOPLE: u32 = 4_000;
/// From when to when (in tenths of the load) WhatsApp fails, and how.
const OUTAGES: [(u32, u32, &str); 2] = [(2, 4, "server_errors"), (6, 7, "blackhole")];
/// For everything to end after the load.
const END_S: u64 = 180;

/// Receipts may come late after a kill, as providers ask again with growing gaps: the wait for them
/// is longer than that. What is in doubt is settled sooner.
fn options() -> Options {
    let mut options = Options::default()
        .with("failover", "receipt_wait_service_ms = 20000")
        .with("failover", "ambiguity_service_ms = 1500")
        .with("failover", "retry_base_ms = 50")
        .with("health", "dwell_ms = 1000")
        .with("health", "hold_down_ms = 500")
        .with("health", "probe_every_ms = 1000")
        .with("health", "probe_burst_ms = 200")
        .with("health", "probe_down_ms = 200")
        .with("health", "test_per_s = 50")
        .with("health", "ramp_double_ms = 500")
        .with("whatsapp", "rate_per_s = 1000")
        .with("sms", "rate_per_s = 1000");
    options.sandbox.sms.throughput_per_s = 0;
    options
}

/// What the app was promised, by marker.
type Promised = Arc<Mutex<BTreeMap<u32, String>>>;

struct Load {
    url: String,
    token: String,
    next: AtomicU32,
    promised: Promised,
    begin: Instant,
}

/// Sends at an even pace, like an app that asks again, with the same key, until it has an answer.
async fn send_all(load: Arc<Load>) {
    let http = reqwest::Client::new();
    loop {
        let marker = load.next.fetch_add(1, Ordering::SeqCst);
        if marker >= MESSAGES {
            return;
        }
        let due = load.begin + Duration::from_secs_f64(f64::from(marker) / f64::from(PER_S));
        tokio::time::sleep_until(due.into()).await;
        let body = json!({
            "messaging_product": "whatsapp", "to": format!("+16505{:06}", marker % PEOPLE),
            "type": "text", "text": {"body": format!("mark {marker:06}")},
        });
        loop {
            let answer = http
                .post(format!("{}/{}/messages", load.url, crate::stack::PHONE_ID))
                .bearer_auth(&load.token)
                .header("Idempotency-Key", format!("crash-{marker}"))
                .timeout(Duration::from_secs(5))
                .json(&body)
                .send()
                .await;
            if let Some(id) = accepted_id(answer).await {
                load.promised.lock().expect("no panic").insert(marker, id);
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

async fn accepted_id(answer: reqwest::Result<reqwest::Response>) -> Option<String> {
    let response = answer.ok()?;
    if response.status() != 200 {
        return None;
    }
    let body: Value = response.json().await.ok()?;
    body["messages"][0]["id"].as_str().map(str::to_owned)
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_ten_times_under_load_nothing_is_lost() {
    let mut stack = Stack::start_with(options()).await;
    let load = Arc::new(Load {
        url: stack.url.clone(),
        token: stack.token.clone(),
        next: AtomicU32::new(0),
        promised: Promised::default(),
        begin: Instant::now(),
    });
    let senders: Vec<_> = (0..SENDERS)
        .map(|_| tokio::spawn(send_all(Arc::clone(&load))))
        .collect();
    for tenth in 0..KILLS {
        until_sent(&load, MESSAGES / KILLS * tenth).await;
        for (from, until, profile) in OUTAGES {
            if tenth == from {
                stack.outage(profile);
            } else if tenth == until {
                stack.mend();
            }
        }
        until_sent(&load, MESSAGES / KILLS * tenth + MESSAGES / KILLS / 2).await;
        stack.kill();
        stack.serve().await;
    }
    for sender in senders {
        sender.await.expect("no panic");
    }
    let took = load.begin.elapsed();
    let promised = load.promised.lock().expect("no panic").clone();
    assert_eq!(promised.len(), MESSAGES as usize);
    let ended = all_ended(&stack).await;
    assert_eq!(ended, MESSAGES as usize, "accepted and ended");
    let doubled = check_ledger(&stack, &promised).await;
    println!(
        "accepted {} in {:.1} s, ended {ended}, lost 0, second copies after an unknown outcome \
         {doubled}",
        promised.len(),
        took.as_secs_f64()
    );
}

/// Waits until so many messages were begun to be sent.
async fn until_sent(load: &Load, count: u32) {
    let at = load.begin + Duration::from_secs_f64(f64::from(count) / f64::from(PER_S));
    tokio::time::sleep_until(at.into()).await;
    until("the load goes on", || async {
        (load.next.load(Ordering::SeqCst) >= count).then_some(())
    })
    .await;
}

/// Waits until nothing is open; gives how many messages there are.
async fn all_ended(stack: &Stack) -> usize {
    let limit = Instant::now() + Duration::from_secs(END_S);
    while is_open(stack).await {
        assert!(Instant::now() < limit, "some are open after {END_S} s");
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    until("every message is listed with its end", || async {
        let mut count = 0;
        let mut before = String::new();
        loop {
            let page = stack.api(&format!("/messages?limit=500{before}")).await;
            let list = page["data"].as_array().cloned().unwrap_or_default();
            let Some(last) = list.last() else {
                return Some(count);
            };
            before = format!("&before={}", last["id"].as_str()?);
            for message in &list {
                let state = message["state"].as_str()?;
                if !["delivered", "expired", "failed", "cancelled"].contains(&state) {
                    return None;
                }
                count += 1;
            }
        }
    })
    .await
}

async fn is_open(stack: &Stack) -> bool {
    for state in ["waiting", "in_flight", "in_doubt", "placed"] {
        let page = stack.api(&format!("/messages?limit=1&state={state}")).await;
        if page["data"].as_array().is_none_or(|list| !list.is_empty()) {
            return true;
        }
    }
    false
}

/// Nobody is without a copy; who has two had an attempt whose outcome was unknown.
async fn check_ledger(stack: &Stack, promised: &BTreeMap<u32, String>) -> usize {
    let mut copies: BTreeMap<u32, u32> = BTreeMap::new();
    for row in stack.sandbox.ledger(0, 200_000) {
        let marker = row
            .text
            .split("mark ")
            .nth(1)
            .and_then(|text| text.get(..6)?.parse().ok());
        *copies.entry(marker.expect("a marker")).or_default() += 1;
    }
    let lost: Vec<u32> = promised
        .keys()
        .filter(|m| !copies.contains_key(m))
        .copied()
        .collect();
    assert!(lost.is_empty(), "lost: {lost:?}");
    let doubled: Vec<u32> = copies
        .iter()
        .filter(|(_, count)| **count > 1)
        .map(|(marker, _)| *marker)
        .collect();
    for marker in &doubled {
        let message = stack.message(&promised[marker]).await;
        let known = super::outages::reasons(&message).contains(&"in_doubt");
        assert!(known, "doubled although no outcome was unknown: {message}");
    }
    doubled.len()
}
