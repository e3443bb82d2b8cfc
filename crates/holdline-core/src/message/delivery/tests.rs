//! The delivery machine, story by story. Random walks stand in `walks.rs`.

mod bad_routes;
mod redirected;

use super::*;
use crate::health::Health;
use crate::message::{
    ClassSet, DuplicateRule, Fault, FaultClass, Outcome, Receipt, ReceiptKind, Success,
    ThrottleScope,
};
use crate::routing::{RouteIx, RouteView};
use crate::step::Effect;
use std::vec;
use std::vec::Vec;

const WHATSAPP: RouteIx = RouteIx(0);
const SMS: RouteIx = RouteIx(1);

pub(super) struct World {
    pub(super) health: [Health; 2],
    pub(super) room: [bool; 2],
    pub(super) blocked_until: [Timestamp; 2],
    pub(super) since: Timestamp,
}

impl Default for World {
    fn default() -> Self {
        Self {
            health: [Health::Up; 2],
            room: [true; 2],
            blocked_until: [Timestamp(0); 2],
            since: Timestamp(0),
        }
    }
}

impl Routes for World {
    fn view(&self, route: RouteIx) -> RouteView {
        let at = usize::from(route.0);
        RouteView {
            health: self.health[at],
            since: self.since,
            room: self.room[at],
            held: false,
            ramping: false,
            blocked_until: self.blocked_until[at],
        }
    }
}

pub(super) fn hop(route: RouteIx) -> Hop {
    Hop {
        route,
        receipt_wait_ms: 900_000,
        wait_is_explicit: false,
        ttl_ms: 0,
        success: Success::Delivered,
        on: ClassSet::default(),
    }
}

pub(super) fn delivery(priority: Priority, hops: Vec<Hop>) -> Delivery {
    let terms = Terms {
        priority,
        duplicate_rule: priority.duplicate_rule(),
        created_at: Timestamp(0),
        expires_at: Timestamp(86_400_000),
    };
    Delivery::new(MessageId(1), terms, hops.into_boxed_slice())
}

fn two_hops(priority: Priority) -> Delivery {
    delivery(priority, vec![hop(WHATSAPP), hop(SMS)])
}

/// Runs the machine's answers: collects the sends, and what the app is told.
struct Story {
    machine: Delivery,
    world: World,
    policy: Policy,
    hearing: Hearing,
    sent: Vec<u8>,
    told: Vec<Progress>,
    failed: usize,
    reasons: Vec<&'static str>,
    duplicates: usize,
}

impl Story {
    fn new(machine: Delivery) -> Self {
        Self {
            machine,
            world: World::default(),
            policy: Policy::default(),
            hearing: Hearing::default(),
            sent: vec![],
            told: vec![],
            failed: 0,
            reasons: vec![],
            duplicates: 0,
        }
    }

