//! Events in the Standard Webhooks form, as a receiver gets and checks them.

use super::*;
use crate::stack::PATIENCE;
use aws_lc_rs::hmac;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post as on_post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::mpsc;

struct Event {
    headers: HeaderMap,
    body: Bytes,
}

impl Event {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }

    /// What a library for Standard Webhooks checks.
    fn check(&self, secret: &str) {
        let key = STANDARD
            .decode(secret.strip_prefix("whsec_").unwrap())
            .unwrap();
        let (id, at) = (self.header("webhook-id"), self.header("webhook-timestamp"));
        let signed = [format!("{id}.{at}.").as_bytes(), &self.body].concat();
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), &signed);
        assert_eq!(
            self.header("webhook-signature"),
            format!("v1,{}", STANDARD.encode(tag))
        );
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_secs();
        assert!(now.abs_diff(at.parse().unwrap()) < 300);
    }
}

type Inbox = mpsc::UnboundedReceiver<Event>;

/// Takes every event.
async fn receiver() -> (String, Inbox) {
    let (events, inbox) = mpsc::unbounded_channel();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/events", listener.local_addr().unwrap());
    let router = Router::new()
        .route("/events", on_post(take))
        .with_state(events);
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, inbox)
}

async fn take(
    State(events): State<mpsc::UnboundedSender<Event>>,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let _ = events.send(Event { headers, body });
    StatusCode::NO_CONTENT
}

async fn next(inbox: &mut Inbox, wanted: &str) -> Event {
    let found = async {
        loop {
            let event = inbox.recv().await.expect("the receiver lives");
            if event.json()["type"] == wanted {
                return event;
            }
        }
    };
    tokio::time::timeout(PATIENCE, found)
        .await
        .unwrap_or_else(|_| panic!("no {wanted} came"))
}

#[tokio::test]
async fn an_endpoint_gets_signed_events_of_its_own_types_until_it_is_deleted() {
    let stack = Stack::start().await;
    let (url, mut inbox) = receiver().await;
    let wanted = json!({"url": url, "events": ["message.delivered", "message.received"]});
    let (status, made) = post(&stack, "/webhooks", &wanted).await;
    assert_eq!(status, 201, "{made}");
    let secret = made["secret"].as_str().unwrap();
    let (_, list) = get(&stack, "/webhooks").await;
    assert_eq!(list["data"][0]["id"], made["id"]);
    assert!(
        list["data"][0].get("secret").is_none(),
        "the secret is told once"
    );

    let id = send(
        &stack,
        &json!({"to": {"phone": PERSON}, "text": "x", "callback_data": "7"}),
    )
    .await;
    let event = inbox.recv().await.unwrap();
    event.check(secret);
    let json = event.json();
    assert_eq!(
        (&json["type"], &json["data"]["id"]),
        (&json!("message.delivered"), &json!(id))
    );
    assert_eq!(json["data"]["callback_data"], "7");
    assert_eq!(json["data"]["channel"], "whatsapp");

    let write = holdline_sim::PersonSend::text("an answer");
    stack.sandbox.person_sends(PERSON, write).unwrap();
    let event = next(&mut inbox, "message.received").await;
    event.check(secret);
    let data = event.json()["data"].clone();
    assert_eq!(data["message"]["text"]["body"], "an answer", "{data}");

    let path = format!("/webhooks/{}", made["id"].as_str().unwrap());
    let gone = call(&stack, Method::DELETE, &path).send().await.unwrap();
    assert_eq!(gone.status(), 204);
    assert_eq!(answer(call(&stack, Method::DELETE, &path)).await.0, 404);
    let id = send(&stack, &json!({"to": {"phone": PERSON}, "text": "y"})).await;
    in_state(&stack, &id, "delivered").await;
    assert!(inbox.try_recv().is_err(), "nothing comes any more");
}

#[tokio::test]
async fn a_change_of_health_and_a_failure_are_told() {
    let stack = Stack::start().await;
    let (url, mut inbox) = receiver().await;
    let (_, made) = post(&stack, "/webhooks", &json!({"url": url})).await;
    let secret = made["secret"].as_str().unwrap();
    stack.outage("hard_down");
    for n in 0..6 {
        let plan = json!([{"channel": "whatsapp"}]);
        let body = json!({"to": {"phone": format!("+1650555200{n}")}, "text": "x", "plan": plan,
            "expires_in": "2s"});
        send(&stack, &body).await;
    }
    let event = next(&mut inbox, "route.health_changed").await;
    event.check(secret);
    assert!(
        event.json()["data"]["route"]
            .as_str()
            .unwrap()
            .starts_with("whatsapp/")
    );
    let event = next(&mut inbox, "message.expired").await;
    event.check(secret);
    assert_eq!(event.json()["data"]["error"]["code"], "expired");
}

#[tokio::test]
async fn an_endpoint_must_be_an_address_and_name_known_events() {
    let stack = Stack::start().await;
    for url in [
        "ftp://x.example.com",
        "not an address",
        "https://me:secret@x.example.com",
    ] {
        let (status, problem) = post(&stack, "/webhooks", &json!({"url": url})).await;
        assert_eq!(
            (status, faults(&problem)),
            (422, vec!["/url cannot be posted to".to_owned()])
        );
    }
    let body = json!({"url": "https://x.example.com", "events": ["message.deliverd"]});
    let (status, problem) = post(&stack, "/webhooks", &body).await;
    assert_eq!(status, 422);
    assert_eq!(
        problem["errors"][0]["fix"],
        "did you mean `message.delivered`?"
    );
}
