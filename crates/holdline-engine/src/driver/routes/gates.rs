//! How much may leave: the limit of a sender, and the limit of every trouble that covers a route,
//! from Degraded to the end of the ramp. The narrowest wins.

use super::{Route, RouteTable};
use holdline_core::Timestamp;
use holdline_core::health::board::HoldKind;
use holdline_core::health::{EpisodeId, Health, Scope, Verdict};
use holdline_core::routing::{Gate, RouteIx};
use std::cell::{Cell, RefCell};

/// Failing share from which on what may wait is held back.
const SEVERE_SHARE: f64 = 0.4;

/// The limit that a trouble sets to everything in its scope.
pub(super) struct ScopeGate {
    pub(super) scope: Scope,
    pub(super) health: Health,
    gate: RefCell<Gate>,
    in_flight: Cell<u32>,
}

impl ScopeGate {
    pub(super) fn set_share(&self, share: f64, now: Timestamp) {
        self.gate.borrow_mut().set_share(share, now);
    }

    pub(super) fn is_ramping(&self, now: Timestamp) -> bool {
        self.gate.borrow().is_ramping(now)
    }

    pub(super) fn room(&self, now: Timestamp) -> u32 {
        self.gate.borrow_mut().room(now, self.in_flight.get())
    }

    /// Fewer may leave than would like to.
    pub(super) fn is_scarce(&self, now: Timestamp) -> bool {
        self.health == Health::Recovering || self.is_ramping(now)
    }
}

impl RouteTable {
    /// How many more attempts may leave by this route now.
    pub(crate) fn room(&self, ix: RouteIx, now: Timestamp) -> u32 {
        let sender = self.sender_of(ix);
        let own = sender.gate.borrow_mut().room(now, sender.in_flight.get());
        let over = self.limits_over(ix).map(|gate| gate.room(now));
        over.fold(own, u32::min)
    }

    /// When there may be room as far as time decides it; `None` when an outcome must come first.
    pub(crate) fn room_at(&self, ix: RouteIx, now: Timestamp) -> Option<Timestamp> {
        let sender = self.sender_of(ix);
        let own = sender
            .gate
            .borrow_mut()
            .room_at(now, sender.in_flight.get())?;
        self.limits_over(ix).try_fold(own, |latest, gate| {
            let at = gate.gate.borrow_mut().room_at(now, gate.in_flight.get())?;
            Some(latest.max(at))
        })
    }

    /// An attempt leaves by it.
    pub(crate) fn take(&self, ix: RouteIx) {
        let sender = self.sender_of(ix);
        sender.gate.borrow_mut().take();
        self.gates_over(ix)
            .for_each(|(_, gate)| gate.gate.borrow_mut().take());
        self.count(ix, 1);
    }

    /// An attempt that was counted did not leave after all.
    pub(crate) fn give_back(&self, ix: RouteIx) {
        self.sender_of(ix).gate.borrow_mut().give_back();
        self.gates_over(ix)
            .for_each(|(_, gate)| gate.gate.borrow_mut().give_back());
        self.count(ix, -1);
    }

    /// An attempt ended.
    pub(crate) fn release(&self, ix: RouteIx) {
        self.count(ix, -1);
    }

    /// An attempt by it worked, or failed by the provider's fault.
    pub(crate) fn ended(&self, ix: RouteIx, worked: bool, now: Timestamp) {
        self.sender_of(ix).gate.borrow_mut().ended(worked, now);
        self.gates_over(ix)
            .for_each(|(_, gate)| gate.gate.borrow_mut().ended(worked, now));
    }

    /// The provider throttles: it named a time, or did not.
    pub(crate) fn throttled(&self, ix: RouteIx, until: Option<Timestamp>, now: Timestamp) {
        let mut gate = self.sender_of(ix).gate.borrow_mut();
        gate.throttled(now);
        if let Some(until) = until {
            gate.block_until(until);
        }
    }

    pub(crate) fn blocked_until(&self, ix: RouteIx) -> Timestamp {
        self.sender_of(ix).gate.borrow().blocked_until()
    }

