//! `POST /messages` and `POST /messages/{id}/cancel`: what is wrong is told with its field, and
//! only what holds by all rules reaches the engine. Keeps nothing itself.

use super::content::{Wanted, compose};
use super::recipient::resolve;
use super::references::From;
use super::view::{MessageView, SentMessage, message_id};
use super::{SendMessage, plan, read};
use crate::config::WhatsappSender;
use crate::http::api::input::{Caller, idempotency_key, parse, read_body, sha256};
use crate::http::api::problem::{Answer, Errors, FieldFault, Kind, Problem, ProblemBody};
use crate::http::api::values::{parse_rfc3339, rfc3339};
use crate::http::feature::feature_of;
use crate::http::priority::usual_priority;
use crate::http::state::AppState;
use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use holdline_channels::whatsapp::wire::ids::{Direction, wamid_of};
use holdline_core::{ContactId, MessageId, Timestamp};
use holdline_engine::request::{Accepted, AnswerFacts, IdempotencyKey, NewMessage};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::{sleep, timeout};

const PATH: &str = "/api/v1/messages";
/// Longest life of a message.
const LIFE_MS_MAX: u64 = 30 * 86_400_000;
/// Longest wait for a commit, and the pause between two looks.
const COMMIT_WAIT: Duration = Duration::from_secs(5);
const LOOK_AGAIN: Duration = Duration::from_millis(10);
const RETRY_S: u32 = 5;
const DATA_CLASS: &str = "personal";

/// Send a message.
///
/// Answered once the message is safely stored; it is delivered afterwards. With an
/// `Idempotency-Key` a repeat of the same request gets the same answer, and nothing is sent twice.
#[utoipa::path(
    post, path = "/messages", tag = "Messages", request_body = SendMessage,
    params(("Idempotency-Key" = Option<String>, Header,
        description = "1 to 255 visible ASCII characters; kept for days")),
    responses(
        (status = 201, description = "Stored; it will be delivered", body = SentMessage),
        (status = 409, description = "The key was used for another request", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 422, description = "Faulty fields", body = ProblemBody,
            content_type = "application/problem+json"),
        Errors,
    )
)]
pub(crate) async fn send(
    State(state): State<AppState>,
    Caller(caller): Caller,
    headers: HeaderMap,
    body: Body,
) -> Answer<Response> {
    let started = Instant::now();
    let key = idempotency_key(&headers)?;
    let bytes = read_body(&state, body).await?;
    let request: SendMessage = parse(&bytes)?;
    let sender = sender(&state, &caller, request.from.as_deref())?;
    let from = From {
        caller: &caller,
        sender,
    };
    let idempotency = key.map(|key| IdempotencyKey {
        key,
        body_hash: sha256(&[PATH.as_bytes(), b"\n", &bytes]),
    });
    let message = new_message(&state, from, request, idempotency).await?;
    let accepted = state.engine.accept(message).await?;
    if !accepted.repeat {
        state
            .metrics
            .message_accepted(started.elapsed().as_secs_f64());
    }
    Ok(created(accepted))
}

/// Cancel a message.
///
/// Nothing more of it is sent. What has left already cannot be called back.
#[utoipa::path(
    post, path = "/messages/{id}/cancel", tag = "Messages",
    params(("id" = String, Path, description = "Id or wamid of the message")),
    responses(
        (status = 200, description = "The message as it is now", body = MessageView),
        (status = 404, description = "No such message", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 409, description = "The message has ended already", body = ProblemBody,
            content_type = "application/problem+json"),
        Errors,
    )
)]
pub(crate) async fn cancel(
    State(state): State<AppState>,
    Caller(caller): Caller,
    Path(id): Path<String>,
) -> Answer<Json<MessageView>> {
    let id = message_id(&id)?;
    read::own_message(&state, &caller, id).await?;
    state.engine.cancel(id).await?;
    match timeout(COMMIT_WAIT, ended(&state, &caller, id)).await {
        Ok(message) => Ok(Json(message?)),
        Err(_) => Err(Problem::retry(
            Kind::Unavailable,
            "it cannot be stored now",
            RETRY_S,
        )),
    }
}

/// The engine cancels at once and stores it in its next commit: only then is it safe to say so.
async fn ended(
    state: &AppState,
    caller: &crate::http::auth::Caller,
    id: MessageId,
) -> Answer<MessageView> {
    loop {
        let message = read::whole(state, caller, id).await?;
        if message.summary.ended_at.is_some() {
            return Ok(message);
        }
        sleep(LOOK_AGAIN).await;
    }
}

