//! The WhatsApp channel: the suite that every channel passes, the handshake, probes, tokens.

mod checks;
mod graph;
mod reading;
mod sending;

use super::{GraphClient, WhatsappChannel, WhatsappConfig, WhatsappSender};
use crate::test_peers::{Answer, Call, HttpPeer, TestLibrary, dispatch, raw};
use crate::whatsapp::signature;
use async_trait::async_trait;
use bytes::Bytes;
use holdline_core::Redacted;
use holdline_core::message::FaultClass;
use holdline_engine::contract::channel::{Rig, Script, TIMEOUT_MS, check};
use holdline_engine::ports::channel::HookRefusal;
use holdline_engine::ports::records::RawInbound;
use holdline_engine::ports::{Channel, Dispatch, HookRequest, InboundItem, Library};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

const SENDER: &str = "106540352242922";
const WABA: &str = "102290129340398";
const TO: &str = "+16505551234";
const TOKEN: &str = "m3ta-s3cret";
const SECRET: &str = "app-secret";

fn config(base_url: &str) -> WhatsappConfig {
    WhatsappConfig {
        base_url: base_url.into(),
        access_token: Some(Redacted::new(TOKEN.into())),
        app_secret: Some(Redacted::new(SECRET.into())),
        verify_token: Some(Redacted::new("verify-me".into())),
        senders: vec![WhatsappSender {
            phone_number_id: SENDER.into(),
            waba_id: WABA.into(),
            access_token: None,
        }],
        timeout_ms: TIMEOUT_MS,
        connect_timeout_ms: TIMEOUT_MS / 2,
        ..WhatsappConfig::default()
    }
}

fn channel(peer: &HttpPeer) -> WhatsappChannel {
    WhatsappChannel::new(config(&peer.url)).unwrap()
}

fn graph(peer: &HttpPeer) -> GraphClient {
    GraphClient::new(config(&peer.url)).unwrap()
}

fn text(body: &str) -> Value {
    json!({"messaging_product": "whatsapp", "to": TO, "type": "text", "text": {"body": body}})
}

fn attempt(body: &Value) -> Dispatch {
    dispatch("whatsapp", SENDER, TO, body)
}

fn taken() -> Answer {
    Answer::json(
        200,
        r#"{"messaging_product":"whatsapp","messages":[{"id":"wamid.X"}]}"#,
    )
}

fn json_of(call: &Call) -> Value {
    serde_json::from_slice(&call.body).unwrap()
}

struct WhatsappRig {
    peers: Mutex<Vec<HttpPeer>>,
    library: TestLibrary,
}

#[async_trait]
impl Rig for WhatsappRig {
    async fn channel(&self, script: Script) -> Arc<dyn Channel> {
        let wrong = Answer::json(
            401,
            r#"{"error":{"message":"expired","code":190,"error_subcode":463}}"#,
        );
        let (peer, url) = HttpPeer::scripted(script, taken(), wrong).await;
        self.peers.lock().unwrap().push(peer);
        Arc::new(WhatsappChannel::new(config(&url)).unwrap())
    }

    fn dispatch(&self) -> Dispatch {
        attempt(&text("the words of a person"))
    }

    fn library(&self) -> &dyn Library {
        &self.library
    }

    fn hook(&self) -> Option<HookRequest> {
        let body = Bytes::from_static(b"{\"object\":\"whatsapp_business_account\",\"entry\":[]}");
        Some(HookRequest {
            url: "https://us.example/hooks/whatsapp".into(),
            headers: vec![(
                signature::HEADER.into(),
                signature::sign(SECRET.as_bytes(), &body),
            )],
            body: Redacted::new(body),
        })
    }

    fn samples(&self) -> Vec<RawInbound> {
        vec![inbound(&message(
            json!({"type": "text", "text": {"body": "the words of a person"}}),
        ))]
    }

    fn secrets(&self) -> Vec<String> {
        [
            "the words of a person",
            "6505551234",
            TOKEN,
            SECRET,
            "verify-me",
        ]
        .map(Into::into)
        .into()
    }
}

