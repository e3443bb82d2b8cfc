//! The plain health rule: N platform failures among the last M signals within a window mean Down;
//! a probe, then a run of successes on a trickle, means Up again.
//!
//! * **Suspect** after `suspect_failures` failures in the sample, or `down_failures` failures that
//!   are too mixed with successes to be a majority.
//! * **Down** when at least `down_failures` of the last `sample_max` signals of the last
//!   `window_ms` failed and they are at least half of them.
//! * While Down a probe is wanted every `trickle_interval_ms`, doubled after each relapse up to
//!   `trickle_interval_max_ms`; one that works opens Recovering.
//! * **Recovering** ends Up after `up_successes` in a row, or Down at the first failure.
//! * **AccountFault** at the first refusal of our account, from any state; it is left the same way
//!   as Down. It never becomes Down by itself: the provider works.
//!
//! Counts in a window, as in linkerd's and resilience4j's breakers; no statistics are claimed.

use super::Detector;
use super::signal::{Evidence, Signal};
use super::verdict::{Health, Verdict};
use crate::Timestamp;
use alloc::collections::VecDeque;
use alloc::string::String;
use core::mem;

/// Largest sample kept, whatever the configuration says.
pub const SAMPLE_MAX: usize = 1_000;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleConfig {
    pub window_ms: u64,
    pub sample_max: usize,
    pub suspect_failures: usize,
    pub down_failures: usize,
    pub trickle_interval_ms: u64,
    pub trickle_interval_max_ms: u64,
    pub up_successes: u32,
}

impl Default for RuleConfig {
    fn default() -> Self {
        Self {
            window_ms: 30_000,
            sample_max: 20,
            suspect_failures: 2,
            down_failures: 5,
            trickle_interval_ms: 5_000,
            trickle_interval_max_ms: 60_000,
            up_successes: 5,
        }
    }
}

/// The rule's state for one route.
#[derive(Clone, Debug)]
pub struct Rule {
    config: RuleConfig,
    health: Health,
    since: Timestamp,
    /// Time and "failed" of the last signals, oldest first.
    sample: VecDeque<(Timestamp, bool)>,
    last_code: String,
    successes: u32,
    relapses: u32,
    next_probe: Timestamp,
}

impl Rule {
    #[must_use]
    pub fn new(config: RuleConfig, now: Timestamp) -> Self {
        Self {
            config,
            health: Health::Up,
            since: now,
            sample: VecDeque::new(),
            last_code: String::new(),
            successes: 0,
            relapses: 0,
            next_probe: Timestamp::MAX,
        }
    }

    /// Takes up a state saved before a restart; a sick route is tested before it is trusted.
    #[must_use]
    pub fn resume(config: RuleConfig, health: Health, since: Timestamp, now: Timestamp) -> Self {
        let mut rule = Self::new(config, now);
        rule.since = since;
        rule.health = match health {
            Health::Up | Health::Suspect | Health::Degraded | Health::SelfImpaired => Health::Up,
            Health::Down | Health::Recovering => Health::Down,
            Health::AccountFault => Health::AccountFault,
        };
        if rule.health != Health::Up {
            rule.next_probe = now;
        }
        rule
    }

    fn observe_failure(&mut self, at: Timestamp, code: &str) -> Option<Verdict> {
        self.last_code = code.into();
        self.successes = 0;
        self.remember(at, true);
        match self.health {
            Health::Recovering => {
                let reason = alloc::format!("failed while being tested ({code})");
                self.relapse(Health::Down, at, reason)
            }
            Health::Down | Health::AccountFault => {
                self.schedule_probe(at);
                None
            }
            Health::Up | Health::Suspect | Health::Degraded | Health::SelfImpaired => {
                self.judge(at)
            }
        }
    }

    fn observe_success(&mut self, at: Timestamp, probe: bool) -> Option<Verdict> {
        self.remember(at, false);
        match self.health {
            Health::Down | Health::AccountFault if probe => {
                self.successes = 0;
                let reason = String::from("a probe was answered; testing with a trickle");
                self.change(Health::Recovering, at, reason)
            }
            Health::Recovering if !probe => self.count_success(at),
            Health::Suspect | Health::Degraded => self.judge(at),
            Health::Up
            | Health::Down
            | Health::AccountFault
            | Health::Recovering
            | Health::SelfImpaired => None,
        }
    }

    fn count_success(&mut self, at: Timestamp) -> Option<Verdict> {
        self.successes += 1;
        if self.successes < self.config.up_successes {
            return None;
        }
        self.sample.clear();
        let reason = alloc::format!("{} sends in a row worked", self.successes);
        self.change(Health::Up, at, reason)
    }

