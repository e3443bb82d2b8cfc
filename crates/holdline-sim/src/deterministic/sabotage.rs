//! Machines that are broken on purpose, at the ports: each breaks one promise, and the checker of
//! that promise must notice. Only tests ask for any but `None`.

use super::exec::WORLD;
use super::ports::SimChannel;
use super::stage::Stage;
use holdline_core::message::{Fault, FaultClass, Outcome, Progress, ReceiptKind, ThrottleScope};
use holdline_engine::EngineConfig;
use holdline_engine::ports::ops::Groups;
use holdline_engine::ports::{Dispatch, Group, InboundItem, Op};
use std::sync::Arc;

/// How often a stray attempt follows, and how many do.
const KNOCK_MS: u64 = 700;
const KNOCKS: u64 = 400;

const DAWDLES_MS: u64 = 3_000;

/// What is broken.
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "only tests ask for a broken machine")
)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Sabotage {
    #[default]
    None,
    /// The store says yes to new messages and keeps none of every fourth.
    ForgetsAccepts,
    /// The store says yes to attempts and keeps no row of them.
    ForgetsAttempts,
    /// The store says yes to the ends of deliveries and keeps them open.
    ForgetsEnds,
    /// The store says yes to raw webhooks and keeps none.
    ForgetsInbound,
    /// Unknown outcomes are called failures.
    CallsUnknownFailed,
    /// The channel answers before the call has ended.
    LeavesTheCall,
    /// Every attempt is made again and again, whatever the health of the route.
    Knocks,
    /// Our own faults are called the provider's.
    BlamesTheProvider,
    /// Every other call is said to be accepted, and begins seconds later.
    Dawdles,
    /// The way back has no ramp and no limit.
    NoLimits,
    /// Receipts that say delivered are overheard.
    DeafToReceipts,
    /// What people write is overheard.
    DeafToPeople,
    /// No limit of open messages, nor of posts.
    TakesAll,
    /// Keys of requests are overlooked.
    OverlooksKeys,
    /// Every third event is called taken, and never posted.
    KeepsFromApps,
}

impl Sabotage {
    /// What the store keeps of what it says it has kept.
    pub(crate) fn thinned(self, groups: &Groups) -> Groups {
        groups.iter().map(|group| Group(self.kept(group))).collect()
    }

    fn kept(self, group: &Group) -> Vec<Op> {
        let mut ops = group.0.clone();
        match self {
            Self::ForgetsAccepts => {
                let every_fourth =
                    |op: &Op| matches!(op, Op::Accept(it) if it.message.id.0 % 4 == 0);
                if ops.iter().any(every_fourth) {
                    ops.clear();
                }
            }
            Self::ForgetsAttempts => {
                for op in &mut ops {
                    if let Op::Advance(advance) = op {
                        advance.started = None;
                    }
                }
            }
            Self::ForgetsEnds => {
                ops.retain(|op| !matches!(op, Op::Advance(it) if it.state.state.is_ended()));
            }
            Self::ForgetsInbound => ops.retain(|op| !matches!(op, Op::Inbound(_))),
            _other => {}
        }
        ops
    }

    /// What the channel says instead of the truth.
    pub(crate) fn twisted(self, outcome: Outcome) -> Outcome {
        match (self, outcome) {
            (Self::CallsUnknownFailed, Outcome::Unknown(fault)) => Outcome::Rejected(fault),
            (Self::BlamesTheProvider, Outcome::Rejected(fault)) => {
                let blamed = Fault::new(FaultClass::Platform, &fault.code, &fault.detail);
                Outcome::Rejected(blamed)
            }
            (_, outcome) => outcome,
        }
    }

    /// What is heard of a webhook.
    pub(crate) fn deafened(self, mut items: Vec<InboundItem>) -> Vec<InboundItem> {
        match self {
            Self::DeafToReceipts => items.retain(|item| {
                let InboundItem::Receipt(receipt) = item else {
                    return true;
                };
                !matches!(receipt.kind, ReceiptKind::Reached(it) if it >= Progress::Delivered)
            }),
            Self::DeafToPeople => {
                items.retain(|item| !matches!(item, InboundItem::Message(_)));
            }
            _other => {}
        }
        items
    }

    pub(crate) fn dawdles(self, dispatch: &Dispatch) -> bool {
        self == Self::Dawdles && dispatch.key.message.0.is_multiple_of(2)
    }

    /// The limits that the engine goes by, other than those that were agreed.
    pub(crate) fn loosened(self, mut config: EngineConfig) -> EngineConfig {
        match self {
            Self::NoLimits => {
                for route in &mut config.routes {
                    route.gate.rate_per_s = 10_000.0;
                    route.gate.trickle_per_s = 5_000.0;
                    route.gate.in_flight_max = 4_096;
                    route.gate.in_flight_sick_max = 4_096;
                }
            }
            Self::TakesAll => config.open_messages_max = usize::MAX,
            _other => {}
        }
        config
    }
}

/// The call goes on while the engine believes that it has failed.
pub(crate) fn leave_the_call(
    stage: &Arc<Stage>,
    channel: SimChannel,
    dispatch: &Dispatch,
) -> Outcome {
    let dispatch = dispatch.clone();
    stage.exec.spawn(WORLD, async move {
        channel.stray(&dispatch).await;
    });
    let fault = Fault::new(FaultClass::Throttled, "left", "left to itself");
    Outcome::Throttled {
        fault,
        scope: ThrottleScope::Recipient,
        until: None,
    }
}

/// The call begins late, when the engine believes that it is over.
pub(crate) fn dawdle(stage: &Arc<Stage>, channel: SimChannel, dispatch: &Dispatch) -> Outcome {
    let (dispatch, own) = (dispatch.clone(), Arc::clone(stage));
    stage.exec.spawn(WORLD, async move {
        own.exec.sleep(DAWDLES_MS).await;
        channel.stray(&dispatch).await;
    });
    Outcome::Accepted { provider_id: None }
}

/// The call is made again and again beside the engine.
pub(crate) fn knock(stage: &Arc<Stage>, channel: SimChannel, dispatch: &Dispatch) {
    let (dispatch, own) = (dispatch.clone(), Arc::clone(stage));
    stage.exec.spawn(WORLD, async move {
        for _ in 0..KNOCKS {
            own.exec.sleep(KNOCK_MS).await;
            channel.stray(&dispatch).await;
        }
    });
}
