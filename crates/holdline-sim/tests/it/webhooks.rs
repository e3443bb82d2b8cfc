//! Where webhooks go and how they are retried, batched and logged.

use holdline_sim::{HookState, PersonSend};
use serde_json::{Value, json};

use crate::support::{APP, Bench, PHONE, WABA, answer, quick, until};

#[tokio::test]
async fn only_200_ends_the_retries() {
    let bench = Bench::start().await;
    bench.receiver.answer_with(&[500, 204, 302]);
    bench
        .sandbox
        .person_sends("16505551234", PersonSend::text("hi"))
        .unwrap();
    until("the post is delivered", || {
        bench
            .sandbox
            .webhooks(1)
            .iter()
            .any(|row| row.state == HookState::Delivered)
    })
    .await;
    let hooks = bench.receiver.hooks();
    assert_eq!(hooks.len(), 4);
    assert!(hooks.iter().all(|hook| hook.body == hooks[0].body));
    let row = &bench.sandbox.webhooks(1)[0];
    assert_eq!((row.tries, row.status), (4, Some(200)));
}

#[tokio::test]
async fn retries_are_bounded() {
    let mut config = quick();
    config.webhooks.tries_max = 3;
    let bench = Bench::with(config).await;
    bench.receiver.answer_with(&[500; 10]);
    let id = bench.text("16505551234", "x").await;
    until("the posts are given up", || {
        let rows = bench.sandbox.webhooks(10);
        rows.len() == 2
            && rows
                .iter()
                .all(|row| row.state == HookState::Failed && row.tries == 3)
    })
    .await;
    let path = format!("{PHONE}/message_history?message_id={id}");
    let (_, history) = bench.get(&path).await;
    let events = history["data"][0]["events"]["data"].as_array().unwrap();
    assert_eq!(events.len(), 2);
    assert!(
        events
            .iter()
            .all(|event| event["webhook_update_state"] == "FAILED")
    );
    assert_eq!(events[1]["delivery_status"], "DELIVERED");
}

#[tokio::test]
async fn an_absent_receiver_is_tried_again_until_it_is_there() {
    let bench = Bench::start().await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    bench
        .sandbox
        .set_whatsapp_webhook(Some(format!("http://{address}/")));
    bench
        .sandbox
        .person_sends("16505551234", PersonSend::text("hi"))
        .unwrap();
    until("some tries have failed", || {
        bench.sandbox.webhooks(1)[0].tries >= 3
    })
    .await;
    assert_eq!(bench.sandbox.webhooks(1)[0].state, HookState::Retrying);
    assert_eq!(bench.sandbox.webhooks(1)[0].status, None);
}

#[tokio::test]
async fn several_events_share_a_post_when_batched() {
    let mut config = quick();
    config.webhooks.batch_max = 5;
    config.webhooks.batch_wait_ms = 300;
    let bench = Bench::with(config).await;
    for place in 0..7 {
        let from = format!("1650555{place:04}");
        bench
            .sandbox
            .person_sends(&from, PersonSend::text("hi"))
            .unwrap();
    }
    until("all are posted", || bench.receiver.messages().len() == 7).await;
    let mut sizes: Vec<usize> = bench
        .receiver
        .hooks()
        .iter()
        .map(|h| h.values().len())
        .collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [2, 5]);
}

#[tokio::test]
async fn an_app_subscribes_after_a_good_handshake_only() {
    let bench = Bench::start().await;
    let secret = [("grant_type", "client_credentials"), ("client_id", APP)];
    let url = bench.graph("oauth/access_token");
    let wrong = bench
        .http
        .get(&url)
        .query(&secret)
        .query(&[("client_secret", "no")]);
    assert_eq!(answer(wrong).await.0, 400);
    let right = bench
        .http
        .get(&url)
        .query(&secret)
        .query(&[("client_secret", "app-secret")]);
    let (status, body) = answer(right).await;
    assert_eq!((status, &body["token_type"]), (200, &"bearer".into()));
    let token = body["access_token"].as_str().unwrap();

    let target = bench.receiver.url("/subscribed?a=b");
    let subscribe = |verify: &str| {
        bench
            .http
            .post(bench.graph(&format!("{APP}/subscriptions")))
            .query(&[
                ("object", "whatsapp_business_account"),
                ("callback_url", &target),
                ("verify_token", verify),
                ("fields", "messages"),
                ("access_token", token),
            ])
    };
    let (status, body) = answer(subscribe("bad-token")).await;
    assert_eq!((status, &body["error"]["code"]), (400, &2_200.into()));
    assert!(
        body["error"]["message"].as_str().unwrap().contains("403"),
        "{body}"
    );
    assert_eq!(
        answer(subscribe("good-token")).await,
        (200, json!({"success": true}))
    );
    bench
        .sandbox
        .person_sends("16505551234", PersonSend::text("hi"))
        .unwrap();
    until("the new address is used", || {
        !bench.receiver.hooks().is_empty()
    })
    .await;
    assert_eq!(bench.receiver.hooks()[0].path, "/subscribed?a=b");
}

#[tokio::test]
async fn the_number_goes_before_the_account_and_the_account_before_the_app() {
    let bench = Bench::start().await;
    let apps = format!("{WABA}/subscribed_apps");
    let (_, listed) = bench.get(&apps).await;
    assert_eq!(listed["data"][0]["whatsapp_business_api_data"]["id"], APP);
    let of = |path: &str| {
        json!({"override_callback_uri": bench.receiver.url(path),
        "verify_token": "good-token"})
    };
    let posted = |count: usize| {
        let bench = &bench;
        async move {
            bench
                .sandbox
                .person_sends("16505551234", PersonSend::text("hi"))
                .unwrap();
            until("it is posted", || bench.receiver.hooks().len() == count).await;
            bench.receiver.hooks()[count - 1].path.clone()
        }
    };
    assert_eq!(bench.post(&apps, &of("/waba")).await.0, 200);
    assert_eq!(posted(1).await, "/waba");
    let (_, listed) = bench.get(&apps).await;
    assert_eq!(
        listed["data"][0]["override_callback_uri"],
        bench.receiver.url("/waba")
    );
    let number = json!({"webhook_configuration": of("/number")});
    assert_eq!(bench.post(&format!("{PHONE}/"), &number).await.0, 200);
    assert_eq!(posted(2).await, "/number");
    let none = json!({"webhook_configuration": {"override_callback_uri": ""}});
    bench.post(PHONE, &none).await;
    bench.post(&apps, &json!({})).await;
    assert_eq!(posted(3).await, "/whatsapp");
    assert_eq!(bench.delete(&apps).await.0, 200);
    assert_eq!(bench.get(&apps).await.1, json!({"data": []}));
    bench
        .sandbox
        .person_sends("16505551234", PersonSend::text("unheard"))
        .unwrap();
    bench.post(&apps, &json!({})).await;
    assert_eq!(posted(4).await, "/whatsapp");
    let heard: Vec<Value> = bench.receiver.messages();
    assert!(heard.iter().all(|message| message["text"]["body"] == "hi"));
}
