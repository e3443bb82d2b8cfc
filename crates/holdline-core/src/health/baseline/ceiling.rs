//! The healthy failing share of a leaf, as an upper confidence bound: a detector whose null is too
//! low flaps, one whose null is too high is slow.
//!
//! Wilson's score interval (1927), one-sided 99 %, over what was seen while healthy and a prior
//! worth 1,500 observations that begins at 1 %.

use super::Saved;
use alloc::vec::Vec;
use libm::sqrt;

const PRIOR_SEEN: f64 = 1_500.0;
const PRIOR_FAILED: f64 = 6.0;
const SEEN_MAX: f64 = 200_000.0;
/// 99 %, one-sided.
const Z: f64 = 2.326;
const FLOOR: f64 = 0.005;
const ROOF: f64 = 0.05;

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Ceiling {
    seen: f64,
    failed: f64,
}

impl Ceiling {
    pub fn learn(&mut self, failed: bool) {
        self.seen += 1.0;
        self.failed += f64::from(u8::from(failed));
        if self.seen >= SEEN_MAX {
            self.seen *= 0.5;
            self.failed *= 0.5;
        }
    }

    /// The highest failing share that still counts as healthy.
    #[must_use]
    pub fn share(&self) -> f64 {
        let seen = self.seen + PRIOR_SEEN;
        let share = (self.failed + PRIOR_FAILED) / seen;
        let spread = sqrt(share * (1.0 - share) / seen + Z * Z / (4.0 * seen * seen));
        let upper = (share + Z * Z / (2.0 * seen) + Z * spread) / (1.0 + Z * Z / seen);
        upper.clamp(FLOOR, ROOF)
    }

    pub fn save(&self, out: &mut Vec<f32>) {
        out.extend([self.seen as f32, self.failed as f32]);
    }

    pub(crate) fn load(&mut self, saved: &mut Saved<'_>) {
        (self.seen, self.failed) = (saved.next(), saved.next());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(seen: u32, failed: u32, expect: core::ops::Range<f64>) {
        let mut ceiling = Ceiling::default();
        (0..seen).for_each(|n| ceiling.learn(n < failed));
        let share = ceiling.share();
        assert!(expect.contains(&share), "{failed}/{seen}: {share}");
    }

    #[test]
    fn it_begins_at_one_percent_and_follows_what_is_seen() {
        check(0, 0, 0.0095..0.0105);
        check(100_000, 0, 0.005..0.0051);
        check(100_000, 500, 0.005..0.006);
        check(100_000, 2_000, 0.02..0.0215);
        check(1_000, 1_000, 0.049..0.051);
    }
}
