//! What grows has a limit: open messages, attempts and posts under way. No loop of a node ends by
//! itself. Of several nodes each has the limit of open messages, and what one knows of the others
//! is seconds old: by as much as was taken meanwhile the limit may be passed.

use crate::deterministic::checkers::{Checker, Rules};
use crate::deterministic::chronicle::Wrong;
use crate::deterministic::facts::{AskId, Fact, Told};
use holdline_core::AttemptKey;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// How old may be what a node knows of the others: the time until a dead one is taken over, and
/// two signs of life.
const KNOWN_WITHIN_MS: u64 = 15_000;

#[derive(Default)]
pub(crate) struct Bounds {
    /// When messages were taken lately.
    taken: VecDeque<u64>,
    /// Faults of the store that are on, by which a node may not hear of the others.
    deaf: u32,
    deaf_until_ms: u64,
    /// Open at most while they did not hear: it stays open for a while.
    deaf_most: usize,
    /// Nodes that went or came: whoever takes over may have two limits' worth for a while.
    moves: usize,
    asking: BTreeSet<AskId>,
    asking_most: usize,
    under_way: BTreeMap<AttemptKey, (u8, String)>,
}

impl Bounds {
    /// Requests that are answered in the same turn cannot know of each other.
    fn open(&mut self, at_ms: u64, count: usize, rules: &Rules) -> Result<(), Wrong> {
        let limits = usize::from(rules.nodes) + self.moves;
        let each = rules.open_messages_max.saturating_mul(limits);
        let most = each
            .saturating_add(self.asking_most)
            .saturating_add(self.taken_lately(at_ms, rules));
        let hears = rules.nodes == 1 || (self.deaf == 0 && at_ms >= self.deaf_until_ms);
        if !hears {
            self.deaf_most = self.deaf_most.max(count);
        }
        if count > most.saturating_add(self.deaf_most) {
            let max = rules.open_messages_max;
            return Err(Wrong::of(format!(
                "{count} messages are open; the limit is {max}"
            )));
        }
        Ok(())
    }

    /// Of what one node alone takes it knows all.
    fn taken_lately(&mut self, at_ms: u64, rules: &Rules) -> usize {
        let old = |at: &u64| at_ms - at > KNOWN_WITHIN_MS;
        while self.taken.front().is_some_and(old) {
            self.taken.pop_front();
        }
        if rules.nodes == 1 {
            0
        } else {
            self.taken.len()
        }
    }

    fn act(&mut self, at_ms: u64, name: &str, begins: bool) {
        if name.starts_with("store_") && begins {
            self.deaf += 1;
        } else if name.starts_with("store_") {
            self.deaf = self.deaf.saturating_sub(1);
            self.deaf_until_ms = at_ms + 2 * KNOWN_WITHIN_MS;
        }
    }

    fn leaves(&mut self, key: AttemptKey, place: (u8, String), rules: &Rules) -> Result<(), Wrong> {
        self.under_way.insert(key, place.clone());
        let count = self.under_way.values().filter(|it| **it == place).count();
        if count > rules.gate.in_flight_max as usize {
            let what = format!("{count} attempts are under way by {}", place.1);
            return Err(Wrong::with(key.message, what));
        }
        Ok(())
    }
}

impl Checker for Bounds {
    fn name(&self) -> &'static str {
        "nothing_unbounded"
    }

    fn see(&mut self, at_ms: u64, fact: &Fact, rules: &Rules) -> Result<(), Wrong> {
        match fact {
            Fact::Asks(asks) => {
                self.asking.insert(asks.id);
                self.asking_most = self.asking_most.max(self.asking.len());
            }
            Fact::Told { ask, told } => {
                self.asking.remove(ask);
                if matches!(told, Told::Accepted { repeat: false, .. }) {
                    self.taken.push_back(at_ms);
                }
            }
            Fact::Life { .. } if rules.nodes > 1 && at_ms > 0 => self.moves += 1,
            Fact::Act { name, begins } => self.act(at_ms, name, *begins),
            Fact::Open { count } => return self.open(at_ms, *count, rules),
            Fact::Leaves(leaves) => {
                let place = (leaves.node, leaves.sender.clone());
                return self.leaves(leaves.key, place, rules);
            }
            Fact::Ends { key, .. } | Fact::Dropped { key } => {
                self.under_way.remove(key);
            }
            Fact::Posting { all, one } => {
                let hooks = &rules.hooks;
                if *all > hooks.in_flight_max || *one > hooks.per_endpoint_max {
                    return Err(Wrong::of(format!(
                        "{all} posts under way, {one} to one app"
                    )));
                }
            }
            Fact::LoopEnded { node, name } => {
                return Err(Wrong::of(format!(
                    "loop {name} of node {node} ended by itself"
                )));
            }
            _other => {}
        }
        Ok(())
    }
}
