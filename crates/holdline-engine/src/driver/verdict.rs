//! A route changed its health: say so, keep it, and look again at everything that waits.

use super::Driver;
use super::step::Extra;
use super::turn::Turn;
use crate::ports::ops::Op;
use crate::ports::records::{Event, EventKind, RouteRecord};
use holdline_core::health::{Health, Verdict};
use holdline_core::id::OutageId;
use holdline_core::message::State;
use holdline_core::routing::RouteIx;

impl Driver {
    pub(super) fn take_verdict(&mut self, ix: RouteIx, verdict: &Verdict, turn: &mut Turn) {
        let name = self.routes.get(ix).name.clone();
        tracing::warn!(
            route = %name, from = verdict.from.name(), to = verdict.to.name(),
            reason = %verdict.reason, "route changed its health"
        );
        self.keep(ix, &name, verdict, turn);
        if changes_choices(verdict) {
            self.nudge_all(ix, turn.now);
            if verdict.to == Health::Down {
                self.shorten_receipt_waits(ix, turn);
            }
        }
    }

    fn keep(&mut self, ix: RouteIx, name: &str, verdict: &Verdict, turn: &mut Turn) {
        let record = RouteRecord {
            name: name.to_owned(),
            health: verdict.to,
            since: verdict.at,
            reason: verdict.reason.clone(),
            state: String::new(),
        };
        let mut ops = vec![Op::Route(record)];
        let id = OutageId(self.shared.ids.id(turn.now));
        ops.extend(self.routes.account(ix, verdict, id).map(Op::Outage));
        let event = Event {
            at: verdict.at,
            kind: EventKind::Health {
                route: name.to_owned(),
                from: verdict.from,
                to: verdict.to,
                reason: verdict.reason.clone(),
                scope: name.to_owned(),
                onset: verdict.onset,
                nats: 0.0,
            },
        };
        let hooks = self.shared.endpoints.hooks_for_all(id.0, &event, turn.now);
        turn.hooks |= !hooks.is_empty();
        ops.extend(hooks);
        turn.push_alone(ops);
    }

    /// What was accepted just before a fall need not wait the patient time for its receipt.
    fn shorten_receipt_waits(&mut self, ix: RouteIx, turn: &mut Turn) {
        for id in self.book.ids() {
            let on_route = self.book.get(id).is_some_and(|entry| {
                matches!(entry.delivery.state, State::Placed { .. })
                    && self.route_of(id, entry.delivery.hop) == ix
            });
            if on_route {
                self.step(id, turn, Extra::default(), |machine, c| {
                    machine.handle_due(c)
                });
            }
        }
    }
}

/// Between Up and Suspect nothing that waits would choose otherwise.
fn changes_choices(verdict: &Verdict) -> bool {
    !(verdict.from.is_usable() && verdict.to.is_usable())
}
