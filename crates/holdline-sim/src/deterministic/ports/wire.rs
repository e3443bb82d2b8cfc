//! Requests and answers as bytes, by the real encoders and classifiers of the channels. Pure.

use crate::providers::{ApiRequest, Reply};
use crate::world::World;
use crate::{Provider, config};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use holdline_channels::adapt::{self, MediaMode, Options};
use holdline_channels::sms::{self, SmsChannel, SmsConfig};
use holdline_channels::whatsapp::classify as whatsapp_classify;
use holdline_channels::whatsapp::encode::{self, Substitutions, Target};
use holdline_channels::whatsapp::wire::ids::opaque_of;
use holdline_channels::whatsapp::wire::{content_of, parse_request};
use holdline_channels::whatsapp::{WhatsappChannel, WhatsappConfig};
use holdline_core::message::{Fault, FaultClass, Outcome};
use holdline_core::{Redacted, Timestamp};
use holdline_engine::ports::{Channel, Dispatch};
use http::{HeaderMap, HeaderValue, Method};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

/// Where providers reach the nodes.
pub(crate) const PUBLIC_URL: &str = "https://holdline.test";
/// Where the providers' interfaces are said to be; nothing is ever connected to.
const PROVIDER_URL: &str = "https://provider.test";

type Real = Option<Arc<dyn Channel>>;

/// The real channel of a provider, for what it does to bytes: verify and read. Makes no call.
pub(crate) fn real(provider: Provider) -> Real {
    static WHATSAPP: OnceLock<Real> = OnceLock::new();
    static SMS: OnceLock<Real> = OnceLock::new();
    match provider {
        Provider::Whatsapp => WHATSAPP
            .get_or_init(|| {
                WhatsappChannel::new(whatsapp_config())
                    .ok()
                    .map(|it| Arc::new(it) as _)
            })
            .clone(),
        Provider::Sms => SMS
            .get_or_init(|| {
                SmsChannel::new(sms_config())
                    .ok()
                    .map(|it| Arc::new(it) as _)
            })
            .clone(),
        Provider::Email => None,
    }
}

fn whatsapp_config() -> WhatsappConfig {
    let secret = |secret: &config::Secret| Some(Redacted::new(secret.expose().to_owned()));
    let known = config::WhatsappConfig::default();
    WhatsappConfig {
        base_url: PROVIDER_URL.into(),
        access_token: known.access_tokens.first().and_then(secret),
        app_secret: secret(&known.app_secret),
        verify_token: secret(&known.verify_token),
        ..WhatsappConfig::default()
    }
}

fn sms_config() -> SmsConfig {
    let known = config::SmsConfig::default();
    SmsConfig {
        base_url: PROVIDER_URL.into(),
        account_sid: known.account_sid,
        auth_token: Redacted::new(known.auth_token.expose().to_owned()),
        public_url: PUBLIC_URL.into(),
        senders: vec![known.from],
        ..SmsConfig::default()
    }
}

/// The request of an attempt; or why there is none.
pub(crate) fn request_of(provider: Provider, dispatch: &Dispatch) -> Result<ApiRequest, Outcome> {
    match provider {
        Provider::Whatsapp => whatsapp_request(dispatch),
        Provider::Sms => sms_request(dispatch),
        Provider::Email => Err(unfit("a run has no mail")),
    }
}

fn whatsapp_request(dispatch: &Dispatch) -> Result<ApiRequest, Outcome> {
    let nothing = BTreeMap::new();
    let opaque = opaque_of(dispatch.key.message.0, dispatch.key.number);
    let with = Substitutions {
        target: Target::Phone(dispatch.hop.address.expose().trim()),
        opaque: &opaque,
        message_ids: &nothing,
        media_ids: &nothing,
        template: None,
    };
    let body = encode::encode(stored(dispatch)?, &with).map_err(|why| unfit(&why.to_string()))?;
    let path = format!("/v23.0/{}/messages", dispatch.hop.sender);
    let known = config::WhatsappConfig::default();
    let token = known
        .access_tokens
        .first()
        .map_or("", |token| token.expose());
    let content = "application/json";
    Ok(call(
        Method::POST,
        path,
        (&format!("Bearer {token}"), content),
        body,
    ))
}

