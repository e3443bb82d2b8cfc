//! The virtual SMS provider in the Twilio REST shape. Decides only.

mod after;
mod faults;
mod segments;
mod send;

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

pub(crate) use after::{delivered, failed, person_sends, sent};

use crate::config::SmsConfig;
use crate::outage::{Provider, Subject};
use crate::providers::{Answer, ApiRequest, Params, Reply};
use crate::ring::Ring;
use crate::text::canonical;
use crate::world::World;

/// Messages remembered for look-up.
pub(crate) const MESSAGES_MAX: usize = 200_000;

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) inbound_url: Option<String>,
    /// When the allowance is whole again.
    whole_at_ms: f64,
    messages: Ring<Text>,
    by_sid: BTreeMap<String, u64>,
}

/// One text message, outbound.
#[derive(Debug, Clone)]
pub(crate) struct Text {
    pub(crate) sid: String,
    pub(crate) to: String,
    pub(crate) from: String,
    pub(crate) body: String,
    pub(crate) media: Vec<String>,
    pub(crate) status: &'static str,
    pub(crate) error_code: Option<u32>,
    pub(crate) callback: Option<String>,
    pub(crate) created_ms: u64,
    pub(crate) segments: usize,
}

/// An error in the provider's shape.
#[derive(Debug, Clone)]
pub(crate) struct ApiError {
    pub(crate) status: u16,
    pub(crate) code: u32,
    pub(crate) message: String,
    pub(crate) retry_after_s: Option<u64>,
}

impl ApiError {
    pub(crate) fn new(status: u16, code: u32, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            retry_after_s: None,
        }
    }

    pub(crate) fn too_many() -> Self {
        let message = "Too Many Requests";
        Self {
            retry_after_s: Some(1),
            ..Self::new(429, 20_429, message)
        }
    }

    pub(crate) fn reply(&self) -> Reply {
        let body = json!({
            "code": self.code, "message": self.message,
            "more_info": format!("https://www.twilio.com/docs/errors/{}", self.code),
            "status": self.status
        });
        Reply {
            retry_after_s: self.retry_after_s,
            ..Reply::json(self.status, &body)
        }
    }
}

impl State {
    pub(crate) fn new(config: &SmsConfig) -> Self {
        Self {
            inbound_url: config.inbound_url.clone(),
            whole_at_ms: 0.0,
            messages: Ring::new(MESSAGES_MAX),
            by_sid: BTreeMap::new(),
        }
    }

    pub(crate) fn message(&self, key: u64) -> Option<&Text> {
        self.messages.get(key)
    }

    pub(crate) fn message_mut(&mut self, key: u64) -> Option<&mut Text> {
        self.messages.get_mut(key)
    }

    fn remember(&mut self, text: Text) -> u64 {
        let sid = text.sid.clone();
        let (key, evicted) = self.messages.push(text);
        if let Some(old) = evicted {
            self.by_sid.remove(&old.sid);
        }
        self.by_sid.insert(sid, key);
        key
    }

    fn by_sid(&self, sid: &str) -> Option<&Text> {
        self.messages.get(*self.by_sid.get(sid)?)
    }

    /// Room for one second's worth of messages at once.
    fn take_throughput(&mut self, per_s: u32, now_ms: u64) -> bool {
        let cost_ms = 1_000.0 / f64::from(per_s.max(1));
        let next = self.whole_at_ms.max(now_ms as f64) + cost_ms;
        let fits = per_s == 0 || next - now_ms as f64 <= 1_000.5;
        if fits {
            self.whole_at_ms = next;
        }
        fits
    }
}