fn message(more: Value) -> Value {
    let mut message = json!({"from": "16505551234", "from_user_id": "US.1", "id": "wamid.IN",
        "timestamp": "1749416383"});
    message
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    json!({"messages": [message],
        "contacts": [{"wa_id": "16505551234", "user_id": "US.1", "profile": {"name": "Ann"}}]})
}

fn inbound(value: &Value) -> RawInbound {
    field("messages", value)
}

fn field(field: &str, value: &Value) -> RawInbound {
    let mut value = value.clone();
    value["metadata"] = json!({"display_phone_number": "15550783881", "phone_number_id": SENDER});
    let body = json!({"object": "whatsapp_business_account",
        "entry": [{"id": WABA, "changes": [{"field": field, "value": value}]}]});
    raw("whatsapp", "", body.to_string())
}

async fn read(raw: &RawInbound) -> Vec<InboundItem> {
    WhatsappChannel::new(config("http://127.0.0.1:1"))
        .unwrap()
        .read(raw)
        .unwrap()
}

#[tokio::test]
async fn the_channel_holds_to_the_contract() {
    check(&WhatsappRig {
        peers: Mutex::default(),
        library: TestLibrary::default(),
    })
    .await;
}

#[tokio::test]
async fn the_handshake_wants_our_token() {
    let channel = WhatsappChannel::new(config("http://127.0.0.1:1")).unwrap();
    let query = |token: &str| {
        [
            ("hub.mode", "subscribe"),
            ("hub.challenge", "1158201444"),
            ("hub.verify_token", token),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
    };
    assert_eq!(
        channel.handshake(&query("verify-me")),
        Some(Ok("1158201444".into()))
    );
    let refused = channel.handshake(&query("other"));
    assert!(matches!(refused, Some(Err(HookRefusal::Malformed(_)))));
    assert_eq!(channel.handshake(&[]), None);
}

#[tokio::test]
async fn probes_tell_the_account_from_the_platform() {
    let probe = async |answer: Answer| {
        let peer = HttpPeer::start(move |_| answer.clone()).await;
        let outcome = channel(&peer).probe(SENDER).await;
        assert_eq!(
            peer.last().path,
            format!("/v23.0/{SENDER}?fields=id%2Chealth_status")
        );
        (outcome.name(), outcome.fault().map(|fault| fault.class))
    };
    let fine = Answer::json(
        200,
        r#"{"id":"1","health_status":{"can_send_message":"LIMITED"}}"#,
    );
    assert_eq!(probe(fine).await, ("accepted", None));
    let blocked = Answer::json(
        200,
        r#"{"id":"1","health_status":{"can_send_message":"BLOCKED"}}"#,
    );
    assert_eq!(
        probe(blocked).await,
        ("rejected", Some(FaultClass::Account))
    );
    let expired = Answer::json(401, r#"{"error":{"code":190,"message":"x"}}"#);
    assert_eq!(
        probe(expired).await,
        ("rejected", Some(FaultClass::Account))
    );
    let down = Answer::json(
        500,
        r#"{"error":{"code":2,"message":"x","is_transient":true}}"#,
    );
    assert_eq!(probe(down).await, ("rejected", Some(FaultClass::Platform)));
}

#[test]
fn each_sender_may_have_its_own_token() {
    let mut config = config("https://graph.example");
    let sender = |id: &str, token: Option<&str>| WhatsappSender {
        phone_number_id: id.into(),
        waba_id: format!("w{id}"),
        access_token: token.map(|token| Redacted::new(token.into())),
    };
    config.senders = vec![sender("1", None), sender("2", Some("own"))];
    assert_eq!(config.token_for("1"), Some(TOKEN));
    assert_eq!(config.token_for("2"), Some("own"));
    assert_eq!(config.token_for("w2"), Some("own"));
    assert_eq!(config.token_for("77"), Some(TOKEN));
    config.access_token = None;
    let refused = WhatsappChannel::new(config).unwrap_err().to_string();
    assert!(refused.starts_with("whatsapp.access_token"), "{refused}");
}
