//! STOP, START and HELP by SMS. A stop holds for the address it came from, at once and for every
//! later message; the app sees the person's words all the same.

use crate::driver::event::Event;
use crate::ports::channel::InboundMessage;
use crate::ports::ops::{AddressNote, Op};
use crate::ports::records::ContactRecord;
use crate::request::{HopRequest, NewMessage, Recipient};
use crate::shared::Shared;
use bytes::Bytes;
use holdline_core::contact::{Consent, Keyword};
use holdline_core::message::Priority;
use holdline_core::{ChannelKind, Redacted};
use std::sync::Arc;

/// The keyword that a message is, if it came where keywords count.
pub(crate) fn asked(
    channel: ChannelKind,
    contact: &ContactRecord,
    message: &InboundMessage,
    value: &str,
) -> Option<Keyword> {
    if channel != ChannelKind::SMS {
        return None;
    }
    let text = message.text.as_ref()?.expose();
    Keyword::read(text, has_stopped(contact, channel, value))
}

/// What the keyword writes.
pub(crate) fn note(
    keyword: Keyword,
    channel: ChannelKind,
    contact: &ContactRecord,
    value: &str,
) -> Option<Op> {
    let consent = match keyword {
        Keyword::Stop => Consent::Withdrawn,
        Keyword::Start => Consent::Given,
        Keyword::Help => return None,
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

/// What follows once the message is stored: a stop also holds for what is under way, and who asks
/// for help gets it. `fresh` is false for a repeated webhook: it may speak of a stop that the
/// process did not live to carry out.
pub(crate) async fn carry_out(
    shared: &Shared,
    keyword: Keyword,
    channel: ChannelKind,
    (contact, value): (&ContactRecord, &str),
    fresh: bool,
) {
    match keyword {
        Keyword::Stop if fresh || has_stopped(contact, channel, value) => {
            let withdrawn = Event::Withdrawn {
                contact: contact.id,
                channel,
                address: Redacted::new(value.to_owned()),
            };
            let _ = shared.mailbox.send(withdrawn).await;
        }
        Keyword::Help if fresh && shared.config.sms_help_text.is_some() => {
            let _ = shared.help_wishes.try_send(value.to_owned());
        }
        Keyword::Stop | Keyword::Start | Keyword::Help => {}
    }
}

fn has_stopped(contact: &ContactRecord, channel: ChannelKind, value: &str) -> bool {
    contact.addresses.iter().any(|address| {
        address.channel == channel
            && address.value.expose() == value
            && address.consent == Consent::Withdrawn
    })
}

/// The answer to HELP, as a message of its own.
pub(crate) fn help_message(shared: &Shared, value: String) -> NewMessage {
    let text = shared.config.sms_help_text.as_deref().unwrap_or_default();
    let body = serde_json::json!({
        "messaging_product": "whatsapp", "to": value, "type": "text", "text": {"body": text},
    });
    NewMessage {
        feature: holdline_core::health::Feature::Session,
        app: String::from("holdline"),
        sender: String::new(),
        to: Recipient::Address {
            channel: ChannelKind::SMS,
            value: value.clone(),
        },
        to_input: value,
        kind: String::from("text"),
        body: Bytes::from(body.to_string()),
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
        answer: Arc::new(|_| Bytes::new()),
    }
}
