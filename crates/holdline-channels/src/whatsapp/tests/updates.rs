//! Webhooks of the provider are read whole, whatever their times, gaps and novelties.

use crate::whatsapp::inbound::{BODY_BYTES_MAX, InboundError, UPDATES_MAX, parse};
use crate::whatsapp::{Event, InboundMessage, StatusReceipt, StatusWord, Update};
use holdline_core::Timestamp;
use holdline_core::message::FaultClass;
use proptest::prelude::*;
use serde_json::{Value, json};

const NOW: Timestamp = Timestamp(5_000);

fn webhook(field: &str, value: Value) -> Vec<u8> {
    let change = json!({"field": field, "value": value});
    let entry = json!({"id": "102290129340398", "changes": [change]});
    json!({"object": "whatsapp_business_account", "entry": [entry]})
        .to_string()
        .into_bytes()
}

fn read(field: &str, value: Value) -> Vec<Update> {
    parse(&webhook(field, value), NOW).unwrap()
}

fn message(message: Value) -> InboundMessage {
    let contact = json!({"profile": {"name": "Ann"}, "wa_id": "16505551234", "user_id": "US.1"});
    let metadata = json!({"display_phone_number": "15550783881", "phone_number_id": "106"});
    let value = json!({"metadata": metadata, "contacts": [contact], "messages": [message]});
    let updates = read("messages", value);
    assert_eq!(updates[0].phone_number_id.as_deref(), Some("106"));
    let Event::Message(message) = &updates[0].event else {
        panic!("{updates:?}")
    };
    (**message).clone()
}

fn receipt(status: Value) -> StatusReceipt {
    let updates = read("messages", json!({"statuses": [status]}));
    let Event::Receipt(receipt) = &updates[0].event else {
        panic!("{updates:?}")
    };
    receipt.clone()
}

fn names(updates: &[Update]) -> Vec<&'static str> {
    updates.iter().map(|update| update.event.name()).collect()
}

#[test]
fn a_text_tells_who_when_and_what() {
    let read = message(
        json!({"from": "16505551234", "from_user_id": "US.1", "id": "wamid.A",
        "timestamp": "1749416383", "type": "text", "text": {"body": "hi"},
        "context": {"from": "1", "id": "wamid.C"}}),
    );
    assert_eq!(read.provider_id, "wamid.A");
    assert_eq!(
        (read.from.as_deref(), read.user_id.as_deref()),
        (Some("16505551234"), Some("US.1"))
    );
    assert_eq!(
        (read.at, read.text.as_deref()),
        (Timestamp(1_749_416_383_000), Some("hi"))
    );
    assert_eq!(read.context_id.as_deref(), Some("wamid.C"));
    assert_eq!(read.profile_name.as_deref(), Some("Ann"));
    assert_eq!(format!("{read:?}"), "InboundMessage(text)");
}

#[test]
fn presses_tell_the_choice() {
    for (kind, part) in [
        ("button", json!({"payload": "p", "text": "Yes"})),
        (
            "interactive",
            json!({"type": "button_reply", "button_reply": {"id": "p", "title": "Yes"}}),
        ),
        (
            "interactive",
            json!({"type": "list_reply",
                "list_reply": {"id": "p", "title": "Yes", "description": "d"}}),
        ),
    ] {
        let read = message(json!({"id": "a", "type": kind, kind: part}));
        let chosen = read.chosen.unwrap();
        assert_eq!((chosen.id.as_str(), chosen.title.as_str()), ("p", "Yes"));
        assert_eq!(read.text.as_deref(), Some("Yes"));
    }
}

#[test]
fn other_types_give_the_text_and_the_medium_they_have() {
    for (kind, part, text, media) in [
        (
            "image",
            json!({"id": "9", "caption": "look"}),
            Some("look"),
            Some("9"),
        ),
        (
            "document",
            json!({"id": "9", "filename": "a.pdf"}),
            Some("a.pdf"),
            Some("9"),
        ),
        ("audio", json!({"id": "9", "voice": true}), None, Some("9")),
        (
            "reaction",
            json!({"message_id": "x", "emoji": "\u{1F44D}"}),
            Some("\u{1F44D}"),
            None,
        ),
        (
            "location",
            json!({"latitude": 1, "name": "Office"}),
            Some("Office"),
            None,
        ),
        (
            "contacts",
            json!([{"name": {"formatted_name": "Bob"}}]),
            Some("Bob"),
            None,
        ),
        (
            "system",
            json!({"body": "changed number"}),
            Some("changed number"),
            None,
        ),
        ("request_welcome", json!({}), None, None),
        (
            "interactive",
            json!({"type": "nfm_reply", "nfm_reply": {"body": "Sent"}}),
            Some("Sent"),
            None,
        ),
    ] {
        let read = message(json!({"id": "a", "type": kind, kind: part}));
        assert_eq!(
            (read.text.as_deref(), read.media_id.as_deref()),
            (text, media),
            "{kind}"
        );
    }
    let bare = message(json!({"id": "a", "type": "unsupported", "errors": [{"code": 131_051}]}));
    assert_eq!(bare.message_type, "unsupported");
}

#[test]
fn people_are_found_among_several_contacts() {
    let contacts = json!([
        {"wa_id": "1", "profile": {"name": "One"}}, {"user_id": "US.2", "profile": {"name": "Two"}},
    ]);
    let messages = json!([
        {"id": "a", "from_user_id": "US.2"}, {"id": "b", "from": "1"}, {"id": "c", "from": "3"},
    ]);
    let updates = read(
        "messages",
        json!({"contacts": contacts, "messages": messages}),
    );
    let name = |update: &Update| {
        let Event::Message(message) = &update.event else {
            panic!("{update:?}")
        };
        message.profile_name.clone()
    };
    let names: Vec<Option<String>> = updates.iter().map(name).collect();
    assert_eq!(names, [Some("Two".into()), Some("One".into()), None]);
}