pub(crate) fn answer(world: &mut World, request: &ApiRequest, now_ms: u64) -> Answer {
    let params = Params::of(request);
    let address = params.text("To").map(canonical);
    let kind = if params.text("MediaUrl").is_some() {
        "mms"
    } else {
        "sms"
    };
    let subject = Subject {
        phone_number_id: params.text("From"),
        message_type: Some(kind),
        address: address.as_deref(),
        token: Some(0),
        ..Subject::default()
    };
    let is_send = request.method == http::Method::POST;
    let answer = match faults::before(world, &subject, is_send) {
        Some(answer) => answer,
        None => serve(world, request, &params, &subject, now_ms),
    };
    let answer = faults::after(world, &subject, answer);
    let endpoint = if is_send {
        "Messages"
    } else {
        "Message look-up"
    };
    world
        .requests
        .count(Provider::Sms, endpoint, outcome_name(&answer));
    answer
}

/// The message as the provider shows it.
pub(crate) fn view(account_sid: &str, text: &Text) -> Value {
    let uri = format!("/2010-04-01/Accounts/{account_sid}/Messages/{}", text.sid);
    json!({
        "account_sid": account_sid, "api_version": "2010-04-01", "body": text.body,
        "date_created": after::rfc2822(text.created_ms),
        "date_sent": (text.status != "queued").then(|| after::rfc2822(text.created_ms)),
        "date_updated": after::rfc2822(text.created_ms),
        "direction": "outbound-api", "error_code": text.error_code,
        "error_message": text.error_code.map(after::error_text), "from": text.from,
        "messaging_service_sid": null, "num_media": text.media.len().to_string(),
        "num_segments": text.segments.to_string(), "price": null, "price_unit": "USD",
        "sid": text.sid, "status": text.status,
        "subresource_uris": {"media": format!("{uri}/Media.json")},
        "to": text.to, "uri": format!("{uri}.json")
    })
}

fn serve(
    world: &mut World,
    request: &ApiRequest,
    params: &Params,
    subject: &Subject<'_>,
    now_ms: u64,
) -> Answer {
    let result = check_access(world, request, subject).and_then(|rest| {
        let segments: Vec<&str> = rest.split('/').collect();
        match (request.method.as_str(), segments.as_slice()) {
            ("POST", ["Messages.json"]) => send::post(world, request, params, now_ms),
            ("GET", ["Messages", name]) => look_up(world, name.trim_end_matches(".json")),
            _ => Err(not_found(&request.path)),
        }
    });
    let mut reply = result.unwrap_or_else(|error| error.reply());
    reply.delay_ms = world.wait_ms(world.config.timing.reply_ms);
    Answer::Reply(reply)
}

fn look_up(world: &World, sid: &str) -> Result<Reply, ApiError> {
    let account = &world.config.sms.account_sid;
    let text = world.sms.by_sid(sid).ok_or_else(|| not_found(sid))?;
    Ok(Reply::json(200, &view(account, text)))
}

/// What follows the account in the path, once the credentials are right.
fn check_access(
    world: &mut World,
    request: &ApiRequest,
    subject: &Subject<'_>,
) -> Result<String, ApiError> {
    let config = &world.config.sms;
    let wanted = format!("{}:{}", config.account_sid, config.auth_token.expose());
    let given = request.header("authorization").and_then(|value| {
        let (scheme, code) = value.split_once(' ')?;
        scheme
            .eq_ignore_ascii_case("basic")
            .then(|| STANDARD.decode(code.trim()).ok())?
    });
    if given.as_deref() != Some(wanted.as_bytes()) {
        return Err(ApiError::new(401, 20_003, "Authenticate"));
    }
    let start = format!("/2010-04-01/Accounts/{}/", config.account_sid);
    let rest = request.path.strip_prefix(&start).map(str::to_owned);
    faults::of_account(world, subject)?;
    rest.ok_or_else(|| not_found(&request.path))
}

fn not_found(what: &str) -> ApiError {
    let shown: String = what.chars().take(200).collect();
    ApiError::new(
        404,
        20_404,
        format!("The requested resource {shown} was not found"),
    )
}

fn outcome_name(answer: &Answer) -> String {
    match answer {
        Answer::Reply(reply) => reply.status.to_string(),
        Answer::Handshake(_) => "handshake".into(),
        Answer::Reset => "reset".into(),
        Answer::Hang => "hang".into(),
    }
}
