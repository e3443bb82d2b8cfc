//! The demo's app: sends by the Cloud API as any app would, and receives its webhooks. Knows
//! nothing of Holdline but the base URL.

use super::stage::{APP_SECRET, PEOPLE, PHONE_ID, Stage, number_of};
use anyhow::Context as _;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use holdline_channels::http::{Client, ClientConfig, Request};
use holdline_channels::whatsapp::signature;
use holdline_sim::samples;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use url::Url;

/// Requests of the app under way at a time.
const IN_FLIGHT_MAX: usize = 64;
/// Statuses after which an app expects nothing more.
const FINAL: [&str; 4] = ["sent", "delivered", "read", "failed"];

#[derive(Clone)]
pub(super) struct App {
    client: Client,
    url: Url,
    token: &'static str,
    seen: Arc<Mutex<Seen>>,
}

/// What the app knows.
#[derive(Default)]
pub(super) struct Seen {
    /// By marker: the id it was given, and when it asked.
    pub(super) accepted: BTreeMap<u32, (String, i64)>,
    pub(super) refused: u64,
    /// Best status by id.
    statuses: BTreeMap<String, String>,
    pub(super) bad_signatures: usize,
}

impl App {
    pub(super) async fn start(stage: &Stage) -> anyhow::Result<Self> {
        let client = Client::new(ClientConfig {
            in_flight_max: 128,
            ..ClientConfig::default()
        })?;
        let url = format!("{}/v23.0/{PHONE_ID}/messages", stage.url()).parse()?;
        let app = Self {
            client,
            url,
            token: stage.token(),
            seen: Arc::default(),
        };
        let listener = stage
            .webhooks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let listener = listener.context("the app's webhook address is taken")?;
        let router = Router::new()
            .route("/webhooks", post(receive))
            .with_state(app.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(app)
    }

    /// Sends `rate` messages a second for `duration`, evenly.
    pub(super) async fn stream(self, rate: u32, duration: Duration) -> anyhow::Result<()> {
        let slots = Arc::new(Semaphore::new(IN_FLIGHT_MAX));
        let begin = Instant::now();
        let total = (duration.as_secs_f64() * f64::from(rate)) as u32;
        let mut under_way = JoinSet::new();
        for marker in 0..total {
            sleep_until(begin + Duration::from_secs_f64(f64::from(marker) / f64::from(rate))).await;
            let slot = Arc::clone(&slots).acquire_owned().await?;
            let app = self.clone();
            under_way.spawn(async move {
                app.send(marker).await;
                drop(slot);
            });
            while under_way.try_join_next().is_some() {}
        }
        while under_way.join_next().await.is_some() {}
        Ok(())
    }

    pub(super) fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every accepted message has at least one status.
    pub(super) fn heard_of_all(&self) -> bool {
        let seen = self.seen();
        seen.accepted
            .values()
            .all(|(id, _)| seen.statuses.contains_key(id))
    }

    /// Ids in statuses that the app was never given.
    pub(super) fn strangers(&self) -> usize {
        let seen = self.seen();
        let given: BTreeSet<&String> = seen.accepted.values().map(|(id, _)| id).collect();
        seen.statuses
            .keys()
            .filter(|id| !given.contains(id))
            .count()
    }

    /// One request; an app that gets no answer or a 5xx asks again with the same key.
    async fn send(&self, marker: u32) {
        let asked_at = now_ms();
        for _ in 0..5 {
            let request = Request::post(self.url.clone(), "/{phone}/messages")
                .bearer(self.token)
                .header("idempotency-key", &format!("demo-{marker}"))
                .json(message(marker).to_string());
            if let Ok(response) = self.client.send(request).await
                && response.status == 200
                && let Some(id) = id_of(&response.body)
            {
                self.seen().accepted.insert(marker, (id, asked_at));
                return;
            }
        }
        self.seen().refused += 1;
    }

    fn take(&self, body: &[u8]) {
        let Ok(value) = serde_json::from_slice::<Value>(body) else {
            return;
        };
        let change = &value["entry"][0]["changes"][0]["value"];
        let Some(status) = change["statuses"][0]["status"].as_str() else {
            return;
        };
        let Some(id) = change["statuses"][0]["id"].as_str() else {
            return;
        };
        let mut seen = self.seen();
        let best = seen.statuses.get(id).map_or(0, |known| rank(known));
        if rank(status) >= best {
            seen.statuses.insert(id.to_owned(), status.to_owned());
        }
    }
}

fn rank(status: &str) -> usize {
    FINAL
        .iter()
        .position(|known| *known == status)
        .map_or(0, |at| at + 1)
}

async fn receive(State(app): State<App>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let header = headers
        .get("x-hub-signature-256")
        .and_then(|value| value.to_str().ok());
    if !header.is_some_and(|header| signature::verify(APP_SECRET.as_bytes(), &body, header)) {
        app.seen().bad_signatures += 1;
        return StatusCode::UNAUTHORIZED;
    }
    app.take(&body);
    StatusCode::OK
}

fn id_of(body: &[u8]) -> Option<String> {
    let value: Value = serde_json::from_slice(body).ok()?;
    value["messages"][0]["id"].as_str().map(str::to_owned)
}

/// A steady mix; every message carries its marker where a person would read it.
fn message(marker: u32) -> Value {
    let to = number_of(marker % PEOPLE);
    let mark = format!("#{marker:06}");
    let mut message = json!({"messaging_product": "whatsapp", "to": to});
    let content = match marker % 10 {
        0 | 1 => samples::template(&mark),
        2 => samples::buttons(&mark),
        3 => json!({"type": "image", "image": {
            "link": "https://example.com/parcel.jpg", "caption": format!("Your parcel {mark}")}}),
        4 => samples::location(&mark),
        _ => samples::text(&mark),
    };
    if let (Some(message), Value::Object(content)) = (message.as_object_mut(), content) {
        message.extend(content);
    }
    message
}

fn now_ms() -> i64 {
    use holdline_engine::ports::Clock as _;
    crate::clock::SystemClock.now().0
}
