//! STOP, START and HELP by SMS. A stop holds for the address it came from, at once and for every
//! later message; the app sees the person's words all the same.

use crate::ports::channel::InboundMessage;
use crate::ports::ops::{AddressNote, Op};
use crate::ports::records::ContactRecord;
use crate::request::{HopRequest, NewMessage, Recipient};
use crate::shared::Shared;
use bytes::Bytes;
use holdline_core::ChannelKind;
use holdline_core::contact::{Consent, Keyword};
use holdline_core::message::Priority;

/// What a keyword writes; asks for the help text to be sent where the person wants help.
pub(crate) fn handle(
    shared: &Shared,
    channel: ChannelKind,
    contact: &ContactRecord,
    message: &InboundMessage,
    value: &str,
) -> Option<Op> {
    if channel != ChannelKind::SMS {
        return None;
    }
    let text = message.text.as_ref()?.expose();
    let stopped = contact.addresses.iter().any(|address| {
        address.channel == channel
            && address.value.expose() == value
            && address.consent == Consent::Withdrawn
    });
    let consent = match Keyword::read(text, stopped)? {
        Keyword::Stop => Consent::Withdrawn,
        Keyword::Start => Consent::Given,
        Keyword::Help => {
            if shared.config.sms_help_text.is_some() {
                let _ = shared.help_wishes.try_send(value.to_owned());
            }
            return None;
        }
    };
    Some(Op::AddressNote(Box::new(AddressNote {
        contact: contact.id,
        channel,
        value: value.to_owned(),
        unreachable_until: None,
        last_inbound_at: None,
        consent: Some(consent),
    })))
}

/// The answer to HELP, as a message of its own.
pub(crate) fn help_message(shared: &Shared, value: String) -> NewMessage {
    let mut body = String::from(r#"{"type":"text","text":{"body":"#);
    body.push_str(&json_string(shared.config.sms_help_text.as_deref().unwrap_or_default()));
    body.push_str("}}");
    NewMessage {
        app: String::from("holdline"),
        sender: String::new(),
        to: Recipient::Address {
            channel: ChannelKind::SMS,
            value: value.clone(),
        },
        to_input: value,
        kind: String::from("text"),
        body: Bytes::from(body),
        opaque: None,
        priority: Priority::Service,
        duplicate_rule: None,
        data_class: None,
        expires_at: None,
        hops: Some(vec![HopRequest {
            channel: ChannelKind::SMS,
            after_ms: None,
            success: None,
            on: None,
            ttl_ms: None,
            template: None,
        }]),
        idempotency: None,
        answer: Box::new(|_| Bytes::new()),
    }
}

fn json_string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
