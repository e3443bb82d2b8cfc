//! `GET /messages` and `GET /messages/{id}`: an app sees the messages that it sent, no others; a
//! token that is limited to some senders sees those of these senders alone.

use super::view::{self, MessageSummary, MessageView, StateName, message_id};
use crate::http::api::input::{Caller, Params};
use crate::http::api::problem::{Answer, Errors, Kind, Problem, ProblemBody};
use crate::http::auth;
use crate::http::state::AppState;
use axum::Json;
use axum::extract::{Path, RawQuery, State};
use holdline_core::{ContactId, MessageId};
use holdline_engine::ports::records::StoredMessage;
use holdline_engine::ports::store::MessageFilter;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// When what is in the spool may be in the store.
const SPOOL_RETRY_S: u32 = 5;
const PARAMS: [&str; 4] = ["before", "limit", "state", "contact"];

/// A page of messages, the newest first.
#[derive(Serialize, Deserialize, ToSchema)]
pub(crate) struct MessagePage {
    pub(crate) data: Vec<MessageSummary>,
    /// Id to give as `before` for the next page, if there is one.
    pub(crate) next: Option<String>,
}

/// List messages.
///
/// The newest first, a page at a time: `next` of one page is `before` of the page after it.
#[utoipa::path(
    get, path = "/messages", tag = "Messages",
    params(
        ("before" = Option<String>, Query, description = "Only messages older than this id"),
        ("limit" = Option<usize>, Query, description = "Messages on a page, 1 to 500; usually 50"),
        ("state" = Option<StateName>, Query, description = "Only messages in this state"),
        ("contact" = Option<String>, Query, description = "Only messages to this contact"),
    ),
    responses(
        (status = 200, description = "A page", body = MessagePage),
        (status = 422, description = "Faulty parameters", body = ProblemBody,
            content_type = "application/problem+json"),
        Errors,
    )
)]
pub(crate) async fn list(
    State(state): State<AppState>,
    Caller(caller): Caller,
    RawQuery(query): RawQuery,
) -> Answer<Json<MessagePage>> {
    let params = Params::read(query.as_deref(), &PARAMS)?;
    let limit = params.limit()?;
    let filter = filter(&params, &state, caller)?;
    let mut found = state
        .engine
        .store()
        .list_messages(&filter, limit + 1)
        .await?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found
        .last()
        .filter(|_| more)
        .map(|last| last.message.id.hex());
    Ok(Json(MessagePage {
        data: found.iter().map(view::summary).collect(),
        next,
    }))
}

/// Show a message with everything that happened to it.
#[utoipa::path(
    get, path = "/messages/{id}", tag = "Messages",
    params(("id" = String, Path, description = "Id or wamid of the message")),
    responses(
        (status = 200, description = "The message", body = MessageView),
        (status = 404, description = "No such message", body = ProblemBody,
            content_type = "application/problem+json"),
        Errors,
    )
)]
pub(crate) async fn get(
    State(state): State<AppState>,
    Caller(caller): Caller,
    Path(id): Path<String>,
) -> Answer<Json<MessageView>> {
    Ok(Json(whole(&state, &caller, message_id(&id)?).await?))
}

pub(super) async fn whole(
    state: &AppState,
    caller: &auth::Caller,
    id: MessageId,
) -> Answer<MessageView> {
    let stored = own_message(state, caller, id).await?;
    let timeline = state.engine.store().timeline(id).await?;
    Ok(view::whole(&stored, timeline))
}

/// The message, when the caller's app sent it by a sender that the caller may use.
pub(super) async fn own_message(
    state: &AppState,
    caller: &auth::Caller,
    id: MessageId,
) -> Answer<StoredMessage> {
    let found = state.engine.store().message(id).await?;
    if found.is_none() && state.engine.spool().is_some_and(|it| it.in_use) {
        // It may be on its way from the spool into the store.
        let detail = "not everything that was accepted is in the database yet";
        return Err(Problem::retry(Kind::Unavailable, detail, SPOOL_RETRY_S));
    }
    let senders = caller.sees(&state.config);
    let own = found.filter(|stored| {
        let message = &stored.message;
        let seen = |senders: &Vec<String>| senders.contains(&message.sender);
        message.app == caller.app && senders.as_ref().is_none_or(seen)
    });
    own.ok_or_else(|| Problem::not_found("message"))
}

fn filter(params: &Params, app_state: &AppState, caller: auth::Caller) -> Answer<MessageFilter> {
    let state = |text: &str| StateName::NAMES.contains(&text).then(|| text.to_owned());
    let states = format!("give one of: {}", StateName::NAMES.join(", "));
    let before = |text: &str| message_id(text).ok();
    Ok(MessageFilter {
        senders: caller.sees(&app_state.config),
        app: Some(caller.app),
        contact: params.get_as("contact", "give the id of a contact", ContactId::parse)?,
        state: params.get_as("state", &states, state)?,
        before: params.get_as("before", "give the id of a message", before)?,
        ..MessageFilter::default()
    })
}
