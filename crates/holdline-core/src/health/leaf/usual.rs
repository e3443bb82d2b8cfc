//! What is usual for one leaf, with the hazards made from it. Refreshed now and then, since a
//! hazard is asked for far more often than it changes.

use crate::Timestamp;
use crate::health::baseline::{Ceiling, DelayBaseline, Hazard, Saved, Season};
use crate::health::stats::Steps;
use alloc::vec::Vec;

/// A hazard is made anew after so long, or so many observations.
const FRESH_MS: u64 = 60_000;
const FRESH_SEEN: u32 = 200;
/// Things awaited in an hour before that hour's own share of what never comes is believed.
const HOUR_SHRINK: f64 = 50.0;

/// Priors: answers of an API, the provider's take-over, a phone that is on. Medians and spreads as
/// in the detection figures; one request in a hundred may stall for no reason.
const LATENCY: (f64, f64, f64) = (250.0, 0.71, 0.01);
const SENT: (f64, f64, f64) = (500.0, 0.8, 0.02);
const DELIVERED: (f64, f64, f64) = (1_500.0, 1.0, 0.12);

/// The delays that the receipts of one number, or of one leaf, usually have.
#[derive(Clone, Debug, PartialEq)]
pub struct Delays {
    pub latency: DelayBaseline,
    pub sent: DelayBaseline,
    pub delivered: DelayBaseline,
}

impl Default for Delays {
    fn default() -> Self {
        let of = |(median_ms, sigma, never)| DelayBaseline::new(median_ms, sigma, never);
        Self {
            latency: of(LATENCY),
            sent: of(SENT),
            delivered: of(DELIVERED),
        }
    }
}

impl Delays {
    pub fn save(&self, out: &mut Vec<f32>) {
        self.latency.save(out);
        self.sent.save(out);
        self.delivered.save(out);
    }

    pub(crate) fn load(&mut self, saved: &mut Saved<'_>) {
        self.latency.load(saved);
        self.sent.load(saved);
        self.delivered.load(saved);
    }
}

/// Hazards ready for use.
#[derive(Clone, Debug)]
pub struct Hazards {
    pub latency: Hazard,
    pub sent: Hazard,
    pub delivered: Hazard,
}

#[derive(Clone, Debug)]
pub struct Usual {
    pub delays: Delays,
    pub ceiling: Ceiling,
    /// What was never delivered, by hour of the week.
    pub undelivered: Season,
    pub hazards: Hazards,
    pub steps: Steps,
    made_at: Timestamp,
    seen: u32,
}

impl Usual {
    #[must_use]
    pub fn new(pool: &Delays, now: Timestamp) -> Self {
        let mut usual = Self {
            delays: Delays::default(),
            ceiling: Ceiling::default(),
            undelivered: Season::default(),
            hazards: Hazards {
                latency: pool.latency.hazard(None, None),
                sent: pool.sent.hazard(None, None),
                delivered: pool.delivered.hazard(None, None),
            },
            steps: Steps::against(Ceiling::default().share()),
            made_at: now,
            seen: 0,
        };
        usual.refresh(pool, now);
        usual
    }

    /// To be called after each observation that may change it.
    pub fn seen(&mut self, pool: &Delays, now: Timestamp) {
        self.seen += 1;
        if self.seen >= FRESH_SEEN || now.since_ms(self.made_at) >= FRESH_MS {
            self.refresh(pool, now);
        }
    }

    pub fn refresh(&mut self, pool: &Delays, now: Timestamp) {
        let (_, exposure) = self.undelivered.total();
        let by_hour = (exposure >= HOUR_SHRINK).then(|| self.undelivered.rate(now, HOUR_SHRINK));
        self.hazards = Hazards {
            latency: self.delays.latency.hazard(Some(&pool.latency), None),
            sent: self.delays.sent.hazard(Some(&pool.sent), None),
            delivered: self.delays.delivered.hazard(Some(&pool.delivered), by_hour),
        };
        self.steps = Steps::against(self.ceiling.share());
        (self.made_at, self.seen) = (now, 0);
    }

    pub fn save(&self, out: &mut Vec<f32>) {
        self.delays.save(out);
        self.ceiling.save(out);
        self.undelivered.save(out);
    }

    pub(crate) fn load(&mut self, saved: &mut Saved<'_>, pool: &Delays, now: Timestamp) {
        self.delays.load(saved);
        self.ceiling.load(saved);
        self.undelivered.load(saved);
        self.refresh(pool, now);
    }
}
