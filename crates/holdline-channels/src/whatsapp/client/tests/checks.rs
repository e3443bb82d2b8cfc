//! Health, history and echoes over HTTP.

use super::{SENDER, config, graph, inbound, json_of, read, taken};
use crate::test_peers::{Answer, HttpPeer, closed_port};
use crate::whatsapp::client::{GraphClient, GraphFailure, WhatsappChannel};
use crate::whatsapp::{CanSend, EchoPair, Reach, echo_text};
use holdline_core::Timestamp;
use holdline_core::message::FaultClass;
use holdline_engine::ports::{Channel as _, InboundItem};
use serde_json::json;

const WAMID: &str = "wamid.HBgLMTY1MDU1NTEyMzQVAgARGBI=";

fn pair() -> EchoPair {
    EchoPair {
        from: SENDER.into(),
        to: "222".into(),
        to_number: "15550002222".into(),
        from_number: "15550783881".into(),
    }
}

#[tokio::test]
async fn the_health_of_an_account_is_asked_of_its_number() {
    let peer = HttpPeer::start(|_| {
        let health = json!({"can_send_message": "BLOCKED", "entities": [
            {"entity_type": "WABA", "id": "2", "can_send_message": "BLOCKED", "errors": [
                {"error_code": 131031, "error_description": "Account locked",
                    "possible_solution": "Ask for a review"}]}]});
        Answer::json(
            200,
            &json!({"id": SENDER, "health_status": health}).to_string(),
        )
    })
    .await;
    let health = graph(&peer).account_health(SENDER).await.unwrap();
    assert_eq!(health.can_send, CanSend::Blocked);
    assert_eq!(
        health.words(),
        "sending is blocked: WABA blocked (131031), Account locked"
    );
    assert_eq!(
        peer.last().path,
        format!("/v23.0/{SENDER}?fields=id%2Chealth_status")
    );
}

#[tokio::test]
async fn an_account_that_may_not_ask_is_an_account_fault() {
    let peer = HttpPeer::start(|_| {
        Answer::json(
            401,
            r#"{"error":{"code":190,"message":"Session has expired"}}"#,
        )
    })
    .await;
    let failure = graph(&peer).account_health(SENDER).await.unwrap_err();
    let GraphFailure::Refused { status, fault } = failure else {
        panic!("{failure:?}")
    };
    assert_eq!((status, fault.class), (401, FaultClass::Account));
}

#[tokio::test]
async fn the_fate_of_a_message_is_asked_by_its_provider_id() {
    let peer = HttpPeer::start(|_| {
        let events = json!({"data": [
            {"delivery_status": "SENT", "webhook_update_state": "FAILED", "timestamp": 1},
            {"delivery_status": "DELIVERED", "webhook_update_state": "FAILED", "timestamp": 2}]});
        let row = json!({"id": "7", "message_id": WAMID, "events": events});
        Answer::json(200, &json!({"data": [row]}).to_string())
    })
    .await;
    let fate = graph(&peer)
        .message_fate(SENDER, WAMID)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (fate.reached, fate.webhook_delivered()),
        (Reach::Delivered, Some(false))
    );
    let path = peer.last().path;
    let expected = format!("/v23.0/{SENDER}/message_history?message_id=wamid.HBg");
    assert!(path.starts_with(&expected), "{path}");
    assert!(path.contains("webhook_update_state"), "{path}");
}

