//! The driver: the one owner of open deliveries, routes and their health.
//!
//! One turn takes the events that have come, steps the machines, commits everything with one sync,
//! and only then answers callers and hands attempts to the performers. A process may die between
//! any two of these: what was committed is found again, what was not had no effect.

mod book;
mod dispatch;
pub(crate) mod event;
mod load;
mod route_table;
mod save;
mod step;
pub(crate) mod turn;
mod verdict;

use crate::config::{MAILBOX_MAX, TURN_EVENTS_MAX};
use crate::perform::Worker;
use crate::ports::StoreError;
use crate::ports::ops::Op;
use crate::request::{Refusal, Totals};
use crate::shared::Shared;
use book::{Book, Entry};
use event::{AcceptEvent, Event, OutcomeEvent, ReceiptEvent, Work};
use holdline_core::health::{Evidence, Signal};
use holdline_core::message::{Delivery, Fault, Outcome, ReceiptKind, State, ThrottleScope};
use holdline_core::routing::RouteIx;
use holdline_core::{MessageId, Timestamp};
use route_table::RouteTable;
use std::sync::Arc;
use step::Extra;
use tokio::sync::mpsc;
use turn::{Pending, Turn};

/// Due deliveries looked at in one turn.
const TURN_TIMERS_MAX: usize = 2_048;
/// The driver looks around at least this often.
const TURN_WAIT_MAX_MS: u64 = 1_000;
/// While stopping it only waits for outcomes.
const STOPPING_WAIT_MS: u64 = 50;

/// To be run by one task; owns everything that changes.
pub struct Driver {
    shared: Arc<Shared>,
    mailbox: mpsc::Receiver<Event>,
    routes: RouteTable,
    book: Book,
    /// One queue of performers per configured route.
    work: Vec<Option<mpsc::Sender<Work>>>,
    /// Outcomes of attempts that were planned but did not leave, for the next turn.
    again: Vec<Event>,
}

impl std::fmt::Debug for Driver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Driver")
            .field("open", &self.book.len())
            .finish_non_exhaustive()
    }
}

/// The driver's mailbox.
pub(crate) fn mailbox() -> (mpsc::Sender<Event>, mpsc::Receiver<Event>) {
    mpsc::channel(MAILBOX_MAX)
}

