//! What each followed feed says now, for whoever shows it. A shared cell, no judgement.

use super::Grade;
use crate::config::Feed;
use holdline_core::{ChannelKind, Timestamp};
use std::sync::{Mutex, PoisonError};

/// A feed as people see it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct FeedStatus {
    pub(crate) name: String,
    pub(crate) channel: ChannelKind,
    pub(crate) state: FeedState,
    /// Titles of what is open, the gravest first.
    pub(crate) incidents: Vec<String>,
    /// When it was last read and understood.
    pub(crate) seen_at: Option<Timestamp>,
    /// Why it is unknown.
    pub(crate) error: Option<String>,
    /// How late it is, as far as our own outages tell.
    pub(crate) lag: Grade,
}

/// What a feed says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FeedState {
    Green,
    Open,
    /// Not read, or not understood: never a sign of health.
    Unknown,
}

impl FeedState {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Green => "green",
            Self::Open => "open",
            Self::Unknown => "unknown",
        }
    }
}

/// All feeds, in the order of the configuration.
#[derive(Debug)]
pub(crate) struct FeedCell(Mutex<Vec<FeedStatus>>);

impl FeedCell {
    /// Nothing is known of any yet.
    pub(crate) fn new(feeds: &[Feed]) -> Self {
        let unread = |feed: &Feed| {
            Some(FeedStatus {
                name: feed.name.clone(),
                channel: ChannelKind::new(&feed.channel)?,
                state: FeedState::Unknown,
                incidents: Vec::new(),
                seen_at: None,
                error: Some("not read yet".to_owned()),
                lag: Grade::default(),
            })
        };
        Self(Mutex::new(feeds.iter().filter_map(unread).collect()))
    }

    pub(crate) fn all(&self) -> Vec<FeedStatus> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(super) fn change(&self, name: &str, change: impl FnOnce(&mut FeedStatus)) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(status) = all.iter_mut().find(|status| status.name == name) {
            change(status);
        }
    }
}
