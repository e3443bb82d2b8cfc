//! What outlives a restart: open troubles as one line of text each, and what is usual as plain
//! numbers. What was down before is down after, and is tested before it is trusted.

use super::Board;
use super::episode::Episode;
use crate::Timestamp;
use crate::health::leaf::Strand;
use crate::health::scope::{Feature, LeafKey, NumberIx, Scope};
use crate::health::verdict::{EpisodeId, Health, Verdict};
use crate::routing::RouteIx;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// Form of the saved numbers; another form is not read.
const FORM: f32 = 1.0;

impl Board {
    /// An open trouble as text, to be given to [`Board::resume`] after a restart.
    #[must_use]
    pub fn saved(&self, episode: EpisodeId) -> Option<String> {
        let episode = self.episodes.iter().find(|it| it.id == episode)?;
        let course = &episode.course;
        let time = |name: &str, at: Option<Timestamp>| match at {
            Some(at) => format!("{name}={};", at.0),
            None => String::new(),
        };
        let code = course
            .account_code
            .as_ref()
            .map_or(String::new(), |it| format!("account={it};"));
        let feed = course.feed.as_ref().map_or(String::new(), |it| {
            format!("feed={};feed_at={};", it.0, it.1.0)
        });
        let bound = course.bound.zip(course.ratio).map_or(String::new(), |it| {
            format!("bound={:.3};ratio={:.3};", it.0, it.1)
        });
        Some(format!(
            "{}{}{}{}{bound}{code}{feed}signal={};nats={:.3};probes={};relapses={};confirmed={};",
            time("onset", course.onset),
            time("suspect", course.suspect_at),
            time("degraded", course.degraded_at),
            time("down", course.down_at),
            course.signal,
            course.nats,
            u8::from(episode.probes_failed),
            episode.relapses,
            u8::from(course.account_confirmed),
        ))
    }

    /// Takes up a trouble that was open when the process last ended; `None` when the scope is not
    /// known any more or there is nothing to take up.
    pub fn resume(
        &mut self,
        name: &str,
        (health, since): (Health, Timestamp),
        reason: &str,
        saved: &str,
        now: Timestamp,
    ) -> Option<EpisodeId> {
        let scope = self.scope_named(name)?;
        let health = match health {
            Health::Up | Health::Suspect | Health::Degraded | Health::SelfImpaired => return None,
            Health::Down | Health::Recovering => Health::Down,
            Health::AccountFault => Health::AccountFault,
        };
        let id = self.next_episode();
        let mut episode = Episode::new(id, scope, health, since);
        episode.reason = reason.into();
        episode.failed_at = since;
        episode.hold_until = now;
        take_up_all(&mut episode, saved);
        self.episodes.push(episode);
        Some(id)
    }

    /// The state of an open trouble as a verdict that changes nothing.
    #[must_use]
    pub fn restated(&self, episode: EpisodeId, now: Timestamp) -> Option<Verdict> {
        let episode = self.episodes.iter().find(|it| it.id == episode)?;
        Some(Verdict {
            episode: episode.id,
            scope: episode.scope,
            name: self.name_of(&episode.scope),
            scope_words: self.words_of(&episode.scope),
            from: episode.health,
            to: episode.health,
            at: now,
            reason: episode.reason.clone(),
            course: episode.course.clone(),
        })
    }

    /// Everything that was learned, by key.
    #[must_use]
    pub fn learned(&self) -> Vec<(String, Vec<f32>)> {
        let mut all = Vec::new();
        for (at, number) in self.numbers.iter().enumerate() {
            let ix = NumberIx(u16::try_from(at).unwrap_or(u16::MAX));
            let mut values = alloc::vec![FORM];
            values.extend(number.save());
            all.push((self.name_of(&self.scope_of(ix)), values));
        }
        for leaf in self.leaves.iter().filter(|leaf| leaf.last_ok.is_some()) {
            let mut values = alloc::vec![FORM];
            leaf.usual.save(&mut values);
            let scope = Scope {
                feature: Some(leaf.key.feature),
                country: Some(leaf.key.country),
                ..leaf.scope
            };
            all.push((self.name_of(&scope), values));
        }
        all
    }

    /// Takes up what was learned; what cannot be read is left out.
    pub fn learn_again(&mut self, key: &str, values: &[f32], now: Timestamp) {
        let Some((form, values)) = values.split_first() else {
            return;
        };
        let Some(scope) = self.scope_named(key).filter(|_| *form == FORM) else {
            return;
        };
        let Some(number) = scope.number else { return };
        let Some(feature) = scope.feature else {
            return self.numbers[usize::from(number.0)].load(values);
        };
        let country = scope.country.unwrap_or_default();
        let route = self.leaf(
            LeafKey {
                number,
                feature,
                country,
            },
            now,
        );
        let pool = self.numbers[usize::from(number.0)].pool.clone();
        let mut saved = crate::health::baseline::Saved::new(values);
        self.leaves[usize::from(route.0)]
            .usual
            .load(&mut saved, &pool, now);
    }

    /// The leaf that carries the webhooks of a number.
    #[must_use]
    pub fn inbound_of(&self, number: NumberIx) -> Option<RouteIx> {
        self.special(number, Feature::Inbound)
    }
}

pub(super) fn take_up_all(episode: &mut Episode, saved: &str) {
    let parts = saved.split(';').filter_map(|part| part.split_once('='));
    parts.for_each(|(name, value)| take_up(episode, name, value));
}

fn take_up(episode: &mut Episode, name: &str, value: &str) {
    let time = || value.parse().ok().map(Timestamp);
    let course = &mut episode.course;
    match name {
        "onset" => course.onset = time(),
        "suspect" => course.suspect_at = time(),
        "degraded" => course.degraded_at = time(),
        "down" => course.down_at = time(),
        "account" => course.account_code = Some(value.into()),
        "confirmed" => course.account_confirmed = value == "1",
        "feed" => course.feed = Some((value.into(), Timestamp(0))),
        "feed_at" => {
            if let (Some((_, at)), Some(known)) = (&mut course.feed, time()) {
                *at = known;
            }
        }
        "signal" => {
            course.signal = value.into();
            episode.strand = strand_named(value);
        }
        "bound" => course.bound = value.parse().ok(),
        "ratio" => course.ratio = value.parse().ok(),
        "nats" => course.nats = value.parse().unwrap_or(0.0),
        "probes" => episode.probes_failed = value == "1",
        "relapses" => episode.relapses = value.parse().unwrap_or(0),
        _ => {}
    }
}

fn strand_named(name: &str) -> Strand {
    let all = [
        Strand::Sends,
        Strand::SendsAndProbes,
        Strand::Answers,
        Strand::SentReceipts,
        Strand::DeliveredReceipts,
        Strand::Silence,
        Strand::Probes,
    ];
    all.into_iter()
        .find(|strand| strand.name() == name)
        .unwrap_or(Strand::Sends)
}
