//! Load on a whole installation and the judgement of it: what was promised to the app is held
//! against the ledger of the providers, which saw what people really got.

use crate::stack::{Options, PHONE_ID, Stack, until};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const SENDERS: u32 = 64;
const PEOPLE: u32 = 4_000;
/// For everything to end after the load.
const END_S: u64 = 180;

/// Receipts may come late after a kill, as providers ask again with growing gaps: the wait for them
/// is longer than that. What is in doubt is settled sooner.
pub(super) fn options() -> Options {
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

/// Messages at an even pace, each with a marker of its own.
pub(super) struct Load {
    url: String,
    token: String,
    per_s: u32,
    messages: u32,
    next: AtomicU32,
    promised: Mutex<BTreeMap<u32, Promise>>,
    /// Requests that got no 200.
    refused: AtomicU32,
    begin: Instant,
}

/// What the app was told of a message.
#[derive(Clone, Debug)]
struct Promise {
    id: String,
    /// When the app first asked, in milliseconds since 1970.
    asked_ms: u64,
    answer_ms: u64,
}

/// What came of a load.
#[derive(Debug)]
pub(super) struct Verdict {
    accepted: usize,
    took: Duration,
    pub(super) doubled: usize,
    /// Longest time from the app's first request to the first copy at the person.
    longest_ms: u64,
    /// Longest time until the app had its answer, its own repeats included.
    pub(super) longest_answer_ms: u64,
    /// Requests that got no 200, and were made again.
    pub(super) refused: u32,
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "accepted {} in {:.1} s, all ended, lost 0, second copies after an unknown outcome {}; \
             longest from the first request to the person {} ms, to the answer {} ms",
            self.accepted,
            self.took.as_secs_f64(),
            self.doubled,
            self.longest_ms,
            self.longest_answer_ms
        )
    }
}

impl Load {
    /// Begins to send; the tasks end when all was accepted.
    pub(super) fn begin(
        stack: &Stack,
        url: &str,
        per_s: u32,
        messages: u32,
    ) -> (Arc<Self>, Vec<tokio::task::JoinHandle<()>>) {
        let load = Arc::new(Self {
            url: url.to_owned(),
            token: stack.token.clone(),
            per_s,
            messages,
            next: AtomicU32::new(0),
            promised: Mutex::default(),
            refused: AtomicU32::new(0),
            begin: Instant::now(),
        });
        let senders = (0..SENDERS).map(|_| tokio::spawn(send_all(Arc::clone(&load))));
        (Arc::clone(&load), senders.collect())
    }

    fn due(&self, marker: u32) -> tokio::time::Instant {
        let after = f64::from(marker) / f64::from(self.per_s);
        (self.begin + Duration::from_secs_f64(after)).into()
    }

    /// Waits until so many messages were begun to be sent.
    pub(super) async fn until_sent(&self, count: u32) {
        tokio::time::sleep_until(self.due(count)).await;
        until("the load goes on", || async {
            (self.next.load(Ordering::SeqCst) >= count).then_some(())
        })
        .await;
    }

    /// Waits until everything has ended and holds it against the ledger.
    pub(super) async fn judge(
        &self,
        stack: &Stack,
        senders: Vec<tokio::task::JoinHandle<()>>,
    ) -> Verdict {
        for sender in senders {
            sender.await.expect("no panic");
        }
        let took = self.begin.elapsed();
        let promised = self.promised.lock().expect("no panic").clone();
        assert_eq!(promised.len(), self.messages as usize);
        let ended = all_ended(stack).await;
        assert_eq!(ended, promised.len(), "accepted and ended");
        let copies = copies(stack);
        let arrival = |(marker, promise): (&u32, &Promise)| {
            let (_, first_ms) = copies.get(marker)?;
            Some(first_ms.saturating_sub(promise.asked_ms))
        };
        Verdict {
            accepted: promised.len(),
            took,
            doubled: check(stack, &promised, &copies).await,
            longest_ms: promised.iter().filter_map(arrival).max().unwrap_or(0),
            refused: self.refused.load(Ordering::SeqCst),
            longest_answer_ms: promised.values().map(|it| it.answer_ms).max().unwrap_or(0),
        }
    }
}

