//! `POST /{phone}/messages`: reads the message, checks it as the provider would, hands it to the
//! engine and answers once it is safe. Never talks to the provider about sending it.

use super::call::{Call, Params, path};
use super::reply::look;
use super::{checks, forward, mark_read, reply};
use crate::config::WhatsappSender;
use crate::http::auth::Caller;
use crate::http::feature::feature_of;
use crate::http::state::AppState;
use crate::render::people;
use aws_lc_rs::digest;
use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use holdline_channels::phone::Phone;
use holdline_channels::whatsapp::wire::ids::{Direction, wamid_of};
use holdline_channels::whatsapp::wire::{self, GraphError, Request, parse_request};
use holdline_core::{ChannelKind, ContactId};
use holdline_engine::ports::records::WA_USER;
use holdline_engine::request::{
    Accepted, AnswerFacts, AnswerMaker, IdempotencyKey, NewMessage, Recipient, Refusal,
};
use serde::Serialize;
use std::sync::Arc;
use std::time::Instant;

const KEY_HEADER: &str = "idempotency-key";
const KEY_CHARS_MAX: usize = 255;

/// One request to send, with its caller and its sender.
pub(super) struct Sending<'a> {
    pub(super) state: &'a AppState,
    pub(super) caller: &'a Caller,
    pub(super) sender: &'a WhatsappSender,
    pub(super) marketing: bool,
}

pub(super) async fn post(
    sending: &Sending<'_>,
    call: &Call,
    body: Bytes,
) -> Result<Response, GraphError> {
    let started = Instant::now();
    let params = Params::read(&call.headers, &call.query, body.clone()).await?;
    let message = match parse_request(&params.object)? {
        Request::MarkRead(mark) => return mark_read::post(sending, &params, &mark).await,
        Request::Send(message) if message.recipient.group => {
            return forward::pass(sending.state, call, Body::from(body)).await;
        }
        Request::Send(message) => message,
    };
    let new = new_message(sending, call, &params, &message).await?;
    let accepting = sending.state.engine.accept(new).await;
    let accepted: Accepted = accepting.map_err(|refusal| refused(&refusal))?;
    if !accepted.repeat {
        sending
            .state
            .metrics
            .message_accepted(started.elapsed().as_secs_f64());
    }
    Ok(reply::bytes(accepted.answer))
}

/// An engine's refusal in the provider's words.
pub(super) fn refused(refusal: &Refusal) -> GraphError {
    match refusal {
        Refusal::Busy { retry_after_s } => GraphError::throttled(*retry_after_s),
        Refusal::Unavailable { retry_after_s, .. } => GraphError::unavailable(*retry_after_s),
        Refusal::KeyReused => GraphError::idempotency_conflict(),
        Refusal::NoConsent => {
            GraphError::new(400, 131_050, "User has stopped messages from your business")
                .with_details("The person withdrew consent for every address: send nothing")
        }
        Refusal::NoRoute(why) => {
            GraphError::new(400, 131_026, "Message undeliverable").with_details(why.clone())
        }
        Refusal::UnknownContact
        | Refusal::UnknownMessage
        | Refusal::UnknownScope(_)
        | Refusal::AlreadyEnded => {
            GraphError::new(400, 131_026, "Message undeliverable").with_details(refusal.to_string())
        }
    }
}

async fn new_message(
    sending: &Sending<'_>,
    call: &Call,
    params: &Params,
    message: &wire::Send,
) -> Result<NewMessage, GraphError> {
    let (to, shown) = recipient(sending.state, &message.recipient).await?;
    checks::ids(sending, message).await?;
    let template = checks::template(sending, &message.content).await?;
    let priority = checks::priority(sending, call, template.as_ref())?;
    let category = template.as_ref().map(|used| used.category.as_str());
    let kind = message.content.kind_name().to_owned();
    let to_input = shown.input.clone();
    let answer = answer_maker(shown, kind == "template");
    Ok(NewMessage {
        app: sending.caller.app.clone(),
        sender: sending.sender.phone_number_id.clone(),
        to,
        to_input,
        feature: feature_of(&kind, category, sending.marketing),
        kind,
        body: params.bytes.clone(),
        opaque: message.opaque.clone(),
        priority,
        duplicate_rule: None,
        data_class: None,
        expires_at: None,
        hops: None,
        idempotency: idempotency(call, &params.bytes)?,
        answer,
    })
}

/// Whom it goes to, and how the answer shows that. A number wins over a user id.
async fn recipient(
    state: &AppState,
    given: &wire::Recipient,
) -> Result<(Recipient, Shown), GraphError> {
    match (&given.to, &given.user_id) {
        (Some(to), _) => {
            let region = state.config.sms.default_country.as_deref();
            let phone = Phone::parse(to, region)
                .map_err(|error| GraphError::invalid_value("to", &error.to_string()))?;
            let value = phone.e164().to_owned();
            let shown = Shown {
                input: to.clone(),
                digits: Some(phone.wa_id().to_owned()),
                user: None,
            };
            Ok((
                Recipient::Address {
                    channel: ChannelKind::WHATSAPP,
                    value,
                },
                shown,
            ))
        }
        (None, Some(user)) => by_user_id(state, user).await,
        (None, None) => Err(GraphError::missing("to")),
    }
}

