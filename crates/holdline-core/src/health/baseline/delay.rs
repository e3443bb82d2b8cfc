//! How long a healthy answer or receipt takes: a histogram on a logarithmic scale with a share
//! that never comes (a request that stalls, a phone that is off). Gives the cumulative hazard.

use super::Saved;
use alloc::vec::Vec;
use libm::{erfc, exp, log};

/// Bins of the histogram: from 10 ms up by a third each, to some 17 minutes.
pub(crate) const BINS: usize = 40;
const FIRST_MS: f64 = 10.0;
/// `ln` of the ratio of neighbouring bins.
const STEP: f64 = 0.287_682_072_451_780_9;
/// Observations after which old ones count half.
const SEEN_MAX: f32 = 4_000.0;
/// So many observations is the prior worth, and a whole number's experience to one of its leaves.
const PRIOR_WEIGHT: f64 = 20.0;
const POOL_WEIGHT: f64 = 60.0;

/// What was seen, and the prior until then.
#[derive(Clone, Debug, PartialEq)]
pub struct DelayBaseline {
    /// Mass of each bin by the prior, among those that come.
    prior: [f32; BINS],
    /// Share that never comes within the horizon, by the prior.
    never: f64,
    seen: [f32; BINS],
    missed: f32,
}

/// `−ln S(age)`: what a pending thing of this age has been expected to give by now, in events.
#[derive(Clone, Debug, PartialEq)]
pub struct Hazard {
    /// At the upper edge of each bin.
    edge: [f32; BINS],
}

impl Hazard {
    #[must_use]
    pub fn at(&self, age_ms: u64) -> f64 {
        let age = age_ms as f64;
        if age <= FIRST_MS {
            return f64::from(self.edge[0]) * age / FIRST_MS;
        }
        let place = log(age / FIRST_MS) / STEP;
        let bin = place as usize;
        if bin + 1 >= BINS {
            return f64::from(self.edge[BINS - 1]);
        }
        let (low, high) = (f64::from(self.edge[bin]), f64::from(self.edge[bin + 1]));
        low + (high - low) * (place - bin as f64)
    }
}

impl DelayBaseline {
    #[must_use]
    pub fn new(median_ms: f64, sigma: f64, never: f64) -> Self {
        Self {
            prior: core::array::from_fn(|bin| prior_mass(bin, median_ms, sigma) as f32),
            never,
            seen: [0.0; BINS],
            missed: 0.0,
        }
    }

    pub fn learn(&mut self, delay_ms: u64) {
        self.age();
        self.seen[bin_of(delay_ms)] += 1.0;
    }

    /// Fell out of the horizon without having come.
    pub fn learn_missed(&mut self, count: u32) {
        self.age();
        self.missed += count as f32;
    }

    /// How many observations it rests on.
    #[must_use]
    pub fn weight(&self) -> f64 {
        f64::from(self.seen.iter().sum::<f32>() + self.missed)
    }

    /// Delay that half of those that come do not exceed, in milliseconds.
    #[must_use]
    pub fn median_ms(&self) -> f64 {
        self.quantile_ms(0.5)
    }

    /// Delay that this share of those that come does not exceed, in milliseconds.
    #[must_use]
    pub fn quantile_ms(&self, share: f64) -> f64 {
        let total: f64 = self.masses(None).iter().sum();
        let mut sum = 0.0;
        for (bin, mass) in self.masses(None).iter().enumerate() {
            sum += mass;
            if sum >= share * total {
                return FIRST_MS * exp(STEP * bin as f64);
            }
        }
        FIRST_MS * exp(STEP * BINS as f64)
    }

    /// `pool`: the experience of all leaves of the same number, a prior for a leaf with little of
    /// its own. `never`: the share that never comes at this hour, where that is known.
    #[must_use]
    pub fn hazard(&self, pool: Option<&Self>, never: Option<f64>) -> Hazard {
        let masses = self.masses(pool);
        let come: f64 = masses.iter().sum();
        let (missed, all) = self.missed_of(pool);
        let never = never.unwrap_or(missed / all).clamp(self.never * 0.5, 0.9);
        let mut edge = [0.0; BINS];
        let mut left = come;
        for (edge, mass) in edge.iter_mut().zip(masses) {
            left = (left - mass).max(0.0);
            *edge = -log(never + (1.0 - never) * left / come) as f32;
        }
        Hazard { edge }
    }

