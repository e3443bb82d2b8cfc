//! The compensated Poisson CUSUM for what should keep coming: answers to requests, receipts of
//! accepted messages, messages from people.
//!
//! Let `Λ(t)` be how many events a healthy provider would have given by now, in view of what is
//! pending: each thing awaited adds `−ln S(age)`, the cumulative hazard of its delay, so that
//! censoring is exact and a request that hangs is evidence before its time-out. On the clock `Λ`
//! the events are a Poisson process of rate one (time change of a counting process), and
//!
//! `W ← max(0, W + (κ−θ)·dΛ + n·ln(θ/κ))`
//!
//! is its CUSUM for a fall from `κ` to `θ`. `κ < 1` tolerates a healthy stream that keeps only to
//! `κ` of what was learned. Time and events since the last tick are taken as one step, which can
//! only make it slower than the step-by-step CUSUM, never quicker.

use super::pending::Pending;
use crate::Timestamp;
use crate::health::baseline::Hazard;
use libm::log;

/// A pause between two ticks longer than this, or a clock that goes back by more, means that we
/// were not looking (a suspended host, a clock that was set): what was awaited then is forgotten
/// and speaks against nobody.
pub const GAP_MS_MAX: u64 = 3_000;
/// Of a shorter pause only so many buckets count as looked at: in a stall of ours the answers wait
/// in buffers, and it is not the provider that is silent.
const LOOK_BUCKETS_MAX: i64 = 2;

/// What is looked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Law {
    /// Share of events left in an outage.
    pub theta: f64,
    /// Share of events that still counts as healthy, for acting and for suspecting.
    pub kappa: f64,
    pub kappa_suspect: f64,
}

/// One CUSUM with what it has seen since it left zero.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Walk {
    pub nats: f64,
    pub since: Timestamp,
    pub expected: f64,
    pub events: f64,
}

impl Walk {
    /// Takes what was expected and what came since the last step.
    pub fn step(&mut self, at: Timestamp, seen: (f64, f64), law: (f64, f64), cap: f64) {
        let nats = self.nats + increment(seen, law);
        if nats <= 0.0 {
            *self = Self::default();
            return;
        }
        if self.nats <= 0.0 {
            self.since = at;
        }
        self.nats = nats.min(cap);
        self.expected += seen.0;
        self.events += seen.1;
    }

    /// Share of what was expected that did not come.
    #[must_use]
    pub fn missing(&self) -> f64 {
        if self.expected > 0.0 {
            (1.0 - self.events / self.expected).max(0.0)
        } else {
            0.0
        }
    }
}

/// What (expected, events) add for a fall from `kappa` to `theta`.
fn increment((expected, events): (f64, f64), (kappa, theta): (f64, f64)) -> f64 {
    (kappa - theta) * expected + events * log(theta / kappa)
}

/// One stream of awaited events.
#[derive(Clone, Debug, PartialEq)]
pub struct Compensated {
    pub pending: Pending,
    pub act: Walk,
    /// Nats of the walk that only suspects.
    pub suspect: f64,
    ticked_at: Timestamp,
    expected: f64,
    events: f32,
    /// Since the last reset.
    pub events_total: f32,
    pub expected_total: f64,
}

impl Compensated {
    #[must_use]
    pub fn new(bucket_ms: u32) -> Self {
        Self {
            pending: Pending::new(bucket_ms),
            act: Walk::default(),
            suspect: 0.0,
            ticked_at: Timestamp(0),
            expected: 0.0,
            events: 0.0,
            expected_total: 0.0,
            events_total: 0.0,
        }
    }

    /// Something is awaited from now on.
    pub fn begin(&mut self, at: Timestamp) {
        if self.pending.is_empty() && self.events == 0.0 {
            self.ticked_at = at;
        }
        self.pending.add(at);
    }

    /// It came. Gives its delay when it was followed.
    pub fn end(&mut self, begun: Timestamp, at: Timestamp, hazard: &Hazard) -> Option<u64> {
        if !self.pending.remove(begun) {
            return None;
        }
        let from = self.ticked_at.max(begun);
        let grown = hazard.at(at.since_ms(begun)) - hazard.at(from.since_ms(begun));
        self.expected += grown.max(0.0);
        self.events += 1.0;
        Some(at.since_ms(begun))
    }

    /// It will not come, and that says nothing (the attempt failed for another reason).
    pub fn forget(&mut self, begun: Timestamp) {
        self.pending.remove(begun);
    }

    /// Takes the time since the last tick; gives how many fell out unanswered.
    pub fn tick(&mut self, now: Timestamp, hazard: &Hazard, law: &Law, cap: f64) -> u32 {
        if self.missed_time(now) {
            self.forget_all(now);
            return 0;
        }
        if now < self.ticked_at {
            return 0;
        }
        let look_ms = LOOK_BUCKETS_MAX * self.pending.width_ms();
        let looked = Timestamp(now.0 - look_ms).max(self.ticked_at);
        for (begun, count) in self.pending.iter() {
            let from = looked.max(begun);
            let grown = hazard.at(now.since_ms(begun)) - hazard.at(from.since_ms(begun));
            self.expected += f64::from(count) * grown.max(0.0);
        }
        self.take(now, law, cap);
        self.ticked_at = now;
        self.pending.advance(now)
    }

