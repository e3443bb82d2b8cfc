//! A receipt that was taken counts, however late: what arrived is delivered, and who got it twice
//! is counted.

use crate::deterministic::checkers::{Checker, End, Rules};
use crate::deterministic::chronicle::Wrong;
use crate::deterministic::facts::Fact;
use holdline_core::MessageId;
use holdline_core::message::{End as Ended, Progress, ReceiptKind, State};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Default)]
pub(crate) struct Receipts {
    /// Attempts that the provider said have arrived, and a node took the receipt.
    arrived: BTreeMap<MessageId, BTreeSet<u16>>,
}

impl Checker for Receipts {
    fn name(&self) -> &'static str {
        "late_receipts_count"
    }

    fn see(&mut self, _: u64, fact: &Fact, _: &Rules) -> Result<(), Wrong> {
        if let Fact::Receipt {
            key: Some(key),
            kind: ReceiptKind::Reached(progress),
            ..
        } = fact
            && *progress >= Progress::Delivered
        {
            self.arrived
                .entry(key.message)
                .or_default()
                .insert(key.number);
        }
        Ok(())
    }

    fn end(&mut self, end: &End, _: &Rules) -> Result<(), Wrong> {
        for (id, attempts) in &self.arrived {
            let Some(state) = end.state(*id) else {
                continue;
            };
            let delivered = matches!(
                state,
                State::Ended {
                    end: Ended::Delivered,
                    ..
                }
            );
            if !delivered {
                let what = format!("its receipt was taken, and it ended as {}", state.name());
                return Err(Wrong::with(*id, what));
            }
            let counted = end
                .duplicates
                .iter()
                .filter(|key| key.message == *id)
                .count();
            if counted + 1 < attempts.len() {
                let times = attempts.len();
                let what = format!("arrived {times} times; counted as doubled {counted} times");
                return Err(Wrong::with(*id, what));
            }
        }
        Ok(())
    }
}
