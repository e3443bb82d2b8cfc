//! What apps, providers, operators and disks do wrong: each is told what is wrong, where, and how
//! to mend it, and nothing that was refused ever leaves.

mod access;
mod configuration;
mod envelope;
mod full_disk;
mod idempotency;
mod limits;
mod order;
mod replays;
mod signatures;
mod small_disk;

use crate::stack::Stack;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

/// Status, `Retry-After` and JSON of an answer.
pub(super) async fn read(response: reqwest::Response) -> (u16, Option<String>, Value) {
    let status = response.status().as_u16();
    let after = response.headers().get("retry-after");
    let after = after
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned);
    (status, after, response.json().await.expect("JSON"))
}

/// Posts these bytes as a message to send.
pub(super) async fn post_bytes(stack: &Stack, body: impl Into<Vec<u8>>) -> (u16, Value) {
    let request = stack
        .http
        .post(format!("{}/v23.0/{}/messages", stack.url, stack.phone_id))
        .bearer_auth(&stack.token)
        .header(CONTENT_TYPE, "application/json");
    let (status, _, body) = read(request.body(body.into()).send().await.expect("answer")).await;
    (status, body)
}

/// The error object has the provider's form, with this code, and these details if any.
pub(super) fn check_error(body: &Value, code: u32, details: Option<&str>) {
    let error = &body["error"];
    assert_eq!(error["code"], code, "{body}");
    assert!(
        error["type"].is_string() && error["message"].is_string(),
        "{body}"
    );
    assert!(
        error["fbtrace_id"]
            .as_str()
            .is_some_and(|trace| !trace.is_empty()),
        "{body}"
    );
    let data = &error["error_data"];
    match details {
        Some(details) => {
            assert_eq!(
                *data,
                json!({"messaging_product": "whatsapp", "details": details})
            );
        }
        None => assert!(data.is_null(), "{body}"),
    }
}

/// All that our own API knows of, newest first.
pub(super) async fn list(stack: &Stack) -> Vec<Value> {
    let page = stack.api("/messages?limit=500").await;
    page["data"]
        .as_array()
        .unwrap_or_else(|| panic!("no page: {page}"))
        .clone()
}

/// Nothing was accepted and nobody got anything.
pub(super) async fn nothing_happened(stack: &Stack) {
    assert_eq!(list(stack).await, Vec::<Value>::new());
    assert_eq!(stack.sandbox.ledger(0, 10).len(), 0);
}
