//! The SMS channel: the suite that every channel passes, requests, receipts, messages, signatures.

use super::classify::{RULES, classify, fault_of, lookup, receipt_of};
use super::encode::callback;
use super::{SmsChannel, SmsConfig, wire};
use crate::test_peers::{
    Answer, Call, HttpPeer, TestLibrary, dispatch, media_record, raw, template_record,
};
use async_trait::async_trait;
use bytes::Bytes;
use holdline_core::message::{FaultClass, Outcome, Progress, ReceiptKind, ThrottleScope};
use holdline_core::{Redacted, Timestamp};
use holdline_engine::contract::channel::{Rig, Script, TIMEOUT_MS, check};
use holdline_engine::ports::channel::HookRefusal;
use holdline_engine::ports::records::RawInbound;
use holdline_engine::ports::{Channel, Dispatch, HookRequest, InboundItem, Library};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

const TOKEN: &str = "tw1lio-s3cret";
const TO: &str = "+16505551234";

fn config(base_url: &str) -> SmsConfig {
    SmsConfig {
        base_url: base_url.into(),
        account_sid: "AC0123456789abcdef0123456789abcdef".into(),
        auth_token: Redacted::new(TOKEN.into()),
        public_url: "https://us.example".into(),
        senders: vec!["+15550001111".into()],
        timeout_ms: TIMEOUT_MS,
        connect_timeout_ms: TIMEOUT_MS / 2,
        allow_private_networks: false,
        ..SmsConfig::default()
    }
}

fn text(body: &str) -> Value {
    json!({"messaging_product": "whatsapp", "to": TO, "type": "text", "text": {"body": body}})
}

fn attempt(body: &Value) -> Dispatch {
    dispatch("sms", "+15550001111", TO, body)
}

fn taken() -> Answer {
    Answer::json(
        201,
        "{\"sid\":\"SM1\",\"status\":\"queued\",\"error_code\":null}",
    )
}

async fn sent(body: &Value, library: &TestLibrary, change: fn(&mut SmsConfig)) -> (Outcome, Call) {
    let peer = HttpPeer::start(|_| taken()).await;
    let mut config = config(&peer.url);
    change(&mut config);
    let outcome = SmsChannel::new(config)
        .unwrap()
        .send(&attempt(body), library)
        .await;
    (outcome, peer.calls().pop().unwrap_or_default())
}

fn form(call: &Call) -> Vec<(String, String)> {
    wire::read_form(&call.body)
}

struct SmsRig {
    peers: Mutex<Vec<HttpPeer>>,
    library: TestLibrary,
}

#[async_trait]
impl Rig for SmsRig {
    async fn channel(&self, script: Script) -> Arc<dyn Channel> {
        let wrong = Answer::json(
            401,
            "{\"code\":20003,\"message\":\"Authenticate\",\"status\":401}",
        );
        let (peer, url) = HttpPeer::scripted(script, taken(), wrong).await;
        self.peers.lock().unwrap().push(peer);
        Arc::new(SmsChannel::new(config(&url)).unwrap())
    }

    fn dispatch(&self) -> Dispatch {
        attempt(&text("the words of a person"))
    }

    fn library(&self) -> &dyn Library {
        &self.library
    }

    fn hook(&self) -> Option<HookRequest> {
        Some(hook(
            "https://us.example/hooks/sms?k=1",
            "MessageSid=SM1&MessageStatus=sent",
        ))
    }

    fn samples(&self) -> Vec<RawInbound> {
        vec![
            raw("sms", "", "MessageSid=SM1&MessageStatus=delivered"),
            raw(
                "sms",
                "",
                "MessageSid=SM2&SmsStatus=received&From=%2B16505551234&To=%2B1555\
                 &Body=the+words+of+a+person&NumMedia=0",
            ),
        ]
    }

    fn secrets(&self) -> Vec<String> {
        ["the words of a person", "6505551234", TOKEN]
            .map(Into::into)
            .into()
    }
}

