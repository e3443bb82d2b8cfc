//! Decides what an answer of the provider means: by its error code, then by whether it says that
//! the fault passes, and by HTTP status only where no Graph error was given.
//! A missing or unreadable answer to a send is unknown, never a failure.

use super::errors::{self, Rule};
use holdline_core::Timestamp;
use holdline_core::message::{Fault, FaultClass, Outcome, ThrottleScope};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use std::borrow::Cow;

/// Longest time a Retry-After is believed, in milliseconds.
pub const RETRY_AFTER_MS_MAX: u64 = 24 * 60 * 60 * 1000;

/// Longest text kept of the provider's words, in characters.
pub const DETAIL_CHARS_MAX: usize = 200;

/// One HTTP answer.
#[derive(Clone, Copy)]
pub struct Reply<'a> {
    pub http_status: u16,
    /// The `Retry-After` header.
    pub retry_after: Option<&'a str>,
    pub body: &'a [u8],
}

/// What a send came to.
#[must_use]
pub fn classify(reply: &Reply<'_>, now: Timestamp) -> Outcome {
    if let Some(id) = accepted_id(reply) {
        return Outcome::Accepted {
            provider_id: Some(id),
        };
    }
    let body = serde_json::from_slice::<Value>(reply.body).ok();
    let error = body
        .as_ref()
        .and_then(|body| body.get("error"))
        .filter(|e| e.is_object());
    match (error, body.as_ref()) {
        (Some(error), _) => of_error(error, reply, now),
        (None, body) if (200..300).contains(&reply.http_status) => of_success(body),
        (None, _) => of_status(reply, now),
    }
}

/// Nothing was sent: no name, no connection, no TLS. `code` is `dns`, `connect`, `tls`.
#[must_use]
pub fn not_sent(code: &str, detail: &str) -> Outcome {
    Outcome::Rejected(Fault::new(FaultClass::Platform, code, &tidy(detail)))
}

/// The request left, and no whole answer came. `code` is `timeout`, `reset`, `closed`.
#[must_use]
pub fn no_answer(code: &str, detail: &str) -> Outcome {
    Outcome::Unknown(Fault::new(FaultClass::Platform, code, &tidy(detail)))
}

/// Why a message failed after it was accepted: the first error that the table knows.
#[must_use]
pub fn classify_status_errors(errors: &[Value]) -> Fault {
    let rule = |error: &Value| errors::lookup(code_of(error)?, subcode_of(error));
    let known = errors.iter().find_map(|error| Some((error, rule(error)?)));
    match (known, errors.first()) {
        (Some((error, rule)), _) => rule.fault(&code_text(error), &detail_of(error)),
        (None, Some(error)) if is_transient(error) => {
            Fault::new(FaultClass::Platform, &code_text(error), &detail_of(error))
        }
        // Without a known reason it speaks of this message alone, not of the platform.
        (None, Some(error)) => {
            Fault::new(FaultClass::Recipient, &code_text(error), &detail_of(error))
        }
        (None, None) => Fault::new(FaultClass::Recipient, "failed", "failed without a reason"),
    }
}

/// The usual answer, of which nothing else is read.
#[derive(Deserialize)]
struct Accepted<'a> {
    error: Option<IgnoredAny>,
    #[serde(borrow)]
    messages: Vec<Sent<'a>>,
}

#[derive(Deserialize)]
struct Sent<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
}

fn accepted_id(reply: &Reply<'_>) -> Option<String> {
    if !(200..300).contains(&reply.http_status) {
        return None;
    }
    let body: Accepted<'_> = serde_json::from_slice(reply.body).ok()?;
    let sent = body.messages.into_iter().next()?;
    (body.error.is_none() && !sent.id.is_empty()).then(|| sent.id.into_owned())
}

fn of_success(body: Option<&Value>) -> Outcome {
    let id = body
        .and_then(|body| body.pointer("/messages/0/id"))
        .and_then(Value::as_str);
    let done = body
        .and_then(|body| body.get("success"))
        .and_then(Value::as_bool);
    match (id, done) {
        (Some(id), _) if !id.is_empty() => Outcome::Accepted {
            provider_id: Some(id.into()),
        },
        (_, Some(true)) => Outcome::Accepted { provider_id: None },
        _ => no_answer("bad_reply", "the answer holds no message id"),
    }
}

fn of_error(error: &Value, reply: &Reply<'_>, now: Timestamp) -> Outcome {
    let code = code_of(error);
    let rule = code.and_then(|code| errors::lookup(code, subcode_of(error)));
    let (text, detail) = (code_text(error), detail_of(error));
    match rule {
        // Said to pass by itself: then it is not our request that is wrong.
        Some(Rule {
            class: FaultClass::Request,
            ..
        }) if is_transient(error) => {
            Outcome::Rejected(Fault::new(FaultClass::Platform, &text, &detail))
        }
        Some(rule) if rule.class == FaultClass::Throttled => Outcome::Throttled {
            fault: rule.fault(&text, &detail),
            scope: rule.scope,
            until: retry_after(reply, now),
        },
        Some(rule) if rule.ambiguous => Outcome::Unknown(rule.fault(&text, &detail)),
        // A fault of the server in the midst of a request that it does not name.
        Some(rule) if rule.weak && reply.http_status >= 500 => {
            Outcome::Unknown(rule.fault(&text, &detail))
        }
        Some(rule) => Outcome::Rejected(rule.fault(&text, &detail)),
        None => of_unlisted(error, reply, now),
    }
}