/// By the number of the person, where we know it: user ids of ours mean nothing to WhatsApp.
async fn by_user_id(state: &AppState, user: &str) -> Result<(Recipient, Shown), GraphError> {
    let store = state.engine.store();
    let ours = people::contact_of(user);
    let looking = async {
        match (store.contact_by_address(WA_USER, user).await?, ours) {
            (Some(contact), _) => Ok(Some(contact)),
            (None, Some(id)) => store.contact(id).await,
            (None, None) => Ok(None),
        }
    };
    let Some(contact) = look(state, looking).await? else {
        return Ok(unknown_user(user, ours));
    };
    let number = contact
        .as_ref()
        .and_then(|it| people::address(it, ChannelKind::WHATSAPP));
    let number = number.map(str::to_owned);
    let to = match (&number, &contact, ours) {
        (Some(value), _, _) => Recipient::Address {
            channel: ChannelKind::WHATSAPP,
            value: value.clone(),
        },
        (None, Some(contact), Some(id)) if contact.id == id => Recipient::Contact(id),
        (None, _, _) => Recipient::WaUser(user.to_owned()),
    };
    Ok((
        to,
        Shown {
            input: user.to_owned(),
            digits: number.map(|number| number.trim_start_matches('+').to_owned()),
            user: Some(user.to_owned()),
        },
    ))
}

/// While the store is away nobody knows the number behind a user id.
fn unknown_user(user: &str, ours: Option<ContactId>) -> (Recipient, Shown) {
    let to = match ours {
        Some(id) => Recipient::Contact(id),
        None => Recipient::WaUser(user.to_owned()),
    };
    let user = user.to_owned();
    let shown = Shown {
        input: user.clone(),
        digits: None,
        user: Some(user),
    };
    (to, shown)
}

fn idempotency(call: &Call, body: &[u8]) -> Result<Option<IdempotencyKey>, GraphError> {
    let Some(value) = call.headers.get(KEY_HEADER) else {
        return Ok(None);
    };
    let key = value.to_str().unwrap_or_default().trim();
    let visible = key
        .bytes()
        .all(|byte| byte.is_ascii_graphic() || byte == b' ');
    if key.is_empty() || key.len() > KEY_CHARS_MAX || !visible {
        let mend = "must be 1 to 255 visible ASCII characters";
        return Err(GraphError::invalid_parameter(
            "Idempotency-Key (header)",
            mend,
        ));
    }
    let mut hasher = digest::Context::new(&digest::SHA256);
    hasher.update(path::plain(call.path()).as_bytes());
    hasher.update(b"\n");
    hasher.update(body);
    let mut body_hash = [0; 32];
    body_hash.copy_from_slice(hasher.finish().as_ref());
    Ok(Some(IdempotencyKey {
        key: key.into(),
        body_hash,
    }))
}

/// The recipient in the answer.
#[derive(Clone, Serialize)]
struct Shown {
    /// Exactly as the caller wrote it.
    input: String,
    #[serde(rename = "wa_id", skip_serializing_if = "Option::is_none")]
    digits: Option<String>,
    #[serde(rename = "user_id", skip_serializing_if = "Option::is_none")]
    user: Option<String>,
}

/// What an app gets for a message that is safe.
#[derive(Serialize)]
struct Answer<'a> {
    messaging_product: &'static str,
    contacts: [&'a Shown; 1],
    messages: [Named; 1],
}

#[derive(Serialize)]
struct Named {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_status: Option<&'static str>,
}

fn answer_maker(shown: Shown, template: bool) -> AnswerMaker {
    Arc::new(move |facts: &AnswerFacts| {
        let named = Named {
            id: wamid_of(facts.id.0, Direction::Outbound),
            message_status: template.then_some("accepted"),
        };
        let answer = Answer {
            messaging_product: "whatsapp",
            contacts: [&shown],
            messages: [named],
        };
        // Strings alone: nothing in it can fail.
        Bytes::from(serde_json::to_vec(&answer).unwrap_or_default())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdline_core::{MessageId, Timestamp};
    use serde_json::{Value, json};

    fn answer(shown: Shown, template: bool) -> Value {
        let facts = AnswerFacts {
            id: MessageId(9),
            contact: Some(ContactId(1)),
            accepted_at: Timestamp(0),
        };
        serde_json::from_slice(&answer_maker(shown, template)(&facts)).unwrap()
    }

    #[test]
    fn the_answer_has_all_that_clients_read() {
        let input = "+1 (650) 555-1234".to_owned();
        let shown = Shown {
            input,
            digits: Some("16505551234".into()),
            user: None,
        };
        let given = answer(shown.clone(), false);
        assert_eq!(given["messaging_product"], "whatsapp");
        let contact = json!({"input": "+1 (650) 555-1234", "wa_id": "16505551234"});
        assert_eq!(given["contacts"], json!([contact]));
        assert_eq!(
            given["messages"],
            json!([{"id": wamid_of(9, Direction::Outbound)}])
        );
        assert_eq!(
            answer(shown, true)["messages"][0]["message_status"],
            "accepted"
        );
    }

    #[test]
    fn a_user_id_is_answered_as_one() {
        let user = || "US.1".to_owned();
        let given = answer(
            Shown {
                input: user(),
                digits: None,
                user: Some(user()),
            },
            false,
        );
        assert_eq!(
            given["contacts"],
            json!([{"input": "US.1", "user_id": "US.1"}])
        );
    }

    #[test]
    fn each_refusal_has_its_code_and_status() {
        let check = |refusal: &Refusal, status: u16, code: u32| {
            let error = refused(refusal);
            assert_eq!((error.http_status, error.code), (status, code), "{refusal}");
        };
        check(&Refusal::Busy { retry_after_s: 1 }, 429, 130_429);
        check(
            &Refusal::Unavailable {
                retry_after_s: 1,
                why: "disk".into(),
                away: false,
            },
            503,
            2,
        );
        check(&Refusal::KeyReused, 409, 100);
        check(&Refusal::NoConsent, 400, 131_050);
        check(&Refusal::NoRoute("no".into()), 400, 131_026);
    }
}