fn hook(url: &str, body: &'static str) -> HookRequest {
    let signature = wire::sign(TOKEN.as_bytes(), url, &wire::read_form(body.as_bytes()));
    HookRequest {
        url: url.into(),
        headers: vec![(wire::SIGNATURE_HEADER.into(), signature)],
        body: Redacted::new(Bytes::from_static(body.as_bytes())),
    }
}

#[tokio::test]
async fn the_channel_holds_to_the_contract() {
    check(&SmsRig {
        peers: Mutex::default(),
        library: TestLibrary::default(),
    })
    .await;
}

#[tokio::test]
async fn a_message_is_posted_in_the_providers_shape() {
    let (outcome, call) = sent(&text("It\u{2019}s here"), &TestLibrary::default(), |_| {}).await;
    assert_eq!(
        outcome,
        Outcome::Accepted {
            provider_id: Some("SM1".into())
        }
    );
    let sid = "AC0123456789abcdef0123456789abcdef";
    assert_eq!(
        call.path,
        format!("/2010-04-01/Accounts/{sid}/Messages.json")
    );
    assert!(call.header("authorization").unwrap().starts_with("Basic "));
    let fields = form(&call);
    let of = |name| wire::field(&fields, name).unwrap_or("-").to_owned();
    assert_eq!(
        (of("To"), of("From"), of("Body")),
        (TO.into(), "+15550001111".into(), "It's here".into())
    );
    assert_eq!(of("ValidityPeriod"), "600");
    assert_eq!(
        of("StatusCallback"),
        callback("https://us.example", attempt(&text("")).key)
    );
    assert_eq!(of("MessagingServiceSid"), "-");
}

#[tokio::test]
async fn a_messaging_service_is_named_as_one() {
    let peer = HttpPeer::start(|_| taken()).await;
    let channel = SmsChannel::new(config(&peer.url)).unwrap();
    let dispatch = dispatch("sms", "MG1", TO, &text("hi"));
    channel.send(&dispatch, &TestLibrary::default()).await;
    let fields = form(&peer.last());
    assert_eq!(wire::field(&fields, "MessagingServiceSid"), Some("MG1"));
    assert_eq!(wire::field(&fields, "From"), None);
}

#[tokio::test]
async fn files_go_as_links_or_as_mms() {
    let image = json!({"messaging_product": "whatsapp", "to": TO, "type": "image",
        "image": {"id": "77", "caption": "the bill"}});
    let library = TestLibrary {
        media: vec![(media_record("77", "image/png", None, 3), Bytes::from("png"))],
        ..TestLibrary::default()
    };
    let (_, call) = sent(&image, &library, |_| {}).await;
    let fields = form(&call);
    let body = wire::field(&fields, "Body").unwrap();
    assert!(
        body.contains("https://us.example/m/77") && body.contains("the bill"),
        "{body}"
    );
    assert_eq!(wire::field(&fields, "MediaUrl"), None);
    let (_, call) = sent(&image, &library, |config| config.mms = true).await;
    let fields = form(&call);
    assert_eq!(wire::field(&fields, "Body"), Some("the bill"));
    assert_eq!(
        wire::field(&fields, "MediaUrl"),
        Some("https://us.example/m/77")
    );
}