    /// We were not looking just before `now`, while something was awaited.
    #[must_use]
    pub fn missed_time(&self, now: Timestamp) -> bool {
        let away_ms = now
            .since_ms(self.ticked_at)
            .max(self.ticked_at.since_ms(now));
        !self.is_idle() && away_ms > GAP_MS_MAX
    }

    fn take(&mut self, now: Timestamp, law: &Law, cap: f64) {
        let (expected, events) = (self.expected, f64::from(self.events));
        (self.expected, self.events) = (0.0, 0.0);
        self.expected_total += expected;
        self.events_total += events as f32;
        self.act
            .step(now, (expected, events), (law.kappa, law.theta), cap);
        let step = increment((expected, events), (law.kappa_suspect, law.theta));
        self.suspect = (self.suspect + step).clamp(0.0, cap);
    }

    /// Nothing is awaited and nothing speaks: no tick is needed.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.pending.is_empty() && self.events == 0.0
    }

    /// Forgets evidence, not what is awaited.
    pub fn reset(&mut self) {
        self.act = Walk::default();
        self.suspect = 0.0;
        (self.expected_total, self.events_total) = (0.0, 0.0);
    }

    /// Forgets what is awaited, not the evidence.
    pub fn forget_all(&mut self, now: Timestamp) {
        self.pending.restart(now);
        (self.expected, self.events) = (0.0, 0.0);
        self.ticked_at = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::baseline::DelayBaseline;

    const LAW: Law = Law {
        theta: 0.05,
        kappa: 1.0,
        kappa_suspect: 1.0,
    };

    fn hazard() -> Hazard {
        DelayBaseline::new(250.0, 0.71, 0.01).hazard(None, None)
    }

    /// One request a second; `answered` after 200 ms or never. Gives the nats after each second.
    fn play(seconds: i64, answered: bool) -> std::vec::Vec<f64> {
        let (hazard, mut stream) = (hazard(), Compensated::new(250));
        let mut nats = std::vec![];
        for quarter in 0..seconds * 4 {
            let now = Timestamp(quarter * 250);
            stream.tick(now, &hazard, &LAW, 40.0);
            if quarter % 4 == 0 {
                stream.begin(now);
                if answered {
                    stream.end(now, now.plus_ms(200), &hazard);
                }
                nats.push(stream.act.nats);
            }
        }
        nats
    }

    #[test]
    fn answers_that_come_keep_it_calm() {
        assert!(play(100, true).iter().all(|nats| *nats < 1.0));
    }

    #[test]
    fn a_hang_is_seen_before_any_time_out() {
        let nats = play(8, false);
        assert!(nats[6] > 16.6, "{nats:?}");
    }

    #[test]
    fn one_request_that_hangs_is_no_outage() {
        let (hazard, mut stream) = (hazard(), Compensated::new(250));
        stream.begin(Timestamp(0));
        for quarter in 1..100 {
            stream.tick(Timestamp(quarter * 250), &hazard, &LAW, 40.0);
        }
        assert!(stream.act.nats < 5.0, "{}", stream.act.nats);
    }

    #[test]
    fn time_in_which_nobody_looked_speaks_against_nobody() {
        for jump in [-3_600_000, 3_600_000] {
            let (hazard, mut stream) = (hazard(), Compensated::new(250));
            let start = Timestamp(100_000_000);
            (0..50).for_each(|_| stream.begin(start));
            stream.tick(start, &hazard, &LAW, 40.0);
            stream.tick(Timestamp(start.0 + jump), &hazard, &LAW, 40.0);
            stream.tick(Timestamp(start.0 + jump + 500), &hazard, &LAW, 40.0);
            assert_eq!(stream.act.nats, 0.0, "{jump}");
        }
    }

    #[test]
    fn a_short_stall_of_ours_is_not_the_provider_s_silence() {
        let (hazard, mut stream) = (hazard(), Compensated::new(250));
        (0..25).for_each(|n| stream.begin(Timestamp(1_000 + n * 10)));
        stream.tick(Timestamp(1_250), &hazard, &LAW, 40.0);
        stream.tick(Timestamp(3_900), &hazard, &LAW, 40.0);
        assert!(stream.act.nats < 10.0, "{}", stream.act.nats);
    }

    #[test]
    fn a_tick_a_little_early_loses_nothing() {
        let (hazard, mut stream) = (hazard(), Compensated::new(250));
        stream.begin(Timestamp(1_010));
        assert_eq!(stream.tick(Timestamp(1_000), &hazard, &LAW, 40.0), 0);
        assert_eq!(stream.pending.total(), 1);
    }
}
