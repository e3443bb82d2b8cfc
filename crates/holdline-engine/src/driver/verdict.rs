//! A scope changed its health: say so, keep it, and look again at everything that waits.

use super::Driver;
use super::routes::FOLLOWED;
use super::step::Extra;
use super::turn::Turn;
use crate::ports::ops::Op;
use crate::ports::records::{Activity, ActivityKind, Event, EventKind};
use crate::request::Check;
use holdline_core::health::board::Wish;
use holdline_core::health::{Health, Scope, Verdict};
use holdline_core::id::OutageId;
use holdline_core::message::State;
use holdline_core::{ChannelKind, Timestamp};

impl Driver {
    /// Takes up whatever the board has decided, until it has nothing more to say.
    pub(super) fn take_verdicts(&mut self, turn: &mut Turn) {
        for verdict in self.routes.board.take_verdicts() {
            self.take_verdict(&verdict, turn);
        }
        for wish in self.routes.board.take_wishes() {
            let check = self.check_of(wish);
            // A hint: when too many wait, the next suspicion asks again.
            let _ = self.shared.checks.try_send(check);
        }
    }

    fn take_verdict(&mut self, verdict: &Verdict, turn: &mut Turn) {
        tracing::warn!(
            scope = %verdict.name, from = verdict.from.name(), to = verdict.to.name(),
            reason = %verdict.reason, nats = verdict.course.nats, "health changed"
        );
        self.shared.routes_changed();
        let reached = self.routes.gate_scope(verdict.episode);
        if self.routes.board.follows(verdict.scope.channel) {
            // Kept, and told to apps, by the node that decided it.
            let _ = self.routes.apply(verdict, FOLLOWED);
        } else {
            self.keep(verdict, turn);
        }
        // Where a route gets few slots, patience begins for those that get none.
        let narrows = verdict.to == Health::Degraded;
        if narrows || !(verdict.from.is_usable() && verdict.to.is_usable()) {
            // It may reach elsewhere now: what it let go of looks again too.
            let left = reached.filter(|reached| *reached != verdict.scope);
            for scope in left.iter().chain([&verdict.scope]) {
                self.nudge_all(scope, turn.now);
            }
        }
        if verdict.to == Health::Down && verdict.from != Health::Down {
            self.shorten_receipt_waits(&verdict.scope, turn);
        }
    }

    fn keep(&mut self, verdict: &Verdict, turn: &mut Turn) {
        let id = OutageId(self.shared.ids.id(turn.now));
        let mut ops = self.routes.apply(verdict, id);
        // One that only says where the trouble is now, or that it is confirmed, changes no health.
        if verdict.from != verdict.to {
            self.shared.counts.verdict(verdict.to.name());
        }
        for event in events_of(verdict) {
            let hooks = self.shared.endpoints.hooks_for_all(id.0, &event, turn.now);
            turn.hooks |= !hooks.is_empty();
            ops.extend(hooks);
        }
        ops.extend((verdict.from != verdict.to).then(|| activity_of(verdict)));
        let ops = self.fenced_health(verdict.scope.channel, ops);
        turn.push_alone(ops);
    }

    /// Open outages show how they go.
    pub(super) fn note_outages(&mut self, turn: &mut Turn) {
        for (channel, ops) in self.routes.note_outages(turn.now) {
            turn.push_alone(self.fenced_health(channel, ops));
        }
    }

    fn check_of(&self, wish: Wish) -> Check {
        match wish {
            Wish::Network { channel, sender } => Check::Network { channel, sender },
            Wish::Account { channel, sender } => Check::Account { channel, sender },
            Wish::History { channel, sender } => {
                let number = self.routes.board.number_of(channel, &sender);
                let of = |ix| Some(self.routes.get(ix).number) == number;
                let messages = self.watch.owing(of);
                Check::History {
                    channel,
                    sender,
                    messages,
                }
            }
        }
    }

    /// What was accepted just before a fall need not wait the patient time for its receipt.
    fn shorten_receipt_waits(&mut self, scope: &Scope, turn: &mut Turn) {
        for id in self.book.ids() {
            let on_route = self.book.get(id).is_some_and(|entry| {
                matches!(entry.delivery.state, State::Placed { .. })
                    && self
                        .routes
                        .is_covered(self.route_of(id, entry.delivery.hop), scope)
            });
            if on_route {
                self.step(id, turn, Extra::default(), |machine, c| {
                    machine.handle_due(c)
                });
            }
        }
    }

    /// Troubles that are over and whose ramp is done let everything go again.
    pub(super) fn end_ramps(&mut self, now: Timestamp) {
        for scope in self.routes.sweep_gates(now) {
            self.nudge_all(&scope, now);
        }
    }

    /// What was learned is kept now and then, and when the process ends.
    pub(super) fn save_learned(&mut self, turn: &mut Turn) {
        let saved_at = turn.now;
        let learned = self.routes.board.learned();
        let decided = |key: &str| {
            let channel = key.split('/').next().and_then(ChannelKind::new);
            channel.is_some_and(|channel| !self.routes.board.follows(channel))
        };
        let learned = learned.into_iter().filter(|(key, _)| decided(key));
        let ops = learned.map(|(key, values)| {
            let values = values
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect();
            Op::Baseline(crate::ports::records::BaselineRecord {
                key,
                saved_at,
                values,
            })
        });
        turn.push_alone(ops.collect());
    }
}

/// What people see of it.
fn activity_of(verdict: &Verdict) -> Op {
    let (scope, to, why) = (&verdict.scope_words, verdict.to.name(), &verdict.reason);
    Op::Activity(Activity {
        at: verdict.at,
        kind: ActivityKind::Health,
        subject: verdict.name.clone(),
        words: match why.is_empty() {
            true => format!("{scope}: {to}"),
            false => format!("{scope}: {to}: {why}"),
        },
    })
}

/// What apps are told of it.
fn events_of(verdict: &Verdict) -> Vec<Event> {
    let at: Timestamp = verdict.at;
    let mut kinds = Vec::new();
    if verdict.from != verdict.to {
        kinds.push(EventKind::Health {
            route: verdict.name.clone(),
            from: verdict.from,
            to: verdict.to,
            reason: verdict.reason.clone(),
            scope: verdict.scope_words.clone(),
            onset: verdict.course.onset,
            nats: verdict.course.nats,
        });
    }
    let begins = verdict.from != verdict.to;
    if verdict.to == Health::AccountFault && (begins || verdict.course.account_confirmed) {
        kinds.push(EventKind::Account {
            route: verdict.name.clone(),
            code: verdict.course.account_code.clone().unwrap_or_default(),
            reason: verdict.reason.clone(),
            confirmed: verdict.course.account_confirmed,
        });
    }
    kinds.into_iter().map(|kind| Event { at, kind }).collect()
}
