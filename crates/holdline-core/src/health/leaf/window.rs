//! Which outcomes count: at most three a second for each leaf, first attempts of distinct
//! recipients only. What is too much is dropped, not clipped: clipping only failures makes the
//! statistic blind under load. A burst of 500 failures in 100 ms is not 500 facts.

use crate::Timestamp;
use libm::exp;

/// Outcomes of one second that count.
pub(crate) const COUNTED_PER_S: u8 = 3;
/// Recipients whose failures are remembered.
const REMEMBERED: usize = 8;
/// Window over which the rate of counted outcomes is estimated.
const RATE_WINDOW_S: f64 = 600.0;

#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    second: i64,
    counted: u8,
    /// Ring of recipients, of which the first `known` places are filled.
    failed_for: [u32; REMEMBERED],
    known: u8,
    next: u8,
    /// Counted outcomes a second, as an exponential mean.
    per_s: f64,
    rated_at: Timestamp,
}

impl Window {
    #[must_use]
    pub fn new(at: Timestamp) -> Self {
        Self {
            second: i64::MIN,
            counted: 0,
            failed_for: [0; REMEMBERED],
            known: 0,
            next: 0,
            per_s: 1.0,
            rated_at: at,
        }
    }

    /// True when this outcome counts.
    pub fn admit(&mut self, at: Timestamp, recipient: u32, failed: bool) -> bool {
        if at.seconds() != self.second {
            (self.second, self.counted) = (at.seconds(), 0);
        }
        if self.counted >= COUNTED_PER_S || (failed && self.remembers(recipient)) {
            return false;
        }
        self.counted += 1;
        if failed {
            self.failed_for[usize::from(self.next)] = recipient;
            self.next = (self.next + 1) % REMEMBERED as u8;
            self.known = (self.known + 1).min(REMEMBERED as u8);
        }
        self.rate(at, 1.0);
        true
    }

    /// Counted outcomes a second.
    pub fn per_s(&mut self, now: Timestamp) -> f64 {
        self.rate(now, 0.0);
        self.per_s
    }

    /// The trouble is over: whoever failed may fail again.
    pub fn forget_failures(&mut self) {
        (self.known, self.next) = (0, 0);
    }

    fn remembers(&self, recipient: u32) -> bool {
        self.failed_for[..usize::from(self.known)].contains(&recipient)
    }

    fn rate(&mut self, at: Timestamp, count: f64) {
        let passed_s = at.since_ms(self.rated_at) as f64 / 1000.0;
        if passed_s > 0.0 {
            self.per_s *= exp(-passed_s / RATE_WINDOW_S);
        }
        // Also a clock that went back: the rate must not grow until it has caught up.
        self.rated_at = at;
        self.per_s += count / RATE_WINDOW_S;
    }
}

/// The last outcomes as bits, newest lowest: what share failed lately.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Recent {
    bits: u16,
    seen: u8,
}

impl Recent {
    pub fn push(&mut self, failed: bool) {
        self.bits = self.bits << 1 | u16::from(failed);
        self.seen = (self.seen + 1).min(16);
    }

    /// `None` before anything was seen.
    #[must_use]
    pub fn failing(&self) -> Option<f64> {
        self.failing_of(16)
    }

    /// Of all sixteen, or of the last five where these fail less: what has stopped failing is not
    /// held up to it for long.
    #[must_use]
    pub fn failing_now(&self) -> Option<f64> {
        Some(self.failing()?.min(self.failing_of(5)?))
    }

    /// Share of failures since the first, drawn to a half while there are few; zero without any.
    #[must_use]
    pub fn failing_drawn(&self) -> f64 {
        let failed = f64::from(self.failed_of(16));
        if failed > 0.0 {
            (failed + 1.0) / (f64::from(self.seen) + 2.0)
        } else {
            0.0
        }
    }

    fn failing_of(&self, newest: u8) -> Option<f64> {
        let seen = self.seen.min(newest);
        (seen > 0).then(|| f64::from(self.failed_of(newest)) / f64::from(seen))
    }

    fn failed_of(&self, newest: u8) -> u32 {
        let seen = self.seen.min(newest);
        (u32::from(self.bits) & ((1_u32 << seen) - 1)).count_ones()
    }

    #[must_use]
    pub fn seen(&self) -> u8 {
        self.seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_outcomes_a_second_count_and_one_failure_a_recipient() {
        let mut window = Window::new(Timestamp(0));
        let admitted = (1..=500)
            .filter(|n| window.admit(Timestamp(100), *n, true))
            .count();
        assert_eq!(admitted, 3);
        assert!(
            !window.admit(Timestamp(1_000), 1, true),
            "the same person again"
        );
        assert!(window.admit(Timestamp(1_001), 1, false));
        window.forget_failures();
        assert!(window.admit(Timestamp(1_002), 1, true));
    }

    #[test]
    fn a_recipient_called_zero_counts_as_any_other() {
        let mut window = Window::new(Timestamp(0));
        assert!(window.admit(Timestamp(0), 0, true));
        assert!(!window.admit(Timestamp(1), 0, true));
    }

    #[test]
    fn a_clock_that_goes_back_does_not_raise_the_rate() {
        let mut window = Window::new(Timestamp(0));
        (0..3_600).for_each(|s| {
            window.admit(Timestamp(36_000_000 + s * 1_000), 1, false);
        });
        (0..3_600).for_each(|s| {
            window.admit(Timestamp(s * 1_000), 1, false);
        });
        let per_s = window.per_s(Timestamp(3_600_000));
        assert!((0.8..1.2).contains(&per_s), "{per_s}");
    }

    #[test]
    fn the_rate_follows_what_is_counted() {
        let mut window = Window::new(Timestamp(0));
        (0..3_600).for_each(|s| {
            window.admit(Timestamp(s * 10_000), 1, false);
        });
        let per_s = window.per_s(Timestamp(36_000_000));
        assert!((0.08..0.12).contains(&per_s), "{per_s}");
    }

    #[test]
    fn the_share_is_that_of_the_last_sixteen() {
        let mut recent = Recent::default();
        assert_eq!(recent.failing(), None);
        (0..20).for_each(|_| recent.push(false));
        (0..8).for_each(|_| recent.push(true));
        assert_eq!(recent.failing(), Some(0.5));
        (0..4).for_each(|_| recent.push(false));
        assert_eq!(
            (recent.failing(), recent.failing_now()),
            (Some(0.5), Some(0.2))
        );
    }
}
