//! What goes to the provider, and what is made ready before it.

use super::{SENDER, TO, attempt, channel, json_of, taken, text};
use crate::test_peers::{Answer, HttpPeer, TestLibrary, dispatch, media_record, template_record};
use crate::whatsapp::wire::ids::{Direction, opaque_of, wamid_of};
use bytes::Bytes;
use holdline_core::message::{FaultClass, Outcome};
use holdline_engine::ports::{Channel, Library};
use serde_json::json;

#[tokio::test]
async fn a_message_goes_out_with_our_reference_and_the_providers_ids() {
    let peer = HttpPeer::start(|_| taken()).await;
    let ours = wamid_of(9, Direction::Inbound);
    let mut body = text("hi");
    body["context"] = json!({"message_id": ours});
    body["biz_opaque_callback_data"] = "the app's own".into();
    body["unknown"] = json!({"kept": true});
    let library = TestLibrary {
        provider_ids: [(ours, "wamid.THEIRS".to_owned())].into(),
        ..TestLibrary::default()
    };
    let attempt = attempt(&body);
    let outcome = channel(&peer).send(&attempt, &library).await;
    assert_eq!(
        outcome,
        Outcome::Accepted {
            provider_id: Some("wamid.X".into())
        }
    );
    let call = peer.last();
    assert_eq!(call.path, format!("/v23.0/{SENDER}/messages"));
    assert_eq!(call.header("authorization"), Some("Bearer m3ta-s3cret"));
    let sent = json_of(&call);
    assert_eq!(sent["context"]["message_id"], "wamid.THEIRS");
    let opaque = opaque_of(attempt.key.message.0, attempt.key.number);
    assert_eq!(sent["biz_opaque_callback_data"], opaque);
    assert_eq!(sent["unknown"]["kept"], true);
}

#[tokio::test]
async fn people_without_a_number_are_sent_to_by_user_id() {
    let peer = HttpPeer::start(|_| taken()).await;
    let by_id = dispatch("whatsapp", SENDER, "US.13491208655302741918", &text("hi"));
    channel(&peer).send(&by_id, &TestLibrary::default()).await;
    let sent = json_of(&peer.last());
    assert_eq!(
        (&sent["recipient"], sent.get("to")),
        (&json!("US.13491208655302741918"), None)
    );
}

#[tokio::test]
async fn a_file_is_uploaded_once_and_then_known() {
    let peer = HttpPeer::start(|call| match call.path.ends_with("/media") {
        true => Answer::json(200, "{\"id\":\"4490\"}"),
        false => taken(),
    })
    .await;
    let library = TestLibrary {
        media: vec![(
            media_record("77", "image/png", Some("a.png"), 3),
            Bytes::from("png"),
        )],
        ..TestLibrary::default()
    };
    let image = json!({"messaging_product": "whatsapp", "to": TO, "type": "image",
        "image": {"id": "77"}});
    for _ in 0..2 {
        channel(&peer).send(&attempt(&image), &library).await;
        assert_eq!(json_of(&peer.last())["image"]["id"], "4490");
    }
    let calls = peer.calls();
    let upload = calls
        .iter()
        .find(|call| call.path.ends_with("/media"))
        .unwrap()
        .text();
    assert!(
        upload.contains("image/png") && upload.contains("a.png"),
        "{upload}"
    );
    assert_eq!(calls.len(), 3, "one upload, two messages");
    let (_, until) = library.aliases.lock().unwrap()["77"].clone();
    assert_eq!(until, library.now().plus_ms(29 * 24 * 3_600_000));
}

#[tokio::test]
async fn a_failed_upload_has_certainly_sent_nothing() {
    let library = || TestLibrary {
        media: vec![(media_record("77", "image/png", None, 3), Bytes::from("png"))],
        ..TestLibrary::default()
    };
    let image = json!({"messaging_product": "whatsapp", "to": TO, "type": "image",
        "image": {"id": "77"}});
    for answer in [Answer::Close, Answer::html(502), Answer::json(200, "{}")] {
        let peer = HttpPeer::start(move |_| answer.clone()).await;
        let outcome = channel(&peer).send(&attempt(&image), &library()).await;
        assert_eq!(outcome.name(), "rejected", "{outcome:?}");
        assert_eq!(
            outcome.fault().map(|fault| fault.class),
            Some(FaultClass::Platform)
        );
        assert_eq!(peer.calls().len(), 1);
    }
}

#[tokio::test]
async fn a_hop_may_wrap_a_text_in_a_template() {
    let peer = HttpPeer::start(|_| taken()).await;
    let one = json!([{"type": "BODY", "text": "News: {{1}}"}]);
    let named = json!([{"type": "BODY", "text": "News: {{what}}"}]);
    let two = json!([{"type": "BODY", "text": "{{1}} {{2}}"}]);
    let library = TestLibrary {
        templates: vec![
            template_record("news", "en", &one),
            template_record("named", "en", &named),
            template_record("two", "en", &two),
        ],
        ..TestLibrary::default()
    };
    let send = async |template: &str| {
        let mut own = attempt(&text("first line\nsecond"));
        own.hop.template = Some(template.into());
        channel(&peer).send(&own, &library).await
    };
    assert_eq!(send("news/en").await.name(), "accepted");
    let sent = json_of(&peer.last());
    assert_eq!(
        (sent["type"].as_str(), sent.get("text")),
        (Some("template"), None)
    );
    assert_eq!(
        sent["template"],
        json!({"name": "news", "language": {"code": "en"}, "components":
        [{"type": "body", "parameters": [{"type": "text", "text": "first line second"}]}]})
    );
    assert_eq!(send("named/en").await.name(), "accepted");
    let sent = json_of(&peer.last());
    assert_eq!(
        sent["template"]["components"][0]["parameters"][0]["parameter_name"],
        "what"
    );
    for (template, code) in [
        ("two/en", "template_params"),
        ("none/en", "template_unknown"),
        ("news", "template_language"),
    ] {
        let outcome = send(template).await;
        let fault = outcome.fault().unwrap();
        assert_eq!(
            (fault.class, fault.code.as_str()),
            (FaultClass::Template, code)
        );
    }
}
