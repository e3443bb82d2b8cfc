//! The states of a route, and a verdict: the change from one to another with its reason.

use super::scope::Scope;
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
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// The trouble it belongs to: the same from its beginning to its end.
    pub episode: EpisodeId,
    pub scope: Scope,
    /// The scope as APIs name it: `whatsapp/106540352242922/session/+49`.
    pub name: String,
    /// The scope as people say it.
    pub scope_words: String,
    pub from: Health,
    pub to: Health,
    pub at: Timestamp,
    /// Words and figures for people: which signals, how many, since when.
    pub reason: String,
    pub course: Course,
}

/// Number of a trouble, unique in one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EpisodeId(pub u64);

/// How a trouble went, as far as it has got, and how good the detection was.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Course {
    /// The earliest evidence, by the strongest signal.
    pub onset: Option<Timestamp>,
    pub suspect_at: Option<Timestamp>,
    pub degraded_at: Option<Timestamp>,
    pub down_at: Option<Timestamp>,
    pub recovering_at: Option<Timestamp>,
    pub recovered_at: Option<Timestamp>,
    /// The strongest signal.
    pub signal: String,
    /// How strong the evidence was, in nats.
    pub nats: f64,
    /// Observations that no detector with this false-alarm rate can do without, on average.
    pub bound: Option<f64>,
    /// Observations that were needed, divided by that.
    pub ratio: Option<f64>,
    /// The provider's own status feed, and when it first told.
    pub feed: Option<(String, Timestamp)>,
    /// The provider's code, where our account is at fault.
    pub account_code: Option<String>,
    /// The provider's `health_status` says the same.
    pub account_confirmed: bool,
}
