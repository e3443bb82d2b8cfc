//! Posts events to apps: at least once, in order per message or person, with growing gaps for
//! seven days. Durable: an event is a row until its endpoint has taken it.

use crate::ports::Partition;
use crate::ports::hook::HookOutcome;
use crate::ports::ops::Op;
use crate::ports::records::{EndpointRecord, HookRecord};
use crate::shared::Shared;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use holdline_core::Timestamp;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// Rows looked at for due events in one read.
const PAGE: usize = 512;
/// Rows kept in memory; others wait in the store until some of these have been posted.
const KNOWN_MAX: usize = 16 * PAGE;
/// The loop looks at the store at least this often.
const LOOK_MS_MAX: u64 = 5_000;
/// Pause between two looks: what became due meanwhile is read together.
const LOOK_MS_MIN: u64 = 5;

/// To be run by one task.
pub struct PostLoop {
    shared: Arc<Shared>,
    endpoints: BTreeMap<String, Endpoint>,
    /// Rows that are due and known here: read, or being posted.
    known: BTreeSet<i64>,
    /// Rows whose post ended since the look at work began: it may show them as they were before.
    ended: BTreeSet<i64>,
    look: Look,
}

/// What is to be posted to one endpoint.
#[derive(Default)]
struct Endpoint {
    posting: usize,
    next: VecDeque<HookRecord>,
}

/// When the store is looked at.
enum Look {
    /// Not again before this.
    Wanted(Timestamp),
    AtWork,
    /// Unless something happens.
    At(Timestamp),
}

/// What ended.
enum Step {
    Posted {
        seq: i64,
        endpoint: String,
    },
    Looked {
        due: Vec<HookRecord>,
        wake_at: Timestamp,
    },
}

impl std::fmt::Debug for PostLoop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostLoop").finish_non_exhaustive()
    }
}

