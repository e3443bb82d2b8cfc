//! Webhooks whose statuses come in the wrong order: what has ended stays ended.

use super::replays::{now_s, tell_signed};
use crate::scenarios::until_ended;
use crate::stack::{Stack, until, until_true};
use serde_json::{Value, json};

const PERSON: &str = "+16505553401";

/// Posts one webhook that tells these statuses of a message, in this order.
async fn tell(stack: &Stack, provider_id: &str, statuses: &[&str]) {
    let status = |status: &&str| {
        json!({"id": provider_id, "status": status, "timestamp": now_s().to_string(),
            "recipient_id": "16505553401"})
    };
    let statuses: Vec<Value> = statuses.iter().map(status).collect();
    tell_signed(stack, json!({"statuses": statuses})).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_earlier_status_behind_the_last_one_reopens_nothing() {
    let stack = Stack::start().await;
    stack.outage("webhooks_stopped");
    let id = stack.send_text(PERSON, "hi").await;
    let placed = until("WhatsApp takes it", || async {
        let message = stack.message(&id).await;
        (message["state"] == "placed").then_some(message)
    })
    .await;
    let attempt = &placed["timeline"]["attempts"][0];
    let provider_id = attempt["provider_id"].as_str().expect("an id").to_owned();
    tell(&stack, &provider_id, &["delivered", "sent", "read", "sent"]).await;
    until_ended(&stack, &id).await;
    let all = until("every status is noted", || async {
        let message = stack.message(&id).await;
        let count = message["timeline"]["receipts"]
            .as_array()
            .map_or(0, Vec::len);
        (count >= 3).then_some(message)
    })
    .await;
    assert_eq!(all["state"], "delivered", "{all}");
    assert!(all["ended_at"].is_string(), "{all}");
    until_true("the app is told", || {
        stack.receiver.statuses(&id).contains(&"read".into())
    })
    .await;
    let told = stack.receiver.statuses(&id);
    let ranks: Vec<_> = told
        .iter()
        .map(|it| ["sent", "delivered", "read"].iter().position(|o| o == it))
        .collect();
    assert!(ranks.is_sorted() && ranks.len() <= 3, "{told:?}");
}
