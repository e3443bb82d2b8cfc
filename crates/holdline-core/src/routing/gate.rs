//! How fast a route may be used: attempts in flight, messages a second, and the ramp after an
//! outage. Never gives more than the provider's limit; a sick route gets a trickle (invariants
//! 6 and 11).

use crate::Timestamp;
use crate::health::Health;

/// The limits of one route.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GateConfig {
    pub in_flight_max: u32,
    /// Attempts a route that is not Up may hold at once: a hanging provider must not take all.
    pub in_flight_sick_max: u32,
    pub rate_per_s: f64,
    /// Attempts a second while Recovering.
    pub trickle_per_s: f64,
    /// After the return the rate doubles this often, from the trickle up.
    pub ramp_doubling_ms: u64,
    /// Share of `rate_per_s` at which the ramp ends.
    pub ramp_share: f64,
}

impl Default for GateConfig {
    fn default() -> Self {
        Self {
            in_flight_max: 64,
            in_flight_sick_max: 8,
            rate_per_s: 80.0,
            trickle_per_s: 1.0,
            ramp_doubling_ms: 10_000,
            ramp_share: 0.8,
        }
    }
}

/// A token bucket with a cap on attempts in flight, whose rate follows the route's health and what
/// the provider throttles. Attempts in flight are counted by the caller.
#[derive(Clone, Debug)]
pub struct Gate {
    config: GateConfig,
    tokens: f64,
    filled_at: Timestamp,
    /// The ramp began then.
    ramp_since: Option<Timestamp>,
    blocked_until: Timestamp,
    health: Health,
    /// What the provider seemed to bear when it last throttled us, and when that was.
    borne: Option<(f64, Timestamp)>,
    /// So much fails that more sends would tell nothing more.
    severe: bool,
    /// Attempts that failed since the last that worked.
    straight: u32,
    /// Attempts that may be in flight: few at first, one more for each that worked.
    window: u32,
    /// Of the limits, when several nodes share a route.
    share: f64,
}

/// Multiplicative decrease, additive increase (Chiu and Jain 1989), as TCP does: a throttle halves
/// the rate, and each second gives back this share of the limit.
const DECREASE: f64 = 0.5;
const INCREASE_PER_S: f64 = 0.02;
/// What leaves by a route that is Degraded and mostly fails, in trickles.
const SEVERE_TRICKLES: f64 = 4.0;
/// Throttles of one burst count once.
const DECREASE_MS: u64 = 1_000;
/// So many failures in a row shut the gate to all but what tells whether it goes on: with a usual
/// share of failures of 1 %, five in a row are chance once in 10^10 attempts.
const STRAIGHT_MAX: u32 = 5;
/// Attempts in flight that may fail together where nothing has worked yet. From there it grows as
/// in the slow start of TCP (RFC 5681, section 3.1).
const WINDOW_MIN: u32 = 16;

impl Gate {
    #[must_use]
    pub fn new(config: GateConfig, now: Timestamp) -> Self {
        Self {
            config,
            tokens: 1.0,
            filled_at: now,
            ramp_since: None,
            blocked_until: Timestamp(0),
            health: Health::Up,
            borne: None,
            severe: false,
            straight: 0,
            window: config.in_flight_max.min(WINDOW_MIN),
            share: 1.0,
        }
    }

    /// The route changed its state: a return starts the ramp, a fall ends it.
    pub fn set_health(&mut self, health: Health, now: Timestamp) {
        self.fill(now);
        match (self.health, health) {
            (Health::Recovering, Health::Up) => self.ramp_since = Some(now),
            (_, Health::Recovering) => {
                self.ramp_since = None;
                self.tokens = 1.0;
            }
            (_, Health::Down | Health::AccountFault) => self.ramp_since = None,
            (_, Health::Up | Health::Suspect | Health::Degraded | Health::SelfImpaired) => {}
        }
        self.health = health;
    }

    /// From now on it may let out this share of what all together may, from 0 to 1.
    pub fn set_share(&mut self, share: f64, now: Timestamp) {
        if (self.share - share).abs() > f64::EPSILON {
            self.fill(now);
            self.share = share.clamp(0.0, 1.0);
        }
    }

    /// Degraded, and much of it fails: what may wait is not sent into it. A few a second are as
    /// much evidence as there can be.
    pub fn set_severe(&mut self, severe: bool, now: Timestamp) {
        if self.severe != severe {
            self.fill(now);
            self.severe = severe;
        }
    }

    /// An attempt worked, or failed by the provider's fault. The detector needs seconds to be sure;
    /// the gate shuts at once, and one that works opens it again.
    pub fn ended(&mut self, worked: bool, now: Timestamp) {
        self.fill(now);
        if worked {
            self.straight = 0;
            self.window = self.config.in_flight_max.min(self.window.saturating_add(1));
            return;
        }
        self.straight = self.straight.saturating_add(1);
        if self.is_shut() {
            self.window = self.config.in_flight_max.min(WINDOW_MIN);
        }
    }

