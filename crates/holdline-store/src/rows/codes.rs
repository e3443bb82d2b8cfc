//! The small numbers that stand for values of the core in a row. Written files depend on them:
//! a code never changes its meaning.

use holdline_core::contact::Consent;
use holdline_core::message::{DuplicateRule, End, FaultClass, Priority, Progress, Success};
use holdline_engine::ports::records::EndpointForm;

macro_rules! codes {
    ($encode:ident $decode:ident $type:ty { $($code:literal $variant:path,)* }) => {
        pub(crate) const fn $encode(value: $type) -> i64 {
            match value {
                $($variant => $code,)*
            }
        }

        pub(crate) const fn $decode(code: i64) -> Option<$type> {
            match code {
                $($code => Some($variant),)*
                _ => None,
            }
        }
    };
}

codes!(priority_code priority_of Priority {
    0 Priority::Emergency,
    1 Priority::Urgent,
    2 Priority::Service,
    3 Priority::Bulk,
});
codes!(duplicate_rule_code duplicate_rule_of DuplicateRule {
    0 DuplicateRule::Tolerate,
    1 DuplicateRule::Reconcile,
    2 DuplicateRule::Never,
});
codes!(progress_code progress_of Progress {
    0 Progress::None,
    1 Progress::Accepted,
    2 Progress::Sent,
    3 Progress::Delivered,
    4 Progress::Read,
});
codes!(success_code success_of Success {
    1 Success::Accepted,
    2 Success::Sent,
    3 Success::Delivered,
    4 Success::Read,
});
codes!(fault_class_code fault_class_of FaultClass {
    0 FaultClass::Platform,
    1 FaultClass::Throttled,
    2 FaultClass::Account,
    3 FaultClass::Request,
    4 FaultClass::Recipient,
    5 FaultClass::Engagement,
    6 FaultClass::Template,
});
codes!(end_code end_of End {
    4 End::Delivered,
    5 End::Expired,
    6 End::Failed,
    7 End::Cancelled,
});
codes!(consent_code consent_of Consent {
    0 Consent::Unknown,
    1 Consent::Given,
    2 Consent::Withdrawn,
});
codes!(form_code form_of EndpointForm {
    0 EndpointForm::Cloud,
    1 EndpointForm::Standard,
});

/// The codes of a delivery's open states; its ends follow in [`end_code`].
pub(crate) const WAITING: i64 = 0;
pub(crate) const IN_FLIGHT: i64 = 1;
pub(crate) const IN_DOUBT: i64 = 2;
pub(crate) const PLACED: i64 = 3;

/// The code of a name of `State::name`.
pub(crate) fn state_code_of_name(name: &str) -> Option<i64> {
    match name {
        "waiting" => Some(WAITING),
        "in_flight" => Some(IN_FLIGHT),
        "in_doubt" => Some(IN_DOUBT),
        "placed" => Some(PLACED),
        _ => End::parse(name).map(end_code),
    }
}

/// The name that has a code: what [`state_code_of_name`] reads.
pub(crate) fn state_name_of(code: i64) -> Option<&'static str> {
    match code {
        WAITING => Some("waiting"),
        IN_FLIGHT => Some("in_flight"),
        IN_DOUBT => Some("in_doubt"),
        PLACED => Some("placed"),
        _ => end_of(code).map(End::name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdline_core::Timestamp;
    use holdline_core::message::State;

    #[test]
    fn every_state_name_has_its_own_code() {
        let at = Timestamp(0);
        let open = [
            (State::Waiting { due: at }, 0),
            (State::InFlight { since: at }, 1),
            (
                State::InDoubt {
                    since: at,
                    until: at,
                },
                2,
            ),
            (
                State::Placed {
                    since: at,
                    until: at,
                },
                3,
            ),
        ];
        let ends = End::ALL
            .into_iter()
            .zip(4..)
            .map(|(end, code)| (State::Ended { end, at }, code));
        for (state, code) in open.into_iter().chain(ends) {
            assert_eq!(state_code_of_name(state.name()), Some(code), "{state:?}");
            assert_eq!(state_name_of(code), Some(state.name()));
        }
        assert_eq!(state_code_of_name("ended"), None);
    }
}
