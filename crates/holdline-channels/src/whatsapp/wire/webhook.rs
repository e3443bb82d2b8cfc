//! Writes the webhooks that apps get: one message or one status each, complete for every client.
//! ASCII only, so that a signature over the bytes and one over the escaped text agree. Never
//! signs or sends.

use holdline_core::message::content::{Choice, ChoiceKind};
use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};
use serde_json::{Map, Value, json};
use std::fmt;
use std::io::{self, Write};

/// The number of the business that a webhook speaks of, as the app configured it.
#[derive(Clone, Copy, Debug)]
pub struct Number<'a> {
    pub waba_id: &'a str,
    pub phone_number_id: &'a str,
    /// Digits only.
    pub display_phone_number: &'a str,
}

/// The person that a webhook speaks of.
#[derive(Clone, Copy)]
pub struct Person<'a> {
    /// Digits only; unknown for people who are reached by user id alone.
    pub wa_id: Option<&'a str>,
    /// `CC.` and digits; some clients drop what has none.
    pub user_id: &'a str,
    pub profile_name: &'a str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusName {
    Sent,
    Delivered,
    Read,
    Played,
    Failed,
}

impl StatusName {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Read => "read",
            Self::Played => "played",
            Self::Failed => "failed",
        }
    }
}

/// Why a message failed, in the provider's shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusError {
    pub code: u32,
    pub title: String,
    pub details: String,
}

/// One status of one message.
#[derive(Clone, Debug)]
pub struct StatusView<'a> {
    pub number: Number<'a>,
    pub person: Person<'a>,
    /// The id that the app was given when it sent.
    pub message_id: &'a str,
    pub status: StatusName,
    pub timestamp_s: i64,
    /// The app's own callback data.
    pub opaque: Option<&'a str>,
    /// Complete objects of the provider, or nothing.
    pub conversation: Option<&'a Value>,
    pub pricing: Option<&'a Value>,
    pub errors: &'a [StatusError],
}

/// One message of a person. `message` is the whole object, its ids those that the app knows.
#[derive(Clone)]
pub struct InboundView<'a> {
    pub number: Number<'a>,
    pub person: Person<'a>,
    pub message: &'a Value,
}

#[must_use]
pub fn render_status(view: &StatusView<'_>) -> Vec<u8> {
    let mut status = Map::new();
    status.insert("id".into(), view.message_id.into());
    status.insert("status".into(), view.status.name().into());
    status.insert("timestamp".into(), view.timestamp_s.to_string().into());
    let recipient = view.person.wa_id.unwrap_or(view.person.user_id);
    status.insert("recipient_id".into(), recipient.into());
    status.insert("recipient_user_id".into(), view.person.user_id.into());
    if let Some(opaque) = view.opaque {
        status.insert("biz_opaque_callback_data".into(), opaque.into());
    }
    for (key, object) in [
        ("conversation", view.conversation),
        ("pricing", view.pricing),
    ] {
        if let Some(object) = object {
            status.insert(key.into(), object.clone());
        }
    }
    if !view.errors.is_empty() {
        status.insert("errors".into(), view.errors.iter().map(error).collect());
    }
    render(
        &view.number,
        "statuses",
        Value::Object(status),
        &view.person,
    )
}

#[must_use]
pub fn render_message(view: &InboundView<'_>) -> Vec<u8> {
    render(&view.number, "messages", view.message.clone(), &view.person)
}

/// Any other field of the provider, passed on with the value it came with.
#[must_use]
pub fn render_field(waba_id: &str, field: &str, value: &Value) -> Vec<u8> {
    ascii_json(&envelope(waba_id, field, value.clone()))
}

/// What an app gets when a choice was taken on another channel: the kind of the message, and the
/// message object without `id`, `from`, `timestamp` and `context`.
#[must_use]
pub fn choice_payload(choice: &Choice) -> (&'static str, Value) {
    let (kind, answer) = answer(choice);
    (kind, json!({"type": kind, kind: answer}))
}

/// JSON in which every character above `~` is written `\uXXXX` in lower case.
#[must_use]
pub fn ascii_json(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut serializer = Serializer::with_formatter(&mut bytes, Ascii);
    // Writing a value into memory has nothing that can fail.
    match value.serialize(&mut serializer) {
        Ok(()) => bytes,
        Err(_) => Vec::new(),
    }
}

fn answer(choice: &Choice) -> (&'static str, Value) {
    let mut reply = Map::new();
    reply.insert("id".into(), choice.id.as_str().into());
    reply.insert("title".into(), choice.title.as_str().into());
    match choice.kind {
        ChoiceKind::TemplateButton => (
            "button",
            json!({"payload": choice.id, "text": choice.title}),
        ),
        ChoiceKind::Button => (
            "interactive",
            json!({"type": "button_reply", "button_reply": reply}),
        ),
        ChoiceKind::ListRow => {
            if let Some(description) = &choice.description {
                reply.insert("description".into(), description.as_str().into());
            }
            (
                "interactive",
                json!({"type": "list_reply", "list_reply": reply}),
            )
        }
    }
}

fn render(number: &Number<'_>, list: &str, item: Value, person: &Person<'_>) -> Vec<u8> {
    let mut contact = Map::new();
    contact.insert("profile".into(), json!({"name": person.profile_name}));
    if let Some(wa_id) = person.wa_id {
        contact.insert("wa_id".into(), wa_id.into());
    }
    contact.insert("user_id".into(), person.user_id.into());
    let value = json!({
        "messaging_product": "whatsapp",
        "metadata": {
            "display_phone_number": number.display_phone_number,
            "phone_number_id": number.phone_number_id,
        },
        "contacts": [contact],
        list: [item],
    });
    ascii_json(&envelope(number.waba_id, "messages", value))
}

fn envelope(waba_id: &str, field: &str, value: Value) -> Value {
    json!({
        "object": "whatsapp_business_account",
        "entry": [{"id": waba_id, "changes": [{"value": value, "field": field}]}],
    })
}

fn error(error: &StatusError) -> Value {
    json!({
        "code": error.code,
        "title": error.title,
        "message": error.title,
        "error_data": {"details": error.details},
        "href": "/documentation/business-messaging/whatsapp/support/error-codes",
    })
}

struct Ascii;

impl Formatter for Ascii {
    fn write_string_fragment<W>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()>
    where
        W: ?Sized + Write,
    {
        let mut units = [0; 2];
        let mut rest = fragment;
        while let Some(at) = rest.find(|c: char| c > '~') {
            let (plain, tail) = rest.split_at(at);
            writer.write_all(plain.as_bytes())?;
            let mut chars = tail.chars();
            for unit in chars
                .next()
                .map_or(&mut [][..], |c| c.encode_utf16(&mut units))
            {
                write!(writer, "\\u{unit:04x}")?;
            }
            rest = chars.as_str();
        }
        writer.write_all(rest.as_bytes())
    }
}

impl fmt::Debug for Person<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Person")
    }
}

impl fmt::Debug for InboundView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InboundView")
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}