    fn is_narrow(&self) -> bool {
        self.is_shut() || (self.severe && self.health == Health::Degraded)
    }

    const fn is_shut(&self) -> bool {
        self.straight >= STRAIGHT_MAX
    }

    /// The provider asked for a pause.
    pub fn block_until(&mut self, until: Timestamp) {
        self.blocked_until = self.blocked_until.max(until);
    }

    /// We were too fast: slower at once, and back little by little.
    pub fn throttled(&mut self, now: Timestamp) {
        self.fill(now);
        let fresh = self
            .borne
            .is_none_or(|(_, at)| now.since_ms(at) >= DECREASE_MS);
        if fresh {
            let slower = (self.limit(now) * DECREASE).max(self.config.trickle_per_s);
            self.borne = Some((slower, now));
        }
    }

    #[must_use]
    pub const fn blocked_until(&self) -> Timestamp {
        self.blocked_until
    }

    /// How many attempts may leave now, beside those in flight.
    #[must_use]
    pub fn room(&mut self, now: Timestamp, in_flight: u32) -> u32 {
        self.fill(now);
        if now < self.blocked_until {
            return 0;
        }
        let slots = self.in_flight_max().saturating_sub(in_flight);
        slots.min(libm::floor(self.tokens.max(0.0)) as u32)
    }

    /// Back from an outage and still below the full rate.
    #[must_use]
    pub fn is_ramping(&self, now: Timestamp) -> bool {
        self.ramp_since.is_some() && self.whole_rate(now) < self.limit(now)
    }

    /// Counts one attempt as having left.
    pub fn take(&mut self) {
        self.tokens -= 1.0;
    }

    /// An attempt that was counted did not leave after all.
    pub fn give_back(&mut self) {
        self.tokens += 1.0;
    }

    /// When there may be room again as far as time decides it; `None` when an outcome must come
    /// first.
    #[must_use]
    pub fn room_at(&mut self, now: Timestamp, in_flight: u32) -> Option<Timestamp> {
        self.fill(now);
        if in_flight >= self.in_flight_max() || self.rate(now) <= 0.0 {
            return None;
        }
        let lacking = (1.0 - self.tokens).max(0.0);
        let wait_ms = libm::ceil(lacking * 1000.0 / self.rate(now)) as u64;
        Some(now.plus_ms(wait_ms).max(self.blocked_until))
    }

    /// Messages a second that may leave now.
    #[must_use]
    pub fn rate_per_s(&self, now: Timestamp) -> f64 {
        self.rate(now)
    }

    fn in_flight_max(&self) -> u32 {
        let sick = self.config.in_flight_sick_max;
        match self.health {
            Health::Up | Health::Suspect if self.is_shut() => sick.min(self.window),
            Health::Up | Health::Suspect => self.window,
            Health::Degraded
            | Health::Down
            | Health::Recovering
            | Health::AccountFault
            | Health::SelfImpaired => sick,
        }
    }

    fn fill(&mut self, now: Timestamp) {
        let rate = self.rate(now);
        let passed_ms = now.since_ms(self.filled_at) as f64;
        self.filled_at = now;
        self.tokens = (self.tokens + passed_ms * rate / 1000.0).min(self.burst(rate));
    }

    /// A tenth of a second's worth may leave at once: smooth enough for any provider's limit.
    fn burst(&self, rate: f64) -> f64 {
        (rate / 10.0).max(1.0)
    }

    fn rate(&self, now: Timestamp) -> f64 {
        self.share * self.whole_rate(now)
    }

    fn whole_rate(&self, now: Timestamp) -> f64 {
        match self.health {
            Health::Down | Health::AccountFault | Health::SelfImpaired => 0.0,
            Health::Recovering => self.config.trickle_per_s,
            Health::Up | Health::Suspect | Health::Degraded if self.is_narrow() => {
                (self.config.trickle_per_s * SEVERE_TRICKLES).min(self.limit(now))
            }
            Health::Up | Health::Suspect | Health::Degraded => self.ramped(now),
        }
    }

    fn ramped(&self, now: Timestamp) -> f64 {
        let limit = self.limit(now);
        let Some(since) = self.ramp_since else {
            return limit;
        };
        let doublings = now.since_ms(since) as f64 / self.config.ramp_doubling_ms.max(1) as f64;
        let rate = self.config.trickle_per_s * libm::exp2(doublings.min(40.0));
        if rate >= limit * self.config.ramp_share {
            limit
        } else {
            rate
        }
    }

