//! Evidence comes in: it lands on its leaf, or on the test of the trouble that covers the leaf, and
//! the leaf is judged at once.

use super::Board;
use super::episode::Episode;
use super::number::Pace;
use super::outside::Wish;
use crate::Timestamp;
use crate::health::leaf::{Around, Context, Mood};
use crate::health::scope::{Feature, NumberIx};
use crate::health::signal::{Ended, Evidence, InboundKind, ReceiptSign, Signal};
use crate::health::stats::SprtResult;
use crate::health::stats::compensated::GAP_MS_MAX;
use crate::health::verdict::Health;
use crate::routing::RouteIx;

/// Ticks closer together than this are one: a busy caller may ask at every turn.
const TICK_MS_MIN: u64 = 50;
/// Awaited streams are looked at so often.
const LOOK_MS: u64 = 250;
/// While only receipts are awaited, so often.
const RECEIPTS_LOOK_MS: u64 = 1_000;
/// With nothing awaited, numbers are looked at so often: what people write, and the exposure to
/// blips, are counted by time that was looked at.
const IDLE_LOOK_MS: u64 = 5_000;

impl Board {
    /// Takes one signal; verdicts are taken by `take_verdicts`.
    pub fn observe(&mut self, signal: &Signal) {
        match signal {
            Signal::Started { route, at } => {
                self.look_ms = LOOK_MS;
                self.leaves[usize::from(route.0)].started(*at);
                self.active.insert(*route);
            }
            Signal::Ended(ended) => self.ended(ended),
            Signal::Accepted { route, at } => self.accepted(*route, *at),
            Signal::Receipt {
                route,
                accepted_at,
                at,
                kind,
            } => {
                self.receipt(*route, *accepted_at, *at, *kind);
            }
            Signal::Inbound { number, at, kind } => self.inbound(*number, *at, *kind),
            Signal::Probed {
                number,
                at,
                evidence,
            } => {
                if let Some(evidence) = evidence {
                    self.probed(*number, *at, evidence);
                }
            }
        }
    }

    /// Time has passed. `draw`: 64 random bits.
    pub fn tick(&mut self, now: Timestamp, draw: u64) {
        if now >= self.ticked_at && now.since_ms(self.ticked_at) < TICK_MS_MIN {
            return;
        }
        self.draw = draw;
        let read = Timestamp(now.0.saturating_sub_unsigned(self.lag_ms));
        self.follow_clock(now);
        self.tick_numbers(now);
        for route in self.active.clone() {
            let leaf = &mut self.leaves[usize::from(route.0)];
            leaf.tick(
                now,
                read,
                &mut self.numbers[usize::from(leaf.key.number.0)].pool,
            );
            self.judge(route, now);
            let leaf = &self.leaves[usize::from(route.0)];
            if leaf.mood == Mood::Calm && leaf.strands.is_idle() {
                self.active.remove(&route);
            }
        }
        self.look_around(now);
        self.progress(now);
        self.expire_holds(now);
        self.look_ms = self.pace_of_looks();
    }

    fn pace_of_looks(&self) -> u64 {
        let watched = |route: &RouteIx| self.leaf_at(*route).is_watched();
        if self.episodes.iter().any(Episode::moves_by_itself) || self.active.iter().any(watched) {
            LOOK_MS
        } else if self.active.is_empty() {
            IDLE_LOOK_MS
        } else {
            RECEIPTS_LOOK_MS
        }
    }

    /// When `tick` is wanted next.
    #[must_use]
    pub fn wake_at(&self, now: Timestamp) -> Timestamp {
        if self.numbers.is_empty() {
            return Timestamp::MAX;
        }
        let probes = (0..self.numbers.len())
            .filter(|at| self.is_probed(*at))
            .map(|at| {
                let ix = NumberIx(u16::try_from(at).unwrap_or(u16::MAX));
                self.number(ix).probe_at(now, self.pace(ix), &self.config)
            });
        // One that was due at the last look and not taken (another is under way) waits for the
        // next: it must not wake us again and again.
        let probe = probes
            .filter(|at| *at > self.ticked_at)
            .min()
            .unwrap_or(Timestamp::MAX);
        // From the last look, so that signals which keep coming cannot put it off.
        let look_ms = self.look_ms;
        let look = self
            .ticked_at
            .plus_ms(look_ms)
            .max(now)
            .min(now.plus_ms(look_ms));
        // A tick that comes sooner does nothing.
        let soonest = self
            .ticked_at
            .plus_ms(TICK_MS_MIN)
            .min(now.plus_ms(TICK_MS_MIN));
        probe.min(look).max(soonest)
    }

    /// Whether this number is to be probed now; true once for each time.
    pub fn take_probe(&mut self, number: NumberIx, now: Timestamp) -> bool {
        if !self.is_probed(usize::from(number.0)) {
            return false;
        }
        let pace = self.pace(number);
        let config = &self.config;
        self.numbers[usize::from(number.0)].take_probe(now, pace, config)
    }

    /// Whoever decides a channel probes it.
    fn is_probed(&self, number: usize) -> bool {
        self.numbers[number].probes && !self.follows(self.numbers[number].channel)
    }

