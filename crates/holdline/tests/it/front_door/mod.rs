//! The front door as real client libraries use it: a test for each rule that they need, over real
//! sockets, against the sandbox in place of WhatsApp.

mod receiver;
mod refusals;
mod registration;
mod replies;
mod requests;
mod time;
mod tls;
mod uploads;
mod webhooks;

use crate::stack::{Options, Stack};
use receiver::Receiver;
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::Instant;

/// How long anything may take to come about.
const LIMIT: Duration = Duration::from_secs(20);
const PERSON: &str = "+16505551234";
const PNG: &[u8] = b"\x89PNG\r\n\x1A\n and then some bytes that nobody looks at";

/// An installation whose app sets up its webhooks itself, with quick people.
async fn start() -> Stack {
    Stack::start_with(options()).await
}

fn options() -> Options {
    let mut options = Options {
        webhooks: false,
        ..Options::default()
    };
    options.sandbox.timing.scale = 0.2;
    options
}

fn call(stack: &Stack, method: Method, path: &str) -> RequestBuilder {
    stack
        .http
        .request(method, format!("{}{path}", stack.url))
        .bearer_auth(&stack.token)
}

fn get(stack: &Stack, path: &str) -> RequestBuilder {
    call(stack, Method::GET, path)
}

fn post(stack: &Stack, path: &str, body: &Value) -> RequestBuilder {
    call(stack, Method::POST, path).json(body)
}

/// The path of sends.
fn messages(stack: &Stack) -> String {
    format!("/v23.0/{}/messages", stack.phone_id)
}

fn text(to: &str, body: &str) -> Value {
    json!({"messaging_product": "whatsapp", "to": to, "type": "text", "text": {"body": body}})
}

/// Status and JSON of an answer.
async fn answer(request: RequestBuilder) -> (u16, Value) {
    read(request.send().await.unwrap()).await
}

async fn read(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let bytes = response.bytes().await.unwrap();
    let value = serde_json::from_slice(&bytes)
        .unwrap_or_else(|_| panic!("{status}: {}", String::from_utf8_lossy(&bytes)));
    (status, value)
}

/// Sends and gives the id of the reply.
async fn send(stack: &Stack, body: &Value) -> String {
    let (status, reply) = answer(post(stack, &messages(stack), body)).await;
    assert_eq!(status, 200, "{reply}");
    reply["messages"][0]["id"].as_str().unwrap().to_owned()
}

async fn upload(stack: &Stack) -> String {
    let part = reqwest::multipart::Part::bytes(PNG).file_name("a.png");
    let form = reqwest::multipart::Form::new()
        .text("messaging_product", "whatsapp")
        .text("type", "image/png")
        .part("file", part.mime_str("image/png").unwrap());
    let path = format!("/v23.0/{}/media", stack.phone_id);
    let (status, reply) = answer(call(stack, Method::POST, &path).multipart(form)).await;
    assert_eq!(status, 200, "{reply}");
    reply["id"].as_str().unwrap().to_owned()
}

/// Sends all webhooks of the app to a receiver.
async fn subscribe(stack: &Stack, receiver: &Receiver) {
    let path = format!("/v23.0/{}/subscriptions", stack.app_id);
    let body = json!({
        "object": "whatsapp_business_account",
        "callback_url": receiver.url,
        "verify_token": receiver::VERIFY_TOKEN,
        "fields": ["messages"],
    });
    let (status, reply) = answer(post(stack, &path, &body)).await;
    assert_eq!((status, &reply), (200, &json!({"success": true})));
}

/// Lets a person write, and gives the id under which the app hears of it.
async fn person_writes(stack: &Stack, receiver: &mut Receiver, words: &str) -> String {
    let send = holdline_sim::PersonSend::text(words);
    stack.sandbox.person_sends(PERSON, send).unwrap();
    let hook = receiver
        .find("a message", |value| value["messages"][0]["id"].is_string())
        .await;
    hook.value()["messages"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// Waits for a condition, not for a time.
async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let end = Instant::now() + LIMIT;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < end, "{what} did not come about");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The last message that the person holds, as the provider got it.
async fn received_raw(stack: &Stack) -> Value {
    eventually("a message on the phone", async || {
        let person = stack.sandbox.person(PERSON)?;
        Some(person.received.last()?.raw.clone())
    })
    .await
}
