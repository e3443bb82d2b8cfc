//! The board: every sender, every leaf of it, and every trouble they have. It decides the state of
//! each scope; it sends nothing, asks nobody and knows no clock but what it is handed.
//!
//! Evidence lands on leaves (`judge`). A leaf that fails is attributed to the smallest scope that
//! covers the failing leaves and few healthy ones (`attribute`). The trouble of that scope goes
//! Degraded → Down → Recovering → Up (`progress`). Operators may overrule (`standing`), feeds and
//! looks at our own network bound and explain (`outside`).

mod attribute;
mod episode;
mod follow;
mod judge;
mod number;
mod outside;
mod save;
mod standing;
#[cfg(test)]
mod tests;
mod words;

pub use attribute::Weight;
pub use episode::Episode;
pub use follow::FollowedTrouble;
pub use number::{Number, NumberConfig, Pace, Silence};
pub use outside::{AccountWord, FeedIncident, FeedSeen, NetworkSeen, Wish};
pub use standing::{Hold, HoldKind, Standing};

use super::leaf::Leaf;
use super::scope::{AccountIx, Country, Feature, LeafKey, NumberIx, Scope};
use super::verdict::{EpisodeId, Verdict};
use crate::routing::RouteIx;
use crate::{ChannelKind, Timestamp};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;
use outside::{Feeds, Surroundings};

/// Most leaves; what is beyond shares one leaf of its number for all countries.
pub const LEAVES_MAX: usize = 10_000;
/// Most troubles at one time; what is beyond is attributed to the widest that is open.
pub const EPISODES_MAX: usize = 256;

/// The numbers that health is decided by.
#[derive(Clone, Debug, PartialEq)]
pub struct BoardConfig {
    /// Wanted mean time between false alarms of one scope, in seconds.
    pub mtbfa_s: f64,
    /// How long Degraded lasts before it is Down; `None` = learned.
    pub dwell_ms: Option<u64>,
    /// Down is not tested for up to this long, drawn at random, doubled after each relapse.
    pub hold_down_ms: u64,
    pub hold_down_max_ms: u64,
    pub probe_every_ms: u64,
    pub probe_burst_ms: u64,
    pub probe_down_ms: u64,
}

impl Default for BoardConfig {
    fn default() -> Self {
        Self {
            mtbfa_s: 180.0 * 86_400.0,
            dwell_ms: None,
            hold_down_ms: 60_000,
            hold_down_max_ms: 30 * 60_000,
            probe_every_ms: 15_000,
            probe_burst_ms: 1_000,
            probe_down_ms: 5_000,
        }
    }
}

#[derive(Clone, Debug)]
pub struct Board {
    config: BoardConfig,
    numbers: Vec<Number>,
    accounts: Vec<String>,
    leaves: Vec<Leaf>,
    by_key: BTreeMap<LeafKey, RouteIx>,
    /// Leaves that have something awaited, or something against them.
    active: BTreeSet<RouteIx>,
    episodes: Vec<Episode>,
    holds: Vec<Hold>,
    surroundings: Surroundings,
    feeds: Feeds,
    /// Scopes that were down lately, with the relapses they had.
    past: Vec<(Scope, u32, Timestamp)>,
    /// Channels that another node decides.
    followed: BTreeSet<ChannelKind>,
    verdicts: Vec<Verdict>,
    wishes: BTreeSet<Wish>,
    episodes_made: u64,
    draw: u64,
    ticked_at: Timestamp,
    /// The next look is due so long after the last.
    look_ms: u64,
    /// Receipts are read so long after they came.
    lag_ms: u64,
}

impl Board {
    #[must_use]
    pub fn new(config: BoardConfig) -> Self {
        Self {
            config,
            numbers: Vec::new(),
            accounts: Vec::new(),
            leaves: Vec::new(),
            by_key: BTreeMap::new(),
            active: BTreeSet::new(),
            episodes: Vec::new(),
            holds: Vec::new(),
            surroundings: Surroundings::default(),
            feeds: Feeds::default(),
            past: Vec::new(),
            followed: BTreeSet::new(),
            verdicts: Vec::new(),
            wishes: BTreeSet::new(),
            episodes_made: 0,
            draw: 0,
            ticked_at: Timestamp(0),
            look_ms: 0,
            lag_ms: 0,
        }
    }

