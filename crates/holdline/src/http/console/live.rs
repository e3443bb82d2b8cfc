//! One stream for whoever looks: each line of the log of what happened, by its number, so that a
//! reader who was away gets what was missed; and hints that some part of a page is old.

use super::access::Signed;
use crate::http::state::AppState;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, header};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream::{self, Stream};
use holdline_engine::ports::records::ActivityRecord;
use serde::Deserialize;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

/// Streams at a time; further ones get 503, and their pages say that they do not follow.
const LOOKERS_MAX: usize = 256;
/// How often it is seen whether something changed.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// A sign of life on a quiet stream, and a look whether its session is still good.
const ALIVE_EVERY: Duration = Duration::from_secs(15);
/// Lines that a reader who was away gets at most, the newest; the page shows those before.
const MISSED_MAX: usize = 200;
/// Lines that are read at a time.
const LINES: usize = 100;
/// The log of a reader who names no line begins with the newest.
const NEWEST: usize = 1;

/// What a part of a page is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Topic {
    Overview,
    Messages,
    Outages,
}

impl Topic {
    const ALL: [Self; 3] = [Self::Overview, Self::Messages, Self::Outages];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Overview => "overview",
            Self::Messages => "messages",
            Self::Outages => "outages",
        }
    }
}

/// A stamp for each topic, which differs when it changed, and the newest line of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Pulse {
    stamps: [u64; 3],
    seq: i64,
}

/// Sees what changes, once for all who look.
#[derive(Debug)]
pub(crate) struct Hub {
    pulse: watch::Sender<Pulse>,
    lookers: Arc<AtomicUsize>,
}

impl Default for Hub {
    fn default() -> Self {
        Self {
            pulse: watch::Sender::new(Pulse::default()),
            lookers: Arc::default(),
        }
    }
}

impl Hub {
    /// Runs until the server stops; then every stream ends.
    pub(crate) async fn run(state: AppState, mut shutdown: watch::Receiver<bool>) {
        let hub = &state.console.hub;
        loop {
            if hub.lookers.load(Ordering::Relaxed) > 0 {
                let known = *hub.pulse.borrow();
                let seq = newest_after(&state, known.seq).await;
                let pulse = Pulse {
                    stamps: stamps(&state, seq),
                    seq,
                };
                hub.pulse.send_if_modified(|last| {
                    let is_news = *last != pulse;
                    *last = pulse;
                    is_news
                });
            }
            tokio::select! {
                () = sleep(LOOK_EVERY) => {}
                _ = shutdown.wait_for(|stops| *stops) => break,
            }
        }
        // No stream waits for more.
        hub.pulse.send_modify(|pulse| pulse.seq = i64::MAX);
    }
}

/// Counts as one who looks, as long as it lives.
struct Looker(Arc<AtomicUsize>);

impl Looker {
    fn new(hub: &Hub) -> Option<Self> {
        let looker = Self(Arc::clone(&hub.lookers));
        let before = looker.0.fetch_add(1, Ordering::Relaxed);
        (before < LOOKERS_MAX).then_some(looker)
    }
}

