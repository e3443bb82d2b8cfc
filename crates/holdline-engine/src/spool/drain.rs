//! Moves the spool into the store, page by page: each record by the ordinary intake, under the id
//! that was told. A record goes from the spool only after the commit of what it became; one that
//! comes again after a crash is found in the store. Stops at the first that the store did not take.

use super::record::{self, Asked, Entry};
use super::{Spooling, ended};
use crate::driver::event::{AcceptEvent, Event};
use crate::intake::{self, Prepared};
use crate::ports::ops::Op;
use crate::ports::records::RawInbound;
use crate::ports::spool::Spooled;
use crate::ports::{Group, Partition, StoreError};
use crate::request::{Accepted, Refusal};
use crate::shared::Shared;
use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt as _};
use holdline_core::{MessageId, Timestamp};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::sync::oneshot;

/// Records drained at a time, and people looked up at a time.
const PAGE: usize = 256;
const LOOKUPS: usize = 8;
/// The spool is looked at so often when nobody speaks of it.
const IDLE_MS: u64 = 1_000;
/// Pause after the store did not take something: doubled from the first to the last.
const PAUSE_FIRST_MS: u64 = 50;
const PAUSE_LAST_MS: u64 = 1_000;
/// Longest wait for a sign of the store.
const PROBE_MS: u64 = 2_000;
/// A record that a store which works does not take for so long is given up.
const STUCK_MS: u64 = 60_000;

/// To be run by one task; ends at once where there is no spool.
pub struct DrainLoop {
    shared: Arc<Shared>,
    /// The first record, since the store does not take it.
    stuck: Option<(u64, Timestamp)>,
}

impl std::fmt::Debug for DrainLoop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DrainLoop").finish_non_exhaustive()
    }
}

/// What became of a record.
enum Done {
    /// Of a message: its key is the store's to know from now on.
    Stored(Option<Box<Asked>>),
    /// It has to come again.
    Again(String),
}

/// What a record turned out to be.
enum Ready {
    Message(Box<Asked>, Box<Prepared>),
    Refused(Box<Asked>, Refusal),
    Webhook(RawInbound),
    Unreadable(Spooled),
    Not(String),
}

impl DrainLoop {
    pub(crate) fn new(shared: &Arc<Shared>) -> Self {
        Self {
            shared: Arc::clone(shared),
            stuck: None,
        }
    }

