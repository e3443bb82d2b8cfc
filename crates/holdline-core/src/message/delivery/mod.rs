//! The delivery machine: the duty to get one message to one person.
//!
//! Each `handle_*` takes one event and gives back all effects. States and their owners:
//!
//! | state | waits for | leaves by itself |
//! |---|---|---|
//! | Waiting | room on a route, a pause, a route that works | `due`, or expiry |
//! | InFlight | the outcome of a committed attempt | in doubt after `in_flight_max_ms` |
//! | InDoubt | a receipt that settles an unknown outcome | end of the ambiguity window, or expiry |
//! | Placed | the wanted receipt | next hop when it is overdue, or expiry |
//! | Ended | nothing; late receipts still count | - |

mod due;
mod failure;
mod outcome;
mod receipt;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod walks;

use super::receipt::Progress;
use super::terms::{HOPS_MAX, Hop, Priority, Terms};
use crate::health::Health;
use crate::routing::{Policy, Routes};
use crate::step::{Cause, Effect, Reason, Step};
use crate::{MessageId, Timestamp};
use alloc::boxed::Box;
use alloc::vec::Vec;

/// How a delivery ended. Each has been told to the app.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum End {
    Delivered,
    Expired,
    Failed,
    Cancelled,
}

impl End {
    pub const ALL: [Self; 4] = [
        Self::Delivered,
        Self::Expired,
        Self::Failed,
        Self::Cancelled,
    ];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Expired => "expired",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|end| end.name() == name)
    }
}

/// Where a delivery is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Waiting { due: Timestamp },
    InFlight { since: Timestamp },
    InDoubt { since: Timestamp, until: Timestamp },
    Placed { since: Timestamp, until: Timestamp },
    Ended { end: End, at: Timestamp },
}

impl State {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Waiting { .. } => "waiting",
            Self::InFlight { .. } => "in_flight",
            Self::InDoubt { .. } => "in_doubt",
            Self::Placed { .. } => "placed",
            Self::Ended { end, .. } => end.name(),
        }
    }

    #[must_use]
    pub const fn is_ended(self) -> bool {
        matches!(self, Self::Ended { .. })
    }
}

/// One attempt as the machine remembers it: its hop, how far it got, whether it failed for sure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Try {
    pub hop: u8,
    pub reached: Progress,
    pub failed: bool,
}

/// One delivery. All that it decides by is in here and in the arguments of `handle_*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    pub id: MessageId,
    pub terms: Terms,
    pub hops: Box<[Hop]>,
    pub state: State,
    /// The hop of the last attempt, or the first.
    pub hop: u8,
    /// Since when this hop is the one.
    pub hop_since: Timestamp,
    /// Attempts on this hop.
    pub tries: u8,
    /// Every attempt, by number - 1.
    pub attempts: Vec<Try>,
    /// Bit n: hop n is given up for good.
    pub spent: u8,
    /// The best the app was told.
    pub told: Progress,
    pub told_failed: bool,
}

/// What a machine may look at besides itself.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    pub now: Timestamp,
    /// A fresh random number for this event.
    pub draw: u64,
    pub policy: &'a Policy,
    pub routes: &'a dyn Routes,
    pub hearing: Hearing,
}

/// Since when receipts can be heard, after a time in which they could not: a stop, a stall of our
/// own, a takeover from a node that died. That a receipt is missing from that time proves nothing
/// yet, as providers post again what they could not post.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hearing {
    pub since: Timestamp,
    /// Until when receipts of what was placed before are waited for at least.
    pub patient_until: Timestamp,
    /// Receipts are read so long after they came.
    pub lag_ms: u64,
}

impl core::fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Context")
            .field("now", &self.now)
            .finish_non_exhaustive()
    }
}

impl Delivery {
    /// A new duty, due at once.
    ///
    /// # Panics
    /// When the plan has no hop or more than [`HOPS_MAX`]: the shell validates plans first.
    #[must_use]
    pub fn new(id: MessageId, terms: Terms, hops: Box<[Hop]>) -> Self {
        assert!(
            (1..=HOPS_MAX).contains(&hops.len()),
            "a plan has 1 to {HOPS_MAX} hops"
        );
        Self {
            id,
            terms,
            hops,
            state: State::Waiting {
                due: terms.created_at,
            },
            hop: 0,
            hop_since: terms.created_at,
            tries: 0,
            attempts: Vec::new(),
            spent: 0,
            told: Progress::None,
            told_failed: false,
        }
    }

    #[must_use]
    pub const fn is_spent(&self, hop: u8) -> bool {
        self.spent & (1 << hop) != 0
    }

    /// Number of the last attempt; 0 before the first.
    #[must_use]
    pub fn number(&self) -> u16 {
        u16::try_from(self.attempts.len()).unwrap_or(u16::MAX)
    }

    #[must_use]
    pub fn hop_of(&self, number: u16) -> Option<u8> {
        self.try_of(number).map(|attempt| attempt.hop)
    }

    /// When the machine wants `handle_due`.
    #[must_use]
    pub fn wake_at(&self, policy: &Policy) -> Option<Timestamp> {
        let own = match self.state {
            State::Waiting { due } => due,
            State::InFlight { since } => return Some(since.plus_ms(policy.in_flight_max_ms)),
            State::InDoubt { until, .. } | State::Placed { until, .. } => until,
            State::Ended { .. } => return None,
        };
        Some(own.min(self.terms.expires_at))
    }

