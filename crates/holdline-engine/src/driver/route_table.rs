//! The routes with all that is asked of them: health by their detector, room by their gate, and
//! the outage that is open on them. One place decides whether a route is usable.

use crate::config::RouteConfig;
use crate::ports::records::{OutageRecord, RouteRecord};
use crate::request::RouteStatus;
use holdline_core::health::{Detector, Health, Rule, RuleConfig, Signal, Verdict};
use holdline_core::id::OutageId;
use holdline_core::routing::{Gate, GateConfig, RouteIx, RouteView, Routes};
use holdline_core::{ChannelKind, Timestamp};
use std::cell::RefCell;

/// Most routes of one installation.
pub(crate) const ROUTES_MAX: usize = 10_000;

pub(crate) struct Route {
    pub(crate) name: String,
    pub(crate) channel: ChannelKind,
    pub(crate) sender: String,
    /// False for a route that stored plans name but the configuration does not.
    pub(crate) configured: bool,
    pub(crate) detector: Box<dyn Detector>,
    gate: RefCell<Gate>,
    pub(crate) reason: String,
    pub(crate) outage: Option<OutageRecord>,
    /// Messages that would leave by it; kept by the lanes.
    pub(crate) waiting: usize,
    pub(crate) probing: bool,
}

pub(crate) struct RouteTable {
    routes: Vec<Route>,
    /// The engine is stopping: nothing new leaves.
    closed: bool,
}

/// The name of a route: channel, sender, destination class (one class for now).
pub(crate) fn route_name(channel: ChannelKind, sender: &str) -> String {
    format!("{channel}/{sender}/all")
}

impl RouteTable {
    pub(crate) fn new(
        configs: &[RouteConfig],
        saved: &[RouteRecord],
        outages: Vec<OutageRecord>,
        now: Timestamp,
    ) -> Self {
        let mut table = Self {
            routes: Vec::new(),
            closed: false,
        };
        for config in configs {
            let name = route_name(config.channel, &config.sender);
            let rule = match saved.iter().find(|record| record.name == name) {
                Some(record) => Rule::resume(config.rule.clone(), record.health, record.since, now),
                None => Rule::new(config.rule.clone(), now),
            };
            let outage = outages
                .iter()
                .find(|outage| outage.route == name && outage.recovered_at.is_none())
                .cloned();
            table.push(config, Box::new(rule), true, now);
            if let Some(route) = table.routes.last_mut() {
                route.outage = outage;
            }
        }
        table
    }

    /// The index of a route; one that is not configured is kept as a route that never opens.
    pub(crate) fn intern(&mut self, channel: ChannelKind, sender: &str, now: Timestamp) -> RouteIx {
        let name = route_name(channel, sender);
        if let Some(at) = self.routes.iter().position(|route| route.name == name) {
            return RouteIx(u16::try_from(at).unwrap_or(u16::MAX));
        }
        let gone = Rule::resume(RuleConfig::default(), Health::AccountFault, now, now);
        let at = if self.routes.len() < ROUTES_MAX {
            let config = RouteConfig {
                channel,
                sender: sender.to_owned(),
                gate: GateConfig::default(),
                rule: RuleConfig::default(),
            };
            self.push(&config, Box::new(gone), false, now);
            self.routes.len() - 1
        } else {
            ROUTES_MAX - 1
        };
        self.routes[at].reason = String::from("this sender is no longer configured");
        RouteIx(u16::try_from(at).unwrap_or(u16::MAX))
    }

    pub(crate) fn indices(&self) -> impl Iterator<Item = RouteIx> + use<> {
        (0..u16::try_from(self.routes.len()).unwrap_or(u16::MAX)).map(RouteIx)
    }

    pub(crate) fn get(&self, ix: RouteIx) -> &Route {
        &self.routes[usize::from(ix.0)]
    }

    pub(crate) fn get_mut(&mut self, ix: RouteIx) -> &mut Route {
        &mut self.routes[usize::from(ix.0)]
    }

    pub(crate) fn observe(&mut self, ix: RouteIx, signal: &Signal) -> Option<Verdict> {
        let verdict = self.get_mut(ix).detector.observe(signal)?;
        self.apply(ix, &verdict);
        Some(verdict)
    }

    pub(crate) fn tick(&mut self, ix: RouteIx, now: Timestamp) -> Option<Verdict> {
        let verdict = self.get_mut(ix).detector.tick(now)?;
        self.apply(ix, &verdict);
        Some(verdict)
    }