    /// A clock that was set back must not make every wait longer by as much.
    fn follow_clock(&mut self, now: Timestamp) {
        if now.plus_ms(GAP_MS_MAX) < self.ticked_at {
            self.episodes
                .iter_mut()
                .for_each(|episode| episode.not_after(now));
            self.surroundings.asked_at = None;
        }
        self.ticked_at = now;
    }

    fn ended(&mut self, ended: &Ended) {
        let leaf = &self.leaves[usize::from(ended.route.0)];
        let (number, scope) = (leaf.key.number, leaf.scope);
        if let Some(Evidence::AccountRefused { code }) = &ended.evidence {
            self.account_refused(scope, code, ended.at);
        }
        let shut = self
            .episodes
            .iter()
            .any(|it| it.is_shut() && it.scope.covers(&scope));
        if shut {
            self.test(ended);
        }
        let pool = &mut self.numbers[usize::from(number.0)].pool;
        self.leaves[usize::from(ended.route.0)].ended(ended, pool, !shut);
        self.active.insert(ended.route);
        self.judge(ended.route, ended.at);
    }

    /// An outcome under a trouble that is being tested.
    fn test(&mut self, ended: &Ended) {
        let Some(evidence) = &ended.evidence else {
            return;
        };
        let scope = self.leaves[usize::from(ended.route.0)].scope;
        let failed = match evidence {
            Evidence::Works => false,
            Evidence::Fails { .. } | Evidence::AccountRefused { .. } => true,
        };
        for episode in self
            .episodes
            .iter_mut()
            .filter(|it| it.scope.covers(&scope))
        {
            if failed {
                episode.failed_at = ended.at;
            }
            let tests = ended.started_at.is_some_and(|at| at >= episode.since);
            if episode.health == Health::Recovering && tests {
                let _: SprtResult = episode.test.observe(failed);
            }
        }
        self.progress(ended.at);
    }

    fn accepted(&mut self, route: RouteIx, at: Timestamp) {
        let number = self.leaves[usize::from(route.0)].key.number;
        if self.number(number).trusts_receipts() {
            self.leaves[usize::from(route.0)].accepted(at);
            self.active.insert(route);
            self.look_ms = self.look_ms.min(RECEIPTS_LOOK_MS);
        }
    }

    fn receipt(
        &mut self,
        route: RouteIx,
        accepted_at: Timestamp,
        at: Timestamp,
        kind: ReceiptSign,
    ) {
        let leaf = &mut self.leaves[usize::from(route.0)];
        let number = &mut self.numbers[usize::from(leaf.key.number.0)];
        number.receipt_seen();
        leaf.receipt(accepted_at, at, kind, &mut number.pool);
    }

    fn inbound(&mut self, number: NumberIx, at: Timestamp, kind: InboundKind) {
        let number = &mut self.numbers[usize::from(number.0)];
        number.inbound(kind, at);
        number.receipts_lost = false;
    }

    fn probed(&mut self, number: NumberIx, at: Timestamp, evidence: &Evidence) {
        let Some(management) = self.management_of(number) else {
            return;
        };
        if let Evidence::AccountRefused { code } = evidence {
            self.account_refused(self.scope_of(number), code, at);
        }
        let failed = evidence.failed();
        let ended = Ended {
            route: management,
            at,
            started_at: None,
            first: true,
            // Probes have no recipient: each counts.
            recipient: at.0 as u32,
            evidence: Some(evidence.clone()),
        };
        self.numbers[usize::from(number.0)].probed(at, evidence);
        self.spread_probe(number, at, failed);
        self.test_by_probe(number, at, failed);
        self.ended(&ended);
    }

    /// A probe speaks for every leaf of its number that is in use.
    fn spread_probe(&mut self, number: NumberIx, at: Timestamp, failed: bool) {
        let share = self.number(number).recent_probes.failing_drawn();
        for index in 0..self.leaves.len() {
            let leaf = &mut self.leaves[index];
            if leaf.key.number != number || !leaf.key.feature.sends() {
                continue;
            }
            leaf.probes_fail(share);
            let scope = leaf.scope;
            let quiet = !failed && leaf.strands.both.is_calm();
            let shut = || {
                self.episodes
                    .iter()
                    .any(|it| it.is_shut() && it.scope.covers(&scope))
            };
            if quiet || shut() {
                continue;
            }
            let route = RouteIx(u16::try_from(index).unwrap_or(u16::MAX));
            self.leaves[index].probed(failed, at);
            self.active.insert(route);
            self.judge(route, at);
        }
    }

    fn test_by_probe(&mut self, number: NumberIx, at: Timestamp, failed: bool) {
        let whole = self.scope_of(number);
        for episode in self.episodes.iter_mut().filter(|it| it.scope.meets(&whole)) {
            if failed {
                episode.probes_failed = true;
                episode.failed_at = at;
            }
            if episode.health == Health::Recovering {
                let _: SprtResult = episode.probe_test.observe(failed);
            }
        }
    }

