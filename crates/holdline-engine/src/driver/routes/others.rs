//! Routes that several nodes share: each gets its part of every limit, and what it sees of channels
//! that another node decides goes there.

use super::RouteTable;
use crate::cluster::signals::{Place, Word, Words, begun_at};
use holdline_core::health::{Feature, NumberIx, Signal};
use holdline_core::routing::RouteIx;
use holdline_core::{ChannelKind, Timestamp};

impl RouteTable {
    /// Evidence: for the board, or for the node that decides this channel.
    pub(crate) fn observe(&mut self, signal: &Signal) {
        let channel = self.sender(self.number_of(signal)).channel;
        if self.board.follows(channel) {
            self.outbox.push(channel, signal.clone());
        } else {
            self.board.observe(signal);
        }
    }

    /// Nothing, or not all, could be heard until now. What began before is not awaited, here or by
    /// the node that decides.
    pub(crate) fn were_deaf(&mut self, now: Timestamp) {
        self.board.was_deaf(now);
        self.outbox.forget_before(now);
        self.heard_since = now;
    }

    /// Evidence that another node saw, written just now.
    pub(crate) fn hear(&mut self, channel: ChannelKind, word: Word, now: Timestamp) {
        let number = self.board.number_of(channel, word.sender());
        let board = &mut self.board;
        let signal = word.signal(now, number, |key| board.leaf(key, now));
        self.follow();
        let is_old = |signal: &Signal| begun_at(signal).is_some_and(|at| at < self.heard_since);
        if let Some(signal) = signal.filter(|signal| !is_old(signal)) {
            self.observe(&signal);
        }
    }

    /// What was seen of followed channels since this was last asked.
    pub(crate) fn take_outbox(&mut self, now: Timestamp) -> Vec<(ChannelKind, Words)> {
        if self.outbox.is_empty() {
            return Vec::new();
        }
        let mut outbox = std::mem::take(&mut self.outbox);
        outbox.take(now, |signal| self.place(signal))
    }

    /// So many nodes share the routes now. True when they have become fewer.
    pub(crate) fn set_nodes(&mut self, nodes: usize, now: Timestamp) -> bool {
        let before = self.share;
        self.share = 1.0 / nodes.max(1) as f64;
        for sender in &self.senders {
            sender.gate.borrow_mut().set_share(self.share, now);
        }
        for gate in self.gates.values() {
            gate.set_share(self.share, now);
        }
        self.share > before
    }

    fn place(&self, signal: &Signal) -> Place {
        let sender = self.sender(self.number_of(signal)).sender.clone();
        let leaf = route_of(signal).map(|route| {
            let key = self.board.leaf_at(route).key;
            (key.feature, key.country)
        });
        let sends = |(feature, _): &(Feature, _)| *feature != Feature::Inbound;
        Place {
            sender,
            leaf: leaf.filter(sends),
        }
    }

    fn number_of(&self, signal: &Signal) -> NumberIx {
        match signal {
            Signal::Inbound { number, .. } | Signal::Probed { number, .. } => *number,
            Signal::Started { route, .. }
            | Signal::Accepted { route, .. }
            | Signal::Receipt { route, .. } => self.get(*route).number,
            Signal::Ended(ended) => self.get(ended.route).number,
        }
    }
}

fn route_of(signal: &Signal) -> Option<RouteIx> {
    match signal {
        Signal::Inbound { .. } | Signal::Probed { .. } => None,
        Signal::Started { route, .. }
        | Signal::Accepted { route, .. }
        | Signal::Receipt { route, .. } => Some(*route),
        Signal::Ended(ended) => Some(ended.route),
    }
}
