//! What is known of one sender as a whole: its probes, what people write to it, its blips, and the
//! experience that its leaves share.

use super::BoardConfig;
use crate::health::baseline::{Blips, Saved, Season};
use crate::health::leaf::{Delays, Recent};
use crate::health::scope::AccountIx;
use crate::health::signal::{Evidence, InboundKind};
use crate::health::stats::compensated::Walk;
use crate::{ChannelKind, Timestamp};
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use libm::sqrt;

/// How a sender is described to the board.
#[derive(Clone, Debug, Default)]
pub struct NumberConfig {
    pub sender: String,
    /// The account it belongs to (its WABA).
    pub account: Option<String>,
    /// Receipts can be expected.
    pub receipts: bool,
    /// It can be probed.
    pub probes: bool,
    /// A probe goes the way that messages go: one that fails speaks of everything.
    pub probes_sending: bool,
    /// False for one that only stored plans name.
    pub configured: bool,
}

/// How often it is probed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    Heartbeat,
    Burst,
    Down,
}

#[derive(Clone, Debug)]
pub struct Number {
    pub channel: ChannelKind,
    pub sender: String,
    pub account: Option<AccountIx>,
    pub probes: bool,
    pub probes_sending: bool,
    pub configured: bool,
    receipts: bool,
    /// Receipts seen ever, up to what makes them trusted.
    receipts_seen: u32,
    /// Receipts are lost on their way to us, which is no fault of sending.
    pub receipts_lost: bool,
    /// Our own webhook is not reached from outside.
    pub webhook_broken: bool,
    pub pool: Delays,
    pub blips: Blips,
    watched_at: Timestamp,
    pub last_probe: Option<(Timestamp, Evidence)>,
    pub probe_ok_at: Option<Timestamp>,
    pub probe_failed_at: Option<Timestamp>,
    /// Probes since they began to fail.
    pub recent_probes: Recent,
    probed_at: Timestamp,
    pub inbound: Box<[Silence]>,
}

/// A number is looked at more often than this, unless we are away (suspended, or not running).
const AWAY_MS: u64 = 30_000;
/// Receipts that a number must have given before missing ones are evidence: where no webhook was
/// ever set up, their absence says nothing.
const RECEIPTS_TRUSTED: u32 = 5;

impl Number {
    #[must_use]
    pub fn new(
        channel: ChannelKind,
        config: &NumberConfig,
        account: Option<AccountIx>,
        now: Timestamp,
    ) -> Self {
        Self {
            channel,
            sender: config.sender.clone(),
            account,
            probes: config.probes,
            probes_sending: config.probes_sending,
            configured: config.configured,
            receipts: config.receipts,
            receipts_seen: 0,
            receipts_lost: false,
            webhook_broken: false,
            pool: Delays::default(),
            blips: Blips::default(),
            watched_at: now,
            last_probe: None,
            probe_ok_at: None,
            probe_failed_at: None,
            recent_probes: Recent::default(),
            probed_at: Timestamp(i64::MIN / 2),
            inbound: InboundKind::ALL.map(Silence::new).into(),
        }
    }

    #[must_use]
    pub fn trusts_receipts(&self) -> bool {
        self.receipts
            && !self.receipts_lost
            && !self.webhook_broken
            && self.receipts_seen >= RECEIPTS_TRUSTED
    }

    pub fn receipt_seen(&mut self) {
        self.receipts_seen = self.receipts_seen.saturating_add(1);
        self.receipts_lost = false;
    }

    /// Whether to probe now; true once for each time.
    pub fn take_probe(&mut self, now: Timestamp, pace: Pace, config: &BoardConfig) -> bool {
        let due = self.probes && now >= self.probe_at(now, pace, config);
        if due {
            self.probed_at = now;
        }
        due
    }

    /// When it is to be probed next; at once where the clock went back behind the last one.
    #[must_use]
    pub fn probe_at(&self, now: Timestamp, pace: Pace, config: &BoardConfig) -> Timestamp {
        if now < self.probed_at {
            return now;
        }
        self.probed_at.plus_ms(match pace {
            Pace::Heartbeat => config.probe_every_ms,
            Pace::Burst => config.probe_burst_ms,
            Pace::Down => config.probe_down_ms,
        })
    }

    pub fn probed(&mut self, at: Timestamp, evidence: &Evidence) {
        let failed = evidence.failed();
        if failed
            && self
                .recent_probes
                .failing()
                .is_none_or(|share| share <= 0.0)
        {
            self.recent_probes = Recent::default();
        }
        self.recent_probes.push(failed);
        self.last_probe = Some((at, evidence.clone()));
        let last = if failed {
            &mut self.probe_failed_at
        } else {
            &mut self.probe_ok_at
        };
        *last = Some(at);
    }

    /// The last probe failed without an answer.
    #[must_use]
    pub fn fails_in_transport(&self) -> bool {
        self.last_probe
            .as_ref()
            .is_some_and(|(_, evidence)| evidence.is_transport())
    }

