//! Faults that are not the provider's: our own account, one person, one template. They must never
//! be called an outage, and the message gets there all the same.

use super::outages::reasons;
use super::{person, quick, until_ended, until_health};
use crate::stack::{Stack, until_true};
use holdline_sim::{PersonChange, WhatsappReach};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn our_expired_token_fails_over_and_is_not_called_an_outage() {
    let stack = Stack::start_with(quick()).await;
    stack.outage("own_token_expired");
    let id = stack.send_text(&person(1), "message 1").await;
    let message = until_ended(&stack, &id).await;
    assert_eq!(message["state"], "delivered");
    assert_eq!(stack.received(&person(1))[0].0, "sms");
    assert_eq!(stack.health("whatsapp").await, "account_fault");
    let outages = stack.api("/outages").await;
    assert_eq!(
        outages["data"].as_array().map(Vec::len),
        Some(0),
        "{outages}"
    );
    stack.mend();
    until_health(&stack, "whatsapp", "recovering").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_account_fails_over_too() {
    let stack = Stack::start_with(quick()).await;
    stack.outage("account_locked");
    let id = stack.send_text(&person(1), "message 1").await;
    until_ended(&stack, &id).await;
    assert_eq!(stack.received(&person(1))[0].0, "sms");
    assert_eq!(stack.health("whatsapp").await, "account_fault");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_without_whatsapp_fails_over_alone() {
    let stack = Stack::start_with(quick()).await;
    let change = PersonChange {
        whatsapp: Some(WhatsappReach::NoWhatsapp),
        ..PersonChange::default()
    };
    stack
        .sandbox
        .change_person(&person(1), change)
        .expect("a person");
    let without = stack.send_text(&person(1), "message 1").await;
    let with = stack.send_text(&person(2), "message 2").await;
    until_ended(&stack, &without).await;
    until_ended(&stack, &with).await;
    assert_eq!(stack.received(&person(1))[0].0, "sms");
    assert_eq!(stack.received(&person(2))[0].0, "whatsapp");
    assert_eq!(stack.health("whatsapp").await, "up");
    let next = stack.send_text(&person(1), "message 3").await;
    let message = until_ended(&stack, &next).await;
    assert_eq!(
        message["timeline"]["attempts"][0]["channel"], "sms",
        "the dead number is known"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_app_is_told_of_a_failure_with_the_providers_code_when_no_hop_is_left() {
    let stack = Stack::start_with(quick().with("failover", "order = [\"whatsapp\"]")).await;
    let change = PersonChange {
        whatsapp: Some(WhatsappReach::NoWhatsapp),
        ..PersonChange::default()
    };
    stack
        .sandbox
        .change_person(&person(1), change)
        .expect("a person");
    let id = stack.send_text(&person(1), "message 1").await;
    until_true("the app is told", || {
        stack.receiver.statuses(&id).contains(&"failed".into())
    })
    .await;
    let value = stack.receiver.status_values(&id).pop().expect("a status");
    assert_eq!(
        value["statuses"][0]["errors"][0]["code"], 131_026,
        "{value}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_template_goes_as_rendered_text_by_sms() {
    let stack = Stack::start_with(quick()).await;
    crate::stack::until("templates are synced", || async {
        let list = stack.api("/templates").await;
        list["data"]
            .as_array()
            .is_some_and(|list| !list.is_empty())
            .then_some(())
    })
    .await;
    stack.outage("template_paused");
    let text = |text: &str| json!({"type": "text", "text": text});
    let id = stack
        .send(json!({"to": person(1), "type": "template", "template": {
            "name": "order_update", "language": {"code": "en_US"},
            "components": [
                {"type": "header", "parameters": [text("A-17")]},
                {"type": "body", "parameters": [text("Ann"), text("A-17"), text("Friday")]},
                {"type": "button", "sub_type": "url", "index": 2, "parameters": [text("A-17")]}]}}))
        .await;
    until_ended(&stack, &id).await;
    let got = stack.received(&person(1));
    assert_eq!(got.len(), 1);
    assert!(got[0].1.contains("Hello Ann, your order A-17"), "{got:?}");
    assert!(
        got[0].1.contains("https://shop.example/track/A-17"),
        "{got:?}"
    );
    assert_eq!(stack.health("whatsapp").await, "up");
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_rate_limit_waits_and_is_not_an_outage() {
    let stack = Stack::start_with(quick()).await;
    stack.outage("rate_limited");
    let id = stack.send_text(&person(1), "message 1").await;
    crate::stack::until("the throttle is seen", || async {
        let message = stack.message(&id).await;
        (!message["timeline"]["attempts"][0]["outcome"].is_null()).then_some(())
    })
    .await;
    assert_eq!(stack.health("whatsapp").await, "up");
    stack.mend();
    let message = until_ended(&stack, &id).await;
    assert_eq!(message["state"], "delivered", "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn when_every_channel_is_down_messages_are_held_and_leave_when_one_is_back() {
    let stack =
        Stack::start_with(quick().with("failover", "order = [\"whatsapp\", \"sms\"]")).await;
    for provider in [
        holdline_sim::Provider::Whatsapp,
        holdline_sim::Provider::Sms,
    ] {
        let order = holdline_sim::OutageOrder::new("server_errors").on(provider);
        stack.sandbox.start_outage(order).expect("a profile");
    }
    let mut ids = Vec::new();
    for number in 1..=8 {
        ids.push(
            stack
                .send_text(&person(number), &format!("message {number}"))
                .await,
        );
    }
    until_health(&stack, "whatsapp", "down").await;
    until_health(&stack, "sms", "down").await;
    crate::stack::until("a message says that it is held", || async {
        let message = stack.message(&ids[7]).await;
        reasons(&message).contains(&"all_routes_down").then_some(())
    })
    .await;
    stack.mend();
    for (number, id) in (1..=8).zip(&ids) {
        let message = until_ended(&stack, id).await;
        assert_eq!(message["state"], "delivered", "{message}");
        assert_eq!(stack.received(&person(number)).len(), 1);
    }
}