#[tokio::test]
async fn templates_are_filled_in_and_a_hop_may_have_its_own() {
    let body = json!([{"type": "BODY", "text": "Hello {{1}}, it is {{2}}."}]);
    let short = json!([{"type": "BODY", "text": "{{1}}: {{2}}"}]);
    let library = TestLibrary {
        templates: vec![
            template_record("note", "en_US", &body),
            template_record("note_sms", "en_US", &short),
        ],
        ..TestLibrary::default()
    };
    let message = json!({"messaging_product": "whatsapp", "to": TO, "type": "template",
        "template": {"name": "note", "language": {"code": "en_US"}, "components": [
            {"type": "body", "parameters": [
                {"type": "text", "text": "Ann"}, {"type": "text", "text": "noon"}]}]}});
    let (_, call) = sent(&message, &library, |_| {}).await;
    assert_eq!(
        wire::field(&form(&call), "Body"),
        Some("Hello Ann, it is noon.")
    );
    let peer = HttpPeer::start(|_| taken()).await;
    let mut own = attempt(&message);
    own.hop.template = Some("note_sms".into());
    SmsChannel::new(config(&peer.url))
        .unwrap()
        .send(&own, &library)
        .await;
    assert_eq!(wire::field(&form(&peer.last()), "Body"), Some("Ann: noon"));
    let unknown = TestLibrary::default();
    let (outcome, _) = sent(&message, &unknown, |_| {}).await;
    assert_eq!(
        outcome.fault().map(|fault| fault.class),
        Some(FaultClass::Template)
    );
}

#[tokio::test]
async fn what_is_too_long_is_refused_before_it_is_sent() {
    let (outcome, call) = sent(&text(&"x".repeat(307)), &TestLibrary::default(), |c| {
        c.segments_max = 2
    })
    .await;
    let fault = outcome.fault().unwrap();
    assert_eq!(
        (fault.class, fault.code.as_str()),
        (FaultClass::Template, "too_long")
    );
    assert_eq!(
        fault.detail,
        "takes 3 parts, 2 are allowed: shorten it or raise sms.segments_max"
    );
    assert!(call.method.is_empty(), "nothing was sent");
}

#[test]
fn answers_are_told_apart_by_code_then_by_status() {
    let now = Timestamp(1_000);
    let answer = |status, body: &str| classify(status, Some("7"), body.as_bytes(), now);
    let check = |status, body: &str, name: &str, class: FaultClass| {
        let outcome = answer(status, body);
        let fault = outcome.fault().unwrap();
        assert_eq!(
            (outcome.name(), fault.class),
            (name, class),
            "{status} {body}"
        );
    };
    check(
        401,
        "{\"code\":20003,\"message\":\"x\"}",
        "rejected",
        FaultClass::Account,
    );
    check(401, "", "rejected", FaultClass::Account);
    check(400, "{\"code\":21211}", "rejected", FaultClass::Recipient);
    check(400, "{\"code\":21610}", "rejected", FaultClass::Recipient);
    check(400, "{\"code\":21617}", "rejected", FaultClass::Request);
    check(400, "{\"code\":21999}", "rejected", FaultClass::Request);
    check(400, "<html>", "rejected", FaultClass::Platform);
    check(429, "{\"code\":20429}", "throttled", FaultClass::Throttled);
    check(500, "{\"code\":20500}", "unknown", FaultClass::Platform);
    check(502, "<html>", "unknown", FaultClass::Platform);
    check(503, "<html>", "rejected", FaultClass::Platform);
    check(201, "{}", "unknown", FaultClass::Platform);
    check(
        201,
        "{\"sid\":\"SM1\",\"error_code\":30002}",
        "rejected",
        FaultClass::Account,
    );
    let Outcome::Throttled { scope, until, .. } = answer(429, "{\"code\":20429}") else {
        panic!()
    };
    assert_eq!(
        (scope, until),
        (ThrottleScope::Route, Some(Timestamp(8_000)))
    );
}

#[test]
fn the_table_is_sound() {
    for rule in RULES {
        assert!(rule.from <= rule.to);
        assert_eq!(
            lookup(rule.from).unwrap().class,
            rule.class,
            "{}",
            rule.from
        );
        assert!(!rule.ambiguous || rule.class == FaultClass::Platform);
    }
    assert!(
        fault_of(Some(21_610)).marks_unreachable,
        "another channel may be taken"
    );
    assert!(fault_of(Some(30_005)).marks_unreachable);
    assert_eq!(fault_of(Some(30_007)).class, FaultClass::Engagement);
    assert_eq!(fault_of(Some(39_999)).class, FaultClass::Recipient);
}

