//! Messages as a shop would send them, each with a mark by which its copies are found again: the
//! content alone, in the Cloud API's form.

use serde_json::{Value, json};

#[must_use]
pub fn text(mark: &str) -> Value {
    json!({"type": "text", "text": {"body": format!("Your order {mark} is on its way.")}})
}

#[must_use]
pub fn location(mark: &str) -> Value {
    json!({"type": "location", "location": {"latitude": 52.52, "longitude": 13.4,
        "name": format!("Pick-up point {mark}")}})
}

/// Of the template `order_update`, which every account of the sandbox has.
#[must_use]
pub fn template(mark: &str) -> Value {
    let text = |text: &str| json!({"type": "text", "text": text});
    json!({"type": "template", "template": {
        "name": "order_update", "language": {"code": "en_US"},
        "components": [
            {"type": "header", "parameters": [text("A-17")]},
            {"type": "body", "parameters": [text("Ann"), text(mark), text("Friday")]},
            {"type": "button", "sub_type": "url", "index": "2", "parameters": [text("A-17")]}]}})
}

#[must_use]
pub fn buttons(mark: &str) -> Value {
    json!({"type": "interactive", "interactive": {"type": "button",
        "body": {"text": format!("Shall we deliver {mark} today?")},
        "action": {"buttons": [
            {"type": "reply", "reply": {"id": "yes", "title": "Yes"}},
            {"type": "reply", "reply": {"id": "no", "title": "No"}}]}}})
}
