//! The envelope of a request, read marks, and the shape of errors.

use super::{check_refused, send};
use crate::whatsapp::tests::wrapped;
use crate::whatsapp::wire::{GraphError, MarkRead, Request, parse_request};
use expect_test::expect;
use serde_json::{Value, json};

fn text(envelope: Value) -> Value {
    let mut fields = json!({"text": {"body": "hi"}});
    fields
        .as_object_mut()
        .unwrap()
        .extend(envelope.as_object().unwrap().clone());
    fields
}

fn refusal(body: Value) -> String {
    let error = parse_request(&body).unwrap_err();
    String::from_utf8(error.body("ATrace")).unwrap()
}

#[test]
fn recipients_are_taken_as_apps_write_them_and_echo_unchanged() {
    for to in [
        "+16505551234",
        "16505551234",
        "+1 (650) 555-1234",
        "1.650.555.1234",
    ] {
        let read = send(text(json!({"to": to, "recipient_type": null}))).unwrap();
        assert_eq!(read.recipient.to.as_deref(), Some(to));
    }
    let number = send(text(json!({"to": 16505551234_u64}))).unwrap();
    assert_eq!(number.recipient.to.as_deref(), Some("16505551234"));
    let group = send(text(
        json!({"to": "Y2FwaV9ncm91cA", "recipient_type": "group"}),
    ))
    .unwrap();
    assert!(group.recipient.group);
}

#[test]
fn user_ids_are_taken_with_or_without_a_number() {
    for id in ["US.13491208655302741918", "US.ENT.11815799212886844830"] {
        let read = send(text(json!({"to": null, "recipient": id}))).unwrap();
        assert_eq!(read.recipient.user_id.as_deref(), Some(id));
        assert!(read.recipient.to.is_none());
    }
    check_refused(text(json!({"to": null})), 131_008, "to");
    check_refused(text(json!({"to": "ann"})), 131_009, "to");
    check_refused(text(json!({"to": "123456"})), 131_009, "to");
    check_refused(text(json!({"recipient": "usa.1"})), 131_009, "recipient");
    check_refused(
        text(json!({"recipient_type": "crowd"})),
        131_009,
        "recipient_type",
    );
}

#[test]
fn null_context_and_callback_data_count_as_absent() {
    let read = send(text(
        json!({"context": null, "biz_opaque_callback_data": null}),
    ))
    .unwrap();
    assert_eq!((read.context, read.opaque), (None, None));
    let read = send(text(json!({"context": {"message_id": "wamid.X"}}))).unwrap();
    assert_eq!(read.context.as_deref(), Some("wamid.X"));
    let long = "x".repeat(513);
    let at = "biz_opaque_callback_data";
    check_refused(text(json!({ at: long })), 131_009, at);
    let fits = send(text(json!({ at: "x".repeat(512) }))).unwrap();
    assert_eq!(fits.opaque.map(|opaque| opaque.len()), Some(512));
}

#[test]
fn read_marks_and_typing_are_read() {
    let mark = |extra: Value| {
        let mut body = json!({"messaging_product": "whatsapp", "message_id": "wamid.X"});
        body.as_object_mut()
            .unwrap()
            .extend(extra.as_object().unwrap().clone());
        parse_request(&body)
    };
    let expect = |typing| {
        Request::MarkRead(MarkRead {
            message_id: "wamid.X".into(),
            typing,
        })
    };
    assert_eq!(mark(json!({"status": "read"})), Ok(expect(false)));
    let typing = json!({"status": "read", "typing_indicator": {"type": "text"}});
    assert_eq!(mark(typing), Ok(expect(true)));
    assert_eq!(mark(json!({"status": "unread"})).unwrap_err().code, 131_009);
    assert_eq!(
        mark(json!({"status": "read", "message_id": null}))
            .unwrap_err()
            .code,
        131_008
    );
}

#[test]
fn nothing_secret_is_printed_by_debug_or_by_errors() {
    let read = send(text(json!({"to": "+16505551234"}))).unwrap();
    assert_eq!(
        format!("{read:?} {:?}", read.recipient),
        "Send(Content(text)) Recipient"
    );
    let body =
        refusal(json!({"messaging_product": "whatsapp", "to": "secret", "text": {"body": "s"}}));
    assert!(!body.contains("secret"), "{body}");
}

#[test]
fn errors_have_the_shape_of_the_provider() {
    expect![[r#"
        {"error":{"message":"(#100) The parameter messaging_product is required.",
        "type":"OAuthException","code":100,
        "error_data":{"messaging_product":"whatsapp",
        "details":"Param messaging_product must be \"whatsapp\""},
        "fbtrace_id":"ATrace"}}"#]]
    .assert_eq(&wrapped(&refusal(json!({"to": "1"}))));
    expect![[r#"
        {"error":{"message":"(#100) Invalid parameter",
        "type":"OAuthException","code":100,
        "error_data":{"messaging_product":"whatsapp",
        "details":"Param body must be an object"},
        "fbtrace_id":"ATrace"}}"#]]
    .assert_eq(&wrapped(&refusal(json!([]))));
    let shown = |error: GraphError| wrapped(std::str::from_utf8(&error.body("ATrace")).unwrap());
    expect![[r#"
        {"error":{"message":"Error validating access token: Session has expired",
        "type":"OAuthException","code":190,
        "error_subcode":463,"fbtrace_id":"ATrace"}}"#]]
    .assert_eq(&shown(GraphError::expired_token()));
    expect![[r#"
        {"error":{"message":"Unsupported request. Object does not exist,
         cannot be loaded due to missing permissions,
         or does not support this operation",
        "type":"GraphMethodException","code":100,
        "error_subcode":33,"error_data":{"messaging_product":"whatsapp",
        "details":"The id in the path is not known here: check it"},
        "fbtrace_id":"ATrace"}}"#]]
    .assert_eq(&shown(GraphError::unknown_object()));
    expect![[r#"
        {"error":{"message":"(#2) Service temporarily unavailable",
        "type":"OAuthException","code":2,
        "is_transient":true,"error_data":{"messaging_product":"whatsapp",
        "details":"The message was not accepted: try again in 5 s"},
        "fbtrace_id":"ATrace"}}"#]]
    .assert_eq(&shown(GraphError::unavailable(5)));
}

#[test]
fn our_errors_keep_the_class_that_the_table_gives_their_code() {
    use holdline_core::message::FaultClass::{self, Account, Platform, Request as Ours, Template};
    let class = |error: &GraphError| -> Option<FaultClass> {
        crate::whatsapp::errors::lookup(error.code, error.subcode).map(|rule| rule.class)
    };
    for (error, expect) in [
        (GraphError::missing("to"), Ours),
        (GraphError::not_json(), Ours),
        (GraphError::bad_token(), Account),
        (GraphError::permission(), Account),
        (GraphError::unknown_object(), Account),
        (GraphError::not_allowed_recipient(), Account),
        (GraphError::template_unknown(), Template),
        (GraphError::parameter_count("body", 1, 2), Template),
        (GraphError::unavailable(1), Platform),
        (GraphError::throttled(1), FaultClass::Throttled),
    ] {
        assert_eq!(class(&error), Some(expect), "{}", error.code);
    }
}
