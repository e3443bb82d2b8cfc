//! Mail through a real mail server: what arrives in the mailbox when WhatsApp is down, how letters
//! of one conversation hang together, and what the server's refusals lead to.

mod postfix;
mod services;

use crate::scenarios::{quick, until_ended};
use crate::stack::{Options, Stack, until, until_true};
use holdline_sim::Received;
use postfix::{Certificate, Postfix};
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

const ANN: &str = "+16505556001";
const ANN_MAIL: &str = "ann@people.test";
const PNG: &[u8] = b"\x89PNG\r\n\x1A\n and then some bytes that nobody looks at";

/// An installation whose mail goes to the server with this certificate, signed in by this password.
async fn start(password: &str) -> (Stack, Postfix) {
    let certificate = Certificate::new();
    let mut options: Options = quick();
    options.env = [
        ("HOLDLINE_FAILOVER_ORDER", "whatsapp, email".to_owned()),
        (
            "HOLDLINE_EMAIL_PORT",
            certificate.address.port().to_string(),
        ),
        ("HOLDLINE_EMAIL_TLS", "starttls".to_owned()),
        ("HOLDLINE_EMAIL_USERNAME", "shop".to_owned()),
        ("HOLDLINE_EMAIL_PASSWORD", password.to_owned()),
        (
            "HOLDLINE_NET_CA_CERTIFICATES",
            certificate.path().display().to_string(),
        ),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    let mut stack = Stack::start_with(options).await;
    // A mail server that is not there yet would be an outage.
    stack.stop().await;
    let postfix = Postfix::start(certificate, &stack).await;
    stack.serve().await;
    (stack, postfix)
}

async fn post(stack: &Stack, path: &str, body: &Value) -> Value {
    let request = stack
        .http
        .post(format!("{}/api/v1{path}", stack.url))
        .json(body);
    let response = request
        .bearer_auth(&stack.token)
        .send()
        .await
        .expect("an answer");
    let status = response.status();
    let body: Value = response.json().await.expect("JSON");
    assert_eq!(status, 201, "{body}");
    body
}

async fn upload(stack: &Stack) -> String {
    let part = Part::bytes(PNG)
        .file_name("receipt.png")
        .mime_str("image/png")
        .expect("a type");
    let form = Form::new()
        .text("messaging_product", "whatsapp")
        .part("file", part);
    let url = format!("{}/v23.0/{}/media", stack.url, stack.phone_id);
    let request = stack
        .http
        .post(url)
        .bearer_auth(&stack.token)
        .multipart(form);
    let reply: Value = request
        .send()
        .await
        .expect("an answer")
        .json()
        .await
        .expect("JSON");
    reply["id"]
        .as_str()
        .unwrap_or_else(|| panic!("no id: {reply}"))
        .to_owned()
}

/// Waits until so many mails lie in the mailbox.
async fn mails(stack: &Stack, address: &str, count: usize) -> Vec<Received> {
    let look = || {
        stack
            .sandbox
            .person(address)
            .map(|it| it.received)
            .unwrap_or_default()
    };
    until_true("the mail is in the mailbox", || look().len() >= count).await;
    let found = look();
    assert_eq!(found.len(), count, "no more than were sent");
    found
}

fn header<'a>(mail: &'a Received, name: &str) -> &'a str {
    let headers = mail.raw["headers"].as_array().expect("headers");
    let found = headers.iter().find(|it| {
        it[0]
            .as_str()
            .is_some_and(|it| it.eq_ignore_ascii_case(name))
    });
    found
        .and_then(|it| it[1].as_str())
        .unwrap_or_else(|| panic!("no {name} in {}", mail.raw))
}

#[tokio::test(flavor = "multi_thread")]
async fn while_whatsapp_is_down_mail_arrives_signed_in_over_tls_and_in_one_thread() {
    let (stack, postfix) = start("correct horse").await;
    let addresses = json!([{"channel": "whatsapp", "value": ANN},
        {"channel": "email", "value": ANN_MAIL}]);
    post(
        &stack,
        "/contacts",
        &json!({"name": "Ann", "addresses": addresses}),
    )
    .await;
    let file = upload(&stack).await;
    stack.outage("server_errors");
    let first = stack.send_text(ANN, "Grüße: your order is ready").await;
    let first = until_ended(&stack, &first).await;
    assert_eq!(
        (&first["state"], &first["channel"]),
        (&json!("delivered"), &json!("email"))
    );
    let picture = json!({"id": file, "caption": "Your receipt"});
    let second = stack
        .send(json!({"to": ANN, "type": "image", "image": picture}))
        .await;
    let second = until_ended(&stack, &second).await;
    assert_eq!(
        (&second["state"], &second["channel"]),
        (&json!("delivered"), &json!("email"))
    );
    let found = mails(&stack, ANN_MAIL, 2).await;
    check_first(&found[0], &first);
    check_second(&found[1], &first, &second);
    assert!(postfix.auth.signed_in() >= 1 && postfix.auth.refused() == 0);
}

