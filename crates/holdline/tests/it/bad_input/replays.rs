//! Genuine webhooks that come again: at once, or kept by somebody and sent long after. Neither is
//! news to anybody.

use crate::stack::{APP_SECRET, Stack, until, until_true};
use holdline_sim::meta_signature;
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};

const PERSON: &str = "+16505553411";
const DAY_S: u64 = 86_400;

pub(super) fn now_s() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.expect("a clock after 1970").as_secs()
}

/// Posts a webhook with this value, signed by the provider.
pub(super) async fn tell_signed(stack: &Stack, mut value: Value) {
    let number = json!({"display_phone_number": "15550783881", "phone_number_id": stack.phone_id});
    value["messaging_product"] = "whatsapp".into();
    value["metadata"] = number;
    let change = json!({"field": "messages", "value": value});
    let entry = json!({"id": stack.waba_id, "changes": [change]});
    let body = json!({"object": "whatsapp_business_account", "entry": [entry]}).to_string();
    let signature = meta_signature(APP_SECRET, body.as_bytes());
    let request = stack.http.post(format!("{}/hooks/whatsapp", stack.url));
    let request = request.header("X-Hub-Signature-256", signature).body(body);
    assert_eq!(request.send().await.expect("an answer").status(), 200);
}

fn message(id: &str, at_s: u64) -> Value {
    let message = json!({"from": "16505553411", "id": id, "timestamp": at_s.to_string(),
        "type": "text", "text": {"body": id}});
    let contact = json!({"wa_id": "16505553411", "profile": {"name": "Ann"}});
    json!({"messages": [message], "contacts": [contact]})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_comes_again_or_too_late_reaches_the_app_once_or_never() {
    let stack = Stack::start().await;
    let now = now_s();
    let first = message("wamid.first", now);
    for _ in 0..3 {
        tell_signed(&stack, first.clone()).await;
    }
    tell_signed(&stack, message("wamid.kept", now - 9 * DAY_S)).await;
    tell_signed(&stack, message("wamid.delayed", now - 6 * DAY_S)).await;
    until_true("the last one reaches the app", || bodies(&stack).len() >= 2).await;
    tell_signed(&stack, first).await;
    tell_signed(&stack, message("wamid.last", now)).await;
    until_true("the last one reaches the app", || {
        bodies(&stack).contains(&"wamid.last".to_owned())
    })
    .await;
    let mut bodies = bodies(&stack);
    bodies.sort_unstable();
    assert_eq!(bodies, ["wamid.delayed", "wamid.first", "wamid.last"]);
}

fn bodies(stack: &Stack) -> Vec<String> {
    let text = |value: &Value| {
        value["messages"][0]["text"]["body"]
            .as_str()
            .map(str::to_owned)
    };
    stack.receiver.messages().iter().filter_map(text).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_of_long_ago_changes_nothing() {
    let stack = Stack::start().await;
    stack.outage("webhooks_stopped");
    let id = stack.send_text(PERSON, "hi").await;
    let placed = until("WhatsApp takes it", || async {
        let message = stack.message(&id).await;
        (message["state"] == "placed").then_some(message)
    })
    .await;
    let provider_id = &placed["timeline"]["attempts"][0]["provider_id"];
    let status = |status: &str, at_s: u64| {
        json!({"statuses": [{"id": provider_id, "status": status, "timestamp": at_s.to_string(),
            "recipient_id": "16505553411"}]})
    };
    tell_signed(&stack, status("read", now_s() - 9 * DAY_S)).await;
    tell_signed(&stack, status("sent", now_s())).await;
    let receipts = until("the new status is noted", || async {
        let message = stack.message(&id).await;
        let receipts = message["timeline"]["receipts"].clone();
        receipts
            .as_array()
            .is_some_and(|all| !all.is_empty())
            .then_some(receipts)
    })
    .await;
    let all: Vec<_> = receipts.as_array().into_iter().flatten().collect();
    assert!(all.len() == 1 && all[0]["status"] == "sent", "{receipts}");
}