/// The sender that was named, or the only one that the caller may use.
pub(super) fn sender<'a>(
    state: &'a AppState,
    caller: &crate::http::auth::Caller,
    named: Option<&str>,
) -> Answer<&'a WhatsappSender> {
    let config = &state.config;
    let mut usable = config
        .whatsapp_senders
        .iter()
        .filter(|sender| caller.may_use(config, sender));
    if let Some(named) = named {
        return match usable.find(|sender| sender.phone_number_id == named) {
            Some(sender) => Ok(sender),
            None if state.sender(named).is_some() => Err(Problem::new(
                Kind::Forbidden,
                "the token does not reach this sender",
            )),
            None => Err(of_field(
                "/from",
                "is no configured sender",
                "name a phone-number id",
            )),
        };
    }
    match (usable.next(), usable.next()) {
        (Some(only), None) => Ok(only),
        (Some(_), Some(_)) => Err(of_field(
            "/from",
            "is required: the token reaches several senders",
            "name one",
        )),
        (None, _) => Err(Problem::new(Kind::Forbidden, "the token reaches no sender")),
    }
}

async fn new_message(
    state: &AppState,
    from: From<'_>,
    request: SendMessage,
    idempotency: Option<IdempotencyKey>,
) -> Answer<NewMessage> {
    let expires_at = expiry(&request, state.engine.now())?;
    let target = resolve(state, &request.to).await?;
    let wanted = Wanted {
        text: request.text.as_deref(),
        message: request.message.as_ref(),
    };
    let composed = compose(state, from, &wanted, Some(&target)).await?;
    let hops = match &request.plan {
        Some(given) => Some(plan::hops(state, from.sender, given, &target).await?),
        None => None,
    };
    let category = composed
        .template
        .as_ref()
        .map(|template| template.category.as_str());
    let usual = usual_priority(category, false);
    Ok(NewMessage {
        app: from.caller.app.clone(),
        sender: from.sender.phone_number_id.clone(),
        to: target.recipient,
        to_input: target.input,
        feature: feature_of(composed.content.kind_name(), category, false),
        kind: composed.content.kind_name().to_owned(),
        body: composed.body.to_string().into(),
        opaque: request.callback_data,
        priority: request.priority.map_or(usual, Into::into),
        duplicate_rule: request.duplicate_rule.map(Into::into),
        data_class: Some(request.data_class.unwrap_or_else(|| DATA_CLASS.to_owned())),
        expires_at,
        hops,
        idempotency,
        answer: Arc::new(answer),
    })
}

pub(super) fn expiry(request: &SendMessage, now: Timestamp) -> Answer<Option<Timestamp>> {
    let (field, at) = match (&request.expires_at, &request.expires_in) {
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => {
            let fix = "give only one of expires_at and expires_in";
            return Err(of_field("/expires_in", "stands beside `expires_at`", fix));
        }
        (Some(text), None) => ("/expires_at", parse_rfc3339(text)),
        (None, Some(span)) => ("/expires_in", span.ms().map(|ms| now.plus_ms(ms))),
    };
    let fix = "give a time within the next 30 days, as in \"2027-01-31T12:00:00Z\" or \"2h\"";
    match at {
        None => Err(of_field(field, "is no time", fix)),
        Some(at) if at <= now => Err(of_field(field, "is over", fix)),
        Some(at) if at > now.plus_ms(LIFE_MS_MAX) => Err(of_field(field, "is too far away", fix)),
        Some(at) => Ok(Some(at)),
    }
}

fn answer(facts: &AnswerFacts) -> Bytes {
    let sent = SentMessage {
        id: facts.id.hex(),
        wamid: wamid_of(facts.id.0, Direction::Outbound),
        contact: facts.contact.map(ContactId::hex),
        state: "waiting".to_owned(),
        accepted_at: rfc3339(facts.accepted_at),
    };
    serde_json::to_vec(&sent).unwrap_or_default().into()
}

fn created(accepted: Accepted) -> Response {
    let mut response = (StatusCode::CREATED, accepted.answer).into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    if let Ok(location) = format!("{PATH}/{}", accepted.id).parse() {
        headers.insert(header::LOCATION, location);
    }
    if accepted.repeat {
        headers.insert("idempotent-replayed", HeaderValue::from_static("true"));
    }
    response
}

fn of_field(field: &str, message: &str, fix: &str) -> Problem {
    Problem::invalid(vec![FieldFault::new(field, message, fix)])
}
