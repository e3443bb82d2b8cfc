//! What is told to the driver beside traffic: looks outside, and what operators say about scopes.
//! Each word of an operator is committed with its audit record before it is answered.

use super::Driver;
use super::step::Extra;
use super::turn::{Reply, Turn};
use crate::ports::ops::Op;
use crate::ports::records::{Activity, ActivityKind, AuditRecord, HoldRecord};
use crate::request::{Echo, EchoStep, Refusal, Told};
use holdline_core::health::board::Hold;
use holdline_core::health::{
    Country, Ended, Evidence, Feature, NumberIx, ReceiptSign, Scope, Signal,
};
use holdline_core::message::{Delivery, Outcome};
use holdline_core::routing::RouteIx;
use holdline_core::{ChannelKind, MessageId, Timestamp};
use std::collections::BTreeMap;

/// Echoes that may be under way.
const ECHOES_MAX: usize = 256;

/// Echoes that have left, by token.
#[derive(Default)]
pub(super) struct Echoes(BTreeMap<u64, UnderWay>);

struct UnderWay {
    route: RouteIx,
    left_at: Timestamp,
    accepted_at: Option<Timestamp>,
    /// It came in before the provider's answer did.
    arrived: bool,
}

impl Echoes {
    /// The oldest are given up.
    fn make_room(&mut self) {
        if self.0.len() >= ECHOES_MAX {
            let oldest = self.0.iter().min_by_key(|(_, echo)| echo.left_at);
            let token = oldest.map(|(token, _)| *token);
            token.and_then(|token| self.0.remove(&token));
        }
    }
}

impl Driver {
    pub(super) fn told(&mut self, told: Told, now: Timestamp) {
        match told {
            Told::Feed(seen) => self.routes.board.feed_seen(seen),
            Told::Network(seen) => self.routes.board.network_seen(seen),
            Told::Account {
                channel,
                sender,
                word,
                words,
            } => {
                if let Some(number) = self.number(channel, &sender) {
                    self.routes.board.account_seen(number, word, &words, now);
                }
            }
            Told::History {
                channel,
                sender,
                delivered,
            } => {
                if let Some(number) = self.number(channel, &sender) {
                    self.routes.board.history_seen(number, delivered, now);
                }
            }
            Told::Webhook {
                channel,
                reached,
                words,
            } => {
                self.routes
                    .board
                    .webhook_seen(channel, reached, &words, now);
            }
            Told::Echo(echo) => self.echo(&echo, now),
        }
    }

    /// An echo is a message like any other, as far as health goes; it arrives by our own webhook.
    fn echo(&mut self, echo: &Echo, now: Timestamp) {
        let country = Country::of_number(&echo.to_number);
        match &echo.step {
            EchoStep::Leaves => {
                let from = (echo.channel, echo.from.as_str());
                let route = self.routes.intern(from, Feature::Session, country, now);
                self.echoes.make_room();
                let under_way = UnderWay {
                    route,
                    left_at: now,
                    accepted_at: None,
                    arrived: false,
                };
                self.echoes.0.insert(echo.token, under_way);
                self.routes.observe(&Signal::Started { route, at: now });
            }
            EchoStep::Ended(outcome) => self.echo_ended(echo.token, outcome, now),
            EchoStep::Arrived => self.echo_arrived(echo.token, now),
        }
    }

    fn echo_arrived(&mut self, token: u64, now: Timestamp) {
        let Some(echo) = self.echoes.0.get_mut(&token) else {
            return;
        };
        echo.arrived = true;
        let (route, accepted_at) = (echo.route, echo.accepted_at);
        let Some(accepted_at) = accepted_at else {
            return;
        };
        self.echoes.0.remove(&token);
        for kind in [ReceiptSign::Sent, ReceiptSign::Delivered] {
            let at = now;
            self.routes.observe(&Signal::Receipt {
                route,
                accepted_at,
                at,
                kind,
            });
        }
    }

    fn echo_ended(&mut self, token: u64, outcome: &Outcome, now: Timestamp) {
        let Some(echo) = self.echoes.0.get_mut(&token) else {
            return;
        };
        let is_accepted = matches!(outcome, Outcome::Accepted { .. });
        echo.accepted_at = is_accepted.then_some(now);
        let (route, left_at, arrived) = (echo.route, echo.left_at, echo.arrived);
        self.routes.observe(&Signal::Ended(Ended {
            route,
            at: now,
            started_at: Some(left_at),
            first: true,
            recipient: token as u32,
            evidence: Evidence::of(outcome),
        }));
        if is_accepted {
            self.routes.observe(&Signal::Accepted { route, at: now });
        } else {
            self.echoes.0.remove(&token);
        }
        if arrived {
            self.echo_arrived(token, now);
        }
    }

