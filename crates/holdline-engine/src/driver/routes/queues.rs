//! What waits at each sender and why, counted now and then for people to see. Decides nothing.

use super::RouteTable;
use super::seen::Seen;
use crate::driver::book::Entry;
use crate::request::Waits;
use holdline_core::Timestamp;
use holdline_core::health::{Health, NumberIx};
use holdline_core::message::State;
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
        let hop = || delivery.hops.get(usize::from(delivery.hop));
        let Some(ix) = entry.lane().or_else(|| hop().map(|hop| hop.route)) else {
            return;
        };
        let view = self.view(ix);
        let number = usize::from(self.table.get(ix).number.0);
        let Some(queue) = self.queues.0.get_mut(number) else {
            return;
        };
        let waits = &mut queue.waits;
        let is_shut = matches!(view.health, Health::Down | Health::AccountFault);
        let place = if entry.lane().is_some() {
            &mut waits.turn
        } else if view.held {
            &mut waits.held
        } else if view.health == Health::SelfImpaired {
            &mut waits.cut_off
        } else if is_shut && due >= delivery.terms.expires_at {
            &mut waits.all_down
        } else if due > self.now {
            &mut waits.later
        } else {
            &mut waits.turn
        };
        *place += 1;
        let made = delivery.terms.created_at;
        queue.oldest = Some(queue.oldest.map_or(made, |known| known.min(made)));
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
