//! Webhooks that no provider signed: refused, and nothing of them is kept.

use crate::stack::{APP_SECRET, Stack, until_true};
use holdline_sim::{PersonSend, Provider, meta_signature, twilio_signature};
use serde_json::json;
use std::path::Path;

const PERSON: &str = "+16505553101";
const FORGED: &str = "this text was forged";
const GENUINE: &str = "this text is genuine";

/// Whether any file of the store holds these words.
fn is_stored(stack: &Stack, words: &str) -> bool {
    holds(&stack.folder.path().join("data"), words.as_bytes())
}

fn holds(folder: &Path, words: &[u8]) -> bool {
    let entries = std::fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("entry"));
    entries.into_iter().any(|entry| {
        let path = entry.path();
        if path.is_dir() {
            return holds(&path, words);
        }
        let bytes = std::fs::read(&path).expect("readable");
        bytes.windows(words.len()).any(|window| window == words)
    })
}

fn whatsapp_body() -> String {
    let message = json!({"from": "16505553101", "id": "wamid.forged", "timestamp": "1750000000",
        "type": "text", "text": {"body": FORGED}});
    let value = json!({"messaging_product": "whatsapp", "messages": [message],
        "metadata": {"display_phone_number": "15550783881", "phone_number_id": "106540352242922"},
        "contacts": [{"wa_id": "16505553101", "profile": {"name": "Eve"}}]});
    let change = json!({"field": "messages", "value": value});
    let entry = json!({"id": "102290129340398", "changes": [change]});
    json!({"object": "whatsapp_business_account", "entry": [entry]}).to_string()
}

async fn post(stack: &Stack, path: &str, header: Option<(&str, String)>, body: &str) -> u16 {
    let kind = if path.ends_with("sms") {
        "application/x-www-form-urlencoded"
    } else {
        "text/json"
    };
    let request = stack
        .http
        .post(format!("{}{path}", stack.url))
        .header("content-type", kind);
    let request = match header {
        Some((name, value)) => request.header(name, value),
        None => request,
    };
    request
        .body(body.to_owned())
        .send()
        .await
        .expect("an answer")
        .status()
        .as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whatsapp_webhook_with_a_bad_signature_leaves_no_trace() {
    let stack = Stack::start().await;
    let body = whatsapp_body();
    let name = "X-Hub-Signature-256";
    let signatures = [
        None,
        Some(String::new()),
        Some("sha256=".to_owned()),
        Some(format!("sha256={}", "0".repeat(64))),
        Some(meta_signature("another-secret", body.as_bytes())),
        Some(meta_signature(APP_SECRET, format!("{body} ").as_bytes())),
    ];
    for signature in signatures {
        let header = signature.map(|value| (name, value));
        assert_eq!(post(&stack, "/hooks/whatsapp", header, &body).await, 401);
    }
    stack
        .sandbox
        .person_sends(PERSON, PersonSend::text(GENUINE))
        .expect("sent");
    only_the_genuine_arrives(&stack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_sms_webhook_with_a_bad_signature_leaves_no_trace() {
    let stack = Stack::start().await;
    let fields = [
        ("MessageSid", "SM00000000000000000000000000000001"),
        ("From", PERSON),
        ("To", "+15005550006"),
        ("Body", FORGED),
        ("SmsStatus", "received"),
    ];
    let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let body = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(&fields)
        .finish();
    let hook = format!("{}/hooks/sms", stack.url);
    let signatures = [
        None,
        Some("AAAAAAAAAAAAAAAAAAAAAAAAAAA=".to_owned()),
        Some(twilio_signature("another-token", &hook, &fields)),
        Some(twilio_signature(
            "sandbox-auth-token",
            "http://elsewhere/hooks/sms",
            &fields,
        )),
        Some(twilio_signature("sandbox-auth-token", &hook, &fields[1..])),
    ];
    for signature in signatures {
        let header = signature.map(|value| ("X-Twilio-Signature", value));
        assert_eq!(post(&stack, "/hooks/sms", header, &body).await, 401);
    }
    let send = PersonSend::text(GENUINE).over(Provider::Sms);
    stack.sandbox.person_sends(PERSON, send).expect("sent");
    only_the_genuine_arrives(&stack).await;
}

async fn only_the_genuine_arrives(stack: &Stack) {
    until_true("the genuine text reaches the app", || {
        !stack.receiver.messages().is_empty()
    })
    .await;
    let got = stack.receiver.messages();
    assert_eq!(got.len(), 1, "{got:?}");
    assert_eq!(got[0]["messages"][0]["text"]["body"], GENUINE);
    assert!(is_stored(stack, GENUINE), "the search finds what is stored");
    assert!(!is_stored(stack, FORGED));
    assert!(!stack.log_text().contains(FORGED));
}
