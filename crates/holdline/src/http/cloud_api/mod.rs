//! The WhatsApp Cloud API as apps know it. Lets a call in, finds what its path names and hands it
//! on; what is not ours to answer goes to the provider. Every answer has the provider's form.

pub(crate) mod call;
mod checks;
pub(crate) mod fields;
pub(crate) mod forward;
mod mark_read;
mod media;
mod memo;
mod messages;
mod phone;
mod registration;
mod reply;
mod templates;

pub(crate) use checks::{known_media, knows_message, media_ids};
pub(crate) use media::{find as find_media, local as local_media};
pub(crate) use memo::Memo;
pub(crate) use reply::error as refuse;

use super::auth::{self, AuthError, Caller};
use super::state::AppState;
use crate::config::WhatsappSender;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::Method;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use bytes::Bytes;
use call::{Call, Params, Target, body};
use holdline_channels::whatsapp::wire::GraphError;
use messages::Sending;
use std::time::Duration;

/// Seconds after which a call that took too long may come again.
const TIMEOUT_RETRY_S: u32 = 5;
/// Clients give up after 5 s: whatever the configuration says, they are answered before. A message
/// that is not safe by then is refused.
const CALL_TIME_MAX: Duration = Duration::from_millis(3_800);

/// Takes every call whose path is no other part of this server.
pub(crate) async fn handle(State(state): State<AppState>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let call = Call::new(parts);
    match within_time(&state, &call, body).await {
        Ok(response) => response,
        Err(error) => refuse(&state, &error),
    }
}

/// A file takes as long as it takes: there each piece is timed.
async fn within_time(state: &AppState, call: &Call, body: Body) -> Result<Response, GraphError> {
    // In a box of its own: it is moved several times from here on.
    let serving = Box::pin(serve(state, call, body));
    if carries_file(state, call) {
        return serving.await;
    }
    let limit = Duration::from_millis(state.config.http.request_timeout_ms).min(CALL_TIME_MAX);
    let too_late = |_| GraphError::unavailable(TIMEOUT_RETRY_S);
    tokio::time::timeout(limit, serving)
        .await
        .map_err(too_late)?
}

fn carries_file(state: &AppState, call: &Call) -> bool {
    match &call.target {
        Target::Media { .. } | Target::Other { .. } => true,
        // The second step of an upload of the provider's.
        Target::Node { id } => forward::is_upload(call) && state.sender(id).is_none(),
        Target::Messages { .. }
        | Target::Templates { .. }
        | Target::PhoneNumbers { .. }
        | Target::SubscribedApps { .. }
        | Target::Subscriptions { .. }
        | Target::AccessToken
        | Target::Nothing => false,
    }
}

/// Why a call is not let in, in the provider's words.
pub(crate) fn unauthorized(error: AuthError) -> GraphError {
    match error {
        AuthError::Missing => GraphError::missing_token(),
        AuthError::Unknown => GraphError::bad_token(),
        AuthError::Revoked => {
            let title = "Error validating access token: The token was revoked";
            GraphError::new(401, 190, title).with_subcode(460)
        }
        AuthError::Store(error) => reply::store_down(&error),
    }
}

async fn serve(state: &AppState, call: &Call, body: Body) -> Result<Response, GraphError> {
    match &call.target {
        Target::Nothing => return Err(GraphError::unknown_path()),
        Target::AccessToken => {
            return registration::access_token(state, &params(state, call, body).await?).await;
        }
        Target::Messages { .. }
        | Target::Media { .. }
        | Target::Templates { .. }
        | Target::PhoneNumbers { .. }
        | Target::SubscribedApps { .. }
        | Target::Subscriptions { .. }
        | Target::Node { .. }
        | Target::Other { .. } => {}
    }
    let (caller, body) = enter(state, call, body).await?;
    if caller.only_registers() && !call.registers() {
        return Err(GraphError::permission());
    }
    dispatch(state, &caller, call, body).await
}

/// Who calls. A form may hold the token: then the body is read for it.
async fn enter(state: &AppState, call: &Call, body: Body) -> Result<(Caller, Body), GraphError> {
    let is_form = call
        .header(CONTENT_TYPE.as_str())
        .is_some_and(|it| it.contains("urlencoded"));
    if call.token().is_some() || !is_form {
        let caller = auth::authenticate(state, call.token())
            .await
            .map_err(unauthorized)?;
        return Ok((caller, body));
    }
    let bytes = read(state, body).await?;
    let mut pairs = url::form_urlencoded::parse(&bytes);
    let token = pairs
        .find(|(name, _)| name == "access_token")
        .map(|(_, value)| value);
    let caller = auth::authenticate(state, token.as_deref())
        .await
        .map_err(unauthorized)?;
    Ok((caller, Body::from(bytes)))
}