impl PostLoop {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let now = shared.clock.now();
        Self {
            shared,
            endpoints: BTreeMap::new(),
            known: BTreeSet::new(),
            ended: BTreeSet::new(),
            look: Look::Wanted(now),
        }
    }

    /// Runs until the engine stops; what is under way then is posted again after the restart.
    ///
    /// Posts are polled in every wait: one that was handed a connection of the store while nobody
    /// polls it would keep it from everybody else.
    pub async fn run(mut self) {
        let mut steps: FuturesUnordered<BoxFuture<'static, Step>> = FuturesUnordered::new();
        let shared = Arc::clone(&self.shared);
        let mut woken = false;
        loop {
            self.start_posts(&steps);
            let now = shared.clock.now();
            let until = match self.look {
                Look::Wanted(at) if at <= now => {
                    steps.push(self.begin_look());
                    now.plus_ms(LOOK_MS_MAX)
                }
                Look::Wanted(at) | Look::At(at) => at,
                Look::AtWork => now.plus_ms(LOOK_MS_MAX),
            };
            tokio::select! {
                biased;
                () = shared.stop.stopped() => return,
                Some(step) = steps.next(), if !steps.is_empty() => self.take(step),
                () = shared.hooks_wake.notified() => woken = true,
                () = shared.clock.sleep_until(until) => woken |= matches!(self.look, Look::At(_)),
            }
            while let Some(Some(step)) = steps.next().now_or_never() {
                self.take(step);
            }
            // While one is at work: it may not see what the store got since it began.
            if woken && !matches!(self.look, Look::AtWork) {
                woken = false;
                self.want_look();
            }
        }
    }

    fn want_look(&mut self) {
        if let Look::At(_) = self.look {
            let now = self.shared.clock.now();
            self.look = Look::Wanted(now.plus_ms(LOOK_MS_MIN));
        }
    }

    fn begin_look(&mut self) -> BoxFuture<'static, Step> {
        self.look = Look::AtWork;
        // An endpoint that has something to do must not hide the others.
        let max = self.shared.config.hooks.per_endpoint_max;
        let is_busy = |it: &Endpoint| !it.next.is_empty() || it.posting >= max;
        let (busy, free): (Vec<_>, Vec<_>) = self.endpoints.iter().partition(|(_, it)| is_busy(it));
        let limit = PAGE + free.iter().map(|(_, it)| it.posting).sum::<usize>();
        let busy = busy.into_iter().map(|(name, _)| name.clone()).collect();
        Box::pin(look(Arc::clone(&self.shared), busy, limit))
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Looked { due, wake_at } => {
                self.look = Look::At(wake_at);
                let ended = std::mem::take(&mut self.ended);
                for hook in due.into_iter().filter(|hook| !ended.contains(&hook.seq)) {
                    if self.known.len() < KNOWN_MAX && self.known.insert(hook.seq) {
                        let endpoint = self.endpoints.entry(hook.endpoint.clone()).or_default();
                        endpoint.next.push_back(hook);
                    }
                }
                if !ended.is_empty() {
                    self.want_look();
                }
            }
            Step::Posted { seq, endpoint } => {
                self.known.remove(&seq);
                if matches!(self.look, Look::AtWork) {
                    self.ended.insert(seq);
                }
                if let Some(it) = self.endpoints.get_mut(&endpoint) {
                    it.posting -= 1;
                    if it.next.is_empty() {
                        self.want_look();
                    }
                }
            }
        }
    }

    /// As many as may be under way, the oldest first.
    fn start_posts(&mut self, steps: &FuturesUnordered<BoxFuture<'static, Step>>) {
        let policy = &self.shared.config.hooks;
        let posting: usize = self.endpoints.values().map(|it| it.posting).sum();
        for _ in posting..policy.in_flight_max {
            let free = self.endpoints.values_mut();
            let free = free.filter(|it| it.posting < policy.per_endpoint_max);
            let first = free.filter_map(|it| Some((it.next.front()?.seq, it)));
            let Some((_, endpoint)) = first.min_by_key(|(seq, _)| *seq) else {
                break;
            };
            let Some(hook) = endpoint.next.pop_front() else {
                break;
            };
            // Whoever drives the partition now posts it.
            if self.shared.owns(Partition::of(hook.subject)) {
                endpoint.posting += 1;
                steps.push(Box::pin(post(Arc::clone(&self.shared), hook)));
            } else {
                self.known.remove(&hook.seq);
            }
        }
        self.endpoints
            .retain(|_, it| it.posting > 0 || !it.next.is_empty());
    }
}

/// What is due, and when to look again.
async fn look(shared: Arc<Shared>, busy: Vec<String>, limit: usize) -> Step {
    let now = shared.clock.now();
    let latest = now.plus_ms(LOOK_MS_MAX);
    let owned = shared.owned();
    let (due, wake_at) = match shared.store.hooks_due(owned, now, &busy, limit).await {
        // The next is looked for when they have ended.
        Ok(due) if !due.is_empty() => (due, latest),
        Ok(none) => {
            let next = shared.store.hooks_next_due(owned).await.ok().flatten();
            let next = next.filter(|at| *at > now).unwrap_or(latest);
            (none, next.min(latest))
        }
        Err(error) => {
            tracing::error!(%error, "events for apps could not be read; tried again");
            (Vec::new(), now.plus_ms(1_000))
        }
    };
    Step::Looked { due, wake_at }
}

/// One post, and what its outcome writes.
async fn post(shared: Arc<Shared>, hook: HookRecord) -> Step {
    let op = outcome_op(&shared, &hook).await;
    while let Err(error) = shared.batcher.commit(vec![op.clone()]).await {
        if shared.stop.is_stopped() {
            break;
        }
        tracing::error!(%error, "the outcome of a post to an app could not be kept; tried again");
        let now = shared.clock.now();
        shared.clock.sleep_until(now.plus_ms(1_000)).await;
    }
    Step::Posted {
        seq: hook.seq,
        endpoint: hook.endpoint,
    }
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
            let posted_at = shared.clock.now();
            let post = shared
                .hook
                .post(&endpoint.url, &rendered.headers, rendered.body);
            let outcome = post.await;
            if outcome == HookOutcome::Taken {
                shared.taken.add(hook, posted_at, shared.clock.now());
            }
            outcome
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