    fn at(&mut self, ms: i64, act: impl FnOnce(&mut Delivery, Context<'_>) -> Step) -> &mut Self {
        let context = Context {
            now: Timestamp(ms),
            draw: 0,
            policy: &self.policy,
            routes: &self.world,
            hearing: self.hearing,
        };
        let step = act(&mut self.machine, context);
        for effect in step.effects {
            match effect {
                Effect::Send { hop, .. } => self.sent.push(hop),
                Effect::Tell(progress) => self.told.push(progress),
                Effect::TellFailed(_) => self.failed += 1,
                Effect::Decide(decision) => self.reasons.push(decision.reason.code()),
                Effect::Duplicate { .. } => self.duplicates += 1,
            }
        }
        self
    }

    fn due(&mut self, ms: i64) -> &mut Self {
        self.at(ms, |machine, c| machine.handle_due(c))
    }

    fn outcome(&mut self, ms: i64, number: u16, outcome: Outcome) -> &mut Self {
        self.at(ms, |machine, c| machine.handle_outcome(number, &outcome, c))
    }

    fn reached(&mut self, ms: i64, number: u16, progress: Progress) -> &mut Self {
        let receipt = Receipt {
            number,
            kind: ReceiptKind::Reached(progress),
        };
        self.at(ms, |machine, c| machine.handle_receipt(&receipt, c))
    }

    fn failed(&mut self, ms: i64, number: u16, class: FaultClass) -> &mut Self {
        let kind = ReceiptKind::Failed(fault(class));
        self.at(ms, |machine, c| {
            machine.handle_receipt(&Receipt { number, kind }, c)
        })
    }
}

fn fault(class: FaultClass) -> Fault {
    Fault::new(class, "code", "words")
}

fn accepted() -> Outcome {
    Outcome::Accepted {
        provider_id: Some("id".into()),
    }
}

fn rejected(class: FaultClass) -> Outcome {
    Outcome::Rejected(fault(class))
}

fn unknown() -> Outcome {
    Outcome::Unknown(fault(FaultClass::Platform))
}

#[test]
fn a_message_on_a_healthy_route_goes_once_and_ends_delivered() {
    let mut story = Story::new(two_hops(Priority::Service));
    story
        .due(0)
        .outcome(5, 1, accepted())
        .reached(80, 1, Progress::Sent);
    story
        .reached(400, 1, Progress::Delivered)
        .reached(900, 1, Progress::Read);
    assert_eq!(story.sent, [0]);
    assert_eq!(
        story.told,
        [Progress::Sent, Progress::Delivered, Progress::Read]
    );
    assert_eq!(story.machine.state.name(), "delivered");
}

#[test]
fn a_route_that_is_down_is_passed_before_anything_is_sent_on_it() {
    let mut story = Story::new(two_hops(Priority::Service));
    story.world.health[0] = Health::Down;
    story.due(0);
    assert_eq!(story.sent, [1]);
    assert_eq!(story.reasons, ["failed_over"]);
}

#[test]
fn bulk_waits_half_an_hour_for_a_route_that_is_down() {
    let mut story = Story::new(two_hops(Priority::Bulk));
    story.world.health[0] = Health::Down;
    story.due(0).due(60_000);
    assert!(story.sent.is_empty());
    story.due(30 * 60_000);
    assert_eq!(story.sent, [1]);
}

#[test]
fn when_every_route_is_down_the_message_is_held_and_says_so_once() {
    let mut story = Story::new(two_hops(Priority::Urgent));
    story.world.health = [Health::Down; 2];
    story.due(0);
    story.machine.nudge(Timestamp(10));
    story.due(10);
    assert!(story.sent.is_empty());
    assert!(
        story
            .reasons
            .iter()
            .all(|reason| *reason == "all_routes_down")
    );
    story.world.health[0] = Health::Up;
    story.machine.nudge(Timestamp(20));
    story.due(20);
    assert_eq!(story.sent, [0]);
}

#[test]
fn platform_failures_are_tried_again_with_a_pause_then_fail_over() {
    let mut story = Story::new(two_hops(Priority::Service));
    story.due(0);
    for number in 1..=5 {
        let at = i64::from(number) * 1_000;
        story
            .outcome(at, number, rejected(FaultClass::Platform))
            .due(at + 60_000);
    }
    assert_eq!(story.sent, [0, 0, 0, 0, 0, 1]);
}

#[test]
fn a_failure_on_a_route_that_has_gone_down_fails_over_at_once() {
    let mut story = Story::new(two_hops(Priority::Service));
    story.due(0);
    story.world.health[0] = Health::Down;
    story.outcome(5, 1, rejected(FaultClass::Platform));
    assert_eq!(story.sent, [0, 1]);
}

#[test]
fn our_own_account_fault_fails_over_at_once() {
    let mut story = Story::new(two_hops(Priority::Service));
    story.due(0).outcome(5, 1, rejected(FaultClass::Account));
    assert_eq!(story.sent, [0, 1]);
}

#[test]
fn a_person_without_whatsapp_gets_it_by_the_next_hop() {
    let mut story = Story::new(two_hops(Priority::Service));
    story
        .due(0)
        .outcome(5, 1, accepted())
        .failed(300, 1, FaultClass::Recipient);
    assert_eq!(story.sent, [0, 1]);
    assert_eq!(story.failed, 0);
}

#[test]
fn a_malformed_request_fails_and_does_not_wander() {
    let mut story = Story::new(two_hops(Priority::Service));
    story.due(0).outcome(5, 1, rejected(FaultClass::Request));
    assert_eq!(story.sent, [0]);
    assert_eq!((story.machine.state.name(), story.failed), ("failed", 1));
}

#[test]
fn who_opted_out_gets_nothing_on_any_channel() {
    let mut story = Story::new(two_hops(Priority::Service));
    let mut opted_out = fault(FaultClass::Engagement);
    opted_out.opted_out = true;
    story.due(0).outcome(5, 1, Outcome::Rejected(opted_out));
    assert_eq!(
        (story.sent.as_slice(), story.machine.state.name()),
        (&[0][..], "failed")
    );
}

#[test]
fn a_stop_takes_its_hop_out_of_the_plan_also_under_way() {
    let mut story = Story::new(two_hops(Priority::Service));
    story.at(0, |machine, context| machine.handle_withdrawn(0, context));
    story.due(1).outcome(5, 1, rejected(FaultClass::Platform));
    assert_eq!(story.sent, [1], "the other hop is taken from the start");
    story.at(6, |machine, context| machine.handle_withdrawn(1, context));
    story.due(100_000);
    assert_eq!(
        (story.sent.len(), story.machine.state.name()),
        (1, "failed")
    );
    assert_eq!((story.reasons[0], story.failed), ("consent_withdrawn", 1));
    let step = story.reasons.len();
    story.at(7, |machine, context| machine.handle_withdrawn(9, context));
    assert_eq!(story.reasons.len(), step, "no such hop, and it has ended");
}

#[test]
fn an_unknown_outcome_is_not_sent_again_until_its_window_is_over() {
    let mut story = Story::new(two_hops(Priority::Urgent));
    story.due(0).outcome(1_000, 1, unknown()).due(15_999);
    assert_eq!(story.sent, [0]);
    story.due(16_000).due(17_000);
    assert_eq!(story.sent.len(), 2);
}

#[test]
fn a_receipt_settles_an_unknown_outcome() {
    let mut story = Story::new(two_hops(Priority::Service));
    story
        .due(0)
        .outcome(1_000, 1, unknown())
        .reached(1_500, 1, Progress::Sent);
    story.due(600_000).reached(700_000, 1, Progress::Delivered);
    assert_eq!(story.sent, [0]);
    assert!(story.reasons.contains(&"doubt_resolved"));
}

#[test]
fn bulk_of_unknown_fate_is_never_sent_twice() {
    let mut story = Story::new(two_hops(Priority::Bulk));
    story.due(0).outcome(1_000, 1, unknown());
    for hour in 1..=24 {
        story.due(hour * 3_600_000);
    }
    assert_eq!(story.sent, [0]);
    assert_eq!((story.machine.state.name(), story.failed), ("expired", 1));
}

#[test]
fn a_crash_in_flight_comes_back_as_unknown() {
    let mut story = Story::new(two_hops(Priority::Service));
    story
        .due(0)
        .at(2_000, |machine, c| machine.handle_recovered(c));
    assert_eq!(story.machine.state.name(), "in_doubt");
    assert_eq!(story.sent, [0]);
}

#[test]
fn a_missing_receipt_moves_the_message_when_its_time_is_over() {
    let mut story = Story::new(two_hops(Priority::Service));
    story.due(0).outcome(5, 1, accepted()).due(900_004);
    assert_eq!(story.sent, [0]);
    story.due(900_005);
    assert_eq!(story.sent, [0, 1]);
    assert!(story.reasons.contains(&"receipt_overdue"));
}

#[test]
fn a_receipt_that_could_not_be_heard_is_waited_for_longer_unless_late_is_worse_than_twice() {
    let heard = Hearing {
        since: Timestamp(900_000),
        patient_until: Timestamp(930_000),
        lag_ms: 0,
    };
    let sent_at = |story: &mut Story, ms| {
        story.due(ms);
        story.sent.len()
    };
    let mut placed_before = Story::new(two_hops(Priority::Service));
    placed_before.due(0).outcome(5, 1, accepted()).hearing = heard;
    assert_eq!(sent_at(&mut placed_before, 900_005), 1);
    assert_eq!(sent_at(&mut placed_before, 929_999), 1);
    assert_eq!(sent_at(&mut placed_before, 930_000), 2);
    let mut placed_after = Story::new(two_hops(Priority::Service));
    placed_after.hearing = heard;
    placed_after.hearing.lag_ms = 700;
    let after = placed_after.due(900_000).outcome(900_005, 1, accepted());
    assert_eq!(sent_at(after, 1_800_704), 1);
    assert_eq!(sent_at(after, 1_800_705), 2);
    let mut urgent = two_hops(Priority::Urgent);
    urgent.terms.duplicate_rule = DuplicateRule::Tolerate;
    let mut urgent = Story::new(urgent);
    urgent.due(0).outcome(5, 1, accepted()).hearing = heard;
    assert_eq!(sent_at(&mut urgent, 900_005), 2);
}

#[test]
fn a_late_receipt_closes_a_delivery_that_has_moved_on_and_counts_the_duplicate() {
    let mut story = Story::new(two_hops(Priority::Service));
    story
        .due(0)
        .outcome(5, 1, accepted())
        .due(900_005)
        .outcome(900_010, 2, accepted());
    story.reached(900_100, 2, Progress::Delivered);
    assert_eq!(story.machine.state.name(), "delivered");
    story.reached(1_000_000, 1, Progress::Delivered);
    assert_eq!((story.duplicates, story.told.len()), (1, 1));
}

#[test]
fn a_receipt_of_the_first_hop_ends_a_message_that_waits_for_the_second() {
    let mut story = Story::new(two_hops(Priority::Service));
    story.due(0).outcome(5, 1, accepted());
    story.world.room[1] = false;
    story
        .due(900_005)
        .reached(900_100, 1, Progress::Delivered)
        .due(900_200);
    story.world.room[1] = true;
    story.due(900_300);
    assert_eq!(
        (story.sent.as_slice(), story.machine.state.name()),
        (&[0][..], "delivered")
    );
}

#[test]
fn receipts_repeated_and_out_of_order_change_nothing() {
    let mut story = Story::new(two_hops(Priority::Service));
    story
        .due(0)
        .reached(3, 1, Progress::Read)
        .outcome(5, 1, accepted());
    story
        .reached(6, 1, Progress::Sent)
        .reached(7, 1, Progress::Read);
    story.failed(8, 1, FaultClass::Recipient);
    assert_eq!(story.told, [Progress::Read]);
    assert_eq!(
        (story.sent.as_slice(), story.duplicates, story.failed),
        (&[0][..], 0, 0)
    );
}

#[test]
fn a_receipt_before_the_answer_does_not_end_the_flight_early() {
    let mut story = Story::new(two_hops(Priority::Service));
    story.due(0).reached(3, 1, Progress::Sent);
    assert_eq!(story.machine.state.name(), "in_flight");
    story.outcome(5, 1, accepted());
    assert_eq!(story.machine.state.name(), "placed");
}

#[test]
fn expiry_is_enforced_while_waiting_in_doubt_and_placed() {
    let mut waiting = Story::new(two_hops(Priority::Service));
    waiting.world.room = [false; 2];
    waiting.due(0).due(86_400_000);
    let mut doubt = Story::new(delivery(Priority::Bulk, vec![hop(WHATSAPP)]));
    doubt.due(0).outcome(1, 1, unknown()).due(86_400_000);
    let mut placed = Story::new(delivery(Priority::Service, vec![hop(WHATSAPP)]));
    placed.due(0).outcome(1, 1, accepted()).due(86_400_000);
    for story in [waiting, doubt, placed] {
        assert_eq!((story.machine.state.name(), story.failed), ("expired", 1));
    }
}

#[test]
fn a_throttle_waits_as_long_as_the_provider_says() {
    let mut story = Story::new(two_hops(Priority::Service));
    let throttled = Outcome::Throttled {
        fault: fault(FaultClass::Throttled),
        scope: ThrottleScope::Route,
        until: Some(Timestamp(30_000)),
    };
    story.due(0).outcome(5, 1, throttled).due(29_999);
    assert_eq!(story.sent, [0]);
    story.due(30_000);
    assert_eq!(story.sent, [0, 0]);
}

#[test]
fn a_throttle_longer_than_patience_fails_over() {
    let mut story = Story::new(two_hops(Priority::Urgent));
    let throttled = Outcome::Throttled {
        fault: fault(FaultClass::Throttled),
        scope: ThrottleScope::Route,
        until: Some(Timestamp(60_000)),
    };
    story.due(0).outcome(5, 1, throttled);
    assert_eq!(story.sent, [0, 1]);
}

#[test]
fn a_cancelled_message_is_not_sent_but_a_late_receipt_still_tells_the_truth() {
    let mut story = Story::new(two_hops(Priority::Service));
    story
        .due(0)
        .outcome(5, 1, accepted())
        .at(10, |machine, c| machine.handle_cancel(c));
    assert_eq!(story.machine.state.name(), "cancelled");
    story.due(900_005).reached(900_100, 1, Progress::Delivered);
    assert_eq!(
        (story.sent.as_slice(), story.machine.state.name()),
        (&[0][..], "delivered")
    );
}

#[test]
fn where_acceptance_is_all_there_is_it_counts_as_arrival() {
    let mut by_mail = hop(WHATSAPP);
    by_mail.success = Success::Accepted;
    let mut story = Story::new(delivery(Priority::Service, vec![by_mail]));
    story.due(0).outcome(5, 1, accepted());
    assert_eq!(story.told, [Progress::Sent]);
    assert_eq!(story.machine.state.name(), "delivered");
}

#[test]
fn a_recovering_route_without_room_is_passed_but_waited_for_when_it_is_the_last() {
    let mut story = Story::new(two_hops(Priority::Service));
    story.world.health[0] = Health::Recovering;
    story.world.room[0] = false;
    story.due(0);
    assert_eq!(story.sent, [1]);
    let mut alone = Story::new(delivery(Priority::Service, vec![hop(WHATSAPP)]));
    alone.world.health[0] = Health::Recovering;
    alone.world.room[0] = false;
    alone.due(0);
    assert!(alone.sent.is_empty());
    assert_eq!(alone.machine.state, State::Waiting { due: Timestamp(0) });
}

#[test]
fn the_duplicate_rule_of_a_message_goes_before_that_of_its_priority() {
    let mut machine = two_hops(Priority::Urgent);
    machine.terms.duplicate_rule = DuplicateRule::Never;
    let mut story = Story::new(machine);
    story.due(0).outcome(1_000, 1, unknown()).due(3_600_000);
    assert_eq!(story.sent, [0]);
}

#[test]
fn a_receipt_after_the_window_settles_a_message_that_still_waits() {
    let mut story = Story::new(delivery(Priority::Service, vec![hop(WHATSAPP)]));
    story.due(0).outcome(1_000, 1, unknown());
    story.world.health[0] = Health::Down;
    story.due(130_000).reached(131_000, 1, Progress::Sent);
    story.world.health[0] = Health::Up;
    story.machine.nudge(Timestamp(132_000));
    story.due(132_000);
    assert_eq!(
        (story.sent.as_slice(), story.machine.state.name()),
        (&[0][..], "placed")
    );
}

#[test]
fn a_hop_is_not_given_up_for_another_that_does_not_work() {
    let mut story = Story::new(two_hops(Priority::Service));
    story.world.health[1] = Health::Down;
    story.due(0);
    for number in 1..=7 {
        let at = i64::from(number) * 61_000;
        story
            .outcome(at, number, rejected(FaultClass::Platform))
            .due(at + 60_000);
    }
    assert_eq!(story.sent, [0; 8]);
}

#[test]
fn a_route_throttled_for_longer_than_patience_is_passed() {
    let mut story = Story::new(two_hops(Priority::Urgent));
    story.world.blocked_until[0] = Timestamp(3_600_000);
    story.due(0);
    assert_eq!(story.sent, [1]);
}

#[test]
fn a_hop_whose_time_is_over_is_passed() {
    let mut first = hop(WHATSAPP);
    first.ttl_ms = 5_000;
    let mut story = Story::new(delivery(Priority::Service, vec![first, hop(SMS)]));
    story.world.room[0] = false;
    story.due(0).due(4_999);
    assert!(story.sent.is_empty());
    story.due(5_000);
    assert_eq!(story.sent, [1]);
}

#[test]
fn silence_while_the_process_was_away_is_no_missing_receipt() {
    let mut story = Story::new(two_hops(Priority::Service));
    story.due(0).outcome(5, 1, accepted());
    story.at(2_000_000, |machine, context| {
        machine.handle_recovered(context)
    });
    story
        .due(2_000_001)
        .reached(2_000_500, 1, Progress::Delivered);
    assert_eq!(
        (story.sent.as_slice(), story.machine.state.name()),
        (&[0][..], "delivered")
    );
}
