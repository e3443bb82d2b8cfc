//! Throughput of a number and rate towards one person, as the platform enforces them. Pure, with
//! time as an argument.

use std::collections::{BTreeMap, HashMap};

use crate::config::PairLimit;

/// Pairs remembered; when full, the settled ones are forgotten.
pub(crate) const PAIRS_MAX: usize = 100_000;

/// Each entry is the time at which the allowance would be whole again (a leaky bucket).
#[derive(Debug, Default)]
pub(crate) struct Limits {
    numbers: BTreeMap<String, f64>,
    pairs: HashMap<(String, String), f64>,
}

impl Limits {
    /// One message of a number: room for one second's worth at once.
    pub(crate) fn take_throughput(&mut self, number: &str, per_s: u32, now_ms: u64) -> bool {
        if per_s == 0 {
            return true;
        }
        let whole_at = self.numbers.entry(number.to_owned()).or_insert(0.0);
        take(
            whole_at,
            1_000.0 / f64::from(per_s),
            f64::from(per_s),
            now_ms,
        )
    }

    pub(crate) fn take_pair(
        &mut self,
        number: &str,
        person: &str,
        limit: PairLimit,
        now_ms: u64,
    ) -> bool {
        if limit.one_per_ms == 0 {
            return true;
        }
        if self.pairs.len() >= PAIRS_MAX {
            self.pairs.retain(|_, whole_at| *whole_at > now_ms as f64);
        }
        if self.pairs.len() >= PAIRS_MAX {
            return false;
        }
        let key = (number.to_owned(), person.to_owned());
        let whole_at = self.pairs.entry(key).or_insert(0.0);
        take(
            whole_at,
            limit.one_per_ms as f64,
            f64::from(limit.burst),
            now_ms,
        )
    }
}

fn take(whole_at: &mut f64, cost_ms: f64, burst: f64, now_ms: u64) -> bool {
    let now = now_ms as f64;
    let next = whole_at.max(now) + cost_ms;
    let fits = next - now <= burst.max(1.0) * cost_ms + 1e-6;
    if fits {
        *whole_at = next;
    }
    fits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holds_its_worth_and_no_more() {
        let mut limits = Limits::default();
        let granted = (0..200)
            .filter(|_| limits.take_throughput("n", 80, 5_000))
            .count();
        assert_eq!(granted, 80);
        assert!(!limits.take_throughput("n", 80, 5_010));
        assert!(limits.take_throughput("n", 80, 5_013));
        assert!(limits.take_throughput("other", 80, 5_013));
    }

    #[test]
    fn one_person_gets_a_burst_and_then_a_trickle() {
        let mut limits = Limits::default();
        let mut take = |at| limits.take_pair("n", "p", PairLimit::PLATFORM, at);
        assert_eq!((0..60).filter(|_| take(0)).count(), 45);
        assert!(!take(5_999));
        assert!(take(6_000));
        assert!(!take(6_001));
    }
}
