//! The routes with all that is asked of them: health by the board, room by their gates, and the
//! troubles that are open. One place decides whether a route is usable.

mod evidence;
mod gates;
mod others;
mod queues;
mod seen;
mod shown;
mod status;
mod troubles;

use crate::cluster::signals::Outbox;
use crate::config::{EngineConfig, RouteConfig};
use gates::ScopeGate;
use holdline_core::health::{
    Board, Country, EpisodeId, Feature, LeafKey, NumberConfig, NumberIx, Scope,
};
use holdline_core::message::Success;
use holdline_core::routing::{Gate, GateConfig, RouteIx};
use holdline_core::{ChannelKind, Timestamp};
pub(crate) use queues::Queues;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
pub(crate) use troubles::{FOLLOWED, Trouble};

/// Most senders of one installation, with those that only stored plans name.
const SENDERS_MAX: usize = 10_000;

/// A sender on a channel: one limit, one performer.
pub(crate) struct Sender {
    pub(crate) channel: ChannelKind,
    pub(crate) sender: String,
    /// False for one that stored plans name but the configuration does not.
    pub(crate) configured: bool,
    gate: RefCell<Gate>,
    limits: GateConfig,
    in_flight: Cell<u32>,
    pub(crate) probing: bool,
    /// It gives receipts.
    pub(crate) receipts: bool,
}

/// A sender towards one class of destinations: the unit of health and failover.
pub(crate) struct Route {
    pub(crate) number: NumberIx,
    scope: Scope,
    /// Messages that would leave by it; kept by the lanes.
    waiting: usize,
    in_flight: Cell<u32>,
}

pub(crate) struct RouteTable {
    pub(crate) board: Board,
    senders: Vec<Sender>,
    routes: Vec<Route>,
    gates: BTreeMap<EpisodeId, ScopeGate>,
    pub(crate) troubles: BTreeMap<EpisodeId, Trouble>,
    /// Routes that somebody waits for.
    waiting: BTreeSet<RouteIx>,
    /// The engine is stopping: nothing new leaves.
    closed: bool,
    /// Of every limit, when several nodes share the routes.
    share: f64,
    /// Seen of channels that another node decides.
    outbox: Outbox,
    /// What began before, by the word of others, is not awaited.
    heard_since: Timestamp,
    /// How the evidence went.
    course: evidence::Course,
}

impl RouteTable {
    /// `best`: the best receipt and whether it can be probed, of each channel.
    pub(crate) fn new(
        config: &EngineConfig,
        best: &dyn Fn(ChannelKind) -> Option<(Success, bool)>,
        now: Timestamp,
    ) -> Self {
        let mut table = Self {
            board: Board::new(config.board.clone()),
            senders: Vec::new(),
            routes: Vec::new(),
            gates: BTreeMap::new(),
            troubles: BTreeMap::new(),
            waiting: BTreeSet::new(),
            closed: false,
            share: 1.0,
            outbox: Outbox::default(),
            heard_since: Timestamp(0),
            course: evidence::Course::default(),
        };
        for route in &config.routes {
            let (receipt, probes) = best(route.channel).unwrap_or((Success::Accepted, false));
            let number = NumberConfig {
                sender: route.sender.clone(),
                account: config.wabas.get(&route.sender).cloned(),
                receipts: receipt > Success::Accepted,
                probes,
                // An SMTP session is the same up to the mail itself.
                probes_sending: route.channel == ChannelKind::EMAIL,
                configured: true,
            };
            table.add(route, &number, now);
        }
        table
    }

    /// The route of a sender towards a class of destinations; made when it is new. A sender that is
    /// not configured is kept as one that never opens.
    pub(crate) fn intern(
        &mut self,
        (channel, sender): (ChannelKind, &str),
        feature: Feature,
        country: Country,
        now: Timestamp,
    ) -> RouteIx {
        let number = self.board.number_of(channel, sender).unwrap_or_else(|| {
            if self.senders.len() >= SENDERS_MAX {
                return NumberIx(0);
            }
            let gate = GateConfig::default();
            let route = RouteConfig {
                channel,
                sender: sender.to_owned(),
                gate,
            };
            let number = NumberConfig {
                sender: sender.to_owned(),
                ..NumberConfig::default()
            };
            self.add(&route, &number, now)
        });
        let route = self.board.leaf(
            LeafKey {
                number,
                feature,
                country,
            },
            now,
        );
        self.follow();
        route
    }

    pub(crate) fn numbers(&self) -> impl Iterator<Item = NumberIx> + use<> {
        (0..u16::try_from(self.senders.len()).unwrap_or(u16::MAX)).map(NumberIx)
    }

    pub(crate) fn sender(&self, number: NumberIx) -> &Sender {
        &self.senders[usize::from(number.0)]
    }

    pub(crate) fn sender_mut(&mut self, number: NumberIx) -> &mut Sender {
        &mut self.senders[usize::from(number.0)]
    }

    pub(crate) fn sender_of(&self, ix: RouteIx) -> &Sender {
        self.sender(self.get(ix).number)
    }

    pub(crate) fn get(&self, ix: RouteIx) -> &Route {
        &self.routes[usize::from(ix.0)]
    }

    pub(crate) fn name(&self, ix: RouteIx) -> String {
        self.board.name_of(&self.get(ix).scope)
    }

    pub(crate) fn is_covered(&self, ix: RouteIx, scope: &Scope) -> bool {
        scope.covers(&self.get(ix).scope)
    }

    /// One more would leave by it.
    pub(crate) fn wait(&mut self, ix: RouteIx) {
        self.routes[usize::from(ix.0)].waiting += 1;
        self.waiting.insert(ix);
    }

    pub(crate) fn unwait(&mut self, ix: RouteIx) {
        let route = &mut self.routes[usize::from(ix.0)];
        route.waiting = route.waiting.saturating_sub(1);
        if route.waiting == 0 {
            self.waiting.remove(&ix);
        }
    }

    /// Routes that somebody waits for, by sender.
    pub(crate) fn waited_for(&self) -> BTreeMap<NumberIx, Vec<RouteIx>> {
        let mut found: BTreeMap<NumberIx, Vec<RouteIx>> = BTreeMap::new();
        for ix in &self.waiting {
            found.entry(self.get(*ix).number).or_default().push(*ix);
        }
        found
    }

    pub(crate) fn is_waited_for(&self, ix: RouteIx) -> bool {
        self.waiting.contains(&ix)
    }

    pub(crate) fn close(&mut self) {
        self.closed = true;
    }

    pub(crate) fn in_flight(&self) -> u32 {
        self.senders
            .iter()
            .map(|sender| sender.in_flight.get())
            .sum()
    }

    fn add(&mut self, config: &RouteConfig, number: &NumberConfig, now: Timestamp) -> NumberIx {
        self.senders.push(Sender {
            channel: config.channel,
            sender: config.sender.clone(),
            configured: number.configured,
            gate: RefCell::new(Gate::new(config.gate, now)),
            limits: config.gate,
            in_flight: Cell::new(0),
            probing: false,
            receipts: number.receipts,
        });
        let number = self.board.add_number(config.channel, number, now);
        self.follow();
        number
    }

    /// Keeps one route for each leaf of the board.
    fn follow(&mut self) {
        let known = self.routes.len();
        let fresh = self.board.leaves().skip(known).map(|(_, leaf)| Route {
            number: leaf.key.number,
            scope: leaf.scope,
            waiting: 0,
            in_flight: Cell::new(0),
        });
        let fresh: Vec<Route> = fresh.collect();
        self.routes.extend(fresh);
    }
}
