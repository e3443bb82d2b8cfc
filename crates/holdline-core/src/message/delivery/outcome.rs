//! The provider's answer to an attempt, or its absence.

use super::{Context, Delivery, State};
use crate::Timestamp;
use crate::message::outcome::{Outcome, ThrottleScope};
use crate::message::receipt::Progress;
use crate::message::terms::DuplicateRule;
use crate::step::{Reason, Step};

impl Delivery {
    /// What attempt `number` came to. A second report of the same attempt changes nothing but
    /// what it adds (a late "accepted" settles a doubt).
    pub fn handle_outcome(&mut self, number: u16, outcome: &Outcome, context: Context<'_>) -> Step {
        let mut step = Step::default();
        let current = number == self.number();
        let open = matches!(self.state, State::InFlight { .. } | State::InDoubt { .. });
        match outcome {
            Outcome::Accepted { .. } => {
                self.reach(number, Progress::Accepted, context, &mut step);
            }
            Outcome::Rejected(fault) if current && open => {
                self.fail_attempt(fault.clone(), None, context, &mut step);
            }
            Outcome::Throttled {
                fault,
                scope,
                until,
            } if current && open => {
                let until = match scope {
                    ThrottleScope::Route => *until,
                    ThrottleScope::Recipient => Some(self.pair_pause(*until, context)),
                };
                self.fail_attempt(fault.clone(), until, context, &mut step);
            }
            // In doubt already: it was on its way until now, and the window begins anew.
            Outcome::Unknown(fault) if current && open => {
                self.doubt(&fault.code, context, &mut step);
            }
            Outcome::Rejected(_) | Outcome::Throttled { .. } | Outcome::Unknown(_) => {}
        }
        self.finish(step, context.policy)
    }

    /// Nothing is sent again until a receipt settles it or the window is over (invariant 4).
    pub(super) fn doubt(&mut self, code: &str, context: Context<'_>, step: &mut Step) {
        let reached = self
            .attempts
            .last()
            .map_or(Progress::None, |attempt| attempt.reached);
        if reached > Progress::None {
            self.place(context, step);
            return;
        }
        let until = self.doubt_until(context);
        self.state = State::InDoubt {
            since: context.now,
            until,
        };
        step.changed = true;
        step.decide(
            self.hop,
            self.number(),
            Reason::InDoubt {
                code: code.into(),
                until,
            },
        );
    }

    /// When the duplicate rule may speak, counted from now.
    pub(super) fn doubt_until(&self, context: Context<'_>) -> Timestamp {
        let window_ms = context.policy.ambiguity_ms(self.priority());
        match self.terms.duplicate_rule {
            DuplicateRule::Tolerate | DuplicateRule::Reconcile => {
                context.now.plus_ms(window_ms).min(self.terms.expires_at)
            }
            DuplicateRule::Never => self.terms.expires_at,
        }
    }

    /// The provider has it: wait for the wanted receipt.
    pub(super) fn place(&mut self, context: Context<'_>, step: &mut Step) {
        let since = context.now;
        let until = self.receipt_until(since, context);
        self.state = State::Placed { since, until };
        step.changed = true;
    }

    /// Meta asks for pauses of 4^n seconds when one recipient gets too much (whatsapp pair rate).
    fn pair_pause(&self, until: Option<Timestamp>, context: Context<'_>) -> Timestamp {
        let pause_ms = 1000_u64 << (2 * u32::from(self.tries.min(6)));
        until.unwrap_or(context.now.plus_ms(pause_ms))
    }
}
