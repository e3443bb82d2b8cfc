//! Posts events to apps: at least once, in order per message or person, with growing gaps for
//! seven days. Durable: an event is a row until its endpoint has taken it.

use crate::ports::hook::HookOutcome;
use crate::ports::ops::Op;
use crate::ports::records::{EndpointRecord, HookRecord};
use crate::shared::Shared;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use holdline_core::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Rows looked at for due events in one read.
const PAGE: usize = 512;
/// The loop looks at the store at least this often.
const LOOK_MS_MAX: u64 = 5_000;

/// To be run by one task.
pub struct PostLoop {
    shared: Arc<Shared>,
    under_way: BTreeSet<i64>,
    by_endpoint: BTreeMap<String, usize>,
}

impl std::fmt::Debug for PostLoop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostLoop").finish_non_exhaustive()
    }
}

impl PostLoop {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            under_way: BTreeSet::new(),
            by_endpoint: BTreeMap::new(),
        }
    }

    /// Runs until the engine stops; what is under way then is posted again after the restart.
    ///
    /// Posts are polled in every wait: one that was handed a connection of the store while nobody
    /// polls it would keep it from everybody else.
    pub async fn run(mut self) {
        let mut posts: FuturesUnordered<PostFuture> = FuturesUnordered::new();
        while !self.shared.stop.is_stopped() {
            let shared = Arc::clone(&self.shared);
            let full = self.full_endpoints();
            let mut look = std::pin::pin!(look(shared, full, PAGE + self.under_way.len()));
            let mut done = Vec::new();
            let (due, wake_at) = loop {
                tokio::select! {
                    biased;
                    looked = &mut look => break looked,
                    Some(ended) = posts.next(), if !posts.is_empty() => done.push(ended),
                }
            };
            due.into_iter().for_each(|hook| self.start(hook, &posts));
            // Only now: the look may have begun before the end of a post was saved.
            let freed = !done.is_empty();
            done.into_iter()
                .for_each(|(seq, endpoint)| self.ended(seq, &endpoint));
            if freed {
                continue;
            }
            let clock = Arc::clone(&self.shared.clock);
            tokio::select! {
                biased;
                () = self.shared.stop.stopped() => return,
                Some((seq, endpoint)) = posts.next(), if !posts.is_empty() => {
                    self.ended(seq, &endpoint);
                }
                () = self.shared.hooks_wake.notified() => {}
                () = clock.sleep_until(wake_at) => {}
            }
            while let Some(Some((seq, endpoint))) = posts.next().now_or_never() {
                self.ended(seq, &endpoint);
            }
        }
    }

    /// Endpoints with as many posts under way as one may have: they must not hide the others.
    fn full_endpoints(&self) -> Vec<String> {
        let max = self.shared.config.hooks.per_endpoint_max;
        let full = self.by_endpoint.iter().filter(|(_, count)| **count >= max);
        full.map(|(endpoint, _)| endpoint.clone()).collect()
    }

    /// Begins one post if it fits and is not under way.
    fn start(&mut self, hook: HookRecord, posts: &FuturesUnordered<PostFuture>) {
        let policy = &self.shared.config.hooks;
        let count = self.by_endpoint.entry(hook.endpoint.clone()).or_default();
        let full = self.under_way.len() >= policy.in_flight_max;
        if full || *count >= policy.per_endpoint_max || self.under_way.contains(&hook.seq) {
            return;
        }
        *count += 1;
        self.under_way.insert(hook.seq);
        posts.push(Box::pin(post(Arc::clone(&self.shared), hook)));
    }

    fn ended(&mut self, seq: i64, endpoint: &str) {
        self.under_way.remove(&seq);
        if let Some(count) = self.by_endpoint.get_mut(endpoint) {
            *count = count.saturating_sub(1);
        }
    }
}

/// What is due, and when to look again.
async fn look(
    shared: Arc<Shared>,
    full: Vec<String>,
    limit: usize,
) -> (Vec<HookRecord>, Timestamp) {
    let now = shared.clock.now();
    let latest = now.plus_ms(LOOK_MS_MAX);
    let due = match shared
        .store
        .hooks_due(shared.owned(), now, &full, limit)
        .await
    {
        Ok(due) => due,
        Err(error) => {
            tracing::error!(%error, "events for apps could not be read; tried again");
            return (Vec::new(), now.plus_ms(1_000));
        }
    };
    let next = shared
        .store
        .hooks_next_due(shared.owned())
        .await
        .ok()
        .flatten();
    (
        due,
        next.filter(|at| *at > now).unwrap_or(latest).min(latest),
    )
}

type PostFuture = std::pin::Pin<Box<dyn Future<Output = (i64, String)> + Send>>;

/// One post, and what its outcome writes.
async fn post(shared: Arc<Shared>, hook: HookRecord) -> (i64, String) {
    let op = outcome_op(&shared, &hook).await;
    while let Err(error) = shared.batcher.commit(vec![op.clone()]).await {
        if shared.stop.is_stopped() {
            break;
        }
        tracing::error!(%error, "the outcome of a post to an app could not be kept; tried again");
        let now = shared.clock.now();
        shared.clock.sleep_until(now.plus_ms(1_000)).await;
    }
    (hook.seq, hook.endpoint)
}

async fn outcome_op(shared: &Shared, hook: &HookRecord) -> Op {
    let now = shared.clock.now();
    let Some(endpoint) = shared.endpoints.get(&hook.endpoint) else {
        shared.counts.hook("dropped");
        let error = String::from("the endpoint was removed");
        return Op::HookDropped {
            seq: hook.seq,
            at: now,
            error,
        };
    };
    match try_post(shared, &endpoint, hook).await {
        HookOutcome::Taken => {
            shared.counts.hook("taken");
            Op::HookDone(hook.seq)
        }
        HookOutcome::Refused(error) => after_refusal(shared, hook, error),
    }
}

async fn try_post(shared: &Shared, endpoint: &EndpointRecord, hook: &HookRecord) -> HookOutcome {
    match shared.renderer.render(endpoint, hook).await {
        Ok(Some(rendered)) => {
            shared
                .hook
                .post(&endpoint.url, &rendered.headers, rendered.body)
                .await
        }
        Ok(None) => HookOutcome::Taken,
        Err(error) => HookOutcome::Refused(format!("could not be rendered: {error}")),
    }
}

/// Growing gaps: doubled each time, the second half of each drawn, up to the limit.
fn after_refusal(shared: &Shared, hook: &HookRecord, error: String) -> Op {
    let now = shared.clock.now();
    let policy = &shared.config.hooks;
    if now.since_ms(hook.created_at) >= policy.give_up_ms {
        shared.counts.hook("dropped");
        tracing::warn!(seq = hook.seq, %error, "an event was given up after seven days");
        return Op::HookDropped {
            seq: hook.seq,
            at: now,
            error,
        };
    }
    shared.counts.hook("retried");
    let doubled = policy.first_gap_ms.saturating_mul(1 << hook.tries.min(30));
    let gap = doubled.min(policy.gap_max_ms).max(2);
    let due_at = now.plus_ms(gap / 2 + shared.ids.draw() % (gap / 2));
    Op::HookRetry {
        seq: hook.seq,
        due_at,
        tries: hook.tries + 1,
        error,
    }
}
