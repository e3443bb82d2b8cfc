//! No route is called down while the providers and the networks to them work: our credentials, our
//! rate, our templates, our store, our crashes and single people are no outage.

use crate::deterministic::checkers::{Checker, Rules};
use crate::deterministic::chronicle::Wrong;
use crate::deterministic::facts::{Fact, Heard, News};
use crate::deterministic::script::OWN;

#[derive(Default)]
pub(crate) struct OwnFault {
    /// Something that may rightly be called an outage has been.
    excuse: bool,
}

impl Checker for OwnFault {
    fn name(&self) -> &'static str {
        "own_fault_is_no_outage"
    }

    fn see(&mut self, _: u64, fact: &Fact, _: &Rules) -> Result<(), Wrong> {
        match fact {
            Fact::Act { name, begins: true } => self.excuse |= is_outage(name),
            Fact::Heard(Heard {
                news: News::Health { route, to },
                ..
            }) if to == "down" && !self.excuse => {
                return Err(Wrong::of(format!(
                    "{route} is called down, and nothing was"
                )));
            }
            _other => {}
        }
        Ok(())
    }
}

fn is_outage(name: &str) -> bool {
    let own = OWN.iter().any(|own| name.ends_with(own));
    let ours = name.starts_with("net_apps") || name.starts_with("net_callers");
    (name.starts_with("outage_") && !own) || (name.starts_with("net_") && !ours)
}