    /// Share that never comes, as seen and with the prior.
    #[must_use]
    pub fn never_share(&self) -> f64 {
        let (missed, all) = self.missed_of(None);
        missed / all
    }

    pub fn save(&self, out: &mut Vec<f32>) {
        out.extend_from_slice(&self.seen);
        out.push(self.missed);
    }

    pub(crate) fn load(&mut self, saved: &mut Saved<'_>) {
        self.seen = core::array::from_fn(|_| saved.next() as f32);
        self.missed = saved.next() as f32;
    }

    fn missed_of(&self, pool: Option<&Self>) -> (f64, f64) {
        let own = (f64::from(self.missed), self.weight());
        let pooled = pool.map_or((0.0, 0.0), |pool| {
            let share = (POOL_WEIGHT / pool.weight().max(1.0)).min(1.0);
            (f64::from(pool.missed) * share, pool.weight() * share)
        });
        let prior = (self.never * PRIOR_WEIGHT, PRIOR_WEIGHT);
        (own.0 + pooled.0 + prior.0, own.1 + pooled.1 + prior.1)
    }

    /// Mass of each bin among those that come.
    fn masses(&self, pool: Option<&Self>) -> [f64; BINS] {
        let share = pool.map_or(0.0, |pool| (POOL_WEIGHT / pool.weight().max(1.0)).min(1.0));
        core::array::from_fn(|bin| {
            let pooled = pool.map_or(0.0, |pool| f64::from(pool.seen[bin]) * share);
            f64::from(self.seen[bin]) + pooled + PRIOR_WEIGHT * f64::from(self.prior[bin])
        })
    }

    fn age(&mut self) {
        if self.seen.iter().sum::<f32>() + self.missed >= SEEN_MAX {
            self.seen.iter_mut().for_each(|count| *count *= 0.5);
            self.missed *= 0.5;
        }
    }
}

/// The log-normal prior over one bin; the last takes the tail.
fn prior_mass(bin: usize, median_ms: f64, sigma: f64) -> f64 {
    let below = |edge: usize| match edge {
        0 => 0.0,
        edge => {
            let age = FIRST_MS * exp(STEP * (edge - 1) as f64);
            0.5 * erfc(-log(age / median_ms) / (sigma * core::f64::consts::SQRT_2))
        }
    };
    let above = if bin + 1 == BINS { 1.0 } else { below(bin + 1) };
    above - below(bin)
}

/// Bin `k` holds delays up to `FIRST_MS · e^(STEP·k)`.
fn bin_of(delay_ms: u64) -> usize {
    let delay = delay_ms as f64;
    if delay <= FIRST_MS {
        return 0;
    }
    let bin = libm::ceil(log(delay / FIRST_MS) / STEP) as usize;
    bin.min(BINS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prior() -> DelayBaseline {
        DelayBaseline::new(1_500.0, 1.0, 0.12)
    }

    #[test]
    fn the_prior_gives_its_own_survival() {
        let hazard = prior().hazard(None, None);
        let half = 0.12 + 0.88 * 0.5;
        assert!(
            (hazard.at(1_500) + log(half)).abs() < 0.03,
            "{}",
            hazard.at(1_500)
        );
        assert!(
            (hazard.at(10_000_000) + log(0.12)).abs() < 0.01,
            "the offline mass caps it"
        );
    }

    #[test]
    fn it_learns_what_is_usual() {
        let mut slow = prior();
        (0..2_000).for_each(|_| slow.learn(20_000));
        assert!(slow.hazard(None, None).at(10_000) < 0.05);
        assert!((15_000.0..30_000.0).contains(&slow.median_ms()));
        let mut absent = prior();
        absent.learn_missed(1_000);
        assert!(absent.never_share() > 0.9);
    }

    #[test]
    fn a_new_leaf_borrows_from_its_number() {
        let mut pool = prior();
        (0..2_000).for_each(|_| pool.learn(20_000));
        let borrowed = prior().hazard(Some(&pool), None).at(10_000);
        assert!(
            borrowed < prior().hazard(None, None).at(10_000) * 0.5,
            "{borrowed}"
        );
    }

    #[test]
    fn what_is_saved_reads_back() {
        let mut learned = prior();
        (0..100).for_each(|n| learned.learn(n * 37));
        learned.learn_missed(9);
        let mut out = Vec::new();
        learned.save(&mut out);
        let mut read = prior();
        read.load(&mut Saved::new(&out));
        assert_eq!(read, learned);
    }
}
