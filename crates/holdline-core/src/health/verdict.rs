//! The states of a route, and a verdict: the change from one to another with its reason.

use crate::Timestamp;
use alloc::string::String;

/// Whether a route works. `AccountFault` and `SelfImpaired` are not outages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Health {
    Up,
    /// Some evidence against it; nothing a customer would see happens yet.
    Suspect,
    /// Failing, or too many fail.
    Degraded,
    /// Nothing new goes to it but what tests it.
    Down,
    /// A trickle tests it.
    Recovering,
    /// The provider refuses our account: our fault, our alarm.
    AccountFault,
    /// Our own network or host is at fault: verdicts about others are frozen.
    SelfImpaired,
}

impl Health {
    pub const ALL: [Self; 7] = [
        Self::Up,
        Self::Suspect,
        Self::Degraded,
        Self::Down,
        Self::Recovering,
        Self::AccountFault,
        Self::SelfImpaired,
    ];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Suspect => "suspect",
            Self::Degraded => "degraded",
            Self::Down => "down",
            Self::Recovering => "recovering",
            Self::AccountFault => "account_fault",
            Self::SelfImpaired => "self_impaired",
        }
    }

    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|health| health.name() == name)
    }

    /// New messages may be sent in the ordinary way.
    #[must_use]
    pub const fn is_usable(self) -> bool {
        matches!(self, Self::Up | Self::Suspect | Self::Degraded)
    }
}

/// A change of state, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    pub from: Health,
    pub to: Health,
    pub at: Timestamp,
    /// Words and figures for people: which signals, how many, since when.
    pub reason: String,
    /// The earliest evidence of the trouble, where there is any.
    pub onset: Option<Timestamp>,
}
