//! What an app was told is safe is on the disk at the end, with the app's own words.

use crate::deterministic::checkers::{Checker, End, Rules};
use crate::deterministic::chronicle::Wrong;
use crate::deterministic::facts::{AskId, Fact, Told};
use holdline_core::MessageId;
use std::collections::BTreeMap;

#[derive(Default)]
pub(crate) struct Accepted {
    told: BTreeMap<MessageId, AskId>,
}

impl Checker for Accepted {
    fn name(&self) -> &'static str {
        "accepted_is_never_lost"
    }

    fn see(&mut self, _: u64, fact: &Fact, _: &Rules) -> Result<(), Wrong> {
        if let Fact::Told {
            ask,
            told: Told::Accepted { id, .. },
        } = fact
        {
            self.told.entry(*id).or_insert(*ask);
        }
        Ok(())
    }

    fn end(&mut self, end: &End, _: &Rules) -> Result<(), Wrong> {
        for (id, ask) in &self.told {
            let Some(stored) = end.messages.get(id) else {
                return Err(Wrong::with(*id, "accepted, and not on the disk at the end"));
            };
            let body = String::from_utf8_lossy(stored.message.body.expose());
            if !body.contains(&format!("\"{}\"", ask.text())) {
                return Err(Wrong::with(
                    *id,
                    "the disk holds another text than the app sent",
                ));
            }
        }
        Ok(())
    }
}
