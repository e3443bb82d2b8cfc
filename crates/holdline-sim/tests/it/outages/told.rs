//! What health and history tell under each outage: the truth about the account and about each
//! message, as far as the outage lets them answer. Read by the product's own client.

use std::time::Duration;

use holdline_channels::whatsapp::client::GraphFailure;
use holdline_channels::whatsapp::{
    GraphClient, MessageFate, Reach, WebhookFate, WhatsappConfig, WhatsappSender,
};
use holdline_core::Redacted;
use holdline_sim::{OutageOrder, PROFILES, Provider};
use serde_json::Value;

use crate::support::{Bench, PHONE, TOKEN, WABA, text_body, until_told};

/// Somebody in the country that `regional` cuts off.
const TO: &str = "79161234567";

/// Profile; what health says; how far a message sent meanwhile got and what its webhook came to,
/// or nothing where it was not accepted.
const TOLD: &[(&str, &str, &str)] = &[
    ("hard_down", "no answer", ""),
    ("blackhole", "no answer", ""),
    ("server_errors", "refused 2", ""),
    ("html_5xx", "refused http", ""),
    ("unknown_errors", "available", ""),
    ("latency", "available", "Delivered Delivered"),
    ("accepted_not_delivered", "available", "Accepted"),
    ("sent_not_delivered", "available", "Sent Delivered"),
    ("webhooks_stopped", "available", "Delivered Failed"),
    ("webhooks_delayed", "available", "Delivered Pending"),
    (
        "webhooks_duplicated_reordered",
        "available",
        "Delivered Delivered",
    ),
    ("timeout_after_accept", "available", "Delivered Delivered"),
    ("error_after_accept", "available", "Delivered Delivered"),
    ("media_only", "available", "Delivered Delivered"),
    ("template_only", "available", "Delivered Delivered"),
    ("marketing_only", "available", "Delivered Delivered"),
    ("inbound_type_silent", "available", "Delivered Delivered"),
    ("contract_change", "available", "Delivered Delivered"),
    ("regional", "available", "Sent Delivered"),
    ("own_token_expired", "refused 190", ""),
    ("account_locked", "blocked", ""),
    ("payment", "blocked", ""),
    ("rate_limited", "available", ""),
    ("pair_limited", "available", ""),
    ("template_paused", "available", "Delivered Delivered"),
    ("recipient_unreachable", "available", "Failed Delivered"),
    ("window_closed", "available", "Failed Delivered"),
    ("recipient_withheld", "available", "Failed Delivered"),
];

pub(crate) fn graph(bench: &Bench) -> GraphClient {
    let sender = WhatsappSender {
        phone_number_id: PHONE.into(),
        waba_id: WABA.into(),
        access_token: None,
    };
    let config = WhatsappConfig {
        base_url: bench.sandbox.urls().whatsapp.clone(),
        access_token: Some(Redacted::new(TOKEN.into())),
        senders: vec![sender],
        timeout_ms: 1_000,
        ..WhatsappConfig::default()
    };
    GraphClient::new(config).unwrap()
}

fn refusal(failure: &GraphFailure) -> String {
    match failure {
        GraphFailure::Transport(_) => "no answer".into(),
        GraphFailure::Refused { fault, .. } => {
            format!("refused {}", fault.code.split('_').next().unwrap())
        }
        GraphFailure::Unreadable { .. } => "unreadable".into(),
    }
}

async fn health(graph: &GraphClient) -> String {
    match graph.account_health(PHONE).await {
        Ok(health) => health.can_send.word().into(),
        Err(failure) => refusal(&failure),
    }
}

async fn fate(graph: &GraphClient, id: &str) -> String {
    match graph.message_fate(PHONE, id).await {
        Ok(Some(fate)) => told(&fate),
        Ok(None) => "unknown".into(),
        Err(failure) => refusal(&failure),
    }
}

fn told(fate: &MessageFate) -> String {
    match fate.webhook {
        Some(webhook) => format!("{:?} {webhook:?}", fate.reached),
        None => format!("{:?}", fate.reached),
    }
}

/// Waits until the history tells this.
async fn until_fate(graph: &GraphClient, id: &str, expected: &str, profile: &str) {
    let what = format!("{profile}: the history says {expected}");
    until_told(&what, async || fate(graph, id).await == expected).await;
}

