//! The sequential statistics behind every verdict. Pure numbers: knows no route, no provider and
//! no state; decides nothing but how strongly a stream of observations speaks.
//!
//! All of them are *e-detectors* (Shin, Ramdas, Rinaldo, "E-detectors: a nonparametric framework
//! for sequential change detection", 2022): a value `M` whose mean over any stopping time of a
//! healthy stream is bounded by the number of observations, so that the rule "alarm at `M ≥ 1/α`"
//! has a mean time between false alarms of at least `1/α` observations, without assuming that
//! observations are independent. Everything here is kept as `ln M`, in nats.
//!
//! | module | for | statistic |
//! |---|---|---|
//! | [`mixture`] | outcomes and probes (worked or failed) | mean of four Bernoulli CUSUMs |
//! | [`compensated`] | answers, receipts, inbound | Poisson CUSUM on the healthy compensator |
//! | [`sprt`] | is it healthy again? | sequential probability ratio test |
//!
//! Sources: CUSUM Page 1954, mixtures of them the paper above, the time change of a counting
//! process Watanabe 1964, the ratio test Wald 1945.
//!
//! A mean of e-detectors is one again, whatever their dependence; a weight `w` costs `ln(1/w)`
//! nats ([`log_mean`]). The threshold for a wanted mean time between false alarms is
//! [`threshold`]; no detector with that guarantee can be faster than [`bound`] observations on
//! average, to first order (Lorden 1971).

pub mod compensated;
pub mod mixture;
pub mod pending;
pub mod sprt;

pub use compensated::{Compensated, Law};
pub use mixture::{Mixture, Steps};
pub use sprt::{Sprt, SprtResult};

use libm::{exp, log};

/// `ln Σ wᵢ·exp(xᵢ)` of (weight, nats) pairs; weights sum to one.
#[must_use]
pub fn log_mean(parts: &[(f64, f64)]) -> f64 {
    let top = parts.iter().map(|part| part.1).fold(0.0, f64::max);
    if top <= 0.0 {
        return 0.0;
    }
    let sum: f64 = parts
        .iter()
        .map(|(weight, nats)| weight * exp(nats - top))
        .sum();
    top + log(sum)
}

/// Nats at which a stream of `per_s` observations a second alarms falsely once in `mtbfa_s`
/// seconds on average at most.
#[must_use]
pub fn threshold(per_s: f64, mtbfa_s: f64) -> f64 {
    log((per_s * mtbfa_s).max(2.0))
}

/// Kullback-Leibler divergence of Bernoulli(`q`) from Bernoulli(`p`), in nats.
#[must_use]
pub fn divergence(q: f64, p: f64) -> f64 {
    let part = |a: f64, b: f64| if a > 0.0 { a * log(a / b) } else { 0.0 };
    part(q, p) + part(1.0 - q, 1.0 - p)
}

/// Fewest observations, on average, in which any detector with threshold `nats` can notice that
/// the failing share rose from `p` to `q`.
#[must_use]
pub fn bound(nats: f64, q: f64, p: f64) -> f64 {
    nats / divergence(q, p).max(1e-9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_of_two_costs_its_weight() {
        let mean = log_mean(&[(0.2, 20.0), (0.8, 0.0)]);
        assert!((mean - (20.0 - log(5.0))).abs() < 1e-6, "{mean}");
        assert_eq!(log_mean(&[(0.5, 0.0), (0.5, 0.0)]), 0.0);
    }

    #[test]
    fn the_bound_is_that_of_the_reference() {
        // detection figures: 180 days, 1 send a second, ceiling 1 %.
        let nats = threshold(1.0, 180.0 * 86_400.0);
        for (q, expect) in [(1.0, 3.6), (0.5, 10.3), (0.2, 38.6), (0.1, 114.6)] {
            let found = bound(nats, q, 0.01);
            assert!((found / expect - 1.0).abs() < 0.01, "{q}: {found}");
        }
    }
}
