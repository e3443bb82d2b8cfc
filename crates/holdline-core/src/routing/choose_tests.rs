//! Choices among two hops by the state of their routes.

use super::*;
use crate::id::MessageId;
use crate::message::{ClassSet, Hop, Success, Terms};
use crate::routing::RouteIx;
use std::vec;

const DOWN_SINCE: Timestamp = Timestamp(1_000);

/// Health and room of the two routes.
struct World([(Health, bool); 2]);

impl Routes for World {
    fn view(&self, route: RouteIx) -> RouteView {
        let (health, room) = self.0[usize::from(route.0)];
        RouteView {
            health,
            since: DOWN_SINCE,
            room,
            ramping: false,
            held: false,
            blocked_until: Timestamp(0),
        }
    }
}

fn choice(priority: Priority, routes: [(Health, bool); 2]) -> Choice {
    let delivery = fresh(priority);
    let policy = Policy::default();
    choose(&delivery, Timestamp(2_000), &policy, &World(routes)).0
}

/// Not tried yet.
fn fresh(priority: Priority) -> Delivery {
    let hop = |route| Hop {
        route: RouteIx(route),
        receipt_wait_ms: 900_000,
        wait_is_explicit: false,
        ttl_ms: 0,
        success: Success::Delivered,
        on: ClassSet::default(),
    };
    let terms = Terms {
        priority,
        duplicate_rule: priority.duplicate_rule(),
        created_at: Timestamp(0),
        expires_at: Timestamp(86_400_000),
    };
    let hops = vec![hop(0), hop(1)].into_boxed_slice();
    Delivery::new(MessageId(1), terms, hops)
}

#[test]
fn who_gets_no_room_on_a_sick_route_is_patient_from_when_both_wait() {
    let (policy, delivery) = (Policy::default(), fresh(Priority::Emergency));
    let sick = World([(Health::Degraded, false), (Health::Up, true)]);
    let until = DOWN_SINCE.plus_ms(policy.patience_ms(Priority::Emergency));
    let wait = room_wait_until(&delivery, 0, Timestamp(2_000), &policy, &sick);
    assert_eq!(wait, until);
    let at = |now: Timestamp, world: &World| choose(&delivery, now, &policy, world).0;
    assert_eq!(at(Timestamp(until.0 - 1), &sick), Choice::Queue(0));
    assert_eq!(at(until, &sick), Choice::Take(1));
    let room = World([(Health::Degraded, true), (Health::Up, true)]);
    assert_eq!(at(until, &room), Choice::Take(0), "it has not been tried");
    let both = World([(Health::Degraded, false), (Health::Down, false)]);
    assert_eq!(at(until, &both), Choice::Queue(0), "the other is worse");
}

#[test]
fn who_waits_for_room_on_a_route_that_works_has_no_patience_to_lose() {
    let (policy, delivery) = (Policy::default(), fresh(Priority::Emergency));
    let busy = World([(Health::Up, false), (Health::Up, true)]);
    let later = DOWN_SINCE.plus_ms(3_600_000);
    assert_eq!(choose(&delivery, later, &policy, &busy).0, Choice::Queue(0));
    let wait = room_wait_until(&delivery, 0, later, &policy, &busy);
    assert_eq!(wait, delivery.terms.expires_at);
}

#[test]
fn bulk_waits_for_a_preferred_route_that_is_down() {
    let until = DOWN_SINCE.plus_ms(Policy::default().bulk_hold_ms);
    let held = Choice::Hold {
        until,
        why: Stay::RouteDown,
    };
    let down = (Health::Down, true);
    assert_eq!(choice(Priority::Bulk, [down, (Health::Up, true)]), held);
    assert_eq!(choice(Priority::Bulk, [down, down]), held);
    let service = choice(Priority::Service, [down, (Health::Up, true)]);
    assert_eq!(service, Choice::Take(1));
}

#[test]
fn a_route_without_room_is_not_left_to_be_held_for_one_that_is_down() {
    let (testing, down) = ((Health::Recovering, false), (Health::Down, true));
    assert_eq!(choice(Priority::Bulk, [testing, down]), Choice::Queue(0));
    assert_eq!(choice(Priority::Service, [testing, down]), Choice::Queue(0));
}
