//! What people watch: a log of what happened, in the order of its commits; traffic by the
//! minute; the evidence of an outage over time. Plain data.

use holdline_core::id::OutageId;
use holdline_core::{ChannelKind, Timestamp};

/// One line of the log. Readers resume by `seq`: whoever has seen one has missed none before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActivityRecord {
    pub seq: i64,
    pub activity: Activity,
}

/// Something that people should see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activity {
    pub at: Timestamp,
    pub kind: ActivityKind,
    /// What it is about: the name of a scope, an id.
    pub subject: String,
    pub words: String,
}

/// Of what sort it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActivityKind {
    /// A scope changed its health.
    Health,
    /// Somebody held a scope, forced it or let it go.
    Hold,
    /// Somebody did something else.
    Deed,
}

impl ActivityKind {
    pub const ALL: [Self; 3] = [Self::Health, Self::Hold, Self::Deed];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Health => "health",
            Self::Hold => "hold",
            Self::Deed => "deed",
        }
    }

    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// What went through a channel in one minute. Written as what is to be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrafficRecord {
    /// The instant at which the minute begins.
    pub minute: Timestamp,
    pub channel: ChannelKind,
    /// Attempts that the provider accepted.
    pub sends: u64,
    pub receipts: u64,
    /// Attempts that ended otherwise.
    pub failures: u64,
}

/// How strong the evidence of an outage was at an instant.
#[derive(Clone, Debug, PartialEq)]
pub struct EvidenceRecord {
    pub outage: OutageId,
    pub at: Timestamp,
    /// What said it: `sends`, `receipts`, ...
    pub signal: String,
    /// Finite.
    pub nats: f64,
    /// The nats at which the route counts as failing.
    pub threshold: f64,
}
