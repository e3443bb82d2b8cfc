//! Requests as clients write them: paths, tokens, bodies, recipients.

use super::*;
use reqwest::header::{CONTENT_TYPE, HOST};

#[tokio::test]
async fn r1_any_version_slashes_and_host_name_reach_the_same_call() {
    let stack = start().await;
    let id = &stack.phone_id;
    for path in [
        format!("/v23.0/{id}/messages"),
        format!("/v1.0/{id}/messages/"),
        format!("/v99.9//{id}/messages"),
        format!("/{id}/messages"),
        format!("//{id}/messages/"),
    ] {
        let request = post(&stack, &path, &text(PERSON, "hi"));
        let (status, reply) = answer(request.header(HOST, "graph.facebook.com")).await;
        assert_eq!(status, 200, "{path}: {reply}");
    }
}

#[tokio::test]
async fn r2_the_token_comes_in_the_header_or_in_the_query_and_a_wrong_one_is_190() {
    let stack = start().await;
    let url = format!("{}{}", stack.url, messages(&stack));
    let bare = |url: &str| stack.http.post(url).json(&text(PERSON, "hi"));
    let in_query = format!("{url}?access_token={}", stack.token);
    assert_eq!(answer(bare(&in_query)).await.0, 200);
    let (status, reply) = answer(bare(&url)).await;
    assert_eq!((status, &reply["error"]["code"]), (401, &json!(190)));
    let (status, reply) = answer(bare(&url).bearer_auth("wrong")).await;
    assert_eq!((status, &reply["error"]["code"]), (401, &json!(190)));
    assert_eq!(reply["error"]["type"], "OAuthException");
}

#[tokio::test]
async fn r2_calls_that_register_webhooks_believe_the_query() {
    let stack = start().await;
    let url = format!("{}/v23.0/{}/subscriptions", stack.url, stack.app_id);
    let good = format!("{url}?access_token={}", stack.token);
    assert_eq!(
        answer(stack.http.get(&good).bearer_auth("wrong")).await.0,
        200
    );
    let wrong = format!("{url}?access_token=wrong");
    let request = stack.http.get(&wrong).bearer_auth(&stack.token);
    assert_eq!(answer(request).await.0, 401);
}

#[tokio::test]
async fn r3_bodies_come_in_pieces_or_whole_raw_or_escaped_with_nulls_and_unknown_keys() {
    let stack = start().await;
    let raw = format!(
        "{{\"messaging_product\":\"whatsapp\",\"to\":\"{PERSON}\",\"type\":null,\"context\":null,\
         \"recipient_type\":null,\"made_up\":{{\"kept\":true}},\
         \"text\":{{\"body\":\"café \\u2713 \\ud83d\\ude00 ✓\",\"preview_url\":null}}}}"
    );
    let half = raw.len() / 3;
    let pieces = [raw[..half].to_owned(), raw[half..].to_owned()].map(Ok::<_, std::io::Error>);
    let chunked = reqwest::Body::wrap_stream(futures_util::stream::iter(pieces));
    for body in [chunked, reqwest::Body::from(raw)] {
        let request = call(&stack, Method::POST, &messages(&stack)).body(body);
        let (status, reply) = answer(request.header(CONTENT_TYPE, "application/json")).await;
        assert_eq!(status, 200, "{reply}");
    }
    let sent = received_raw(&stack).await;
    assert_eq!(sent["text"]["body"], "café ✓ 😀 ✓");
    assert_eq!(sent["made_up"], json!({"kept": true}));
}

#[tokio::test]
async fn r3_a_form_is_as_good_as_json() {
    let stack = start().await;
    let form = [
        ("messaging_product", "whatsapp"),
        ("to", PERSON),
        ("text", "{\"body\":\"hi\"}"),
    ];
    let request = call(&stack, Method::POST, &messages(&stack)).form(&form);
    assert_eq!(answer(request).await.0, 200);
    assert_eq!(received_raw(&stack).await["text"]["body"], "hi");
}

#[tokio::test]
async fn r4_recipients_are_echoed_as_written_and_named_by_digits() {
    let stack = start().await;
    for to in [
        "+16505551234",
        "16505551234",
        "+1 (650) 555-1234",
        "1.650.555.1234",
    ] {
        let body = json!({"messaging_product": "whatsapp", "to": to, "text": {"body": "hi"}});
        let (status, reply) = answer(post(&stack, &messages(&stack), &body)).await;
        assert_eq!(status, 200, "{to}: {reply}");
        assert_eq!(
            reply["contacts"],
            json!([{"input": to, "wa_id": "16505551234"}])
        );
    }
}

#[tokio::test]
async fn r4_a_business_scoped_id_is_a_recipient() {
    let stack = start().await;
    let user = "US.13491208655302741918";
    let body = json!({
        "messaging_product": "whatsapp", "recipient": user, "to": null,
        "type": "text", "text": {"body": "hi"}
    });
    let (status, reply) = answer(post(&stack, &messages(&stack), &body)).await;
    assert_eq!(status, 200, "{reply}");
    assert_eq!(reply["contacts"][0]["input"], user);
    assert_eq!(reply["contacts"][0]["user_id"], user);
}

#[tokio::test]
async fn r4_the_user_id_of_a_webhook_leads_back_to_the_person() {
    let stack = start().await;
    let mut receiver = Receiver::start(Default::default()).await;
    subscribe(&stack, &receiver).await;
    let id = send(&stack, &text(PERSON, "hi")).await;
    let hook = receiver.status(&id, "sent").await;
    let user = hook.value()["contacts"][0]["user_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let body = json!({
        "messaging_product": "whatsapp", "recipient": user, "text": {"body": "again"}
    });
    let again = send(&stack, &body).await;
    receiver.status(&again, "delivered").await;
}

#[tokio::test]
async fn r6_a_language_code_of_null_is_error_100() {
    let stack = start().await;
    let body = json!({
        "messaging_product": "whatsapp", "to": PERSON, "type": "template",
        "template": {"name": "hello_world", "language": {"code": null}}
    });
    let (status, reply) = answer(post(&stack, &messages(&stack), &body)).await;
    assert_eq!(
        (status, &reply["error"]["code"]),
        (400, &json!(100)),
        "{reply}"
    );
}