    fn observe_refusal(&mut self, at: Timestamp, code: &str) -> Option<Verdict> {
        let reason = alloc::format!(
            "the provider refuses our account ({code}): credentials, permission, payment or \
             standing; this is not an outage of the provider"
        );
        match self.health {
            Health::AccountFault => {
                self.schedule_probe(at);
                None
            }
            Health::Recovering => self.relapse(Health::AccountFault, at, reason),
            Health::Up
            | Health::Suspect
            | Health::Degraded
            | Health::Down
            | Health::SelfImpaired => {
                let verdict = self.change(Health::AccountFault, at, reason);
                self.schedule_probe(at);
                verdict
            }
        }
    }

    /// Up, Suspect or Down by what the sample holds.
    fn judge(&mut self, now: Timestamp) -> Option<Verdict> {
        let (failed, seen) = self.count(now);
        let window_s = self.config.window_ms / 1000;
        let words = alloc::format!(
            "{failed} of the last {seen} signals within {window_s} s failed (last: {})",
            self.last_code
        );
        if failed >= self.config.down_failures && failed * 2 >= seen {
            let verdict = self.change(Health::Down, now, words);
            self.schedule_probe(now);
            verdict
        } else if failed >= self.config.suspect_failures {
            self.change(Health::Suspect, now, words)
        } else {
            self.change(Health::Up, now, words)
        }
    }

    fn relapse(&mut self, to: Health, at: Timestamp, reason: String) -> Option<Verdict> {
        self.relapses = self.relapses.saturating_add(1);
        let verdict = self.change(to, at, reason);
        self.schedule_probe(at);
        verdict
    }

    fn change(&mut self, to: Health, at: Timestamp, reason: String) -> Option<Verdict> {
        if self.health == to {
            return None;
        }
        let from = mem::replace(&mut self.health, to);
        self.since = at;
        if to == Health::Up {
            self.relapses = 0;
            self.next_probe = Timestamp::MAX;
        }
        let onset = self
            .sample
            .iter()
            .find(|(_, failed)| *failed)
            .map(|(at, _)| *at);
        Some(Verdict {
            from,
            to,
            at,
            reason,
            onset,
        })
    }

    fn schedule_probe(&mut self, now: Timestamp) {
        let doubled = self.config.trickle_interval_ms << self.relapses.min(16);
        self.next_probe = now.plus_ms(doubled.min(self.config.trickle_interval_max_ms));
    }

    fn remember(&mut self, at: Timestamp, failed: bool) {
        let keep = self.config.sample_max.clamp(1, SAMPLE_MAX);
        while self.sample.len() >= keep {
            self.sample.pop_front();
        }
        self.sample.push_back((at, failed));
    }

    fn count(&mut self, now: Timestamp) -> (usize, usize) {
        while self
            .sample
            .front()
            .is_some_and(|(at, _)| now.since_ms(*at) > self.config.window_ms)
        {
            self.sample.pop_front();
        }
        let failed = self.sample.iter().filter(|(_, failed)| *failed).count();
        (failed, self.sample.len())
    }
}

impl Detector for Rule {
    fn observe(&mut self, signal: &Signal) -> Option<Verdict> {
        match &signal.evidence {
            Evidence::Works => self.observe_success(signal.at, signal.probe),
            Evidence::Fails { code } => self.observe_failure(signal.at, code),
            Evidence::AccountRefused { code } => self.observe_refusal(signal.at, code),
        }
    }

    fn tick(&mut self, now: Timestamp) -> Option<Verdict> {
        match self.health {
            Health::Suspect | Health::Degraded => self.judge(now),
            Health::Down | Health::AccountFault if now >= self.next_probe => {
                self.schedule_probe(now);
                None
            }
            Health::Up
            | Health::Down
            | Health::Recovering
            | Health::AccountFault
            | Health::SelfImpaired => None,
        }
    }

    fn wake_at(&self) -> Option<Timestamp> {
        match self.health {
            Health::Suspect | Health::Degraded => {
                let oldest = self.sample.front().map_or(self.since, |(at, _)| *at);
                Some(oldest.plus_ms(self.config.window_ms + 1))
            }
            Health::Down | Health::AccountFault => Some(self.next_probe),
            Health::Up | Health::Recovering | Health::SelfImpaired => None,
        }
    }

    fn wants_probe(&self, now: Timestamp) -> bool {
        matches!(self.health, Health::Down | Health::AccountFault) && now >= self.next_probe
    }

    fn health(&self) -> Health {
        self.health
    }

    fn since(&self) -> Timestamp {
        self.since
    }
}

#[cfg(test)]
#[path = "rule_tests.rs"]
mod tests;
