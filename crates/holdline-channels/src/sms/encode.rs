//! Makes the form of a message: text in as few parts as it needs, files as links or MMS. Refuses
//! what would take too many parts; never cuts a text.

use super::config::SmsConfig;
use super::gsm7::{self, Cost};
use crate::adapt::{Adapted, Attachment, MediaRef};
use crate::say;
use crate::whatsapp::wire::ids::opaque_of;
use holdline_core::AttemptKey;
use holdline_core::message::{FaultClass, Outcome};
use holdline_engine::ports::Dispatch;
use url::Url;

/// Most files in one MMS.
pub const MEDIA_MAX: usize = 10;

/// Longest time that the provider may be asked to keep trying, in seconds.
const VALIDITY_S_MAX: u32 = 36_000;

/// The query field by which a receipt names our attempt.
pub const KEY_FIELD: &str = "k";

/// The fields to post.
///
/// # Errors
/// The rejection, when the message has no text or takes too many parts.
pub fn encode(
    dispatch: &Dispatch,
    adapted: &Adapted,
    media: Vec<String>,
    config: &SmsConfig,
) -> Result<Vec<(&'static str, String)>, Outcome> {
    let text = body(adapted, config);
    if text.is_empty() && media.is_empty() {
        return Err(say::rejected(
            FaultClass::Request,
            "empty",
            "nothing of it can go by SMS",
        ));
    }
    check_length(gsm7::cost(&text), config.segments_max)?;
    let sender = sender(dispatch, config);
    let from = if sender.starts_with("MG") {
        "MessagingServiceSid"
    } else {
        "From"
    };
    let mut fields = vec![
        ("To", dispatch.hop.address.expose().clone()),
        (from, sender),
        ("Body", text),
        ("StatusCallback", callback(&config.public_url, dispatch.key)),
    ];
    if dispatch.hop.ttl_ms > 0 {
        let seconds = (dispatch.hop.ttl_ms / 1000).clamp(1, VALIDITY_S_MAX);
        fields.push(("ValidityPeriod", seconds.to_string()));
    }
    fields.extend(
        media
            .into_iter()
            .take(MEDIA_MAX)
            .map(|url| ("MediaUrl", url)),
    );
    Ok(fields)
}

/// What an SMS of it would say, and what it would cost.
#[must_use]
pub fn body(adapted: &Adapted, config: &SmsConfig) -> String {
    let text = adapted.text.trim();
    if config.simplify {
        gsm7::simplify(text)
    } else {
        text.into()
    }
}

/// Where the provider posts what became of an attempt.
#[must_use]
pub fn callback(public_url: &str, key: AttemptKey) -> String {
    let opaque = opaque_of(key.message.0, key.number);
    let plain = format!("{}/hooks/sms", public_url.trim_end_matches('/'));
    match Url::parse(&plain) {
        Ok(mut url) => {
            url.query_pairs_mut().append_pair(KEY_FIELD, &opaque);
            url.into()
        }
        Err(_) => plain,
    }
}

/// The files that can go as MMS.
pub(super) fn media_sources<'a>(adapted: &'a Adapted) -> Vec<&'a MediaRef> {
    let media = |attachment: &'a Attachment| match attachment {
        Attachment::Media(media) => Some(media),
        // Stands in the text already.
        Attachment::Card { .. } => None,
    };
    adapted.attachments.iter().filter_map(media).collect()
}

fn check_length(cost: Cost, segments_max: u16) -> Result<(), Outcome> {
    if cost.segments <= usize::from(segments_max) {
        return Ok(());
    }
    let why = format!(
        "takes {} parts, {segments_max} are allowed: shorten it or raise sms.segments_max",
        cost.segments
    );
    Err(say::rejected(FaultClass::Template, "too_long", &why))
}

fn sender(dispatch: &Dispatch, config: &SmsConfig) -> String {
    match (dispatch.hop.sender.as_str(), config.senders.first()) {
        ("" | "default", Some(first)) => first.clone(),
        (named, _) => named.into(),
    }
}
