//! What happens, in which order, and what a fault between any two steps leaves behind.

use super::rig::{Rig, accepted, broken, message, unknown};
use crate::ports::{Store, StoreError};
use crate::request::{IdempotencyKey, Refusal, Told};
use holdline_core::ChannelKind;
use holdline_core::health::Health;
use holdline_core::message::Priority;
use holdline_core::routing::GateConfig;
use std::sync::atomic::Ordering;
use std::time::Duration;

fn full() -> StoreError {
    StoreError::Full(String::from("no space left"))
}

#[tokio::test(start_paused = true)]
async fn a_message_is_accepted_sent_once_and_ended() {
    let rig = Rig::start().await;
    let id = rig.send("+1", "hello").await.expect("accepted").id;
    rig.until(id, "delivered").await;
    assert_eq!(
        (rig.whatsapp.sent(), rig.sms.sent().len()),
        (vec!["hello".into()], 0)
    );
}

#[tokio::test(start_paused = true)]
async fn what_the_store_refuses_is_not_accepted_and_never_sent() {
    let rig = Rig::start().await;
    rig.store.fail_all(full());
    let refused = rig.send("+1", "lost?").await;
    assert!(
        matches!(refused, Err(Refusal::Unavailable { .. })),
        "{refused:?}"
    );
    rig.store.heal();
    let id = rig.send("+1", "kept").await.expect("accepted").id;
    rig.until(id, "delivered").await;
    assert_eq!(rig.whatsapp.sent(), ["kept"]);
}

#[tokio::test(start_paused = true)]
async fn an_outcome_that_cannot_be_saved_is_saved_later_and_nothing_is_sent_twice() {
    let rig = Rig::start().await;
    rig.whatsapp.takes_ms.store(1_000, Ordering::SeqCst);
    let id = rig.send("+1", "hello").await.expect("accepted").id;
    rig.store.fail_all(full());
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(rig.state(id).await, "in_flight");
    let refused = rig.send("+2", "meanwhile").await;
    assert!(
        matches!(refused, Err(Refusal::Unavailable { .. })),
        "{refused:?}"
    );
    rig.store.heal();
    rig.until(id, "delivered").await;
    assert_eq!(rig.whatsapp.sent(), ["hello"]);
}

