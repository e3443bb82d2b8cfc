//! Time: a message becomes due, an unknown outcome stays unsettled, a receipt is overdue, a message
//! expires. Expiry is looked at in every state.

use super::{Context, Delivery, End, Hearing, State, Try};
use crate::Timestamp;
use crate::message::outcome::{Fault, FaultClass};
use crate::message::receipt::Progress;
use crate::message::terms::DuplicateRule;
use crate::routing::{Choice, Stay, choose};
use crate::step::{Cause, Effect, Reason, Step};

/// Pause before an overdue receipt is looked at again while no other hop works.
const RECEIPT_LOOK_MS: u64 = 10_000;

impl Delivery {
    /// Time has come, a route has room, or a route's health has changed.
    pub fn handle_due(&mut self, context: Context<'_>) -> Step {
        let mut step = Step::default();
        let expired = context.now >= self.terms.expires_at;
        match self.state {
            State::Waiting { .. } | State::InDoubt { .. } | State::Placed { .. } if expired => {
                self.expire(context, &mut step);
            }
            State::Waiting { due } if context.now >= due => self.move_on(context, &mut step),
            State::InFlight { since } => {
                if context.now.since_ms(since) >= context.policy.in_flight_max_ms {
                    self.doubt("no_outcome", context, &mut step);
                }
            }
            State::InDoubt { until, .. } if context.now >= until => {
                self.doubt_over(context, &mut step);
            }
            State::Placed { since, .. } => self.look_at_receipt(since, context, &mut step),
            State::Waiting { .. } | State::InDoubt { .. } | State::Ended { .. } => {}
        }
        self.finish(step, context.policy)
    }

    /// Takes the best hop now, or waits. Only `Take` changes anything worth saving.
    pub(super) fn move_on(&mut self, context: Context<'_>, step: &mut Step) {
        let (choice, passed) = choose(self, context.now, context.policy, context.routes);
        match choice {
            Choice::Take(hop) => self.attempt(hop, passed, context, step),
            Choice::Queue(_) => {}
            Choice::Hold { until, why } => {
                let until = until.max(context.now.plus_ms(1));
                if self.state != (State::Waiting { due: until }) {
                    self.state = State::Waiting { due: until };
                    step.changed = true;
                    let reason = match why {
                        Stay::AllRoutesDown => Reason::AllRoutesDown,
                        Stay::RouteDown => Reason::HeldWhileDown { until },
                        Stay::Operator => Reason::HeldByOperator,
                        Stay::SelfImpaired => Reason::CutOff,
                    };
                    step.decide(self.hop, self.number(), reason);
                }
            }
            Choice::Exhausted => self.give_up(None, context, step),
        }
    }

    fn attempt(&mut self, hop: u8, passed: Option<Cause>, context: Context<'_>, step: &mut Step) {
        let from = self.hop;
        if hop != from {
            self.hop = hop;
            self.hop_since = context.now;
            self.tries = 0;
            let cause = self.cause_of_leaving(from, passed);
            step.decide(hop, self.number() + 1, Reason::FailedOver { from, cause });
        } else if self.attempts.is_empty() {
            step.decide(hop, 1, Reason::Preferred);
        }
        self.tries = self.tries.saturating_add(1);
        self.attempts.push(Try {
            hop,
            reached: Progress::None,
            failed: false,
        });
        self.state = State::InFlight { since: context.now };
        step.changed = true;
        step.effects.push(Effect::Send {
            number: self.number(),
            hop,
        });
    }

    fn cause_of_leaving(&self, from: u8, passed: Option<Cause>) -> Cause {
        let last = self.attempts.last();
        let placed = last.is_some_and(|it| !it.failed && it.reached > Progress::None);
        if placed && self.is_spent(from) {
            return Cause::ReceiptOverdue;
        }
        passed.unwrap_or(if self.is_spent(from) {
            Cause::TriesExhausted
        } else {
            Cause::RouteDown
        })
    }

    fn doubt_over(&mut self, context: Context<'_>, step: &mut Step) {
        step.decide(self.hop, self.number(), Reason::DoubtOver);
        let fault = Fault::new(
            FaultClass::Platform,
            "unknown",
            "the outcome was never learned",
        );
        self.after_failure(fault, None, context, step);
    }

    /// Placed, and the wanted receipt has not come: how long this may go on depends on the route.
    fn look_at_receipt(&mut self, since: Timestamp, context: Context<'_>, step: &mut Step) {
        let until = self.receipt_until(since, context);
        if context.now < until {
            self.state = State::Placed { since, until };
            return;
        }
        if !self.other_hop_works(context) {
            let again = context
                .now
                .plus_ms(RECEIPT_LOOK_MS)
                .min(self.terms.expires_at);
            let until = if self.has_other_hop() {
                again
            } else {
                self.terms.expires_at
            };
            self.state = State::Placed { since, until };
            return;
        }
        let waited_ms = context.now.since_ms(since);
        step.decide(
            self.hop,
            self.number(),
            Reason::ReceiptOverdue { waited_ms },
        );
        self.spend(self.hop);
        self.state = State::Waiting { due: context.now };
        step.changed = true;
        self.move_on(context, step);
    }

    /// Patient while the route is healthy; no longer than the ambiguity window when it is not.
    pub(super) fn receipt_until(&self, since: Timestamp, context: Context<'_>) -> Timestamp {
        let hop = self.current_hop();
        let never = self.terms.duplicate_rule == DuplicateRule::Never;
        if never && !hop.wait_is_explicit {
            return self.terms.expires_at;
        }
        let patient = since.plus_ms(u64::from(hop.receipt_wait_ms));
        let reached = self
            .attempts
            .last()
            .map_or(Progress::None, |attempt| attempt.reached);
        let view = context.routes.view(hop.route);
        let until = if view.health.is_usable() || reached >= Progress::Sent {
            patient
        } else {
            patient.min(since.plus_ms(context.policy.ambiguity_ms(self.priority())))
        };
        self.until_heard(since, until, context.hearing)
            .min(self.terms.expires_at)
    }

    /// Who would rather have it late than twice waits longer where receipts could not be heard, or
    /// are read late.
    fn until_heard(&self, since: Timestamp, until: Timestamp, hearing: Hearing) -> Timestamp {
        if self.terms.duplicate_rule == DuplicateRule::Tolerate {
            return until;
        }
        let read = until.plus_ms(hearing.lag_ms);
        if since < hearing.since {
            read.max(hearing.patient_until)
        } else {
            read
        }
    }

    fn expire(&mut self, context: Context<'_>, step: &mut Step) {
        let fault = Fault::new(FaultClass::Platform, "expired", self.expiry_words());
        self.tell_failed(fault, step);
        self.end(End::Expired, context.now, step);
    }

    fn expiry_words(&self) -> &'static str {
        match self.state {
            State::Placed { .. } => "accepted by the provider, but no receipt before it expired",
            State::InDoubt { .. } => "its outcome was not learned before it expired",
            State::Waiting { .. } | State::InFlight { .. } | State::Ended { .. } => {
                "no permitted route worked before it expired"
            }
        }
    }
}
