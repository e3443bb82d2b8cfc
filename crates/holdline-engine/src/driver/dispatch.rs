//! From waiting to leaving: puts what is due into the lane of the route it would take, and lets
//! out of the lanes of each sender what it has room for, most urgent first.

use super::Driver;
use super::event::Work;
use super::step::Extra;
use super::turn::Turn;
use crate::perform::Worker;
use holdline_core::Timestamp;
use holdline_core::health::{EpisodeId, NumberIx, Scope};
use holdline_core::message::{Delivery, State};
use holdline_core::routing::{Choice, RouteIx, choose, room_wait_until};
use tokio::sync::mpsc;

/// Probes that may wait for a performer beside the attempts.
const PROBE_SLOTS: usize = 8;
/// Deliveries looked at to find one that tests a route.
const TESTERS_LOOKED_AT: usize = 4_096;
/// Attempts planned in one turn, so that one commit stays small.
const TURN_SENDS_MAX: usize = 2_048;

impl Driver {
    /// One queue and one worker per sender; the gate keeps the queue from ever being full.
    pub(super) fn open_work(&mut self) -> Vec<Worker> {
        let mut workers = Vec::new();
        for config in &self.shared.config.routes {
            let slots = config.gate.in_flight_max as usize + PROBE_SLOTS;
            let (tx, rx) = mpsc::channel(slots);
            let Some(channel) = self.shared.channels.get(&config.channel) else {
                self.work.push(None);
                continue;
            };
            self.work.push(Some(tx));
            let sender = config.sender.clone();
            workers.push(Worker::new(
                &self.shared,
                sender,
                channel.clone(),
                rx,
                slots,
            ));
        }
        workers
    }

    /// Chooses for everything that has become due.
    pub(super) fn arrange(&mut self, turn: &mut Turn) {
        while let Some(id) = self.book.next_ready(turn.now) {
            let Some(entry) = self.book.get(id) else {
                continue;
            };
            let (delivery, policy) = (&entry.delivery, &self.shared.config.policy);
            let seen = self.routes.seen_at(turn.now);
            match choose(delivery, turn.now, policy, &seen).0 {
                Choice::Take(hop) | Choice::Queue(hop) => {
                    let until = room_wait_until(delivery, hop, turn.now, policy, &seen);
                    let ix = delivery.hops[usize::from(hop)].route;
                    self.book.enter_lane(id, ix, until, &mut self.routes);
                }
                Choice::Hold { .. } | Choice::Exhausted => {
                    self.step(id, turn, Extra::default(), |machine, c| {
                        machine.handle_due(c)
                    });
                }
            }
        }
    }

    /// Lets out what each sender has room for.
    pub(super) fn dispatch(&mut self, turn: &mut Turn) {
        if self.shared.stop.is_stopped() {
            return;
        }
        for trouble in self.routes.testing(turn.now) {
            self.find_tester(trouble, turn.now);
        }
        for mut routes in self.routes.waited_for().into_values() {
            while turn.sends.len() < TURN_SENDS_MAX {
                let Some(ix) = self.most_urgent(&mut routes, turn.now) else {
                    break;
                };
                self.let_out(ix, turn);
            }
        }
    }

    fn let_out(&mut self, ix: RouteIx, turn: &mut Turn) {
        let Some(id) = self.book.pop_lane(ix, &mut self.routes) else {
            return;
        };
        let extra = Extra {
            open: Some(ix),
            ..Extra::default()
        };
        self.step(id, turn, extra, |machine, c| machine.handle_due(c));
    }

    /// The route with room whose first message is the most urgent, then the oldest.
    fn most_urgent(&mut self, routes: &mut Vec<RouteIx>, now: Timestamp) -> Option<RouteIx> {
        let table = &self.routes;
        routes.retain(|ix| table.room(*ix, now) > 0);
        let heads = routes
            .iter()
            .filter_map(|ix| Some((self.book.peek_lane(*ix)?, *ix)));
        heads.min().map(|(_, ix)| ix)
    }

    /// A trouble that is being tested takes the oldest that would rather go by one of its routes.
    fn find_tester(&mut self, trouble: EpisodeId, now: Timestamp) {
        let Some(scope) = self.routes.gate_scope(trouble) else {
            return;
        };
        if self.routes.is_any_waited_for(&scope) {
            return;
        }
        let found = self
            .book
            .iter()
            .take(TESTERS_LOOKED_AT)
            .filter(|(id, entry)| {
                let waits = matches!(entry.delivery.state, State::Waiting { due } if due <= now);
                waits && self.book.may_go(**id)
            })
            .find_map(|(id, entry)| {
                let ix = self.would_test(&entry.delivery, trouble, now)?;
                self.routes.is_covered(ix, &scope).then_some((*id, ix))
            });
        if let Some((id, ix)) = found {
            self.book
                .enter_lane(id, ix, Timestamp::MAX, &mut self.routes);
        }
    }

    fn would_test(
        &self,
        delivery: &Delivery,
        trouble: EpisodeId,
        now: Timestamp,
    ) -> Option<RouteIx> {
        let seen = self.routes.seen_at(now).with_test(trouble);
        match choose(delivery, now, &self.shared.config.policy, &seen).0 {
            Choice::Take(hop) => Some(delivery.hops[usize::from(hop)].route),
            Choice::Queue(_) | Choice::Hold { .. } | Choice::Exhausted => None,
        }
    }

    /// Hands committed work to the performers of its sender.
    pub(super) fn hand_out(&mut self, number: NumberIx, work: Work) -> Result<(), Work> {
        match self.work.get(usize::from(number.0)) {
            Some(Some(queue)) => queue
                .try_send(work)
                .map_err(mpsc::error::TrySendError::into_inner),
            Some(None) | None => Err(work),
        }
    }

    pub(super) fn probe_if_wanted(&mut self, number: NumberIx, now: Timestamp) {
        let sender = self.routes.sender(number);
        if !sender.configured || sender.probing || !self.routes.board.take_probe(number, now) {
            return;
        }
        if self.hand_out(number, Work::Probe { number }).is_ok() {
            self.routes.sender_mut(number).probing = true;
        }
    }

    /// Looks again at what a change in this scope may move: what waits for room or is held, and
    /// what pauses on one of its routes. Pauses elsewhere go on.
    pub(super) fn nudge_all(&mut self, scope: &Scope, now: Timestamp) {
        for id in self.book.ids() {
            let Some(entry) = self.book.get(id) else {
                continue;
            };
            let delivery = &entry.delivery;
            let State::Waiting { due } = delivery.state else {
                continue;
            };
            let under = |ix: RouteIx| self.routes.is_covered(ix, scope);
            let in_plan = (0_u8..)
                .zip(delivery.hops.iter())
                .any(|(at, hop)| under(hop.route) && !delivery.is_spent(at));
            let here = under(delivery.hops[usize::from(delivery.hop)].route);
            let pause_ms_max = self.shared.config.policy.retry_max_ms;
            let held = due >= delivery.terms.expires_at || due > now.plus_ms(pause_ms_max);
            if in_plan && (here || held || self.book.waits_for_room(id, now)) {
                self.book.nudge(id, now, &mut self.routes);
            }
        }
        self.book.sweep_lanes(&self.routes);
    }
}
