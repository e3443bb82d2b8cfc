//! Once all faults are over every delivery comes to its end, every queue is worked off, and the
//! app has heard how it went.

use crate::deterministic::checkers::{Checker, End, Rules};
use crate::deterministic::chronicle::Wrong;
use crate::deterministic::facts::{Fact, Heard, News};
use holdline_core::MessageId;
use holdline_core::message::{End as Ended, State};
use std::collections::BTreeSet;

#[derive(Default)]
pub(crate) struct Ends {
    heard_failed: BTreeSet<MessageId>,
    heard_progress: BTreeSet<MessageId>,
}

impl Checker for Ends {
    fn name(&self) -> &'static str {
        "every_delivery_ends"
    }

    fn see(&mut self, _: u64, fact: &Fact, _: &Rules) -> Result<(), Wrong> {
        match fact {
            Fact::Heard(Heard {
                news: News::Failed { message },
                taken: true,
                ..
            }) => drop(self.heard_failed.insert(*message)),
            Fact::Heard(Heard {
                news: News::Progress { message, word },
                taken: true,
                ..
            }) if word == "delivered" || word == "read" => {
                self.heard_progress.insert(*message);
            }
            _other => {}
        }
        Ok(())
    }

    fn end(&mut self, end: &End, _: &Rules) -> Result<(), Wrong> {
        for (id, stored) in &end.messages {
            let State::Ended { end, .. } = stored.delivery.state else {
                let state = stored.delivery.state.name();
                return Err(Wrong::with(
                    *id,
                    format!("still {state} when all should be over"),
                ));
            };
            let said = match end {
                Ended::Delivered => self.heard_progress.contains(id),
                Ended::Failed | Ended::Expired => self.heard_failed.contains(id),
                Ended::Cancelled => true,
            };
            if !said {
                let what = format!("ended as {}, and the app was never told so", end.name());
                return Err(Wrong::with(*id, what));
            }
        }
        queues(end)
    }
}

fn queues(end: &End) -> Result<(), Wrong> {
    if !end.raw_open.is_empty() {
        let which = end.raw_open.join(", ");
        return Err(Wrong::of(format!(
            "webhooks were never worked off: {which}"
        )));
    }
    if end.hooks_open {
        return Err(Wrong::of("events for apps were never posted"));
    }
    if end.asking > 0 {
        return Err(Wrong::of("an app still has no answer to its request"));
    }
    Ok(())
}
