//! Bodies that are no message: not JSON, of the wrong types, or with a mistake in the envelope.
//! Each is refused with the code, the status and the field that the provider would name.

use super::{check_error, nothing_happened, post_bytes};
use crate::stack::Stack;
use serde_json::{Value, json};

const TYPE: u32 = 100;
const MISSING: u32 = 131_008;
const VALUE: u32 = 131_009;
const NOT_JSON: &str =
    "The body is not JSON: send one JSON object, UTF-8, Content-Type application/json";
const PRODUCT: &str = "Param messaging_product must be \"whatsapp\"";

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_json_object_is_refused() {
    let stack = Stack::start().await;
    let deep = "[".repeat(5_000);
    let cases: [(&[u8], &str); 11] = [
        (b"{", NOT_JSON),
        (b"{\"to\": }", NOT_JSON),
        (b"{\"messaging_product\":\"whatsapp\"} trailing", NOT_JSON),
        (b"{\"messaging_product\":\"\xff\xfe\"}", NOT_JSON),
        (b"to=+16505551234", NOT_JSON),
        (b"\x00\x01\x02", NOT_JSON),
        (deep.as_bytes(), NOT_JSON),
        (b"[]", "Param body must be an object"),
        (b"\"text\"", "Param body must be an object"),
        (b"7", "Param body must be an object"),
        (b"", PRODUCT),
    ];
    for (body, details) in cases {
        let (status, reply) = post_bytes(&stack, body).await;
        let shown = String::from_utf8_lossy(&body[..body.len().min(60)]);
        assert_eq!(status, 400, "{shown}: {reply}");
        check_error(&reply, TYPE, Some(details));
    }
    nothing_happened(&stack).await;
}

/// A sound text with these fields put in their place; `null` stands for absent.
fn text(fields: Value) -> Value {
    let mut body = json!({
        "messaging_product": "whatsapp", "to": "+16505551234",
        "type": "text", "text": {"body": "hi"},
    });
    let fields = fields.as_object().expect("an object").clone();
    body.as_object_mut().expect("an object").extend(fields);
    body
}

