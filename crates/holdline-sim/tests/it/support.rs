//! A running sandbox with a webhook receiver and clients, for the tests. Waits are for conditions,
//! with a limit.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use holdline_sim::config::SandboxConfig;
use holdline_sim::{LedgerRow, OutageId, OutageOrder, Sandbox};
use serde_json::{Value, json};

pub(crate) const PHONE: &str = "106540352242922";
pub(crate) const WABA: &str = "102290129340398";
pub(crate) const APP: &str = "670843887433847";
pub(crate) const TOKEN: &str = "sandbox-token";
pub(crate) const SID: &str = "AC0123456789abcdef0123456789abcdef";
const LIMIT: Duration = Duration::from_secs(20);

pub(crate) struct Bench {
    pub(crate) sandbox: Sandbox,
    pub(crate) receiver: Receiver,
    pub(crate) http: reqwest::Client,
}

/// Waits short and all alike, so that what is sent first arrives first.
pub(crate) fn quick() -> SandboxConfig {
    let mut config = SandboxConfig::default();
    config.timing.sigma = 0.0;
    config.timing.reply_ms = 0;
    config.timing.sent_ms = 5;
    config.timing.delivered_ms = 15;
    config.timing.read_ms = 10;
    config.timing.read_percent = 0;
    config.timing.sms_sent_ms = 5;
    config.timing.sms_delivered_ms = 15;
    config.timing.mail_ms = 5;
    config.timing.template_review_ms = 10;
    config.timing.release_spread_ms = 20;
    config.webhooks.retry_first_ms = 5;
    config.webhooks.retry_max_ms = 20;
    config
}

impl Bench {
    pub(crate) async fn start() -> Self {
        Self::with(quick()).await
    }

    pub(crate) async fn with(mut config: SandboxConfig) -> Self {
        let _already_there = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let receiver = Receiver::start().await;
        config.whatsapp.webhook_url = Some(receiver.url("/whatsapp"));
        config.sms.inbound_url = Some(receiver.url("/inbound"));
        let sandbox = Sandbox::start(config).await.unwrap();
        let http = reqwest::Client::builder().timeout(LIMIT).build().unwrap();
        Self {
            sandbox,
            receiver,
            http,
        }
    }

    pub(crate) fn graph(&self, path: &str) -> String {
        format!("{}/v23.0/{path}", self.sandbox.urls().whatsapp)
    }

    pub(crate) fn control(&self, path: &str) -> String {
        format!("{}/control/{path}", self.sandbox.urls().control)
    }

