//! The way of a trouble: Degraded becomes Down when it lasts for the dwell with a failing share of
//! two fifths or more; Down is tested after the hold-down; a test that passes ends it. Freezes
//! everything while we ourselves are cut off.

use super::super::{Board, words};
use super::Episode;
use crate::Timestamp;
use crate::health::leaf::{Leaf, Mood, Strand};
use crate::health::scope::{Feature, NumberIx, Scope};
use crate::health::stats::SprtResult;
use crate::health::verdict::{EpisodeId, Health, Verdict};
use crate::routing::RouteIx;
use alloc::string::String;

/// Failing share at which a trouble that lasts is Down.
const DOWN_SHARE: f64 = 0.4;
/// Receipts that must come while it is tested, as a share of those that usually do.
const RECEIPTS_SHARE: f64 = 0.8;
/// Receipts expected before that share says something, and before too few mean a relapse: four
/// in a thousand healthy ones have so few by chance.
const RECEIPTS_MIN: f64 = 4.0;
const RECEIPTS_SURE: f64 = 16.0;
/// How long Down waits for the look at our own network that it asked for.
const NETWORK_WAIT_MS: u64 = 5_000;
/// With nothing to send, probes alone end it after this long, if they had failed with it.
const PROBES_ONLY_MS: u64 = 60_000;
/// With nothing to send and probes that never failed, it ends after this long.
const IDLE_MS: u64 = 600_000;
/// Relapses are remembered while healthy for less than this.
const RELAPSES_MS: u64 = 3_600_000;
const PAST_MAX: usize = 64;

impl Board {
    /// Moves every trouble as far as it goes now.
    pub(in super::super) fn progress(&mut self, now: Timestamp) {
        if self.surroundings.impaired.is_some() {
            return;
        }
        let ids: alloc::vec::Vec<_> = self.episodes.iter().map(|it| it.id).collect();
        for id in ids {
            let Some(at) = self.episodes.iter().position(|it| it.id == id) else {
                continue;
            };
            if self.follows(self.episodes[at].scope.channel) {
                continue;
            }
            self.note_feed(at, now);
            match self.episodes[at].health {
                Health::Degraded => self.leave_degraded(at, now),
                Health::Down | Health::AccountFault => self.leave_down(at, now),
                Health::Recovering => self.leave_recovering(at, now),
                Health::Up | Health::Suspect | Health::SelfImpaired => {}
            }
        }
    }

    fn leave_degraded(&mut self, at: usize, now: Timestamp) {
        if self.waits_for_webhooks(at) {
            return;
        }
        let Some(lead) = self.lead(&self.episodes[at].scope) else {
            self.learn_blip(at);
            return self.change(at, Health::Up, now, String::from("it works again"));
        };
        self.narrow(at, lead, now);
        let episode = &self.episodes[at];
        let degraded_at = episode.course.degraded_at.unwrap_or(episode.since);
        let context = self.context(lead);
        let leaf = self.leaf_at(lead);
        let share = leaf.failing_share(now, &context);
        let lasting = now.since_ms(degraded_at) >= self.dwell_ms(&episode.scope);
        let strong = leaf.strands.act_nats(&context.around) >= leaf.wanted;
        if !(lasting && share >= DOWN_SHARE && strong) || self.waits_for_network(at, now) {
            return;
        }
        let mut described = self.episodes[at].clone();
        let (onset, suspect) = (described.course.onset, described.course.suspect_at);
        self.describe(&mut described, lead, now);
        described.course.onset = onset.or(described.course.onset);
        described.course.suspect_at = suspect;
        described.course.bound = self.episodes[at].course.bound;
        described.course.ratio = self.episodes[at].course.ratio;
        let words = self.evidence_words(lead, now);
        let reason = words::down(share, now.since_ms(degraded_at), &words);
        self.episodes[at] = described;
        self.hold_down(at, now);
        let scope = self.episodes[at].scope;
        self.change(at, Health::Down, now, reason);
        self.shut(&scope, now);
    }