    /// A trouble changed its state or its reach.
    pub(super) fn gate(&mut self, verdict: &Verdict) {
        let id = verdict.episode;
        let ramps = verdict.from == Health::Recovering;
        if verdict.to == Health::Up && !ramps {
            self.gates.remove(&id);
            return;
        }
        let limits = self.limits_of(&verdict.scope);
        let in_flight = in_flight_of(&self.routes, &verdict.scope);
        let known = self.gates.entry(id).or_insert_with(|| ScopeGate {
            scope: verdict.scope,
            health: Health::Up,
            gate: RefCell::new(Gate::new(limits, verdict.at)),
            in_flight: Cell::new(0),
        });
        (known.scope, known.health) = (verdict.scope, verdict.to);
        known.in_flight.set(in_flight);
        known.gate.borrow_mut().set_share(self.share, verdict.at);
        known.gate.borrow_mut().set_health(verdict.to, verdict.at);
    }

    /// A trouble that fails much gets no more than tells whether it still does.
    pub(crate) fn weigh(&self, now: Timestamp) {
        for (id, gate) in self
            .gates
            .iter()
            .filter(|(_, gate)| gate.health == Health::Degraded)
        {
            let severe = self.board.failing_share(*id, now) >= SEVERE_SHARE;
            gate.gate.borrow_mut().set_severe(severe, now);
        }
    }

    /// Gates of troubles that are over and whose ramp is done; gives their scopes.
    pub(crate) fn sweep_gates(&mut self, now: Timestamp) -> Vec<Scope> {
        let done = |gate: &ScopeGate| gate.health == Health::Up && !gate.is_ramping(now);
        let over: Vec<EpisodeId> = self
            .gates
            .iter()
            .filter(|(_, gate)| done(gate))
            .map(|(id, _)| *id)
            .collect();
        over.iter()
            .filter_map(|id| self.gates.remove(id))
            .map(|gate| gate.scope)
            .collect()
    }

    /// Troubles that are being tested and have room for one more.
    pub(crate) fn testing(&self, now: Timestamp) -> Vec<EpisodeId> {
        let tests = |gate: &&ScopeGate| gate.health == Health::Recovering && gate.room(now) > 0;
        let found = self.gates.iter().filter(|(_, gate)| tests(gate));
        found.map(|(id, _)| *id).collect()
    }

    pub(crate) fn is_any_waited_for(&self, scope: &Scope) -> bool {
        self.waiting.iter().any(|ix| self.is_covered(*ix, scope))
    }

    pub(crate) fn gate_scope(&self, id: EpisodeId) -> Option<Scope> {
        self.gates.get(&id).map(|gate| gate.scope)
    }

    /// Messages that wait for a route under this scope.
    pub(super) fn waiting_under(&self, scope: &Scope) -> usize {
        self.waiting
            .iter()
            .filter(|ix| self.is_covered(**ix, scope))
            .map(|ix| self.get(*ix).waiting)
            .sum()
    }

    pub(super) fn gates_over(&self, ix: RouteIx) -> impl Iterator<Item = (&EpisodeId, &ScopeGate)> {
        let scope = self.get(ix).scope;
        self.gates
            .iter()
            .filter(move |(_, gate)| gate.scope.covers(&scope))
    }

    /// The troubles that limit a route now: none where an operator says that it is up.
    pub(super) fn limits_over(&self, ix: RouteIx) -> impl Iterator<Item = &ScopeGate> {
        let free = self.is_forced_up(&self.get(ix).scope);
        let over = self.gates_over(ix).map(|(_, gate)| gate);
        over.filter(move |_| !free)
    }

    fn is_forced_up(&self, scope: &Scope) -> bool {
        let mut said = self.board.holds().iter().rev();
        let last = said.find(|hold| hold.scope.covers(scope));
        last.is_some_and(|hold| hold.kind == HoldKind::Up)
    }

    fn count(&self, ix: RouteIx, by: i32) {
        let add = |cell: &Cell<u32>| cell.set(cell.get().saturating_add_signed(by));
        add(&self.get(ix).in_flight);
        add(&self.sender_of(ix).in_flight);
        self.gates_over(ix)
            .for_each(|(_, gate)| add(&gate.in_flight));
    }

    /// The limits of the fastest sender in it.
    fn limits_of(&self, scope: &Scope) -> holdline_core::routing::GateConfig {
        let inside = self
            .numbers()
            .filter(|number| scope.meets(&self.board.scope_of(*number)));
        let limits = inside.map(|number| self.sender(number).limits);
        limits
            .max_by(|a, b| a.rate_per_s.total_cmp(&b.rate_per_s))
            .unwrap_or_default()
    }
}

fn in_flight_of(routes: &[Route], scope: &Scope) -> u32 {
    let inside = routes.iter().filter(|route| scope.covers(&route.scope));
    inside.map(|route| route.in_flight.get()).sum()
}
