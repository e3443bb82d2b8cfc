//! Nothing leaves by a route that is Down, and by one that is being tested no more than a trickle.

use crate::deterministic::checkers::{Checker, Rules};
use crate::deterministic::chronicle::Wrong;
use crate::deterministic::facts::{Fact, Leaves};
use holdline_core::health::Health;
use std::collections::{BTreeMap, VecDeque};

/// What was planned just before the fall may be held up by a commit.
const UNDER_WAY_MS: u64 = 20_000;
const WINDOW_MS: u64 = 10_000;
/// Room beyond the trickle: what was under way, and the first of each window.
const SPARE: f64 = 6.0;

#[derive(Default)]
pub(crate) struct Down {
    tested: BTreeMap<(u8, String), VecDeque<u64>>,
}

impl Down {
    fn tests(&mut self, at_ms: u64, leaves: &Leaves, rules: &Rules) -> Result<(), Wrong> {
        let place = (leaves.node, leaves.scope.clone());
        let times = self.tested.entry(place).or_default();
        times.push_back(at_ms);
        while times.front().is_some_and(|first| at_ms - first > WINDOW_MS) {
            times.pop_front();
        }
        let most = rules.gate.trickle_per_s * WINDOW_MS as f64 / 1000.0 + SPARE;
        if times.len() as f64 > most {
            let (count, scope) = (times.len(), &leaves.scope);
            let what = format!("{count} left within 10 s by {scope}, which is being tested");
            return Err(Wrong::with(leaves.key.message, what));
        }
        Ok(())
    }
}

impl Checker for Down {
    fn name(&self) -> &'static str {
        "nothing_but_a_trickle_to_a_route_that_is_down"
    }

    fn see(&mut self, at_ms: u64, fact: &Fact, rules: &Rules) -> Result<(), Wrong> {
        let Fact::Leaves(leaves) = fact else {
            return Ok(());
        };
        match leaves.health {
            Health::Down if leaves.health_ms > UNDER_WAY_MS => {
                let (scope, ms) = (&leaves.scope, leaves.health_ms);
                let what = format!("leaves by {scope}, which is down for {ms} ms");
                Err(Wrong::with(leaves.key.message, what))
            }
            Health::Recovering if leaves.health_ms > WINDOW_MS => self.tests(at_ms, leaves, rules),
            Health::Down
            | Health::Recovering
            | Health::Up
            | Health::Suspect
            | Health::Degraded
            | Health::AccountFault
            | Health::SelfImpaired => Ok(()),
        }
    }
}