#[test]
fn only_statuses_that_say_something_become_receipts() {
    assert_eq!(receipt_of("queued", None), None);
    assert_eq!(receipt_of("sending", None), None);
    assert_eq!(
        receipt_of("sent", None),
        Some(ReceiptKind::Reached(Progress::Sent))
    );
    assert_eq!(
        receipt_of("read", None),
        Some(ReceiptKind::Reached(Progress::Read))
    );
    let Some(ReceiptKind::Failed(fault)) = receipt_of("undelivered", Some(30_003)) else {
        panic!()
    };
    assert_eq!(
        (fault.code.as_str(), fault.class),
        ("30003", FaultClass::Recipient)
    );
}

#[tokio::test]
async fn a_receipt_names_its_attempt() {
    let key = attempt(&text("")).key;
    let address = callback("https://us.example/", key);
    let query = address.split_once('?').unwrap().1.to_owned();
    let call = raw(
        "sms",
        &query,
        "MessageSid=SM1&MessageStatus=failed&ErrorCode=30006",
    );
    let items = super::inbound::read(&call).unwrap();
    let [InboundItem::Receipt(receipt)] = &items[..] else {
        panic!("{items:?}")
    };
    assert_eq!(
        (receipt.key, receipt.provider_id.as_str()),
        (Some(key), "SM1")
    );
    assert!(matches!(&receipt.kind, ReceiptKind::Failed(fault) if fault.code == "30006"));
}

#[test]
fn messages_come_in_the_cloud_apis_shape() {
    let read = |body: &'static str| {
        let items = super::inbound::read(&raw("sms", "", body)).unwrap();
        items
            .into_iter()
            .map(|item| match item {
                InboundItem::Message(message) => *message,
                other @ (InboundItem::Receipt(_)
                | InboundItem::Passed { .. }
                | InboundItem::TemplatesChanged { .. }
                | InboundItem::Echo { .. }) => panic!("{other:?}"),
            })
            .collect::<Vec<_>>()
    };
    let body = "MessageSid=SM2&SmsStatus=received&From=%2B16505551234&To=%2B15550001111\
                &Body=STOP&NumMedia=0";
    let [stop] = &read(body)[..] else { panic!() };
    assert_eq!(
        stop.payload.expose(),
        r#"{"type":"text","text":{"body":"STOP"}}"#
    );
    assert_eq!(
        (stop.kind.as_str(), stop.to.as_str()),
        ("text", "+15550001111")
    );
    assert_eq!(stop.from.as_ref().unwrap().expose(), TO);
    let body = "MessageSid=MM1&From=%2B16505551234&To=%2B1555&Body=look&NumMedia=2\
                &MediaUrl0=https%3A%2F%2Fp%2F0&MediaContentType0=image%2Fjpeg\
                &MediaUrl1=https%3A%2F%2Fp%2F1&MediaContentType1=application%2Fpdf";
    let [image, file] = &read(body)[..] else {
        panic!()
    };
    assert_eq!(
        image.payload.expose(),
        r#"{"type":"image","image":{"mime_type":"image/jpeg","caption":"look"}}"#
    );
    assert_eq!(
        (image.provider_id.as_str(), file.provider_id.as_str()),
        ("MM1", "MM1/1")
    );
    assert_eq!(file.kind, "document");
    assert_eq!(file.media.as_ref().unwrap().remote.expose(), "https://p/1");
    assert!(file.text.is_none());
}

