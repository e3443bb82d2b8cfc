//! All that passes from a core machine to the shell that runs it: effects by value and the next
//! wake-up. Nothing is left inside a machine to be forgotten.

use crate::Timestamp;
use crate::message::outcome::Fault;
use crate::message::receipt::Progress;
use crate::message::{End, FaultClass};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// What a machine wants done after one event.
#[must_use = "effects that are not performed are lost"]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Step {
    pub effects: Vec<Effect>,
    /// When the machine wants `handle_due`, if nothing else happens first.
    pub wake_at: Option<Timestamp>,
    /// The machine changed and must be saved before any effect is performed.
    pub changed: bool,
}

/// The closed list of effects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Send attempt `number` over the plan's hop. Committed before the network is touched.
    Send { number: u16, hop: u8 },
    /// Tell the app, under the id it knows, that its message got this far.
    Tell(Progress),
    /// Tell the app that its message will not arrive.
    TellFailed(Fault),
    /// Keep this decision in the message's timeline.
    Decide(Decision),
    /// The person got the message a second time, by this attempt.
    Duplicate { number: u16 },
}

/// A decision with its reason, as the timeline shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    pub hop: u8,
    pub number: u16,
    pub reason: Reason,
}

/// Why a delivery did what it did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The first permitted route works.
    Preferred,
    /// From this hop to the one of the decision, because of the cause.
    FailedOver {
        from: u8,
        cause: Cause,
    },
    /// The same hop again, after a pause.
    Retry {
        code: String,
        pause_ms: u64,
    },
    /// Every permitted route is down: hold, and do not thrash.
    AllRoutesDown,
    /// Not urgent enough to leave a route that is down so soon.
    HeldWhileDown {
        until: Timestamp,
    },
    /// An operator holds its route: nothing leaves, nothing moves away.
    HeldByOperator,
    /// Our own network is cut off: another route would not be reached either.
    CutOff,
    Throttled {
        code: String,
        until: Timestamp,
    },
    /// Perhaps sent, perhaps not; nothing is sent again before `until`.
    InDoubt {
        code: String,
        until: Timestamp,
    },
    /// A receipt told what became of an attempt in doubt.
    DoubtResolved(Progress),
    /// The ambiguity window is over and the duplicate rule allows another attempt.
    DoubtOver,
    ReceiptOverdue {
        waited_ms: u64,
    },
    Refused {
        class: FaultClass,
        code: String,
    },
    OptedOut {
        code: String,
    },
    /// The person said stop at the address of this hop.
    ConsentWithdrawn,
    /// An operator wants it sent by this hop.
    Redirected,
    /// A receipt came after the delivery had moved on or ended.
    LateReceipt(Progress),
    /// The person got it again, by another attempt.
    Duplicate,
    Ended(End),
}

/// What made a delivery leave a hop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    RouteDown,
    /// An operator wanted it.
    Operator,
    AccountFault,
    RouteRecovering,
    /// The provider asks us to stay away for longer than this message can wait.
    Throttled,
    OutOfPatience,
    Refused {
        class: FaultClass,
        code: String,
    },
    TriesExhausted,
    ReceiptOverdue,
    Unreachable,
    HopExpired,
}

impl Step {
    pub(crate) fn decide(&mut self, hop: u8, number: u16, reason: Reason) {
        self.effects.push(Effect::Decide(Decision {
            hop,
            number,
            reason,
        }));
    }
}

impl Reason {
    /// A stable word for APIs and metrics.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Preferred => "preferred",
            Self::FailedOver { .. } => "failed_over",
            Self::Retry { .. } => "retry",
            Self::AllRoutesDown => "all_routes_down",
            Self::HeldWhileDown { .. } => "held_while_down",
            Self::HeldByOperator => "held_by_operator",
            Self::CutOff => "cut_off",
            Self::Throttled { .. } => "throttled",
            Self::InDoubt { .. } => "in_doubt",
            Self::DoubtResolved(_) => "doubt_resolved",
            Self::DoubtOver => "doubt_over",
            Self::ReceiptOverdue { .. } => "receipt_overdue",
            Self::Refused { .. } => "refused",
            Self::OptedOut { .. } => "opted_out",
            Self::ConsentWithdrawn => "consent_withdrawn",
            Self::Redirected => "redirected",
            Self::LateReceipt(_) => "late_receipt",
            Self::Duplicate => "duplicate",
            Self::Ended(_) => "ended",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Preferred => f.write_str("first permitted route, and it works"),
            Self::FailedOver { from, cause } => {
                write!(f, "failed over from hop {}: {cause}", from + 1)
            }
            Self::Retry { code, pause_ms } => {
                write!(f, "refused for now ({code}); again after {pause_ms} ms")
            }
            Self::AllRoutesDown => f.write_str("every permitted route is down: held"),
            Self::HeldWhileDown { .. } => {
                f.write_str("route is down; this priority waits for it before it moves")
            }
            Self::HeldByOperator => f.write_str("an operator holds its route"),
            Self::CutOff => f.write_str("our own network is cut off: held"),
            Self::Throttled { code, .. } => write!(f, "throttled by the provider ({code})"),
            Self::InDoubt { code, .. } => {
                write!(f, "outcome unknown ({code}): nothing is sent again for now")
            }
            Self::DoubtResolved(progress) => {
                write!(
                    f,
                    "a receipt settled the unknown outcome: {}",
                    progress.name()
                )
            }
            Self::DoubtOver => f.write_str("ambiguity window over; the duplicate rule allows more"),
            Self::ReceiptOverdue { waited_ms } => {
                write!(f, "no receipt {waited_ms} ms after the provider accepted")
            }
            Self::Refused { class, code } => write!(f, "refused: {} ({code})", class.name()),
            Self::OptedOut { code } => write!(f, "the person opted out ({code})"),
            Self::ConsentWithdrawn => {
                f.write_str("the person wants nothing more at this address: hop given up")
            }
            Self::Redirected => f.write_str("an operator wants it sent by this hop"),
            Self::LateReceipt(progress) => write!(f, "late receipt: {}", progress.name()),
            Self::Duplicate => f.write_str("the person got it a second time, by this attempt"),
            Self::Ended(end) => write!(f, "ended: {}", end.name()),
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RouteDown => f.write_str("its route is down"),
            Self::Operator => f.write_str("an operator wanted it"),
            Self::AccountFault => f.write_str("our account on its route is at fault"),
            Self::RouteRecovering => f.write_str("its route is only being tested"),
            Self::Throttled => f.write_str("its route is throttled for too long"),
            Self::OutOfPatience => f.write_str("patience is over while the route is unwell"),
            Self::Refused { class, code } => write!(f, "refused, {} ({code})", class.name()),
            Self::TriesExhausted => f.write_str("no try is left there"),
            Self::ReceiptOverdue => f.write_str("its receipt is overdue"),
            Self::Unreachable => f.write_str("the address is known not to be reachable there"),
            Self::HopExpired => f.write_str("the time of that hop is over"),
        }
    }
}