fn check_first(mail: &Received, message: &Value) {
    let id = message["id"].as_str().expect("an id");
    assert_eq!(mail.raw["message_id"], format!("{id}@example.com"));
    assert!(mail.raw["in_reply_to"].is_null(), "{}", mail.raw);
    assert!(
        mail.raw["text"]
            .as_str()
            .is_some_and(|text| text.contains("Grüße: your order"))
    );
    assert!(
        mail.raw["html"]
            .as_str()
            .is_some_and(|html| html.contains("<!DOCTYPE html>"))
    );
    assert!(
        header(mail, "Content-Type").starts_with("multipart/alternative"),
        "{}",
        mail.raw
    );
    assert!(header(mail, "From").contains("<shop@example.com>"));
    assert!(header(mail, "To").contains(ANN_MAIL));
    assert_eq!(header(mail, "Auto-Submitted"), "auto-generated");
    // What Postfix writes when the sender came over TLS and signed in.
    let received = header(mail, "Received");
    assert!(
        received.contains("mx.test (Postfix)") && received.contains("ESMTPSA"),
        "{received}"
    );
}

fn check_second(mail: &Received, first: &Value, second: &Value) {
    let id = |message: &Value| format!("{}@example.com", message["id"].as_str().expect("an id"));
    assert_eq!(mail.raw["message_id"], id(second));
    assert_eq!(mail.raw["in_reply_to"], id(first));
    assert!(header(mail, "References").contains(&id(first)));
    assert!(
        header(mail, "Content-Type").starts_with("multipart/mixed"),
        "{}",
        mail.raw
    );
    assert!(
        mail.raw["text"]
            .as_str()
            .is_some_and(|text| text.contains("Your receipt"))
    );
    let files = mail.raw["attachments"].as_array().expect("attachments");
    assert_eq!(*files, [json!({"name": "receipt.png", "size": PNG.len()})]);
}

/// The fault of each attempt: class and code.
fn faults(message: &Value) -> Vec<(String, String)> {
    let attempts = message["timeline"]["attempts"]
        .as_array()
        .into_iter()
        .flatten();
    let failed = attempts.filter(|attempt| attempt["outcome"] != "accepted");
    let word = |attempt: &Value, key: &str| attempt["fault"][key].as_str().unwrap_or("").to_owned();
    failed
        .map(|attempt| (word(attempt, "class"), word(attempt, "code")))
        .collect()
}

async fn send_mail(stack: &Stack, to: &str) -> Value {
    let body = json!({"to": {"email": to}, "text": "hello", "plan": [{"channel": "email"}]});
    let sent = post(stack, "/messages", &body).await;
    until_ended(stack, sent["wamid"].as_str().expect("a wamid")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_mailbox_ends_the_message_and_a_deferral_does_not() {
    let (stack, postfix) = start("correct horse").await;
    let failed = send_mail(&stack, "nobody@people.test").await;
    assert_eq!(failed["state"], "failed", "{failed}");
    let given = faults(&failed);
    assert_eq!(given.len(), 1, "it is not tried again: {given:?}");
    assert_eq!(given[0].0, "recipient", "{given:?}");
    assert!(given[0].1.contains("5.1.1"), "{given:?}");
    let path = format!(
        "/contacts/{}",
        failed["contact"].as_str().expect("a contact")
    );
    let contact = stack.api(&path).await;
    assert!(
        contact["addresses"][0]["unreachable_until"].is_string(),
        "{contact}"
    );
    assert_eq!(
        stack.health("email").await,
        "up",
        "one dead mailbox is no outage"
    );
    let later = ["451 4.3.0 try again later", "451 4.7.1 greylisted"];
    postfix.policy.answer_with("slow@people.test", &later);
    let moved = send_mail(&stack, "slow@people.test").await;
    assert_eq!(moved["state"], "delivered", "{moved}");
    let given = faults(&moved);
    assert_eq!(given.len(), later.len(), "{given:?}");
    assert!(
        given[0].1.contains("4.3.0") && given[1].1.contains("4.7.1"),
        "{given:?}"
    );
    assert_eq!(postfix.policy.left("slow@people.test"), 0);
    mails(&stack, "slow@people.test", 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_password_is_our_own_fault_and_no_outage() {
    let (stack, postfix) = start("wrong horse").await;
    let body = json!({"to": {"email": ANN_MAIL}, "text": "hello", "plan": [{"channel": "email"}]});
    let sent = post(&stack, "/messages", &body).await;
    until_true("the server refuses us", || postfix.auth.refused() > 0).await;
    crate::scenarios::until_health(&stack, "email", "account_fault").await;
    let wamid = sent["wamid"].as_str().expect("a wamid");
    // A probe may be refused before the attempt is.
    let given = until("the attempt ends", || async {
        let given = faults(&stack.message(wamid).await);
        (!given.iter().any(|(class, _)| class.is_empty())).then_some(given)
    })
    .await;
    assert!(
        given.iter().all(|(class, _)| class == "account"),
        "{given:?}"
    );
    assert!(
        given.iter().any(|(_, code)| code.contains("5.7.8")),
        "{given:?}"
    );
    let outages = stack.api("/outages").await;
    assert_eq!(outages["data"], json!([]));
    assert!(!stack.log_text().contains("wrong horse") && !postfix.log().contains("wrong horse"));
}
