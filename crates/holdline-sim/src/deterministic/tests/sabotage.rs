//! Each checker notices a machine that breaks its promise, and finds nothing wrong with the same
//! run on a whole one.

use super::words;
use crate::Provider;
use crate::deterministic::Trace;
use crate::deterministic::checkers::{all, only};
use crate::deterministic::run::{Report, play};
use crate::deterministic::sabotage::Sabotage;
use crate::deterministic::script::{Act, Item, Script, Send, script_of};
use crate::deterministic::shrink::shrink_by;

/// Seeds within which it has to be noticed.
const SEEDS: u64 = 60;

/// What is broken, and the promise that it breaks.
const BROKEN: [(Sabotage, &str); 16] = [
    (Sabotage::ForgetsAccepts, "accepted_is_never_lost"),
    (Sabotage::ForgetsEnds, "every_delivery_ends"),
    (Sabotage::ForgetsAttempts, "attempt_before_network"),
    (
        Sabotage::CallsUnknownFailed,
        "unknown_is_not_resent_blindly",
    ),
    (Sabotage::LeavesTheCall, "one_attempt_in_flight"),
    (Sabotage::Dawdles, "order_of_a_conversation"),
    (Sabotage::DeafToReceipts, "late_receipts_count"),
    (Sabotage::OverlooksKeys, "one_key_is_one_message"),
    (
        Sabotage::Knocks,
        "nothing_but_a_trickle_to_a_route_that_is_down",
    ),
    (Sabotage::Knocks, "both_bad_stay"),
    (Sabotage::BlamesTheProvider, "own_fault_is_no_outage"),
    (Sabotage::NoLimits, "paced_return"),
    (Sabotage::ForgetsInbound, "no_inbound_lost_or_doubled"),
    (Sabotage::DeafToPeople, "no_inbound_lost_or_doubled"),
    (Sabotage::KeepsFromApps, "apps_hear_everything_in_order"),
    (Sabotage::TakesAll, "nothing_unbounded"),
];

fn on(script: &Script, sabotage: Sabotage, promise: &str) -> Report {
    play(script, Trace::Story, sabotage, only(promise))
}

/// Runs in which it can be seen: many messages wait for a return; nothing but our own fault goes
/// wrong for the other.
fn scripts(promise: &str) -> Vec<Script> {
    let all = (0..SEEDS).map(|seed| script_of(seed, Some(1)));
    match promise {
        "paced_return" | "nothing_but_a_trickle_to_a_route_that_is_down" => {
            all.filter(is_siege).collect()
        }
        "order_of_a_conversation" => vec![one_person()],
        "own_fault_is_no_outage" => vec![own_fault()],
        _other => all.collect(),
    }
}

fn is_siege(script: &Script) -> bool {
    let sends = script
        .items
        .iter()
        .filter(|item| matches!(item.act, Act::Send(_)));
    sends.count() > 130
}

/// Our token has expired for minutes while an app sends once a second.
fn own_fault() -> Script {
    let outage = Act::Outage {
        profile: String::from("own_token_expired"),
        provider: Provider::Whatsapp,
        percent: None,
        for_ms: 240_000,
    };
    let first = Item {
        at_ms: 30_000,
        act: outage,
    };
    whole(std::iter::once(first).chain(sends(8)).collect())
}

/// One person gets a message a second, and nothing goes wrong.
fn one_person() -> Script {
    whole(sends(1).collect())
}

/// An app that sends once a second, to one person after the other.
fn sends(people: u32) -> impl Iterator<Item = Item> {
    (0..300).map(move |ask| Item {
        at_ms: u64::from(ask) * 1_000,
        act: Act::Send(Send {
            ask,
            app: 0,
            person: (ask % people) as u8,
            priority: 2,
            key: None,
            clash: false,
        }),
    })
}

fn whole(items: Vec<Item>) -> Script {
    Script {
        heal_at_ms: 360_000,
        open_messages_max: 10_000,
        items,
        ..script_of(1, Some(1))
    }
}

/// The first run in which the checker of this promise, alone, notices it.
fn caught(sabotage: Sabotage, promise: &str) -> (Script, Report) {
    let mut runs = scripts(promise).into_iter().map(|script| {
        let report = on(&script, sabotage, promise);
        (script, report)
    });
    let found = runs.find(|(_, report)| report.violation.is_some());
    found.unwrap_or_else(|| panic!("{promise} notices nothing of {sabotage:?}"))
}

