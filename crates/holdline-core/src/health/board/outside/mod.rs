//! What is learned beside traffic and probes: whether our own network works, what the provider
//! says of our account, what its history says of messages, what status feeds tell. None of it is
//! evidence of its own; it bounds, explains or reverses what evidence says.

mod seen;

use crate::ChannelKind;
use crate::Timestamp;
use crate::health::scope::{Feature, Scope};
use alloc::string::String;
use alloc::vec::Vec;

/// What the board asks to be looked at; the answers come back by `Board::*_seen`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wish {
    /// Control hosts, resolvers, a connection to the provider.
    Network {
        channel: ChannelKind,
        sender: String,
    },
    /// The provider's own word about our account.
    Account {
        channel: ChannelKind,
        sender: String,
    },
    /// What became of messages whose receipts are missing.
    History {
        channel: ChannelKind,
        sender: String,
    },
}

/// What a look at the network showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkSeen {
    pub at: Timestamp,
    /// Control hosts were reached; `None` when none is configured.
    pub controls: Option<bool>,
    pub words: String,
}

/// Our network, as last seen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Surroundings {
    last: Option<NetworkSeen>,
    /// Controls were reached then: only from then on does their silence mean anything.
    good_at: Option<Timestamp>,
    /// Since when we ourselves are cut off, and why.
    pub impaired: Option<(Timestamp, String)>,
    pub asked_at: Option<Timestamp>,
}

/// A silence of the controls means something for so long after they were last reached.
const CONTROLS_KNOWN_MS: u64 = 24 * 3_600_000;

impl Surroundings {
    pub(crate) fn seen(&mut self, seen: NetworkSeen) {
        if seen.controls == Some(true) {
            self.good_at = Some(seen.at);
        }
        self.last = Some(seen);
    }

    /// The last look at the network, if it was made after `since`.
    #[must_use]
    pub(crate) fn after(&self, since: Timestamp) -> Option<&NetworkSeen> {
        self.last.as_ref().filter(|seen| seen.at >= since)
    }

    /// Our controls are silent although they worked before.
    #[must_use]
    pub(crate) fn controls_fail(&self, since: Timestamp) -> bool {
        let known = |at: Timestamp| since.since_ms(at) <= CONTROLS_KNOWN_MS;
        self.good_at.is_some_and(known)
            && self
                .after(since)
                .is_some_and(|seen| seen.controls == Some(false))
    }

    #[must_use]
    pub(crate) fn controls_work(&self, since: Timestamp) -> bool {
        self.after(since)
            .is_some_and(|seen| seen.controls == Some(true))
    }
}

/// What a provider says of our account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountWord {
    Available,
    Limited,
    Blocked,
}

/// An open incident on a status feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedIncident {
    pub title: String,
    /// Features it names; empty = all.
    pub features: Vec<Feature>,
    pub began_at: Option<Timestamp>,
}

/// What one feed tells now. A feed that cannot be read tells nothing, never that all is well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedSeen {
    pub name: String,
    pub channel: ChannelKind,
    pub at: Timestamp,
    /// `None`: it could not be read or understood.
    pub incidents: Option<Vec<FeedIncident>>,
}

/// Most nats that a matching incident takes off a threshold.
pub(crate) const FEED_PRIOR_NATS: f64 = 3.0;
/// Most feeds that are followed, and an incident is believed to go on for so long while its feed
/// cannot be read.
const FEEDS_MAX: usize = 32;
const FEED_STALE_MS: u64 = 3_600_000;

/// A feed as last read, and when it began to tell of an incident.
#[derive(Clone, Debug)]
pub(crate) struct Feed {
    pub(crate) seen: FeedSeen,
    pub(crate) told_at: Timestamp,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Feeds(Vec<Feed>);

impl Feeds {
    pub(crate) fn seen(&mut self, seen: FeedSeen) {
        let told_at = seen.at;
        let Some(known) = self.0.iter_mut().find(|feed| feed.seen.name == seen.name) else {
            if self.0.len() < FEEDS_MAX {
                self.0.push(Feed { seen, told_at });
            }
            return;
        };
        let stale = seen.at.since_ms(known.seen.at) > FEED_STALE_MS;
        if seen.incidents.is_none() && !stale {
            return;
        }
        if !tells(&known.seen) {
            known.told_at = told_at;
        }
        known.seen = seen;
    }

    /// The feed that tells of an incident which bears on this scope.
    #[must_use]
    pub(crate) fn matching(&self, scope: &Scope) -> Option<&Feed> {
        let of_channel = |feed: &&Feed| feed.seen.channel == scope.channel;
        self.0.iter().filter(of_channel).find(|feed| {
            let mut incidents = feed.seen.incidents.iter().flatten();
            incidents.any(|incident| bears_on(incident, scope))
        })
    }
}

fn tells(seen: &FeedSeen) -> bool {
    seen.incidents.iter().flatten().next().is_some()
}

fn bears_on(incident: &FeedIncident, scope: &Scope) -> bool {
    incident.features.is_empty()
        || scope
            .feature
            .is_none_or(|feature| incident.features.contains(&feature))
}
