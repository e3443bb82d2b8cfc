//! What one attempt came to, in the provider's word. Outcomes are theirs; errors are ours.
//!
//! The class comes before any statistics: only [`FaultClass::Platform`] speaks about the health of
//! a provider. Own credentials, own rate, one person's dead number never do (invariant 8).

use crate::Timestamp;
use alloc::string::String;

/// Whose fault a refusal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FaultClass {
    /// The provider does not work: unreachable, overloaded, hanging, broken.
    Platform,
    /// We send too fast; the provider works.
    Throttled,
    /// Our credentials, permissions, payment or standing.
    Account,
    /// Our request is malformed.
    Request,
    /// This person cannot be reached this way.
    Recipient,
    /// The provider withholds this message from this person by its own policy.
    Engagement,
    /// The template is missing, paused or does not fit.
    Template,
}

impl FaultClass {
    pub const ALL: [Self; 7] = [
        Self::Platform,
        Self::Throttled,
        Self::Account,
        Self::Request,
        Self::Recipient,
        Self::Engagement,
        Self::Template,
    ];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Platform => "platform",
            Self::Throttled => "throttled",
            Self::Account => "account",
            Self::Request => "request",
            Self::Recipient => "recipient",
            Self::Engagement => "engagement",
            Self::Template => "template",
        }
    }

    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.name() == name)
    }
}

/// A set of fault classes: which of them make a hop give up to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClassSet(u8);

impl ClassSet {
    pub const NONE: Self = Self(0);

    #[must_use]
    pub fn of(classes: &[FaultClass]) -> Self {
        Self(
            classes
                .iter()
                .fold(0, |bits, class| bits | 1 << *class as u8),
        )
    }

    #[must_use]
    pub const fn has(self, class: FaultClass) -> bool {
        self.0 & (1 << class as u8) != 0
    }

    pub fn iter(self) -> impl Iterator<Item = FaultClass> {
        FaultClass::ALL
            .into_iter()
            .filter(move |class| self.has(*class))
    }
}

impl Default for ClassSet {
    /// All but [`FaultClass::Request`]: a malformed request is a bug to be seen, not to be hidden.
    fn default() -> Self {
        Self(0b0111_1111 & !(1 << FaultClass::Request as u8))
    }
}

/// A refusal, kept with the provider's own code and words (they are sent once).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub class: FaultClass,
    /// The provider's code as it writes it: `131026`, `30003`, `5.1.1`; `connect`, `timeout` and
    /// such where nothing was answered.
    pub code: String,
    /// The provider's title or message. May not hold addresses or bodies.
    pub detail: String,
    /// The same request can never succeed here.
    pub permanent: bool,
    /// The address should not be tried on this channel for some time.
    pub marks_unreachable: bool,
    /// The person asked not to get this kind of message: no other channel either.
    pub opted_out: bool,
}

impl Fault {
    #[must_use]
    pub fn new(class: FaultClass, code: &str, detail: &str) -> Self {
        Self {
            class,
            code: code.into(),
            detail: detail.into(),
            permanent: !matches!(class, FaultClass::Platform | FaultClass::Throttled),
            marks_unreachable: false,
            opted_out: false,
        }
    }
}

/// How far a throttle reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThrottleScope {
    /// Only this person: the route goes on for others.
    Recipient,
    /// The whole route.
    Route,
}

/// What the provider made of one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Accepted {
        /// The provider's id of the message, where it gives one.
        provider_id: Option<String>,
    },
    Rejected(Fault),
    Throttled {
        fault: Fault,
        scope: ThrottleScope,
        /// Where the provider names a time (Retry-After).
        until: Option<Timestamp>,
    },
    /// Perhaps sent, perhaps not: the answer did not come or does not say. Not a failure.
    Unknown(Fault),
}

impl Outcome {
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Accepted { .. } => "accepted",
            Self::Rejected(_) => "rejected",
            Self::Throttled { .. } => "throttled",
            Self::Unknown(_) => "unknown",
        }
    }

    #[must_use]
    pub const fn fault(&self) -> Option<&Fault> {
        match self {
            Self::Accepted { .. } => None,
            Self::Rejected(fault) | Self::Throttled { fault, .. } | Self::Unknown(fault) => {
                Some(fault)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_malformed_request_does_not_fail_over_unless_asked() {
        for class in FaultClass::ALL {
            assert_eq!(ClassSet::default().has(class), class != FaultClass::Request);
            assert_eq!(FaultClass::parse(class.name()), Some(class));
        }
    }

    #[test]
    fn a_set_holds_what_was_put_in() {
        let set = ClassSet::of(&[FaultClass::Account, FaultClass::Template]);
        assert!(set.iter().eq([FaultClass::Account, FaultClass::Template]));
    }
}