    /// Opens or closes the outage that a verdict begins or ends. Gives the record to be saved.
    pub(crate) fn account(
        &mut self,
        ix: RouteIx,
        verdict: &Verdict,
        id: OutageId,
    ) -> Option<OutageRecord> {
        let route = self.get_mut(ix);
        match verdict.to {
            Health::Down if route.outage.is_none() => {
                route.outage = Some(OutageRecord {
                    id,
                    route: route.name.clone(),
                    scope: route.name.clone(),
                    signal: String::new(),
                    onset: verdict.onset,
                    suspect_at: None,
                    degraded_at: None,
                    opened_at: verdict.at,
                    recovering_at: None,
                    recovered_at: None,
                    reason: verdict.reason.clone(),
                    moved: 0,
                    nats: 0.0,
                    bound: None,
                    ratio: None,
                    feed: None,
                    feed_at: None,
                });
                route.outage.clone()
            }
            Health::Up => {
                let mut outage = route.outage.take()?;
                outage.recovered_at = Some(verdict.at);
                Some(outage)
            }
            Health::Down
            | Health::Suspect
            | Health::Degraded
            | Health::Recovering
            | Health::AccountFault
            | Health::SelfImpaired => None,
        }
    }

    pub(crate) fn status(&self, ix: RouteIx, oldest: Option<Timestamp>) -> RouteStatus {
        let route = self.get(ix);
        RouteStatus {
            name: route.name.clone(),
            channel: route.channel,
            sender: route.sender.clone(),
            health: route.detector.health(),
            since: route.detector.since(),
            reason: route.reason.clone(),
            waiting: route.waiting,
            in_flight: route.gate.borrow().in_flight(),
            oldest_waiting_at: oldest,
        }
    }

    pub(crate) fn close(&mut self) {
        self.closed = true;
    }

    pub(crate) fn seen_at(&self, now: Timestamp) -> Seen<'_> {
        Seen {
            table: self,
            now,
            open: None,
        }
    }

    fn apply(&mut self, ix: RouteIx, verdict: &Verdict) {
        let route = self.get_mut(ix);
        route.reason.clone_from(&verdict.reason);
        route.gate.borrow_mut().set_health(verdict.to, verdict.at);
    }

    fn push(
        &mut self,
        config: &RouteConfig,
        detector: Box<dyn Detector>,
        configured: bool,
        now: Timestamp,
    ) {
        let mut gate = Gate::new(config.gate, now);
        gate.set_health(detector.health(), now);
        self.routes.push(Route {
            name: route_name(config.channel, &config.sender),
            channel: config.channel,
            sender: config.sender.clone(),
            configured,
            detector,
            gate: RefCell::new(gate),
            reason: String::new(),
            outage: None,
            waiting: 0,
            probing: false,
        });
    }
}

impl Route {
    pub(crate) fn has_room(&self, now: Timestamp) -> bool {
        self.gate.borrow_mut().has_room(now)
    }

    pub(crate) fn room_at(&self, now: Timestamp) -> Option<Timestamp> {
        self.gate.borrow_mut().room_at(now)
    }

    pub(crate) fn take(&self) {
        self.gate.borrow_mut().take();
    }

    pub(crate) fn give_back(&self) {
        self.gate.borrow_mut().give_back();
    }

    pub(crate) fn release(&self) {
        self.gate.borrow_mut().release();
    }

    pub(crate) fn block_until(&self, until: Timestamp) {
        self.gate.borrow_mut().block_until(until);
    }
}

/// The table at one instant, as the core asks for it.
pub(crate) struct Seen<'a> {
    table: &'a RouteTable,
    now: Timestamp,
    /// A route whose room was already found for this very message.
    open: Option<RouteIx>,
}

impl Seen<'_> {
    pub(crate) fn with_open(self, ix: RouteIx) -> Self {
        Self {
            open: Some(ix),
            ..self
        }
    }
}

impl Routes for Seen<'_> {
    fn view(&self, ix: RouteIx) -> RouteView {
        let route = self.table.get(ix);
        let health = route.detector.health();
        let mut gate = route.gate.borrow_mut();
        let ramping = gate.is_ramping(self.now);
        let scarce = ramping || health == Health::Recovering;
        let ahead = if scarce { route.waiting } else { 0 };
        let open = self.open == Some(ix) || gate.room(self.now) as usize > ahead;
        let (room, blocked_until) = (open && !self.table.closed, gate.blocked_until());
        RouteView {
            health,
            since: route.detector.since(),
            room,
            ramping,
            blocked_until,
        }
    }
}
