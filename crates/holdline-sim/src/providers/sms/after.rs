//! What becomes of a text message, and what people text back, with signed callbacks. Decides only.

use bytes::Bytes;

use super::Text;
use crate::hooks::Post;
use crate::outage::{Behaviour, Provider, RecipientFault, Subject};
use crate::people::{PersonError, PersonSend, Received, SmsReach};
use crate::sign::twilio_signature;
use crate::text::digits;
use crate::world::{Event, World};

const UNREACHABLE: u32 = 30_003;
const UNKNOWN: u32 = 30_005;
const STOP_WORDS: [&str; 5] = ["STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "QUIT"];
const START_WORDS: [&str; 3] = ["START", "YES", "UNSTOP"];

pub(crate) fn sent(world: &mut World, key: u64, now_ms: u64) {
    let Some(text) = world.sms.message(key).cloned() else {
        return;
    };
    let address = digits(&text.to);
    let subject = subject_of(&text, &address);
    if let Some((outage, ..)) =
        world.outage(Provider::Sms, &subject, |b| b == Behaviour::WithholdSent)
    {
        world.hold(outage, Event::SmsSent(key));
        return;
    }
    change(world, key, "sent", None, now_ms);
    let wait_ms = world.wait_ms(world.config.timing.sms_delivered_ms);
    match failing_code(world, &subject, &address) {
        Some(code) => world.schedule(now_ms, wait_ms, Event::SmsFailed(key, code)),
        None => world.schedule(now_ms, wait_ms, Event::SmsDelivered(key)),
    }
}

pub(crate) fn delivered(world: &mut World, key: u64, now_ms: u64) {
    let Some(text) = world.sms.message(key).cloned() else {
        return;
    };
    let address = digits(&text.to);
    let subject = subject_of(&text, &address);
    if let Some((outage, ..)) = world.outage(Provider::Sms, &subject, |b| {
        b == Behaviour::WithholdDelivered
    }) {
        world.hold(outage, Event::SmsDelivered(key));
        return;
    }
    let raw = serde_json::json!({
        "To": text.to, "From": text.from, "Body": text.body, "MediaUrl": text.media
    });
    let received = Received {
        seq: 0,
        channel: Provider::Sms,
        provider_message_id: text.sid.clone(),
        from: text.from.clone(),
        text: text.body.clone(),
        options: Vec::new(),
        raw,
        at_ms: now_ms,
    };
    world.reached(&address, received, text.callback);
    change(world, key, "delivered", None, now_ms);
    answer_by_itself(world, &address, now_ms);
}

pub(crate) fn failed(world: &mut World, key: u64, code: u32, now_ms: u64) {
    change(world, key, "undelivered", Some(code), now_ms);
}

/// A person texts the business; opt-out words work as carriers make them work.
pub(crate) fn person_sends(
    world: &mut World,
    address: &str,
    send: PersonSend,
    now_ms: u64,
) -> Result<String, PersonError> {
    let Some(body) = send.text else {
        return Err(PersonError::Empty);
    };
    let sid = format!("SM{}", world.draws.hex_lower(32));
    let person = world.people.person(address);
    person.last_inbound_ms = Some(now_ms);
    let word = body.trim().to_ascii_uppercase();
    if STOP_WORDS.contains(&word.as_str()) {
        person.opted_out_of_sms = true;
    } else if START_WORDS.contains(&word.as_str()) {
        person.opted_out_of_sms = false;
    }
    let Some(url) = world.sms.inbound_url.clone() else {
        return Ok(sid);
    };
    let (account, to) = (
        world.config.sms.account_sid.clone(),
        world.config.sms.from.clone(),
    );
    let from = format!("+{address}");
    let segments = super::segments::count(&body).to_string();
    let form = [
        ("MessageSid", sid.as_str()),
        ("SmsMessageSid", &sid),
        ("SmsSid", &sid),
        ("AccountSid", &account),
        ("From", &from),
        ("To", &to),
        ("Body", &body),
        ("NumMedia", "0"),
        ("NumSegments", &segments),
        ("SmsStatus", "received"),
        ("ApiVersion", "2010-04-01"),
    ];
    let subject = Subject {
        address: Some(address),
        ..Subject::default()
    };
    post(world, &url, &form, &subject, now_ms);
    Ok(sid)
}

/// Posts the message's present status to its callback, if it has one.
pub(crate) fn tell(world: &mut World, key: u64, now_ms: u64) {
    let Some(text) = world.sms.message(key).cloned() else {
        return;
    };
    let Some(url) = text.callback.clone() else {
        return;
    };
    let account = world.config.sms.account_sid.clone();
    let code = text.error_code.map(|code| code.to_string());
    let mut form = vec![
        ("AccountSid", account.as_str()),
        ("ApiVersion", "2010-04-01"),
        ("From", &text.from),
        ("MessageSid", &text.sid),
        ("MessageStatus", text.status),
        ("SmsSid", &text.sid),
        ("SmsStatus", text.status),
        ("To", &text.to),
    ];
    form.extend(code.as_deref().map(|code| ("ErrorCode", code)));
    let address = digits(&text.to);
    post(world, &url, &form, &subject_of(&text, &address), now_ms);
}

pub(crate) fn error_text(code: u32) -> &'static str {
    match code {
        UNREACHABLE => "Unreachable destination handset",
        UNKNOWN => "Unknown destination handset",
        _ => "Unknown error",
    }
}

