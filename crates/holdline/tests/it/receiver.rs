//! An app's webhook address: checks every signature, answers as it is told, keeps what it got.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};

/// One call as it came.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) json: Value,
    pub(crate) answered: u16,
    /// `X-Hub-Signature-256` fits the exact bytes.
    pub(crate) signed: bool,
}

#[derive(Clone)]
pub(crate) struct Receiver {
    address: std::net::SocketAddr,
    inner: Arc<Inner>,
}

struct Inner {
    secret: String,
    answer: AtomicU16,
    calls: Mutex<Vec<Call>>,
}

impl Receiver {
    pub(crate) async fn start(secret: &str) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a free port");
        let address = listener.local_addr().expect("its address");
        let inner = Arc::new(Inner {
            secret: secret.to_owned(),
            answer: AtomicU16::new(200),
            calls: Mutex::default(),
        });
        let receiver = Self { address, inner };
        let router = Router::new()
            .route("/webhooks", get(handshake).post(take))
            .with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        receiver
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/webhooks", self.address)
    }

    /// From now on every call is answered so.
    pub(crate) fn answer_with(&self, status: u16) {
        self.inner.answer.store(status, Ordering::SeqCst);
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.inner.calls.lock().expect("no panic").clone()
    }

    /// The statuses that came for an id and were taken, in order.
    pub(crate) fn statuses(&self, wamid: &str) -> Vec<String> {
        self.values()
            .iter()
            .filter(|value| value["statuses"][0]["id"] == wamid)
            .filter_map(|value| value["statuses"][0]["status"].as_str().map(str::to_owned))
            .collect()
    }

    /// The `value` of every status call for an id that was taken.
    pub(crate) fn status_values(&self, wamid: &str) -> Vec<Value> {
        let of_id = |value: &Value| value["statuses"][0]["id"] == wamid;
        self.values().into_iter().filter(of_id).collect()
    }

    /// The messages of people that were taken, in order.
    pub(crate) fn messages(&self) -> Vec<Value> {
        let values = self.values().into_iter();
        values
            .filter(|value| value["messages"].is_array())
            .collect()
    }

    /// The `value` of every call that was taken.
    pub(crate) fn values(&self) -> Vec<Value> {
        let taken = self
            .calls()
            .into_iter()
            .filter(|call| call.answered / 100 == 2);
        taken
            .map(|call| call.json["entry"][0]["changes"][0]["value"].clone())
            .collect()
    }
}

async fn handshake(Query(query): Query<HashMap<String, String>>) -> (StatusCode, String) {
    let right = query
        .get("hub.verify_token")
        .is_some_and(|token| token == "verify-token");
    match query.get("hub.challenge") {
        Some(challenge) if right => (StatusCode::OK, challenge.clone()),
        Some(_) | None => (StatusCode::FORBIDDEN, String::new()),
    }
}

async fn take(State(receiver): State<Receiver>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let inner = &receiver.inner;
    let answered = inner.answer.load(Ordering::SeqCst);
    let header = headers
        .get("x-hub-signature-256")
        .and_then(|value| value.to_str().ok());
    let signed = header == Some(&holdline_sim::meta_signature(&inner.secret, &body));
    let json = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let call = Call {
        json,
        answered,
        signed,
    };
    inner.calls.lock().expect("no panic").push(call);
    StatusCode::from_u16(answered).expect("a status")
}