/// A code that the table does not hold.
fn of_unlisted(error: &Value, reply: &Reply<'_>, now: Timestamp) -> Outcome {
    let fault = |class| Fault::new(class, &code_text(error), &detail_of(error));
    match reply.http_status {
        429 => throttled(fault(FaultClass::Throttled), reply, now),
        _ if is_transient(error) => Outcome::Rejected(fault(FaultClass::Platform)),
        503 => Outcome::Rejected(fault(FaultClass::Platform)),
        500.. => Outcome::Unknown(fault(FaultClass::Platform)),
        401 | 403 => Outcome::Rejected(fault(FaultClass::Account)),
        _ => Outcome::Rejected(fault(FaultClass::Request)),
    }
}

/// No Graph error: HTML, nothing, or another's JSON. What answered is then not a working Graph
/// API, whatever the status.
fn of_status(reply: &Reply<'_>, now: Timestamp) -> Outcome {
    let code = format!("http_{}", reply.http_status);
    let fault = |class| Fault::new(class, &code, "the answer is no Graph error");
    match reply.http_status {
        429 => throttled(fault(FaultClass::Throttled), reply, now),
        413 => Outcome::Rejected(fault(FaultClass::Request)),
        503 => Outcome::Rejected(fault(FaultClass::Platform)),
        500.. => Outcome::Unknown(fault(FaultClass::Platform)),
        _ => Outcome::Rejected(fault(FaultClass::Platform)),
    }
}

fn throttled(fault: Fault, reply: &Reply<'_>, now: Timestamp) -> Outcome {
    Outcome::Throttled {
        fault,
        scope: ThrottleScope::Route,
        until: retry_after(reply, now),
    }
}

/// The time that Retry-After names, in seconds or as a date, at most a day ahead.
fn retry_after(reply: &Reply<'_>, now: Timestamp) -> Option<Timestamp> {
    let text = reply.retry_after?.trim();
    let wait_ms = match text.parse::<u64>() {
        Ok(seconds) => seconds.saturating_mul(1000),
        Err(_) => Timestamp(http_date_s(text)?.saturating_mul(1000)).since_ms(now),
    };
    Some(now.plus_ms(wait_ms.min(RETRY_AFTER_MS_MAX)))
}

/// Seconds since 1970 of a date such as `Sun, 06 Nov 1994 08:49:37 GMT`.
fn http_date_s(text: &str) -> Option<i64> {
    let parts: Vec<&str> = text
        .split([' ', ':'])
        .filter(|part| !part.is_empty())
        .collect();
    let [_, day, month, year, hour, minute, second, "GMT"] = parts[..] else {
        return None;
    };
    let number = |part: &str| part.parse::<u32>().ok().map(i64::from);
    let month = MONTHS.iter().position(|name| *name == month)?;
    let days = days_since_1970(number(year)?, i64::try_from(month).ok()? + 1, number(day)?);
    Some(days * 86_400 + number(hour)? * 3_600 + number(minute)? * 60 + number(second)?)
}

/// Days from 1970-01-01 to a day of the Gregorian calendar, counting years from March.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year
        - 719_468
}

fn code_of(error: &Value) -> Option<u32> {
    let code = error.get("code")?;
    let written = code.as_str().and_then(|text| text.parse().ok());
    code.as_u64()
        .and_then(|code| u32::try_from(code).ok())
        .or(written)
}

fn code_text(error: &Value) -> String {
    code_of(error).map_or_else(|| "none".into(), |code| code.to_string())
}

fn subcode_of(error: &Value) -> Option<u32> {
    error
        .get("error_subcode")?
        .as_u64()
        .and_then(|code| u32::try_from(code).ok())
}

fn is_transient(error: &Value) -> bool {
    error.get("is_transient").and_then(Value::as_bool) == Some(true)
}

fn detail_of(error: &Value) -> String {
    let data = error.get("error_data");
    let details = data.and_then(|data| data.get("details").or(Some(data)));
    let keys = ["title", "message"].map(|key| error.get(key));
    let words = [keys[0], keys[1], details];
    tidy(
        words
            .into_iter()
            .flatten()
            .find_map(Value::as_str)
            .unwrap_or("no reason given"),
    )
}

/// The provider's words without runs of digits long enough to be an address, cut to a length.
fn tidy(text: &str) -> String {
    let mut tidy = String::new();
    let mut digits = String::new();
    for c in text.chars().take(DETAIL_CHARS_MAX).chain(['\n']) {
        if c.is_ascii_digit() {
            digits.push(c);
            continue;
        }
        tidy.push_str(if digits.len() > DIGITS_SHOWN_MAX {
            "[number]"
        } else {
            &digits
        });
        digits.clear();
        tidy.push(if c.is_control() { ' ' } else { c });
    }
    tidy.trim().into()
}

/// Longest error code of the provider; phone numbers and account ids are longer.
const DIGITS_SHOWN_MAX: usize = 7;

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

impl std::fmt::Debug for Reply<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Reply({}, {} bytes)", self.http_status, self.body.len())
    }
}
