//! What goes to the provider is what the app posted, with the provider's ids.

use super::wrapped;
use crate::whatsapp::encode::{
    EncodeError, Substitutions, Target, encode, encode_mark_read, media_ids, message_ids,
};
use crate::whatsapp::wire::ids::{Direction, wamid_of};
use expect_test::{Expect, expect};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const OPAQUE: &str = "hl:AAAA";

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(ours, theirs)| ((*ours).into(), (*theirs).into()))
        .collect()
}

fn encoded(message: &str, with: &Substitutions<'_>) -> Result<String, EncodeError> {
    let message: Value = serde_json::from_str(message).unwrap();
    encode(message, with).map(|bytes| String::from_utf8(bytes).unwrap())
}

fn check(message: &str, target: Target<'_>, expect: &Expect) {
    let ours = wamid_of(7, Direction::Inbound);
    let message = message.replace("OURS", &ours);
    let with = Substitutions {
        target,
        opaque: OPAQUE,
        message_ids: &map(&[(&ours, "wamid.THEIRS")]),
        media_ids: &map(&[("m1", "900"), ("77", "901")]),
        template: None,
    };
    expect.assert_eq(&wrapped(&encoded(&message, &with).unwrap()));
}

#[test]
fn order_and_unknown_keys_are_kept() {
    check(
        r#"{"type":"text","zz_new":{"b":1,"a":[null,1.5]},"to":"1 650",
            "messaging_product":"whatsapp","text":{"preview_url":true,"body":"é 😀"}}"#,
        Target::Phone("+16505551234"),
        &expect![[r#"
            {"type":"text","zz_new":{"b":1,
            "a":[null,1.5]},"to":"+16505551234",
            "messaging_product":"whatsapp",
            "text":{"preview_url":true,"body":"é 😀"},
            "biz_opaque_callback_data":"hl:AAAA"}"#]],
    );
}

#[test]
fn the_apps_callback_data_gives_place_to_ours_and_the_address_to_the_target() {
    check(
        r#"{"recipient":"US.1","to":"1","biz_opaque_callback_data":"mine","type":"text"}"#,
        Target::UserId("US.2"),
        &expect![[r#"
            {"recipient":"US.2","biz_opaque_callback_data":"hl:AAAA",
            "type":"text"}"#]],
    );
    check(
        r#"{"recipient":"US.1","type":"text"}"#,
        Target::Phone("+1"),
        &expect![[r#"{"type":"text","to":"+1","biz_opaque_callback_data":"hl:AAAA"}"#]],
    );
    check(
        r#"{"recipient":"US.1","type":"text"}"#,
        Target::AsGiven,
        &expect![[r#"
            {"recipient":"US.1","type":"text",
            "biz_opaque_callback_data":"hl:AAAA"}"#]],
    );
}

#[test]
fn ids_of_media_are_translated_wherever_they_stand() {
    check(
        r#"{"type":"image","image":{"id":"m1","caption":"m1"}}"#,
        Target::AsGiven,
        &expect![[r#"
            {"type":"image","image":{"id":"900",
            "caption":"m1"},"biz_opaque_callback_data":"hl:AAAA"}"#]],
    );
    check(
        r#"{"interactive":{"header":{"type":"video","video":{"id":77}},
            "action":{"cards":[{"header":{"image":{"id":"m1"}}}],
            "parameters":{"flow_action_payload":{"image":{"id":"m1"}}}}}}"#,
        Target::AsGiven,
        &expect![[r#"
            {"interactive":{"header":{"type":"video",
            "video":{"id":"901"}},"action":{"cards":[{"header":{"image":{"id":"900"}}}],
            "parameters":{"flow_action_payload":{"image":{"id":"m1"}}}}},
            "biz_opaque_callback_data":"hl:AAAA"}"#]],
    );
    check(
        r#"{"template":{"name":"x","components":[
            {"type":"header","parameters":[{"type":"image","image":{"id":"m1"}}]},
            {"type":"carousel","cards":[{"components":[
                {"parameters":[{"image":{"id":"o"}}]}]}]}]}}"#,
        Target::AsGiven,
        &expect![[r#"
            {"template":{"name":"x","components":[{"type":"header",
            "parameters":[{"type":"image","image":{"id":"900"}}]},
            {"type":"carousel","cards":[{"components":[{"parameters":[{"image":{"id":"o"}}]}]}]}]},
            "biz_opaque_callback_data":"hl:AAAA"}"#]],
    );
}

#[test]
fn ids_of_messages_are_translated_and_foreign_ones_kept() {
    check(
        r#"{"context":{"message_id":"OURS"},"reaction":{"message_id":"OURS","emoji":""}}"#,
        Target::AsGiven,
        &expect![[r#"
            {"context":{"message_id":"wamid.THEIRS"},
            "reaction":{"message_id":"wamid.THEIRS",
            "emoji":""},"biz_opaque_callback_data":"hl:AAAA"}"#]],
    );
    check(
        r#"{"context":{"message_id":"wamid.HBgLMTY0"},"type":"text"}"#,
        Target::AsGiven,
        &expect![[r#"
            {"context":{"message_id":"wamid.HBgLMTY0"},
            "type":"text","biz_opaque_callback_data":"hl:AAAA"}"#]],
    );
    check(
        r#"{"context":null,"type":"text"}"#,
        Target::AsGiven,
        &expect![[r#"{"type":"text","biz_opaque_callback_data":"hl:AAAA"}"#]],
    );
}

#[test]
fn a_message_that_whatsapp_never_saw_is_not_quoted_and_not_reacted_to() {
    let (none, unseen) = (BTreeMap::new(), wamid_of(8, Direction::Outbound));
    let with = Substitutions {
        target: Target::AsGiven,
        opaque: OPAQUE,
        message_ids: &none,
        media_ids: &none,
        template: None,
    };
    let quote = format!(r#"{{"context":{{"message_id":"{unseen}"}},"type":"text"}}"#);
    let expect = r#"{"type":"text","biz_opaque_callback_data":"hl:AAAA"}"#;
    assert_eq!(encoded(&quote, &with).as_deref(), Ok(expect));
    let reaction = format!(r#"{{"reaction":{{"message_id":"{unseen}","emoji":"x"}}}}"#);
    let unknown = EncodeError::UnknownMessage { field: "reaction" };
    assert_eq!(encoded(&reaction, &with), Err(unknown));
    assert_eq!(encoded("[]", &with), Err(EncodeError::NotAnObject));
}

#[test]
fn a_template_variant_replaces_the_apps() {
    let none = BTreeMap::new();
    let variant = json!({"name": "backup", "language": {"code": "en"}});
    let with = Substitutions {
        target: Target::AsGiven,
        opaque: OPAQUE,
        message_ids: &none,
        media_ids: &none,
        template: Some(&variant),
    };
    expect![[r#"
        {"template":{"name":"backup","language":{"code":"en"}},
        "to":"1","biz_opaque_callback_data":"hl:AAAA"}"#]]
    .assert_eq(&wrapped(
        &encoded(r#"{"template":{"name":"paused"},"to":"1"}"#, &with).unwrap(),
    ));
}

#[test]
fn the_ids_to_look_up_are_listed() {
    let mut message = json!({
        "context": {"message_id": "a"}, "reaction": {"message_id": "b"},
        "document": {"id": "m1"},
        "template": {"components": [{"parameters": [{"image": {"id": 77}}]}]},
    });
    assert_eq!(message_ids(&message), ["a", "b"]);
    assert_eq!(media_ids(&mut message), ["m1", "77"]);
}

#[test]
fn read_marks_get_the_providers_id() {
    let mark = json!({"messaging_product": "whatsapp", "status": "read", "message_id": "ours"});
    let bytes = encode_mark_read(&mark, "wamid.T").unwrap();
    expect![[r#"
        {"messaging_product":"whatsapp",
        "status":"read","message_id":"wamid.T"}"#]]
    .assert_eq(&wrapped(std::str::from_utf8(&bytes).unwrap()));
}
