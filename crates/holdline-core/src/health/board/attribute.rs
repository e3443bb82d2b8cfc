//! How far a trouble reaches: the smallest scope that covers the failing leaves and few healthy
//! ones. A scope wider than a leaf therefore needs two failing children that differ in what it
//! leaves open.

use super::episode::Episode;
use super::outside::Wish;
use super::{Board, EPISODES_MAX};
use crate::Timestamp;
use crate::health::leaf::{Leaf, Mood, Strand};
use crate::health::scope::{Country, Feature, NumberIx, Scope};
use crate::health::signal::Evidence;
use crate::health::verdict::Health;
use crate::routing::RouteIx;
use alloc::collections::BTreeMap;

/// Barred in one country (Meta's code).
const COUNTRY_CODES: [&str; 1] = ["130497"];

/// How strong the evidence is, and how strong it must be to act by it; both in nats.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weight {
    pub signal: &'static str,
    pub nats: f64,
    pub threshold: f64,
}

impl Board {
    /// A leaf has begun to fail: it is part of a trouble that is open, or makes one wider, or is
    /// one of its own.
    pub(super) fn attribute(&mut self, route: RouteIx, now: Timestamp) {
        let scope = self.leaf_at(route).scope;
        if self
            .platform_episodes()
            .any(|at| self.episodes[at].scope.covers(&scope))
        {
            return;
        }
        let joined = self.platform_episodes().find_map(|at| {
            let wider = self.episodes[at].scope.join(&scope)?;
            self.is_apt(&wider).then_some((at, wider))
        });
        match joined {
            Some((at, wider)) => self.widen(at, wider, route, now),
            None => self.open(scope, route, now),
        }
    }

    /// The provider refuses our account: at once, and never as an outage.
    pub(super) fn account_refused(&mut self, scope: Scope, code: &str, at: Timestamp) {
        let Some(number) = scope.number else { return };
        let whole = self.scope_of(number);
        let barred = COUNTRY_CODES.contains(&code) && scope.country != Some(Country::NONE);
        let scope = if barred {
            Scope {
                country: scope.country,
                ..whole
            }
        } else {
            whole
        };
        let known = self
            .episodes
            .iter_mut()
            .find(|it| it.is_account() && it.scope.covers(&scope));
        if let Some(known) = known {
            known.failed_at = at;
            return;
        }
        let id = self.next_episode();
        let mut episode = Episode::new(id, scope, Health::Up, at);
        episode.course.account_code = Some(code.into());
        episode.course.onset = Some(at);
        episode.course.signal = "account_refused".into();
        episode.probes_failed = self.refused_by_probe(number);
        let reason = super::words::account(code, None);
        self.episodes.push(episode);
        self.hold_down(self.episodes.len() - 1, at);
        self.change(self.episodes.len() - 1, Health::AccountFault, at, reason);
        self.shut(&scope, at);
        let (channel, sender) = (whole.channel, self.number(number).sender.clone());
        self.wishes.insert(Wish::Account { channel, sender });
    }

    fn refused_by_probe(&self, number: NumberIx) -> bool {
        let last = self.number(number).last_probe.as_ref();
        last.is_some_and(|(_, it)| matches!(it, Evidence::AccountRefused { .. }))
    }