/// The date form the provider uses in its replies.
pub(crate) fn rfc2822(at_ms: u64) -> String {
    let seconds = i64::try_from(at_ms / 1000).unwrap_or(0);
    mail_parser::DateTime::from_timestamp(seconds).to_rfc822()
}

fn change(world: &mut World, key: u64, status: &'static str, error_code: Option<u32>, now_ms: u64) {
    if let Some(text) = world.sms.message_mut(key) {
        text.status = status;
        text.error_code = error_code;
    }
    tell(world, key, now_ms);
}

fn post(world: &mut World, url: &str, form: &[(&str, &str)], subject: &Subject<'_>, now_ms: u64) {
    let params: Vec<(String, String)> = form
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect();
    let body = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(&params)
        .finish();
    let post = Post {
        id: 0,
        provider: Provider::Sms,
        url: url.to_owned(),
        content_type: "application/x-www-form-urlencoded; charset=UTF-8",
        signature_header: "x-twilio-signature",
        signature: twilio_signature(world.config.sms.auth_token.expose(), url, &params),
        body: Bytes::from(body),
        timeout_ms: world.config.webhooks.timeout_ms,
    };
    world.post(post, Vec::new(), subject, now_ms);
}

fn subject_of<'a>(text: &'a Text, address: &'a str) -> Subject<'a> {
    Subject {
        phone_number_id: Some(&text.from),
        message_type: Some(if text.media.is_empty() { "sms" } else { "mms" }),
        address: Some(address),
        ..Subject::default()
    }
}

fn failing_code(world: &mut World, subject: &Subject<'_>, address: &str) -> Option<u32> {
    let faulty = |b| b == Behaviour::RecipientFault(RecipientFault::Unreachable);
    if world.outage(Provider::Sms, subject, faulty).is_some() {
        return Some(if world.draws.percent(50) {
            UNREACHABLE
        } else {
            UNKNOWN
        });
    }
    match world.people.person(address).sms {
        SmsReach::Normal => None,
        SmsReach::Unreachable => Some(UNREACHABLE),
        SmsReach::Unknown => Some(UNKNOWN),
    }
}

fn answer_by_itself(world: &mut World, address: &str, now_ms: u64) {
    let Some(reply) = world
        .people
        .find(address)
        .and_then(|person| person.auto_reply.clone())
    else {
        return;
    };
    let send = PersonSend::text(&reply.text).over(Provider::Sms);
    let wait_ms = world.wait_ms(reply.after_ms);
    world.schedule(
        now_ms,
        wait_ms,
        Event::Answers(address.to_owned(), Box::new(send)),
    );
}
