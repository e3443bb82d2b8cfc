//! Our own API over real sockets: what apps, people at a terminal and operators get from it.

mod cli;
mod contacts;
mod events;
mod holds;
mod messages;
mod ops;
mod scope;

use crate::stack::{Stack, until};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::Value;

const PERSON: &str = "+16505551234";
const DIGITS: &str = "16505551234";

fn call(stack: &Stack, method: Method, path: &str) -> RequestBuilder {
    let url = format!("{}/api/v1{path}", stack.url);
    stack.http.request(method, url).bearer_auth(&stack.token)
}

/// Status and JSON of an answer.
async fn answer(request: RequestBuilder) -> (u16, Value) {
    read(request.send().await.expect("an answer")).await
}

async fn read(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let bytes = response.bytes().await.expect("a body");
    let value = serde_json::from_slice(&bytes)
        .unwrap_or_else(|_| panic!("{status}: {}", String::from_utf8_lossy(&bytes)));
    (status, value)
}

async fn get(stack: &Stack, path: &str) -> (u16, Value) {
    answer(call(stack, Method::GET, path)).await
}

async fn post(stack: &Stack, path: &str, body: &Value) -> (u16, Value) {
    answer(call(stack, Method::POST, path).json(body)).await
}

/// Sends and gives our id.
async fn send(stack: &Stack, body: &Value) -> String {
    let (status, sent) = post(stack, "/messages", body).await;
    assert_eq!(status, 201, "{sent}");
    sent["id"].as_str().expect("an id").to_owned()
}

/// The message once it is in this state.
async fn in_state(stack: &Stack, id: &str, state: &str) -> Value {
    until(state, async || {
        let (_, message) = get(stack, &format!("/messages/{id}")).await;
        (message["state"] == state).then_some(message)
    })
    .await
}

/// `field message` of every fault.
fn faults(problem: &Value) -> Vec<String> {
    let all = problem["errors"].as_array().expect("a list of faults");
    let text = |fault: &Value, key: &str| fault[key].as_str().unwrap_or_default().to_owned();
    all.iter()
        .map(|it| format!("{} {}", text(it, "field"), text(it, "message")))
        .collect()
}