    fn tick_numbers(&mut self, now: Timestamp) {
        for index in 0..self.numbers.len() {
            if self.follows(self.numbers[index].channel) {
                continue;
            }
            let ix = NumberIx(u16::try_from(index).unwrap_or(u16::MAX));
            let whole = self.scope_of(ix);
            let quiet = !self
                .episodes
                .iter()
                .any(|episode| episode.scope.meets(&whole));
            let cap = self.config.mtbfa_s.max(2.0);
            self.numbers[index].tick(now, quiet, libm::log(cap) + 6.0);
            if self.numbers[index].silence().is_some()
                && let Some(inbound) = self.special(ix, Feature::Inbound)
            {
                self.active.insert(inbound);
            }
        }
    }

    /// Judges one leaf and takes up what that changes.
    fn judge(&mut self, route: RouteIx, now: Timestamp) {
        let leaf = &self.leaves[usize::from(route.0)];
        let scope = leaf.scope;
        let shut = self
            .episodes
            .iter()
            .any(|it| it.is_shut() && it.scope.covers(&scope));
        if shut || self.surroundings.impaired.is_some() {
            return;
        }
        let sends = leaf.key.feature != Feature::Inbound;
        if sends && leaf.mood == Mood::Calm && leaf.strands.is_calm() {
            return;
        }
        let context = self.context(route);
        let before = self.leaves[usize::from(route.0)].mood;
        let changed = match self.leaves[usize::from(route.0)].key.feature {
            Feature::Inbound => self.judge_silence(route, now),
            Feature::Session
            | Feature::Marketing
            | Feature::Utility
            | Feature::Authentication
            | Feature::Template
            | Feature::Media
            | Feature::Management => self.leaves[usize::from(route.0)].judge(now, &context),
        };
        if !changed {
            return;
        }
        self.look_ms = LOOK_MS;
        let mood = self.leaves[usize::from(route.0)].mood;
        if before == Mood::Calm && mood != Mood::Calm {
            self.wish(route);
        }
        if matches!(mood, Mood::Failing { .. }) {
            self.attribute(route, now);
        }
    }

    /// What bears on a leaf from around it.
    pub(super) fn context(&self, route: RouteIx) -> Context {
        let leaf = self.leaf_at(route);
        let number = self.number(leaf.key.number);
        let around = Around {
            without_probes: leaf.contradicts(),
            without_receipts: !number.trusts_receipts(),
        };
        let told = self.feeds.matching(&leaf.scope).is_some();
        Context {
            around,
            probes_per_s: if number.probes {
                1000.0 / self.config.probe_every_ms as f64
            } else {
                0.0
            },
            prior: if told {
                super::outside::FEED_PRIOR_NATS
            } else {
                0.0
            },
            mtbfa_s: self.config.mtbfa_s,
            probe_transport: number.fails_in_transport(),
            probe_failed_at: number.probe_failed_at,
        }
    }

    fn judge_silence(&mut self, route: RouteIx, now: Timestamp) -> bool {
        let number = self.leaf_at(route).key.number;
        let silence = self.number(number).silence();
        let nats = silence.map_or(0.0, |silence| silence.walk.nats);
        let per_s = silence.map_or(0.0, |silence| silence.per_hour(now) / 3_600.0);
        let wanted = crate::health::stats::threshold(per_s.max(1.0 / 3_600.0), self.config.mtbfa_s);
        let leaf = &mut self.leaves[usize::from(route.0)];
        leaf.wanted = wanted;
        let before = leaf.mood;
        leaf.mood = match before {
            Mood::Calm | Mood::Suspect { .. } if nats >= wanted => Mood::Failing { since: now },
            Mood::Failing { .. } | Mood::Suspect { .. } if nats < 1.0 => Mood::Calm,
            Mood::Calm if nats >= wanted / 2.0 => Mood::Suspect { since: now },
            Mood::Calm | Mood::Suspect { .. } | Mood::Failing { .. } => before,
        };
        leaf.mood != before
    }

    /// A suspicion asks around at once, so that the answers are there when it is acted on.
    fn wish(&mut self, route: RouteIx) {
        let leaf = self.leaf_at(route);
        let strand = self.strongest(route).0;
        let number = self.number(leaf.key.number);
        let (channel, sender) = (number.channel, number.sender.clone());
        self.wishes.insert(Wish::Network {
            channel,
            sender: sender.clone(),
        });
        if strand.is_receipts() {
            self.wishes.insert(Wish::History { channel, sender });
        }
    }

    pub(super) fn pace(&self, number: NumberIx) -> Pace {
        let whole = self.scope_of(number);
        let of_number = || {
            self.episodes
                .iter()
                .filter(|episode| episode.scope.meets(&whole))
        };
        let tested = |health| matches!(health, Health::Degraded | Health::Recovering);
        if of_number().any(|episode| tested(episode.health)) || self.has_suspect(number) {
            Pace::Burst
        } else if of_number().any(|episode| episode.is_shut()) {
            Pace::Down
        } else {
            Pace::Heartbeat
        }
    }

    fn has_suspect(&self, number: NumberIx) -> bool {
        self.active
            .iter()
            .map(|route| self.leaf_at(*route))
            .any(|leaf| leaf.key.number == number && leaf.mood != Mood::Calm)
    }
}