    /// Runs until the engine stops. What is left then is drained by the next run.
    pub async fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        let Some(spooling) = &shared.spooling else {
            return;
        };
        let mut pause_ms = PAUSE_FIRST_MS;
        while !shared.stop.is_stopped() {
            let is_idle = spooling.spool.size().records == 0 && !shared.storing.is_away();
            let wait_ms = if is_idle {
                IDLE_MS
            } else if self.drain_page(spooling).await {
                pause_ms = PAUSE_FIRST_MS;
                continue;
            } else {
                pause_ms = (pause_ms * 2).min(PAUSE_LAST_MS);
                pause_ms / 2
            };
            let until = shared.clock.now().plus_ms(wait_ms);
            let woken = async {
                match wait_ms {
                    IDLE_MS => spooling.wake.notified().await,
                    _ => std::future::pending().await,
                }
            };
            tokio::select! {
                () = woken => {}
                () = shared.clock.sleep_until(until) => {}
                () = shared.stop.stopped() => {}
            }
        }
    }

    /// False when it has to be tried again after a pause.
    async fn drain_page(&mut self, spooling: &Spooling) -> bool {
        if self.shared.storing.is_away() && !probe(&self.shared).await {
            return false;
        }
        let page = match spooling.spool.read(None, PAGE).await {
            Ok(page) => page,
            Err(error) => {
                tracing::error!(%error, "the spool cannot be read");
                return false;
            }
        };
        let places: Vec<u64> = page.iter().map(|spooled| spooled.place).collect();
        let ready = self.look(spooling, page).await;
        let mut under_way = Vec::with_capacity(ready.len());
        for one in ready {
            under_way.push(self.submit(spooling, one).await);
        }
        let done = join_all(under_way.into_iter().map(Work::end)).await;
        self.finish(spooling, &places, done).await
    }

    /// Reads the records and looks up people, in order; what follows one that could not be looked
    /// up waits with it.
    async fn look(&self, spooling: &Spooling, page: Vec<Spooled>) -> Vec<Ready> {
        let shared = &self.shared;
        let mut ready = Vec::with_capacity(page.len());
        let mut looking = stream::iter(page)
            .map(|spooled| ready_of(shared, spooled))
            .buffered(LOOKUPS);
        let mut oldest = None;
        while let Some((at, one)) = looking.next().await {
            oldest = oldest.or(at);
            let is_last = matches!(one, Ready::Not(_));
            ready.push(one);
            if is_last {
                break;
            }
        }
        if let Some(at) = oldest {
            spooling.oldest_at.store(at.0, Ordering::Relaxed);
        }
        ready
    }

    async fn submit(&self, spooling: &Spooling, ready: Ready) -> Work<'_> {
        let shared = &self.shared;
        match ready {
            Ready::Message(asked, prepared) => {
                let partition = Partition::of_contact(prepared.accept.message.contact);
                if !shared.owns(partition) {
                    return Work::Leave(shared, partition, asked, prepared);
                }
                let (reply, answer) = oneshot::channel();
                let event = Event::Accept(Box::new(AcceptEvent {
                    accept: prepared.accept,
                    before: prepared.before,
                    answer: prepared.answer,
                    reply,
                    may_be_known: true,
                }));
                // Where the driver has ended the answer says so.
                let _ = shared.mailbox.send(event).await;
                Work::Driver(shared, asked, answer)
            }
            Ready::Refused(asked, refusal) => Work::Refused(shared, asked, refusal),
            Ready::Webhook(raw) => Work::Webhook(shared, raw),
            Ready::Unreadable(spooled) => {
                tracing::error!(
                    place = spooled.place,
                    "a record of the spool cannot be read"
                );
                Work::Over(set_aside(spooling, &spooled).await)
            }
            Ready::Not(why) => Work::Over(Done::Again(why)),
        }
    }

    /// Takes what is done from the front of the spool.
    async fn finish(&mut self, spooling: &Spooling, places: &[u64], done: Vec<Done>) -> bool {
        let mut through = None;
        let mut count = 0;
        let mut halted = None;
        for (place, done) in places.iter().zip(done) {
            match done {
                Done::Stored(asked) => {
                    if let Some(asked) = asked {
                        spooling.note_stored(&asked);
                    }
                    through = Some(*place);
                    count += 1;
                }
                Done::Again(why) => {
                    halted = Some((*place, why));
                    break;
                }
            }
        }
        if let Some(through) = through {
            if let Err(error) = spooling.spool.drained(through).await {
                tracing::error!(%error, "what was drained cannot be taken from the spool");
                return false;
            }
            spooling.drained.fetch_add(count, Ordering::Relaxed);
            let left = spooling.spool.size().records;
            if left == 0 {
                spooling.oldest_at.store(i64::MAX, Ordering::Relaxed);
            }
            tracing::info!(
                drained = count,
                left,
                "records of the spool went into the store"
            );
        }
        match halted {
            None => true,
            Some((place, why)) => {
                tracing::warn!(
                    place,
                    why,
                    "the store does not take a record of the spool yet"
                );
                self.note_stuck(spooling, place).await
            }
        }
    }

    /// One record may not hold up all others for ever. True when it was given up.
    async fn note_stuck(&mut self, spooling: &Spooling, place: u64) -> bool {
        let now = self.shared.clock.now();
        let since = match self.stuck {
            Some((stuck, since)) if stuck == place => since,
            Some(_) | None => now,
        };
        self.stuck = Some((place, since));
        if self.shared.storing.is_away() || !probe(&self.shared).await {
            // Not the record's fault: its time begins when the store works.
            self.stuck = None;
            return false;
        }
        now.since_ms(since) >= STUCK_MS && self.give_up(spooling).await
    }

    async fn give_up(&mut self, spooling: &Spooling) -> bool {
        let Ok(mut first) = spooling.spool.read(None, 1).await else {
            return false;
        };
        let Some(spooled) = first.pop() else {
            return false;
        };
        let why = "the store does not take it, though it takes others";
        let done = match record::read(&spooled.record) {
            Some(Entry::Message(asked)) => {
                let refusal = Refusal::NoRoute(String::from(why));
                Work::Refused(&self.shared, asked, refusal).end().await
            }
            Some(Entry::Webhook(_)) | None => Done::Again(String::from(why)),
        };
        let done = match done {
            stored @ Done::Stored(_) => stored,
            Done::Again(_) => set_aside(spooling, &spooled).await,
        };
        match done {
            Done::Stored(_) => {
                tracing::error!(place = spooled.place, "a record of the spool was given up");
                spooling.spool.drained(spooled.place).await.is_ok()
            }
            Done::Again(_) => false,
        }
    }
}

