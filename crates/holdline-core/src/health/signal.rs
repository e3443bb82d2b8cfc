//! Evidence: what happened, reduced to what bears on health. The fault class is decided before any
//! statistics (`message::outcome`); here only platform faults speak against a provider.

use super::scope::NumberIx;
use crate::Timestamp;
use crate::message::{FaultClass, Outcome};
use crate::routing::RouteIx;
use alloc::string::String;

/// One piece of evidence. Times are the caller's clock.
#[derive(Clone, Debug, PartialEq)]
pub enum Signal {
    /// An attempt left.
    Started { route: RouteIx, at: Timestamp },
    /// It came to something.
    Ended(Ended),
    /// It was accepted, and receipts should follow.
    Accepted { route: RouteIx, at: Timestamp },
    /// One followed, or something that proves it.
    Receipt {
        route: RouteIx,
        accepted_at: Timestamp,
        at: Timestamp,
        kind: ReceiptSign,
    },
    /// A person wrote.
    Inbound {
        number: NumberIx,
        at: Timestamp,
        kind: InboundKind,
    },
    /// A probe was answered, or was not.
    Probed {
        number: NumberIx,
        at: Timestamp,
        evidence: Option<Evidence>,
    },
}

/// The end of one attempt.
#[derive(Clone, Debug, PartialEq)]
pub struct Ended {
    pub route: RouteIx,
    pub at: Timestamp,
    /// `None` when it was not seen to start (a receipt said that it failed).
    pub started_at: Option<Timestamp>,
    /// The first attempt of its message on this hop: repeats tell nothing new.
    pub first: bool,
    /// Anything that tells recipients apart.
    pub recipient: u32,
    /// `None` where the outcome says nothing about the provider.
    pub evidence: Option<Evidence>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReceiptSign {
    /// The provider took it over.
    Sent,
    /// It is on the person's device.
    Delivered,
}

/// What people write, as far as it can fail alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InboundKind {
    Text,
    Image,
    Audio,
    Video,
    Document,
    Other,
}

impl InboundKind {
    pub const ALL: [Self; 6] = [
        Self::Text,
        Self::Image,
        Self::Audio,
        Self::Video,
        Self::Document,
        Self::Other,
    ];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Image => "image",
            Self::Audio => "audio",
            Self::Video => "video",
            Self::Document => "document",
            Self::Other => "other",
        }
    }

    /// By the Cloud API's message type.
    #[must_use]
    pub fn of_type(name: &str) -> Self {
        let named = Self::ALL.into_iter().find(|kind| kind.name() == name);
        named.unwrap_or(Self::Other)
    }
}

/// What it says about the provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// The provider did its work.
    Works,
    /// The provider failed: the code it gave, or how it was silent.
    Fails { code: String, nature: Nature },
    /// Our account is refused; the provider works (invariant 8).
    AccountRefused { code: String },
}

/// How a provider failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nature {
    /// It was not reached, or did not answer: it may be our own network.
    Transport,
    /// It answered that it fails.
    Answered,
    /// A code that may be our own fault: it counts only where the same worked lately.
    Weak,
}

/// Codes for what was not answered at all, as the channels give them.
const TRANSPORT: [&str; 11] = [
    "connect",
    "connect_timeout",
    "dns",
    "tls",
    "timeout",
    "reset",
    "closed",
    "io",
    "no_outcome",
    "transport",
    "unreachable",
];
/// Meta's "unknown error": a fault of theirs or a malformed request of ours.
const WEAK: &str = "1";

impl Evidence {
    #[must_use]
    pub fn fails(code: &str) -> Self {
        let nature = match code {
            WEAK => Nature::Weak,
            code if TRANSPORT.contains(&code) => Nature::Transport,
            _ => Nature::Answered,
        };
        Self::Fails {
            code: code.into(),
            nature,
        }
    }

    /// Whether the provider did its work; `None` where it refuses our account.
    #[must_use]
    pub const fn worked(&self) -> Option<bool> {
        match self {
            Self::Works => Some(true),
            Self::Fails { .. } => Some(false),
            Self::AccountRefused { .. } => None,
        }
    }

    /// What an outcome says about the provider; `None` where it says nothing.
    #[must_use]
    pub fn of(outcome: &Outcome) -> Option<Self> {
        let Some(fault) = outcome.fault() else {
            return Some(Self::Works);
        };
        match fault.class {
            FaultClass::Platform => Some(Self::fails(&fault.code)),
            FaultClass::Account => Some(Self::AccountRefused {
                code: fault.code.clone(),
            }),
            FaultClass::Request
            | FaultClass::Recipient
            | FaultClass::Engagement
            | FaultClass::Template => Some(Self::Works),
            FaultClass::Throttled => None,
        }
    }

    #[must_use]
    pub fn failed(&self) -> bool {
        matches!(self, Self::Fails { .. })
    }

    #[must_use]
    pub fn is_transport(&self) -> bool {
        matches!(
            self,
            Self::Fails {
                nature: Nature::Transport,
                ..
            }
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Fault;

    fn check(class: FaultClass, expect: Option<Evidence>) {
        let outcome = Outcome::Rejected(Fault::new(class, "7", "words"));
        assert_eq!(Evidence::of(&outcome), expect, "{class:?}");
    }

    #[test]
    fn only_platform_faults_speak_against_the_provider() {
        check(FaultClass::Platform, Some(Evidence::fails("7")));
        let refused = Evidence::AccountRefused { code: "7".into() };
        check(FaultClass::Account, Some(refused));
        check(FaultClass::Throttled, None);
        check(FaultClass::Recipient, Some(Evidence::Works));
        check(FaultClass::Request, Some(Evidence::Works));
        check(FaultClass::Template, Some(Evidence::Works));
        check(FaultClass::Engagement, Some(Evidence::Works));
    }

    #[test]
    fn silence_and_refusals_are_told_apart() {
        assert!(Evidence::fails("connect").is_transport());
        assert!(!Evidence::fails("131016").is_transport());
        let weak = Evidence::Fails {
            code: "1".into(),
            nature: Nature::Weak,
        };
        assert_eq!(Evidence::fails("1"), weak);
    }
}
