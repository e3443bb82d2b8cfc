//! What somebody does with a message: try it now, send it by another channel, cancel it, or send
//! one that did not arrive anew. Each has a reason, and stands in the audit before it is tried.

use super::one::url_of;
use crate::http::api::messages::view::message_id;
use crate::http::console::access::{Act, Denied, Signed, deed};
use crate::http::console::{guard, reason_fault, said};
use crate::http::state::AppState;
use axum::Form;
use axum::extract::{Path, State};
use axum::response::Response;
use bytes::Bytes;
use holdline_core::health::Feature;
use holdline_core::message::{End, State as Where};
use holdline_core::{ChannelKind, MessageId};
use holdline_engine::ports::records::StoredMessage;
use holdline_engine::request::{NewMessage, Recipient, Refusal};
use serde::Deserialize;
use std::sync::Arc;

#[derive(Deserialize)]
pub(in crate::http::console) struct Given {
    what: What,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    channel: String,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum What {
    Retry,
    Cancel,
    SendBy,
    Again,
}

impl What {
    const fn action(self) -> &'static str {
        match self {
            Self::Retry => "message.retry",
            Self::Cancel => "message.cancel",
            Self::SendBy => "message.send_by",
            Self::Again => "message.again",
        }
    }
}

pub(in crate::http::console) async fn act(
    State(state): State<AppState>,
    signed: Signed,
    Path(id): Path<String>,
    Form(given): Form<Given>,
) -> Response {
    if let Err(denied) = signed.must(Act::Messages) {
        return denied.answer(&state);
    }
    let Ok(id) = message_id(&id) else {
        return guard::unknown_page(State(state), signed).await;
    };
    if let Some(fault) = reason_fault(&given.reason) {
        return said::refused(&url_of(id), fault);
    }
    let channel = ChannelKind::new(&given.channel);
    let by = channel.map(|it| it.as_str().to_owned()).unwrap_or_default();
    let subject = id.hex();
    let what = (given.what.action(), subject.as_str());
    let ops = deed(
        &state,
        &signed.actor(),
        what,
        (given.reason.trim(), by.as_str()),
    );
    if let Err(error) = state.engine.commit(ops).await {
        return Denied::Store(error).answer(&state);
    }
    let engine = &state.engine;
    let (done, words) = match (given.what, channel) {
        (What::Retry, _) => (engine.retry_now(id).await, "It is looked at now."),
        (What::Cancel, _) => (
            engine.cancel(id).await,
            "It is cancelled: nothing more leaves.",
        ),
        (What::SendBy, Some(channel)) => {
            let done = engine.send_by(id, channel).await;
            (done, "It goes by the other channel.")
        }
        (What::SendBy, None) => return said::refused(&url_of(id), "Choose a channel."),
        (What::Again, _) => match again(&state, id).await {
            Ok(new) => return said::done(&url_of(new), "This is the same message, sent anew."),
            Err(refusal) => (Err(refusal), ""),
        },
    };
    match done {
        Ok(()) => said::done(&url_of(id), words),
        Err(Refusal::AlreadyEnded) => said::refused(&url_of(id), "It has ended already."),
        Err(refusal) => said::refused(&url_of(id), &format!("Not done: {refusal}.")),
    }
}

/// Whether it can be sent anew: it has ended without arriving, and its text is still there.
pub(super) fn can_be_sent_again(stored: &StoredMessage) -> bool {
    let lost = matches!(
        stored.delivery.state,
        Where::Ended {
            end: End::Failed | End::Expired | End::Cancelled,
            ..
        }
    );
    lost && !stored.message.body.expose().is_empty()
}

/// A new message of the same text to the same person, by the plan that is usual now.
async fn again(state: &AppState, id: MessageId) -> Result<MessageId, Refusal> {
    let found = state.engine.store().message(id).await?;
    let stored = found.ok_or(Refusal::UnknownMessage)?;
    if !can_be_sent_again(&stored) {
        let why = "only what has ended without arriving can be sent anew";
        return Err(Refusal::NoRoute(why.to_owned()));
    }
    let first = stored.message.plan.first();
    let message = stored.message.clone();
    let new = NewMessage {
        app: message.app,
        sender: message.sender,
        to: Recipient::Contact(message.contact),
        to_input: message.to_input.expose().clone(),
        kind: message.kind,
        feature: first.map_or(Feature::Session, |hop| hop.feature),
        body: message.body.expose().clone(),
        opaque: message.opaque,
        priority: message.priority,
        duplicate_rule: Some(message.duplicate_rule),
        data_class: Some(message.data_class),
        expires_at: None,
        hops: None,
        idempotency: None,
        answer: Arc::new(|_| Bytes::new()),
    };
    state.engine.accept(new).await.map(|accepted| accepted.id)
}