fn notices(sabotage: Sabotage, promise: &str) {
    assert!(BROKEN.contains(&(sabotage, promise)), "not in the table");
    let (script, report) = caught(sabotage, promise);
    let invariant = report.violation.map(|it| it.invariant);
    assert_eq!(invariant, Some(promise));
    let whole = on(&script, Sabotage::None, promise);
    assert!(whole.violation.is_none(), "{}", words(&whole));
}

#[test]
fn every_checker_has_a_machine_that_it_must_notice() {
    for checker in all() {
        let name = checker.name();
        assert!(BROKEN.iter().any(|(_, promise)| *promise == name), "{name}");
    }
}

#[test]
fn a_store_that_forgets_what_it_accepted_is_noticed() {
    notices(Sabotage::ForgetsAccepts, "accepted_is_never_lost");
}

#[test]
fn a_store_that_forgets_the_ends_of_deliveries_is_noticed() {
    notices(Sabotage::ForgetsEnds, "every_delivery_ends");
}

#[test]
fn an_attempt_that_leaves_before_its_row_is_kept_is_noticed() {
    notices(Sabotage::ForgetsAttempts, "attempt_before_network");
}

#[test]
fn an_unknown_outcome_taken_for_a_failure_is_noticed() {
    notices(
        Sabotage::CallsUnknownFailed,
        "unknown_is_not_resent_blindly",
    );
}

#[test]
fn a_second_attempt_beside_one_under_way_is_noticed() {
    notices(Sabotage::LeavesTheCall, "one_attempt_in_flight");
}

#[test]
fn messages_of_one_person_that_leave_out_of_order_are_noticed() {
    notices(Sabotage::Dawdles, "order_of_a_conversation");
}

#[test]
fn receipts_that_are_overheard_are_noticed() {
    notices(Sabotage::DeafToReceipts, "late_receipts_count");
}

#[test]
fn keys_that_are_overlooked_are_noticed() {
    notices(Sabotage::OverlooksKeys, "one_key_is_one_message");
}

#[test]
fn more_than_a_trickle_to_a_route_that_is_down_is_noticed() {
    let promise = "nothing_but_a_trickle_to_a_route_that_is_down";
    notices(Sabotage::Knocks, promise);
}

#[test]
fn a_message_that_is_tried_without_end_is_noticed() {
    notices(Sabotage::Knocks, "both_bad_stay");
}

#[test]
fn our_own_fault_called_an_outage_is_noticed() {
    notices(Sabotage::BlamesTheProvider, "own_fault_is_no_outage");
}

#[test]
fn a_return_without_a_ramp_is_noticed() {
    notices(Sabotage::NoLimits, "paced_return");
}

#[test]
fn a_store_that_forgets_what_people_wrote_is_noticed() {
    notices(Sabotage::ForgetsInbound, "no_inbound_lost_or_doubled");
}

#[test]
fn what_people_write_and_nobody_hears_is_noticed() {
    notices(Sabotage::DeafToPeople, "no_inbound_lost_or_doubled");
}

#[test]
fn events_that_apps_never_get_are_noticed() {
    notices(Sabotage::KeepsFromApps, "apps_hear_everything_in_order");
}

#[test]
fn open_messages_without_a_limit_are_noticed() {
    notices(Sabotage::TakesAll, "nothing_unbounded");
}

#[test]
fn a_failing_script_is_made_short_and_still_fails_in_the_same_way() {
    const FEW: usize = 3;
    let (sabotage, promise) = (Sabotage::ForgetsAttempts, "attempt_before_network");
    let (script, _) = caught(sabotage, promise);
    let play = |script: &Script| on(script, sabotage, promise);
    let shrunk = shrink_by(&script, 200, play).expect("it fails");
    assert!(
        shrunk.script.items.len() <= FEW,
        "{:?}",
        shrunk.script.items
    );
    let again = play(&shrunk.script);
    assert_eq!(again, shrunk.report);
    assert_eq!(again.violation.map(|it| it.invariant), Some(promise));
}

#[test]
fn what_does_not_fail_is_not_made_short() {
    let play = |script: &Script| on(script, Sabotage::None, "accepted_is_never_lost");
    assert!(shrink_by(&script_of(1, Some(1)), 10, play).is_none());
}
