//! Webhooks repeated, out of order, refused by the app; replies by another channel.

use super::{person, quick, until_ended};
use crate::stack::{Stack, until_true};
use holdline_sim::{OutageOrder, PersonSend, Provider};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn repeated_and_reordered_webhooks_reach_the_app_once_and_in_order() {
    let stack = Stack::start_with(quick()).await;
    stack.outage("webhooks_duplicated_reordered");
    let mut ids = Vec::new();
    for number in 0..10 {
        ids.push(
            stack
                .send_text(&person(number), &format!("message {number}"))
                .await,
        );
    }
    for (number, id) in (0..10).zip(&ids) {
        until_ended(&stack, id).await;
        assert_eq!(stack.received(&person(number)).len(), 1);
    }
    for id in &ids {
        until_true("delivered is told", || {
            let told = stack.receiver.statuses(id);
            told.iter()
                .any(|status| status == "delivered" || status == "read")
        })
        .await;
        let told = stack.receiver.statuses(id);
        let mut once = told.clone();
        once.dedup();
        assert_eq!(told, once, "no status twice");
        let order = ["sent", "delivered", "read"];
        let ranks: Vec<_> = told
            .iter()
            .map(|s| order.iter().position(|o| o == s))
            .collect();
        assert!(ranks.is_sorted(), "{told:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_inbound_message_reaches_the_app_once() {
    let stack = Stack::start_with(quick()).await;
    stack.outage("webhooks_duplicated_reordered");
    for number in 0..5 {
        let send = PersonSend::text(&format!("hello {number}"));
        stack.sandbox.person_sends(&person(1), send).expect("sent");
    }
    until_true("all five reach the app", || {
        stack.receiver.messages().len() >= 5
    })
    .await;
    stack.send_text(&person(2), "a later message").await;
    until_true("a later status comes", || {
        stack
            .receiver
            .values()
            .iter()
            .any(|value| value["statuses"].is_array())
    })
    .await;
    assert_eq!(stack.receiver.messages().len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_refuses_is_asked_again_also_after_a_restart() {
    let mut stack = Stack::start_with(quick()).await;
    stack.receiver.answer_with(500);
    let id = stack.send_text(&person(1), "message 1").await;
    until_ended(&stack, &id).await;
    until_true("the app was asked", || !stack.receiver.calls().is_empty()).await;
    stack.kill();
    stack.receiver.answer_with(200);
    stack.serve().await;
    until_true("the app hears of it", || {
        stack
            .receiver
            .statuses(&id)
            .contains(&"delivered".to_owned())
    })
    .await;
    assert_eq!(
        stack.receiver.statuses(&id).first().map(String::as_str),
        Some("sent")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_numbered_sms_reply_comes_back_as_the_press_of_the_button() {
    let stack = Stack::start_with(quick()).await;
    stack.outage("server_errors");
    let id = stack
        .send(
            json!({"to": person(1), "type": "interactive", "interactive": {
            "type": "button", "body": {"text": "Deliver today?"},
            "action": {"buttons": [
                {"type": "reply", "reply": {"id": "yes", "title": "Yes, please"}},
                {"type": "reply", "reply": {"id": "no", "title": "No"}}]}}}),
        )
        .await;
    until_ended(&stack, &id).await;
    let got = stack.received(&person(1));
    assert!(got[0].0 == "sms" && got[0].1.contains("2"), "{got:?}");
    let reply = PersonSend::text("2").over(Provider::Sms);
    stack.sandbox.person_sends(&person(1), reply).expect("sent");
    until_true("the press reaches the app", || {
        !stack.receiver.messages().is_empty()
    })
    .await;
    let value = stack.receiver.messages().remove(0);
    let message = &value["messages"][0];
    assert_eq!(message["type"], "interactive", "{value}");
    assert_eq!(
        message["interactive"]["button_reply"],
        json!({"id": "no", "title": "No"})
    );
    assert_eq!(message["context"]["id"], id.as_str());
    assert_eq!(value["metadata"]["phone_number_id"], stack.phone_id);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answer_to_a_reply_by_sms_goes_by_sms() {
    let stack = Stack::start_with(quick()).await;
    let first = stack.send_text(&person(1), "message 1").await;
    until_ended(&stack, &first).await;
    let reply = PersonSend::text("thanks").over(Provider::Sms);
    stack.sandbox.person_sends(&person(1), reply).expect("sent");
    until_true("it reaches the app", || {
        !stack.receiver.messages().is_empty()
    })
    .await;
    let answer = stack.send_text(&person(1), "you are welcome").await;
    until_ended(&stack, &answer).await;
    let got = stack.received(&person(1));
    assert_eq!(got[1].0, "sms", "{got:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_to_one_person_arrive_in_order_over_an_outage() {
    let stack = Stack::start_with(quick()).await;
    let mut ids = Vec::new();
    for number in 0..10 {
        if number == 5 {
            let order = OutageOrder::new("hard_down");
            stack.sandbox.start_outage(order).expect("a profile");
        }
        ids.push(
            stack
                .send_text(&person(1), &format!("message {number}"))
                .await,
        );
    }
    for id in &ids {
        until_ended(&stack, id).await;
    }
    let attempts: Vec<i64> = {
        let mut starts = Vec::new();
        for id in &ids {
            let message = stack.message(id).await;
            if super::outages::reasons(&message).contains(&"in_doubt") {
                continue;
            }
            let attempts = message["timeline"]["attempts"]
                .as_array()
                .cloned()
                .unwrap_or_default();
            let last = attempts.last().expect("an attempt").clone();
            starts.push(started_ms(&last));
        }
        starts
    };
    assert!(attempts.is_sorted(), "{attempts:?}");
    assert_eq!(stack.received(&person(1)).len(), 10);
}

fn started_ms(attempt: &serde_json::Value) -> i64 {
    let text = attempt["started_at"].as_str().expect("a time");
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    digits.parse().expect("digits of a time of fixed form")
}
