//! A message from one number of ours to another: its text, the mark by which its receipts are
//! known, and how it is known again when it comes in. Pure; holds nothing of people.

use holdline_core::Timestamp;
use serde_json::json;
use std::fmt;

/// Two numbers of ours, and which writes to which.
#[derive(Clone, PartialEq, Eq)]
pub struct EchoPair {
    /// Phone-number id of the one that writes.
    pub from: String,
    /// Phone-number id of the one that is written to.
    pub to: String,
    /// The number of `to`, in the digits of E.164.
    pub to_number: String,
    /// The number of `from`, likewise.
    pub from_number: String,
}

/// The text of an echo.
#[must_use]
pub fn echo_text(token: u64, now: Timestamp) -> String {
    format!("{WORDS} {token:016x} {}", now.0)
}

/// The token of an echo and when it was sent, where `text` is one that [`echo_text`] gives.
#[must_use]
pub fn echo_of(text: &str) -> Option<(u64, Timestamp)> {
    let rest = text.strip_prefix(WORDS)?.strip_prefix(' ')?;
    let (token, at) = rest.split_once(' ')?;
    let token = u64::from_str_radix(token, 16).ok()?;
    let at = Timestamp(at.parse().ok()?);
    (echo_text(token, at) == text).then_some((token, at))
}

impl EchoPair {
    /// The token and the time of an echo of this pair, where this message is one: `to` is the
    /// phone-number id that it came to, `from` the number that it came from.
    #[must_use]
    pub fn arrived(&self, to: &str, from: &str, text: &str) -> Option<(u64, Timestamp)> {
        let ours = to == self.to && digits(from) == digits(&self.from_number);
        ours.then(|| echo_of(text)).flatten()
    }

    pub(crate) fn request(&self, token: u64, now: Timestamp) -> Vec<u8> {
        let body = json!({
            "messaging_product": "whatsapp",
            "recipient_type": "individual",
            "to": format!("+{}", digits(&self.to_number)),
            "type": "text",
            "text": {"body": echo_text(token, now), "preview_url": false},
            "biz_opaque_callback_data": format!("{OPAQUE_PREFIX}{token:016x}"),
        });
        body.to_string().into_bytes()
    }
}

/// The token, where callback data is that of an echo; that of messages begins otherwise.
pub(crate) fn token_of(opaque: &str) -> Option<u64> {
    u64::from_str_radix(opaque.strip_prefix(OPAQUE_PREFIX)?, 16).ok()
}

fn digits(number: &str) -> &str {
    number.trim_start_matches('+')
}

const WORDS: &str = "holdline echo";
const OPAQUE_PREFIX: &str = "hl-echo:";

impl fmt::Debug for EchoPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EchoPair({} -> {})", self.from, self.to)
    }
}
