//! Wald's sequential probability ratio test: is a route that failed healthy again?
//!
//! Healthy means failing at most at `HEALTHY`; still broken means failing at `BROKEN` or more.
//! Twenty straight successes say healthy; calling a broken route healthy has a probability of
//! `WRONG_RETURN` at most, calling a healthy one broken `WRONG_RELAPSE`.

use libm::log;

const HEALTHY: f64 = 0.01;
const BROKEN: f64 = 0.3;
const WRONG_RETURN: f64 = 0.001;
const WRONG_RELAPSE: f64 = 0.01;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SprtResult {
    Undecided,
    Healthy,
    Broken,
}

/// One test under way.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sprt {
    nats: f64,
    pub seen: u32,
    pub failed: u32,
}

impl Sprt {
    pub fn observe(&mut self, failed: bool) -> SprtResult {
        self.seen += 1;
        self.failed += u32::from(failed);
        self.nats += if failed {
            log(BROKEN / HEALTHY)
        } else {
            log((1.0 - BROKEN) / (1.0 - HEALTHY))
        };
        self.result()
    }

    #[must_use]
    pub fn result(&self) -> SprtResult {
        if self.nats <= log(WRONG_RETURN / (1.0 - WRONG_RELAPSE)) {
            SprtResult::Healthy
        } else if self.nats >= log((1.0 - WRONG_RETURN) / WRONG_RELAPSE) {
            SprtResult::Broken
        } else {
            SprtResult::Undecided
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(outcomes: &str, expect: SprtResult) {
        let mut test = Sprt::default();
        let last = outcomes.chars().map(|c| test.observe(c == 'x')).last();
        assert_eq!(last, Some(expect), "{outcomes}");
    }

    #[test]
    fn twenty_straight_successes_say_healthy() {
        check(&"o".repeat(19), SprtResult::Undecided);
        check(&"o".repeat(20), SprtResult::Healthy);
    }

    #[test]
    fn two_early_failures_say_broken_and_one_only_delays() {
        check("xx", SprtResult::Broken);
        check(&std::format!("x{}", "o".repeat(29)), SprtResult::Undecided);
        check(&std::format!("x{}", "o".repeat(30)), SprtResult::Healthy);
    }
}
