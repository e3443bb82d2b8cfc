//! The driver: the one owner of open deliveries, routes and their health.
//!
//! One turn takes the events that have come, steps the machines, commits everything with one sync,
//! and only then answers callers and hands attempts to the performers. A process may die between
//! any two of these: what was committed is found again, what was not had no effect.

mod backlog;
mod book;
mod dispatch;
pub(crate) mod event;
mod lease;
mod load;
mod outside;
mod routes;
mod save;
mod step;
pub(crate) mod turn;
mod verdict;

use crate::config::{MAILBOX_MAX, TURN_EVENTS_MAX};
use crate::hearing::Ears;
use crate::perform::Worker;
use crate::ports::ops::Op;
use crate::ports::records::MessageRecord;
use crate::ports::{Partitions, StoreError};
use crate::request::Refusal;
use crate::shared::Shared;
use crate::watch::Watch;
use backlog::Backlog;
use book::{Book, Entry};
use event::{AcceptEvent, Event, OutcomeEvent, ReceiptEvent, Work};
use holdline_core::health::{Ended, Evidence, NumberIx, Signal};
use holdline_core::message::{
    Delivery, Fault, FaultClass, Outcome, Progress, ReceiptKind, State, ThrottleScope,
};
use holdline_core::{MessageId, Timestamp};
use lease::Tenure;
use outside::Echoes;
use routes::Queues;
pub(crate) use routes::RouteTable;
use std::sync::Arc;
use step::Extra;
use tokio::sync::{mpsc, oneshot};
use turn::{After, Gather, Pending, Reply, Turn};

/// Due deliveries looked at in one turn.
const TURN_TIMERS_MAX: usize = 2_048;
/// The driver looks around at least this often.
const TURN_WAIT_MAX_MS: u64 = 1_000;
/// What was learned is saved so often.
const LEARNED_EVERY_MS: u64 = 300_000;
/// While stopping it only waits for outcomes.
const STOPPING_WAIT_MS: u64 = 50;

