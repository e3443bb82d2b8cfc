//! What people write is heard by an app once it was answered 200, and is one message, however
//! often the provider posts it.

use crate::deterministic::checkers::{Checker, End, Rules};
use crate::deterministic::chronicle::Wrong;
use crate::deterministic::facts::{Fact, Heard, News};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Default)]
pub(crate) struct Inbound {
    wrote: BTreeSet<String>,
    stored: BTreeSet<String>,
    /// Taken by an app: the provider's id, and ours.
    heard: BTreeMap<String, u128>,
}

impl Inbound {
    fn heard(&mut self, id: &str, inbound: u128, taken: bool) -> Result<(), Wrong> {
        if !self.wrote.contains(id) {
            return Err(Wrong::of(format!("an app heard {id}, which nobody wrote")));
        }
        match self.heard.get(id) {
            Some(known) if *known != inbound => {
                return Err(Wrong::of(format!("{id} came to the apps as two messages")));
            }
            Some(_) => {}
            None if taken => drop(self.heard.insert(id.to_owned(), inbound)),
            None => {}
        }
        Ok(())
    }
}

impl Checker for Inbound {
    fn name(&self) -> &'static str {
        "no_inbound_lost_or_doubled"
    }

    fn see(&mut self, _: u64, fact: &Fact, _: &Rules) -> Result<(), Wrong> {
        match fact {
            Fact::Wrote { id, .. } => drop(self.wrote.insert(id.clone())),
            Fact::Stored { id } => drop(self.stored.insert(id.clone())),
            Fact::Heard(Heard {
                news: News::Wrote { id, inbound },
                taken,
                ..
            }) => return self.heard(id, *inbound, *taken),
            _other => {}
        }
        Ok(())
    }

    fn end(&mut self, _: &End, _: &Rules) -> Result<(), Wrong> {
        match self.stored.iter().find(|id| !self.heard.contains_key(*id)) {
            Some(id) => Err(Wrong::of(format!(
                "{id} was answered 200, and no app heard it"
            ))),
            None => Ok(()),
        }
    }
}