    fn leave_down(&mut self, at: usize, now: Timestamp) {
        let episode = &self.episodes[at];
        // A probe reads what the provider says of our account: it has to say that all is well.
        let asks = || {
            self.numbers_in(&episode.scope)
                .any(|number| self.number(number).probes)
        };
        let by_probe = episode.probes_failed || (episode.is_account() && asks());
        let probes_fine = !by_probe || self.probes_work(&episode.scope, episode.failed_at);
        let fine = probes_fine || now.since_ms(episode.since) >= self.config.hold_down_max_ms;
        if now < episode.hold_until || !fine || now < episode.since.plus_ms(1) {
            return;
        }
        let answered = by_probe && probes_fine;
        let words = if answered {
            "a probe was answered"
        } else {
            "the hold-down is over"
        };
        let reason = alloc::format!("{words}; testing with a trickle");
        let scope = episode.scope;
        self.episodes[at].begin_test();
        self.change(at, Health::Recovering, now, reason);
        self.shut(&scope, now);
    }

    fn leave_recovering(&mut self, at: usize, now: Timestamp) {
        let episode = &self.episodes[at];
        let (expected, came) = self.receipts_in(&episode.scope);
        let receipts_fail = expected >= RECEIPTS_SURE && came < DOWN_SHARE * expected;
        if episode.test.result() == SprtResult::Broken || receipts_fail {
            return self.relapse(at, now, receipts_fail);
        }
        let idle_ms = now.since_ms(episode.since);
        let idle = episode.test.seen == 0;
        let by_probes = idle
            && episode.probes_failed
            && idle_ms >= PROBES_ONLY_MS
            && episode.probe_test.result() == SprtResult::Healthy;
        if by_probes || (idle && idle_ms >= IDLE_MS) {
            let words = "nothing failed, and there was nothing to test it with";
            return self.recover(at, now, words.into());
        }
        let known = expected >= RECEIPTS_MIN;
        let receipts_fine = match episode.strand.is_receipts() {
            true => known && came >= RECEIPTS_SHARE * expected,
            false => !known || came >= RECEIPTS_SHARE * expected,
        };
        if episode.test.result() != SprtResult::Healthy || !receipts_fine {
            return;
        }
        let told = self.feeds.matching(&episode.scope).is_some();
        let (seen, failed) = (episode.test.seen, episode.test.failed);
        let passes = episode.passes + 1;
        if told && passes < 2 {
            self.episodes[at].begin_test();
            self.episodes[at].passes = passes;
            return;
        }
        let reason = alloc::format!("{} of {seen} sends that tested it worked", seen - failed);
        self.recover(at, now, reason);
    }

    fn recover(&mut self, at: usize, now: Timestamp, reason: String) {
        let episode = &self.episodes[at];
        let (scope, relapses) = (episode.scope, episode.relapses);
        self.past.retain(|(other, ..)| *other != scope);
        self.past.push((scope, relapses + 1, now));
        if self.past.len() > PAST_MAX {
            self.past.remove(0);
        }
        self.learn_blip(at);
        self.change(at, Health::Up, now, reason);
        self.shut(&scope, now);
    }

    fn relapse(&mut self, at: usize, now: Timestamp, receipts: bool) {
        let episode = &mut self.episodes[at];
        episode.relapses = episode.relapses.saturating_add(1);
        let to = if episode.is_account() {
            Health::AccountFault
        } else {
            Health::Down
        };
        let reason = if receipts {
            String::from("it failed its test: what it accepted was not delivered")
        } else {
            let (failed, seen) = (episode.test.failed, episode.test.seen);
            alloc::format!("it failed its test: {failed} of {seen} sends failed")
        };
        let scope = episode.scope;
        self.hold_down(at, now);
        self.change(at, to, now, reason);
        self.shut(&scope, now);
    }

