//! Moves the spool into the store, page by page: each record by the ordinary intake, under the id
//! that was told. A record goes from the spool only after the commit of what it became; one that
//! comes again after a crash is found in the store. Stops at the first that the store did not take.

use super::Spooling;
use super::lane::Lane;
use super::record::{self, Entry};
use super::work::{Done, Ready, Work, ready_of, set_aside};
use crate::driver::event::{AcceptEvent, Event};
use crate::ports::ops::Op;
use crate::ports::spool::Spooled;
use crate::ports::{Group, Partition};
use crate::request::Refusal;
use crate::shared::Shared;
use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt as _};
use holdline_core::Timestamp;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::sync::oneshot;

/// Records drained at a time, and people looked up at a time.
const PAGE: usize = 128;
const LOOKUPS: usize = 8;
/// Pages of webhooks that go before a page of messages.
const WEBHOOK_PAGES_MAX: usize = 64;
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
    /// The first record of a lane, and since when the store does not take it.
    stuck: Option<Stuck>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Stuck {
    kind: Kind,
    place: u64,
    since: Timestamp,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Webhooks,
    Messages,
}

impl std::fmt::Debug for DrainLoop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DrainLoop").finish_non_exhaustive()
    }
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
            let is_idle = !spooling.waits() && !shared.storing.is_away();
            let wait_ms = if is_idle {
                IDLE_MS
            } else if self.drain(spooling).await {
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
                biased;
                () = woken => {}
                () = shared.clock.sleep_until(until) => {}
                () = shared.stop.stopped() => {}
            }
        }
    }

    /// Webhooks, then some messages. False when it has to be tried again after a pause.
    async fn drain(&mut self, spooling: &Spooling) -> bool {
        if self.shared.storing.is_away() && !probe(&self.shared).await {
            return false;
        }
        for _ in 0..WEBHOOK_PAGES_MAX {
            if spooling.webhooks.len() == 0 {
                break;
            }
            if !self.drain_page(spooling, Kind::Webhooks).await {
                return false;
            }
        }
        match spooling.messages.len() {
            // An append is under way.
            0 => !spooling.waits() || spooling.webhooks.len() > 0,
            1.. => self.drain_page(spooling, Kind::Messages).await,
        }
    }

    async fn drain_page(&mut self, spooling: &Spooling, kind: Kind) -> bool {
        let lane = spooling.lane(kind);
        // Alone a record cannot fail by the fault of another.
        let limit = match self.stuck {
            Some(stuck) if stuck.kind == kind => 1,
            Some(_) | None => PAGE,
        };
        let page = match lane.spool.read(None, limit).await {
            Ok(page) => page,
            Err(error) => {
                tracing::error!(%error, "the spool cannot be read");
                return false;
            }
        };
        let places: Vec<u64> = page.iter().map(|spooled| spooled.place).collect();
        let ready = self.look(lane, page).await;
        let mut under_way = Vec::with_capacity(ready.len());
        for (place, one) in places.iter().zip(ready) {
            let work = self.submit(spooling, lane, (*place, one)).await;
            lane.hand_in(*place);
            under_way.push(work);
        }
        let done = join_all(under_way.into_iter().map(Work::end)).await;
        self.finish(spooling, kind, &places, done).await
    }

    /// Reads the records and looks up people, in order; what follows one that could not be looked
    /// up waits with it.
    async fn look(&self, lane: &Lane, page: Vec<Spooled>) -> Vec<Ready> {
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
        if oldest.is_some() {
            lane.set_oldest(oldest);
        }
        ready
    }

    async fn submit(
        &self,
        spooling: &Spooling,
        lane: &Lane,
        (place, ready): (u64, Ready),
    ) -> Work<'_> {
        let shared = &self.shared;
        match ready {
            Ready::Message(asked, prepared) => {
                let partition = Partition::of_contact(prepared.accept.message.contact);
                if !shared.owns(partition) {
                    return Work::Leave(shared, partition, asked, prepared);
                }
                let (reply, answer) = oneshot::channel();
                let tried = spooling.tried().contains(&asked.id);
                let event = Event::Accept(Box::new(AcceptEvent {
                    accept: prepared.accept,
                    before: prepared.before,
                    answer: prepared.answer,
                    reply,
                    may_be_known: tried || lane.may_be_known(place),
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
                Work::Over(set_aside(lane, &spooled).await)
            }
            Ready::Not(why) => Work::Over(Done::Again(why)),
        }
    }

    /// Takes what is done from the front of the spool.
    async fn finish(
        &mut self,
        spooling: &Spooling,
        kind: Kind,
        places: &[u64],
        done: Vec<Done>,
    ) -> bool {
        let lane = spooling.lane(kind);
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
            self.stuck = self.stuck.filter(|stuck| stuck.kind != kind);
            if let Err(error) = lane.spool.drained(through).await {
                tracing::error!(%error, "what was drained cannot be taken from the spool");
                return false;
            }
            spooling.drained.fetch_add(count, Ordering::Relaxed);
            let left = lane.len();
            if left == 0 {
                lane.set_oldest(None);
            }
            tracing::debug!(
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
                self.note_stuck(lane, kind, place).await
            }
        }
    }

    /// One record may not hold up all others for ever. True when it was given up.
    async fn note_stuck(&mut self, lane: &Lane, kind: Kind, place: u64) -> bool {
        let since = self.shared.clock.now();
        let stuck = match self.stuck {
            Some(stuck) if (stuck.kind, stuck.place) == (kind, place) => stuck,
            Some(_) | None => Stuck { kind, place, since },
        };
        self.stuck = Some(stuck);
        if self.shared.storing.is_away() || !probe(&self.shared).await {
            // Not the record's fault: its time begins when the store works.
            self.stuck = None;
            return false;
        }
        since.since_ms(stuck.since) >= STUCK_MS && self.give_up(lane).await
    }

    async fn give_up(&mut self, lane: &Lane) -> bool {
        let Ok(mut first) = lane.spool.read(None, 1).await else {
            return false;
        };
        let Some(spooled) = first.pop() else {
            return false;
        };
        let why = String::from("the store does not take it, though it takes others");
        let done = match record::read(&spooled.record) {
            Some(Entry::Message(asked)) => {
                let refusal = Refusal::NoRoute(why);
                Work::Refused(&self.shared, asked, refusal).end().await
            }
            Some(Entry::Webhook(_)) | None => Done::Again(why),
        };
        let done = match done {
            stored @ Done::Stored(_) => stored,
            Done::Again(_) => set_aside(lane, &spooled).await,
        };
        self.stuck = None;
        match done {
            Done::Stored(_) => {
                tracing::error!(place = spooled.place, "a record of the spool was given up");
                lane.spool.drained(spooled.place).await.is_ok()
            }
            Done::Again(_) => false,
        }
    }
}

impl Spooling {
    const fn lane(&self, kind: Kind) -> &Lane {
        match kind {
            Kind::Webhooks => &self.webhooks,
            Kind::Messages => &self.messages,
        }
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
