//! What the world beside traffic tells: feeds, the look at our own network, the provider's word on
//! our account and its history. Bounds, explains or reverses a trouble; opens one only where our
//! account or our own network is at fault.

use super::super::episode::Episode;
use super::super::number::Number;
use super::super::{Board, words};
use super::{AccountWord, FeedSeen, NetworkSeen, Wish};
use crate::health::leaf::Strand;
use crate::health::scope::{Feature, NumberIx, Scope};
use crate::health::verdict::Health;
use crate::routing::RouteIx;
use crate::{ChannelKind, Timestamp};
use alloc::collections::BTreeSet;
use alloc::vec::Vec;

/// While we are cut off, our network is looked at so often.
const IMPAIRED_LOOK_MS: u64 = 5_000;

impl Board {
    pub fn feed_seen(&mut self, seen: FeedSeen) {
        self.feeds.seen(seen);
    }

    pub fn network_seen(&mut self, seen: NetworkSeen) {
        let (at, controls) = (seen.at, seen.controls);
        self.surroundings.seen(seen);
        if self.surroundings.impaired.is_some() && controls == Some(true) {
            self.mend(at, "control hosts are reached again");
        }
    }

    /// `health_status`, or what a provider has of that kind.
    pub fn account_seen(
        &mut self,
        number: NumberIx,
        word: AccountWord,
        words: &str,
        now: Timestamp,
    ) {
        let whole = self.scope_of(number);
        let blocked = word == AccountWord::Blocked;
        let Some(at) = self
            .episodes
            .iter()
            .position(|it| it.is_account() && it.scope.meets(&whole))
        else {
            if blocked {
                self.explain_by_account(&whole, now);
                self.account_refused(whole, "health_status", now);
            }
            return;
        };
        if blocked && !self.episodes[at].course.account_confirmed {
            self.episodes[at].course.account_confirmed = true;
            let code = self.episodes[at]
                .course
                .account_code
                .clone()
                .unwrap_or_default();
            let health = self.episodes[at].health;
            self.restate(at, health, now, words::account(&code, Some(words)));
        }
    }

    /// What looked like an outage of this number alone was our account.
    fn explain_by_account(&mut self, whole: &Scope, now: Timestamp) {
        let about = |it: &Episode| !it.is_account() && whole.covers(&it.scope);
        while let Some(at) = self.episodes.iter().position(about) {
            let reason = "the provider blocks our account: this was no outage";
            self.change(at, Health::Up, now, reason.into());
        }
    }

    /// What the provider's own history says of messages whose receipts are missing.
    pub fn history_seen(&mut self, number: NumberIx, delivered: bool, now: Timestamp) {
        if !delivered {
            return;
        }
        let whole = self.scope_of(number);
        let scope = Scope {
            feature: Some(Feature::Inbound),
            ..whole
        };
        self.numbers[usize::from(number.0)].receipts_lost = true;
        self.forget_receipts(&whole, now);
        let about = |it: &Episode| it.strand.is_receipts() && it.scope.meets(&whole);
        let known = self.episodes.iter().position(about);
        let at = known.unwrap_or_else(|| {
            let id = self.next_episode();
            let mut episode = Episode::new(id, scope, Health::Up, now);
            episode.course.signal = "message_history".into();
            self.episodes.push(episode);
            self.episodes.len() - 1
        });
        self.episodes[at].scope = scope;
        self.episodes[at].strand = Strand::Silence;
        if self.episodes[at].health != Health::Degraded || known.is_none() {
            let reason =
                "messages arrive by the provider's history, but its webhooks do not reach us";
            self.change(at, Health::Degraded, now, reason.into());
        }
    }

    /// Leaves that only missing receipts spoke against begin anew.
    fn forget_receipts(&mut self, scope: &Scope, now: Timestamp) {
        let owes = |route: &RouteIx| self.strongest(*route).0.is_receipts();
        let within = self
            .leaves()
            .filter(|(_, leaf)| scope.covers(&leaf.scope))
            .map(|(route, _)| route);
        for route in within.filter(owes).collect::<Vec<_>>() {
            self.leaves[usize::from(route.0)].reset(now);
        }
    }

