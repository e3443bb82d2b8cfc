//! Failures of the provider: what is Down or Degraded, and how far.

use super::traffic::{Traffic, image, template, text};
use super::{quick, row, scopes, until_scope, words};
use crate::stack::{PHONE_ID, Stack, until, until_true};
use holdline_sim::OutageOrder;
use serde_json::Value;

/// Numbers in the United States, Germany and Russia.
const US: &str = "+1650";
const DE: &str = "+4915";
const RU: &str = "+7916";

/// Healthy traffic first, so that what is usual is known and receipts are trusted.
async fn begin(stack: &Stack, kinds: Vec<super::traffic::Kind>) -> Traffic {
    let traffic = Traffic::start(stack, kinds);
    until_true("healthy traffic flows", || traffic.sent() >= 50).await;
    until("it is up", || async {
        (row(stack, "whatsapp").await["health"] == "up").then_some(())
    })
    .await;
    traffic
}

/// Plays a profile against text to two countries until a scope has the state; gives the scope.
async fn play(profile: &str, name: &str, health: &str) -> Value {
    let stack = Stack::start_with(quick()).await;
    let traffic = begin(&stack, vec![text(US), text(DE)]).await;
    stack.outage(profile);
    let scope = until_scope(&stack, name, health).await;
    traffic.end().await;
    scope
}