    pub(crate) fn outage(&self, profile: &str) -> OutageId {
        self.sandbox
            .start_outage(OutageOrder::new(profile))
            .unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        answer(self.http.get(self.graph(path)).bearer_auth(TOKEN)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        answer(
            self.http
                .post(self.graph(path))
                .bearer_auth(TOKEN)
                .json(body),
        )
        .await
    }

    pub(crate) async fn delete(&self, path: &str) -> (u16, Value) {
        answer(self.http.delete(self.graph(path)).bearer_auth(TOKEN)).await
    }

    pub(crate) async fn send(&self, body: &Value) -> (u16, Value) {
        self.post(&format!("{PHONE}/messages"), body).await
    }

    /// Sends a text by WhatsApp that must be accepted; returns its id.
    pub(crate) async fn text(&self, to: &str, text: &str) -> String {
        let (status, body) = self.send(&text_body(to, text)).await;
        assert_eq!(status, 200, "{body}");
        body["messages"][0]["id"].as_str().unwrap().to_owned()
    }

    pub(crate) fn sms_request(&self, form: &[(&str, &str)]) -> reqwest::RequestBuilder {
        let url = format!(
            "{}/2010-04-01/Accounts/{SID}/Messages.json",
            self.sandbox.urls().sms
        );
        self.http
            .post(url)
            .basic_auth(SID, Some("sandbox-auth-token"))
            .form(form)
    }

    pub(crate) async fn sms(&self, form: &[(&str, &str)]) -> (u16, Value) {
        answer(self.sms_request(form)).await
    }

    pub(crate) fn rows(&self) -> Vec<LedgerRow> {
        self.sandbox.ledger(0, 100_000)
    }

    pub(crate) fn texts(&self) -> Vec<String> {
        self.rows().into_iter().map(|row| row.text).collect()
    }

    pub(crate) async fn until_received(&self, text: &str) {
        until(&format!("{text} reaches a phone"), || {
            self.texts().iter().any(|t| t == text)
        })
        .await;
    }

    /// The statuses posted for a message, in order of arrival, once the wanted one is there.
    pub(crate) async fn statuses(&self, id: &str, last: &str) -> Vec<Value> {
        until(&format!("status {last}"), || {
            self.receiver
                .statuses(id)
                .iter()
                .any(|status| status["status"] == last)
        })
        .await;
        self.receiver.statuses(id)
    }
}

pub(crate) fn text_body(to: &str, text: &str) -> Value {
    json!({"messaging_product": "whatsapp", "to": to, "type": "text", "text": {"body": text}})
}

pub(crate) fn template_body(to: &str, name: &str, components: Value) -> Value {
    json!({
        "messaging_product": "whatsapp", "to": to, "type": "template",
        "template": {"name": name, "language": {"code": "en_US"}, "components": components}
    })
}

pub(crate) async fn answer(request: reqwest::RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let body = response.bytes().await.unwrap();
    (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

/// Waits for a condition; fails the test when it does not come true in time.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    until_told(what, async || holds()).await;
}

/// The same for what has to be asked.
pub(crate) async fn until_told(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let start = Instant::now();
    while !holds().await {
        assert!(start.elapsed() < LIMIT, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Whether a call stays unanswered for a while.
pub(crate) async fn hangs<T>(call: impl Future<Output = T>) -> bool {
    tokio::time::timeout(Duration::from_millis(300), call)
        .await
        .is_err()
}

/// A webhook post as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Hook {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) answered: u16,
}

impl Hook {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map(|value| value.to_str().unwrap())
            .unwrap_or_default()
    }

    /// Every value of every change of every entry.
    pub(crate) fn values(&self) -> Vec<Value> {
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        list(&self.json()["entry"])
            .iter()
            .flat_map(|entry| list(&entry["changes"]))
            .map(|change| change["value"].clone())
            .collect()
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Receiver {
    state: Arc<Mutex<ReceiverState>>,
    base: String,
}

#[derive(Debug, Default)]
struct ReceiverState {
    hooks: Vec<Hook>,
    /// Statuses to answer with first; 200 afterwards.
    answers: VecDeque<u16>,
}

impl Receiver {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(ReceiverState::default()));
        let router = Router::new()
            .route("/{*path}", get(handshake).post(take))
            .with_state(Arc::clone(&state));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { state, base }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    pub(crate) fn answer_with(&self, statuses: &[u16]) {
        self.state.lock().unwrap().answers.extend(statuses);
    }

    pub(crate) fn hooks(&self) -> Vec<Hook> {
        self.state.lock().unwrap().hooks.clone()
    }

    /// Statuses of a message in posts that were answered 200.
    pub(crate) fn statuses(&self, id: &str) -> Vec<Value> {
        let hooks = self.hooks();
        let good = hooks.iter().filter(|hook| hook.answered == 200);
        good.flat_map(Hook::values)
            .flat_map(|value| value["statuses"].as_array().cloned().unwrap_or_default())
            .filter(|status| status["id"] == id)
            .collect()
    }

    pub(crate) fn messages(&self) -> Vec<Value> {
        self.hooks()
            .iter()
            .flat_map(Hook::values)
            .flat_map(|value| value["messages"].as_array().cloned().unwrap_or_default())
            .collect()
    }

    /// Form posts to a path, as pairs.
    pub(crate) fn forms(&self, path: &str) -> Vec<Vec<(String, String)>> {
        let parse = |hook: &Hook| {
            let url = format!("http://x/?{}", String::from_utf8_lossy(&hook.body));
            reqwest::Url::parse(&url)
                .unwrap()
                .query_pairs()
                .into_owned()
                .collect()
        };
        self.hooks()
            .iter()
            .filter(|hook| hook.path.starts_with(path))
            .map(parse)
            .collect()
    }
}

async fn handshake(RawQuery(query): RawQuery) -> Response {
    let url = reqwest::Url::parse(&format!("http://x/?{}", query.unwrap_or_default())).unwrap();
    let of = |name: &str| {
        url.query_pairs()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    };
    let good = of("hub.mode").as_deref() == Some("subscribe")
        && of("hub.verify_token").as_deref() == Some("good-token");
    let challenge = of("hub.challenge").unwrap_or_default();
    if !good || !challenge.bytes().all(|byte| byte.is_ascii_digit()) {
        return StatusCode::FORBIDDEN.into_response();
    }
    challenge.into_response()
}

async fn take(
    State(state): State<Arc<Mutex<ReceiverState>>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let mut state = state.lock().unwrap();
    let answered = state.answers.pop_front().unwrap_or(200);
    state.hooks.push(Hook {
        path: uri.to_string(),
        headers,
        body,
        answered,
    });
    StatusCode::from_u16(answered).unwrap()
}
