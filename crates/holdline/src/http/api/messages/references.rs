//! What a message refers to must be there for this caller: earlier messages of the sender, files
//! that the caller may read. By the rules of the front door, with each fault at its place in the
//! request. Looks only; signs and fetches nothing.

use crate::config::WhatsappSender;
use crate::http::api::problem::{Answer, FieldFault, Problem};
use crate::http::auth::Caller;
use crate::http::cloud_api::{known_media, knows_message, media_ids};
use crate::http::state::AppState;
use holdline_core::message::content::Content;
use serde_json::Value;

const MESSAGES: [&str; 2] = ["/context/message_id", "/reaction/message_id"];
/// Objects of the Cloud API that hold the id of a file.
const FILES: [&str; 5] = ["image", "video", "audio", "document", "sticker"];

/// Who wants to send, and by which number.
#[derive(Clone, Copy)]
pub(super) struct From<'a> {
    pub(super) caller: &'a Caller,
    pub(super) sender: &'a WhatsappSender,
}

pub(super) async fn check(
    state: &AppState,
    from: From<'_>,
    body: &Value,
    content: &Content,
) -> Answer<()> {
    let mut faults = messages(state, from.sender, body).await?;
    for id in media_ids(content) {
        let looking = known_media(state, from.sender, id);
        let Some(found) = state.engine.look(looking).await? else {
            continue;
        };
        let owner = found.and_then(|media| state.sender(&media.sender));
        if !owner.is_some_and(|owner| from.caller.may_use(&state.config, owner)) {
            faults.push(FieldFault::new(
                format!("/message{}", place(body, id).unwrap_or_default()),
                "is no file of the sender",
                "upload it by the Cloud API, and give the id of the answer",
            ));
        }
    }
    if faults.is_empty() {
        Ok(())
    } else {
        Err(Problem::invalid(faults))
    }
}

async fn messages(
    state: &AppState,
    sender: &WhatsappSender,
    body: &Value,
) -> Answer<Vec<FieldFault>> {
    let mut faults = Vec::new();
    for at in MESSAGES {
        let Some(id) = body.pointer(at).and_then(Value::as_str) else {
            continue;
        };
        let looking = knows_message(state, sender, id);
        if !state.engine.look(looking).await?.unwrap_or(true) {
            let fix = "use the `wamid` of a message that this sender sent or received";
            faults.push(FieldFault::new(
                format!("/message{at}"),
                "is not an id of ours",
                fix,
            ));
        }
    }
    Ok(faults)
}

/// Where the id of a file stands, as a JSON Pointer.
fn place(value: &Value, id: &str) -> Option<String> {
    match value {
        Value::Object(fields) => fields.iter().find_map(|(name, field)| {
            let is_file = FILES.contains(&name.as_str());
            if is_file && field.get("id").is_some_and(|it| is_id(it, id)) {
                return Some(format!("/{name}/id"));
            }
            let name = name.replace('~', "~0").replace('/', "~1");
            place(field, id).map(|rest| format!("/{name}{rest}"))
        }),
        Value::Array(items) => (0..)
            .zip(items)
            .find_map(|(ix, item): (usize, _)| Some(format!("/{ix}{}", place(item, id)?))),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

fn is_id(value: &Value, id: &str) -> bool {
    match value {
        Value::String(text) => text == id,
        Value::Number(number) => number.to_string() == id,
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_id_of_a_file_is_found_where_it_stands() {
        let message = json!({"id": "7", "type": "template", "template": {"components": [
            {"type": "body"},
            {"type": "header", "parameters": [{"type": "image", "image": {"id": "7"}}]},
        ]}});
        let at = "/template/components/1/parameters/0/image/id";
        assert_eq!(place(&message, "7").as_deref(), Some(at));
        assert_eq!(message.pointer(at), Some(&json!("7")));
        assert_eq!(place(&message, "8"), None);
        assert_eq!(
            place(&json!({"video": {"id": 12}}), "12").as_deref(),
            Some("/video/id")
        );
    }
}
