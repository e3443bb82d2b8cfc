//! Reads the provider's webhooks: every entry, change, message, status and error of the body.
//! Tolerates what is missing or new, and hands on what it does not know; never drops an update.

use super::classify::classify_status_errors;
use super::updates::{
    Chosen, Event, InboundMessage, StatusReceipt, StatusWord, TemplateStatus, Update,
};
use holdline_core::Timestamp;
use serde_json::Value;
use thiserror::Error;

/// Largest webhook body, in bytes: the provider's own limit.
pub const BODY_BYTES_MAX: usize = 3 * 1024 * 1024;

/// Most updates in one webhook: the provider's own limit.
pub const UPDATES_MAX: usize = 1000;

/// Why a body is no webhook of the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum InboundError {
    #[error("the body is longer than {BODY_BYTES_MAX} bytes")]
    TooLarge,
    #[error("the body is not JSON")]
    NotJson,
    #[error("the body's \"object\" is not whatsapp_business_account")]
    NotWhatsApp,
    #[error("the body holds more than {UPDATES_MAX} updates")]
    TooMany,
}

/// Reads a webhook body. `received_at` stands in for times that are missing.
///
/// # Errors
/// When the body is not the provider's or larger than it ever sends.
pub fn parse(body: &[u8], received_at: Timestamp) -> Result<Vec<Update>, InboundError> {
    if body.len() > BODY_BYTES_MAX {
        return Err(InboundError::TooLarge);
    }
    let body: Value = serde_json::from_slice(body).map_err(|_| InboundError::NotJson)?;
    if text(&body, "object").as_deref() != Some("whatsapp_business_account") {
        return Err(InboundError::NotWhatsApp);
    }
    let mut updates = Vec::new();
    for entry in list(&body, "entry") {
        let waba_id = text(entry, "id").unwrap_or_default();
        let entry_at = time_of(entry, "time");
        for change in list(entry, "changes") {
            let number = change
                .pointer("/value/metadata")
                .and_then(|m| text(m, "phone_number_id"));
            for event in events(change, received_at) {
                if updates.len() == UPDATES_MAX {
                    return Err(InboundError::TooMany);
                }
                let (waba_id, phone_number_id) = (waba_id.clone(), number.clone());
                updates.push(Update {
                    waba_id,
                    phone_number_id,
                    at: happened_at(&event).or(entry_at),
                    event,
                });
            }
        }
    }
    Ok(updates)
}

fn happened_at(event: &Event) -> Option<Timestamp> {
    match event {
        Event::Receipt(receipt) => Some(receipt.at),
        Event::Message(message) => Some(message.at),
        Event::TemplateStatus(_)
        | Event::AccountUpdate { .. }
        | Event::PhoneQuality { .. }
        | Event::ValueError { .. }
        | Event::Other { .. } => None,
    }
}

fn events(change: &Value, received_at: Timestamp) -> Vec<Event> {
    let field = text(change, "field").unwrap_or_else(|| "messages".into());
    let value = change.get("value").unwrap_or(&Value::Null);
    let event = || text(value, "event").unwrap_or_default();
    match field.as_str() {
        "messages" => message_events(value, received_at),
        "message_template_status_update" => vec![Event::TemplateStatus(template_status(value))],
        "account_update" => {
            vec![Event::AccountUpdate {
                event: event(),
                value: value.clone(),
            }]
        }
        "phone_number_quality_update" => {
            vec![Event::PhoneQuality {
                event: event(),
                value: value.clone(),
            }]
        }
        _ => vec![Event::Other {
            field,
            value: value.clone(),
        }],
    }
}

fn message_events(value: &Value, received_at: Timestamp) -> Vec<Event> {
    let other = |item: &Value| Event::Other {
        field: "messages".into(),
        value: item.clone(),
    };
    let mut events: Vec<Event> = Vec::new();
    for item in list(value, "messages") {
        let message = message(item, value, received_at);
        events.push(message.map_or_else(|| other(item), |m| Event::Message(Box::new(m))));
    }
    for item in list(value, "statuses") {
        let receipt = receipt(item, received_at);
        events.push(receipt.map_or_else(|| other(item), Event::Receipt));
    }
    let errors = list(value, "errors");
    if !errors.is_empty() {
        let fault = classify_status_errors(errors);
        events.push(Event::ValueError {
            fault,
            errors: errors.to_vec(),
        });
    }
    if events.is_empty() {
        events.push(other(value));
    }
    events
}

