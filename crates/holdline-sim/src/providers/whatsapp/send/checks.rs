//! Whether a message is one the platform would take: type, required parts, documented limits.
//! Pure but for the look at stored media.

use serde_json::{Map, Value};

use super::super::Call;
use super::super::graph_error::GraphError;
use crate::world::World;

type Checked = Result<(), GraphError>;

const TYPES: &[&str] = &[
    "text",
    "image",
    "video",
    "audio",
    "document",
    "sticker",
    "location",
    "contacts",
    "reaction",
    "interactive",
    "template",
    "pin",
];

/// The type of a good message.
pub(crate) fn check(world: &World, call: &Call) -> Result<String, GraphError> {
    let body = &call.params.values;
    let kind = body
        .get("type")
        .and_then(Value::as_str)
        .unwrap_or("text")
        .to_ascii_lowercase();
    if !TYPES.contains(&kind.as_str()) {
        let known = TYPES.join(", ").to_ascii_uppercase();
        return Err(GraphError::invalid(&format!(
            "Param type must be one of {{{known}}}"
        )));
    }
    check_envelope(body)?;
    let part = body.get(&kind).filter(|part| !part.is_null());
    let part = part.ok_or_else(|| GraphError::missing(&kind))?;
    match kind.as_str() {
        "text" => text_within(part, "text", "body", 4_096)?,
        "image" | "video" | "audio" | "document" | "sticker" => media(world, part, &kind)?,
        "location" => location(part)?,
        "contacts" => contacts(part)?,
        "reaction" => text_within(part, "reaction", "message_id", 512)?,
        "interactive" => interactive(part)?,
        "template" => template(part)?,
        _ => {}
    }
    Ok(kind)
}

fn check_envelope(body: &Map<String, Value>) -> Checked {
    let opaque = body
        .get("biz_opaque_callback_data")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if opaque.chars().count() > 512 {
        return Err(GraphError::bad_value(
            "biz_opaque_callback_data",
            "at most 512 characters",
        ));
    }
    let context = body.get("context").filter(|context| !context.is_null());
    match context.map(|context| context.get("message_id").and_then(Value::as_str)) {
        Some(Some(id)) if id.starts_with("wamid.") => Ok(()),
        Some(_) => Err(GraphError::bad_value(
            "context.message_id",
            "is not the id of a message",
        )),
        None => Ok(()),
    }
}

fn text_within(part: &Value, path: &str, name: &str, max: usize) -> Checked {
    let text = part.get(name).and_then(Value::as_str).unwrap_or_default();
    if text.is_empty() {
        return Err(GraphError::missing(&format!("{path}['{name}']")));
    }
    if text.chars().count() > max {
        let why = format!("must be at most {max} characters long");
        return Err(GraphError::bad_value(&format!("{path}['{name}']"), &why));
    }
    Ok(())
}

fn media(world: &World, part: &Value, kind: &str) -> Checked {
    let given = |name| {
        part.get(name)
            .and_then(Value::as_str)
            .filter(|t: &&str| !t.is_empty())
    };
    if let Some(id) = given("id") {
        if world.whatsapp.media.get(id).is_none() {
            return Err(GraphError::invalid(&format!(
                "Param {kind}['id'] is not a valid whatsapp business account media attachment ID"
            )));
        }
        return Ok(());
    }
    let Some(link) = given("link") else {
        return Err(GraphError::missing(&format!(
            "{kind}['id'] or {kind}['link']"
        )));
    };
    if !link.starts_with("https://") && !link.starts_with("http://") {
        let why = "must be an http or https address";
        return Err(GraphError::bad_value(&format!("{kind}['link']"), why));
    }
    Ok(())
}

fn location(part: &Value) -> Checked {
    for (name, max) in [("latitude", 90.0), ("longitude", 180.0)] {
        let value = part.get(name).and_then(number);
        let path = format!("location['{name}']");
        match value {
            None => return Err(GraphError::missing(&path)),
            Some(value) if value.abs() > max => {
                return Err(GraphError::bad_value(&path, "is out of range"));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.parse().ok())
}

fn contacts(part: &Value) -> Checked {
    let cards = part.as_array().filter(|cards| !cards.is_empty());
    for card in cards.ok_or_else(|| GraphError::missing("contacts"))? {
        let name = card.get("name").unwrap_or(&Value::Null);
        text_within(name, "contacts['name']", "formatted_name", 1_024)?;
    }
    Ok(())
}

fn interactive(part: &Value) -> Checked {
    text_within(part, "interactive", "type", 64)?;
    let action = part.get("action").filter(|action| action.is_object());
    let action = action.ok_or_else(|| GraphError::missing("interactive['action']"))?;
    match part["type"].as_str().unwrap_or_default() {
        "button" => {
            text_within(&part["body"], "interactive['body']", "text", 1_024)?;
            buttons(action)
        }
        "list" => {
            text_within(&part["body"], "interactive['body']", "text", 4_096)?;
            text_within(action, "interactive['action']", "button", 20)?;
            rows(action)
        }
        _ => Ok(()),
    }
}

fn buttons(action: &Value) -> Checked {
    let path = "interactive['action']['buttons']";
    let buttons = action.get("buttons").and_then(Value::as_array);
    let buttons = buttons.ok_or_else(|| GraphError::missing(path))?;
    if !(1..=3).contains(&buttons.len()) {
        return Err(GraphError::bad_value(
            path,
            "Invalid buttons count. Min allowed buttons: 1, Max allowed buttons: 3",
        ));
    }
    let mut titles = Vec::new();
    for button in buttons {
        text_within(&button["reply"], path, "id", 256)?;
        text_within(&button["reply"], path, "title", 20)?;
        titles.push(button["reply"]["title"].as_str());
    }
    titles.sort_unstable();
    if titles.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(GraphError::bad_value(path, "Duplicated title"));
    }
    Ok(())
}

fn rows(action: &Value) -> Checked {
    let path = "interactive['action']['sections']";
    let sections = action.get("sections").and_then(Value::as_array);
    let sections = sections.ok_or_else(|| GraphError::missing(path))?;
    let rows: Vec<&Value> = sections
        .iter()
        .flat_map(|section| section["rows"].as_array().map_or(&[][..], Vec::as_slice))
        .collect();
    if !(1..=10).contains(&rows.len()) {
        return Err(GraphError::bad_value(
            path,
            "Total row count must be from 1 to 10",
        ));
    }
    for row in rows {
        text_within(row, path, "id", 200)?;
        text_within(row, path, "title", 24)?;
    }
    Ok(())
}

fn template(part: &Value) -> Checked {
    text_within(part, "template", "name", 512)?;
    let language = part.get("language").filter(|language| language.is_object());
    let language = language.ok_or_else(|| GraphError::missing("template['language']"))?;
    if language
        .get("code")
        .and_then(Value::as_str)
        .is_none_or(str::is_empty)
    {
        return Err(GraphError::missing_top("template['language']['code']"));
    }
    Ok(())
}