#[tokio::test]
async fn a_provider_without_history_knows_nothing_and_is_not_at_fault() {
    let fate = async |status, body: &'static str| {
        let peer = HttpPeer::start(move |_| Answer::json(status, body)).await;
        graph(&peer).message_fate(SENDER, WAMID).await
    };
    for (status, body) in [
        (200, r#"{"data":[]}"#),
        (
            400,
            r#"{"error":{"code":100,"message":"Tried accessing nonexisting field"}}"#,
        ),
        (
            400,
            r#"{"error":{"code":2500,"message":"Unknown path components"}}"#,
        ),
        (404, ""),
    ] {
        assert_eq!(fate(status, body).await.unwrap(), None, "{status} {body}");
    }
    let down = fate(
        500,
        r#"{"error":{"code":2,"message":"x","is_transient":true}}"#,
    )
    .await;
    assert!(matches!(
        down,
        Err(GraphFailure::Refused { status: 500, .. })
    ));
    let unseen = r#"{"error":{"code":100,"error_subcode":33,"message":"Unsupported get request"}}"#;
    assert!(fate(400, unseen).await.is_err());
    let expired = fate(401, r#"{"error":{"code":190,"message":"x"}}"#).await;
    assert!(matches!(
        expired,
        Err(GraphFailure::Refused { status: 401, .. })
    ));
}

#[tokio::test]
async fn an_echo_is_a_text_with_a_mark_of_its_own() {
    let peer = HttpPeer::start(|_| taken()).await;
    let now = Timestamp(1_764_064_000_000);
    let outcome = graph(&peer).send_echo(&pair(), 0xAB, now).await;
    assert_eq!(outcome.name(), "accepted");
    let call = peer.last();
    assert_eq!(call.path, format!("/v23.0/{SENDER}/messages"));
    let body = json_of(&call);
    assert_eq!(body["to"], "+15550002222");
    assert_eq!(body["text"]["body"], echo_text(0xAB, now));
    assert_eq!(body["biz_opaque_callback_data"], "hl-echo:00000000000000ab");
}

#[tokio::test]
async fn an_echo_that_cannot_leave_is_told_as_any_message() {
    let config = super::config(&format!("http://127.0.0.1:{}", closed_port()));
    let graph = GraphClient::new(config).unwrap();
    let outcome = graph.send_echo(&pair(), 1, Timestamp(1)).await;
    assert_eq!(outcome.fault().unwrap().code, "connect");
    let limited = HttpPeer::start(|_| {
        Answer::json(
            400,
            r#"{"error":{"code":131056,"message":"pair rate limit hit"}}"#,
        )
    })
    .await;
    let outcome = super::graph(&limited)
        .send_echo(&pair(), 1, Timestamp(1))
        .await;
    assert_eq!(outcome.name(), "throttled");
}

#[tokio::test]
async fn receipts_of_echoes_speak_of_no_message() {
    let status = |opaque: &str| {
        inbound(
            &json!({"statuses": [{"id": "wamid.E", "status": "delivered",
            "timestamp": "1749416383", "recipient_id": "15550002222",
            "biz_opaque_callback_data": opaque}]}),
        )
    };
    assert!(read(&status("hl-echo:00000000000000ab")).await.is_empty());
    let another = read(&status("of-another-program")).await;
    assert!(matches!(&another[..], [InboundItem::Receipt(receipt)] if receipt.key.is_none()));
}

#[tokio::test]
async fn an_echo_that_comes_in_is_no_message_of_a_person() {
    let back = EchoPair {
        from: "222".into(),
        to: SENDER.into(),
        to_number: "15550783881".into(),
        from_number: "15550002222".into(),
    };
    let mut config = config("http://127.0.0.1:1");
    config.echoes = vec![pair(), back];
    let channel = WhatsappChannel::new(config).unwrap();
    let came = |from: &str, text: &str| {
        let message = json!({"messages": [{"id": "wamid.X", "from": from, "type": "text",
            "timestamp": "1750030073", "text": {"body": text}}]});
        channel.read(&inbound(&message)).unwrap()
    };
    let text = echo_text(0xAB, Timestamp(9));
    let echo = came("15550002222", &text);
    assert!(
        matches!(&echo[..], [InboundItem::Echo { from, token: 0xAB }] if from == "222"),
        "{echo:?}"
    );
    for person in [came("16505551234", &text), came("15550002222", "hello")] {
        assert!(matches!(&person[..], [InboundItem::Message(_)]));
    }
}

#[tokio::test]
async fn an_echo_refused_for_a_reason_of_ours_proves_the_provider_as_well() {
    let failed = |code: u32| {
        inbound(&json!({"statuses": [{"id": "wamid.E", "status": "failed",
            "timestamp": "1749416383", "recipient_id": "15550002222",
            "biz_opaque_callback_data": "hl-echo:00000000000000ab",
            "errors": [{"code": code, "title": "words"}]}]}))
    };
    let closed = read(&failed(131_047)).await;
    assert!(
        matches!(&closed[..], [InboundItem::Echo { from, token: 0xAB }] if from == SENDER),
        "{closed:?}"
    );
    assert!(read(&failed(131_016)).await.is_empty());
}
