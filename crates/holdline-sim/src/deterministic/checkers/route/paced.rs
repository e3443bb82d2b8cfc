//! What leaves by a sender stays within its rate; after an outage it grows no faster than the ramp.

use crate::deterministic::checkers::{Checker, Rules};
use crate::deterministic::chronicle::Wrong;
use crate::deterministic::facts::{Fact, Leaves};
use holdline_core::health::Health;
use std::collections::{BTreeMap, VecDeque};

const SECOND_MS: u64 = 1_000;
/// Room for what leaves at once, beside the rate.
const SPARE: f64 = 10.0;

#[derive(Default)]
struct Sender {
    last_second: VecDeque<u64>,
    /// The route was seen being tested.
    tested: bool,
    /// The ramp began then, and so many have left since.
    ramp: Option<(u64, u32)>,
}

#[derive(Default)]
pub(crate) struct Paced {
    senders: BTreeMap<(u8, String), Sender>,
}

impl Paced {
    fn leaves(&mut self, at_ms: u64, leaves: &Leaves, rules: &Rules) -> Result<(), Wrong> {
        let place = (leaves.node, leaves.sender.clone());
        let sender = self.senders.entry(place).or_default();
        sender.last_second.push_back(at_ms);
        let old = |at: &u64| at_ms - at >= SECOND_MS;
        while sender.last_second.front().is_some_and(old) {
            sender.last_second.pop_front();
        }
        let rate = sender.last_second.len() as f64;
        if rate > rules.gate.rate_per_s + SPARE {
            let what = format!("{rate} left within a second by {}", leaves.sender);
            return Err(Wrong::with(leaves.key.message, what));
        }
        sender.follow(at_ms, leaves);
        let Some((since_ms, count)) = &mut sender.ramp else {
            return Ok(());
        };
        *count += 1;
        let most = allowed(at_ms - *since_ms, rules);
        if f64::from(*count) > most {
            let passed_ms = at_ms - *since_ms;
            let what = format!("{count} left {passed_ms} ms after the return, {most:.0} may");
            return Err(Wrong::with(leaves.key.message, what));
        }
        Ok(())
    }
}

impl Sender {
    fn follow(&mut self, at_ms: u64, leaves: &Leaves) {
        match leaves.health {
            Health::Recovering => (self.tested, self.ramp) = (true, None),
            Health::Up => {
                if std::mem::take(&mut self.tested) {
                    let since_ms = at_ms.saturating_sub(leaves.health_ms);
                    self.ramp = Some((since_ms, 0));
                }
            }
            Health::Down
            | Health::Suspect
            | Health::Degraded
            | Health::AccountFault
            | Health::SelfImpaired => (self.tested, self.ramp) = (false, None),
        }
    }
}

/// How many may have left so long after the return: the rate doubles from the trickle up.
fn allowed(passed_ms: u64, rules: &Rules) -> f64 {
    let doubling_s = rules.gate.ramp_doubling_ms as f64 / 1000.0;
    let passed_s = passed_ms as f64 / 1000.0;
    let trickle = rules.gate.trickle_per_s;
    let growth = (passed_s / doubling_s).min(40.0).exp2();
    trickle * doubling_s / std::f64::consts::LN_2 * (growth - 1.0) + SPARE
}

impl Checker for Paced {
    fn name(&self) -> &'static str {
        "paced_return"
    }

    fn see(&mut self, at_ms: u64, fact: &Fact, rules: &Rules) -> Result<(), Wrong> {
        match fact {
            Fact::Leaves(leaves) => self.leaves(at_ms, leaves, rules),
            _other => Ok(()),
        }
    }
}
