//! Channels whose health another node decides: this board takes over what that one says, and
//! decides nothing of its own there.

use super::Board;
use super::episode::Episode;
use crate::health::verdict::Health;
use crate::{ChannelKind, Timestamp};
use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;

/// More is a gap in what we hear: see `GAP_MS_MAX` of the statistics.
const LAG_MS_MAX: u64 = 2_000;

/// A trouble as the deciding node keeps it.
#[derive(Clone, Copy, Debug)]
pub struct FollowedTrouble<'a> {
    /// The name of its scope.
    pub name: &'a str,
    pub health: Health,
    pub since: Timestamp,
    pub reason: &'a str,
    /// As [`Board::saved`] gave it.
    pub saved: &'a str,
}

impl Board {
    /// From now on these channels are followed, and all others decided here. What was known stays;
    /// a trouble that was being tested is tested anew. True when anything changed.
    pub fn set_followed(&mut self, channels: BTreeSet<ChannelKind>, now: Timestamp) -> bool {
        if channels == self.followed {
            return false;
        }
        let before = core::mem::replace(&mut self.followed, channels);
        let changed = |channel| before.contains(&channel) != self.followed.contains(&channel);
        for episode in &mut self.episodes {
            if changed(episode.scope.channel) {
                episode.begin_test();
            }
        }
        for leaf in &mut self.leaves {
            if changed(leaf.scope.channel) {
                leaf.reset(now);
            }
        }
        true
    }

    /// Nothing, or not all, could be heard until now: what is awaited speaks against nobody.
    pub fn was_deaf(&mut self, now: Timestamp) {
        for leaf in &mut self.leaves {
            leaf.was_deaf(now);
        }
    }

    /// Receipts are read so long after they came: so long their absence says nothing.
    pub fn set_lag(&mut self, lag_ms: u64) {
        self.lag_ms = lag_ms.min(LAG_MS_MAX);
    }

    #[must_use]
    pub fn follows(&self, channel: ChannelKind) -> bool {
        self.followed.contains(&channel)
    }

    /// Takes over every trouble of the followed channels; those that are not told are over.
    pub fn follow(&mut self, told: &[FollowedTrouble<'_>], now: Timestamp) {
        let mut known = Vec::new();
        for trouble in told {
            let Some(scope) = self.scope_named(trouble.name) else {
                continue;
            };
            if !self.follows(scope.channel) {
                continue;
            }
            known.push(scope);
            let at = self.episodes.iter().position(|it| it.scope == scope);
            let at = at.unwrap_or_else(|| {
                let id = self.next_episode();
                self.episodes.push(Episode::new(id, scope, Health::Up, now));
                self.episodes.len() - 1
            });
            self.take_over(at, trouble, now);
        }
        let is_over = |board: &Self, episode: &Episode| {
            board.follows(episode.scope.channel) && !known.contains(&episode.scope)
        };
        while let Some(at) = self.episodes.iter().position(|it| is_over(self, it)) {
            self.change(at, Health::Up, now, String::from("it works again"));
        }
    }

    fn take_over(&mut self, at: usize, trouble: &FollowedTrouble<'_>, now: Timestamp) {
        let from = self.episodes[at].health;
        if from == trouble.health && self.episodes[at].reason == trouble.reason {
            return;
        }
        let episode = &mut self.episodes[at];
        (episode.health, episode.since) = (trouble.health, trouble.since);
        episode.failed_at = trouble.since;
        super::save::take_up_all(episode, trouble.saved);
        self.restate(at, from, now, trouble.reason.into());
    }
}