    /// Whether our own webhook is reached from outside. When it is not, missing receipts and
    /// silence are our own fault.
    pub fn webhook_seen(
        &mut self,
        channel: ChannelKind,
        reached: bool,
        words: &str,
        now: Timestamp,
    ) {
        let scope = Scope {
            channel,
            account: None,
            number: None,
            feature: Some(Feature::Inbound),
            country: None,
        };
        for number in self
            .numbers
            .iter_mut()
            .filter(|number| number.channel == channel)
        {
            number.webhook_broken = !reached;
        }
        let known = self
            .episodes
            .iter()
            .position(|it| it.health == Health::SelfImpaired && it.scope == scope);
        match (known, reached) {
            (Some(at), true) => {
                self.change(at, Health::Up, now, "our webhook is reached again".into());
            }
            (None, false) => {
                let id = self.next_episode();
                let mut episode = Episode::new(id, scope, Health::Up, now);
                episode.course.signal = "webhook_self_test".into();
                self.episodes.push(episode);
                let at = self.episodes.len() - 1;
                self.change(at, Health::SelfImpaired, now, words::webhook(words));
            }
            (Some(_), false) | (None, true) => {}
        }
    }

    /// Cut off: no channel's probe is answered although they have nothing in common, or our
    /// controls are silent.
    pub(in super::super) fn look_around(&mut self, now: Timestamp) {
        if let Some((since, _)) = self.surroundings.impaired {
            let works = self
                .numbers
                .iter()
                .any(|it| it.probe_ok_at.is_some_and(|at| at > since));
            let sends = self
                .leaves
                .iter()
                .any(|it| it.last_ok.is_some_and(|at| at > since));
            if works || sends {
                return self.mend(now, "a provider is reached again");
            }
            self.ask_for_network(now);
        } else if self.nobody_is_reached(now) {
            self.impair(now);
        }
    }

    /// Probes of two channels or more fail in transport, none works, and no control says that our
    /// network is fine.
    fn nobody_is_reached(&self, now: Timestamp) -> bool {
        let probed = || self.numbers.iter().filter(|it| it.probes && it.configured);
        let silent = |it: &Number| it.fails_in_transport();
        let first = probed().filter(|it| silent(it)).map(|it| it.channel).next();
        let Some(first) = first else { return false };
        let recent = Timestamp(now.0.saturating_sub(60_000));
        probed().all(silent)
            && probed().any(|it| it.channel != first)
            && !self.surroundings.controls_work(recent)
            && !self.leaves.iter().any(|it| it.last_ok > it.last_failure)
    }

    pub(in super::super) fn impair(&mut self, now: Timestamp) {
        let seen = self
            .surroundings
            .after(Timestamp(now.0.saturating_sub(60_000)));
        let words = seen.map_or("", |seen| seen.words.as_str());
        let reason = words::impaired(words);
        self.surroundings.impaired = Some((now, reason.clone()));
        let channels: BTreeSet<ChannelKind> = self.numbers.iter().map(|it| it.channel).collect();
        for channel in channels {
            let id = self.next_episode();
            let scope = Scope {
                channel,
                account: None,
                number: None,
                feature: None,
                country: None,
            };
            let mut episode = Episode::new(id, scope, Health::Up, now);
            episode.course.onset = Some(now);
            episode.course.signal = "own_network".into();
            self.episodes.push(episode);
            let at = self.episodes.len() - 1;
            self.change(at, Health::SelfImpaired, now, reason.clone());
        }
    }

    fn mend(&mut self, now: Timestamp, reason: &str) {
        self.surroundings.impaired = None;
        for leaf in &mut self.leaves {
            leaf.reset(now);
        }
        while let Some(at) = self.episodes.iter().position(cut_off) {
            self.change(at, Health::Up, now, reason.into());
        }
    }

    fn ask_for_network(&mut self, now: Timestamp) {
        let due = self
            .surroundings
            .asked_at
            .is_none_or(|at| now.since_ms(at) >= IMPAIRED_LOOK_MS);
        if let Some(number) = self.numbers.first().filter(|_| due) {
            let (channel, sender) = (number.channel, number.sender.clone());
            self.surroundings.asked_at = Some(now);
            self.wishes.insert(Wish::Network { channel, sender });
        }
    }
}

/// A trouble that says that we ourselves are cut off, not only our webhook.
fn cut_off(episode: &Episode) -> bool {
    episode.health == Health::SelfImpaired && episode.scope.feature.is_none()
}