#[tokio::test(start_paused = true)]
async fn a_crash_in_flight_is_unknown_after_the_restart_and_not_sent_again_at_once() {
    let rig = Rig::start().await;
    rig.whatsapp.next([None]);
    let id = rig.send("+1", "hello").await.expect("accepted").id;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let store = rig.crash().await;
    let again = Rig::on(store, GateConfig::default()).await;
    assert_eq!(again.state(id).await, "in_doubt");
    tokio::time::sleep(Duration::from_secs(100)).await;
    assert!(again.whatsapp.sent().is_empty() && again.sms.sent().is_empty());
    again.until(id, "delivered").await;
    assert_eq!(again.whatsapp.sent().len() + again.sms.sent().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_crash_while_waiting_loses_nothing() {
    let rig = Rig::start().await;
    rig.whatsapp.usually(broken());
    rig.sms.usually(broken());
    let mut ids = Vec::new();
    for person in 0..50 {
        ids.push(
            rig.send(&format!("+{person}"), "hello")
                .await
                .expect("accepted")
                .id,
        );
    }
    let again = Rig::on(rig.crash().await, GateConfig::default()).await;
    for id in ids {
        again.until(id, "delivered").await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_key_and_body_give_the_stored_answer_and_one_message() {
    let rig = Rig::start().await;
    let with_key = |text: &str, hash: u8| {
        let mut new = message("+1", text, Priority::Service);
        new.idempotency = Some(IdempotencyKey {
            key: "k".into(),
            body_hash: [hash; 32],
        });
        new
    };
    let first = rig.engine.accept(with_key("a", 1)).await.expect("accepted");
    let again = rig.engine.accept(with_key("a", 1)).await.expect("accepted");
    assert!(again.repeat && again.answer == first.answer && again.id == first.id);
    let other = rig.engine.accept(with_key("b", 2)).await;
    assert!(matches!(other, Err(Refusal::KeyReused)), "{other:?}");
    rig.until(first.id, "delivered").await;
    assert_eq!(rig.whatsapp.sent(), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn a_route_that_fails_goes_down_and_what_waits_takes_the_next() {
    let rig = Rig::start().await;
    rig.whatsapp.usually(broken());
    let mut ids = Vec::new();
    for person in 0..40 {
        ids.push(
            rig.send(&format!("+{person}"), "hello")
                .await
                .expect("accepted")
                .id,
        );
    }
    for id in ids {
        rig.until(id, "delivered").await;
    }
    assert_eq!(rig.sms.sent().len(), 40);
    let down = rig
        .engine
        .routes()
        .iter()
        .any(|route| route.health == Health::Down);
    assert!(down, "{:?}", rig.engine.routes());
    let outages = rig.store.outages(10).await.expect("reads");
    assert_eq!(outages.len(), 1);
    let tried = rig.whatsapp.sent().len();
    for person in 100..140 {
        rig.send(&format!("+{person}"), "later")
            .await
            .expect("accepted");
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(
        rig.whatsapp.sent().len(),
        tried,
        "nothing new goes to a route that is down"
    );
}

#[tokio::test(start_paused = true)]
async fn a_mended_route_is_tested_and_taken_back() {
    let rig = Rig::start().await;
    rig.whatsapp.usually(broken());
    for person in 0..20 {
        rig.send(&format!("+{person}"), "hello")
            .await
            .expect("accepted");
    }
    tokio::time::sleep(Duration::from_secs(20)).await;
    rig.whatsapp.usually(accepted());
    for person in 100..400 {
        rig.send(&format!("+{person}"), "later")
            .await
            .expect("accepted");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let up = rig
        .engine
        .routes()
        .iter()
        .all(|route| route.health == Health::Up);
    assert!(up, "{:?}", rig.engine.routes());
    let outage = rig.store.outages(1).await.expect("reads").remove(0);
    assert!(outage.recovered_at.is_some());
}

#[tokio::test(start_paused = true)]
async fn what_a_down_route_held_leaves_when_the_trouble_turns_out_to_lie_elsewhere() {
    let rig = Rig::with_receipts().await;
    let mut person = 0;
    for _ in 0..600 {
        person += 1;
        let sent = rig.send(&format!("+1650{person:07}"), "hello").await;
        sent.expect("accepted");
        tokio::time::sleep(Duration::from_millis(200)).await;
        rig.confirm().await;
    }
    while rig.health(ChannelKind::WHATSAPP) != Health::Down {
        person += 1;
        assert!(person < 6_000, "missing receipts are noticed");
        let sent = rig.send(&format!("+1650{person:07}"), "hello").await;
        sent.expect("accepted");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let held = rig.send_as("+16509999999", "held", Priority::Bulk).await;
    let held = held.expect("accepted").id;
    assert_eq!(rig.state(held).await, "waiting");
    let delivered = Told::History {
        channel: ChannelKind::WHATSAPP,
        sender: String::from("1"),
        delivered: true,
    };
    rig.engine.tell(delivered).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(rig.state(held).await, "placed");
    assert_eq!(rig.whatsapp.sent().last().map(String::as_str), Some("held"));
}

#[tokio::test(start_paused = true)]
async fn messages_to_one_person_leave_one_after_the_other() {
    let rig = Rig::start().await;
    rig.whatsapp.takes_ms.store(500, Ordering::SeqCst);
    rig.whatsapp.next([Some(broken()), Some(broken())]);
    let mut last = None;
    for number in 0..5 {
        last = Some(
            rig.send("+1", &format!("{number}"))
                .await
                .expect("accepted")
                .id,
        );
    }
    rig.until(last.expect("five"), "delivered").await;
    assert_eq!(rig.whatsapp.sent(), ["0", "0", "0", "1", "2", "3", "4"]);
}

#[tokio::test(start_paused = true)]
async fn one_message_of_unknown_fate_does_not_hold_back_the_next() {
    let rig = Rig::start().await;
    rig.whatsapp.next([Some(unknown())]);
    let first = rig.send("+1", "first").await.expect("accepted").id;
    let second = rig.send("+1", "second").await.expect("accepted").id;
    rig.until(second, "delivered").await;
    assert_eq!(rig.state(first).await, "in_doubt");
}

#[tokio::test(start_paused = true)]
async fn the_most_urgent_leaves_first_when_there_is_little_room() {
    let gate = GateConfig {
        in_flight_max: 1,
        ..GateConfig::default()
    };
    let rig = Rig::on(std::sync::Arc::default(), gate).await;
    rig.whatsapp.takes_ms.store(1_000, Ordering::SeqCst);
    rig.send_as("+0", "first", Priority::Bulk)
        .await
        .expect("accepted");
    rig.send_as("+1", "bulk", Priority::Bulk)
        .await
        .expect("accepted");
    rig.send_as("+2", "service", Priority::Service)
        .await
        .expect("accepted");
    let last = rig
        .send_as("+3", "emergency", Priority::Emergency)
        .await
        .expect("accepted")
        .id;
    rig.until(last, "delivered").await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(
        rig.whatsapp.sent(),
        ["first", "emergency", "service", "bulk"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_never_answers_holds_only_its_own_slots() {
    let rig = Rig::start().await;
    rig.whatsapp.next((0..200).map(|_| None));
    let mut ids = Vec::new();
    for person in 0..100 {
        let to = format!("+{person}");
        ids.push(
            rig.send_as(&to, "hello", Priority::Urgent)
                .await
                .expect("accepted")
                .id,
        );
    }
    for id in ids {
        rig.until(id, "delivered").await;
    }
    assert!(
        rig.whatsapp.sent().len() <= 80,
        "{}",
        rig.whatsapp.sent().len()
    );
    assert_eq!(rig.sms.sent().len(), 100);
}

#[tokio::test(start_paused = true)]
async fn who_gets_no_slot_at_a_hanging_provider_leaves_it_once_out_of_patience() {
    let rig = Rig::start().await;
    rig.whatsapp.next((0..200).map(|_| None));
    for person in 0..100 {
        let to = format!("+{person}");
        let sent = rig.send_as(&to, "hello", Priority::Emergency).await;
        sent.expect("accepted");
    }
    tokio::time::sleep(Duration::from_secs(12)).await;
    assert_eq!(rig.whatsapp.sent().len() + rig.sms.sent().len(), 100);
}

#[tokio::test(start_paused = true)]
async fn failures_in_a_row_shut_the_gate_before_any_verdict() {
    let gate = GateConfig {
        rate_per_s: 1_000.0,
        ..GateConfig::default()
    };
    let rig = Rig::on(std::sync::Arc::default(), gate).await;
    rig.whatsapp.usually(broken());
    for person in 0..200 {
        rig.send(&format!("+{person}"), "hello")
            .await
            .expect("accepted");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let calls = rig.whatsapp.sent().len();
    // Five, then four a second, and the first of their repeats.
    assert!(calls <= 12, "{calls}");
}

#[tokio::test(start_paused = true)]
async fn too_much_waiting_is_refused_not_queued() {
    let rig = Rig::start().await;
    rig.whatsapp.usually(broken());
    rig.sms.usually(broken());
    let mut refused = 0;
    for person in 0..10_200 {
        match rig.send(&format!("+{person}"), "hello").await {
            Ok(_) => {}
            Err(Refusal::Busy { retry_after_s }) => {
                assert!(retry_after_s > 0);
                refused += 1;
            }
            Err(other) => panic!("{other}"),
        }
    }
    assert!(refused > 0, "the limit is 10,000");
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_message_is_not_sent() {
    let gate = GateConfig {
        in_flight_max: 1,
        ..GateConfig::default()
    };
    let rig = Rig::on(std::sync::Arc::default(), gate).await;
    rig.whatsapp.takes_ms.store(1_000, Ordering::SeqCst);
    let first = rig.send("+0", "first").await.expect("accepted").id;
    let second = rig.send("+1", "second").await.expect("accepted").id;
    rig.engine.cancel(second).await.expect("known");
    assert_eq!(rig.state(second).await, "cancelled");
    rig.until(first, "delivered").await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(rig.whatsapp.sent(), ["first"]);
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_what_is_in_flight_and_takes_nothing_new() {
    let mut rig = Rig::start().await;
    rig.whatsapp.takes_ms.store(2_000, Ordering::SeqCst);
    let id = rig.send("+1", "hello").await.expect("accepted").id;
    rig.engine.stop(8_000);
    let refused = rig.send("+2", "late").await;
    assert!(
        matches!(refused, Err(Refusal::Unavailable { .. })),
        "{refused:?}"
    );
    rig.driver_ends().await;
    assert_eq!(rig.state(id).await, "delivered");
}

#[tokio::test(start_paused = true)]
async fn thousands_that_are_held_at_once_and_released_at_once_all_get_there() {
    let gate = GateConfig {
        rate_per_s: 10_000.0,
        ..GateConfig::default()
    };
    let rig = Rig::on(std::sync::Arc::default(), gate).await;
    rig.whatsapp.usually(broken());
    rig.sms.usually(broken());
    let mut ids = Vec::new();
    for person in 0..5_000 {
        ids.push(
            rig.send(&format!("+{person}"), "hello")
                .await
                .expect("accepted")
                .id,
        );
    }
    tokio::time::sleep(Duration::from_secs(120)).await;
    rig.whatsapp.usually(accepted());
    rig.sms.usually(accepted());
    for id in ids {
        rig.until(id, "delivered").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_has_gone_is_not_served_behind_its_back() {
    let rig = Rig::start().await;
    rig.whatsapp.takes_ms.store(1_000, Ordering::SeqCst);
    rig.send("+0", "first").await.expect("accepted");
    rig.store.fail_all(full());
    tokio::time::sleep(Duration::from_secs(2)).await;
    let gone = tokio::time::timeout(Duration::from_millis(1), rig.send("+1", "gone")).await;
    rig.store.heal();
    tokio::time::sleep(Duration::from_secs(10)).await;
    let sent = rig.whatsapp.sent();
    assert!(!sent.contains(&"gone".to_owned()) || gone.is_ok_and(|answer| answer.is_ok()));
}

#[tokio::test(start_paused = true)]
async fn order_is_kept_when_held_messages_are_released() {
    let rig = Rig::start().await;
    rig.whatsapp.usually(broken());
    rig.sms.usually(broken());
    for person in 10..30 {
        rig.send(&format!("+{person}"), "others")
            .await
            .expect("accepted");
    }
    tokio::time::sleep(Duration::from_secs(60)).await;
    let mut last = None;
    for number in 0..6 {
        last = Some(
            rig.send("+1", &format!("{number}"))
                .await
                .expect("accepted")
                .id,
        );
    }
    tokio::time::sleep(Duration::from_secs(5)).await;
    rig.whatsapp.usually(accepted());
    rig.sms.usually(accepted());
    rig.until(last.expect("six"), "delivered").await;
    let mut sent = rig.whatsapp.sent();
    sent.extend(rig.sms.sent());
    let arrived = |channel: &[String]| -> Vec<String> {
        channel
            .iter()
            .filter(|text| text.len() == 1)
            .cloned()
            .collect()
    };
    for channel in [rig.whatsapp.sent(), rig.sms.sent()] {
        let mut order = arrived(&channel);
        order.dedup();
        assert!(order.is_sorted(), "{order:?}");
    }
    assert!(sent.len() >= 6);
}
