//! What may have been sent is not sent again before its window is over, and never where the
//! message's rule says never; a receipt that says what became of it settles it.

use crate::deterministic::checkers::{Checker, Rules};
use crate::deterministic::chronicle::Wrong;
use crate::deterministic::facts::{Fact, Leaves};
use holdline_core::message::{DuplicateRule, Outcome};
use holdline_core::{AttemptKey, MessageId};
use holdline_engine::ports::{Partition, Partitions};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Default)]
pub(crate) struct Unknown {
    /// Attempts in doubt of each message, and since when.
    doubts: BTreeMap<MessageId, BTreeMap<u16, u64>>,
    /// Attempts whose fate is known, also to whoever hears of a time-out after it.
    settled: BTreeSet<AttemptKey>,
    /// Calls that have not ended: in doubt for whoever takes their partition over.
    under_way: BTreeMap<AttemptKey, Partition>,
    holders: BTreeMap<Partition, (u8, u64)>,
    clocks: BTreeMap<u8, i64>,
    /// When a node's clock was set forward, and by how much: its windows were shorter then.
    forward: Vec<(u64, u64)>,
}

impl Unknown {
    fn doubt(&mut self, key: AttemptKey, at_ms: u64) {
        if self.settled.contains(&key) {
            return;
        }
        let doubts = self.doubts.entry(key.message).or_default();
        doubts.entry(key.number).or_insert(at_ms);
    }

    fn taken(&mut self, at_ms: u64, node: u8, partitions: Partitions) {
        for partition in partitions.iter() {
            self.holders.insert(partition, (node, at_ms));
        }
        let calls = self.under_way.iter();
        let taken: Vec<AttemptKey> = calls
            .filter(|(_, partition)| partitions.has(**partition))
            .map(|(key, _)| *key)
            .collect();
        for key in taken {
            self.doubt(key, at_ms);
        }
    }

    fn settle(&mut self, key: AttemptKey) {
        self.settled.insert(key);
        if let Some(doubts) = self.doubts.get_mut(&key.message) {
            doubts.remove(&key.number);
        }
    }

    fn leaves(&mut self, at_ms: u64, leaves: &Leaves, rules: &Rules) -> Result<(), Wrong> {
        let other = self.holders.get(&leaves.partition);
        let other = other.filter(|(node, _)| *node != leaves.node);
        if let Some((_, since_ms)) = other.copied() {
            self.doubt(leaves.key, since_ms);
        }
        self.under_way.insert(leaves.key, leaves.partition);
        let Some(doubts) = self.doubts.get(&leaves.key.message) else {
            return Ok(());
        };
        for (number, since_ms) in doubts
            .iter()
            .filter(|(number, _)| **number != leaves.key.number)
        {
            let rule = leaves.priority.duplicate_rule();
            let words = format!("attempt {number} is in doubt since {since_ms} ms");
            if rule == DuplicateRule::Never {
                let what = format!("{words}; its rule is never, and it is sent again");
                return Err(Wrong::with(leaves.key.message, what));
            }
            let forward = self.forward.iter().filter(|(at, _)| at >= since_ms);
            let skipped: u64 = forward.map(|(_, by)| by).sum();
            let waited_ms = at_ms - since_ms + skipped;
            let window_ms = rules.policy.ambiguity_ms(leaves.priority);
            if waited_ms < window_ms {
                let what = format!("{words}; sent again after {waited_ms} of {window_ms} ms");
                return Err(Wrong::with(leaves.key.message, what));
            }
        }
        Ok(())
    }
}

impl Checker for Unknown {
    fn name(&self) -> &'static str {
        "unknown_is_not_resent_blindly"
    }

    fn see(&mut self, at_ms: u64, fact: &Fact, rules: &Rules) -> Result<(), Wrong> {
        match fact {
            Fact::Leaves(leaves) => return self.leaves(at_ms, leaves, rules),
            Fact::Ends { key, outcome } => {
                self.under_way.remove(key);
                match outcome {
                    Outcome::Unknown(_) => self.doubt(*key, at_ms),
                    Outcome::Accepted { .. } | Outcome::Rejected(_) | Outcome::Throttled { .. } => {
                        self.settle(*key);
                    }
                }
            }
            Fact::Dropped { key } => {
                self.under_way.remove(key);
                self.doubt(*key, at_ms);
            }
            Fact::MayBeKept { key } | Fact::Receipt { key: Some(key), .. } => {
                self.under_way.remove(key);
                self.settle(*key);
            }
            Fact::Takes { node, partitions } => self.taken(at_ms, *node, *partitions),
            Fact::Clock { node, by_ms } => {
                let before = self.clocks.insert(*node, *by_ms).unwrap_or(0);
                let by_ms = by_ms.saturating_sub(before).max(0);
                self.forward.push((at_ms, by_ms.unsigned_abs()));
            }
            _other => {}
        }
        Ok(())
    }
}