    /// Full jitter: many nodes, or many scopes, do not come back at one moment.
    pub(in super::super) fn hold_down(&mut self, at: usize, now: Timestamp) {
        let config = &self.config;
        let relapses = self.episodes[at].relapses.min(16);
        let longest = (config.hold_down_ms << relapses).min(config.hold_down_max_ms);
        self.draw = self
            .draw
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let wait_ms = (self.draw >> 16) % (longest + 1);
        self.episodes[at].hold_until = now.plus_ms(wait_ms);
    }

    /// Share of what this trouble covers that fails now, by its worst leaf; 0 when there is none.
    #[must_use]
    pub fn failing_share(&self, id: EpisodeId, now: Timestamp) -> f64 {
        let episode = self.episodes.iter().find(|it| it.id == id);
        let lead = episode.and_then(|it| self.lead(&it.scope));
        lead.map_or(0.0, |lead| {
            self.leaf_at(lead).failing_share(now, &self.context(lead))
        })
    }

    /// Its webhooks are known to be lost, and none has come since.
    fn waits_for_webhooks(&self, at: usize) -> bool {
        let episode = &self.episodes[at];
        let lost = |number: NumberIx| self.number(number).receipts_lost;
        episode.scope.feature == Some(Feature::Inbound)
            && episode.strand == Strand::Silence
            && self.numbers_in(&episode.scope).any(lost)
    }

    /// A look at our own network was asked for and is not there yet, or says that it is us.
    fn waits_for_network(&mut self, at: usize, now: Timestamp) -> bool {
        let episode = &self.episodes[at];
        let since = episode.course.suspect_at.unwrap_or(episode.since);
        if !episode.transport {
            return false;
        }
        if self.surroundings.controls_fail(since) {
            self.impair(now);
            return true;
        }
        let dwelt = episode.course.degraded_at.unwrap_or(episode.since);
        let patience = self.dwell_ms(&episode.scope) + NETWORK_WAIT_MS;
        self.surroundings.after(since).is_none() && now.since_ms(dwelt) < patience
    }

    fn dwell_ms(&self, scope: &Scope) -> u64 {
        if self.feeds.matching(scope).is_some() {
            return 0;
        }
        let learned = || {
            self.numbers_in(scope)
                .map(|number| self.number(number).blips.dwell_ms())
                .max()
        };
        self.config.dwell_ms.or_else(learned).unwrap_or(10_000)
    }

    /// What was short teaches the dwell. Whoever went Down saw it last for the dwell at least,
    /// even if nothing was sent since.
    fn learn_blip(&mut self, at: usize) {
        let episode = &self.episodes[at];
        let Some(degraded_at) = episode.course.degraded_at.filter(|_| !episode.is_account()) else {
            return;
        };
        let scope = episode.scope;
        let failed = self
            .leaves_in(&scope)
            .filter_map(|leaf| leaf.last_failure)
            .max();
        let down = episode.course.down_at.map(|at| at.plus_ms(1));
        let last = failed.max(down).unwrap_or_default().max(episode.failed_at);
        let lasted_ms = last.since_ms(degraded_at);
        for number in self.numbers_in(&scope).collect::<alloc::vec::Vec<_>>() {
            self.numbers[usize::from(number.0)].blips.learn(lasted_ms);
        }
    }

    /// The failing leaf in it with the strongest evidence; one by which messages are sent before
    /// others, since these are moved by what it says.
    pub(in super::super) fn lead(&self, scope: &Scope) -> Option<RouteIx> {
        let failing = self.leaves().filter(|(_, leaf)| {
            scope.covers(&leaf.scope) && matches!(leaf.mood, Mood::Failing { .. })
        });
        let nats = |route: RouteIx| self.strongest(route).1;
        let rank = failing.map(|(route, leaf)| (leaf.key.feature.sends(), nats(route), route));
        let strongest = rank.max_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        strongest.map(|(_, _, route)| route)
    }

    fn leaves_in<'a>(&'a self, scope: &'a Scope) -> impl Iterator<Item = &'a Leaf> {
        self.leaves.iter().filter(|leaf| scope.covers(&leaf.scope))
    }