/// To be run by one task; owns everything that changes.
pub struct Driver {
    shared: Arc<Shared>,
    mailbox: mpsc::Receiver<Event>,
    routes: RouteTable,
    book: Book,
    watch: Watch,
    echoes: Echoes,
    learned_at: Timestamp,
    /// One queue of performers per configured sender.
    work: Vec<Option<mpsc::Sender<Work>>>,
    /// Outcomes of attempts that were planned but did not leave, for the next turn.
    again: Vec<Event>,
    tenure: Tenure,
    backlog: Backlog,
    ears: Ears,
    gather: Gather,
    /// What waited at each sender when it was last counted.
    queues: Queues,
    /// Dropped when the driver has ended.
    _ended: oneshot::Sender<()>,
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
        ended: oneshot::Sender<()>,
    ) -> Result<(Self, Vec<Worker>), StoreError> {
        let now = shared.clock.now();
        let routes = load::routes(&shared, now).await?;
        let clustered = shared.config.cluster.is_some();
        let mut driver = Self {
            shared,
            mailbox,
            routes,
            book: Book::default(),
            watch: Watch::default(),
            echoes: Echoes::default(),
            learned_at: now,
            work: Vec::new(),
            again: Vec::new(),
            tenure: Tenure::new(clustered),
            backlog: Backlog::default(),
            ears: Ears::open(now),
            gather: Gather::default(),
            queues: Queues::default(),
            _ended: ended,
        };
        let workers = driver.open_work();
        if !clustered {
            let mut turn = Turn::new(now);
            driver.load(Partitions::ALL, &mut turn).await?;
            driver.finish_loading(turn).await?;
        }
        driver.publish(now);
        driver.show_routes(now);
        Ok((driver, workers))
    }

    /// Runs until the engine is stopped and nothing is in flight, or its time is over.
    pub async fn run(mut self) {
        let mut events = Vec::with_capacity(TURN_EVENTS_MAX);
        while !self.is_finished() {
            self.wait(&mut events).await;
            let mut turn = Turn::new(self.shared.clock.now());
            self.listen(turn.now);
            self.take_after(&mut turn);
            self.refill(turn.now).await;
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
            self.take_verdicts(&mut turn);
            self.tell_others(&mut turn);
            self.show_routes(turn.now);
            self.finish(turn).await;
            self.publish(self.shared.clock.now());
        }
        let mut last = Turn::new(self.shared.clock.now());
        self.save_learned(&mut last);
        self.finish(last).await;
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
        if !events.is_empty() {
            self.gather(events).await;
        }
    }

    fn next_wake(&self, now: Timestamp) -> Timestamp {
        if self.shared.stop.is_stopped() && self.again.is_empty() {
            return now.plus_ms(STOPPING_WAIT_MS);
        }
        if self.has_more() {
            return now;
        }
        let timer = self.book.next_timer().unwrap_or(Timestamp::MAX);
        let waited_for = self.routes.waited_for().into_values().flatten();
        let room = waited_for
            .filter_map(|ix| self.routes.room_at(ix, now))
            .min();
        let board = self.routes.board.wake_at(now);
        room.unwrap_or(Timestamp::MAX).min(timer).min(board)
    }

    /// There is something to do at once.
    fn has_more(&self) -> bool {
        self.book.has_ready()
            || !self.again.is_empty()
            || !self.tenure.after.is_empty()
            || self.wants_refill()
    }

    async fn handle(&mut self, event: Event, turn: &mut Turn) {
        match event {
            Event::Accept(accept) => self.take_new(*accept, turn).await,
            Event::Outcome(outcome) => self.outcome(*outcome, turn).await,
            Event::Receipts {
                receipts,
                wrote,
                ops,
            } => {
                self.routes.heard(&wrote, turn.now);
                self.receipts(receipts, ops, turn).await;
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
                self.fetch(id, turn.now).await;
                self.cancel(id, reply, turn);
            }
            Event::RetryNow { id, reply } => {
                self.fetch(id, turn.now).await;
                self.retry_now(id, reply, turn);
            }
            Event::SendBy { id, channel, reply } => {
                self.fetch(id, turn.now).await;
                self.send_by(id, channel, reply, turn);
            }
            Event::Probed { number, outcome } => self.probed(number, &outcome, turn),
            Event::Told(told) => {
                self.told(*told, turn.now);
                self.take_verdicts(turn);
            }
            Event::Leases(event) => self.leases(*event, turn).await,
            Event::Handed(handed) => self.handed(handed, turn).await,
            Event::Follow { routes, holds } => self.follow(&routes, &holds, turn),
            Event::Hold { hold, reply } => self.hold(*hold, reply, turn),
            Event::Release {
                scope,
                actor,
                reason,
                reply,
            } => {
                self.release((&scope, &actor, &reason), reply, turn);
            }
        }
    }

    /// A webhook's receipts. It is done only when all of them are committed.
    async fn receipts(&mut self, receipts: Vec<ReceiptEvent>, ops: Vec<Op>, turn: &mut Turn) {
        let mut applied = true;
        for receipt in receipts {
            self.ears.read(receipt.record.received_at, turn.now);
            applied &= self.receipt(receipt, turn).await.is_ok();
        }
        if !applied {
            self.shared.read_raw_again();
        } else if self.tenure.is_clustered() {
            turn.after.push(After { ops, done: None });
        } else {
            turn.push_alone(ops);
        }
    }

    fn cancel(&mut self, id: MessageId, reply: Reply, turn: &mut Turn) {
        let known = self.is_open(id);
        self.step(id, turn, Extra::default(), |machine, c| {
            machine.handle_cancel(c)
        });
        turn.replies.push((reply, open_or_ended(known)));
    }

    fn retry_now(&mut self, id: MessageId, reply: Reply, turn: &mut Turn) {
        let known = self.is_open(id);
        self.book.nudge(id, turn.now, &mut self.routes);
        turn.replies.push((reply, open_or_ended(known)));
    }

    fn probed(&mut self, number: NumberIx, outcome: &Outcome, turn: &mut Turn) {
        self.routes.sender_mut(number).probing = false;
        self.routes.observe(&Signal::Probed {
            number,
            at: turn.now,
            evidence: Evidence::of(outcome),
        });
        self.take_verdicts(turn);
    }

    fn accept(&mut self, event: AcceptEvent, turn: &mut Turn) {
        let AcceptEvent {
            accept,
            before,
            answer,
            reply,
            may_be_known: _,
        } = event;
        // Who asked has gone, with the answer that nothing was kept.
        if reply.is_closed() {
            return;
        }
        let id = accept.message.id;
        if self.shared.stop.is_stopped() {
            let why = String::from("the server is stopping");
            let _ = reply.send(Err(Refusal::Unavailable {
                retry_after_s: 5,
                why,
                away: false,
            }));
            return;
        }
        let group = turn.group_of(id);
        for op in before {
            turn.push(id, op);
        }
        let priority = accept.message.priority;
        if self.is_behind(priority) {
            turn.fences.push((group, accept.message.contact));
            self.leave_behind(priority, id);
        } else {
            self.take_in(Arc::clone(&accept.message), turn.now);
        }
        turn.push(id, Op::Accept(Box::new(accept)));
        turn.pending.push(Pending {
            id,
            group,
            answer,
            reply,
        });
    }

    /// A new message, with its body until the turn has ended.
    fn take_in(&mut self, record: Arc<MessageRecord>, now: Timestamp) {
        let id = record.id;
        let delivery = self.machine_of(&record, None, now);
        let app = self.shared.word(&record.app);
        let sender = self.shared.word(&record.sender);
        let mut entry = Entry::new(delivery, record.contact, app, sender);
        entry.record = Some(record);
        self.book.insert(entry);
        self.settle(id, now);
    }

    async fn outcome(&mut self, event: OutcomeEvent, turn: &mut Turn) {
        let OutcomeEvent {
            key,
            route,
            outcome,
            ..
        } = &event;
        self.routes.release(*route);
        self.signal(&event, turn);
        if let Outcome::Throttled {
            until,
            scope: ThrottleScope::Route,
            ..
        } = outcome
        {
            self.routes.throttled(*route, *until, turn.now);
        }
        if !self.is_here(key.message, turn.now).await {
            if event.started_at.is_some() {
                self.tell_outcome(*key, outcome, turn).await;
            }
            return;
        }
        let fault = outcome.fault();
        let note = fault.and_then(|fault| self.unreachable_note(&event, fault, turn.now));
        self.apply_outcome(*key, outcome, note, turn);
    }

    /// An error means that the store could not be read: the receipt has to come again.
    async fn receipt(&mut self, event: ReceiptEvent, turn: &mut Turn) -> Result<(), StoreError> {
        let id = event.key.message;
        let open = self.book.get(id).is_some();
        if !open && !self.find(&event, turn).await? {
            return Ok(());
        }
        if let ReceiptKind::Failed(fault) = &event.receipt.kind {
            self.failed_receipt(&event, fault.clone(), turn).await?;
        }
        if let ReceiptKind::Reached(progress) = &event.receipt.kind {
            self.watch
                .receipt(&mut self.routes, event.key, *progress, turn.now);
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
        let route = load::route_of(&mut self.routes, hop, turn.now);
        let outcome = Outcome::Rejected(fault.clone());
        let (channel, address) = (hop.channel, hop.address.clone());
        let told = OutcomeEvent {
            key: event.key,
            route,
            started_at: None,
            outcome,
            channel,
            address,
        };
        // It will have no other receipt, whoever is to blame.
        self.watch
            .receipt(&mut self.routes, event.key, Progress::Delivered, turn.now);
        if fault.class == FaultClass::Platform {
            self.signal(&told, turn);
        }
        if let Some(op) = self.unreachable_note_for(&told, &fault, stored.message.contact, turn.now)
        {
            turn.push_alone(vec![op]);
        }
        Ok(())
    }

    /// What an outcome says of the route, and the receipts it makes due.
    fn signal(&mut self, event: &OutcomeEvent, turn: &mut Turn) {
        let (key, route, at) = (event.key, event.route, turn.now);
        let entry = self.book.get(key.message);
        let is_current = |entry: &&Entry| entry.delivery.number() == key.number;
        let first = entry
            .filter(is_current)
            .is_some_and(|it| it.delivery.tries <= 1);
        let recipient = entry.map_or(key.message.0, |entry| entry.contact.0) as u32;
        let evidence = Evidence::of(&event.outcome);
        let worked = evidence.as_ref().and_then(Evidence::worked);
        if let Some(worked) = worked.filter(|_| event.started_at.is_some()) {
            self.routes.ended(route, worked, at);
        }
        let tried = entry.and_then(|entry| {
            entry
                .delivery
                .attempts
                .get(usize::from(key.number).checked_sub(1)?)
        });
        let reached = tried.map_or(Progress::None, |tried| tried.reached);
        self.routes.observe(&Signal::Ended(Ended {
            route,
            at,
            started_at: event.started_at,
            first,
            recipient,
            evidence,
        }));
        let accepted = matches!(event.outcome, Outcome::Accepted { .. });
        let follows = self.routes.sender_of(route).receipts && !self.shared.webhooks_lag();
        if accepted && follows {
            self.watch
                .accepted(&mut self.routes, key, (route, at), reached);
        }
        self.take_verdicts(turn);
    }

    fn look_at_time(&mut self, turn: &mut Turn) {
        self.expire_holds(turn);
        for number in self.routes.numbers() {
            self.probe_if_wanted(number, turn.now);
        }
        self.routes.board.tick(turn.now, self.shared.ids.draw());
        self.take_verdicts(turn);
        self.note_outages(turn);
        self.routes.weigh(turn.now);
        self.end_ramps(turn.now);
        if turn.now.since_ms(self.learned_at) >= LEARNED_EVERY_MS {
            self.learned_at = turn.now;
            self.save_learned(turn);
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
        message: &MessageRecord,
        state: Option<crate::ports::records::DeliveryState>,
        now: Timestamp,
    ) -> Delivery {
        load::machine_of(message, state, &mut self.routes, now)
    }

    fn is_finished(&self) -> bool {
        self.shared.stop.is_over(self.shared.clock.now())
            || (self.shared.stop.is_stopped() && self.routes.in_flight() == 0)
            || (self.mailbox.is_closed() && self.mailbox.is_empty())
    }
}

fn open_or_ended(open: bool) -> Result<(), Refusal> {
    if open {
        Ok(())
    } else {
        Err(Refusal::AlreadyEnded)
    }
}
