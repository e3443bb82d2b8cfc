//! Feeds the health board: turns what the driver sees into signals, and remembers for a minute
//! which accepted attempts still owe a receipt. Decides nothing.

use crate::driver::RouteTable;
use holdline_core::health::{ReceiptSign, Signal};
use holdline_core::message::Progress;
use holdline_core::routing::RouteIx;
use holdline_core::{AttemptKey, MessageId, Timestamp};
use std::collections::{HashMap, VecDeque};

/// Accepted attempts that are followed at one time; what is beyond is not evidence.
const AWAITED_MAX: usize = 65_536;
/// How long they are followed: as long as the board's own horizon.
const AWAITED_MS: u64 = 64_000;
/// Messages named when the provider's history is asked.
const ASKED_MAX: usize = 5;

struct Awaited {
    route: RouteIx,
    accepted_at: Timestamp,
    sent: bool,
}

/// Accepted attempts whose receipts are still to come.
#[derive(Default)]
pub(crate) struct Watch {
    awaited: HashMap<AttemptKey, Awaited>,
    by_age: VecDeque<(Timestamp, AttemptKey)>,
}

impl Watch {
    /// An attempt was accepted; `reached`: receipts that were quicker than the answer.
    pub(crate) fn accepted(
        &mut self,
        routes: &mut RouteTable,
        key: AttemptKey,
        (route, at): (RouteIx, Timestamp),
        reached: Progress,
    ) {
        self.forget_old(at);
        if self.awaited.len() >= AWAITED_MAX {
            return;
        }
        routes.observe(&Signal::Accepted { route, at });
        self.by_age.push_back((at, key));
        self.awaited.insert(
            key,
            Awaited {
                route,
                accepted_at: at,
                sent: false,
            },
        );
        if reached >= Progress::Sent {
            self.receipt(routes, key, reached, at);
        }
    }

    /// A receipt came. One that says that it failed for this person proves the provider's work too.
    pub(crate) fn receipt(
        &mut self,
        routes: &mut RouteTable,
        key: AttemptKey,
        reached: Progress,
        at: Timestamp,
    ) {
        let Some(awaited) = self.awaited.get_mut(&key) else {
            return;
        };
        let Awaited {
            route, accepted_at, ..
        } = *awaited;
        if !std::mem::replace(&mut awaited.sent, true) {
            routes.observe(&Signal::Receipt {
                route,
                accepted_at,
                at,
                kind: ReceiptSign::Sent,
            });
        }
        if reached >= Progress::Delivered {
            let kind = ReceiptSign::Delivered;
            routes.observe(&Signal::Receipt {
                route,
                accepted_at,
                at,
                kind,
            });
            self.awaited.remove(&key);
        }
    }

    /// The oldest messages that owe a receipt, on routes that `of` picks.
    pub(crate) fn owing(&self, of: impl Fn(RouteIx) -> bool) -> Vec<MessageId> {
        let owing = self.by_age.iter().filter(|(_, key)| {
            self.awaited
                .get(key)
                .is_some_and(|awaited| of(awaited.route))
        });
        owing.map(|(_, key)| key.message).take(ASKED_MAX).collect()
    }

    fn forget_old(&mut self, now: Timestamp) {
        while let Some((at, key)) = self.by_age.front().copied() {
            let jumped_back = at > now;
            if now.since_ms(at) <= AWAITED_MS && !jumped_back {
                return;
            }
            self.by_age.pop_front();
            self.awaited.remove(&key);
        }
    }
}