    pub(in super::super) fn numbers_in<'a>(
        &'a self,
        scope: &'a Scope,
    ) -> impl Iterator<Item = NumberIx> + 'a {
        let all = (0..self.numbers.len()).map(|at| NumberIx(u16::try_from(at).unwrap_or(u16::MAX)));
        all.filter(|number| self.scope_of(*number).meets(scope))
    }

    fn probes_work(&self, scope: &Scope, since: Timestamp) -> bool {
        self.numbers_in(scope)
            .any(|number| self.number(number).probe_ok_at.is_some_and(|at| at > since))
    }

    /// Receipts (expected, come) since the test began.
    fn receipts_in(&self, scope: &Scope) -> (f64, f64) {
        self.leaves_in(scope).fold((0.0, 0.0), |sum, leaf| {
            let (sent, delivered) = (&leaf.strands.sent, &leaf.strands.delivered);
            (
                sum.0 + sent.expected_total + delivered.expected_total,
                sum.1 + f64::from(sent.events_total + delivered.events_total),
            )
        })
    }

    /// Its leaves begin anew: nothing that was gathered before counts after.
    pub(in super::super) fn shut(&mut self, scope: &Scope, now: Timestamp) {
        for leaf in &mut self.leaves {
            if scope.covers(&leaf.scope) {
                leaf.reset(now);
            }
        }
    }

    pub(in super::super) fn relapses_of(&mut self, scope: &Scope, now: Timestamp) -> u32 {
        self.past.retain(|(.., at)| now.since_ms(*at) < RELAPSES_MS);
        let known = self.past.iter().find(|(other, ..)| other.meets(scope));
        known.map_or(0, |(_, relapses, _)| *relapses)
    }

    /// The state changes; the verdict is kept until it is taken.
    pub(in super::super) fn change(
        &mut self,
        at: usize,
        to: Health,
        now: Timestamp,
        reason: String,
    ) {
        let episode = &mut self.episodes[at];
        let from = episode.health;
        (episode.health, episode.since) = (to, now);
        mark(episode, to, now);
        self.verdict(at, from, now, reason);
        if to == Health::Up {
            self.episodes.remove(at);
        }
    }

    /// The state stays, but its scope or reason is another.
    pub(in super::super) fn restate(
        &mut self,
        at: usize,
        from: Health,
        now: Timestamp,
        reason: String,
    ) {
        self.verdict(at, from, now, reason);
    }

    fn verdict(&mut self, at: usize, from: Health, now: Timestamp, reason: String) {
        self.episodes[at].reason.clone_from(&reason);
        let episode = &self.episodes[at];
        let verdict = Verdict {
            episode: episode.id,
            scope: episode.scope,
            name: self.name_of(&episode.scope),
            scope_words: self.words_of(&episode.scope),
            from,
            to: episode.health,
            at: now,
            reason,
            course: episode.course.clone(),
        };
        self.verdicts.push(verdict);
    }

    fn note_feed(&mut self, at: usize, now: Timestamp) {
        let scope = self.episodes[at].scope;
        let noted = self.episodes[at].course.feed.is_some();
        if noted || self.episodes[at].is_account() {
            return;
        }
        if let Some(feed) = self.feeds.matching(&scope) {
            let name = feed.seen.name.clone();
            self.episodes[at].course.feed = Some((name.clone(), feed.told_at));
            let health = self.episodes[at].health;
            let reason = alloc::format!(
                "{}; the status feed {name} tells of it too",
                self.episodes[at].reason
            );
            self.restate(at, health, now, reason);
        }
    }
}

fn mark(episode: &mut Episode, to: Health, now: Timestamp) {
    let course = &mut episode.course;
    match to {
        Health::Suspect => course.suspect_at = Some(now),
        Health::Degraded => course.degraded_at = Some(now),
        Health::Down | Health::AccountFault | Health::SelfImpaired => {
            course.down_at = course.down_at.or(Some(now));
            course.recovering_at = None;
        }
        Health::Recovering => course.recovering_at = Some(now),
        Health::Up => course.recovered_at = Some(now),
    }
}