fn receipt(item: &Value, received_at: Timestamp) -> Option<StatusReceipt> {
    let status = StatusWord::parse(&text(item, "status")?);
    let errors = list(item, "errors").to_vec();
    let failed = status == StatusWord::Failed;
    Some(StatusReceipt {
        provider_id: text(item, "id")?,
        opaque: text(item, "biz_opaque_callback_data"),
        status,
        at: time(item).unwrap_or(received_at),
        recipient: text(item, "recipient_id"),
        recipient_user_id: text(item, "recipient_user_id"),
        fault: failed.then(|| classify_status_errors(&errors)),
        errors,
        raw: item.clone(),
    })
}

fn message(item: &Value, value: &Value, received_at: Timestamp) -> Option<InboundMessage> {
    let from = text(item, "from");
    let user_id = text(item, "from_user_id");
    let contact = contact(value, from.as_deref(), user_id.as_deref());
    let of_contact = |key| contact.and_then(|contact| text(contact, key));
    let message_type = text(item, "type").unwrap_or_else(|| "unknown".into());
    let part = item.get(&message_type).unwrap_or(&Value::Null);
    let chosen = chosen(&message_type, part);
    Some(InboundMessage {
        provider_id: text(item, "id")?,
        user_id: user_id.or_else(|| of_contact("user_id")),
        from: from.or_else(|| of_contact("wa_id")),
        group_id: text(item, "group_id"),
        profile_name: contact.and_then(|c| text(c.get("profile")?, "name")),
        at: time(item).unwrap_or(received_at),
        context_id: item.get("context").and_then(|context| text(context, "id")),
        text: readable(&message_type, part).or_else(|| Some(chosen.as_ref()?.title.clone())),
        media_id: media_id(&message_type, part),
        message_type,
        chosen,
        raw: item.clone(),
        contact: contact.cloned(),
    })
}

/// The entry of the sender; the only one, where none names them.
fn contact<'a>(value: &'a Value, from: Option<&str>, user_id: Option<&str>) -> Option<&'a Value> {
    let entries = list(value, "contacts");
    let is = |entry: &Value, key, wanted: Option<&str>| {
        wanted.is_some() && text(entry, key).as_deref() == wanted
    };
    let named = |entry: &&Value| is(entry, "wa_id", from) || is(entry, "user_id", user_id);
    match entries {
        [only] => Some(only),
        several => several.iter().find(named),
    }
}

fn chosen(message_type: &str, part: &Value) -> Option<Chosen> {
    let (reply, id, title) = match message_type {
        "button" => (part, "payload", "text"),
        "interactive" => (
            part.get("button_reply").or(part.get("list_reply"))?,
            "id",
            "title",
        ),
        _ => return None,
    };
    let title = text(reply, title).unwrap_or_default();
    Some(Chosen {
        id: text(reply, id).unwrap_or_else(|| title.clone()),
        title,
    })
}

fn readable(message_type: &str, part: &Value) -> Option<String> {
    let keys: &[&str] = match message_type {
        "text" | "system" => &["body"],
        "image" | "video" | "audio" | "document" | "sticker" => &["caption", "filename"],
        "button" | "order" => &["text"],
        "reaction" => &["emoji"],
        "location" => &["name", "address"],
        "interactive" => return text(part.get("nfm_reply")?, "body"),
        "contacts" => return text(part.get(0)?.get("name")?, "formatted_name"),
        _ => &[],
    };
    keys.iter().find_map(|key| text(part, key))
}

fn media_id(message_type: &str, part: &Value) -> Option<String> {
    let media = matches!(
        message_type,
        "image" | "video" | "audio" | "document" | "sticker"
    );
    media.then(|| text(part, "id")).flatten()
}

fn template_status(value: &Value) -> TemplateStatus {
    TemplateStatus {
        template_id: text(value, "message_template_id"),
        name: text(value, "message_template_name").unwrap_or_default(),
        language: text(value, "message_template_language").unwrap_or_default(),
        event: text(value, "event").unwrap_or_default(),
        reason: text(value, "reason"),
    }
}

/// Seconds or, as seen in the wild, milliseconds; as text or as number.
fn time(item: &Value) -> Option<Timestamp> {
    time_of(item, "timestamp")
}

fn time_of(item: &Value, key: &str) -> Option<Timestamp> {
    let number: i64 = text(item, key)?.parse().ok().filter(|number| *number > 0)?;
    let ms = if number >= FIRST_MS {
        number
    } else {
        number * 1000
    };
    Some(Timestamp(ms))
}

/// From here on a number is milliseconds (of 1973), not seconds (of the year 5138).
const FIRST_MS: i64 = 100_000_000_000;

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value
        .get(key)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// A text that is not empty, or the digits of a number.
fn text(value: &Value, key: &str) -> Option<String> {
    match value.get(key)? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
            None
        }
    }
}