    /// A sender, with its leaves for probes and for webhooks.
    pub fn add_number(
        &mut self,
        channel: ChannelKind,
        config: &NumberConfig,
        now: Timestamp,
    ) -> NumberIx {
        let account = config.account.as_ref().map(|name| self.account(name));
        self.numbers
            .push(Number::new(channel, config, account, now));
        let number = NumberIx(u16::try_from(self.numbers.len() - 1).unwrap_or(u16::MAX));
        for feature in [Feature::Management, Feature::Inbound] {
            self.leaf(
                LeafKey {
                    number,
                    feature,
                    country: Country::NONE,
                },
                now,
            );
        }
        number
    }

    #[must_use]
    pub fn number_of(&self, channel: ChannelKind, sender: &str) -> Option<NumberIx> {
        let is = |number: &Number| number.channel == channel && number.sender == sender;
        let at = self.numbers.iter().position(is)?;
        Some(NumberIx(u16::try_from(at).unwrap_or(u16::MAX)))
    }

    /// The route of this leaf; made when it is new.
    pub fn leaf(&mut self, key: LeafKey, now: Timestamp) -> RouteIx {
        if let Some(known) = self.by_key.get(&key) {
            return *known;
        }
        if self.leaves.len() >= LEAVES_MAX && key.country != Country::NONE {
            return self.leaf(
                LeafKey {
                    country: Country::NONE,
                    ..key
                },
                now,
            );
        }
        let number = &self.numbers[usize::from(key.number.0)];
        let whole = key.feature == Feature::Management && number.probes_sending;
        let scope = Scope {
            channel: number.channel,
            account: number.account,
            number: Some(key.number),
            feature: (!whole).then_some(key.feature),
            country: (!whole).then_some(key.country),
        };
        let mut leaf = Leaf::new(key, scope, &number.pool, now);
        if let Some(management) = self.management_of(key.number) {
            leaf.strands.both = self.leaves[usize::from(management.0)].strands.sends;
        }
        let ix = RouteIx(u16::try_from(self.leaves.len()).unwrap_or(u16::MAX));
        self.leaves.push(leaf);
        self.by_key.insert(key, ix);
        ix
    }

    #[must_use]
    pub fn leaf_at(&self, ix: RouteIx) -> &Leaf {
        &self.leaves[usize::from(ix.0)]
    }

    pub fn leaves(&self) -> impl Iterator<Item = (RouteIx, &Leaf)> {
        let index = |(at, leaf)| (RouteIx(u16::try_from(at).unwrap_or(u16::MAX)), leaf);
        self.leaves.iter().enumerate().map(index)
    }

    #[must_use]
    pub fn number(&self, ix: NumberIx) -> &Number {
        &self.numbers[usize::from(ix.0)]
    }

    #[must_use]
    pub fn numbers(&self) -> &[Number] {
        &self.numbers
    }

    #[must_use]
    pub fn episodes(&self) -> &[Episode] {
        &self.episodes
    }

    /// What changed since this was last asked.
    pub fn take_verdicts(&mut self) -> Vec<Verdict> {
        core::mem::take(&mut self.verdicts)
    }

    /// What should be looked at, since this was last asked.
    pub fn take_wishes(&mut self) -> Vec<Wish> {
        core::mem::take(&mut self.wishes).into_iter().collect()
    }

    /// The whole of one number.
    #[must_use]
    pub fn scope_of(&self, number: NumberIx) -> Scope {
        let at = self.number(number);
        Scope {
            channel: at.channel,
            account: at.account,
            number: Some(number),
            feature: None,
            country: None,
        }
    }

    fn account(&mut self, name: &str) -> AccountIx {
        let known = self.accounts.iter().position(|account| account == name);
        let at = known.unwrap_or_else(|| {
            self.accounts.push(name.into());
            self.accounts.len() - 1
        });
        AccountIx(u16::try_from(at).unwrap_or(u16::MAX))
    }

    fn management_of(&self, number: NumberIx) -> Option<RouteIx> {
        self.special(number, Feature::Management)
    }

    fn special(&self, number: NumberIx, feature: Feature) -> Option<RouteIx> {
        let key = LeafKey {
            number,
            feature,
            country: Country::NONE,
        };
        self.by_key.get(&key).copied()
    }

    fn next_episode(&mut self) -> EpisodeId {
        self.episodes_made += 1;
        EpisodeId(self.episodes_made)
    }
}