async fn dispatch(
    state: &AppState,
    caller: &Caller,
    call: &Call,
    body: Body,
) -> Result<Response, GraphError> {
    let is = |method: Method| call.method == method;
    match &call.target {
        Target::Messages { phone, marketing } if is(Method::POST) => {
            let sender = need_sender(state, caller, phone)?;
            let body = read(state, body).await?;
            let sending = Sending {
                state,
                caller,
                sender,
                marketing: *marketing,
            };
            messages::post(&sending, call, body).await
        }
        Target::Media { phone } if is(Method::POST) => {
            let sender = need_sender(state, caller, phone)?;
            let sending = Sending {
                state,
                caller,
                sender,
                marketing: false,
            };
            media::post(&sending, call, body).await
        }
        Target::Templates { waba } => {
            need_waba(state, caller, waba)?;
            templates::serve(state, call, waba, body).await
        }
        Target::PhoneNumbers { waba } if is(Method::GET) => {
            need_waba(state, caller, waba)?;
            phone::list(state, caller, call, waba).await
        }
        Target::SubscribedApps { waba } => {
            need_waba(state, caller, waba)?;
            let params = params(state, call, body).await?;
            registration::subscribed_apps(state, caller, call, (waba, &params)).await
        }
        Target::Subscriptions { app } => {
            let params = params(state, call, body).await?;
            registration::subscriptions(state, caller, call, (app, &params)).await
        }
        Target::Node { id } => node(state, caller, call, (id, body)).await,
        Target::Messages { phone: id, .. }
        | Target::Media { phone: id }
        | Target::PhoneNumbers { waba: id }
        | Target::Other { id } => {
            need_object(state, caller, id)?;
            forward::pass(state, call, body).await
        }
        Target::AccessToken | Target::Nothing => Err(GraphError::unknown_path()),
    }
}

/// `/{id}`: one of our numbers, a file, a template, or something of the provider's.
async fn node(
    state: &AppState,
    caller: &Caller,
    call: &Call,
    (id, body): (&str, Body),
) -> Result<Response, GraphError> {
    if state.sender(id).is_some() {
        let sender = need_sender(state, caller, id)?;
        return number(state, caller, call, (sender, body)).await;
    }
    if caller.only_registers() {
        return Err(GraphError::permission());
    }
    if let Some(media) = media::find(state, caller, id).await? {
        return match call.method {
            Method::GET => media::show(state, call, media).await,
            Method::DELETE => media::delete(state, &media).await,
            _ => Err(GraphError::unknown_path()),
        };
    }
    if let Some(known) = templates::find_node(state, caller, id).await {
        return templates::node(state, call, &known, body).await;
    }
    need_object(state, caller, id)?;
    forward::pass(state, call, body).await
}

async fn number(
    state: &AppState,
    caller: &Caller,
    call: &Call,
    (sender, body): (&WhatsappSender, Body),
) -> Result<Response, GraphError> {
    if call.method == Method::GET {
        return phone::show(state, caller, call, sender).await;
    }
    let bytes = read(state, body).await?;
    let params = Params::read(&call.headers, &call.query, bytes.clone()).await?;
    match params.get("webhook_configuration") {
        Some(given) if call.method == Method::POST => {
            registration::phone(state, caller, &sender.phone_number_id, given).await
        }
        Some(_) | None if caller.only_registers() => Err(GraphError::permission()),
        Some(_) | None => forward::pass(state, call, Body::from(bytes)).await,
    }
}

/// The number of this id, for whoever may use it.
fn need_sender<'a>(
    state: &'a AppState,
    caller: &Caller,
    phone: &str,
) -> Result<&'a WhatsappSender, GraphError> {
    let sender = state.sender(phone).ok_or_else(GraphError::unknown_object)?;
    if caller.may_use(&state.config, sender) {
        Ok(sender)
    } else {
        Err(GraphError::permission())
    }
}

fn need_waba(state: &AppState, caller: &Caller, waba: &str) -> Result<(), GraphError> {
    if !state.has_waba(waba) {
        return Err(GraphError::unknown_object());
    }
    let may = caller.may_use_waba(&state.config, waba);
    if may {
        Ok(())
    } else {
        Err(GraphError::permission())
    }
}

/// An object of the provider's: ours by its id, or anything for who may use everything.
fn need_object(state: &AppState, caller: &Caller, id: &str) -> Result<(), GraphError> {
    if state.sender(id).is_some() {
        return need_sender(state, caller, id).map(drop);
    }
    if state.has_waba(id) {
        return need_waba(state, caller, id);
    }
    let may = caller.may_use_all(&state.config);
    if may {
        Ok(())
    } else {
        Err(GraphError::unknown_object())
    }
}

async fn read(state: &AppState, body: Body) -> Result<Bytes, GraphError> {
    body::read(body, state.config.http.body_max_bytes).await
}

async fn params(state: &AppState, call: &Call, body: Body) -> Result<Params, GraphError> {
    let bytes = read(state, body).await?;
    Params::read(&call.headers, &call.query, bytes).await
}