    /// To a channel of its plan that is not given up, unless it is on its way or in doubt.
    pub(super) fn send_by(
        &mut self,
        id: MessageId,
        channel: ChannelKind,
        reply: Reply,
        turn: &mut Turn,
    ) {
        let found = match self.book.get(id) {
            Some(entry) if entry.delivery.state.is_ended() => Err(Refusal::AlreadyEnded),
            Some(entry) => self.hop_by(&entry.delivery, channel),
            None => Err(Refusal::AlreadyEnded),
        };
        let done = found.map(|hop| {
            self.step(id, turn, Extra::default(), |machine, c| {
                machine.handle_redirected(hop, c)
            });
        });
        turn.replies.push((reply, done));
    }

    fn hop_by(&self, delivery: &Delivery, channel: ChannelKind) -> Result<u8, Refusal> {
        let by = |ix: &u8| {
            let route = delivery.hops[usize::from(*ix)].route;
            self.routes.sender_of(route).channel == channel
        };
        let hops = 0..u8::try_from(delivery.hops.len()).unwrap_or(u8::MAX);
        let mut hops = hops.filter(by).filter(|hop| delivery.can_redirect(*hop));
        hops.next().ok_or_else(|| {
            let why = "it is on its way or in doubt, or its plan has no such channel left";
            Refusal::NoRoute(why.to_owned())
        })
    }

    /// Kept under the whole name of the scope, so that its end finds it however it was written.
    pub(super) fn hold(&mut self, mut record: HoldRecord, reply: Reply, turn: &mut Turn) {
        let Some(scope) = self.routes.board.scope_named(&record.scope) else {
            turn.replies
                .push((reply, Err(Refusal::UnknownScope(record.scope))));
            return;
        };
        record.scope = self.routes.board.name_of(&scope);
        let (name, kind) = (record.scope.clone(), record.kind);
        let good_for_s = record.until.since_ms(record.set_at) / 1000;
        let detail = format!("{} for {good_for_s} s", kind.name());
        let audit = self.audit(
            "route.hold",
            &record.actor,
            (&name, &record.reason, &detail),
            turn.now,
        );
        self.routes.board.hold(hold_of(scope, &record));
        let said = activity(&audit, turn.now);
        turn.push_alone(vec![Op::Hold(record), Op::Audit(audit), said]);
        turn.replies.push((reply, Ok(())));
        self.nudge_all(&scope, turn.now);
        self.shared.routes_changed();
    }

    pub(super) fn release(
        &mut self,
        (name, actor, reason): (&str, &str, &str),
        reply: Reply,
        turn: &mut Turn,
    ) {
        let scope = self.routes.board.scope_named(name);
        let Some(scope) = scope.filter(|scope| self.routes.board.release(scope)) else {
            turn.replies
                .push((reply, Err(Refusal::UnknownScope(name.to_owned()))));
            return;
        };
        let name = self.routes.board.name_of(&scope);
        let audit = self.audit("route.release", actor, (&name, reason, ""), turn.now);
        let said = activity(&audit, turn.now);
        turn.push_alone(vec![Op::HoldRelease(name), Op::Audit(audit), said]);
        turn.replies.push((reply, Ok(())));
        self.nudge_all(&scope, turn.now);
        self.shared.routes_changed();
    }

    /// An operator's word that has expired is gone, and says so.
    pub(super) fn expire_holds(&mut self, turn: &mut Turn) {
        let over: Vec<Hold> = self
            .routes
            .board
            .holds()
            .iter()
            .filter(|hold| hold.until <= turn.now)
            .cloned()
            .collect();
        for hold in over {
            self.routes.board.release(&hold.scope);
            let name = self.routes.board.name_of(&hold.scope);
            let words = (name.as_str(), hold.reason.as_str(), "its time was over");
            let audit = self.audit("route.expire", "holdline", words, turn.now);
            let said = activity(&audit, turn.now);
            turn.push_alone(vec![Op::HoldRelease(name.clone()), Op::Audit(audit), said]);
            self.nudge_all(&hold.scope, turn.now);
        }
    }

    fn audit(
        &self,
        action: &str,
        actor: &str,
        (subject, reason, detail): (&str, &str, &str),
        at: Timestamp,
    ) -> AuditRecord {
        AuditRecord {
            id: self.shared.ids.id(at),
            at,
            actor: actor.to_owned(),
            action: action.to_owned(),
            subject: subject.to_owned(),
            reason: reason.to_owned(),
            detail: detail.to_owned(),
        }
    }

    fn number(&self, channel: ChannelKind, sender: &str) -> Option<NumberIx> {
        self.routes.board.number_of(channel, sender)
    }
}

/// What people see of it.
fn activity(audit: &AuditRecord, at: Timestamp) -> Op {
    let (actor, reason, detail) = (&audit.actor, &audit.reason, &audit.detail);
    let what = match audit.action.as_str() {
        "route.hold" => format!("{actor} said {detail}: {reason}"),
        "route.release" => format!("{actor} let it go: {reason}"),
        _ => format!("left to the detector again: {detail}"),
    };
    Op::Activity(Activity {
        at,
        kind: ActivityKind::Hold,
        subject: audit.subject.clone(),
        words: what,
    })
}

pub(super) fn hold_of(scope: Scope, record: &HoldRecord) -> Hold {
    Hold {
        scope,
        kind: record.kind,
        reason: record.reason.clone(),
        set_at: record.set_at,
        until: record.until,
    }
}
