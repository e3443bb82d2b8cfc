//! Tests of the wire format: requests with their limits, ids, errors, webhooks.

mod accepted;
mod envelope;
mod ids;
mod refused;
mod webhooks;

use super::{GraphError, Request, Send, parse_request};
use serde_json::{Value, json};

/// A whole request: the envelope with `fields` put in.
fn request(fields: Value) -> Value {
    let mut body = json!({"messaging_product": "whatsapp", "to": "+16505551234"});
    let object = body.as_object_mut().unwrap();
    object.extend(fields.as_object().unwrap().clone());
    body
}

fn interactive(kind: &str, action: Value) -> Value {
    let parts = json!({"type": kind, "body": {"text": "Which?"}, "action": action});
    json!({"type": "interactive", "interactive": parts})
}

fn template(components: Value) -> Value {
    let language = json!({"code": "en_US"});
    json!({"type": "template", "template": {
        "name": "order_update", "language": language, "components": components,
    }})
}

fn send(fields: Value) -> Result<Send, GraphError> {
    match parse_request(&request(fields))? {
        Request::Send(send) => Ok(*send),
        Request::MarkRead(_) => panic!("a message was read as a read mark"),
    }
}

/// The code and the field of the refusal.
fn check_refused(fields: Value, code: u32, path: &str) {
    let error = send(fields.clone()).expect_err(&format!("{fields} was accepted"));
    let details = error.details.clone().unwrap_or_default();
    assert_eq!(
        (error.code, error.http_status),
        (code, 400),
        "{fields}: {details}"
    );
    assert!(
        details.starts_with(&format!("Param {path} ")),
        "{fields}: {details}"
    );
}
