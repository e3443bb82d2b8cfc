//! The terms of a delivery: how urgent, until when, over which hops, and whether a second copy is
//! tolerable when the fate of the first is unknown.

use super::outcome::ClassSet;
use crate::Timestamp;
use crate::routing::RouteIx;

/// Most hops a plan may have.
pub const HOPS_MAX: usize = 8;

/// Most urgent first; the order is the order of leaving.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    Emergency,
    Urgent,
    Service,
    Bulk,
}

impl Priority {
    pub const ALL: [Self; 4] = [Self::Emergency, Self::Urgent, Self::Service, Self::Bulk];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Emergency => "emergency",
            Self::Urgent => "urgent",
            Self::Service => "service",
            Self::Bulk => "bulk",
        }
    }

    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|priority| priority.name() == name)
    }

    /// The rule that holds unless the caller names another.
    #[must_use]
    pub const fn duplicate_rule(self) -> DuplicateRule {
        match self {
            Self::Emergency | Self::Urgent => DuplicateRule::Tolerate,
            Self::Service => DuplicateRule::Reconcile,
            Self::Bulk => DuplicateRule::Never,
        }
    }
}

/// What may follow an attempt whose fate is unknown (invariant 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DuplicateRule {
    /// Go on after the ambiguity window: late is worse than twice.
    Tolerate,
    /// Go on once a receipt or a query settles it, or the (longer) window is over.
    Reconcile,
    /// Never send again; wait for a receipt until the message expires.
    Never,
}

impl DuplicateRule {
    pub const ALL: [Self; 3] = [Self::Tolerate, Self::Reconcile, Self::Never];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tolerate => "tolerate",
            Self::Reconcile => "reconcile",
            Self::Never => "never",
        }
    }

    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rule| rule.name() == name)
    }
}

/// What counts as having got there on a hop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Success {
    Accepted,
    Sent,
    Delivered,
    Read,
}

impl Success {
    pub const ALL: [Self; 4] = [Self::Accepted, Self::Sent, Self::Delivered, Self::Read];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Read => "read",
        }
    }

    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|success| success.name() == name)
    }
}

/// One step of a delivery's plan: a route and what is wanted of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Hop {
    pub route: RouteIx,
    /// How long to wait for the wanted receipt after the provider accepted.
    pub receipt_wait_ms: u32,
    /// The plan says so itself: the wait holds even where a second copy would not be tolerated.
    pub wait_is_explicit: bool,
    /// How long the hop may be tried before it is given up; 0 = until the message expires.
    pub ttl_ms: u32,
    /// Never more than the channel can report.
    pub success: Success,
    /// Fault classes that make the delivery go on to the next hop.
    pub on: ClassSet,
}

/// What does not change over the life of a delivery, but for its plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    pub priority: Priority,
    pub duplicate_rule: DuplicateRule,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
}
