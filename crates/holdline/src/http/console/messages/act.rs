//! What somebody does with a message: try it now, send it by another channel, cancel it. Each has a
//! reason, and stands in the audit before it is tried.

use super::one::url_of;
use crate::http::api::messages::view::message_id;
use crate::http::console::access::{Act, Denied, Signed, audit};
use crate::http::console::{guard, reason_fault};
use crate::http::state::AppState;
use axum::Form;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use holdline_core::{ChannelKind, MessageId};
use holdline_engine::request::Refusal;
use serde::Deserialize;

#[derive(Deserialize)]
pub(in crate::http::console) struct Given {
    what: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    channel: String,
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
        return back(id, "fault", fault);
    }
    let action = format!("message.{}", given.what);
    let what = (action.as_str(), &*id.hex());
    let deed = audit(
        &state,
        &signed.actor(),
        what,
        (&given.reason, &given.channel),
    );
    if let Err(error) = state.engine.commit(vec![deed]).await {
        return Denied::Store(error).answer(&state);
    }
    let engine = &state.engine;
    let (done, words) = match given.what.as_str() {
        "retry" => (engine.retry_now(id).await, "It is looked at now."),
        "cancel" => (
            engine.cancel(id).await,
            "It is cancelled: nothing more leaves.",
        ),
        "send_by" => match ChannelKind::new(&given.channel) {
            Some(channel) => (
                engine.send_by(id, channel).await,
                "It goes by the other channel.",
            ),
            None => return back(id, "fault", "Choose a channel."),
        },
        _ => return back(id, "fault", "There is no such thing to do."),
    };
    match done {
        Ok(()) => back(id, "done", words),
        Err(Refusal::AlreadyEnded) => back(id, "fault", "It has ended already."),
        Err(refusal) => back(id, "fault", &format!("Not done: {refusal}.")),
    }
}

fn back(id: MessageId, name: &str, words: &str) -> Response {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair(name, words);
    Redirect::to(&format!("{}?{}", url_of(id), query.finish())).into_response()
}