/// Something handed in, whose end is waited for.
enum Work<'a> {
    Driver(
        &'a Arc<Shared>,
        Box<Asked>,
        oneshot::Receiver<Result<Accepted, Refusal>>,
    ),
    Leave(&'a Arc<Shared>, Partition, Box<Asked>, Box<Prepared>),
    Refused(&'a Arc<Shared>, Box<Asked>, Refusal),
    Webhook(&'a Arc<Shared>, RawInbound),
    Over(Done),
}

impl Work<'_> {
    async fn end(self) -> Done {
        match self {
            Self::Driver(shared, asked, answer) => {
                let answered = answer.await.unwrap_or_else(|_| Err(stopping()));
                judge(shared, asked, answered).await
            }
            Self::Leave(shared, partition, asked, prepared) => {
                let left = intake::leave_to(shared, partition, *prepared).await;
                judge(shared, asked, left).await
            }
            Self::Refused(shared, asked, refusal) => end_refused(shared, asked, &refusal).await,
            Self::Webhook(shared, raw) => keep_raw(shared, raw).await,
            Self::Over(done) => done,
        }
    }
}

async fn ready_of(shared: &Shared, spooled: Spooled) -> (Option<Timestamp>, Ready) {
    match record::read(&spooled.record) {
        Some(Entry::Message(asked)) => {
            let at = Some(asked.at);
            match intake::prepare(shared, &asked).await {
                Ok(prepared) => (at, Ready::Message(asked, Box::new(prepared))),
                Err(Refusal::Unavailable { why, .. }) => (at, Ready::Not(why)),
                Err(refusal) => (at, Ready::Refused(asked, refusal)),
            }
        }
        Some(Entry::Webhook(raw)) => (Some(raw.received_at), Ready::Webhook(raw)),
        None => (None, Ready::Unreadable(spooled)),
    }
}

/// What the intake's answer means for a message whose app has its answer already.
async fn judge(shared: &Shared, asked: Box<Asked>, answer: Result<Accepted, Refusal>) -> Done {
    match answer {
        Ok(accepted) if accepted.id == asked.id => Done::Stored(Some(asked)),
        Ok(accepted) => end_repeated(shared, asked, accepted.id).await,
        Err(Refusal::Unavailable { why, away, .. }) => {
            if away {
                shared
                    .storing
                    .failed(&StoreError::Unreachable(why.clone()), shared.clock.now());
            }
            Done::Again(why)
        }
        Err(refusal @ Refusal::Busy { .. }) => Done::Again(refusal.to_string()),
        Err(
            refusal @ (Refusal::KeyReused
            | Refusal::UnknownContact
            | Refusal::NoRoute(_)
            | Refusal::NoConsent
            | Refusal::UnknownMessage
            | Refusal::AlreadyEnded
            | Refusal::UnknownScope(_)),
        ) => end_refused(shared, asked, &refusal).await,
    }
}

async fn end_refused(shared: &Shared, asked: Box<Asked>, refusal: &Refusal) -> Done {
    tracing::warn!(message = %asked.id, %refusal, "a message of the spool is refused");
    match is_known(shared, asked.id).await {
        Ok(true) => Done::Stored(Some(asked)),
        Ok(false) => match ended::refused(shared, &asked, refusal).await {
            Ok(ops) => commit(shared, ops, Some(asked)).await,
            Err(error) => again(shared, &error),
        },
        Err(error) => again(shared, &error),
    }
}

async fn end_repeated(shared: &Shared, asked: Box<Asked>, first: MessageId) -> Done {
    tracing::info!(message = %asked.id, %first, "a message of the spool repeats another");
    match is_known(shared, asked.id).await {
        Ok(true) => Done::Stored(None),
        Ok(false) => match ended::repeated(shared, &asked, first).await {
            Ok(ops) => commit(shared, ops, None).await,
            Err(error) => again(shared, &error),
        },
        Err(error) => again(shared, &error),
    }
}

async fn is_known(shared: &Shared, id: MessageId) -> Result<bool, StoreError> {
    Ok(shared.store.message(id).await?.is_some())
}

async fn keep_raw(shared: &Shared, raw: RawInbound) -> Done {
    let done = commit(shared, vec![Op::Raw(raw.clone())], None).await;
    if matches!(done, Done::Stored(_)) && shared.raw_queue.try_send(raw).is_err() {
        shared.read_raw_again();
    }
    done
}

async fn commit(shared: &Shared, ops: Vec<Op>, asked: Option<Box<Asked>>) -> Done {
    match shared.batcher.commit(ops).await {
        Ok(Ok(())) => {
            shared.hooks_wake.notify_one();
            Done::Stored(asked)
        }
        Ok(Err(conflict)) => Done::Again(format!("unexpected conflict: {conflict:?}")),
        Err(error) => again(shared, &error),
    }
}

fn again(shared: &Shared, error: &StoreError) -> Done {
    shared.storing.failed(error, shared.clock.now());
    Done::Again(error.to_string())
}

async fn set_aside(spooling: &Spooling, spooled: &Spooled) -> Done {
    match spooling.spool.set_aside(spooled).await {
        Ok(()) => Done::Stored(None),
        Err(error) => Done::Again(error.to_string()),
    }
}

/// Whether the store takes writes again.
async fn probe(shared: &Shared) -> bool {
    let now = shared.clock.now();
    let op = Op::Setting {
        key: String::from("store_probe"),
        value: now.0.to_string(),
    };
    let groups = Arc::from([Group(vec![op])]);
    let written = tokio::select! {
        biased;
        written = shared.store.commit(groups) => written,
        () = shared.clock.sleep_until(now.plus_ms(PROBE_MS)) => return false,
    };
    match written {
        Ok(_) => shared.storing.works(),
        Err(error) => shared.storing.failed(&error, now),
    }
    shared.storing.fault().is_none()
}

fn stopping() -> Refusal {
    Refusal::Unavailable {
        retry_after_s: super::RETRY_S,
        why: String::from("the server is stopping"),
        away: false,
    }
}
