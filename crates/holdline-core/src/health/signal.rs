//! Evidence about one route: what a send or a probe came to, reduced to what bears on health.

use crate::Timestamp;
use crate::message::{FaultClass, Outcome};
use alloc::string::{String, ToString};

/// One piece of evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signal {
    pub at: Timestamp,
    /// From a probe, not from a message.
    pub probe: bool,
    pub evidence: Evidence,
}

/// What it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// The provider did its work.
    Works,
    /// The provider failed: the code it gave, or how it was silent.
    Fails { code: String },
    /// Our account is refused; the provider works (invariant 8).
    AccountRefused { code: String },
}

impl Evidence {
    /// What an outcome says about the provider; `None` where it says nothing.
    #[must_use]
    pub fn of(outcome: &Outcome) -> Option<Self> {
        let Some(fault) = outcome.fault() else {
            return Some(Self::Works);
        };
        match fault.class {
            FaultClass::Platform => Some(Self::Fails {
                code: fault.code.to_string(),
            }),
            FaultClass::Account => Some(Self::AccountRefused {
                code: fault.code.to_string(),
            }),
            FaultClass::Request
            | FaultClass::Recipient
            | FaultClass::Engagement
            | FaultClass::Template => Some(Self::Works),
            FaultClass::Throttled => None,
        }
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
        check(
            FaultClass::Platform,
            Some(Evidence::Fails { code: "7".into() }),
        );
        check(
            FaultClass::Account,
            Some(Evidence::AccountRefused { code: "7".into() }),
        );
        check(FaultClass::Throttled, None);
        check(FaultClass::Recipient, Some(Evidence::Works));
        check(FaultClass::Request, Some(Evidence::Works));
        check(FaultClass::Template, Some(Evidence::Works));
        check(FaultClass::Engagement, Some(Evidence::Works));
    }
}
