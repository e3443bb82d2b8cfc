//! A polite stop under load: it ends in time and with success, and everything that was promised
//! still happens, once.

use crate::stack::{Options, PHONE_ID, Stack, until, until_true};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const SENDERS: usize = 8;
const BEFORE_STOP: usize = 150;
const STOP_MAX: Duration = Duration::from_secs(10);

struct Load {
    url: String,
    token: String,
    next: AtomicU32,
    over: AtomicBool,
    /// Marker of each promised message, by the id the app was given.
    promised: Mutex<BTreeMap<String, u32>>,
}

impl Load {
    fn promised(&self) -> BTreeMap<String, u32> {
        self.promised.lock().expect("no panic").clone()
    }
}

/// Sends until the load is over; an answer that is no promise is forgotten.
async fn send(load: Arc<Load>) {
    let http = reqwest::Client::new();
    while !load.over.load(Ordering::SeqCst) {
        let marker = load.next.fetch_add(1, Ordering::SeqCst);
        let body = json!({
            "messaging_product": "whatsapp", "to": format!("+16505{:06}", marker % 100),
            "type": "text", "text": {"body": format!("mark {marker:06}")},
        });
        let request = http
            .post(format!("{}/{PHONE_ID}/messages", load.url))
            .json(&body);
        let Ok(response) = request.bearer_auth(&load.token).send().await else {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        if response.status() != 200 {
            continue;
        }
        let Ok(reply) = response.json::<Value>().await else {
            continue;
        };
        let id = reply["messages"][0]["id"]
            .as_str()
            .expect("an id")
            .to_owned();
        load.promised.lock().expect("no panic").insert(id, marker);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_polite_stop_under_load_ends_in_time_and_loses_nothing() {
    let mut stack =
        Stack::start_with(Options::default().with("whatsapp", "rate_per_s = 200")).await;
    let load = Arc::new(Load {
        url: stack.url.clone(),
        token: stack.token.clone(),
        next: AtomicU32::new(0),
        over: AtomicBool::new(false),
        promised: Mutex::default(),
    });
    let senders: Vec<_> = (0..SENDERS)
        .map(|_| tokio::spawn(send(Arc::clone(&load))))
        .collect();
    until_true("the load runs", || load.promised().len() >= BEFORE_STOP).await;
    let (code, took) = stack.stop().await;
    load.over.store(true, Ordering::SeqCst);
    assert_eq!(code, Some(0));
    assert!(took < STOP_MAX, "it took {took:?}");
    for sender in senders {
        sender.await.expect("no panic");
    }
    stack.serve().await;
    let promised = load.promised();
    let states = until("everything ends", || async { ended(&stack).await }).await;
    for id in promised.keys() {
        assert_eq!(
            states.get(id).map(String::as_str),
            Some("delivered"),
            "{id}"
        );
    }
    check_copies(&stack, &promised);
}

/// The state of every message, once none is open.
async fn ended(stack: &Stack) -> Option<BTreeMap<String, String>> {
    let mut states = BTreeMap::new();
    let mut before = String::new();
    loop {
        let page = stack.api(&format!("/messages?limit=500{before}")).await;
        for message in page["data"].as_array()? {
            let state = message["state"].as_str()?;
            if ["waiting", "in_flight", "in_doubt", "placed"].contains(&state) {
                return None;
            }
            states.insert(message["wamid"].as_str()?.to_owned(), state.to_owned());
        }
        match page["next"].as_str() {
            Some(next) => before = format!("&before={next}"),
            None => return Some(states),
        }
    }
}

fn check_copies(stack: &Stack, promised: &BTreeMap<String, u32>) {
    let mut copies: BTreeMap<u32, u32> = BTreeMap::new();
    for row in stack.sandbox.ledger(0, 200_000) {
        let marker = row
            .text
            .split("mark ")
            .nth(1)
            .and_then(|text| text.get(..6)?.parse().ok());
        *copies.entry(marker.expect("a marker")).or_default() += 1;
    }
    for (id, marker) in promised {
        assert_eq!(copies.get(marker), Some(&1), "copies of {id}");
    }
    assert!(
        copies.values().all(|count| *count == 1),
        "nothing was sent twice"
    );
}
