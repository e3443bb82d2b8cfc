//! What is seen outside of traffic, end to end: status feeds, our own network and webhook, the
//! provider's word on our account and its history, echoes between two of our numbers.

mod account;
mod echoes;
mod feeds;
mod network;
mod webhooks;

use crate::scenarios::{person, quick, until_ended, until_health};
use crate::stack::{Options, Stack, until, until_true};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

/// Everything that a Standard Webhooks endpoint was told.
#[derive(Clone, Default)]
struct Inbox(Arc<Mutex<Vec<Value>>>);

impl Inbox {
    /// Subscribes to changes of health.
    async fn of(stack: &Stack) -> Self {
        let inbox = Self::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a free port");
        let url = format!("http://{}/events", listener.local_addr().expect("its own"));
        let router = Router::new()
            .route("/events", post(take))
            .with_state(inbox.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let events = ["route.health_changed", "route.account_fault"];
        let made = stack
            .http
            .post(format!("{}/api/v1/webhooks", stack.url))
            .bearer_auth(&stack.token)
            .json(&json!({"url": url, "events": events}))
            .send()
            .await
            .expect("an answer");
        assert_eq!(made.status(), 201);
        inbox
    }

    fn all(&self) -> Vec<Value> {
        self.0.lock().expect("no panic").clone()
    }

    /// What each change came to, for scopes that begin so.
    fn healths(&self, route: &str) -> Vec<String> {
        let about = |event: &Value| {
            event["type"] == "route.health_changed"
                && text(&event["data"]["route"]).starts_with(route)
        };
        let all = self.all();
        let found = all.iter().filter(|event| about(event));
        found.map(|event| text(&event["data"]["to"])).collect()
    }

    /// The data of the first event of this scope that came to this state.
    async fn change(&self, route: &str, to: &str) -> Value {
        until(&format!("{route} is {to}"), || async {
            let is = |event: &Value| event["data"]["route"] == route && event["data"]["to"] == to;
            let found = self.all().into_iter().find(is);
            found.map(|event| event["data"].clone())
        })
        .await
    }
}

async fn take(State(inbox): State<Inbox>, body: Bytes) {
    let event = serde_json::from_slice(&body).expect("JSON");
    inbox.0.lock().expect("no panic").push(event);
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// A server on this machine that answers everything; ends when dropped, and its port is closed.
struct Control {
    address: std::net::SocketAddr,
    task: tokio::task::JoinHandle<()>,
}

impl Control {
    async fn start() -> Self {
        Self::at(crate::stack::free_address()).await
    }

    async fn at(address: std::net::SocketAddr) -> Self {
        let listener = tokio::net::TcpListener::bind(address)
            .await
            .expect("the port is free");
        let router = Router::new().fallback(|| async { "here" });
        let task = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("it serves");
        });
        Self { address, task }
    }

    fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// From now on nobody listens there.
    async fn close(self) -> std::net::SocketAddr {
        self.task.abort();
        let _ = self.task.await;
        self.address
    }
}

/// Short timers, but no message moves on because its receipt is overdue.
fn patient() -> Options {
    let mut options = quick();
    let receipts = "receipt_wait_service_ms";
    options
        .lines
        .retain(|(_, line)| !line.starts_with(receipts));
    options.with("failover", "receipt_wait_service_ms = 60000")
}

/// Sends so many messages, to different people, and gives the ids.
async fn send_to(stack: &Stack, people: std::ops::Range<u32>) -> Vec<String> {
    let mut ids = Vec::new();
    for number in people {
        let text = format!("message {number}");
        ids.push(stack.send_text(&person(number), &text).await);
    }
    ids
}

/// Traffic by which receipts are learned and trusted.
async fn warm_up(stack: &Stack) {
    for id in send_to(stack, 900..912).await {
        until_ended(stack, &id).await;
    }
}
