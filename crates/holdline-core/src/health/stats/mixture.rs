//! The mixture e-detector for a stream that worked or failed: the mean of Bernoulli CUSUMs, one
//! for each share of failures that an outage may have, against the healthy ceiling.
//!
//! `Wᵢ ← max(0, Wᵢ + ln(pᵢ/p₀))` after a failure, `… + ln((1−pᵢ)/(1−p₀))` after a success;
//! `ln M = ln(mean exp Wᵢ)`. Not knowing the share in advance costs `ln 4` nats.

use super::log_mean;
use crate::Timestamp;
use libm::log;

/// Failing shares that the components look for.
pub const DESIGN: [f64; 4] = [0.05, 0.2, 0.6, 0.97];
const PARTS: usize = DESIGN.len();

/// What one observation adds to each component, against a healthy ceiling.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Steps {
    pub ceiling: f64,
    failed: [f64; PARTS],
    worked: [f64; PARTS],
}

impl Steps {
    #[must_use]
    pub fn against(ceiling: f64) -> Self {
        let shares = DESIGN.map(|share| share.max((ceiling * 2.0).min(0.99)));
        Self {
            ceiling,
            failed: shares.map(|share| log(share / ceiling)),
            worked: shares.map(|share| log((1.0 - share) / (1.0 - ceiling))),
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Part {
    nats: f64,
    since: Timestamp,
    seen: u32,
    failed: u32,
}

/// What a stream says, and since when.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Mixture {
    parts: [Part; PARTS],
}

/// The evidence of the strongest component.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Trace {
    /// The likeliest beginning.
    pub onset: Timestamp,
    pub seen: u32,
    pub failed: u32,
}

impl Mixture {
    /// Takes one observation; no component rises above `cap` nats.
    pub fn observe(&mut self, failed: bool, at: Timestamp, steps: &Steps, cap: f64) {
        if !failed && self.is_calm() {
            return;
        }
        for (index, part) in self.parts.iter_mut().enumerate() {
            let step = if failed {
                steps.failed[index]
            } else {
                steps.worked[index]
            };
            let nats = part.nats + step;
            if nats <= 0.0 {
                *part = Part::default();
                continue;
            }
            if part.seen == 0 {
                part.since = at;
            }
            part.nats = nats.min(cap);
            part.seen = part.seen.saturating_add(1);
            part.failed = part.failed.saturating_add(u32::from(failed));
        }
    }

    #[must_use]
    pub fn nats(&self) -> f64 {
        if self.is_calm() {
            return 0.0;
        }
        let weight = 1.0 / PARTS as f64;
        log_mean(&self.parts.map(|part| (weight, part.nats)))
    }

    /// `None` while nothing speaks against the stream.
    #[must_use]
    pub fn trace(&self) -> Option<Trace> {
        let strongest = self
            .parts
            .iter()
            .max_by(|a, b| a.nats.total_cmp(&b.nats))
            .filter(|part| part.nats > 0.0)?;
        Some(Trace {
            onset: strongest.since,
            seen: strongest.seen,
            failed: strongest.failed,
        })
    }

    #[must_use]
    pub fn is_calm(&self) -> bool {
        self.parts.iter().all(|part| part.seen == 0)
    }

    pub fn reset(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(failures: u32, successes: u32) -> Mixture {
        let steps = Steps::against(0.01);
        let mut mixture = Mixture::default();
        for at in 0..failures {
            mixture.observe(true, Timestamp(i64::from(at)), &steps, 40.0);
        }
        for at in 0..successes {
            mixture.observe(false, Timestamp(i64::from(failures + at)), &steps, 40.0);
        }
        mixture
    }

    #[test]
    fn one_failure_is_a_suspicion_and_four_are_an_alarm() {
        assert!((2.5..5.0).contains(&run(1, 0).nats()));
        assert!(run(3, 0).nats() < 16.5);
        assert!(run(4, 0).nats() > 16.5);
    }

    #[test]
    fn successes_take_the_evidence_back() {
        assert_eq!(run(0, 1_000).nats(), 0.0);
        assert!(run(1, 40).is_calm());
        assert!(run(4, 20).nats() < run(4, 0).nats());
    }

    #[test]
    fn the_trace_tells_the_beginning_and_the_counts() {
        let trace = run(4, 1).trace().unwrap();
        assert_eq!((trace.onset, trace.failed), (Timestamp(0), 4));
        assert!(run(0, 5).trace().is_none());
    }

    #[test]
    fn evidence_has_a_cap() {
        let steps = Steps::against(0.01);
        let mut mixture = Mixture::default();
        (0..1_000).for_each(|_| mixture.observe(true, Timestamp(1), &steps, 22.0));
        assert!(mixture.nats() <= 22.0);
    }
}