/// Sends like an app that asks again, with the same key, until it has an answer.
async fn send_all(load: Arc<Load>) {
    let http = reqwest::Client::new();
    loop {
        let marker = load.next.fetch_add(1, Ordering::SeqCst);
        if marker >= load.messages {
            return;
        }
        tokio::time::sleep_until(load.due(marker)).await;
        let (asked, asked_ms) = (Instant::now(), now_ms());
        let body = json!({
            "messaging_product": "whatsapp", "to": format!("+16505{:06}", marker % PEOPLE),
            "type": "text", "text": {"body": format!("mark {marker:06}")},
        });
        loop {
            let answer = http
                .post(format!("{}/{PHONE_ID}/messages", load.url))
                .bearer_auth(&load.token)
                .header("Idempotency-Key", format!("load-{marker}"))
                .timeout(Duration::from_secs(5))
                .json(&body)
                .send()
                .await;
            if let Some(id) = accepted_id(answer).await {
                let answer_ms = u64::try_from(asked.elapsed().as_millis()).unwrap_or(u64::MAX);
                let promise = Promise {
                    id,
                    asked_ms,
                    answer_ms,
                };
                load.promised
                    .lock()
                    .expect("no panic")
                    .insert(marker, promise);
                break;
            }
            load.refused.fetch_add(1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

fn now_ms() -> u64 {
    let passed = SystemTime::now().duration_since(UNIX_EPOCH);
    u64::try_from(passed.expect("after 1970").as_millis()).unwrap_or(u64::MAX)
}

async fn accepted_id(answer: reqwest::Result<reqwest::Response>) -> Option<String> {
    let response = answer.ok()?;
    if response.status() != 200 {
        return None;
    }
    let body: Value = response.json().await.ok()?;
    body["messages"][0]["id"].as_str().map(str::to_owned)
}

/// Waits until nothing is open; gives how many messages there are.
async fn all_ended(stack: &Stack) -> usize {
    let limit = Instant::now() + Duration::from_secs(END_S);
    while is_spooling(stack).await || is_open(stack).await {
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
                // Without a channel it is the repeat of another, by its key: nothing was sent.
                count += usize::from(!message["channel"].is_null());
            }
        }
    })
    .await
}

/// What a slow database left to the spool is listed once it is in the database.
async fn is_spooling(stack: &Stack) -> bool {
    let asked = reqwest::get(format!("{}/readyz", stack.url)).await;
    let text = asked.expect("the server answers").text().await;
    text.expect("a text").contains("spool")
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

/// How many copies of each message people got, and when they got the first.
fn copies(stack: &Stack) -> BTreeMap<u32, (u32, u64)> {
    let mut copies = BTreeMap::new();
    for row in stack.sandbox.ledger(0, 200_000) {
        let text = row.text.split("mark ").nth(1);
        let marker: Option<u32> = text.and_then(|text| text.get(..6)?.parse().ok());
        let copy: &mut (u32, u64) = copies
            .entry(marker.expect("a marker"))
            .or_insert((0, row.at_ms));
        copy.0 += 1;
    }
    copies
}

/// Nobody is without a copy; who has two had an attempt whose outcome was unknown. Gives how many
/// have two.
async fn check(
    stack: &Stack,
    promised: &BTreeMap<u32, Promise>,
    copies: &BTreeMap<u32, (u32, u64)>,
) -> usize {
    let lost = promised
        .keys()
        .filter(|marker| !copies.contains_key(marker));
    let lost: Vec<u32> = lost.copied().collect();
    assert!(lost.is_empty(), "lost: {lost:?}");
    let doubled = copies.iter().filter(|(_, (count, _))| *count > 1);
    let doubled: Vec<u32> = doubled.map(|(marker, _)| *marker).collect();
    for marker in &doubled {
        let message = stack.message(&promised[marker].id).await;
        let known = super::outages::reasons(&message).contains(&"in_doubt");
        assert!(known, "doubled although no outcome was unknown: {message}");
    }
    doubled.len()
}
