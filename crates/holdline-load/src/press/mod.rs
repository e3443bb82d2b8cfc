//! As fast as the connections bear: each has one request under way, and sends the next as soon as
//! the answer has come. Runs on one thread of its own and reads no more of an answer than it must,
//! since it shares the processor with what it measures. For a fixed rate see `offer`.

mod lane;
mod template;

pub(crate) use lane::RawLane;
pub(crate) use template::Template;

use anyhow::Context as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

/// Longest time for all of it.
const WHOLE_MAX: Duration = Duration::from_secs(900);
/// Tries of one request before it is given up, and the pause between them.
const TRIES_MAX: u32 = 100;
const AGAIN: Duration = Duration::from_millis(50);

#[derive(Clone, Copy, Debug)]
pub(crate) struct Press {
    pub(crate) connections: usize,
    /// Number of the first request.
    pub(crate) first: u64,
    pub(crate) total: u64,
}

/// What the requests are: whole, with their heads.
pub(crate) trait Write: Send + Sync + 'static {
    fn write(&self, number: u64, to: &mut Vec<u8>);
}

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Pressed {
    pub(crate) took: Duration,
    /// Of those answered 2xx, sorted.
    latencies_us: Vec<u32>,
    /// Answers other than 2xx, and answers that did not come; each was asked again.
    pub(crate) refused: u64,
    first_refusal: Option<String>,
}

impl Pressed {
    pub(crate) fn rate_per_s(&self) -> f64 {
        self.latencies_us.len() as f64 / self.took.as_secs_f64()
    }

    pub(crate) fn latency_ms(&self, quantile: f64) -> f64 {
        let last = self.latencies_us.len().saturating_sub(1);
        let at = (last as f64 * quantile).ceil() as usize;
        self.latencies_us
            .get(at)
            .map_or(f64::NAN, |us| f64::from(*us) / 1_000.0)
    }

    fn refuse(&mut self, what: String) {
        self.refused += 1;
        self.first_refusal.get_or_insert(what);
    }

    fn add(&mut self, part: Self) {
        self.latencies_us.extend(part.latencies_us);
        self.refused += part.refused;
        if self.first_refusal.is_none() {
            self.first_refusal = part.first_refusal;
        }
    }
}

/// Sends all of it; an error when one of them was never taken.
pub(crate) async fn press(
    order: Press,
    server: SocketAddr,
    ask: Arc<dyn Write>,
) -> anyhow::Result<Pressed> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let whole = async move {
        let all = timeout(WHOLE_MAX, all(order, server, ask)).await;
        all.with_context(|| format!("not all was taken in {WHOLE_MAX:?}"))
            .flatten()
    };
    let pressed = tokio::task::spawn_blocking(move || runtime.block_on(whole)).await??;
    let taken = pressed.latencies_us.len() as u64;
    anyhow::ensure!(
        taken == order.total,
        "{taken} of {} were taken: {}",
        order.total,
        pressed.first_refusal.unwrap_or_default()
    );
    Ok(pressed)
}

async fn all(order: Press, server: SocketAddr, ask: Arc<dyn Write>) -> anyhow::Result<Pressed> {
    let begun = Instant::now();
    let next = Arc::new(AtomicU64::new(0));
    let mut connections = JoinSet::new();
    for _ in 0..order.connections {
        let (ask, next) = (Arc::clone(&ask), Arc::clone(&next));
        connections.spawn(converse(order, server, ask, next));
    }
    let mut whole = Pressed::default();
    while let Some(part) = connections.join_next().await {
        whole.add(part?);
    }
    whole.took = begun.elapsed();
    whole.latencies_us.sort_unstable();
    Ok(whole)
}

async fn converse(
    order: Press,
    server: SocketAddr,
    ask: Arc<dyn Write>,
    next: Arc<AtomicU64>,
) -> Pressed {
    let mut lane = RawLane::new(server);
    let mut request = Vec::with_capacity(1_024);
    let mut part = Pressed::default();
    loop {
        let place = next.fetch_add(1, Ordering::Relaxed);
        if place >= order.total {
            return part;
        }
        request.clear();
        ask.write(order.first + place, &mut request);
        if !until_taken(&mut lane, &request, &mut part).await {
            return part;
        }
    }
}

/// Latency counts from the last try, as 429 and 503 are no answers to be measured.
async fn until_taken(lane: &mut RawLane, request: &[u8], part: &mut Pressed) -> bool {
    for _ in 0..TRIES_MAX {
        let begun = Instant::now();
        match lane.exchange(request).await {
            Ok(200..=299) => {
                let us = u32::try_from(begun.elapsed().as_micros());
                part.latencies_us.push(us.unwrap_or(u32::MAX));
                return true;
            }
            Ok(status) => part.refuse(format!("{status}: {}", lane.body())),
            Err(error) => part.refuse(format!("{error:#}")),
        }
        sleep(AGAIN).await;
    }
    false
}

#[cfg(test)]
mod tests;
