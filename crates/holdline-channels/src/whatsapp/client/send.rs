//! Gets a message ready for the provider and posts it: its template, the provider's ids for the
//! messages and files that it names, files uploaded where the provider does not have them.

use super::graph::{GraphClient, reply};
use crate::http::Response;
use crate::say;
use crate::whatsapp::classify::classify;
use crate::whatsapp::encode::{self, EncodeError, Substitutions, Target, encode};
use crate::whatsapp::wire::ids::opaque_of;
use holdline_core::ChannelKind;
use holdline_core::message::{FaultClass, Outcome};
use holdline_engine::ports::records::MediaRecord;
use holdline_engine::ports::{Dispatch, Library};
use serde_json::Value;
use std::collections::BTreeMap;

/// How long a file's id at the provider is used: it is kept for 30 days there.
const ALIAS_MS: u64 = 29 * 24 * 60 * 60 * 1000;

/// One attempt.
pub(super) async fn send(
    graph: &GraphClient,
    dispatch: &Dispatch,
    library: &dyn Library,
) -> Result<Outcome, Outcome> {
    let mut value = say::message_value(dispatch, library).await?;
    let message_ids = message_ids(&value, library).await?;
    let media_ids = media_ids(graph, &mut value, &dispatch.hop.sender, library).await?;
    let opaque = opaque_of(dispatch.key.message.0, dispatch.key.number);
    let target = target(&value, dispatch.hop.address.expose());
    let bytes = encode(
        value,
        &Substitutions {
            target,
            opaque: &opaque,
            message_ids: &message_ids,
            media_ids: &media_ids,
            template: None,
        },
    );
    let bytes = bytes.map_err(|why: EncodeError| {
        say::rejected(FaultClass::Request, "encode", &why.to_string())
    })?;
    match graph.post_message(&dispatch.hop.sender, bytes).await {
        Ok(answer) => Ok(classify(&reply(&answer), library.now())),
        Err(error) => Ok(say::of_transport(&error)),
    }
}

/// Groups keep the address that the app wrote; a dot is in user ids alone.
fn target<'a>(value: &Value, address: &'a str) -> Target<'a> {
    let group = value.get("recipient_type").and_then(Value::as_str) == Some("group");
    match (group, address.starts_with('+'), address.contains('.')) {
        (true, _, _) => Target::AsGiven,
        (false, false, true) => Target::UserId(address),
        (false, _, _) => Target::Phone(address),
    }
}

async fn message_ids(
    value: &Value,
    library: &dyn Library,
) -> Result<BTreeMap<String, String>, Outcome> {
    let mut found = BTreeMap::new();
    for ours in encode::message_ids(value) {
        let theirs = library.provider_id(ours, ChannelKind::WHATSAPP).await;
        if let Some(theirs) = theirs.map_err(|error| say::store_fault(&error))? {
            found.insert(ours.to_owned(), theirs);
        }
    }
    Ok(found)
}

async fn media_ids(
    graph: &GraphClient,
    value: &mut Value,
    sender: &str,
    library: &dyn Library,
) -> Result<BTreeMap<String, String>, Outcome> {
    let mut found = BTreeMap::new();
    for ours in encode::media_ids(value) {
        // An id that is not ours is the provider's already.
        let record = library
            .media(&ours)
            .await
            .map_err(|error| say::store_fault(&error))?;
        if let (Some(record), false) = (record, found.contains_key(&ours)) {
            let theirs = media_id(graph, &record, sender, library).await?;
            found.insert(ours, theirs);
        }
    }
    Ok(found)
}

async fn media_id(
    graph: &GraphClient,
    record: &MediaRecord,
    sender: &str,
    library: &dyn Library,
) -> Result<String, Outcome> {
    let known = library.media_alias(&record.id, sender).await;
    if let Some(known) = known.map_err(|error| say::store_fault(&error))? {
        return Ok(known);
    }
    let Some(_turn) = graph.upload_turn(&record.id).await else {
        return Err(say::not_now(
            "upload",
            "the file is being uploaded by another message",
        ));
    };
    let known = library.media_alias(&record.id, sender).await;
    if let Some(known) = known.map_err(|error| say::store_fault(&error))? {
        return Ok(known);
    }
    let bytes = library.media_bytes(record).await;
    let bytes = bytes.map_err(|why| say::not_now("media", &why))?;
    let name = record
        .filename
        .as_ref()
        .map_or("file", |name| name.expose().as_str());
    let answer = graph.upload(sender, &record.mime, name, bytes).await;
    let theirs = match answer {
        Ok(answer) => uploaded(&answer, library)?,
        Err(error) => return Err(unsent(say::of_transport(&error))),
    };
    let until = library.now().plus_ms(ALIAS_MS);
    let saved = library
        .save_media_alias(&record.id, sender, &theirs, until)
        .await;
    // Without it the file is uploaded again next time; the message goes out all the same.
    if let Err(error) = saved {
        tracing::warn!(media = record.id, %error, "the provider's id of a file was not kept");
    }
    Ok(theirs)
}

fn uploaded(answer: &Response, library: &dyn Library) -> Result<String, Outcome> {
    let body: Option<Value> = serde_json::from_slice(&answer.body).ok();
    let id = body.as_ref().and_then(|body| body.get("id"));
    let id = id.and_then(|id| {
        id.as_str()
            .map(str::to_owned)
            .or(id.as_u64().map(|n| n.to_string()))
    });
    match id.filter(|_| answer.is_success()) {
        Some(id) => Ok(id),
        None => Err(unsent(classify(&reply(answer), library.now()))),
    }
}

/// An upload in doubt has sent no message: that is certain.
fn unsent(outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::Unknown(fault) => Outcome::Rejected(fault),
        Outcome::Accepted { .. } => say::rejected(
            FaultClass::Platform,
            "upload",
            "the upload was answered without an id",
        ),
        outcome @ (Outcome::Rejected(_) | Outcome::Throttled { .. }) => outcome,
    }
}
