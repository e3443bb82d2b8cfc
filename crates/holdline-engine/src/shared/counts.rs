//! Counters of what the engine did since it started. Read by metrics; decide nothing.

use holdline_core::ChannelKind;
use holdline_core::message::Outcome;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Counters since the start of the process.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    pub accepted: u64,
    pub failovers: u64,
    pub duplicates: u64,
    /// By channel and outcome.
    pub attempts: BTreeMap<(ChannelKind, &'static str), u64>,
    /// By channel and `receipt`, `message`, `echo` or `other`.
    pub inbound: BTreeMap<(ChannelKind, &'static str), u64>,
    /// Changes of health, by what they came to.
    pub verdicts: BTreeMap<&'static str, u64>,
    /// Posts to apps: `taken`, `retried`, `dropped`.
    pub hooks: BTreeMap<&'static str, u64>,
}

#[derive(Debug, Default)]
pub(crate) struct CountsCell(Mutex<Counts>);

impl CountsCell {
    pub(crate) fn read(&self) -> Counts {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn accepted(&self) {
        self.with(|counts| counts.accepted += 1);
    }

    pub(crate) fn failover(&self) {
        self.with(|counts| counts.failovers += 1);
    }

    pub(crate) fn duplicate(&self) {
        self.with(|counts| counts.duplicates += 1);
    }

    pub(crate) fn attempt(&self, channel: ChannelKind, outcome: &Outcome) {
        self.with(|counts| {
            *counts
                .attempts
                .entry((channel, outcome.name()))
                .or_default() += 1
        });
    }

    pub(crate) fn inbound(&self, channel: ChannelKind, what: &'static str) {
        self.with(|counts| *counts.inbound.entry((channel, what)).or_default() += 1);
    }

    pub(crate) fn verdict(&self, to: &'static str) {
        self.with(|counts| *counts.verdicts.entry(to).or_default() += 1);
    }

    pub(crate) fn hook(&self, what: &'static str) {
        self.with(|counts| *counts.hooks.entry(what).or_default() += 1);
    }

    fn with(&self, change: impl FnOnce(&mut Counts)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