impl Drop for Looker {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[derive(Deserialize)]
pub(super) struct From {
    /// The last line that the reader has seen.
    after: Option<i64>,
}

struct Reader {
    state: AppState,
    signed: Signed,
    pulse: watch::Receiver<Pulse>,
    seen: Pulse,
    ready: VecDeque<Event>,
    checked_at: Instant,
    ended: bool,
    _looker: Looker,
}

pub(super) async fn stream(
    State(state): State<AppState>,
    signed: Signed,
    Query(from): Query<From>,
    headers: HeaderMap,
) -> Response {
    let Some(looker) = Looker::new(&state.console.hub) else {
        // An answer that a script can tell from a server that is away.
        let full = stream::iter([Ok::<_, Infallible>(
            Event::default().event("full").data("full"),
        )]);
        return Sse::new(full).into_response();
    };
    let last = headers.get("last-event-id").and_then(|it| it.to_str().ok());
    let last = last.and_then(|it| it.parse().ok());
    let newest = newest(&state).await;
    let seq = last.or(from.after).unwrap_or(newest);
    // A line that is not there yet is of another database, from before a restore.
    let seq = if seq > newest { newest } else { seq };
    let seq = seq.max(newest.saturating_sub(MISSED_MAX as i64));
    let pulse = state.console.hub.pulse.subscribe();
    let seen = Pulse {
        stamps: [0; 3],
        seq,
    };
    let mut ready = VecDeque::new();
    ready.push_back(Event::default().comment("welcome").retry(ALIVE_EVERY));
    let reader = Reader {
        state,
        signed,
        pulse,
        seen,
        ready,
        checked_at: Instant::now(),
        ended: false,
        _looker: looker,
    };
    let mut answer = Sse::new(events(reader)).into_response();
    let no = header::HeaderValue::from_static("no");
    // Proxies that gather answers must pass these on at once.
    answer.headers_mut().insert("x-accel-buffering", no);
    answer
}

fn events(reader: Reader) -> impl Stream<Item = Result<Event, Infallible>> {
    stream::unfold(reader, |mut reader| async move {
        let event = reader.next().await?;
        Some((Ok(event), reader))
    })
}

impl Reader {
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            if self.ended {
                return None;
            }
            self.look().await;
            if !self.ready.is_empty() || self.ended {
                continue;
            }
            match timeout(ALIVE_EVERY, self.pulse.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => self.ended = true,
                Err(_) => self
                    .ready
                    .push_back(Event::default().event("alive").data("alive")),
            }
        }
    }

    /// Takes up what has changed since the last look.
    async fn look(&mut self) {
        if self.checked_at.elapsed() >= ALIVE_EVERY {
            self.checked_at = Instant::now();
            self.ended = !self.still_signed().await;
        }
        let pulse = *self.pulse.borrow_and_update();
        if pulse.seq == i64::MAX {
            self.ended = true;
        }
        if self.ended {
            return;
        }
        if pulse.seq > self.seen.seq {
            self.take_lines().await;
        }
        let news = Topic::ALL
            .into_iter()
            .zip(pulse.stamps.iter().zip(self.seen.stamps));
        let news = news.filter(|(_, (now, seen))| **now != *seen);
        let names: Vec<&str> = news.map(|(topic, _)| topic.name()).collect();
        self.seen.stamps = pulse.stamps;
        if !names.is_empty() {
            let event = Event::default().event("changed").data(names.join(" "));
            self.ready.push_back(event);
        }
    }

    /// What cannot be read now is read at the next look: the line is remembered, not the look.
    async fn take_lines(&mut self) {
        let store = self.state.engine.store();
        let found = store.activity(Some(self.seen.seq), LINES).await;
        for line in found.unwrap_or_default() {
            self.seen.seq = line.seq;
            self.ready.push_back(event_of(&line));
        }
    }

    async fn still_signed(&self) -> bool {
        let store = self.state.engine.store();
        match store.session(&self.signed.session.hash).await {
            Ok(session) => session.is_some_and(|it| {
                let idle_ms = self.state.config.console.session_idle_ms();
                let now = self.state.engine.now();
                it.expires_at > now && now.since_ms(it.seen_at) <= idle_ms
            }),
            // A store that is away says nothing about sessions.
            Err(_) => true,
        }
    }
}

fn event_of(line: &ActivityRecord) -> Event {
    let activity = &line.activity;
    let data = serde_json::json!({
        "seq": line.seq,
        "kind": activity.kind.name(),
        "subject": activity.subject,
        "words": activity.words,
    });
    Event::default()
        .event("activity")
        .id(line.seq.to_string())
        .data(data.to_string())
}

/// The newest line; 0 when there is none, or the store does not answer.
pub(super) async fn newest(state: &AppState) -> i64 {
    let found = state.engine.store().activity(None, NEWEST).await;
    let found = found.unwrap_or_default();
    found.last().map_or(0, |line| line.seq)
}

async fn newest_after(state: &AppState, known: i64) -> i64 {
    newest(state).await.max(known)
}

fn stamps(state: &AppState, seq: i64) -> [u64; 3] {
    let hash = |write: &dyn Fn(&mut DefaultHasher)| {
        let mut hasher = DefaultHasher::new();
        write(&mut hasher);
        hasher.finish()
    };
    let (routes, totals) = (state.engine.routes(), state.engine.totals());
    let counts = state.engine.counts();
    let overview = hash(&|to| {
        seq.hash(to);
        for route in &routes {
            (route.health.name(), route.since, &route.reason).hash(to);
            (route.waits, route.in_flight, route.oldest_waiting_at).hash(to);
            route
                .hold
                .as_ref()
                .map(|it| (it.kind.name(), &it.reason))
                .hash(to);
        }
        (
            totals.waiting,
            totals.in_flight,
            totals.in_doubt,
            totals.placed,
        )
            .hash(to);
    });
    let messages = hash(&|to| {
        (
            counts.accepted,
            counts.failovers,
            &counts.attempts,
            &counts.inbound,
        )
            .hash(to);
        (
            totals.waiting,
            totals.in_flight,
            totals.in_doubt,
            totals.placed,
        )
            .hash(to);
    });
    let outages = hash(&|to| {
        for route in &routes {
            (route.health.name(), route.since, &route.reason).hash(to);
        }
        counts.failovers.hash(to);
    });
    [overview, messages, outages]
}
