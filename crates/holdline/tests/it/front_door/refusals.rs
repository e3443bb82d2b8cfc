//! What must not get through, and how the caller is told.

use super::*;
use crate::stack::SECOND_PHONE_ID;
use reqwest::header::CONTENT_TYPE;

#[tokio::test]
async fn bodies_that_are_no_message_are_refused_by_name() {
    let stack = start().await;
    for body in [
        "{",
        "[]",
        "\"text\"",
        "",
        "{\"messaging_product\":\"whatsapp\",\"to\":{}}",
    ] {
        let request = call(&stack, Method::POST, &messages(&stack)).body(body);
        let (status, reply) = answer(request.header(CONTENT_TYPE, "application/json")).await;
        assert_eq!(status, 400, "{body}: {reply}");
        assert!(reply["error"]["code"].is_u64() && reply["error"]["fbtrace_id"].is_string());
    }
}

#[tokio::test]
async fn a_body_of_ten_megabytes_is_refused_and_the_caller_sees_why() {
    let stack = start().await;
    let body = text(PERSON, &"x".repeat(10 * 1024 * 1024));
    let (status, reply) = answer(post(&stack, &messages(&stack), &body)).await;
    assert_eq!(
        (status, &reply["error"]["code"]),
        (413, &json!(100)),
        "{reply}"
    );
}

#[tokio::test]
async fn an_unsigned_webhook_of_the_provider_is_refused() {
    let stack = start().await;
    let url = format!("{}/hooks/whatsapp", stack.url);
    let body = r#"{"object":"whatsapp_business_account","entry":[]}"#;
    assert_eq!(
        stack
            .http
            .post(&url)
            .body(body)
            .send()
            .await
            .unwrap()
            .status(),
        401
    );
    let request = stack.http.post(&url).body(body);
    let forged = request.header("X-Hub-Signature-256", format!("sha256={}", "0".repeat(64)));
    assert_eq!(forged.send().await.unwrap().status(), 401);
    let unknown = format!("{}/hooks/pigeon", stack.url);
    assert_eq!(
        stack
            .http
            .post(unknown)
            .body(body)
            .send()
            .await
            .unwrap()
            .status(),
        404
    );
}

#[tokio::test]
async fn calls_that_only_the_provider_knows_are_passed_on_and_its_addresses_become_ours() {
    let stack = start().await;
    let path = format!("/v23.0/{}/whatsapp_business_profile", stack.phone_id);
    let (status, reply) = answer(get(&stack, &path)).await;
    assert_eq!(status, 200, "{reply}");
    assert!(reply["data"].is_array(), "{reply}");
    let (status, reply) = answer(get(&stack, "/v23.0/1234567/no_such_edge")).await;
    assert_eq!(status, 400, "{reply}");
    assert!(reply["error"]["code"].is_u64(), "{reply}");
}

#[tokio::test]
async fn templates_are_listed_in_pages_that_follow_our_address() {
    let stack = start().await;
    let mut path = format!(
        "/v23.0/{}/message_templates?limit=1&fields=name",
        stack.waba_id
    );
    eventually("the sync of templates", async || {
        let (status, _) = answer(get(&stack, &path)).await;
        (status == 200).then_some(())
    })
    .await;
    let mut names = std::collections::BTreeSet::new();
    loop {
        let (status, page) = answer(get(&stack, &path)).await;
        assert_eq!(status, 200, "{page}");
        let items = page["data"].as_array().unwrap();
        assert_eq!(items.len(), 1, "{page}");
        assert!(items[0]["id"].is_string() && items[0].get("components").is_none());
        assert!(names.insert(items[0]["name"].as_str().unwrap().to_owned()));
        match page["paging"]["next"].as_str() {
            Some(next) => path = next.strip_prefix(&stack.url).unwrap().to_owned(),
            None => break,
        }
    }
    assert!(
        names.contains("hello_world") && names.len() >= 3,
        "{names:?}"
    );
}

#[tokio::test]
async fn a_token_works_for_its_senders_alone() {
    let stack = Stack::start_with(options().with_second_sender("1")).await;
    let token = stack.new_token("elsewhere", &[SECOND_PHONE_ID]);
    for path in [
        messages(&stack),
        format!("/v23.0/{}/message_templates", stack.waba_id),
        format!("/v23.0/{}/whatsapp_business_profile", stack.phone_id),
    ] {
        let request = stack
            .http
            .post(format!("{}{path}", stack.url))
            .bearer_auth(&token);
        let (status, reply) = answer(request.json(&text(PERSON, "hi"))).await;
        assert_eq!(
            (status, &reply["error"]["code"]),
            (403, &json!(10)),
            "{path}: {reply}"
        );
    }
    let request = stack
        .http
        .get(format!("{}/v23.0/12345", stack.url))
        .bearer_auth(&token);
    let (status, reply) = answer(request).await;
    assert_eq!(
        (status, &reply["error"]["error_subcode"]),
        (400, &json!(33)),
        "{reply}"
    );
}