    pub fn inbound(&mut self, kind: InboundKind, at: Timestamp) {
        if let Some(silence) = self.inbound.iter_mut().find(|it| it.kind == kind) {
            silence.came(at);
        }
    }

    /// Takes time; `quiet`: what is heard now is usual.
    pub fn tick(&mut self, now: Timestamp, quiet: bool, cap: f64) {
        let passed_ms = now.since_ms(self.watched_at);
        if passed_ms < 1_000 && now >= self.watched_at {
            return;
        }
        if quiet && passed_ms <= AWAY_MS {
            self.blips.watch(passed_ms);
        }
        self.watched_at = now;
        self.inbound
            .iter_mut()
            .for_each(|silence| silence.tick(now, quiet, cap));
    }

    /// The most telling silence.
    #[must_use]
    pub fn silence(&self) -> Option<&Silence> {
        let nats = |silence: &&Silence| silence.walk.nats > 0.0;
        let all = self.inbound.iter().filter(nats);
        all.max_by(|a, b| a.walk.nats.total_cmp(&b.walk.nats))
    }

    #[must_use]
    pub fn save(&self) -> Vec<f32> {
        let mut out = Vec::new();
        self.pool.save(&mut out);
        self.blips.save(&mut out);
        out.push(self.receipts_seen.min(1_000) as f32);
        self.inbound
            .iter()
            .for_each(|silence| silence.save(&mut out));
        out
    }

    pub fn load(&mut self, values: &[f32]) {
        let mut saved = Saved::new(values);
        self.pool.load(&mut saved);
        self.blips.load(&mut saved);
        self.receipts_seen = saved.next() as u32;
        self.inbound
            .iter_mut()
            .for_each(|silence| silence.load(&mut saved));
    }
}

/// One kind of inbound message: its usual rate by hour of the week, and how far it is behind.
#[derive(Clone, Debug)]
pub struct Silence {
    pub kind: InboundKind,
    season: Season,
    pub walk: Walk,
    events: f64,
    ticked_at: Timestamp,
    /// Squared deviation of hours from what was expected: over-dispersion makes it tolerant.
    spread: f64,
    hour: (f64, f64, i64),
}

/// History, in hours and events, before a silence is evidence.
const HOURS_MIN: f64 = 24.0;
const EVENTS_MIN: f64 = 100.0;
/// Hours that the mean of all hours counts for.
const SHRINK_HOURS: f64 = 2.0;
const SILENT: f64 = 0.05;

impl Silence {
    fn new(kind: InboundKind) -> Self {
        Self {
            kind,
            season: Season::default(),
            walk: Walk::default(),
            events: 0.0,
            ticked_at: Timestamp(0),
            spread: 0.09,
            hour: (0.0, 0.0, 0),
        }
    }

    fn came(&mut self, _at: Timestamp) {
        self.events += 1.0;
    }

    fn tick(&mut self, now: Timestamp, quiet: bool, cap: f64) {
        let passed_ms = now.since_ms(self.ticked_at);
        let looked = now >= self.ticked_at && passed_ms <= AWAY_MS;
        self.ticked_at = now;
        let events = core::mem::take(&mut self.events);
        if !looked {
            return;
        }
        let hours = passed_ms as f64 / 3_600_000.0;
        let expected = self.per_hour(now) * hours;
        if expected > 0.0 {
            self.walk
                .step(now, (expected, events), (self.tolerance(), SILENT), cap);
        }
        if quiet && self.walk.nats < 3.0 {
            self.season.learn(now, events, hours);
            self.judge_hour(now, expected, events);
        }
    }

    /// Healthy share that is tolerated: half, or less where hours differ much.
    #[must_use]
    pub fn tolerance(&self) -> f64 {
        if sqrt(self.spread) >= 0.5 { 0.3 } else { 0.5 }
    }

    /// Messages an hour that are usual now; zero while there is too little history.
    #[must_use]
    pub fn per_hour(&self, now: Timestamp) -> f64 {
        let (events, hours) = self.season.total();
        let known = hours >= HOURS_MIN && events >= EVENTS_MIN;
        if known {
            self.season.rate(now, SHRINK_HOURS)
        } else {
            0.0
        }
    }

    fn judge_hour(&mut self, now: Timestamp, expected: f64, events: f64) {
        let hour = now.0.div_euclid(3_600_000);
        if hour != self.hour.2 {
            if self.hour.0 >= 5.0 {
                let off = self.hour.1 / self.hour.0 - 1.0;
                let chance = 1.0 / self.hour.0;
                self.spread += 0.05 * ((off * off - chance).max(0.0) - self.spread);
            }
            self.hour = (0.0, 0.0, hour);
        }
        self.hour.0 += expected;
        self.hour.1 += events;
    }

    fn save(&self, out: &mut Vec<f32>) {
        self.season.save(out);
        out.push(self.spread as f32);
    }

    fn load(&mut self, saved: &mut Saved<'_>) {
        self.season.load(saved);
        self.spread = saved.next();
    }
}
