//! The row of an attempt is on the disk before the provider sees its first byte.

use crate::deterministic::checkers::{Checker, Rules};
use crate::deterministic::chronicle::Wrong;
use crate::deterministic::facts::Fact;

pub(crate) struct AttemptFirst;

impl Checker for AttemptFirst {
    fn name(&self) -> &'static str {
        "attempt_before_network"
    }

    fn see(&mut self, _: u64, fact: &Fact, _: &Rules) -> Result<(), Wrong> {
        match fact {
            Fact::Arrives {
                key,
                on_disk: false,
                ..
            } => Err(Wrong::with(
                key.message,
                format!(
                    "attempt {} came to the provider and is not on the disk",
                    key.number
                ),
            )),
            _other => Ok(()),
        }
    }
}