type Mistake = (Value, u32, &'static str);

/// Mistakes in what every message has: the product, and whom it goes to.
fn in_recipient() -> Vec<Mistake> {
    let phone = "Param to must be a phone number with country code: 7 to 15 digits, as in \
                 +16505551234";
    let user = "Param recipient must be a business-scoped user id, as in US.13491208655302741918";
    let not_text = "Param messaging_product must be a string";
    let empty = "Param to is empty: give at least 1 character";
    let kinds = "Param recipient_type must be one of: individual, group";
    let cases = [
        (json!({"messaging_product": null}), TYPE, PRODUCT),
        (json!({"messaging_product": "Whatsapp"}), TYPE, PRODUCT),
        (json!({"messaging_product": "sms"}), TYPE, PRODUCT),
        (json!({"messaging_product": ["whatsapp"]}), TYPE, not_text),
        (json!({"to": null}), MISSING, "Param to is required: add it"),
        (json!({"to": ""}), VALUE, empty),
        (json!({"to": {}}), TYPE, "Param to must be a string"),
        (
            json!({"to": ["+16505551234"]}),
            TYPE,
            "Param to must be a string",
        ),
        (json!({"to": "ann"}), VALUE, phone),
        (json!({"to": "123456"}), VALUE, phone),
        (json!({"to": "1234567890123456"}), VALUE, phone),
        (json!({"to": "ann@example.com"}), VALUE, phone),
        (json!({"to": null, "recipient": "usa.1"}), VALUE, user),
        (json!({"recipient_type": "crowd"}), VALUE, kinds),
        (
            json!({"recipient_type": 1}),
            TYPE,
            "Param recipient_type must be a string",
        ),
    ];
    cases
        .map(|(fields, code, details)| (text(fields), code, details))
        .into()
}

/// Mistakes in the kind of message and its text.
fn in_text() -> Vec<Mistake> {
    let kinds = "Param type must be one of: text, image, video, audio, document, sticker, \
                 location, contacts, reaction, interactive, template, pin";
    let long = json!({"text": {"body": "x".repeat(4_097)}});
    let at_most = "Param text.body must be at most 4096 characters long: shorten it";
    let empty = "Param text.body is empty: give at least 1 character";
    let preview = json!({"text": {"body": "x", "preview_url": "yes"}});
    let cases = [
        (json!({"type": "fax"}), 131_051, kinds),
        (json!({"type": 3}), TYPE, "Param type must be a string"),
        (
            json!({"text": null}),
            MISSING,
            "Param text is required: add it",
        ),
        (json!({"text": "hi"}), TYPE, "Param text must be an object"),
        (
            json!({"text": {}}),
            MISSING,
            "Param text.body is required: add it",
        ),
        (
            json!({"text": {"body": 7}}),
            TYPE,
            "Param text.body must be a string",
        ),
        (json!({"text": {"body": ""}}), VALUE, empty),
        (long, VALUE, at_most),
        (
            preview,
            TYPE,
            "Param text.preview_url must be true or false",
        ),
    ];
    cases
        .map(|(fields, code, details)| (text(fields), code, details))
        .into()
}

/// Mistakes in what a message refers to.
fn in_references() -> Vec<Mistake> {
    let unknown = "Param context.message_id is no id of a message that this number sent or \
                   received: use the id of the send reply or of the webhook";
    let not_text = "Param context.message_id must be a string";
    let file = "Param id of the media is not a valid WhatsApp business account media attachment \
                ID: upload the file first";
    let opaque = "Param biz_opaque_callback_data must be at most 512 characters long: shorten it";
    let opaque_type = "Param biz_opaque_callback_data must be a string";
    let image = json!({"type": "image", "image": {"id": "404404404"}});
    let cases = [
        (
            json!({"context": "wamid.X"}),
            TYPE,
            "Param context must be an object",
        ),
        (json!({"context": {"message_id": {}}}), TYPE, not_text),
        (
            json!({"context": {"message_id": "wamid.unknown"}}),
            VALUE,
            unknown,
        ),
        (
            json!({"biz_opaque_callback_data": "x".repeat(513)}),
            VALUE,
            opaque,
        ),
        (json!({"biz_opaque_callback_data": 7}), TYPE, opaque_type),
        (
            json!({"type": "image"}),
            MISSING,
            "Param image is required: add it",
        ),
        (image, TYPE, file),
        (
            json!({"status": "unread", "message_id": "x"}),
            VALUE,
            "Param status must be one of: read",
        ),
        (
            json!({"status": "read"}),
            MISSING,
            "Param message_id is required: add it",
        ),
    ];
    cases
        .map(|(fields, code, details)| (text(fields), code, details))
        .into()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_mistake_of_the_envelope_has_its_code_and_names_its_field() {
    let stack = Stack::start().await;
    let mistakes = [in_recipient(), in_text(), in_references()].concat();
    for (body, code, details) in mistakes {
        let (status, reply) = post_bytes(&stack, body.to_string()).await;
        assert_eq!(status, 400, "{details}: {reply}");
        check_error(&reply, code, Some(details));
        let message = reply["error"]["message"].as_str().expect("a message");
        assert!(message.starts_with(&format!("(#{code}) ")), "{message}");
    }
    nothing_happened(&stack).await;
    let (status, reply) = post_bytes(&stack, text(json!({})).to_string()).await;
    assert_eq!(status, 200, "the same without a mistake: {reply}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_that_nobody_knows_is_refused_as_the_provider_does() {
    let stack = Stack::start().await;
    let template = json!({"name": "no_such_template", "language": {"code": "en_US"}});
    let body = text(json!({"type": "template", "template": template}));
    let (status, reply) = post_bytes(&stack, body.to_string()).await;
    assert_eq!(status, 404, "{reply}");
    let details =
        "No approved template has this template.name and template.language.code: check both";
    check_error(&reply, 132_001, Some(details));
    nothing_happened(&stack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_of_ours_are_checked_like_fields() {
    let stack = Stack::start().await;
    let long = "k".repeat(256);
    for (name, value, details) in [
        (
            "Idempotency-Key",
            long.as_str(),
            "Param Idempotency-Key (header) must be 1 to 255 visible ASCII characters",
        ),
        (
            "Holdline-Priority",
            "asap",
            "Param Holdline-Priority (header) must be one of: emergency, urgent, service, bulk",
        ),
    ] {
        let url = format!("{}/{}/messages", stack.url, stack.phone_id);
        let request = stack
            .http
            .post(url)
            .bearer_auth(&stack.token)
            .header(name, value);
        let response = request
            .json(&text(json!({})))
            .send()
            .await
            .expect("an answer");
        let (status, _, reply) = super::read(response).await;
        assert_eq!(status, 400, "{reply}");
        check_error(&reply, TYPE, Some(details));
    }
    nothing_happened(&stack).await;
}