    fn platform_episodes(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.episodes.len()).filter(|at| {
            let episode = &self.episodes[*at];
            !episode.is_account() && episode.health != Health::SelfImpaired
        })
    }

    /// Few healthy leaves are in it: at most one for three that fail.
    fn is_apt(&self, scope: &Scope) -> bool {
        let newest = self
            .leaves
            .iter()
            .filter_map(|leaf| leaf.last_ok.max(leaf.last_failure))
            .max();
        let now = newest.unwrap_or_default();
        let (mut failing, mut healthy) = (0_usize, 0_usize);
        for leaf in self.leaves.iter().filter(|leaf| scope.covers(&leaf.scope)) {
            failing += usize::from(self.fails(leaf));
            healthy += usize::from(leaf.key.feature.sends() && leaf.is_healthy(now));
        }
        healthy * 3 <= failing
    }

    fn fails(&self, leaf: &Leaf) -> bool {
        let under = |episode: &Episode| !episode.is_account() && episode.scope.covers(&leaf.scope);
        matches!(leaf.mood, Mood::Failing { .. }) || self.episodes.iter().any(under)
    }

    fn open(&mut self, scope: Scope, route: RouteIx, now: Timestamp) {
        if self.episodes.len() >= EPISODES_MAX {
            return;
        }
        let id = self.next_episode();
        let mut episode = Episode::new(id, scope, Health::Up, now);
        let leaf = self.leaf_at(route);
        let number = self.number(leaf.key.number);
        episode.probes_failed = number.last_probe.as_ref().is_some_and(|it| it.1.failed());
        episode.relapses = self.relapses_of(&scope, now);
        self.describe(&mut episode, route, now);
        let reason = self.evidence_words(route, now);
        self.episodes.push(episode);
        self.change(self.episodes.len() - 1, Health::Degraded, now, reason);
        self.ask(&scope);
    }

    fn widen(&mut self, at: usize, wider: Scope, route: RouteIx, now: Timestamp) {
        let reason = self.evidence_words(route, now);
        let health = self.episodes[at].health;
        let id = self.episodes[at].id;
        self.episodes[at].scope = wider;
        let onsets = [self.episodes[at].course.onset, self.onset_of(route)];
        self.episodes[at].course.onset = onsets.into_iter().flatten().min();
        let name = self.name_of(&wider);
        let within = |it: &Episode| it.id != id && !it.is_account() && wider.covers(&it.scope);
        while let Some(part) = self.episodes.iter().position(within) {
            let words = alloc::format!("it is part of {name} now");
            self.change(part, Health::Up, now, words);
        }
        let at = self.episodes.iter().position(|it| it.id == id).unwrap_or(0);
        let words = alloc::format!("it reaches further: {reason}");
        self.restate(at, health, now, words);
        if self.episodes[at].is_shut() {
            self.shut(&wider, now);
        }
    }

    /// It reached too far: what it covers works again, but for some.
    pub(super) fn narrow(&mut self, at: usize, lead: RouteIx, now: Timestamp) {
        let scope = self.episodes[at].scope;
        let covered = || self.leaves.iter().filter(|leaf| scope.covers(&leaf.scope));
        let failing = || covered().filter(|leaf| matches!(leaf.mood, Mood::Failing { .. }));
        let works = |leaf: &&Leaf| leaf.key.feature.sends() && leaf.is_healthy(now);
        let healthy = covered().filter(works).count();
        if healthy * 3 <= failing().count() {
            return;
        }
        let rest = failing()
            .map(|leaf| leaf.scope)
            .reduce(|a, b| a.join(&b).unwrap_or(a));
        if let Some(rest) = rest.filter(|rest| *rest != scope) {
            let reason = alloc::format!("the rest works: {}", self.evidence_words(lead, now));
            self.episodes[at].scope = rest;
            self.restate(at, Health::Degraded, now, reason);
        }
    }

    /// What the strongest strand of a leaf says of the whole trouble.
    pub(super) fn describe(&self, episode: &mut Episode, route: RouteIx, now: Timestamp) {
        let leaf = self.leaf_at(route);
        let (strand, nats) = self.strongest(route);
        episode.strand = strand;
        episode.transport = self.number(leaf.key.number).fails_in_transport();
        episode.course.signal = strand.name().into();
        episode.course.nats = nats;
        episode.course.onset = self.onset_of(route);
        episode.course.suspect_at = match leaf.mood {
            Mood::Suspect { since } | Mood::Failing { since } => Some(since),
            Mood::Calm => Some(now),
        };
        let (bound, ratio) = self.bound_of(route, strand);
        (episode.course.bound, episode.course.ratio) = (bound, ratio);
    }

    /// The strongest evidence against any part of a scope; none where nothing speaks against it.
    #[must_use]
    pub fn weight_of(&self, scope: &Scope) -> Option<Weight> {
        let met = self.active.iter().copied();
        let met = met.filter(|route| self.leaf_at(*route).scope.meets(scope));
        let weights = met.map(|route| self.weight(route));
        weights.max_by(|a, b| a.nats.total_cmp(&b.nats))
    }

    /// As [`Board::weight_of`], of every number against which something is said.
    #[must_use]
    pub fn weights(&self) -> BTreeMap<NumberIx, Weight> {
        let mut all = BTreeMap::<NumberIx, Weight>::new();
        for route in &self.active {
            let weight = self.weight(*route);
            let number = self.leaf_at(*route).key.number;
            let known = all.entry(number).or_insert(weight);
            if weight.nats > known.nats {
                *known = weight;
            }
        }
        all
    }

    fn weight(&self, route: RouteIx) -> Weight {
        let (strand, nats) = self.strongest(route);
        Weight {
            signal: strand.name(),
            nats,
            threshold: self.leaf_at(route).wanted,
        }
    }

    /// The strand that says most about a leaf, and its nats.
    pub(super) fn strongest(&self, route: RouteIx) -> (Strand, f64) {
        let leaf = self.leaf_at(route);
        match leaf.key.feature {
            Feature::Inbound => {
                let silence = self.number(leaf.key.number).silence();
                (Strand::Silence, silence.map_or(0.0, |it| it.walk.nats))
            }
            Feature::Management => (Strand::Probes, leaf.strands.sends.nats()),
            Feature::Session
            | Feature::Marketing
            | Feature::Utility
            | Feature::Authentication
            | Feature::Template
            | Feature::Media => leaf.strands.strongest(&self.context(route).around),
        }
    }

    fn ask(&mut self, scope: &Scope) {
        let Some(number) = scope.number else { return };
        let (channel, sender) = (scope.channel, self.number(number).sender.clone());
        self.wishes.insert(Wish::Network {
            channel,
            sender: sender.clone(),
        });
        self.wishes.insert(Wish::Account { channel, sender });
    }
}
