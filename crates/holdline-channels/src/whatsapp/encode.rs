//! Makes the request for the provider out of what the app posted: the same object, in its order
//! and with its unknown keys, but with the provider's ids for ours. Never drops content.

use super::wire::ids::parse_wamid;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use thiserror::Error;

/// Whom the request is sent to.
#[derive(Clone, Copy)]
pub enum Target<'a> {
    /// As the app wrote it.
    AsGiven,
    /// `+` and digits.
    Phone(&'a str),
    /// A business-scoped user id.
    UserId(&'a str),
}

/// What replaces what in the app's object.
#[derive(Clone)]
pub struct Substitutions<'a> {
    pub target: Target<'a>,
    /// Our callback data; the app's own is kept with the message.
    pub opaque: &'a str,
    /// Ids of messages: ours to the provider's.
    pub message_ids: &'a BTreeMap<String, String>,
    /// Ids of media: ours to the provider's. Ids that are not here are sent as they are.
    pub media_ids: &'a BTreeMap<String, String>,
    /// A whole `template` object in place of the app's.
    pub template: Option<&'a Value>,
}

/// Why no request can be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum EncodeError {
    #[error("the stored message is not a JSON object")]
    NotAnObject,
    #[error("the message that {field} points at was never known to WhatsApp")]
    UnknownMessage { field: &'static str },
}

/// The bytes to post to `/{phone}/messages`.
///
/// # Errors
/// When the object is none, or reacts to a message that has no id at the provider.
pub fn encode(message: Value, with: &Substitutions<'_>) -> Result<Vec<u8>, EncodeError> {
    let Value::Object(mut message) = message else {
        return Err(EncodeError::NotAnObject);
    };
    target(&mut message, with.target);
    if let Some(template) = with.template {
        message.insert("template".into(), template.clone());
    }
    message.insert("biz_opaque_callback_data".into(), with.opaque.into());
    context(&mut message, with.message_ids);
    for field in ["reaction", "pin"] {
        if let Some(object) = message.get_mut(field) {
            pointed_at(object, field, with.message_ids)?;
        }
    }
    every_media_id(&mut message, &mut |id| replace(id, with.media_ids));
    Ok(Value::Object(message).to_string().into_bytes())
}

/// The bytes that mark a message as read, `provider_id` being the provider's id of it.
///
/// # Errors
/// When the object is none.
pub fn encode_mark_read(request: &Value, provider_id: &str) -> Result<Vec<u8>, EncodeError> {
    let mut request = request.as_object().ok_or(EncodeError::NotAnObject)?.clone();
    request.insert("message_id".into(), provider_id.into());
    Ok(Value::Object(request).to_string().into_bytes())
}

/// The ids of messages that the object points at, to be looked up before [`encode`].
#[must_use]
pub fn message_ids(message: &Value) -> Vec<&str> {
    [
        "/context/message_id",
        "/reaction/message_id",
        "/pin/message_id",
        "/message_id",
    ]
    .into_iter()
    .filter_map(|pointer| message.pointer(pointer)?.as_str())
    .collect()
}

/// The ids of media that the object uses, to be looked up before [`encode`]. Found by the walk that
/// replaces them there; changes nothing.
#[must_use]
pub fn media_ids(message: &mut Value) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(object) = message.as_object_mut() {
        every_media_id(object, &mut |id| found.extend(id_text(id)));
    }
    found
}

fn target(message: &mut Map<String, Value>, target: Target<'_>) {
    let (set, value, unset) = match target {
        Target::AsGiven => return,
        Target::Phone(phone) => ("to", phone, "recipient"),
        Target::UserId(id) => ("recipient", id, "to"),
    };
    message.insert(set.into(), value.into());
    message.shift_remove(unset);
}

/// A quote of a message that WhatsApp never saw is left out: the message itself still goes.
fn context(message: &mut Map<String, Value>, ids: &BTreeMap<String, String>) {
    let Some(context) = message.get_mut("context") else {
        return;
    };
    if context.is_null() || pointed_at(context, "context", ids).is_err() {
        message.shift_remove("context");
    }
}

/// Puts the provider's id for ours; an id that we did not make is the provider's already.
fn pointed_at(
    object: &mut Value,
    field: &'static str,
    ids: &BTreeMap<String, String>,
) -> Result<(), EncodeError> {
    let Some(id) = object.get_mut("message_id") else {
        return Ok(());
    };
    let Some(ours) = id.as_str() else {
        return Ok(());
    };
    match ids.get(ours) {
        Some(theirs) => *id = theirs.as_str().into(),
        None if parse_wamid(ours).is_some() => {
            return Err(EncodeError::UnknownMessage { field });
        }
        None => {}
    }
    Ok(())
}

fn every_media_id(message: &mut Map<String, Value>, found: &mut dyn FnMut(&mut Value)) {
    own_media(message, found);
    for key in ["interactive", "template"] {
        if let Some(part) = message.get_mut(key) {
            walk(part, found);
        }
    }
}

fn replace(id: &mut Value, ids: &BTreeMap<String, String>) {
    if let Some(theirs) = id_text(id).and_then(|ours| ids.get(&ours)) {
        *id = theirs.as_str().into();
    }
}

fn id_text(id: &Value) -> Option<String> {
    id.as_str()
        .map(Into::into)
        .or_else(|| id.as_u64().map(|number| number.to_string()))
}

/// Goes through the parts that may hold media. Data of flows and such is the app's own: an `id`
/// in it means something else.
fn walk(part: &mut Value, found: &mut dyn FnMut(&mut Value)) {
    if let Some(items) = part.as_array_mut() {
        items.iter_mut().for_each(|item| walk(item, found));
        return;
    }
    let Some(object) = part.as_object_mut() else {
        return;
    };
    own_media(object, found);
    for key in ["header", "action", "cards", "components", "parameters"] {
        let inner = object.get_mut(key);
        let data = key == "parameters" && inner.as_ref().is_some_and(|inner| inner.is_object());
        if let Some(inner) = inner.filter(|_| !data) {
            walk(inner, found);
        }
    }
}

fn own_media(object: &mut Map<String, Value>, found: &mut dyn FnMut(&mut Value)) {
    for kind in ["image", "video", "audio", "document", "sticker"] {
        if let Some(id) = object.get_mut(kind).and_then(|media| media.get_mut("id")) {
            found(id);
        }
    }
}

impl std::fmt::Debug for Target<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::AsGiven => "AsGiven",
            Self::Phone(_) => "Phone",
            Self::UserId(_) => "UserId",
        })
    }
}

impl std::fmt::Debug for Substitutions<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Substitutions")
            .field("target", &self.target)
            .finish_non_exhaustive()
    }
}
