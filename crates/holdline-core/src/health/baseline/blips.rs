//! How long this scope's short troubles last, and from that the dwell: how long Degraded must last
//! before it is Down. The smallest that would have let through at most one blip a month.
//!
//! While a blip looks like an outage nothing can tell them apart, so whoever acts within `D` pays
//! for every blip longer than `D` (detection figures: 120 blips a month cost 11 needless failovers
//! at 10 s, 3 at 20 s, 1.4 at 30 s).

use super::Saved;
use alloc::vec::Vec;

/// The dwells to choose from, in seconds.
pub(crate) const DWELLS_S: [u32; 9] = [3, 5, 7, 10, 15, 20, 30, 45, 60];
/// Dwell before there is a history.
const DEFAULT_MS: u64 = 10_000;
const BLIP_MS_MAX: u64 = 60_000;
const MONTH_MS: f64 = 30.0 * 86_400_000.0;
/// History of less than this is none.
const HISTORY_MS_MIN: f64 = 7.0 * 86_400_000.0;
/// History of more than this counts half.
const HISTORY_MS_MAX: f64 = 120.0 * 86_400_000.0;

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Blips {
    /// How many lasted longer than each dwell.
    longer: [f64; DWELLS_S.len()],
    watched_ms: f64,
}

impl Blips {
    /// A trouble that passed by itself: it kept failing for so long after it was noticed.
    /// What lasted for longer than any dwell was an outage, and no reason to be more patient.
    pub fn learn(&mut self, lasted_ms: u64) {
        if lasted_ms > BLIP_MS_MAX {
            return;
        }
        for (count, dwell_s) in self.longer.iter_mut().zip(DWELLS_S) {
            *count += f64::from(u8::from(lasted_ms > u64::from(dwell_s) * 1000));
        }
    }

    pub fn watch(&mut self, passed_ms: u64) {
        self.watched_ms += passed_ms as f64;
        if self.watched_ms > HISTORY_MS_MAX {
            self.watched_ms *= 0.5;
            self.longer.iter_mut().for_each(|count| *count *= 0.5);
        }
    }

    /// How long Degraded must last before it is Down.
    #[must_use]
    pub fn dwell_ms(&self) -> u64 {
        let months = self.watched_ms.max(HISTORY_MS_MIN) / MONTH_MS;
        let fits = self.longer.iter().position(|count| *count <= months);
        let last = DWELLS_S.len() - 1;
        let learned = u64::from(DWELLS_S[fits.unwrap_or(last)]) * 1000;
        if self.watched_ms < HISTORY_MS_MIN {
            learned.max(DEFAULT_MS)
        } else {
            learned
        }
    }

    pub fn save(&self, out: &mut Vec<f32>) {
        out.extend(self.longer.map(|count| count as f32));
        out.push((self.watched_ms / 1000.0) as f32);
    }

    pub(crate) fn load(&mut self, saved: &mut Saved<'_>) {
        self.longer = core::array::from_fn(|_| saved.next());
        self.watched_ms = saved.next() * 1000.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_MS: u64 = 86_400_000;

    #[test]
    fn the_dwell_is_ten_seconds_until_there_is_a_history() {
        let mut blips = Blips::default();
        assert_eq!(blips.dwell_ms(), 10_000);
        blips.watch(30 * DAY_MS);
        assert_eq!(blips.dwell_ms(), 3_000, "a month without blips");
    }

    #[test]
    fn long_blips_make_it_patient() {
        let mut blips = Blips::default();
        blips.watch(30 * DAY_MS);
        for seconds in [4, 4, 25, 25, 12] {
            blips.learn(seconds * 1000);
        }
        assert_eq!(blips.dwell_ms(), 30_000);
        (0..9).for_each(|_| blips.learn(50_000));
        assert_eq!(blips.dwell_ms(), 60_000, "never more than a minute");
    }

    #[test]
    fn outages_do_not_make_it_patient() {
        let mut blips = Blips::default();
        blips.watch(30 * DAY_MS);
        (0..9).for_each(|_| blips.learn(7_200_000));
        assert_eq!(blips.dwell_ms(), 3_000);
    }
}
