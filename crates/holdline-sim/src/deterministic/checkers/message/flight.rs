//! A message has one attempt under way at most, and no attempt is made twice. A receipt that comes
//! before the answer says what became of an attempt as well as the answer does.

use crate::deterministic::checkers::{Checker, Rules};
use crate::deterministic::chronicle::Wrong;
use crate::deterministic::facts::Fact;
use holdline_core::{AttemptKey, MessageId};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Default)]
pub(crate) struct Flight {
    /// The attempt, by which node, and since when.
    under_way: BTreeMap<MessageId, (u16, u8, u64)>,
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

    fn see(&mut self, at_ms: u64, fact: &Fact, rules: &Rules) -> Result<(), Wrong> {
        match fact {
            Fact::Leaves(leaves) => {
                let key = leaves.key;
                if !self.left.insert(key) {
                    let what = format!("attempt {} leaves a second time", key.number);
                    return Err(Wrong::with(key.message, what));
                }
                let before = self
                    .under_way
                    .insert(key.message, (key.number, leaves.node, at_ms));
                let window_ms = rules.policy.ambiguity_ms(leaves.priority);
                // A node that was taken over may still wait for its answer: that is a doubt, also
                // for itself when it has the work again.
                if let Some((other, node, since_ms)) = before
                    && node == leaves.node
                    && (rules.nodes == 1 || at_ms - since_ms < window_ms)
                {
                    let what = format!("attempt {} leaves while {other} is under way", key.number);
                    return Err(Wrong::with(key.message, what));
                }
            }
            Fact::Ends { key, .. }
            | Fact::Dropped { key }
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
