//! The provider fails, in each of the ways it can: messages get there all the same, once.

use super::{person, quick, until_ended, until_health};
use crate::stack::{Stack, until_true};

/// Sends `count` messages to different people and gives the ids.
async fn send_many(stack: &Stack, from: u32, count: u32) -> Vec<String> {
    let mut ids = Vec::new();
    for number in from..from + count {
        ids.push(
            stack
                .send_text(&person(number), &format!("message {number}"))
                .await,
        );
    }
    ids
}

/// Everybody got exactly one copy; gives the channels used.
fn one_each(stack: &Stack, from: u32, count: u32) -> Vec<String> {
    (from..from + count)
        .map(|number| {
            let got = stack.received(&person(number));
            assert_eq!(got.len(), 1, "person {number} got {got:?}");
            assert!(got[0].1.contains(&format!("message {number}")), "{got:?}");
            got[0].0.clone()
        })
        .collect()
}

/// The way back needs messages to test it: sends one after the other; gives how many.
async fn send_until_up(stack: &Stack, from: u32) -> u32 {
    for count in 0..200 {
        if stack.health("whatsapp").await == "up" {
            return count;
        }
        let number = from + count;
        let id = stack
            .send_text(&person(number), &format!("message {number}"))
            .await;
        until_ended(stack, &id).await;
    }
    panic!("the route is not up after 200 messages");
}

/// Plays an outage that the provider shows by refusing or hanging.
async fn play(profile: &str) {
    let stack = Stack::start_with(quick()).await;
    let before = send_many(&stack, 0, 3).await;
    for id in &before {
        until_ended(&stack, id).await;
    }
    stack.outage(profile);
    let during = send_many(&stack, 10, 12).await;
    for id in &during {
        let message = until_ended(&stack, id).await;
        assert_eq!(message["state"], "delivered", "{message}");
    }
    assert!(
        one_each(&stack, 10, 12)
            .iter()
            .all(|channel| channel == "sms")
    );
    until_health(&stack, "whatsapp", "down").await;
    for id in &during {
        until_true("the app hears of it", || {
            stack
                .receiver
                .statuses(id)
                .contains(&"delivered".to_owned())
        })
        .await;
    }
    stack.mend();
    until_health(&stack, "whatsapp", "recovering").await;
    let after = send_until_up(&stack, 30).await;
    let last = stack.send_text(&person(500), "message 500").await;
    until_ended(&stack, &last).await;
    assert_eq!(one_each(&stack, 500, 1), ["whatsapp"]);
    one_each(&stack, 0, 3);
    one_each(&stack, 30, after);
    assert!(stack.receiver.calls().iter().all(|call| call.signed));
}

#[tokio::test(flavor = "multi_thread")]
async fn hard_down_messages_go_by_sms_and_come_back() {
    play("hard_down").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn server_errors_messages_go_by_sms_and_come_back() {
    play("server_errors").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn html_error_pages_messages_go_by_sms_and_come_back() {
    play("html_5xx").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_hangs_holds_nothing_back() {
    play("blackhole").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn accepted_but_never_reported_moves_on_when_its_receipt_is_overdue() {
    let stack = Stack::start_with(quick()).await;
    stack.outage("accepted_not_delivered");
    let id = stack.send_text(&person(1), "message 1").await;
    until_true("the SMS arrives", || !stack.received(&person(1)).is_empty()).await;
    assert_eq!(stack.received(&person(1))[0].0, "sms");
    let message = until_ended(&stack, &id).await;
    let codes: Vec<&str> = reasons(&message);
    assert!(
        codes.contains(&"receipt_overdue") && codes.contains(&"failed_over"),
        "{codes:?}"
    );
    assert_eq!(
        stack.health("whatsapp").await,
        "up",
        "one missing receipt is no outage"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_after_failover_is_taken_and_the_second_copy_is_counted() {
    let stack = Stack::start_with(quick()).await;
    stack.outage("accepted_not_delivered");
    let id = stack.send_text(&person(1), "message 1").await;
    until_ended(&stack, &id).await;
    stack.mend();
    until_true("the late copy arrives", || {
        stack.received(&person(1)).len() == 2
    })
    .await;
    let late = crate::stack::until("the late receipt stands in the timeline", || async {
        let message = stack.message(&id).await;
        reasons(&message).contains(&"duplicate").then_some(message)
    })
    .await;
    assert_eq!(late["state"], "delivered");
    assert!(reasons(&late).contains(&"late_receipt"), "{late}");
    let delivered = stack
        .receiver
        .statuses(&id)
        .iter()
        .filter(|s| *s == "delivered")
        .count();
    assert_eq!(delivered, 1, "the app is told once");
}

#[tokio::test(flavor = "multi_thread")]
async fn stopped_webhooks_do_not_stop_messages() {
    let stack = Stack::start_with(quick()).await;
    stack.outage("webhooks_stopped");
    let id = stack.send_text(&person(1), "message 1").await;
    let message = until_ended(&stack, &id).await;
    assert_eq!(message["state"], "delivered");
    let got = stack.received(&person(1));
    assert_eq!(
        got.first().map(|(channel, _)| channel.as_str()),
        Some("whatsapp")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_never_came_is_settled_by_the_receipt() {
    let stack = Stack::start_with(quick()).await;
    stack.outage("timeout_after_accept");
    let id = stack.send_text(&person(1), "message 1").await;
    let message = until_ended(&stack, &id).await;
    assert_eq!(message["state"], "delivered");
    assert_eq!(
        stack.received(&person(1)).len(),
        1,
        "the request is not sent again"
    );
}

/// The codes of a message's decisions, in order.
pub(super) fn reasons(message: &serde_json::Value) -> Vec<&str> {
    let decisions = message["timeline"]["decisions"].as_array();
    decisions
        .into_iter()
        .flatten()
        .filter_map(|d| d["code"].as_str())
        .collect()
}