#[test]
fn a_status_carries_our_data_and_its_time_in_either_unit() {
    for timestamp in [
        json!("1750030073"),
        json!(1_750_030_073_u64),
        json!("1750030073000"),
    ] {
        let read = receipt(
            json!({"id": "wamid.A", "status": "delivered", "timestamp": timestamp,
            "recipient_id": "1650", "biz_opaque_callback_data": "hl:x"}),
        );
        assert_eq!(read.at, Timestamp(1_750_030_073_000));
        assert_eq!(
            (read.status, read.opaque.as_deref()),
            (StatusWord::Delivered, Some("hl:x"))
        );
        assert!(read.fault.is_none());
    }
    for timestamp in [
        json!(null),
        json!("soon"),
        json!("-4"),
        json!("99999999999999999999"),
    ] {
        assert_eq!(
            receipt(json!({"id": "a", "status": "sent", "timestamp": timestamp})).at,
            NOW
        );
    }
}

#[test]
fn a_failed_status_tells_why_and_new_words_are_kept() {
    let failed = receipt(json!({"id": "a", "status": "failed",
        "errors": [{"code": 131_026, "title": "Message undeliverable"}]}));
    let fault = failed.fault.unwrap();
    assert_eq!(
        (fault.class, fault.code.as_str()),
        (FaultClass::Recipient, "131026")
    );
    assert!(fault.marks_unreachable);
    assert!(
        receipt(json!({"id": "a", "status": "failed"}))
            .fault
            .is_some()
    );
    let new = receipt(json!({"id": "a", "status": "folded"}));
    assert_eq!(new.status, StatusWord::Other("folded".into()));
}

#[test]
fn every_entry_change_and_item_is_read_in_order() {
    let statuses = json!([{"id": "a", "status": "sent"}, {"id": "b", "status": "read"}]);
    let both =
        json!({"statuses": statuses, "messages": [{"id": "c"}], "errors": [{"code": 130_429}]});
    let change = json!({"field": "messages", "value": both});
    let entry = json!({"id": "1", "changes": [change, change]});
    let body = json!({"object": "whatsapp_business_account", "entry": [entry, entry]}).to_string();
    let updates = parse(body.as_bytes(), NOW).unwrap();
    let four = ["message", "receipt", "receipt", "value_error"];
    assert_eq!(names(&updates), [four, four, four, four].concat());
}

#[test]
fn other_fields_are_told_apart_and_unknown_ones_kept() {
    let template = json!({"event": "PAUSED", "message_template_id": 594_425_479_261_596_u64,
        "message_template_name": "order_update", "message_template_language": "en_US",
        "reason": "NONE"});
    let updates = read("message_template_status_update", template);
    let Event::TemplateStatus(status) = &updates[0].event else {
        panic!("{updates:?}")
    };
    assert_eq!(status.template_id.as_deref(), Some("594425479261596"));
    assert_eq!(
        (status.name.as_str(), status.event.as_str()),
        ("order_update", "PAUSED")
    );
    let update = read("account_update", json!({"event": "ACCOUNT_DELETED"}));
    assert!(
        matches!(&update[0].event, Event::AccountUpdate { event, .. } if event == "ACCOUNT_DELETED")
    );
    assert_eq!(
        names(&read("phone_number_quality_update", json!({}))),
        ["phone_quality"]
    );
    assert_eq!(names(&read("flows", json!({"x": 1}))), ["other"]);
    assert_eq!(names(&read("messages", json!({}))), ["other"]);
    assert_eq!(
        names(&read("messages", json!({"messages": [{"no": "id"}]}))),
        ["other"]
    );
}

#[test]
fn what_is_no_webhook_or_too_large_is_refused() {
    assert_eq!(parse(b"<html>", NOW).unwrap_err(), InboundError::NotJson);
    assert_eq!(parse(b"[]", NOW).unwrap_err(), InboundError::NotWhatsApp);
    assert_eq!(
        parse(br#"{"object":"page"}"#, NOW).unwrap_err(),
        InboundError::NotWhatsApp
    );
    let large = vec![b' '; BODY_BYTES_MAX + 1];
    assert_eq!(parse(&large, NOW).unwrap_err(), InboundError::TooLarge);
    let many = |count: usize| {
        let statuses: Vec<Value> = (0..count)
            .map(|_| json!({"id": "a", "status": "sent"}))
            .collect();
        parse(&webhook("messages", json!({ "statuses": statuses })), NOW).map(|read| read.len())
    };
    assert_eq!(many(UPDATES_MAX), Ok(UPDATES_MAX));
    assert_eq!(many(UPDATES_MAX + 1), Err(InboundError::TooMany));
}

proptest! {
    #[test]
    fn any_value_is_read_without_a_panic_and_never_dropped(
        key in prop::sample::select(vec!["messages", "statuses", "errors", "contacts", "metadata"]),
        text in ".{0,20}",
        shape in 0_u8..5,
    ) {
        let item = match shape {
            0 => json!(text),
            1 => json!([text]),
            2 => json!([{ "id": text, "type": text, "status": text }]),
            3 => json!([{ "id": "a", "type": "image", "image": text }]),
            _ => json!({ "id": [text] }),
        };
        let updates = read("messages", json!({ key: item }));
        prop_assert!(!updates.is_empty());
    }

    #[test]
    fn any_bytes_are_read_or_refused(body in prop::collection::vec(any::<u8>(), 0..100)) {
        prop_assert!(parse(&body, NOW).is_err());
    }
}
