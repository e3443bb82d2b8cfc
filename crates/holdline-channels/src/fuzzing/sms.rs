//! Laws of the SMS provider's formats: calls, their signature, answers, and the size of a text.

use super::{NOW, parts, text as lossy};
use crate::sms::classify::{RETRY_AFTER_MS_MAX, classify};
use crate::sms::gsm7::{cost, simplify};
use crate::sms::inbound::{MEDIA_MAX, read};
use crate::sms::wire::{FIELDS_MAX, field, read_form, sign, verify};
use bytes::Bytes;
use holdline_core::message::Outcome;
use holdline_core::{ChannelKind, Redacted};
use holdline_engine::ports::InboundItem;
use holdline_engine::ports::records::RawInbound;

/// Query and body of a call.
pub(super) fn call(input: &[u8]) {
    let [query, body] = parts(input);
    let raw = RawInbound {
        id: 1,
        channel: ChannelKind::SMS,
        received_at: NOW,
        query: lossy(query).into_owned(),
        body: Redacted::new(Bytes::copy_from_slice(body)),
    };
    let Ok(items) = read(&raw) else { return };
    assert!(items.len() <= MEDIA_MAX);
    for item in items {
        match item {
            InboundItem::Message(message) => {
                assert!(!message.provider_id.is_empty() && message.from.is_some());
                let payload: serde_json::Value =
                    serde_json::from_slice(message.payload.expose()).expect("JSON");
                assert_eq!(payload["type"], message.kind.as_str());
            }
            InboundItem::Receipt(receipt) => assert_eq!(receipt.at, NOW),
            InboundItem::Passed { .. }
            | InboundItem::TemplatesChanged { .. }
            | InboundItem::Echo { .. } => panic!("a call that says what SMS has not"),
        }
    }
}

/// What is signed is the address and the fields as they are read: nothing that is read of a call
/// can be changed without the signature.
pub(super) fn signature(input: &[u8]) {
    let [secret, url, body, other, made_up] = parts(input);
    let (url, made_up) = (lossy(url), lossy(made_up));
    let (form, changed) = (read_form(body), read_form(other));
    assert!(form.len() <= FIELDS_MAX);
    let signed = sign(secret, &url, &form);
    assert!(verify(secret, &url, &form, &signed));
    let same = words(&form) == words(&changed);
    assert_eq!(verify(secret, &url, &changed, &signed), same);
    assert!(!verify(b"another secret", &url, &form, &signed) || secret == b"another secret");
    assert!(!verify(secret, &url, &form, &made_up) || made_up.trim() == signed);
    assert!(field(&form, "").is_none_or(|value| !value.is_empty()));
}

fn words(form: &[(String, String)]) -> String {
    let mut fields: Vec<_> = form.iter().collect();
    fields.sort();
    fields.dedup();
    fields
        .iter()
        .map(|(name, value)| format!("{name}{value}"))
        .collect()
}

pub(super) fn answer(input: &[u8]) {
    let [status, retry_after, body] = parts(input);
    let status = lossy(status).parse().unwrap_or(200);
    match classify(status, std::str::from_utf8(retry_after).ok(), body, NOW) {
        Outcome::Accepted { .. } => assert!((200..300).contains(&status)),
        Outcome::Rejected(fault) | Outcome::Unknown(fault) => assert!(fault.detail.len() <= 512),
        Outcome::Throttled { until, .. } => {
            assert!(until.is_none_or(|until| until <= NOW.plus_ms(RETRY_AFTER_MS_MAX)));
        }
    }
}

pub(super) fn text(input: &[u8]) {
    let text = lossy(input);
    let plain = simplify(&text);
    assert_eq!(simplify(&plain), plain, "simple is simple");
    let cost_of = cost(&plain);
    let parts_min = cost_of.units.div_ceil(160).max(1);
    let parts_max = cost_of.units.div_ceil(66).max(1);
    assert!(
        (parts_min..=parts_max).contains(&cost_of.segments),
        "{cost_of:?}"
    );
}