#[tokio::test(flavor = "multi_thread")]
async fn hard_down_is_the_whole_number_and_not_reached() {
    let scope = play("hard_down", &format!("{PHONE_ID}/all"), "down").await;
    assert!(words(&scope).contains("failed"), "{scope}");
    assert!(
        scope["words"]
            .as_str()
            .unwrap_or_default()
            .starts_with("everything"),
        "{scope}"
    );
    assert!(scope["nats"].as_f64().unwrap_or_default() > 10.0, "{scope}");
    assert!(
        !scope["onset"].is_null() && !scope["degraded_at"].is_null(),
        "{scope}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn server_errors_are_the_whole_number() {
    let scope = play("server_errors", &format!("{PHONE_ID}/all"), "down").await;
    assert!(words(&scope).contains("(last: 2)"), "{scope}");
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_of_sending_alone_are_text_messages_to_every_country() {
    let scope = play("unknown_errors", &format!("{PHONE_ID}/session"), "down").await;
    assert!(words(&scope).contains("131000"), "{scope}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hang_is_noticed_before_any_time_out() {
    let stack = Stack::start_with(quick().with("whatsapp", "timeout_ms = 20000")).await;
    let traffic = begin(&stack, vec![text(US), text(DE)]).await;
    stack.outage("blackhole");
    let noticed = std::time::Instant::now();
    until("it is degraded or down", || async {
        scopes(&stack)
            .await
            .into_iter()
            .find(|it| it["health"] == "degraded" || it["health"] == "down")
    })
    .await;
    assert!(
        noticed.elapsed().as_secs() < 15,
        "before the time-out of 20 s"
    );
    traffic.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_answers_are_degraded_and_nothing_moves() {
    let stack = Stack::start_with(quick().with("whatsapp", "timeout_ms = 20000")).await;
    let traffic = begin(&stack, vec![text(US)]).await;
    let slow = OutageOrder {
        delay_ms: Some(1_500),
        ..OutageOrder::new("latency")
    };
    stack.sandbox.start_outage(slow).expect("a profile");
    let scope = until("it is degraded", || async {
        scopes(&stack)
            .await
            .into_iter()
            .find(|it| it["health"] == "degraded")
    })
    .await;
    assert!(words(&scope).contains("answers"), "{scope}");
    traffic.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn accepted_and_never_sent_is_seen_by_missing_receipts() {
    let stack = Stack::start_with(quick()).await;
    let traffic = begin(&stack, vec![text(US), text(DE)]).await;
    stack.outage("accepted_not_delivered");
    let scope = until_scope(&stack, &format!("{PHONE_ID}/session"), "down").await;
    assert!(words(&scope).contains("receipts"), "{scope}");
    traffic.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sent_and_never_delivered_is_seen_by_missing_deliveries() {
    let stack = Stack::start_with(quick()).await;
    let traffic = begin(&stack, vec![text(US), text(DE)]).await;
    stack.outage("sent_not_delivered");
    let scope = until_scope(&stack, &format!("{PHONE_ID}/session"), "down").await;
    assert_eq!(scope["signal"], "delivered_receipts", "{scope}");
    traffic.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_country_alone_is_named_and_the_others_go_on() {
    let stack = Stack::start_with(quick()).await;
    let traffic = begin(&stack, vec![text(US), text(RU), text(DE)]).await;
    stack.outage("regional");
    let scope = until_scope(&stack, &format!("{PHONE_ID}/session/+7"), "down").await;
    assert!(
        scope["words"]
            .as_str()
            .unwrap_or_default()
            .contains("to +7"),
        "{scope}"
    );
    let message = stack.send_text("+16505559999", "hello").await;
    let sent = super::super::scenarios::until_ended(&stack, &message).await;
    assert_eq!(sent["state"], "delivered");
    assert_eq!(
        stack.received("+16505559999")[0].0,
        "whatsapp",
        "others go on"
    );
    traffic.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn media_alone_is_named_and_text_goes_on() {
    let stack = Stack::start_with(quick()).await;
    let media = upload(&stack).await;
    let traffic = begin(&stack, vec![text(US), image(US, &media)]).await;
    stack.outage("media_only");
    let scope = until_scope(&stack, &format!("{PHONE_ID}/media/+1"), "down").await;
    assert!(
        scope["words"]
            .as_str()
            .unwrap_or_default()
            .contains("media"),
        "{scope}"
    );
    let message = stack.send_text("+16505559999", "hello").await;
    super::super::scenarios::until_ended(&stack, &message).await;
    assert_eq!(
        stack.received("+16505559999")[0].0,
        "whatsapp",
        "text goes on"
    );
    traffic.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn templates_alone_are_named_and_text_goes_on() {
    let stack = Stack::start_with(quick()).await;
    until("templates are synced", || async {
        let list = stack.api("/templates").await;
        list["data"]
            .as_array()
            .is_some_and(|list| !list.is_empty())
            .then_some(())
    })
    .await;
    let traffic = begin(&stack, vec![text(US), template(US)]).await;
    stack.outage("template_only");
    let scope = until_scope(&stack, &format!("{PHONE_ID}/utility/+1"), "down").await;
    assert!(
        scope["words"]
            .as_str()
            .unwrap_or_default()
            .contains("templates"),
        "{scope}"
    );
    assert_eq!(scopes(&stack).await.len(), 1, "text goes on");
    traffic.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_outage_leaves_everything_up() {
    for profile in [
        "webhooks_duplicated_reordered",
        "recipient_unreachable",
        "window_closed",
        "recipient_withheld",
        "rate_limited",
        "contract_change",
    ] {
        let stack = Stack::start_with(quick()).await;
        let traffic = begin(&stack, vec![text(US), text(DE)]).await;
        stack.outage(profile);
        let before = traffic.sent();
        until_true("a hundred more", || traffic.sent() >= before + 100).await;
        let row = row(&stack, "whatsapp").await;
        let health = row["health"].as_str().unwrap_or_default();
        assert!(["up", "suspect"].contains(&health), "{profile}: {row}");
        assert_eq!(
            row["scopes"].as_array().map(Vec::len),
            Some(0),
            "{profile}: {row}"
        );
        traffic.end().await;
    }
}

async fn upload(stack: &Stack) -> String {
    let file = reqwest::multipart::Part::bytes(&include_bytes!("pixel.png")[..])
        .file_name("pixel.png")
        .mime_str("image/png")
        .expect("a type");
    let form = reqwest::multipart::Form::new()
        .text("messaging_product", "whatsapp")
        .part("file", file);
    let url = format!("{}/v23.0/{PHONE_ID}/media", stack.url);
    let answer = stack
        .http
        .post(url)
        .bearer_auth(&stack.token)
        .multipart(form)
        .send()
        .await;
    let body: Value = answer.expect("an answer").json().await.expect("JSON");
    body["id"].as_str().expect("an id").to_owned()
}