    /// The configured limit, or less while the provider bears less.
    fn limit(&self, now: Timestamp) -> f64 {
        let most = self.config.rate_per_s;
        self.borne.map_or(most, |(borne, at)| {
            let passed_s = now.since_ms(at) as f64 / 1000.0;
            (borne + passed_s * INCREASE_PER_S * most).min(most)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent_in(gate: &mut Gate, from_ms: i64, until_ms: i64) -> u32 {
        let mut sent = 0;
        for at in from_ms..until_ms {
            while gate.room(Timestamp(at), 0) > 0 {
                gate.take();
                sent += 1;
            }
        }
        sent
    }

    #[test]
    fn the_rate_never_exceeds_the_limit() {
        let mut gate = Gate::new(GateConfig::default(), Timestamp(0));
        let sent = sent_in(&mut gate, 0, 10_000);
        assert!((790..=810).contains(&sent), "{sent}");
    }

    #[test]
    fn a_down_route_gets_nothing_and_a_recovering_one_a_trickle() {
        let mut gate = Gate::new(GateConfig::default(), Timestamp(0));
        gate.set_health(Health::Down, Timestamp(0));
        let _ = sent_in(&mut gate, 0, 1_000);
        assert_eq!(sent_in(&mut gate, 1_000, 9_000), 0);
        gate.set_health(Health::Recovering, Timestamp(9_000));
        let trickle = sent_in(&mut gate, 9_000, 19_000);
        assert!((10..=11).contains(&trickle), "{trickle}");
    }

    #[test]
    fn after_the_return_the_rate_doubles_up_to_the_limit() {
        let mut gate = Gate::new(GateConfig::default(), Timestamp(0));
        gate.set_health(Health::Recovering, Timestamp(0));
        gate.set_health(Health::Up, Timestamp(0));
        let early = sent_in(&mut gate, 0, 10_000);
        let later = sent_in(&mut gate, 30_000, 40_000);
        let full = sent_in(&mut gate, 90_000, 100_000);
        assert!(
            early < 20 && later > 80 && later < 200 && full > 780,
            "{early} {later} {full}"
        );
    }

    #[test]
    fn a_hanging_provider_holds_few_slots_once_it_is_degraded() {
        let mut gate = Gate::new(GateConfig::default(), Timestamp(0));
        gate.set_health(Health::Degraded, Timestamp(0));
        let mut held = 0;
        for at in 0..10_000 {
            if gate.room(Timestamp(at), held) > 0 {
                gate.take();
                held += 1;
            }
        }
        assert_eq!(held, 8);
        assert_eq!(gate.room_at(Timestamp(10_000), held), None);
    }

    #[test]
    fn failures_in_a_row_shut_the_gate_until_one_works() {
        let mut gate = Gate::new(GateConfig::default(), Timestamp(0));
        (0..4).for_each(|_| gate.ended(false, Timestamp(0)));
        gate.ended(true, Timestamp(0));
        (0..4).for_each(|_| gate.ended(false, Timestamp(0)));
        assert_eq!(gate.rate_per_s(Timestamp(0)), 80.0);
        gate.ended(false, Timestamp(0));
        let few = sent_in(&mut gate, 0, 10_000);
        assert!((40..=42).contains(&few), "{few}");
        gate.ended(true, Timestamp(10_000));
        assert_eq!(gate.rate_per_s(Timestamp(10_000)), 80.0);
    }

    #[test]
    fn few_are_in_flight_before_anything_worked() {
        let config = GateConfig {
            rate_per_s: 10_000.0,
            ..GateConfig::default()
        };
        let mut gate = Gate::new(config, Timestamp(0));
        assert_eq!(gate.room(Timestamp(1_000), 0), 16);
        (0..20).for_each(|_| gate.ended(true, Timestamp(1_000)));
        assert_eq!(gate.room(Timestamp(1_000), 0), 36);
        (0..100).for_each(|_| gate.ended(true, Timestamp(1_000)));
        assert_eq!(gate.room(Timestamp(1_000), 0), 64);
    }

    #[test]
    fn a_throttle_halves_the_rate_and_time_gives_it_back() {
        let mut gate = Gate::new(GateConfig::default(), Timestamp(0));
        (0..50).for_each(|_| gate.throttled(Timestamp(0)));
        assert!(
            (gate.rate_per_s(Timestamp(0)) - 40.0).abs() < 1e-9,
            "one burst counts once"
        );
        gate.throttled(Timestamp(1_000));
        let slow = gate.rate_per_s(Timestamp(1_000));
        assert!((20.0..21.0).contains(&slow), "{slow}");
        assert_eq!(gate.rate_per_s(Timestamp(120_000)), 80.0);
        (0..100).for_each(|n| gate.throttled(Timestamp(200_000 + n * 1_000)));
        assert!(
            gate.rate_per_s(Timestamp(300_000)) >= 1.0,
            "never quite nothing"
        );
    }
}
