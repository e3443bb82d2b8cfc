//! The promises, one a file: each looks at what can be seen from outside, and at the disk when all
//! is over, never at what the engine says of itself alone.

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "a new kind of fact concerns the checkers that are written for it"
)]
mod edge;
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "a new kind of fact concerns the checkers that are written for it"
)]
mod message;
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "a new kind of fact concerns the checkers that are written for it"
)]
mod route;

use super::chronicle::Wrong;
use super::facts::Fact;
use holdline_core::message::State;
use holdline_core::routing::{GateConfig, Policy};
use holdline_core::{AttemptKey, MessageId};
use holdline_engine::config::HookPolicy;
use holdline_engine::ports::records::StoredMessage;
use std::collections::BTreeMap;

/// What was agreed: the limits and times that a run is held to.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) policy: Policy,
    pub(crate) gate: GateConfig,
    pub(crate) hooks: HookPolicy,
    pub(crate) open_messages_max: usize,
    pub(crate) nodes: u8,
}

/// How everything stands when a run is over.
#[derive(Debug, Default)]
pub(crate) struct End {
    pub(crate) messages: BTreeMap<MessageId, StoredMessage>,
    /// Attempts by which a person got a message again, as it was counted.
    pub(crate) duplicates: Vec<AttemptKey>,
    /// Webhooks that nobody has worked off, in words.
    pub(crate) raw_open: Vec<String>,
    pub(crate) hooks_open: bool,
    pub(crate) hooks_dropped: usize,
    /// Requests of apps that are still being asked.
    pub(crate) asking: usize,
}

/// One promise.
pub(crate) trait Checker: Send {
    fn name(&self) -> &'static str;

    /// Something happened.
    fn see(&mut self, at_ms: u64, fact: &Fact, rules: &Rules) -> Result<(), Wrong>;

    /// The run is over.
    fn end(&mut self, _end: &End, _rules: &Rules) -> Result<(), Wrong> {
        Ok(())
    }
}

/// All of them.
pub(crate) fn all() -> Vec<Box<dyn Checker>> {
    vec![
        Box::new(message::accepted::Accepted::default()),
        Box::new(message::ends::Ends::default()),
        Box::new(message::attempt_first::AttemptFirst),
        Box::new(message::unknown::Unknown::default()),
        Box::new(message::flight::Flight::default()),
        Box::new(message::order::Order::default()),
        Box::new(message::receipts::Receipts::default()),
        Box::new(message::idempotency::Idempotency::default()),
        Box::new(route::down::Down::default()),
        Box::new(route::stay::Stay::default()),
        Box::new(route::own_fault::OwnFault::default()),
        Box::new(route::paced::Paced::default()),
        Box::new(edge::inbound::Inbound::default()),
        Box::new(edge::apps::Apps::default()),
        Box::new(edge::bounds::Bounds::default()),
    ]
}

/// The one of this name alone; none when there is none.
#[cfg(test)]
pub(crate) fn only(name: &str) -> Vec<Box<dyn Checker>> {
    let mut all = all();
    all.retain(|checker| checker.name() == name);
    all
}

impl End {
    pub(crate) fn state(&self, id: MessageId) -> Option<State> {
        self.messages.get(&id).map(|stored| stored.delivery.state)
    }
}
