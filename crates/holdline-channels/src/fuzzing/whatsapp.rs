//! Laws of the Cloud API's formats: requests of apps, webhooks and answers of the provider, ids and
//! signatures.

use super::{NOW, parts, text};
use crate::adapt::{MediaMode, Options, render};
use crate::whatsapp::checks::token_of;
use crate::whatsapp::classify::{DETAIL_CHARS_MAX, RETRY_AFTER_MS_MAX, Reply, classify};
use crate::whatsapp::client::items::items;
use crate::whatsapp::definition::{fill, placeholders};
use crate::whatsapp::encode::{Substitutions, Target, encode, media_ids, message_ids};
use crate::whatsapp::inbound::{UPDATES_MAX, parse};
use crate::whatsapp::signature::{sign, verify};
use crate::whatsapp::wire::ids::{opaque_of, parse_opaque, parse_wamid, wamid_of};
use crate::whatsapp::wire::webhook::ascii_json;
use crate::whatsapp::wire::{GraphError, Request, parse_request};
use crate::whatsapp::{
    AccountHealth, EchoPair, MessageFate, TemplateBody, Update, echo_of, echo_text,
};
use holdline_core::message::content::{Content, Media};
use holdline_core::message::{Fault, Outcome};
use holdline_engine::ports::InboundItem;
use serde_json::Value;
use std::collections::BTreeMap;

/// An error names places and limits, never what the caller wrote: so it is short.
const ERROR_BYTES_MAX: usize = 2_048;

pub(super) fn request(input: &[u8]) {
    let Ok(body) = serde_json::from_slice::<Value>(input) else {
        return;
    };
    let read = parse_request(&body);
    match &read {
        Err(error) => bounded(error),
        Ok(Request::MarkRead(read)) => assert!(!read.message_id.is_empty()),
        Ok(Request::Send(send)) => {
            adapted(&send.content, input.len());
            encoded(body.clone(), &send.content);
        }
    }
    let again = serde_json::from_slice(body.to_string().as_bytes()).expect("JSON reads back");
    assert_eq!(read, parse_request(&again), "the same request is read");
}

fn bounded(error: &GraphError) {
    assert!((400..500).contains(&error.http_status));
    let body = error.body("A0");
    assert!(body.len() <= ERROR_BYTES_MAX, "an error of {}", body.len());
    let value: Value = serde_json::from_slice(&body).expect("an error is JSON");
    assert!(value.pointer("/error/code").is_some());
}

/// Other channels can say it or say why not, in a size that follows from the message's.
fn adapted(content: &Content, size: usize) {
    let link = |_: &Media| Some("https://h/l".to_owned());
    for media in [MediaMode::Attach, MediaMode::Link(&link)] {
        let options = Options {
            media,
            replies: true,
        };
        if let Ok(said) = render(content, None, &options) {
            let bytes_max = 20 * size + 4_096;
            assert!(said.text.len() <= bytes_max && said.html.len() <= bytes_max);
            let hint = said.subject_hint.unwrap_or_default();
            assert!(hint.len() <= bytes_max);
        }
    }
}

/// What goes to the provider is read as the same content, to another address.
fn encoded(mut body: Value, content: &Content) {
    let ids = |found: Vec<String>| -> BTreeMap<String, String> {
        found.into_iter().map(|id| (id.clone(), id)).collect()
    };
    let known = message_ids(&body).into_iter().map(str::to_owned).collect();
    let (message_ids, media_ids) = (ids(known), ids(media_ids(&mut body)));
    let with = Substitutions {
        target: Target::Phone("16505551234"),
        opaque: "hl:x",
        message_ids: &message_ids,
        media_ids: &media_ids,
        template: None,
    };
    let Ok(bytes) = encode(body, &with) else {
        return;
    };
    let sent: Value = serde_json::from_slice(&bytes).expect("a request is JSON");
    assert_eq!(
        sent["biz_opaque_callback_data"], "hl:x",
        "ours, not the app's"
    );
    assert_eq!(sent["to"], "16505551234", "nobody but whom we chose");
    assert!(sent.get("recipient").is_none(), "nobody but whom we chose");
    match parse_request(&sent) {
        Ok(Request::Send(again)) => assert!(again.content == *content, "the same content"),
        other => panic!("we send what we would refuse: {other:?}"),
    }
}

pub(super) fn webhook(input: &[u8]) {
    let Ok(updates) = parse(input, NOW) else {
        return;
    };
    assert!(updates.len() <= UPDATES_MAX);
    let value: Value = serde_json::from_slice(input).expect("what was read is JSON");
    let plain = ascii_json(&value);
    assert!(plain.is_ascii());
    let again = parse(&plain, NOW).expect("our own form of it is read too");
    assert_eq!(names(&updates), names(&again));
    let items_max = 2 * updates.len();
    let read: Vec<_> = updates
        .into_iter()
        .flat_map(|it| items(it, &pair()))
        .collect();
    assert!(read.len() <= items_max);
    read.iter().for_each(sound);
}

