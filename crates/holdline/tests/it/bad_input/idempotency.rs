//! The same key twice: the same request is answered with the same bytes and sent once, another
//! request is refused. A restart changes nothing.

use super::check_error;
use crate::scenarios::until_ended;
use crate::stack::Stack;
use bytes::Bytes;
use serde_json::{Value, json};

const PERSON: &str = "+16505553001";

/// Status and exact bytes of the answer.
async fn send(stack: &Stack, token: &str, text: &str) -> (u16, Bytes) {
    let body = json!({"messaging_product": "whatsapp", "to": PERSON,
        "type": "text", "text": {"body": text}});
    let url = format!("{}/v23.0/{}/messages", stack.url, stack.phone_id);
    let request = stack
        .http
        .post(url)
        .bearer_auth(token)
        .header("Idempotency-Key", "order-1");
    let response = request.json(&body).send().await.expect("an answer");
    (
        response.status().as_u16(),
        response.bytes().await.expect("a body"),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_belongs_to_one_request_also_after_a_restart() {
    let mut stack = Stack::start().await;
    let token = stack.token.clone();
    let (status, first) = send(&stack, &token, "your order is ready").await;
    assert_eq!(status, 200);
    for restart in [false, true] {
        if restart {
            stack.kill();
            stack.serve().await;
        }
        let (status, again) = send(&stack, &token, "your order is ready").await;
        assert_eq!(
            (status, &again),
            (200, &first),
            "the same bytes, restarted: {restart}"
        );
        let (status, other) = send(&stack, &token, "your order is late").await;
        assert_eq!(status, 409);
        let other: Value = serde_json::from_slice(&other).expect("JSON");
        let details =
            "This Idempotency-Key was used with another body: use a new key for a new message";
        check_error(&other, 100, Some(details));
    }
    let first: Value = serde_json::from_slice(&first).expect("JSON");
    let id = first["messages"][0]["id"].as_str().expect("an id");
    until_ended(&stack, id).await;
    assert_eq!(super::list(&stack).await.len(), 1);
    assert_eq!(stack.received(PERSON).len(), 1, "sent once");
}
