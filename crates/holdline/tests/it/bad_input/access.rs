//! Who may not: no token, a wrong one, one of another sender, a revoked one; senders that nobody
//! knows. The answer names the reason in the provider's codes.

use super::{check_error, nothing_happened, read};
use crate::stack::{Options, SECOND_PHONE_ID, Stack, WABA_ID};
use serde_json::{Value, json};

const UNKNOWN_PHONE: &str = "999000111222333";

/// Sends a text by this number with this token; status and body of the answer.
async fn send(stack: &Stack, phone: &str, token: Option<&str>) -> (u16, Value) {
    let body = json!({"messaging_product": "whatsapp", "to": "+16505551234",
        "type": "text", "text": {"body": "hi"}});
    let mut request = stack
        .http
        .post(format!("{}/v23.0/{phone}/messages", stack.url))
        .json(&body);
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    let (status, _, reply) = read(request.send().await.expect("an answer")).await;
    (status, reply)
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_valid_token_nobody_sends() {
    let stack = Stack::start().await;
    let (status, reply) = send(&stack, stack.phone_id, None).await;
    assert_eq!(status, 401, "{reply}");
    check_error(
        &reply,
        190,
        Some("Send the header Authorization: Bearer <token>"),
    );
    let almost = format!("{}x", stack.token);
    for token in ["EAAG", almost.as_str()] {
        let (status, reply) = send(&stack, stack.phone_id, Some(token)).await;
        assert_eq!(status, 401, "{reply}");
        check_error(&reply, 190, None);
    }
    nothing_happened(&stack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sender_that_nobody_knows_is_an_unknown_object() {
    let stack = Stack::start().await;
    let (status, reply) = send(&stack, UNKNOWN_PHONE, Some(&stack.token)).await;
    assert_eq!(status, 400, "{reply}");
    check_error(
        &reply,
        100,
        Some("The id in the path is not known here: check it"),
    );
    assert_eq!(reply["error"]["error_subcode"], 33);
    assert_eq!(reply["error"]["type"], "GraphMethodException");
    nothing_happened(&stack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_another_sender_has_no_permission() {
    let stack = Stack::start_with(Options::default().with_second_sender(WABA_ID)).await;
    let token = stack.new_token("another", &[SECOND_PHONE_ID]);
    let (status, reply) = send(&stack, stack.phone_id, Some(&token)).await;
    assert_eq!(status, 403, "{reply}");
    check_error(
        &reply,
        10,
        Some("This token is not scoped to this object: use one that is"),
    );
    nothing_happened(&stack).await;
    let own = stack.new_token("own", &[stack.phone_id]);
    let (status, reply) = send(&stack, stack.phone_id, Some(&own)).await;
    assert_eq!(status, 200, "{reply}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_token_stops_at_once() {
    let stack = Stack::start().await;
    let token = stack.new_token("short-lived", &[]);
    let (status, reply) = send(&stack, stack.phone_id, Some(&token)).await;
    assert_eq!(status, 200, "{reply}");
    let listed = stack
        .command(&["--json", "token", "list"])
        .output()
        .expect("token list");
    let tokens: Value = serde_json::from_slice(&listed.stdout).expect("JSON");
    let found = tokens
        .as_array()
        .into_iter()
        .flatten()
        .find(|it| it["name"] == "short-lived");
    let id = found.expect("the token is listed")["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let revoked = stack
        .command(&["token", "revoke", &id])
        .output()
        .expect("token revoke");
    assert!(
        revoked.status.success(),
        "{}",
        String::from_utf8_lossy(&revoked.stderr)
    );
    let (status, reply) = send(&stack, stack.phone_id, Some(&token)).await;
    assert_eq!(status, 401, "{reply}");
    check_error(&reply, 190, None);
    assert_eq!(reply["error"]["error_subcode"], 460);
    let url = format!("{}/api/v1/messages", stack.url);
    let ours = stack
        .http
        .get(url)
        .bearer_auth(&token)
        .send()
        .await
        .expect("an answer");
    assert_eq!(ours.status(), 401);
    let (status, _) = send(&stack, stack.phone_id, Some(&stack.token)).await;
    assert_eq!(status, 200, "other tokens go on");
}
