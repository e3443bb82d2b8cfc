//! Health, history and echoes, read from the provider's own shapes.

use super::{
    AccountHealth, CanSend, EchoPair, MessageFate, Reach, WebhookFate, echo_of, echo_text, token_of,
};
use crate::whatsapp::wire::ids::{opaque_of, parse_opaque};
use holdline_core::Timestamp;
use serde_json::{Value, json};

#[test]
fn a_blocked_account_says_which_part_and_why() {
    let health = AccountHealth::of(&json!({"id": "1", "health_status": {
        "can_send_message": "BLOCKED",
        "entities": [
            {"entity_type": "PHONE_NUMBER", "id": "1", "can_send_message": "AVAILABLE"},
            {"entity_type": "WABA", "id": "2", "can_send_message": "BLOCKED", "errors": [
                {"error_code": 141006,
                    "error_description": "There is an error with your payment method.",
                    "possible_solution": "Add a payment method"}]},
            {"entity_type": "BUSINESS", "id": "3", "can_send_message": "LIMITED",
                "additional_info": ["Your business has not passed verification"]},
            {"entity_type": "APP", "id": "4", "can_send_message": "SOMETIMES"}
        ]
    }}));
    assert_eq!(health.can_send, CanSend::Blocked);
    assert_eq!(health.entities.len(), 4);
    assert_eq!(health.entities[1].code.as_deref(), Some("141006"));
    assert_eq!(health.entities[3].can_send, CanSend::Unknown);
    assert_eq!(
        health.words(),
        "sending is blocked: WABA blocked (141006), There is an error with your payment method; \
         BUSINESS limited, Your business has not passed verification"
    );
}

#[test]
fn an_answer_without_health_judges_nothing() {
    for node in [
        json!({"id": "1"}),
        json!(null),
        json!({"health_status": []}),
    ] {
        let health = AccountHealth::of(&node);
        assert_eq!(health.can_send, CanSend::Unknown);
        assert_eq!(health.words(), "sending is not judged");
    }
}

fn history(events: &[(&str, &str, i64)]) -> Value {
    let event = |(status, webhook, at): &(&str, &str, i64)| {
        json!({"delivery_status": status, "webhook_update_state": webhook, "timestamp": at,
            "application": {"id": "9"}, "webhook_uri": "https://shop.example/hook"})
    };
    let events: Vec<Value> = events.iter().map(event).collect();
    json!({"data": [{"id": "77", "message_id": "wamid.A", "events": {"data": events}}]})
}

#[test]
fn the_furthest_event_is_the_fate_of_a_message() {
    let check = |events: &[(&str, &str, i64)], reached, told| {
        let fate = MessageFate::of(&history(events), "wamid.A").unwrap();
        assert_eq!(
            (fate.reached, fate.webhook_delivered()),
            (reached, told),
            "{events:?}"
        );
        fate
    };
    check(&[], Reach::Accepted, None);
    check(&[("SENT", "DELIVERED", 1)], Reach::Sent, Some(true));
    let lost = [("SENT", "FAILED", 1), ("DELIVERED", "RETRYING", 5)];
    let fate = check(&lost, Reach::Delivered, Some(false));
    assert_eq!(fate.at, Some(Timestamp(5_000)));
    assert_eq!(fate.webhook, Some(WebhookFate::Retrying));
    check(&[("DELIVERED", "PENDING", 1)], Reach::Delivered, None);
    check(
        &[("FAILED", "DELIVERED", 9), ("SENT", "DELIVERED", 1)],
        Reach::Failed,
        Some(true),
    );
    check(
        &[("READ", "X", 3), ("DELETED", "FAILED", 9)],
        Reach::Read,
        None,
    );
    let two_apps = [("DELIVERED", "DELIVERED", 5), ("DELIVERED", "FAILED", 5)];
    check(&two_apps, Reach::Delivered, Some(true));
}

#[test]
fn a_history_of_nothing_or_of_others_is_none() {
    for answer in [
        json!({"data": []}),
        json!({}),
        json!({"data": "x"}),
        json!(7),
    ] {
        assert_eq!(MessageFate::of(&answer, "wamid.A"), None, "{answer}");
    }
    assert_eq!(
        MessageFate::of(&history(&[("READ", "X", 1)]), "wamid.B"),
        None
    );
}

#[test]
fn an_echo_is_read_back_and_nothing_else_is() {
    let at = Timestamp(1_764_064_000_000);
    let text = echo_text(0x1a_2b3c, at);
    assert_eq!(text, "holdline echo 00000000001a2b3c 1764064000000");
    assert_eq!(echo_of(&text), Some((0x1a_2b3c, at)));
    assert_eq!(echo_of(&echo_text(u64::MAX, at)), Some((u64::MAX, at)));
    for other in [
        "holdline echo 1a2b3c 1764064000000",
        "holdline echo 00000000001A2B3C 1764064000000",
        "holdline echo 00000000001a2b3c +1764064000000",
        "holdline echo 00000000001a2b3c 01764064000000",
        " holdline echo 00000000001a2b3c 1764064000000",
        "holdline echo 00000000001a2b3c 1764064000000 ",
        "holdline echo 00000000001a2b3c",
        "Holdline echo 00000000001a2b3c 1",
        "",
    ] {
        assert_eq!(echo_of(other), None, "{other}");
    }
}

fn pair() -> EchoPair {
    EchoPair {
        from: "1".into(),
        to: "2".into(),
        to_number: "15550002222".into(),
        from_number: "15550001111".into(),
    }
}

#[test]
fn an_echo_counts_only_from_its_own_pair() {
    let text = echo_text(7, Timestamp(9));
    let arrived = |to, from| pair().arrived(to, from, &text);
    assert_eq!(arrived("2", "+15550001111"), Some((7, Timestamp(9))));
    assert_eq!(arrived("2", "15550001111"), Some((7, Timestamp(9))));
    assert_eq!(arrived("1", "15550001111"), None);
    assert_eq!(arrived("2", "15550002222"), None);
    assert_eq!(format!("{:?}", pair()), "EchoPair(1 -> 2)");
}

#[test]
fn the_mark_of_an_echo_is_never_that_of_a_message() {
    let body: Value = serde_json::from_slice(&pair().request(7, Timestamp(9))).unwrap();
    let mark = body["biz_opaque_callback_data"].as_str().unwrap();
    assert_eq!(mark, "hl-echo:0000000000000007");
    assert_eq!(token_of(mark), Some(7));
    assert_eq!(parse_opaque(mark), None);
    assert_eq!(token_of(&opaque_of(7, 1)), None);
}
