//! Receipts: repeated, out of order, late, and for attempts long left behind. Progress only grows;
//! a second attempt that reached the person is a real duplicate and is counted (invariant 12).

use super::{Context, Delivery, End, State};
use crate::message::receipt::{Progress, Receipt, ReceiptKind};
use crate::step::{Effect, Reason, Step};

impl Delivery {
    /// The provider's later word about an attempt.
    pub fn handle_receipt(&mut self, receipt: &Receipt, context: Context<'_>) -> Step {
        let mut step = Step::default();
        match &receipt.kind {
            ReceiptKind::Reached(progress) => {
                self.reach(receipt.number, *progress, context, &mut step);
            }
            ReceiptKind::Failed(fault) => {
                let open = matches!(
                    self.state,
                    State::InFlight { .. } | State::InDoubt { .. } | State::Placed { .. }
                );
                let arrived = self
                    .try_of(receipt.number)
                    .is_some_and(|attempt| attempt.reached >= Progress::Delivered);
                if receipt.number == self.number() && open && !arrived {
                    self.fail_attempt(fault.clone(), None, context, &mut step);
                }
            }
        }
        self.finish(step, context.policy)
    }

    /// Attempt `number` is known to have got this far.
    pub(super) fn reach(
        &mut self,
        number: u16,
        progress: Progress,
        context: Context<'_>,
        step: &mut Step,
    ) {
        let Some(attempt) = self.try_mut(number) else {
            return;
        };
        let before = attempt.reached;
        if progress <= before {
            return self.settle_flight(number, context, step);
        }
        attempt.reached = progress;
        step.changed = true;
        let arrives = before < Progress::Delivered && progress >= Progress::Delivered;
        if arrives && self.arrived_by_other(number) {
            step.effects.push(Effect::Duplicate { number });
            step.decide(
                self.hop_of(number).unwrap_or(self.hop),
                number,
                Reason::Duplicate,
            );
        }
        self.tell(number, progress, step);
        self.go_on(number, progress, context, step);
    }

    /// A receipt may overtake the answer to the request: the answer then finds nothing new.
    fn settle_flight(&mut self, number: u16, context: Context<'_>, step: &mut Step) {
        if number == self.number() && matches!(self.state, State::InFlight { .. }) {
            self.place(context, step);
        }
    }

    fn go_on(&mut self, number: u16, progress: Progress, context: Context<'_>, step: &mut Step) {
        let Some(hop) = self.hop_of(number) else {
            return;
        };
        let done = progress.satisfies(self.hops[usize::from(hop)].success);
        let current = number == self.number();
        match self.state {
            State::Ended { end, .. } => {
                if end != End::Delivered || !current {
                    step.decide(hop, number, Reason::LateReceipt(progress));
                }
                if done && end != End::Delivered {
                    self.end(End::Delivered, context.now, step);
                }
            }
            State::InDoubt { .. } if current => {
                step.decide(hop, number, Reason::DoubtResolved(progress));
                self.settle(done, context, step);
            }
            State::Waiting { .. } if current && !self.is_spent(hop) && !self.has_failed(number) => {
                step.decide(hop, number, Reason::DoubtResolved(progress));
                self.settle(done, context, step);
            }
            State::InFlight { .. } if current => {
                if done || progress == Progress::Accepted {
                    self.settle(done, context, step);
                }
            }
            State::Placed { since, .. } if current && !done => {
                let until = self.receipt_until(since, context);
                self.state = State::Placed { since, until };
            }
            State::Placed { .. } if current => self.settle(done, context, step),
            State::Waiting { .. }
            | State::InFlight { .. }
            | State::InDoubt { .. }
            | State::Placed { .. } => {
                step.decide(hop, number, Reason::LateReceipt(progress));
                if done {
                    self.end(End::Delivered, context.now, step);
                }
            }
        }
    }

    fn has_failed(&self, number: u16) -> bool {
        self.try_of(number).is_none_or(|attempt| attempt.failed)
    }

    fn settle(&mut self, done: bool, context: Context<'_>, step: &mut Step) {
        if done {
            self.end(End::Delivered, context.now, step);
        } else {
            self.place(context, step);
        }
    }

    fn arrived_by_other(&self, number: u16) -> bool {
        (1_u16..)
            .zip(self.attempts.iter())
            .any(|(other, attempt)| other != number && attempt.reached >= Progress::Delivered)
    }

    /// Acceptance is news to the app only where the hop wants no more than that.
    fn tell(&mut self, number: u16, progress: Progress, step: &mut Step) {
        let Some(hop) = self.hop_of(number) else {
            return;
        };
        let silent = self.hops[usize::from(hop)].success > crate::message::Success::Accepted;
        let news = match progress {
            Progress::None => return,
            Progress::Accepted if silent => return,
            Progress::Accepted | Progress::Sent => Progress::Sent,
            Progress::Delivered | Progress::Read => progress,
        };
        if news > self.told {
            self.told = news;
            step.effects.push(Effect::Tell(news));
        }
    }
}
