//! Where every route is bad a message stays: it does not go back and forth between bad ones, and
//! is not tried without end. What goes by a route that is being tested is a test, not a change of
//! mind.

use crate::deterministic::checkers::{Checker, Rules};
use crate::deterministic::chronicle::Wrong;
use crate::deterministic::facts::{Fact, Leaves};
use holdline_core::health::Health;
use holdline_core::{ChannelKind, MessageId};
use std::collections::{BTreeMap, VecDeque};

const WINDOW_MS: u64 = 60_000;
const CHANGES_MAX: usize = 3;

#[derive(Default)]
struct Journey {
    last: Option<ChannelKind>,
    changes: VecDeque<u64>,
    attempts: u32,
}

#[derive(Default)]
pub(crate) struct Stay {
    journeys: BTreeMap<MessageId, Journey>,
}

impl Stay {
    fn leaves(&mut self, at_ms: u64, leaves: &Leaves, rules: &Rules) -> Result<(), Wrong> {
        let id = leaves.key.message;
        let journey = self.journeys.entry(id).or_default();
        journey.attempts += 1;
        if journey.attempts > u32::from(rules.policy.attempts_max) {
            let what = format!("{} attempts, and no end", journey.attempts);
            return Err(Wrong::with(id, what));
        }
        if leaves.health == Health::Recovering {
            return Ok(());
        }
        let before = journey.last.replace(leaves.channel);
        let is_bad = leaves.health != Health::Up;
        if is_bad && before.is_some_and(|channel| channel != leaves.channel) {
            journey.changes.push_back(at_ms);
        }
        while journey
            .changes
            .front()
            .is_some_and(|at| at_ms - at > WINDOW_MS)
        {
            journey.changes.pop_front();
        }
        if journey.changes.len() > CHANGES_MAX {
            let what = format!(
                "{} changes of channel within a minute",
                journey.changes.len()
            );
            return Err(Wrong::with(id, what));
        }
        Ok(())
    }
}

impl Checker for Stay {
    fn name(&self) -> &'static str {
        "both_bad_stay"
    }

    fn see(&mut self, at_ms: u64, fact: &Fact, rules: &Rules) -> Result<(), Wrong> {
        match fact {
            Fact::Leaves(leaves) => self.leaves(at_ms, leaves, rules),
            _other => Ok(()),
        }
    }
}