impl Driver {
    /// Loads what was open when the process last ended; gives one worker per route to be run.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(crate) async fn start(
        shared: Arc<Shared>,
        mailbox: mpsc::Receiver<Event>,
    ) -> Result<(Self, Vec<Worker>), StoreError> {
        let now = shared.clock.now();
        let saved = shared.store.routes().await?;
        let outages = shared.store.outages(crate::ports::store::PAGE_MAX).await?;
        let routes = RouteTable::new(&shared.config.routes, &saved, outages, now);
        let mut driver = Self {
            shared,
            mailbox,
            routes,
            book: Book::default(),
            work: Vec::new(),
            again: Vec::new(),
        };
        let workers = driver.open_work();
        driver.load(now).await?;
        driver.publish(now);
        Ok((driver, workers))
    }

    /// Runs until the engine is stopped and nothing is in flight, or its time is over.
    pub async fn run(mut self) {
        let mut events = Vec::with_capacity(TURN_EVENTS_MAX);
        while !self.is_finished() {
            self.wait(&mut events).await;
            let mut turn = Turn::new(self.shared.clock.now());
            if self.shared.stop.is_stopped() {
                self.routes.close();
            }
            for event in std::mem::take(&mut self.again)
                .into_iter()
                .chain(events.drain(..))
            {
                self.handle(event, &mut turn).await;
            }
            self.look_at_time(&mut turn);
            self.arrange(&mut turn);
            self.dispatch(&mut turn);
            self.arrange(&mut turn);
            self.finish(turn).await;
            self.publish(self.shared.clock.now());
        }
    }

    async fn wait(&mut self, events: &mut Vec<Event>) {
        let now = self.shared.clock.now();
        let until = self.next_wake(now).min(now.plus_ms(TURN_WAIT_MAX_MS));
        let clock = Arc::clone(&self.shared.clock);
        tokio::select! {
            biased;
            _ = self.mailbox.recv_many(events, TURN_EVENTS_MAX) => {}
            () = self.shared.stop.cancelled_once() => {}
            () = clock.sleep_until(until) => {}
        }
    }

    fn next_wake(&self, now: Timestamp) -> Timestamp {
        if self.shared.stop.is_stopped() && self.again.is_empty() {
            return now.plus_ms(STOPPING_WAIT_MS);
        }
        if self.book.has_ready() || !self.again.is_empty() {
            return now;
        }
        let timer = self.book.next_timer().unwrap_or(Timestamp::MAX);
        let routes = self.routes.indices().filter_map(|ix| {
            let route = self.routes.get(ix);
            let room = (route.waiting > 0).then(|| route.room_at(now)).flatten();
            let tick = route.detector.wake_at().filter(|_| !route.probing);
            room.into_iter().chain(tick).min()
        });
        routes.min().unwrap_or(Timestamp::MAX).min(timer)
    }

    async fn handle(&mut self, event: Event, turn: &mut Turn) {
        match event {
            Event::Accept(accept) => self.accept(*accept, turn),
            Event::Outcome(outcome) => self.outcome(*outcome, turn).await,
            Event::Receipts { receipts, ops } => {
                let mut applied = true;
                for receipt in receipts {
                    applied &= self.receipt(receipt, turn).await.is_ok();
                }
                if applied {
                    turn.push_alone(ops);
                } else {
                    self.shared.read_raw_again();
                }
            }
            Event::Withdrawn {
                contact,
                channel,
                address,
            } => {
                self.withdrawn(contact, channel, address.expose(), turn)
                    .await;
            }
            Event::Cancel { id, reply } => {
                let known = self.is_open(id);
                self.step(id, turn, Extra::default(), |machine, c| {
                    machine.handle_cancel(c)
                });
                let answer = if known {
                    Ok(())
                } else {
                    Err(Refusal::AlreadyEnded)
                };
                turn.replies.push((reply, answer));
            }
            Event::RetryNow { id, reply } => {
                let known = self.is_open(id);
                self.book.nudge(id, turn.now, &mut self.routes);
                let answer = if known {
                    Ok(())
                } else {
                    Err(Refusal::AlreadyEnded)
                };
                turn.replies.push((reply, answer));
            }
            Event::Probed { route, outcome } => {
                self.routes.get_mut(route).probing = false;
                self.signal(route, &outcome, true, turn);
            }
        }
    }

    fn accept(&mut self, event: AcceptEvent, turn: &mut Turn) {
        let AcceptEvent {
            accept,
            before,
            answer,
            reply,
        } = event;
        // Who asked has gone, with the answer that nothing was kept.
        if reply.is_closed() {
            return;
        }
        let record = Arc::new(accept.message.clone());
        let id = record.id;
        if self.shared.stop.is_stopped() {
            let why = String::from("the server is stopping");
            let _ = reply.send(Err(Refusal::Unavailable {
                retry_after_s: 5,
                why,
            }));
            return;
        }
        let delivery = self.machine_of(&record, None, turn.now);
        let group = turn.group_of(id);
        for op in before {
            turn.push(id, op);
        }
        turn.push(id, Op::Accept(Box::new(accept)));
        let app = self.shared.word(&record.app);
        let sender = self.shared.word(&record.sender);
        let mut entry = Entry::new(delivery, record.contact, app, sender);
        entry.record = Some(record);
        self.book.insert(entry);
        self.settle(id, turn.now);
        turn.pending.push(Pending {
            id,
            group,
            answer,
            reply,
        });
    }

    async fn outcome(&mut self, event: OutcomeEvent, turn: &mut Turn) {
        let OutcomeEvent {
            key,
            route,
            outcome,
            ..
        } = &event;
        self.routes.get(*route).release();
        self.signal(*route, outcome, false, turn);
        if let Outcome::Throttled {
            until,
            scope: ThrottleScope::Route,
            ..
        } = outcome
        {
            let until = until.unwrap_or(turn.now.plus_ms(1_000));
            self.routes.get(*route).block_until(until);
        }
        let id = key.message;
        let open = self.book.get(id).is_some();
        if !open && !self.load_ended(id, turn.now).await.unwrap_or(false) {
            return;
        }
        let ended = save::attempt_end(*key, outcome, turn.now);
        let mut extra = Extra {
            ended: Some(ended),
            ..Extra::default()
        };
        if let Some(fault) = outcome.fault() {
            extra
                .ops
                .extend(self.unreachable_note(&event, fault, turn.now));
        }
        self.step(id, turn, extra, |machine, c| {
            machine.handle_outcome(key.number, outcome, c)
        });
    }

    /// An error means that the store could not be read: the receipt has to come again.
    async fn receipt(&mut self, event: ReceiptEvent, turn: &mut Turn) -> Result<(), StoreError> {
        let id = event.key.message;
        if let ReceiptKind::Failed(fault) = &event.receipt.kind {
            self.failed_receipt(&event, fault.clone(), turn).await?;
        }
        let open = self.book.get(id).is_some();
        if !open && !self.load_ended(id, turn.now).await? {
            return Ok(());
        }
        let extra = Extra {
            receipts: vec![event.record],
            ..Extra::default()
        };
        self.step(id, turn, extra, |machine, c| {
            machine.handle_receipt(&event.receipt, c)
        });
        Ok(())
    }

    /// A refusal that came late speaks about the route and the address like an early one.
    async fn failed_receipt(
        &mut self,
        event: &ReceiptEvent,
        fault: Fault,
        turn: &mut Turn,
    ) -> Result<(), StoreError> {
        let Some(stored) = self.shared.store.message(event.key.message).await? else {
            return Ok(());
        };
        let attempt = stored
            .delivery
            .attempts
            .get(usize::from(event.key.number).saturating_sub(1));
        let Some(hop) = attempt.and_then(|a| stored.message.plan.get(usize::from(a.hop))) else {
            return Ok(());
        };
        let route = self.routes.intern(hop.channel, &hop.sender, turn.now);
        let outcome = Outcome::Rejected(fault.clone());
        if fault.class == holdline_core::message::FaultClass::Platform {
            self.signal(route, &outcome, false, turn);
        }
        let (channel, address) = (hop.channel, hop.address.clone());
        let told = OutcomeEvent {
            key: event.key,
            route,
            outcome,
            channel,
            address,
        };
        if let Some(op) = self.unreachable_note_for(&told, &fault, stored.message.contact, turn.now)
        {
            turn.push_alone(vec![op]);
        }
        Ok(())
    }

    fn signal(&mut self, ix: RouteIx, outcome: &Outcome, probe: bool, turn: &mut Turn) {
        let Some(evidence) = Evidence::of(outcome) else {
            return;
        };
        let signal = Signal {
            at: turn.now,
            probe,
            evidence,
        };
        if let Some(verdict) = self.routes.observe(ix, &signal) {
            self.take_verdict(ix, &verdict, turn);
        }
    }

    fn look_at_time(&mut self, turn: &mut Turn) {
        for ix in self.routes.indices() {
            self.probe_if_wanted(ix, turn.now);
            if let Some(verdict) = self.routes.tick(ix, turn.now) {
                self.take_verdict(ix, &verdict, turn);
            }
        }
        for _ in 0..TURN_TIMERS_MAX {
            let Some(id) = self.book.pop_timer(turn.now) else {
                break;
            };
            self.time_has_come(id, turn);
        }
    }

    fn time_has_come(&mut self, id: MessageId, turn: &mut Turn) {
        let Some(entry) = self.book.get(id) else {
            return;
        };
        let waits = matches!(entry.delivery.state, State::Waiting { .. });
        if !waits || turn.now >= entry.delivery.terms.expires_at {
            self.step(id, turn, Extra::default(), |machine, c| {
                machine.handle_due(c)
            });
            return;
        }
        if self.book.waits_for_room(id, turn.now) {
            self.book.nudge(id, turn.now, &mut self.routes);
        }
        self.settle(id, turn.now);
    }

    fn is_open(&self, id: MessageId) -> bool {
        self.book
            .get(id)
            .is_some_and(|entry| !entry.delivery.state.is_ended())
    }

    fn settle(&mut self, id: MessageId, now: Timestamp) {
        self.book
            .settle(id, now, &self.shared.config.policy, &mut self.routes);
    }

    fn machine_of(
        &mut self,
        message: &crate::ports::records::MessageRecord,
        state: Option<crate::ports::records::DeliveryState>,
        now: Timestamp,
    ) -> Delivery {
        load::machine_of(message, state, &mut self.routes, now)
    }

    fn is_finished(&self) -> bool {
        self.shared.stop.is_over(self.shared.clock.now())
            || (self.shared.stop.is_stopped() && self.in_flight() == 0)
            || (self.mailbox.is_closed() && self.mailbox.is_empty())
    }

    fn in_flight(&self) -> u32 {
        self.routes
            .indices()
            .map(|ix| self.routes.status(ix, None).in_flight)
            .sum()
    }

    /// Shows routes and totals to whoever asks.
    fn publish(&self, now: Timestamp) {
        let routes = self
            .routes
            .indices()
            .filter(|ix| self.routes.get(*ix).configured)
            .map(|ix| self.routes.status(ix, self.book.oldest_in_lane(ix)));
        self.shared.publish(routes.collect(), self.book.len(), now);
        if self.shared.wants_totals(now) {
            self.shared.publish_totals(self.totals());
        }
    }

    fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for (_, entry) in self.book.iter() {
            match entry.delivery.state {
                State::Waiting { .. } => {
                    totals.waiting += 1;
                    let at = entry.delivery.terms.created_at;
                    let oldest = totals.oldest_waiting_at.map_or(at, |known| known.min(at));
                    totals.oldest_waiting_at = Some(oldest);
                }
                State::InFlight { .. } => totals.in_flight += 1,
                State::InDoubt { .. } => totals.in_doubt += 1,
                State::Placed { .. } => totals.placed += 1,
                State::Ended { .. } => {}
            }
        }
        totals
    }
}
