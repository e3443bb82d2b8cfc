//! One key is one message: the same request is answered the same, another one is refused.

use crate::deterministic::checkers::{Checker, End, Rules};
use crate::deterministic::chronicle::Wrong;
use crate::deterministic::facts::{AskId, Fact, Told};
use holdline_core::MessageId;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Default)]
pub(crate) struct Idempotency {
    keyed: BTreeSet<AskId>,
    accepted: BTreeMap<u32, (AskId, MessageId)>,
    clash_asked: BTreeSet<u32>,
}

impl Idempotency {
    fn accepted(&mut self, ask: AskId, id: MessageId) -> Result<(), Wrong> {
        if !self.keyed.contains(&ask) {
            return Ok(());
        }
        let (first, known) = *self.accepted.entry(ask.ask).or_insert((ask, id));
        if first != ask {
            return Err(Wrong::with(
                id,
                "its key belongs to another request, and it was taken",
            ));
        }
        if known != id {
            let what = format!("the same request was taken before as {known}");
            return Err(Wrong::with(id, what));
        }
        Ok(())
    }
}

impl Checker for Idempotency {
    fn name(&self) -> &'static str {
        "one_key_is_one_message"
    }

    fn see(&mut self, _: u64, fact: &Fact, _: &Rules) -> Result<(), Wrong> {
        match fact {
            Fact::Asks(asks) => {
                if asks.key.is_some() {
                    self.keyed.insert(asks.id);
                }
                if asks.id.clash {
                    self.clash_asked.insert(asks.id.ask);
                }
            }
            Fact::Told {
                ask,
                told: Told::Accepted { id, .. },
            } => return self.accepted(*ask, *id),
            Fact::Told {
                ask,
                told: Told::KeyReused,
            } if !ask.clash && !self.clash_asked.contains(&ask.ask) => {
                return Err(Wrong::of(format!(
                    "{:?}: its own key is called reused",
                    ask.text()
                )));
            }
            _other => {}
        }
        Ok(())
    }

    fn end(&mut self, end: &End, _: &Rules) -> Result<(), Wrong> {
        let mut seen: BTreeMap<AskId, MessageId> = BTreeMap::new();
        for (id, stored) in &end.messages {
            let body = String::from_utf8_lossy(stored.message.body.expose());
            let asked = |ask: &&AskId| body.contains(&format!("\"{}\"", ask.text()));
            let Some(ask) = self.keyed.iter().find(asked) else {
                continue;
            };
            if let Some(other) = seen.insert(*ask, *id) {
                let what = format!("the disk holds the same request as {other} too");
                return Err(Wrong::with(*id, what));
            }
        }
        Ok(())
    }
}
