//! Setting up webhooks, as apps do it at their start.

use super::receiver::{Manner, VERIFY_TOKEN};
use super::*;

async fn app_token(stack: &Stack) -> String {
    let url = format!(
        "{}/oauth/access_token?grant_type=client_credentials&client_id={}&client_secret={}",
        stack.url, stack.app_id, stack.app_secret
    );
    let (status, reply) = answer(stack.http.get(url)).await;
    assert_eq!(
        (status, &reply["token_type"]),
        (200, &json!("bearer")),
        "{reply}"
    );
    reply["access_token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn r6b_an_app_registers_itself_with_its_own_token_and_everything_in_the_query() {
    let stack = start().await;
    let mut receiver = Receiver::start(Default::default()).await;
    let token = app_token(&stack).await;
    assert_eq!(token, app_token(&stack).await);
    let url = format!("{}/v22.0/{}/subscriptions", stack.url, stack.app_id);
    let query = [
        ("object", "whatsapp_business_account"),
        ("callback_url", &receiver.url),
        ("verify_token", VERIFY_TOKEN),
        ("fields", "messages,account_update"),
        ("access_token", &token),
    ];
    let (status, reply) = answer(stack.http.post(&url).query(&query)).await;
    assert_eq!((status, reply), (200, json!({"success": true})));
    let (_, list) = answer(stack.http.get(&url).bearer_auth(&token)).await;
    assert_eq!(list["data"][0]["callback_url"], receiver.url.as_str());
    assert_eq!(list["data"][0]["fields"][1]["name"], "account_update");
    let id = send(&stack, &text(PERSON, "hi")).await;
    receiver.status(&id, "delivered").await;
    let request = stack
        .http
        .post(format!("{}{}", stack.url, messages(&stack)));
    let (status, reply) = answer(request.bearer_auth(&token).json(&text(PERSON, "hi"))).await;
    assert_eq!(
        (status, &reply["error"]["code"]),
        (403, &json!(10)),
        "it may only register"
    );
    let (status, _) = answer(stack.http.delete(&url).bearer_auth(&token)).await;
    assert_eq!(status, 200);
    let (_, list) = answer(stack.http.get(&url).bearer_auth(&token)).await;
    assert_eq!(list["data"], json!([]));
}

#[tokio::test]
async fn r6b_a_wrong_secret_gives_no_token() {
    let stack = start().await;
    let url = format!(
        "{}/v23.0/oauth/access_token?client_id={}&client_secret=wrong",
        stack.url, stack.app_id
    );
    let (status, reply) = answer(stack.http.get(url)).await;
    assert_eq!(status, 400, "{reply}");
    assert!(reply.get("access_token").is_none());
}

#[tokio::test]
async fn r6b_the_narrowest_address_gets_the_webhooks() {
    let stack = start().await;
    let mut of_waba = Receiver::start(Default::default()).await;
    let mut of_phone = Receiver::start(Default::default()).await;
    let apps = format!("/v23.0/{}/subscribed_apps", stack.waba_id);
    let over = |it: &Receiver| {
        let token = VERIFY_TOKEN;
        json!({"override_callback_uri": it.url, "verify_token": token})
    };
    assert_eq!(answer(post(&stack, &apps, &over(&of_waba))).await.0, 200);
    let (_, list) = answer(get(&stack, &apps)).await;
    assert_eq!(
        list["data"][0]["override_callback_uri"],
        of_waba.url.as_str()
    );
    let id = send(&stack, &text(PERSON, "one")).await;
    of_waba.status(&id, "delivered").await;
    let phone = format!("/{}/", stack.phone_id);
    let body = json!({"webhook_configuration": over(&of_phone)});
    let (status, reply) = answer(post(&stack, &phone, &body)).await;
    assert_eq!((status, reply), (200, json!({"success": true})));
    let shown = format!("/v23.0/{}?fields=webhook_configuration", stack.phone_id);
    let (_, shown) = answer(get(&stack, &shown)).await;
    assert_eq!(
        shown["webhook_configuration"]["phone_number"],
        of_phone.url.as_str()
    );
    let id = send(&stack, &text(PERSON, "two")).await;
    of_phone.status(&id, "delivered").await;
}

#[tokio::test]
async fn r20_a_receiver_that_fails_the_handshake_is_told_how() {
    let stack = start().await;
    let path = format!("/v23.0/{}/subscriptions", stack.app_id);
    let check = async |url: &str, word: &str| {
        let body = json!({
            "object": "whatsapp_business_account", "callback_url": url,
            "verify_token": VERIFY_TOKEN, "fields": ["messages"]
        });
        let (status, reply) = answer(post(&stack, &path, &body)).await;
        assert_eq!(
            (status, &reply["error"]["code"]),
            (400, &json!(2200)),
            "{reply}"
        );
        let details = reply["error"]["error_data"]["details"].as_str().unwrap();
        assert!(details.contains(word), "{details}");
    };
    let token = Receiver::start(Manner {
        shakes_with: "other",
        ..Default::default()
    })
    .await;
    check(&token.url, "token:").await;
    let body = Receiver::start(Manner {
        reply: Some("welcome"),
        ..Default::default()
    })
    .await;
    check(&body.url, "body:").await;
    check("http://127.0.0.1:1/hook", "address:").await;
    check("not a url", "URL").await;
    let (_, list) = answer(get(&stack, &path)).await;
    assert_eq!(list["data"], json!([]), "nothing was kept");
}

#[tokio::test]
async fn r20_we_give_the_challenge_of_the_provider_back_to_whoever_knows_the_word() {
    let stack = start().await;
    let shake = async |token: &str| {
        let query = [
            ("hub.mode", "subscribe"),
            ("hub.challenge", "1158201444"),
            ("hub.verify_token", token),
        ];
        let url = format!("{}/hooks/whatsapp", stack.url);
        let response = stack.http.get(url).query(&query).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    };
    assert_eq!(
        shake(crate::stack::VERIFY_TOKEN).await,
        (200, "1158201444".to_owned())
    );
    let (status, words) = shake("wrong").await;
    assert_eq!(status, 403);
    assert!(!words.contains("1158201444"), "{words}");
}