/// Sends a text; its id where the call was answered with one.
async fn try_text(bench: &Bench, text: &str) -> Option<String> {
    let url = bench.graph(&format!("{PHONE}/messages"));
    let call = bench
        .http
        .post(url)
        .bearer_auth(TOKEN)
        .json(&text_body(TO, text));
    let call = call.timeout(Duration::from_millis(500)).send().await.ok()?;
    let body: Value = serde_json::from_slice(&call.bytes().await.ok()?).ok()?;
    body["messages"][0]["id"].as_str().map(str::to_owned)
}

async fn id_of(bench: &Bench, text: &str, answered: Option<String>) -> String {
    if let Some(id) = answered {
        return id;
    }
    bench.until_received(text).await;
    let row = bench
        .rows()
        .into_iter()
        .find(|row| row.text == text)
        .unwrap();
    row.provider_message_id
}

async fn check(profile: &str, expected_health: &str, expected_fate: &str) {
    let bench = Bench::start().await;
    let graph = graph(&bench);
    let before = bench.text(TO, "before").await;
    until_fate(&graph, &before, "Delivered Delivered", profile).await;
    let order = OutageOrder {
        delay_ms: (profile == "latency").then_some(20),
        ..OutageOrder::new(profile)
    };
    let outage = bench.sandbox.start_outage(order).unwrap();
    assert_eq!(health(&graph).await, expected_health, "{profile}");
    let asked = fate(&graph, &before).await;
    let answers = matches!(expected_health, "available" | "blocked");
    let expected_before = if answers {
        "Delivered Delivered"
    } else {
        expected_health
    };
    assert_eq!(asked, expected_before, "{profile}");
    let answered = try_text(&bench, "meanwhile").await;
    if expected_fate.is_empty() {
        assert_eq!(answered, None, "{profile}");
    } else {
        let id = id_of(&bench, "meanwhile", answered).await;
        until_fate(&graph, &id, expected_fate, profile).await;
    }
    bench.sandbox.stop_outage(outage);
    assert_eq!(health(&graph).await, "available", "{profile}");
}

#[tokio::test]
async fn health_and_history_tell_the_truth_under_every_profile() {
    let names = PROFILES
        .iter()
        .filter(|profile| profile.providers.contains(&Provider::Whatsapp))
        .map(|profile| profile.name);
    assert!(names.eq(TOLD.iter().map(|(profile, ..)| *profile)));
    for (profile, health, fate) in TOLD {
        check(profile, health, fate).await;
    }
}

#[tokio::test]
async fn a_blocked_account_says_why() {
    let bench = Bench::start().await;
    bench.outage("payment");
    let health = graph(&bench).account_health(PHONE).await.unwrap();
    let kinds: Vec<&str> = health.entities.iter().map(|it| it.kind.as_str()).collect();
    assert_eq!(kinds, ["PHONE_NUMBER", "WABA", "BUSINESS", "APP"]);
    assert_eq!(
        health.words(),
        "sending is blocked: WABA blocked (141006), There is an error with your payment method"
    );
}

#[tokio::test]
async fn a_failed_message_says_why_and_others_know_nothing_of_it() {
    let mut config = crate::support::quick();
    config
        .whatsapp
        .numbers
        .push(holdline_sim::config::Number::second());
    let second = config.whatsapp.numbers[1].id.clone();
    let bench = Bench::with(config).await;
    bench.outage("recipient_unreachable");
    let id = bench.text(TO, "x").await;
    bench.statuses(&id, "failed").await;
    let graph = graph(&bench);
    let fate = graph.message_fate(PHONE, &id).await.unwrap().unwrap();
    assert_eq!(fate.reached, Reach::Failed);
    assert!(matches!(
        fate.webhook,
        Some(WebhookFate::Delivered | WebhookFate::Pending)
    ));
    assert_eq!(fate.words.as_deref(), Some("Message undeliverable"));
    assert_eq!(graph.message_fate(&second, &id).await.unwrap(), None);
    assert_eq!(graph.message_fate(PHONE, "wamid.none").await.unwrap(), None);
}

#[tokio::test]
async fn a_paused_template_is_blocked_alone() {
    let bench = Bench::start().await;
    let (_, list) = bench.get(&format!("{WABA}/message_templates")).await;
    let id = list["data"][0]["id"].as_str().unwrap().to_owned();
    let judged = async || {
        let (_, node) = bench.get(&format!("{id}?fields=health_status")).await;
        let first = &node["health_status"]["entities"][0];
        assert_eq!(first["entity_type"], "MESSAGE_TEMPLATE");
        node["health_status"]["can_send_message"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(judged().await, "AVAILABLE");
    bench.outage("template_paused");
    assert_eq!(judged().await, "BLOCKED");
    assert_eq!(health(&graph(&bench)).await, "available");
}
