//! Which hop of its plan a delivery takes now. Asks the health of every route it may take before
//! each send (invariant 6); when all are bad it stays (invariant 7).

use super::route::{Policy, RouteView, Routes};
use crate::Timestamp;
use crate::health::Health;
use crate::message::{Delivery, Priority};
use crate::step::Cause;

/// Where a delivery should go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Send by this hop now.
    Take(u8),
    /// This hop, as soon as its route has room.
    Queue(u8),
    /// Stay; look again at `until` at the latest, or when a route's health changes.
    Hold { until: Timestamp, why: Stay },
    /// No hop of the plan is left.
    Exhausted,
}

/// Why a delivery stays where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stay {
    /// Every permitted route is down.
    AllRoutesDown,
    /// Its route is down, and its priority bears with that for a while.
    RouteDown,
    /// An operator holds its route.
    Operator,
    /// Our own network is cut off: another route would not be reached either.
    SelfImpaired,
}

/// Chooses, and says why each better hop was passed over (the last cause).
#[must_use]
pub fn choose(
    delivery: &Delivery,
    now: Timestamp,
    policy: &Policy,
    routes: &dyn Routes,
) -> (Choice, Option<Cause>) {
    let mut passed = None;
    let mut fallback = None;
    let mut any_left = false;
    for (index, hop) in (0_u8..).zip(delivery.hops.iter()) {
        if delivery.is_spent(index) {
            continue;
        }
        any_left = true;
        let view = routes.view(hop.route);
        match judge(delivery, index, now, policy, (view, routes)) {
            Judgement::Go => return (Choice::Take(index), passed),
            Judgement::Queue => return (Choice::Queue(index), passed),
            // A better hop that only has no room just now is worth more than one to be held for.
            Judgement::Stay(..) if fallback.is_some() => break,
            Judgement::Stay(until, why) => return (Choice::Hold { until, why }, passed),
            Judgement::Pass { cause, usable } => {
                if usable && fallback.is_none() {
                    fallback = Some((index, view.room));
                }
                passed = Some(cause);
            }
        }
    }
    match fallback {
        Some((index, true)) => (Choice::Take(index), None),
        Some((index, false)) => (Choice::Queue(index), None),
        None if any_left => (
            Choice::Hold {
                until: delivery.terms.expires_at,
                why: Stay::AllRoutesDown,
            },
            passed,
        ),
        None => (Choice::Exhausted, passed),
    }
}

enum Judgement {
    Go,
    Queue,
    Stay(Timestamp, Stay),
    /// Look at the next hop; `usable` if this one will do when no other is better.
    Pass {
        cause: Cause,
        usable: bool,
    },
}

fn judge(
    delivery: &Delivery,
    index: u8,
    now: Timestamp,
    policy: &Policy,
    (view, routes): (RouteView, &dyn Routes),
) -> Judgement {
    if hop_is_over(delivery, index, now) {
        return Judgement::Pass {
            cause: Cause::HopExpired,
            usable: false,
        };
    }
    if view.held {
        return Judgement::Stay(delivery.terms.expires_at, Stay::Operator);
    }
    let patience_ms = policy.patience_ms(delivery.terms.priority);
    if view.health.is_usable() && view.blocked_until > now.plus_ms(patience_ms) {
        return Judgement::Pass {
            cause: Cause::Throttled,
            usable: true,
        };
    }
    match view.health {
        Health::Up if view.ramping && !view.room => Judgement::Pass {
            cause: Cause::RouteRecovering,
            usable: true,
        },
        Health::Up => open(view),
        Health::Suspect | Health::Degraded => {
            let tried = was_left_for_one_as_good(delivery, index, now, policy, routes);
            if tried || patient_until(delivery, index, policy, view).is_some_and(|at| at <= now) {
                Judgement::Pass {
                    cause: Cause::OutOfPatience,
                    usable: !tried,
                }
            } else {
                open(view)
            }
        }
        Health::Recovering if view.room => Judgement::Go,
        Health::Recovering => Judgement::Pass {
            cause: Cause::RouteRecovering,
            usable: true,
        },
        Health::Down => {
            let until = view.since.plus_ms(policy.bulk_hold_ms);
            if delivery.terms.priority == Priority::Bulk && now < until {
                Judgement::Stay(until, Stay::RouteDown)
            } else {
                Judgement::Pass {
                    cause: Cause::RouteDown,
                    usable: false,
                }
            }
        }
        Health::AccountFault => Judgement::Pass {
            cause: Cause::AccountFault,
            usable: false,
        },
        Health::SelfImpaired => Judgement::Stay(delivery.terms.expires_at, Stay::SelfImpaired),
    }
}

fn open(view: RouteView) -> Judgement {
    if view.room {
        Judgement::Go
    } else {
        Judgement::Queue
    }
}

/// The hop's own time to live is over.
fn hop_is_over(delivery: &Delivery, index: u8, now: Timestamp) -> bool {
    let ttl_ms = u64::from(delivery.hops[usize::from(index)].ttl_ms);
    delivery.hop == index && ttl_ms > 0 && now.since_ms(delivery.hop_since) >= ttl_ms
}

/// How long a delivery bears with a hop whose route is not well: counted since it began to try the
/// hop, or, where it gets no room to try, since both wait for each other. One that has room is
/// tried first.
fn patient_until(
    delivery: &Delivery,
    index: u8,
    policy: &Policy,
    view: RouteView,
) -> Option<Timestamp> {
    let is_here = delivery.hop == index;
    let since = match (is_here && delivery.tries > 0, is_here) {
        (true, _) => delivery.hop_since,
        (false, _) if view.room => return None,
        (false, true) => delivery.hop_since.max(view.since),
        (false, false) => delivery.terms.created_at.max(view.since),
    };
    Some(since.plus_ms(policy.patience_ms(delivery.terms.priority)))
}

/// When one that waits for room on this hop looks around again all the same.
#[must_use]
pub fn room_wait_until(
    delivery: &Delivery,
    index: u8,
    now: Timestamp,
    policy: &Policy,
    routes: &dyn Routes,
) -> Timestamp {
    let hop = &delivery.hops[usize::from(index)];
    let ttl = (delivery.hop == index && hop.ttl_ms > 0)
        .then(|| delivery.hop_since.plus_ms(u64::from(hop.ttl_ms)));
    let view = routes.view(hop.route);
    let patience = matches!(view.health, Health::Suspect | Health::Degraded)
        .then(|| patient_until(delivery, index, policy, view));
    [ttl, patience.flatten()]
        .into_iter()
        .flatten()
        .filter(|at| *at > now)
        .fold(delivery.terms.expires_at, Timestamp::min)
}

/// It has been tried, is bad still, and where the delivery is now works no worse: going back would
/// only be the beginning of going to and fro.
fn was_left_for_one_as_good(
    delivery: &Delivery,
    index: u8,
    now: Timestamp,
    policy: &Policy,
    routes: &dyn Routes,
) -> bool {
    let here = delivery.hop;
    let stands = here != index && delivery.tries > 0 && !delivery.is_spent(here);
    if !stands || hop_is_over(delivery, here, now) {
        return false;
    }
    let view = routes.view(delivery.hops[usize::from(here)].route);
    let patience_ms = policy.patience_ms(delivery.terms.priority);
    let works = view.health.is_usable() && view.blocked_until <= now.plus_ms(patience_ms);
    works && delivery.attempts.iter().any(|it| it.hop == index)
}

#[cfg(test)]
#[path = "choose_tests.rs"]
mod tests;
