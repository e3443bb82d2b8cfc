//! What grows has a limit: open messages, attempts and posts under way. No loop of a node ends by
//! itself.

use crate::deterministic::checkers::{Checker, Rules};
use crate::deterministic::chronicle::Wrong;
use crate::deterministic::facts::{AskId, Fact};
use holdline_core::AttemptKey;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Default)]
pub(crate) struct Bounds {
    asking: BTreeSet<AskId>,
    asking_most: usize,
    under_way: BTreeMap<AttemptKey, (u8, String)>,
}

impl Bounds {
    /// Requests that are answered in the same turn cannot know of each other.
    fn open(&self, count: usize, rules: &Rules) -> Result<(), Wrong> {
        let each = rules
            .open_messages_max
            .saturating_mul(usize::from(rules.nodes));
        let most = each.saturating_add(self.asking_most);
        if count > most {
            let max = rules.open_messages_max;
            return Err(Wrong::of(format!(
                "{count} messages are open; the limit is {max}"
            )));
        }
        Ok(())
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

    fn see(&mut self, _: u64, fact: &Fact, rules: &Rules) -> Result<(), Wrong> {
        match fact {
            Fact::Asks(asks) => {
                self.asking.insert(asks.id);
                self.asking_most = self.asking_most.max(self.asking.len());
            }
            Fact::Told { ask, .. } => drop(self.asking.remove(ask)),
            Fact::Open { count } => return self.open(*count, rules),
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
