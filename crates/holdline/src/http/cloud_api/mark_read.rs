//! Marks a person's message as read and shows that an answer is being written, as far as the
//! message came by WhatsApp and WhatsApp answers in time. The app is told success either way:
//! an outage must not make it fail.

use super::call::Params;
use super::messages::Sending;
use super::{checks, forward, reply};
use axum::response::Response;
use bytes::Bytes;
use holdline_channels::whatsapp::wire::ids::{Direction, parse_wamid};
use holdline_channels::whatsapp::wire::{GraphError, MarkRead};
use holdline_core::ChannelKind;
use holdline_core::id::InboundId;
use std::sync::Arc;
use std::time::Duration;

/// How long the provider may take, and how long of it the app waits.
const FORWARD_TIME_MAX: Duration = Duration::from_secs(2);
const ANSWER_TIME_MAX: Duration = Duration::from_millis(700);

pub(super) async fn post(
    sending: &Sending<'_>,
    params: &Params,
    mark: &MarkRead,
) -> Result<Response, GraphError> {
    let Some((id, Direction::Inbound)) = parse_wamid(&mark.message_id) else {
        return Err(unknown());
    };
    checks::need_message(sending, "message_id", &mark.message_id).await?;
    let inbound = sending.state.engine.store().inbound(InboundId(id)).await;
    let inbound = inbound
        .map_err(|error| reply::store_down(&error))?
        .ok_or_else(unknown)?;
    if inbound.channel == ChannelKind::WHATSAPP {
        pass_on(sending, body(params, inbound.provider_id)).await;
    }
    Ok(reply::success())
}

/// Gives it to the provider, on its own time; beyond the bound it is left out.
async fn pass_on(sending: &Sending<'_>, body: Bytes) {
    let Some(graph) = sending.state.graph.clone() else {
        return;
    };
    let marks = Arc::clone(&sending.state.memo.marks);
    let Ok(turn) = marks.try_acquire_owned() else {
        return;
    };
    let phone = sending.sender.phone_number_id.clone();
    let passing = tokio::spawn(async move {
        let passed = forward::post_json(&graph, &phone, body);
        if tokio::time::timeout(FORWARD_TIME_MAX, passed)
            .await
            .is_err()
        {
            tracing::debug!(%phone, "a read mark was not taken in time");
        }
        drop(turn);
    });
    let _ = tokio::time::timeout(ANSWER_TIME_MAX, passing).await;
}

/// The same request with the id that the provider knows.
fn body(params: &Params, provider_id: String) -> Bytes {
    let mut object = params.object.clone();
    object["message_id"] = provider_id.into();
    Bytes::from(object.to_string())
}

fn unknown() -> GraphError {
    let mend = "must be the id of a message that a person sent: take it from the webhook";
    GraphError::invalid_value("message_id", mend)
}
