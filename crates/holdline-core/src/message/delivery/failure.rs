//! An attempt failed for sure: try again here, go to the next hop, or end.

use super::{Context, Delivery, End, State};
use crate::Timestamp;
use crate::health::Health;
use crate::message::outcome::{Fault, FaultClass};
use crate::step::{Effect, Reason, Step};

impl Delivery {
    /// `not_before` is the provider's own word on when to come back (Retry-After).
    pub(super) fn fail_attempt(
        &mut self,
        fault: Fault,
        not_before: Option<Timestamp>,
        context: Context<'_>,
        step: &mut Step,
    ) {
        let number = self.number();
        if let Some(attempt) = self.try_mut(number) {
            attempt.failed = true;
        }
        self.after_failure(fault, not_before, context, step);
    }

    /// Goes on as after a failure, though the attempt itself may yet turn out to have arrived.
    pub(super) fn after_failure(
        &mut self,
        fault: Fault,
        not_before: Option<Timestamp>,
        context: Context<'_>,
        step: &mut Step,
    ) {
        let number = self.number();
        step.changed = true;
        if fault.opted_out {
            step.decide(
                self.hop,
                number,
                Reason::OptedOut {
                    code: fault.code.clone(),
                },
            );
            self.fail(fault, context, step);
        } else if self.may_retry_here(&fault, not_before, context) {
            self.retry_later(&fault, not_before, context, step);
        } else {
            self.leave_hop(fault, context, step);
        }
    }

    /// Every hop is spent, or none may be taken for this fault.
    pub(super) fn give_up(&mut self, fault: Option<Fault>, context: Context<'_>, step: &mut Step) {
        let fault = fault.unwrap_or_else(|| {
            Fault::new(
                FaultClass::Platform,
                "exhausted",
                "no hop of the plan is left",
            )
        });
        self.fail(fault, context, step);
    }

    pub(super) fn tell_failed(&mut self, fault: Fault, step: &mut Step) {
        if !self.told_failed {
            self.told_failed = true;
            step.effects.push(Effect::TellFailed(fault));
        }
    }

    fn fail(&mut self, fault: Fault, context: Context<'_>, step: &mut Step) {
        self.tell_failed(fault, step);
        self.end(End::Failed, context.now, step);
    }

    fn may_retry_here(
        &self,
        fault: &Fault,
        not_before: Option<Timestamp>,
        context: Context<'_>,
    ) -> bool {
        let hop = self.current_hop();
        let last = !self.other_hop_works(context);
        let retryable = match fault.class {
            FaultClass::Platform | FaultClass::Throttled => !fault.permanent,
            FaultClass::Account => last,
            FaultClass::Request
            | FaultClass::Recipient
            | FaultClass::Engagement
            | FaultClass::Template => !fault.permanent,
        };
        let waited_ms = context.now.since_ms(self.hop_since);
        let hop_over = hop.ttl_ms > 0 && waited_ms >= u64::from(hop.ttl_ms);
        let patience_ms = context.policy.patience_ms(self.priority());
        let too_long = not_before.is_some_and(|at| at.since_ms(context.now) > patience_ms);
        retryable
            && !hop_over
            && self.number() < context.policy.attempts_max
            && (self.tries < context.policy.tries_max
                || (last && fault.class != FaultClass::Request))
            && (last || !too_long)
    }

    /// Waits on this hop; a route that is down meanwhile sends it on at once.
    fn retry_later(
        &mut self,
        fault: &Fault,
        not_before: Option<Timestamp>,
        context: Context<'_>,
        step: &mut Step,
    ) {
        let health = context.routes.view(self.current_hop().route).health;
        let number = self.number();
        if !health.is_usable() && health != Health::Recovering && self.has_other_hop() {
            self.state = State::Waiting { due: context.now };
            let refused = Reason::Refused {
                class: fault.class,
                code: fault.code.clone(),
            };
            step.decide(self.hop, number, refused);
            return self.move_on(context, step);
        }
        let jittered = context.now.plus_ms(self.backoff_ms(context));
        let due = not_before.map_or(jittered, |at| at.max(context.now));
        self.state = State::Waiting { due };
        let pause_ms = due.since_ms(context.now);
        step.decide(
            self.hop,
            number,
            Reason::Retry {
                code: fault.code.clone(),
                pause_ms,
            },
        );
    }

    fn leave_hop(&mut self, fault: Fault, context: Context<'_>, step: &mut Step) {
        let refused = Reason::Refused {
            class: fault.class,
            code: fault.code.clone(),
        };
        step.decide(self.hop, self.number(), refused);
        let goes_on = self.current_hop().on.has(fault.class);
        self.spend(self.hop);
        if goes_on && self.has_other_hop() && self.number() < context.policy.attempts_max {
            self.state = State::Waiting { due: context.now };
            self.move_on(context, step);
        } else {
            self.give_up(Some(fault), context, step);
        }
    }

    /// Exponential with full jitter: a draw between nothing and the doubled pause
    /// (Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015).
    fn backoff_ms(&self, context: Context<'_>) -> u64 {
        let policy = context.policy;
        let exponent = u32::from(self.tries.saturating_sub(1)).min(20);
        let ceiling = policy
            .retry_base_ms
            .saturating_mul(1 << exponent)
            .min(policy.retry_max_ms);
        context.draw % (ceiling + 1)
    }
}
