//! Webhooks to apps: complete, ASCII, one event each, and readable by our own parser.

use crate::whatsapp::Event;
use crate::whatsapp::inbound;
use crate::whatsapp::tests::wrapped;
use crate::whatsapp::wire::webhook::{
    InboundView, Number, Person, StatusError, StatusName, StatusView, ascii_json, choice_payload,
    render_field, render_message, render_status,
};
use expect_test::expect;
use holdline_core::Timestamp;
use holdline_core::message::content::{Choice, ChoiceKind};
use proptest::prelude::*;
use serde_json::{Value, json};

const NUMBER: Number<'_> = Number {
    waba_id: "102290129340398",
    phone_number_id: "106540352242922",
    display_phone_number: "15550783881",
};

const PERSON: Person<'_> = Person {
    wa_id: Some("16505551234"),
    user_id: "US.13491208655302741918",
    profile_name: "Ann \u{e9} \u{1F600}",
};

fn status(status: StatusName, errors: &[StatusError]) -> String {
    let view = StatusView {
        number: NUMBER,
        person: PERSON,
        message_id: "wamid.X",
        status,
        timestamp_s: 1_750_030_073,
        opaque: Some("order-7"),
        conversation: None,
        pricing: None,
        errors,
    };
    String::from_utf8(render_status(&view)).unwrap()
}

#[test]
fn a_status_is_complete_and_ascii() {
    expect![[r#"
        {"object":"whatsapp_business_account",
        "entry":[{"id":"102290129340398",
        "changes":[{"value":{"messaging_product":"whatsapp",
        "metadata":{"display_phone_number":"15550783881",
        "phone_number_id":"106540352242922"},
        "contacts":[{"profile":{"name":"Ann \u00e9 \ud83d\ude00"},
        "wa_id":"16505551234","user_id":"US.13491208655302741918"}],
        "statuses":[{"id":"wamid.X","status":"delivered",
        "timestamp":"1750030073","recipient_id":"16505551234",
        "recipient_user_id":"US.13491208655302741918",
        "biz_opaque_callback_data":"order-7"}]},
        "field":"messages"}]}]}"#]]
    .assert_eq(&wrapped(&status(StatusName::Delivered, &[])));
}

#[test]
fn a_failed_status_says_why() {
    let error = StatusError {
        code: 131_026,
        title: "Message undeliverable".into(),
        details: "No WhatsApp at this number".into(),
    };
    let body: Value = serde_json::from_str(&status(StatusName::Failed, &[error])).unwrap();
    let shown = body
        .pointer("/entry/0/changes/0/value/statuses/0/errors")
        .unwrap();
    expect![[r#"
        [{"code":131026,"title":"Message undeliverable",
        "message":"Message undeliverable",
        "error_data":{"details":"No WhatsApp at this number"},
        "href":"/documentation/business-messaging/whatsapp/support/error-codes"}]"#]]
    .assert_eq(&wrapped(&shown.to_string()));
}

#[test]
fn people_without_a_number_are_named_by_their_user_id() {
    let person = Person {
        wa_id: None,
        ..PERSON
    };
    let message = json!({"from_user_id": person.user_id, "id": "wamid.Y", "timestamp": "1",
        "type": "text", "text": {"body": "h\u{e9}"}});
    let bytes = render_message(&InboundView {
        number: NUMBER,
        person,
        message: &message,
    });
    expect![[r#"
        {"object":"whatsapp_business_account",
        "entry":[{"id":"102290129340398",
        "changes":[{"value":{"messaging_product":"whatsapp",
        "metadata":{"display_phone_number":"15550783881",
        "phone_number_id":"106540352242922"},
        "contacts":[{"profile":{"name":"Ann \u00e9 \ud83d\ude00"},
        "user_id":"US.13491208655302741918"}],
        "messages":[{"from_user_id":"US.13491208655302741918",
        "id":"wamid.Y","timestamp":"1",
        "type":"text","text":{"body":"h\u00e9"}}]},
        "field":"messages"}]}]}"#]]
    .assert_eq(&wrapped(std::str::from_utf8(&bytes).unwrap()));
}

#[test]
fn two_statuses_differ_in_bytes() {
    assert_ne!(
        status(StatusName::Sent, &[]),
        status(StatusName::Delivered, &[])
    );
}

#[test]
fn a_choice_taken_elsewhere_reads_like_a_press() {
    let choice = |kind| Choice {
        kind,
        id: "yes-1".into(),
        title: "Yes".into(),
        description: None,
    };
    for (kind, expect) in [
        (
            ChoiceKind::Button,
            json!({"type": "button_reply", "button_reply": {"id": "yes-1", "title": "Yes"}}),
        ),
        (
            ChoiceKind::ListRow,
            json!({"type": "list_reply", "list_reply": {"id": "yes-1", "title": "Yes"}}),
        ),
        (
            ChoiceKind::TemplateButton,
            json!({"payload": "yes-1", "text": "Yes"}),
        ),
    ] {
        let (name, mut message) = choice_payload(&choice(kind));
        assert_eq!((&message["type"], &message[name]), (&json!(name), &expect));
        message["id"] = json!("wamid.R");
        message["timestamp"] = json!("9");
        message["from"] = json!("16505551234");
        message["context"] = json!({"from": "15550783881", "id": "wamid.C"});
        let view = InboundView {
            number: NUMBER,
            person: PERSON,
            message: &message,
        };
        let updates = inbound::parse(&render_message(&view), Timestamp(0)).unwrap();
        let Event::Message(read) = &updates[0].event else {
            panic!("no message")
        };
        assert_eq!(
            read.chosen.as_ref().map(|chosen| chosen.id.as_str()),
            Some("yes-1")
        );
        assert_eq!(read.context_id.as_deref(), Some("wamid.C"));
        assert_eq!(
            (read.at, read.profile_name.as_deref()),
            (Timestamp(9000), Some(PERSON.profile_name))
        );
    }
}

#[test]
fn other_fields_are_passed_on_whole() {
    let value = json!({"event": "APPROVED", "message_template_name": "\u{fc}"});
    let body: Value = serde_json::from_slice(&render_field("1", "x_update", &value)).unwrap();
    assert_eq!(body.pointer("/entry/0/changes/0/value"), Some(&value));
    assert_eq!(
        body.pointer("/entry/0/changes/0/field"),
        Some(&json!("x_update"))
    );
}

#[test]
fn escapes_are_those_that_clients_agree_on() {
    let bytes = ascii_json(&json!("~\u{7f}\u{80}\u{ffff}\u{10000}\"\\/\n\u{1}"));
    assert_eq!(
        std::str::from_utf8(&bytes).unwrap(),
        r#""~\u007f\u0080\uffff\ud800\udc00\"\\/\n\u0001""#
    );
}

proptest! {
    #[test]
    fn any_text_is_ascii_and_reads_back(text in any::<String>()) {
        let bytes = ascii_json(&json!({ "body": text }));
        prop_assert!(bytes.iter().all(|byte| (0x20..0x7f).contains(byte)));
        prop_assert_eq!(serde_json::from_slice::<Value>(&bytes).unwrap(), json!({ "body": text }));
    }
}
