//! What people, and other numbers of ours, write to a business number: finds the number, builds the
//! message in the platform's shape and lets a webhook go out. Decides only.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};

use super::super::{ids, media};
use super::webhook;
use crate::outage::{Behaviour, Provider, Subject};
use crate::people::{
    Media, OptionKind, PersonError, PersonSend, Received, ReplyOption, option_for,
};
use crate::text::digits;
use crate::world::World;

/// How long the URL in an inbound media message stays good.
const MEDIA_URL_LIFE_MS: u64 = 5 * 60 * 1000;

pub(crate) fn person_sends(
    world: &mut World,
    address: &str,
    send: PersonSend,
    now_ms: u64,
) -> Result<String, PersonError> {
    let number_id = business_number(world, address, send.to.as_deref())?;
    let mut message = content(world, address, &send, now_ms)?;
    if let Some(quoted) = &send.reply_to {
        message["context"] = context(world, &number_id, quoted);
    } else if let Some(quoted) = message["context"].as_str().map(str::to_owned) {
        message["context"] = context(world, &number_id, &quoted);
    }
    Ok(comes_in(world, &number_id, address, message, now_ms))
}

/// A message that another business number wrote comes in as a text of that number. Whether it was
/// one; those for people are left alone.
pub(super) fn reaches_number(world: &mut World, key: u64, now_ms: u64) -> bool {
    let state = &world.whatsapp;
    let Some((sent, to, from)) = state.message(key).and_then(|sent| {
        let to = state.other_number(&sent.number_id, &sent.to)?;
        Some((sent, to, state.number(&sent.number_id)?))
    }) else {
        return false;
    };
    let (to, address) = (
        to.number.id.clone(),
        digits(&from.number.display_phone_number),
    );
    let name = from.number.verified_name.clone();
    let message = json!({"type": "text", "text": {"body": sent.text}});
    world.people.person(&address).name = name;
    comes_in(world, &to, &address, message, now_ms);
    true
}

/// Stamps a message and lets its webhook go out; gives its id.
fn comes_in(
    world: &mut World,
    number_id: &str,
    address: &str,
    mut message: Value,
    now_ms: u64,
) -> String {
    let id = ids::inbound(&mut world.draws, address);
    let person = world.people.person(address);
    person.last_inbound_ms = Some(now_ms);
    message["from"] = address.into();
    message["from_user_id"] = person.user_id.as_str().into();
    message["id"] = id.as_str().into();
    message["timestamp"] = (now_ms / 1000).to_string().into();
    if !is_silenced(world, number_id, address, &message) {
        webhook::message(world, number_id, address, message, now_ms);
    }
    id
}

fn business_number(
    world: &World,
    address: &str,
    wanted: Option<&str>,
) -> Result<String, PersonError> {
    let numbers = &world.whatsapp.numbers;
    if let Some(wanted) = wanted {
        let found = numbers.iter().find(|state| {
            state.number.id == wanted
                || digits(&state.number.display_phone_number) == digits(wanted)
        });
        let found = found.ok_or_else(|| PersonError::UnknownNumber(wanted.to_owned()))?;
        return Ok(found.number.id.clone());
    }
    let last = world
        .people
        .find(address)
        .and_then(|person| person.last_number.clone());
    last.or_else(|| numbers.first().map(|state| state.number.id.clone()))
        .ok_or_else(|| PersonError::UnknownNumber(String::new()))
}

/// The message without its envelope; a quoted id is left in `context` as plain text.
fn content(
    world: &mut World,
    address: &str,
    send: &PersonSend,
    now_ms: u64,
) -> Result<Value, PersonError> {
    if let Some(wanted) = &send.button {
        let found = world
            .people
            .received(address)
            .filter(|r| r.channel == Provider::Whatsapp);
        let (received, option) = option_for(found, wanted)
            .ok_or_else(|| PersonError::NoSuchButton(wanted.chars().take(80).collect()))?;
        return Ok(pressed(received, option));
    }
    if let Some(media) = &send.media {
        return media_message(world, media, now_ms);
    }
    let named = [("location", &send.location), ("reaction", &send.reaction)];
    for (kind, part) in named {
        if let Some(part) = part {
            return Ok(json!({"type": kind, kind: part}));
        }
    }
    if let Some(message) = &send.message {
        let good = message["type"].is_string();
        return good.then(|| message.clone()).ok_or(PersonError::BadMessage);
    }
    let text = send.text.as_ref().ok_or(PersonError::Empty)?;
    Ok(json!({"type": "text", "text": {"body": text}}))
}

fn pressed(received: &Received, option: &ReplyOption) -> Value {
    let quoted = &received.provider_message_id;
    match option.kind {
        OptionKind::QuickReply => json!({
            "type": "button", "context": quoted,
            "button": {"payload": option.id, "text": option.title}
        }),
        OptionKind::Button => json!({
            "type": "interactive", "context": quoted,
            "interactive": {"type": "button_reply",
                "button_reply": {"id": option.id, "title": option.title}}
        }),
        OptionKind::ListRow => {
            let mut row = json!({"id": option.id, "title": option.title});
            if let Some(description) = &option.description {
                row["description"] = description.as_str().into();
            }
            json!({
                "type": "interactive", "context": quoted,
                "interactive": {"type": "list_reply", "list_reply": row}
            })
        }
    }
}

fn media_message(world: &mut World, file: &Media, now_ms: u64) -> Result<Value, PersonError> {
    let bytes = STANDARD
        .decode(&file.data_base64)
        .map_err(|_| PersonError::BadMedia)?;
    if bytes.len() > media::MEDIA_BYTES_MAX / 4 {
        return Err(PersonError::MediaFull);
    }
    let id = world.draws.digits(16);
    world
        .whatsapp
        .media
        .put(id.clone(), &file.mime_type, Bytes::from(bytes));
    let stored = world
        .whatsapp
        .media
        .get(&id)
        .ok_or(PersonError::MediaFull)?;
    let url = media::download_url(&world.whatsapp.base_url, &id, now_ms + MEDIA_URL_LIFE_MS);
    let mut part = json!({
        "id": id, "mime_type": file.mime_type, "sha256": stored.sha256, "url": url
    });
    for (name, value) in [("caption", &file.caption), ("filename", &file.filename)] {
        if let Some(value) = value {
            part[name] = value.as_str().into();
        }
    }
    Ok(json!({"type": file.kind, file.kind.as_str(): part}))
}

fn context(world: &World, number_id: &str, quoted: &str) -> Value {
    let from = world.whatsapp.number(number_id);
    let from = from
        .map(|state| digits(&state.number.display_phone_number))
        .unwrap_or_default();
    json!({"from": from, "id": quoted})
}

fn is_silenced(world: &mut World, number_id: &str, address: &str, message: &Value) -> bool {
    let subject = Subject {
        phone_number_id: Some(number_id),
        message_type: message["type"].as_str(),
        address: Some(address),
        ..Subject::default()
    };
    world
        .outage(Provider::Whatsapp, &subject, |b| {
            b == Behaviour::InboundSilent
        })
        .is_some()
}
