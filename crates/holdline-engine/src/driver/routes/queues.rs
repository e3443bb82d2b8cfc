//! What waits at each sender and why, counted now and then for people to see. Decides nothing.

use super::RouteTable;
use super::seen::Seen;
use crate::driver::book::Entry;
use crate::request::Waits;
use holdline_core::Timestamp;
use holdline_core::health::{Health, NumberIx};
use holdline_core::message::{Delivery, Hop, State};
use holdline_core::routing::{RouteIx, RouteView, Routes as _};

/// What waits at one sender.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Queue {
    pub(super) waits: Waits,
    /// When the oldest was made.
    pub(super) oldest: Option<Timestamp>,
}

/// By sender, in the order of their numbers; as it was when it was last counted.
#[derive(Default)]
pub(crate) struct Queues(Vec<Queue>);

impl Queues {
    pub(super) fn of(&self, number: NumberIx) -> Queue {
        let found = self.0.get(usize::from(number.0));
        found.copied().unwrap_or_default()
    }
}

/// Why something waits, as [`Waits`] counts it.
#[derive(Clone, Copy)]
enum Why {
    Turn,
    Later,
    Held,
    AllDown,
    CutOff,
}

impl Why {
    const fn of(self, waits: &mut Waits) -> &mut usize {
        match self {
            Self::Turn => &mut waits.turn,
            Self::Later => &mut waits.later,
            Self::Held => &mut waits.held,
            Self::AllDown => &mut waits.all_down,
            Self::CutOff => &mut waits.cut_off,
        }
    }
}

/// Counts one delivery after the other.
pub(crate) struct Count<'a> {
    table: &'a RouteTable,
    seen: Seen<'a>,
    now: Timestamp,
    /// Each route is looked at once.
    views: Vec<Option<RouteView>>,
    queues: Queues,
}

impl<'a> Count<'a> {
    pub(crate) fn new(table: &'a RouteTable, now: Timestamp) -> Self {
        Self {
            table,
            seen: table.seen_at(now),
            now,
            views: vec![None; table.routes.len()],
            queues: Queues(vec![Queue::default(); table.senders.len()]),
        }
    }

    pub(crate) fn add(&mut self, entry: &Entry) {
        let delivery = &entry.delivery;
        let State::Waiting { due } = delivery.state else {
            return;
        };
        let here = delivery.hops.get(usize::from(delivery.hop));
        let found = match (entry.lane(), here) {
            (Some(lane), _) => (lane, Why::Turn),
            (None, Some(hop)) if due <= self.now => (hop.route, Why::Turn),
            // Until a route changes: nothing else wakes it.
            (None, Some(hop)) if due == delivery.terms.expires_at => self.kept_by(delivery, hop),
            (None, Some(hop)) => (hop.route, Why::Later),
            (None, None) => return,
        };
        let number = usize::from(self.table.get(found.0).number.0);
        let Some(queue) = self.queues.0.get_mut(number) else {
            return;
        };
        *found.1.of(&mut queue.waits) += 1;
        let made = delivery.terms.created_at;
        queue.oldest = Some(queue.oldest.map_or(made, |known| known.min(made)));
    }

    /// The first route it may take that keeps what there is; without one all are down, or it has a
    /// pause beyond its end.
    fn kept_by(&mut self, delivery: &Delivery, here: &Hop) -> (RouteIx, Why) {
        let left = (0_u8..).zip(delivery.hops.iter());
        for (_, hop) in left.filter(|(index, _)| !delivery.is_spent(*index)) {
            let view = self.view(hop.route);
            if view.held {
                return (hop.route, Why::Held);
            }
            if view.health == Health::SelfImpaired {
                return (hop.route, Why::CutOff);
            }
        }
        let is_shut = |health| matches!(health, Health::Down | Health::AccountFault);
        match is_shut(self.view(here.route).health) {
            true => (here.route, Why::AllDown),
            false => (here.route, Why::Later),
        }
    }

    pub(crate) fn done(self) -> Queues {
        self.queues
    }

    fn view(&mut self, ix: RouteIx) -> RouteView {
        let known = self.views.get_mut(usize::from(ix.0));
        match known {
            Some(known) => *known.get_or_insert_with(|| self.seen.view(ix)),
            None => self.seen.view(ix),
        }
    }
}