#[test]
fn signatures_match_the_documented_vector_and_either_port() {
    let fields = [
        ("Digits", "1234"),
        ("To", "+18005551212"),
        ("From", "+14158675310"),
        ("Caller", "+14158675310"),
        ("CallSid", "CA1234567890ABCDE"),
    ];
    let form: Vec<_> = fields.map(|(a, b)| (a.to_owned(), b.to_owned())).into();
    let url = "https://example.com/myapp.php?foo=1&bar=2";
    let signature = "L/OH5YylLD5NRKLltdqwSvS0BnU=";
    assert_eq!(wire::sign(b"12345", url, &form), signature);
    assert!(wire::verify(b"12345", url, &form, signature));
    let ported = "https://example.com:443/myapp.php?foo=1&bar=2";
    assert!(wire::verify(b"12345", ported, &form, signature));
    for other in [
        "https://example.com/myapp.php?foo=1",
        "http://example.com/myapp.php?foo=1&bar=2",
    ] {
        assert!(!wire::verify(b"12345", other, &form, signature));
    }
    assert!(!wire::verify(b"12346", url, &form, signature));
    assert!(!wire::verify(b"12345", url, &form, "not base64!"));
}

#[tokio::test]
async fn probes_tell_the_account_from_the_platform() {
    let probe = async |status, body: &'static str| {
        let peer = HttpPeer::start(move |_| Answer::json(status, body)).await;
        SmsChannel::new(config(&peer.url)).unwrap().probe("x").await
    };
    let works = Outcome::Accepted { provider_id: None };
    assert_eq!(probe(200, "{}").await, works);
    assert_eq!(probe(404, "{\"code\":20404}").await, works);
    let account = probe(401, "{\"code\":20003}").await;
    assert_eq!(
        account.fault().map(|fault| fault.class),
        Some(FaultClass::Account)
    );
    let platform = probe(503, "").await;
    assert_eq!(
        platform.fault().map(|fault| fault.class),
        Some(FaultClass::Platform)
    );
}

#[tokio::test]
async fn files_are_fetched_with_credentials_only_from_the_provider() {
    let elsewhere = HttpPeer::start(|_| Answer::json(200, "bytes")).await;
    let there = elsewhere.url.clone();
    let peer = HttpPeer::start(move |call| match call.path.as_str() {
        "/here" => Answer::json(200, "bytes"),
        _ => Answer::Reply {
            status: 307,
            headers: vec![("Location".into(), there.clone())],
            body: Vec::new(),
        },
    })
    .await;
    let guarded = SmsChannel::new(config(&peer.url)).unwrap();
    let (mime, bytes) = guarded
        .fetch(&format!("{}/here", peer.url), 100)
        .await
        .unwrap();
    assert_eq!(
        (mime.as_str(), &bytes[..]),
        ("application/json", &b"bytes"[..])
    );
    assert!(peer.last().header("authorization").is_some());
    assert!(
        guarded
            .fetch(&format!("{}/here", peer.url), 2)
            .await
            .unwrap_err()
            .contains("larger")
    );
    let refused = guarded
        .fetch(&format!("{}/away", peer.url), 100)
        .await
        .unwrap_err();
    assert!(refused.contains("private network"), "{refused}");
    let open = SmsConfig {
        allow_private_networks: true,
        ..config(&peer.url)
    };
    let open = SmsChannel::new(open).unwrap();
    assert!(open.fetch(&format!("{}/away", peer.url), 100).await.is_ok());
    assert_eq!(elsewhere.last().header("authorization"), None);
}

#[test]
fn settings_that_cannot_work_are_refused() {
    let refused = |change: fn(&mut SmsConfig)| {
        let mut config = config("https://api.example");
        change(&mut config);
        SmsChannel::new(config).unwrap_err().to_string()
    };
    assert!(refused(|c| c.account_sid.clear()).starts_with("sms.account_sid"));
    assert!(refused(|c| c.base_url = "ftp://x".into()).starts_with("sms.base_url"));
    assert!(refused(|c| c.public_url.clear()).starts_with("http.public_url"));
}

proptest! {
    #[test]
    fn reading_is_total(
        body in proptest::collection::vec(any::<u8>(), 0..400),
        query in ".{0,40}",
    ) {
        let read = super::inbound::read(&raw("sms", &query, body));
        prop_assert!(read.is_ok() || matches!(read, Err(HookRefusal::Malformed(_))));
    }
}
