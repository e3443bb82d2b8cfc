//! The bodies of webhooks in the platform's shape, signed over the exact bytes. Pure; who posts
//! them, and when, is the world's affair.

use bytes::Bytes;
use serde_json::{Value, json};

use super::super::state::Sent;
use crate::hooks::{Added, Change, Covered, HookState, Post, body_of};
use crate::outage::{Provider, Subject};
use crate::sign::meta_signature;
use crate::text::{ascii_json, is_user_id};
use crate::world::{Event, World};

/// Webhook about the status at `place` of a message's history.
pub(crate) fn status(world: &mut World, key: u64, place: usize, error: Option<Value>, now_ms: u64) {
    let Some(sent) = world.whatsapp.message(key) else {
        return;
    };
    let failed = error.is_some();
    let strict = failed && world.config.whatsapp.strict_failed;
    let mut value = envelope(world, &sent.number_id);
    if !strict {
        value["contacts"] = json!([contact(world, &sent.to)]);
    }
    value["statuses"] = json!([status_object(world, sent, place, error, strict)]);
    let change = Change {
        waba_id: sent.waba_id.clone(),
        field: "messages",
        value,
        covers: Some((key, place)),
    };
    let (number_id, to) = (sent.number_id.clone(), sent.to.clone());
    let kind = sent.kind.clone();
    let about = Receiver {
        number_id: &number_id,
        to: &to,
        kind: &kind,
    };
    send(world, change, &about, now_ms);
}

/// Webhook about a message a person wrote.
pub(crate) fn message(world: &mut World, number_id: &str, from: &str, message: Value, now_ms: u64) {
    let Some(number) = world.whatsapp.number(number_id) else {
        return;
    };
    let waba_id = number.number.waba_id.clone();
    let kind = message["type"].as_str().unwrap_or_default().to_owned();
    let mut value = envelope(world, number_id);
    value["contacts"] = json!([contact(world, from)]);
    value["messages"] = json!([message]);
    let change = Change {
        waba_id,
        field: "messages",
        value,
        covers: None,
    };
    send(
        world,
        change,
        &Receiver {
            number_id,
            to: from,
            kind: &kind,
        },
        now_ms,
    );
}

/// Webhook about an account: templates, limits and the like.
pub(crate) fn account_event(
    world: &mut World,
    waba_id: &str,
    field: &'static str,
    value: Value,
    now_ms: u64,
) {
    let change = Change {
        waba_id: waba_id.to_owned(),
        field,
        value,
        covers: None,
    };
    send(
        world,
        change,
        &Receiver {
            number_id: "",
            to: "",
            kind: field,
        },
        now_ms,
    );
}

/// Posts what a batch has collected.
pub(crate) fn flush(world: &mut World, url: &str, now_ms: u64) {
    let changes = world.hooks.batches.take(url);
    if changes.is_empty() {
        return;
    }
    post(world, url, changes, &Subject::default(), now_ms);
}

struct Receiver<'a> {
    number_id: &'a str,
    to: &'a str,
    kind: &'a str,
}

fn send(world: &mut World, change: Change, about: &Receiver<'_>, now_ms: u64) {
    let Some(url) = world.whatsapp.webhook_of(about.number_id, &change.waba_id) else {
        let covers: Vec<Covered> = change.covers.into_iter().collect();
        super::super::note_hooks(world, &covers, HookState::Failed);
        return;
    };
    let max = world.config.webhooks.batch_max;
    if max <= 1 {
        let waba_id = change.waba_id.clone();
        let subject = Subject {
            phone_number_id: Some(about.number_id),
            waba_id: Some(&waba_id),
            message_type: Some(about.kind),
            address: Some(about.to),
            ..Subject::default()
        };
        post(world, &url, vec![change], &subject, now_ms);
        return;
    }
    match world.hooks.batches.add(&url, change, max) {
        Added::Full => flush(world, &url, now_ms),
        Added::Opened => {
            let wait_ms = world.scaled(world.config.webhooks.batch_wait_ms);
            world.schedule(now_ms, wait_ms, Event::FlushBatch(url));
        }
        Added::Waiting => {}
    }
}

fn post(world: &mut World, url: &str, changes: Vec<Change>, subject: &Subject<'_>, now_ms: u64) {
    let (body, covers) = body_of(changes);
    let body = Bytes::from(ascii_json(&body));
    let post = Post {
        id: 0,
        provider: Provider::Whatsapp,
        url: url.to_owned(),
        content_type: "application/json",
        signature_header: "x-hub-signature-256",
        signature: meta_signature(world.config.whatsapp.app_secret.expose(), &body),
        body,
        timeout_ms: world.config.webhooks.timeout_ms,
    };
    world.post(post, covers, subject, now_ms);
}

fn envelope(world: &World, number_id: &str) -> Value {
    let display = world
        .whatsapp
        .number(number_id)
        .map(|state| state.number.display_phone_number.as_str())
        .unwrap_or_default();
    json!({
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": display, "phone_number_id": number_id}
    })
}

fn contact(world: &World, address: &str) -> Value {
    let (name, user_id) = world.people.find(address).map_or(("", address), |person| {
        (person.name.as_str(), person.user_id.as_str())
    });
    let mut contact = json!({"profile": {"name": name}});
    if !is_user_id(address) {
        contact["wa_id"] = address.into();
    }
    contact["user_id"] = user_id.into();
    contact
}

fn status_object(
    world: &World,
    sent: &Sent,
    place: usize,
    error: Option<Value>,
    strict: bool,
) -> Value {
    let event = &sent.history[place];
    let mut status = json!({
        "id": sent.wamid,
        "status": event.status,
        "timestamp": (event.at_ms / 1000).to_string(),
    });
    if !is_user_id(&sent.to) {
        status["recipient_id"] = sent.to.as_str().into();
    }
    if let Some(person) = world.people.find(&sent.to).filter(|_| !strict) {
        status["recipient_user_id"] = person.user_id.as_str().into();
    }
    if let Some(opaque) = &sent.opaque {
        status["biz_opaque_callback_data"] = opaque.as_str().into();
    }
    if matches!(event.status, "sent" | "delivered") {
        status["pricing"] = pricing(&sent.category);
    }
    if let Some(error) = error {
        status["errors"] = json!([error]);
    }
    status
}

fn pricing(category: &str) -> Value {
    let free = category == "service";
    let kind = if free {
        "free_customer_service"
    } else {
        "regular"
    };
    json!({"billable": !free, "pricing_model": "PMP", "type": kind, "category": category})
}