    /// The app withdrew the message. What has left cannot be called back; nothing more leaves.
    pub fn handle_cancel(&mut self, context: Context<'_>) -> Step {
        let mut step = Step::default();
        if !self.state.is_ended() {
            self.end(End::Cancelled, context.now, &mut step);
        }
        self.finish(step, context.policy)
    }

    /// The person said stop at the address of this hop: nothing more leaves by it. An attempt that
    /// has left may still succeed.
    pub fn handle_withdrawn(&mut self, hop: u8, context: Context<'_>) -> Step {
        let mut step = Step::default();
        let known = usize::from(hop) < self.hops.len();
        if known && !self.state.is_ended() && !self.is_spent(hop) {
            self.spend(hop);
            step.changed = true;
            step.decide(hop, self.number(), Reason::ConsentWithdrawn);
            if let State::Waiting { due } = &mut self.state {
                *due = context.now.min(*due);
            }
        }
        self.finish(step, context.policy)
    }

    /// An operator wants it sent by this hop instead: those before it and the one it is on are
    /// given up. What is on its way, or in doubt, stays: nothing is sent twice by a guess.
    pub fn handle_redirected(&mut self, hop: u8, context: Context<'_>) -> Step {
        let mut step = Step::default();
        if self.can_redirect(hop) {
            let left = (0..hop).chain([self.hop]).filter(|ix| *ix != hop);
            left.collect::<Vec<u8>>()
                .into_iter()
                .for_each(|ix| self.spend(ix));
            self.state = State::Waiting { due: context.now };
            step.changed = true;
            step.decide(hop, self.number(), Reason::Redirected);
            self.move_on(context, &mut step);
            step.effects.iter_mut().for_each(name_operator);
        }
        self.finish(step, context.policy)
    }

    /// Whether it can be sent by this hop in place of the one it is on.
    #[must_use]
    pub fn can_redirect(&self, hop: u8) -> bool {
        let begun = !self.attempts.is_empty();
        let known = usize::from(hop) < self.hops.len() && !self.is_spent(hop);
        let moves = matches!(self.state, State::Waiting { .. } | State::Placed { .. });
        known && moves && (hop != self.hop || !begun)
    }

    /// The process was away. An attempt that was in flight has an unknown outcome (invariant 3);
    /// waits for receipts begin again, since nobody listened meanwhile: silence says nothing.
    pub fn handle_recovered(&mut self, context: Context<'_>) -> Step {
        let mut step = Step::default();
        match self.state {
            State::InFlight { .. } => self.doubt("crash", context, &mut step),
            State::InDoubt { since, .. } => {
                let until = self.doubt_until(context);
                self.state = State::InDoubt { since, until };
            }
            State::Placed { .. } => {
                let until = self.receipt_until(context.now, context);
                self.state = State::Placed {
                    since: context.now,
                    until,
                };
            }
            State::Waiting { .. } | State::Ended { .. } => {}
        }
        self.finish(step, context.policy)
    }

    /// A route's health changed, or a person asks: what waits, for whatever reason, is looked at
    /// again now. False when it does not wait.
    pub fn nudge(&mut self, now: Timestamp) -> bool {
        let State::Waiting { due } = &mut self.state else {
            return false;
        };
        *due = now.min(*due);
        true
    }

    fn end(&mut self, end: End, now: Timestamp, step: &mut Step) {
        self.state = State::Ended { end, at: now };
        step.changed = true;
        step.decide(self.hop, self.number(), Reason::Ended(end));
    }

    fn finish(&self, mut step: Step, policy: &Policy) -> Step {
        step.wake_at = self.wake_at(policy);
        step
    }

    fn spend(&mut self, hop: u8) {
        self.spent |= 1 << hop;
    }

    fn current_hop(&self) -> &Hop {
        &self.hops[usize::from(self.hop)]
    }

    /// Another hop of the plan could be taken now, as far as health goes.
    fn other_hop_works(&self, context: Context<'_>) -> bool {
        (0_u8..).zip(self.hops.iter()).any(|(ix, hop)| {
            let health = context.routes.view(hop.route).health;
            let works = health.is_usable() || health == Health::Recovering;
            ix != self.hop && !self.is_spent(ix) && works
        })
    }

    /// Another hop of the plan is left, whether it works or not.
    fn has_other_hop(&self) -> bool {
        (0_u8..)
            .zip(self.hops.iter())
            .any(|(ix, _)| ix != self.hop && !self.is_spent(ix))
    }

    fn try_of(&self, number: u16) -> Option<&Try> {
        self.attempts.get(usize::from(number).checked_sub(1)?)
    }

    fn try_mut(&mut self, number: u16) -> Option<&mut Try> {
        self.attempts.get_mut(usize::from(number).checked_sub(1)?)
    }

    fn priority(&self) -> Priority {
        self.terms.priority
    }
}

fn name_operator(effect: &mut Effect) {
    if let Effect::Decide(decision) = effect
        && let Reason::FailedOver { cause, .. } = &mut decision.reason
    {
        *cause = Cause::Operator;
    }
}
