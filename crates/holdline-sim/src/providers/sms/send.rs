//! POST of a text message: checks in the provider's order, then accepts and starts its way.

use serde_json::Value;

use super::{ApiError, Text, after, segments, view};
use crate::outage::Provider;
use crate::providers::{ApiRequest, Params, Reply};
use crate::text::digits;
use crate::world::{Event, World};

const BODY_MAX: usize = 1_600;
const MEDIA_MAX: usize = 10;

pub(crate) fn post(
    world: &mut World,
    request: &ApiRequest,
    params: &Params,
    now_ms: u64,
) -> Result<Reply, ApiError> {
    let to = recipient(params)?;
    world.people.attempted(&digits(&to), Provider::Sms);
    let from = sender(world, params)?;
    let media = media_urls(request);
    let body = params.values.get("Body").map(plain).unwrap_or_default();
    if body.is_empty() && media.is_empty() {
        return Err(ApiError::new(400, 21_602, "Message body is required."));
    }
    if body.chars().count() > BODY_MAX {
        let why = "The concatenated message body exceeds the 1600 character limit.";
        return Err(ApiError::new(400, 21_617, why));
    }
    if media.len() > MEDIA_MAX {
        return Err(ApiError::new(
            400,
            21_623,
            "Number of media files exceeds allowed limit.",
        ));
    }
    refuse(world, &to, now_ms)?;
    let prefix = if media.is_empty() { "SM" } else { "MM" };
    let text = Text {
        sid: format!("{prefix}{}", world.draws.hex_lower(32)),
        to,
        from,
        segments: segments::count(&body),
        body,
        media,
        status: "queued",
        error_code: None,
        callback: params.text("StatusCallback").map(str::to_owned),
        created_ms: now_ms,
    };
    let shown = view(&world.config.sms.account_sid, &text);
    let key = world.sms.remember(text);
    after::tell(world, key, now_ms);
    let wait_ms = world.wait_ms(world.config.timing.sms_sent_ms);
    world.schedule(now_ms, wait_ms, Event::SmsSent(key));
    Ok(Reply::json(201, &shown))
}

fn recipient(params: &Params) -> Result<String, ApiError> {
    let to = params.text("To").unwrap_or_default().trim();
    if to.is_empty() {
        return Err(ApiError::new(
            400,
            21_604,
            "A 'To' phone number is required.",
        ));
    }
    let number = to.strip_prefix('+').unwrap_or_default();
    let good =
        number.len() >= 7 && number.len() <= 15 && number.bytes().all(|b| b.is_ascii_digit());
    if !good || number.starts_with('0') {
        let why = format!("Invalid 'To' Phone Number: {}", masked(to));
        return Err(ApiError::new(400, 21_211, why));
    }
    Ok(to.to_owned())
}

fn masked(to: &str) -> String {
    let shown: String = to.chars().take(6).collect();
    format!("{shown}XXXX")
}

fn sender(world: &World, params: &Params) -> Result<String, ApiError> {
    let config = &world.config.sms;
    let from = params.text("From").unwrap_or_default();
    if from.is_empty()
        && params
            .text("MessagingServiceSid")
            .is_some_and(|s| s.starts_with("MG"))
    {
        return Ok(config.from.clone());
    }
    if from.is_empty() {
        return Err(ApiError::new(
            400,
            21_603,
            "A 'From' phone number is required.",
        ));
    }
    if from != config.from {
        let why = format!(
            "The 'From' phone number provided ({}) is not a valid message-capable phone number \
             for this account.",
            masked(from)
        );
        return Err(ApiError::new(400, 21_606, why));
    }
    Ok(from.to_owned())
}

fn refuse(world: &mut World, to: &str, now_ms: u64) -> Result<(), ApiError> {
    let per_s = world.config.sms.throughput_per_s;
    if world.is_full() || !world.sms.take_throughput(per_s, now_ms) {
        return Err(ApiError::too_many());
    }
    if world.people.person(&digits(to)).opted_out_of_sms {
        return Err(ApiError::new(
            400,
            21_610,
            "Attempt to send to unsubscribed recipient",
        ));
    }
    Ok(())
}

/// The parameter may be given several times, so it is read from the form itself.
fn media_urls(request: &ApiRequest) -> Vec<String> {
    crate::providers::pairs(&request.body)
        .into_iter()
        .filter(|(name, _)| name == "MediaUrl")
        .map(|(_, value)| value)
        .collect()
}

/// A form value that happened to look like JSON is still text here.
fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}
