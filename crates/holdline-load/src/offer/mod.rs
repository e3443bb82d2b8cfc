//! Offers requests at a fixed rate, whatever the server does: each has a time at which it is due,
//! and its latency counts from then, so that a server that stalls cannot hide the wait of those
//! behind (no coordinated omission). Bounded: as many under way as there are lanes.

mod lane;

pub(crate) use lane::{Lane, call, get_json, post};

use bytes::Bytes;
use hdrhistogram::Histogram;
use http::{Request, StatusCode};
use http_body_util::Full;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

/// Longest time that a latency is told for.
const LATENCY_MAX_US: u64 = 600_000_000;
/// Tries of one request before it is given up.
const TRIES_MAX: u32 = 100;
const AGAIN_MS: u64 = 100;
/// Longest wait that a `Retry-After` is obeyed for.
const AGAIN_MS_MAX: u64 = 2_000;

/// What is offered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Order {
    /// Infinite: as fast as the lanes bear it.
    pub(crate) rate_per_s: f64,
    pub(crate) total: u64,
    /// Keep-alive connections, each with one request under way.
    pub(crate) lanes: usize,
    /// Number of the first request.
    pub(crate) first: u64,
}

/// What the requests are.
pub(crate) trait Ask: Send + Sync + 'static {
    fn request(&self, number: u64) -> Request<Full<Bytes>>;
    fn accepted(&self, number: u64, body: &[u8]);
}

/// What came of it; to be read at any time.
#[derive(Debug)]
pub(crate) struct Tally {
    next: AtomicU64,
    /// Answered 2xx.
    pub(crate) accepted: AtomicU64,
    /// Answers 429 and 503, each asked again.
    pub(crate) refused: AtomicU64,
    /// No answer, or one that is neither; asked again as well.
    pub(crate) errors: AtomicU64,
    pub(crate) given_up: AtomicU64,
    first_error: Mutex<Option<String>>,
    latency_us: Mutex<Histogram<u64>>,
}

impl Tally {
    pub(crate) fn new() -> anyhow::Result<Arc<Self>> {
        Ok(Arc::new(Self {
            next: AtomicU64::new(0),
            accepted: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            errors: AtomicU64::new(0),
            given_up: AtomicU64::new(0),
            first_error: Mutex::default(),
            latency_us: Mutex::new(Histogram::new_with_max(LATENCY_MAX_US, 3)?),
        }))
    }

    pub(crate) fn first_error(&self) -> String {
        lock(&self.first_error).clone().unwrap_or_default()
    }

    /// In milliseconds, from when it was due to its acceptance.
    pub(crate) fn latency_ms(&self, quantile: f64) -> f64 {
        lock(&self.latency_us).value_at_quantile(quantile) as f64 / 1_000.0
    }

    pub(crate) fn count(counter: &AtomicU64) -> f64 {
        counter.load(Ordering::Relaxed) as f64
    }

    fn wrong(&self, what: impl FnOnce() -> String) {
        add(&self.errors);
        lock(&self.first_error).get_or_insert_with(what);
    }
}

/// Offers all of it and waits for the last answer.
pub(crate) async fn offer<A: Ask>(
    order: Order,
    server: SocketAddr,
    ask: Arc<A>,
    tally: Arc<Tally>,
) -> anyhow::Result<()> {
    let begin = Instant::now();
    let mut lanes = JoinSet::new();
    for _ in 0..order.lanes {
        let (ask, tally) = (Arc::clone(&ask), Arc::clone(&tally));
        lanes.spawn(async move {
            let mut lane = Lane::new(server);
            loop {
                let place = tally.next.fetch_add(1, Ordering::Relaxed);
                if place >= order.total {
                    return;
                }
                let due = due(begin, place, order.rate_per_s);
                sleep_until(due).await;
                one(&mut lane, order.first + place, due, &*ask, &tally).await;
            }
        });
    }
    while let Some(ended) = lanes.join_next().await {
        ended?;
    }
    Ok(())
}

fn due(begin: Instant, place: u64, rate_per_s: f64) -> Instant {
    if rate_per_s.is_finite() {
        begin + Duration::from_secs_f64(place as f64 / rate_per_s)
    } else {
        Instant::now()
    }
}

/// One request until it is accepted, like an app that asks again with the same key.
async fn one<A: Ask>(lane: &mut Lane, number: u64, due: Instant, ask: &A, tally: &Tally) {
    for _ in 0..TRIES_MAX {
        let wait_ms = match lane.send(ask.request(number)).await {
            Ok(answer) if answer.status.is_success() => {
                add(&tally.accepted);
                let waited = u64::try_from(due.elapsed().as_micros()).unwrap_or(LATENCY_MAX_US);
                lock(&tally.latency_us).saturating_record(waited.max(1));
                return ask.accepted(number, &answer.body);
            }
            Ok(answer) if is_refusal(answer.status) => {
                add(&tally.refused);
                answer.retry_after_ms.unwrap_or(AGAIN_MS)
            }
            Ok(answer) => {
                let text = String::from_utf8_lossy(&answer.body).into_owned();
                tally.wrong(|| format!("{}: {text}", answer.status));
                AGAIN_MS
            }
            Err(error) => {
                tally.wrong(|| format!("{error:#}"));
                AGAIN_MS
            }
        };
        sleep(Duration::from_millis(wait_ms.min(AGAIN_MS_MAX))).await;
    }
    add(&tally.given_up);
}

fn is_refusal(status: StatusCode) -> bool {
    status == StatusCode::TOO_MANY_REQUESTS || status == StatusCode::SERVICE_UNAVAILABLE
}

fn add(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