fn sms_request(dispatch: &Dispatch) -> Result<ApiRequest, Outcome> {
    let value = stored(dispatch)?;
    let request = parse_request(&value).map_err(|_| unfit("no message"))?;
    let content = content_of(&request).ok_or_else(|| unfit("no content"))?;
    let options = Options {
        media: MediaMode::Attach,
        replies: true,
    };
    let adapted = adapt::render(content, None, &options).map_err(|why| unfit(&why.to_string()))?;
    let fields = sms::encode::encode(dispatch, &adapted, Vec::new(), &sms_config())?;
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in &fields {
        form.append_pair(name, value.trim());
    }
    let content = "application/x-www-form-urlencoded";
    let path = sms_path("/Messages.json");
    Ok(call(
        Method::POST,
        path,
        (&basic(), content),
        form.finish().into_bytes(),
    ))
}

/// What asks a provider whether it works.
pub(crate) fn probe_of(provider: Provider, sender: &str) -> ApiRequest {
    let known = config::WhatsappConfig::default();
    let token = known
        .access_tokens
        .first()
        .map_or("", |token| token.expose());
    match provider {
        Provider::Whatsapp => {
            let path = format!("/v23.0/{sender}");
            let bearer = format!("Bearer {token}");
            let mut request = call(Method::GET, path, (&bearer, "application/json"), Vec::new());
            request.query = String::from("fields=id,health_status");
            request
        }
        Provider::Sms | Provider::Email => {
            let path = sms_path(".json");
            call(
                Method::GET,
                path,
                (&basic(), "application/json"),
                Vec::new(),
            )
        }
    }
}

/// What the answer to a send means.
pub(crate) fn outcome_of(provider: Provider, reply: &Reply, now: Timestamp) -> Outcome {
    let wait = reply.retry_after_s.map(|seconds| seconds.to_string());
    match provider {
        Provider::Whatsapp => {
            let reply = whatsapp_classify::Reply {
                http_status: reply.status,
                retry_after: wait.as_deref(),
                body: &reply.body,
            };
            whatsapp_classify::classify(&reply, now)
        }
        Provider::Sms | Provider::Email => {
            sms::classify::classify(reply.status, wait.as_deref(), &reply.body, now)
        }
    }
}

/// What the answer to a probe means: that it answers is what counts.
pub(crate) fn probed(provider: Provider, reply: &Reply, now: Timestamp) -> Outcome {
    let answers = match provider {
        Provider::Whatsapp => (200..300).contains(&reply.status),
        Provider::Sms | Provider::Email => matches!(reply.status, 200..=299 | 404),
    };
    if answers {
        return Outcome::Accepted { provider_id: None };
    }
    outcome_of(provider, reply, now)
}

/// No connection: nothing was sent.
pub(crate) fn not_sent() -> Outcome {
    whatsapp_classify::not_sent("connect", "connection refused")
}

/// The request left, and no answer came.
pub(crate) fn no_answer(code: &str) -> Outcome {
    whatsapp_classify::no_answer(code, "no answer")
}

/// The provider takes the request.
pub(crate) fn ask(
    world: &mut World,
    provider: Provider,
    request: &ApiRequest,
    now_ms: u64,
) -> crate::Answer {
    match provider {
        Provider::Whatsapp => world.whatsapp_request(request, now_ms),
        Provider::Sms | Provider::Email => world.sms_request(request, now_ms),
    }
}

fn stored(dispatch: &Dispatch) -> Result<Value, Outcome> {
    serde_json::from_slice(dispatch.message.body.expose()).map_err(|_| unfit("no JSON"))
}

fn unfit(why: &str) -> Outcome {
    Outcome::Rejected(Fault::new(FaultClass::Request, "encode", why))
}

fn sms_path(rest: &str) -> String {
    let known = config::SmsConfig::default();
    format!("/2010-04-01/Accounts/{}{rest}", known.account_sid)
}

fn basic() -> String {
    let known = config::SmsConfig::default();
    let pair = format!("{}:{}", known.account_sid, known.auth_token.expose());
    format!("Basic {}", STANDARD.encode(pair))
}

fn call(
    method: Method,
    path: String,
    (authorization, content): (&str, &str),
    body: Vec<u8>,
) -> ApiRequest {
    let mut headers = HeaderMap::new();
    for (name, value) in [("authorization", authorization), ("content-type", content)] {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
    ApiRequest {
        method,
        path,
        query: String::new(),
        headers,
        body: Bytes::from(body),
    }
}
