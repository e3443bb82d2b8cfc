//! A message has one attempt under way at most, and no attempt is made twice. A receipt that comes
//! before the answer says what became of an attempt as well as the answer does, also one that was
//! refused and yet may be in the store.

use crate::deterministic::checkers::{Checker, Rules};
use crate::deterministic::chronicle::Wrong;
use crate::deterministic::facts::Fact;
use holdline_core::{AttemptKey, MessageId};
use holdline_engine::ports::Partition;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Default)]
pub(crate) struct Flight {
    /// The attempt, by which node, of which partition.
    under_way: BTreeMap<MessageId, (u16, u8, Partition)>,
    left: BTreeSet<AttemptKey>,
}

impl Flight {
    fn is_under_way(&self, key: AttemptKey) -> bool {
        let known = self.under_way.get(&key.message);
        known.is_some_and(|it| it.0 == key.number)
    }
}

impl Checker for Flight {
    fn name(&self) -> &'static str {
        "one_attempt_in_flight"
    }

    fn see(&mut self, _: u64, fact: &Fact, _: &Rules) -> Result<(), Wrong> {
        match fact {
            Fact::Leaves(leaves) => {
                let key = leaves.key;
                if !self.left.insert(key) {
                    let what = format!("attempt {} leaves a second time", key.number);
                    return Err(Wrong::with(key.message, what));
                }
                let call = (key.number, leaves.node, leaves.partition);
                let before = self.under_way.insert(key.message, call);
                if let Some((other, node, _)) = before
                    && node == leaves.node
                {
                    let what = format!("attempt {} leaves while {other} is under way", key.number);
                    return Err(Wrong::with(key.message, what));
                }
            }
            // For whoever takes the work over, a call that has not ended is a doubt.
            Fact::Takes { partitions, .. } => {
                let calls = &mut self.under_way;
                calls.retain(|_, (_, _, partition)| !partitions.has(*partition));
            }
            Fact::Ends { key, .. }
            | Fact::Dropped { key }
            | Fact::MayBeKept { key }
            | Fact::Receipt { key: Some(key), .. }
                if self.is_under_way(*key) =>
            {
                self.under_way.remove(&key.message);
            }
            _other => {}
        }
        Ok(())
    }
}
