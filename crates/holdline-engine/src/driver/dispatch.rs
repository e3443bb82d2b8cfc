//! From waiting to leaving: puts what is due into the lane of the route it would take, and lets
//! out of each lane what the route has room for, most urgent first.

use super::Driver;
use super::event::Work;
use super::step::Extra;
use super::turn::Turn;
use crate::perform::Worker;
use holdline_core::Timestamp;
use holdline_core::health::Health;
use holdline_core::message::{Delivery, State};
use holdline_core::routing::{Choice, RouteIx, choose};
use tokio::sync::mpsc;

/// Probes that may wait for a performer beside the attempts.
const PROBE_SLOTS: usize = 8;
/// Deliveries looked at to find one that tests a route.
const TESTERS_LOOKED_AT: usize = 4_096;
/// Attempts planned in one turn, so that one commit stays small.
const TURN_SENDS_MAX: usize = 2_048;

impl Driver {
    /// One queue and one worker per route; the gate keeps the queue from ever being full.
    pub(super) fn open_work(&mut self) -> Vec<Worker> {
        let mut workers = Vec::new();
        for (ix, config) in self.routes.indices().zip(&self.shared.config.routes) {
            let slots = config.gate.in_flight_max as usize + PROBE_SLOTS;
            let (tx, rx) = mpsc::channel(slots);
            let Some(channel) = self.shared.channels.get(&config.channel) else {
                self.work.push(None);
                continue;
            };
            self.work.push(Some(tx));
            workers.push(Worker::new(&self.shared, ix, channel.clone(), rx, slots));
        }
        workers
    }

    /// Chooses for everything that has become due.
    pub(super) fn arrange(&mut self, turn: &mut Turn) {
        while let Some(id) = self.book.next_ready(turn.now) {
            let choice = {
                let Some(entry) = self.book.get(id) else {
                    continue;
                };
                let seen = self.routes.seen_at(turn.now);
                choose(&entry.delivery, turn.now, &self.shared.config.policy, &seen).0
            };
            match choice {
                Choice::Take(hop) | Choice::Queue(hop) => {
                    let ix = self.route_of(id, hop);
                    self.book.enter_lane(id, ix, &mut self.routes);
                }
                Choice::Hold { .. } | Choice::Exhausted => {
                    self.step(id, turn, Extra::default(), |machine, c| {
                        machine.handle_due(c)
                    });
                }
            }
        }
    }

    /// Lets out what each route has room for.
    pub(super) fn dispatch(&mut self, turn: &mut Turn) {
        if self.shared.stop.is_stopped() {
            return;
        }
        for ix in self.routes.indices() {
            self.find_tester(ix, turn.now);
            while turn.sends.len() < TURN_SENDS_MAX && self.routes.get(ix).has_room(turn.now) {
                let Some(id) = self.book.pop_lane(ix, &mut self.routes) else {
                    break;
                };
                let extra = Extra {
                    open: Some(ix),
                    ..Extra::default()
                };
                self.step(id, turn, extra, |machine, c| machine.handle_due(c));
            }
        }
    }

    /// A route that is being tested or ramped up takes the oldest that would rather go by it.
    fn find_tester(&mut self, ix: RouteIx, now: Timestamp) {
        let route = self.routes.get(ix);
        let testing = route.detector.health() == Health::Recovering;
        if !testing || route.waiting > 0 || !route.has_room(now) {
            return;
        }
        let found = self
            .book
            .iter()
            .take(TESTERS_LOOKED_AT)
            .find(|(id, entry)| {
                let waits = matches!(entry.delivery.state, State::Waiting { due } if due <= now);
                waits && self.book.may_go(**id) && self.would_take(&entry.delivery, ix, now)
            })
            .map(|(id, _)| *id);
        if let Some(id) = found {
            self.book.enter_lane(id, ix, &mut self.routes);
        }
    }

    fn would_take(&self, delivery: &Delivery, ix: RouteIx, now: Timestamp) -> bool {
        let seen = self.routes.seen_at(now).with_open(ix);
        match choose(delivery, now, &self.shared.config.policy, &seen).0 {
            Choice::Take(hop) => delivery.hops[usize::from(hop)].route == ix,
            Choice::Queue(_) | Choice::Hold { .. } | Choice::Exhausted => false,
        }
    }

    /// Hands a committed attempt to the performers of its route.
    pub(super) fn hand_out(&mut self, ix: RouteIx, work: Work) -> Result<(), Work> {
        match self.work.get(usize::from(ix.0)) {
            Some(Some(queue)) => queue
                .try_send(work)
                .map_err(mpsc::error::TrySendError::into_inner),
            Some(None) | None => Err(work),
        }
    }

    pub(super) fn probe_if_wanted(&mut self, ix: RouteIx, now: Timestamp) {
        let route = self.routes.get(ix);
        if !route.configured || route.probing || !route.detector.wants_probe(now) {
            return;
        }
        let sender = route.sender.clone();
        if self.hand_out(ix, Work::Probe { sender }).is_ok() {
            self.routes.get_mut(ix).probing = true;
        }
    }

    /// Looks again at what a route's change of health may move: what waits for room or is held,
    /// and what pauses on that very route. Pauses on other routes go on.
    pub(super) fn nudge_all(&mut self, ix: RouteIx, now: Timestamp) {
        for id in self.book.ids() {
            let Some(entry) = self.book.get(id) else {
                continue;
            };
            let delivery = &entry.delivery;
            let State::Waiting { due } = delivery.state else {
                continue;
            };
            let in_plan = (0_u8..)
                .zip(delivery.hops.iter())
                .any(|(at, hop)| hop.route == ix && !delivery.is_spent(at));
            let here = delivery.hops[usize::from(delivery.hop)].route == ix;
            let held = due >= delivery.terms.expires_at;
            if in_plan && (here || held || self.book.waits_for_room(id, now)) {
                self.book.nudge(id, now, &mut self.routes);
            }
        }
        self.book.sweep_lanes(&self.routes);
    }
}