fn names(updates: &[Update]) -> Vec<&'static str> {
    updates.iter().map(|update| update.event.name()).collect()
}

fn pair() -> [EchoPair; 1] {
    [EchoPair {
        from: "106".into(),
        to: "107".into(),
        to_number: "15550783882".into(),
        from_number: "15550783881".into(),
    }]
}

fn sound(item: &InboundItem) {
    match item {
        InboundItem::Receipt(receipt) => assert!(!receipt.provider_id.is_empty()),
        InboundItem::Message(message) => {
            assert!(!message.provider_id.is_empty());
            let payload: Value = serde_json::from_slice(message.payload.expose()).expect("JSON");
            let hidden = ["id", "from", "timestamp", "context"];
            assert!(hidden.iter().all(|name| payload.get(name).is_none()));
        }
        InboundItem::Passed { value, .. } => {
            serde_json::from_str::<Value>(value).expect("what is passed on is JSON");
        }
        InboundItem::TemplatesChanged { .. } | InboundItem::Echo { .. } => {}
    }
}

pub(super) fn ids(input: &[u8]) {
    let text = text(input);
    if let Some((id, direction)) = parse_wamid(&text) {
        assert_eq!(wamid_of(id, direction), text);
    }
    if let Some((message, number)) = parse_opaque(&text) {
        assert_eq!(opaque_of(message, number), text);
    }
    if let Some((token, at)) = echo_of(&text) {
        assert_eq!(echo_text(token, at), text);
    }
    let opaque = token_of(&text).is_some();
    assert!(!opaque || parse_opaque(&text).is_none(), "one meaning each");
}

pub(super) fn signature(input: &[u8]) {
    let [secret, body, other, header] = parts(input);
    let signed = sign(secret, body);
    assert!(verify(secret, body, &signed));
    assert_eq!(
        verify(secret, other, &signed),
        body == other,
        "a changed body"
    );
    let header = text(header);
    let same = header.trim().strip_prefix("sha256=").is_some_and(|given| {
        signed.strip_prefix("sha256=") == Some(given.to_ascii_lowercase().as_str())
    });
    assert_eq!(
        verify(secret, body, &header),
        same,
        "a header that was made up"
    );
}

pub(super) fn answer(input: &[u8]) {
    let [status, retry_after, body] = parts(input);
    let reply = Reply {
        http_status: text(status).parse().unwrap_or(200),
        retry_after: std::str::from_utf8(retry_after).ok(),
        body,
    };
    match classify(&reply, NOW) {
        Outcome::Accepted { provider_id } => {
            assert!(
                (200..300).contains(&reply.http_status),
                "only a success counts"
            );
            assert!(provider_id.is_none_or(|id| !id.is_empty()));
        }
        Outcome::Rejected(fault) | Outcome::Unknown(fault) => short(&fault),
        Outcome::Throttled { fault, until, .. } => {
            short(&fault);
            let wait_max = NOW.plus_ms(RETRY_AFTER_MS_MAX);
            assert!(until.is_none_or(|until| until <= wait_max));
        }
    }
}

fn short(fault: &Fault) {
    assert!(fault.detail.chars().count() <= DETAIL_CHARS_MAX + 1);
    assert!(
        fault.code.len() <= 64,
        "a code of {} bytes",
        fault.code.len()
    );
    assert!(!fault.detail.chars().any(char::is_control));
}

pub(super) fn checks(input: &[u8]) {
    let Ok(value) = serde_json::from_slice::<Value>(input) else {
        return;
    };
    let health = AccountHealth::of(&value);
    assert!(health.entities.len() <= 32);
    assert!(health.words().len() <= 32 * 2_048);
    if let Some(fate) = MessageFate::of(&value, "wamid.A") {
        assert!(fate.words.is_none_or(|words| words.chars().count() <= 512));
    }
}

/// A template of the provider's list with what an app fills in.
pub(super) fn template(input: &[u8]) {
    let [item, filled] = parts(input);
    let Ok(item) = serde_json::from_slice::<Value>(item) else {
        return;
    };
    let Some(body) = TemplateBody::from_item(&item) else {
        return;
    };
    assert!(placeholders(&body.body).len() <= body.body.len() / 4);
    assert!(fill(&body.body, &[]).len() <= body.body.len());
    let Ok(Ok(Request::Send(send))) = serde_json::from_slice(filled).map(|it| parse_request(&it))
    else {
        return;
    };
    let Content::Template(given) = &send.content else {
        return;
    };
    if let Err(error) = body.check(given) {
        assert!((400..500).contains(&error.http_status));
    }
    let options = Options {
        media: MediaMode::Attach,
        replies: true,
    };
    let _ = render(&send.content, Some(&body), &options).map(|said| said.text.len());
}
