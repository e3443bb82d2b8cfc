//! Messages to one person of one urgency leave by a channel in the order in which the app was told
//! that they are safe. One that waits for long, or for another channel, may be passed.

use crate::deterministic::checkers::{Checker, Rules};
use crate::deterministic::chronicle::Wrong;
use crate::deterministic::facts::{AskId, Asks, Fact, Heard, Leaves, News, Told};
use crate::deterministic::number_of;
use holdline_core::message::Priority;
use holdline_core::{ChannelKind, MessageId};
use holdline_engine::config::ORDER_WAIT_MAX_MS;
use std::collections::{BTreeMap, BTreeSet};

type Line = (String, Priority);

#[derive(Default)]
pub(crate) struct Order {
    /// Requests whose message is not known: under way, or without an answer for good.
    asked: BTreeMap<AskId, (u64, Line)>,
    /// Of each conversation: what the app was told is safe, and when.
    lines: BTreeMap<Line, Vec<(MessageId, u64)>>,
    asked_at: BTreeMap<MessageId, u64>,
    left: BTreeSet<MessageId>,
    heard_end: BTreeSet<MessageId>,
    /// Which node took it, where that is known.
    taken_by: BTreeMap<MessageId, u8>,
    /// Passed by another message, by that channel and sender: wrong if it leaves by the same. Two
    /// senders are two threads on a phone, and one of them may be stuck.
    passed: BTreeMap<MessageId, (MessageId, ChannelKind, String)>,
    /// Ids no longer tell the age.
    clocks_went_wrong: bool,
}

impl Order {
    fn asks(&mut self, at_ms: u64, asks: &Asks) {
        let priority = Priority::ALL[usize::from(asks.priority) % Priority::ALL.len()];
        let line = (number_of(asks.person), priority);
        self.asked.entry(asks.id).or_insert((at_ms, line));
    }

    fn told(&mut self, at_ms: u64, ask: AskId, id: MessageId) {
        let Some((asked_ms, line)) = self.asked.remove(&ask) else {
            return;
        };
        if self.asked_at.insert(id, asked_ms).is_none() {
            self.lines.entry(line).or_default().push((id, at_ms));
        }
    }

    /// One that the app knows, asked for after others were told to be safe, must not leave first.
    fn leaves(&mut self, at_ms: u64, leaves: &Leaves, rules: &Rules) -> Result<(), Wrong> {
        let id = leaves.key.message;
        let first = self.left.insert(id);
        if !first || self.clocks_went_wrong {
            return Ok(());
        }
        let line = (leaves.to.clone(), leaves.priority);
        let asked_ms = self
            .asked_at
            .get(&id)
            .copied()
            .or_else(|| self.pending(&line));
        let Some(asked_ms) = asked_ms else {
            return self.late(leaves, rules);
        };
        let before = self.lines.get(&line).into_iter().flatten();
        let passed = before
            .filter(|(other, told_ms)| *other != id && *told_ms < asked_ms)
            .filter(|(_, told_ms)| at_ms - told_ms < ORDER_WAIT_MAX_MS)
            .find(|(other, _)| !self.left.contains(other) && !self.heard_end.contains(other));
        if let Some((other, _)) = passed {
            let by = (id, leaves.channel, leaves.sender.clone());
            self.passed.insert(*other, by);
        }
        self.late(leaves, rules)
    }

    /// What two nodes have taken is in no order until one of them has handed it over.
    fn late(&self, leaves: &Leaves, rules: &Rules) -> Result<(), Wrong> {
        let id = leaves.key.message;
        match self.passed.get(&id) {
            Some((by, channel, sender))
                if *channel == leaves.channel
                    && *sender == leaves.sender
                    && self.is_one_taker(id, *by, rules) =>
            {
                let what = format!("leaves after {by}, which was asked for later");
                Err(Wrong::with(id, what))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn is_one_taker(&self, one: MessageId, other: MessageId, rules: &Rules) -> bool {
        let takers = [one, other].map(|id| self.taken_by.get(&id));
        rules.nodes == 1 || (takers[0].is_some() && takers[0] == takers[1])
    }

    /// When the first request of this conversation was made whose message is not known: the one
    /// that leaves was asked for then, or later.
    fn pending(&self, line: &Line) -> Option<u64> {
        let of_line = self.asked.values().filter(|(_, it)| it == line);
        of_line.map(|(asked_ms, _)| *asked_ms).min()
    }
}

impl Checker for Order {
    fn name(&self) -> &'static str {
        "order_of_a_conversation"
    }

    fn see(&mut self, at_ms: u64, fact: &Fact, rules: &Rules) -> Result<(), Wrong> {
        match fact {
            Fact::Asks(asks) => self.asks(at_ms, asks),
            Fact::Told {
                ask,
                told: Told::Accepted { id, repeat, by },
            } => {
                if !repeat {
                    self.taken_by.entry(*id).or_insert(*by);
                }
                self.told(at_ms, *ask, *id);
            }
            Fact::Leaves(leaves) => return self.leaves(at_ms, leaves, rules),
            Fact::Heard(Heard {
                news: News::Failed { message },
                ..
            }) => drop(self.heard_end.insert(*message)),
            Fact::Clock { .. } => self.clocks_went_wrong = true,
            _other => {}
        }
        Ok(())
    }
}
