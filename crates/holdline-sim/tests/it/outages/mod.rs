//! Outage profiles that show in the answer: each does what its description says, and no more.

mod quiet;
mod told;

pub(crate) use told::graph;

use holdline_sim::{OutageOrder, PROFILES, Provider, Scope};
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use crate::support::{
    Bench, PHONE, TOKEN, WABA, answer, hangs, quick, template_body, text_body, until,
};

/// Every profile has a test; this list is compared with the table.
const TESTED: &[&str] = &[
    "hard_down",
    "blackhole",
    "server_errors",
    "html_5xx",
    "unknown_errors",
    "latency",
    "accepted_not_delivered",
    "sent_not_delivered",
    "webhooks_stopped",
    "webhooks_delayed",
    "webhooks_duplicated_reordered",
    "timeout_after_accept",
    "error_after_accept",
    "media_only",
    "template_only",
    "marketing_only",
    "inbound_type_silent",
    "contract_change",
    "regional",
    "own_token_expired",
    "account_locked",
    "payment",
    "rate_limited",
    "pair_limited",
    "template_paused",
    "recipient_unreachable",
    "window_closed",
    "recipient_withheld",
    "recipient_temporary",
];

#[test]
fn every_profile_is_tested() {
    let names: Vec<&str> = PROFILES.iter().map(|profile| profile.name).collect();
    assert_eq!(names, TESTED);
}

async fn try_text(bench: &Bench) -> Result<reqwest::Response, reqwest::Error> {
    let url = bench.graph(&format!("{PHONE}/messages"));
    bench
        .http
        .post(url)
        .bearer_auth(TOKEN)
        .json(&text_body("16505551234", "x"))
        .send()
        .await
}

async fn refused(bench: &Bench, body: &Value) -> (u16, u64) {
    let (status, reply) = bench.send(body).await;
    (status, reply["error"]["code"].as_u64().unwrap_or(0))
}

#[tokio::test]
async fn hard_down_cuts_every_connection_and_ends_cleanly() {
    let bench = Bench::start().await;
    bench.text("16505551234", "before").await;
    let id = bench.outage("hard_down");
    assert!(try_text(&bench).await.is_err());
    let look = bench
        .http
        .get(bench.graph(PHONE))
        .bearer_auth(TOKEN)
        .send()
        .await;
    assert!(look.is_err());
    bench.sandbox.stop_outage(id);
    bench.text("16505551234", "after").await;
    bench.until_received("after").await;
    assert_eq!(bench.texts(), ["before", "after"]);
}

#[tokio::test]
async fn blackhole_takes_connections_and_says_nothing() {
    let bench = Bench::start().await;
    bench.text("16505551234", "before").await;
    let id = bench.outage("blackhole");
    assert!(hangs(try_text(&bench)).await, "on an open connection");
    let fresh = reqwest::Client::new();
    assert!(
        hangs(fresh.get(bench.graph(PHONE)).send()).await,
        "on a new connection"
    );
    let mut held = tokio::spawn(fresh.get(bench.graph(PHONE)).send());
    assert!(hangs(&mut held).await);
    bench.sandbox.stop_outage(id);
    assert!(held.await.unwrap().is_err(), "closed without an answer");
    bench.text("16505551234", "after").await;
    bench.until_received("after").await;
    assert_eq!(bench.texts(), ["before", "after"]);
}

#[tokio::test]
async fn server_errors_are_code_2_with_500_or_503() {
    let bench = Bench::start().await;
    bench.outage("server_errors");
    let mut seen = Vec::new();
    for _ in 0..30 {
        let (status, reply) = bench.send(&text_body("16505551234", "x")).await;
        assert_eq!(reply["error"]["code"], 2);
        assert_eq!(reply["error"]["is_transient"], true);
        seen.push(status);
    }
    assert!(seen.contains(&500) && seen.contains(&503), "{seen:?}");
    assert_eq!(bench.get(PHONE).await.1["error"]["code"], 2);
    bench.sandbox.stop_all_outages();
    bench.text("16505551234", "after").await;
    bench.until_received("after").await;
    assert_eq!(bench.texts(), ["after"]);
}

#[tokio::test]
async fn html_5xx_is_not_json_and_sometimes_empty() {
    let bench = Bench::start().await;
    bench.outage("html_5xx");
    let (mut pages, mut empty) = (0, 0);
    for _ in 0..60 {
        let response = try_text(&bench).await.unwrap();
        assert!((502..=504).contains(&response.status().as_u16()));
        let body = response.text().await.unwrap();
        if body.is_empty() {
            empty += 1;
        } else {
            assert!(body.starts_with("<html>"));
            pages += 1;
        }
    }
    assert!(pages > 0 && empty > 0, "{pages} {empty}");
    assert!(bench.rows().is_empty());
}

#[tokio::test]
async fn unknown_errors_process_nothing_but_error_after_accept_does() {
    let bench = Bench::start().await;
    let id = bench.outage("unknown_errors");
    assert_eq!(
        refused(&bench, &text_body("16505551234", "never")).await,
        (500, 131_000)
    );
    assert_eq!(bench.get(PHONE).await.0, 200);
    bench.sandbox.stop_outage(id);
    bench.outage("error_after_accept");
    assert_eq!(
        refused(&bench, &text_body("16505551234", "yet")).await,
        (500, 131_000)
    );
    bench.until_received("yet").await;
    assert_eq!(bench.texts(), ["yet"]);
}

#[tokio::test]
async fn latency_delays_answers_and_loses_nothing() {
    let bench = Bench::start().await;
    let order = OutageOrder {
        delay_ms: Some(200),
        ..OutageOrder::new("latency")
    };
    bench.sandbox.start_outage(order).unwrap();
    let start = std::time::Instant::now();
    bench.text("16505551234", "slow").await;
    assert!(start.elapsed().as_millis() >= 190);
    bench.until_received("slow").await;
}

#[tokio::test]
async fn timeout_after_accept_delivers_without_an_answer() {
    let bench = Bench::start().await;
    let id = bench.outage("timeout_after_accept");
    let mut body = text_body("16505551234", "silent");
    body["biz_opaque_callback_data"] = "hl:7".into();
    let url = bench.graph(&format!("{PHONE}/messages"));
    let call = tokio::spawn(bench.http.post(url).bearer_auth(TOKEN).json(&body).send());
    bench.until_received("silent").await;
    until("a status carries the mark", || {
        let values: Vec<Value> = bench
            .receiver
            .hooks()
            .iter()
            .flat_map(|h| h.values())
            .collect();
        values
            .iter()
            .any(|value| value["statuses"][0]["biz_opaque_callback_data"] == "hl:7")
    })
    .await;
    assert!(!call.is_finished());
    assert_eq!(bench.get(PHONE).await.0, 200);
    bench.sandbox.stop_outage(id);
    assert!(call.await.unwrap().is_err(), "closed without an answer");
    assert_eq!(bench.texts(), ["silent"]);
}

#[tokio::test]
async fn one_feature_fails_and_the_others_work() {
    let bench = Bench::start().await;
    let image = json!({"messaging_product": "whatsapp", "to": "16505551234", "type": "image",
        "image": {"link": "https://shop.example/a.png"}});
    let template = template_body("16505551234", "hello_world", json!([]));
    let text = text_body("16505551234", "x");

    let id = bench.outage("media_only");
    assert_eq!(refused(&bench, &image).await, (500, 131_016));
    let part = Part::bytes(vec![1]).mime_str("image/png").unwrap();
    let form = Form::new()
        .text("messaging_product", "whatsapp")
        .part("file", part);
    let url = bench.graph(&format!("{PHONE}/media"));
    let upload = bench.http.post(url).bearer_auth(TOKEN).multipart(form);
    assert_eq!(answer(upload).await.0, 500);
    assert_eq!(
        (
            refused(&bench, &text).await.0,
            refused(&bench, &template).await.0
        ),
        (200, 200)
    );
    bench.sandbox.stop_outage(id);

    let id = bench.outage("template_only");
    assert_eq!(refused(&bench, &template).await, (500, 131_016));
    assert_eq!(
        (
            refused(&bench, &text).await.0,
            refused(&bench, &image).await.0
        ),
        (200, 200)
    );
    bench.sandbox.stop_outage(id);

    bench.outage("template_paused");
    assert_eq!(refused(&bench, &template).await, (400, 132_015));
    assert_eq!(refused(&bench, &text).await.0, 200);
    let (_, list) = bench.get(&format!("{WABA}/message_templates")).await;
    assert_eq!(list["data"][0]["status"], "PAUSED");
}

#[tokio::test]
async fn marketing_alone_can_fail() {
    let mut config = quick();
    let mut seed = config.whatsapp.templates[0].clone();
    seed.name = "sale".into();
    seed.category = "MARKETING".into();
    config.whatsapp.templates.push(seed);
    let bench = Bench::with(config).await;
    bench.outage("marketing_only");
    let sale = template_body("16505551234", "sale", json!([]));
    let utility = template_body("16505551234", "hello_world", json!([]));
    assert_eq!(refused(&bench, &sale).await, (500, 131_016));
    assert_eq!(refused(&bench, &utility).await.0, 200);
}

#[tokio::test]
async fn a_changed_contract_refuses_a_parameter_and_drops_the_length() {
    let bench = Bench::start().await;
    let part = Part::bytes(vec![1, 2, 3]).mime_str("image/png").unwrap();
    let form = Form::new()
        .text("messaging_product", "whatsapp")
        .part("file", part);
    let url = bench.graph(&format!("{PHONE}/media"));
    let (_, up) = answer(bench.http.post(url).bearer_auth(TOKEN).multipart(form)).await;
    let path = format!("{}?phone_number_id={PHONE}", up["id"].as_str().unwrap());
    assert_eq!(bench.get(&path).await.0, 200);
    bench.outage("contract_change");
    assert_eq!(bench.get(&path).await.1["error"]["code"], 100);
    let plain = bench
        .http
        .get(bench.graph(up["id"].as_str().unwrap()))
        .bearer_auth(TOKEN);
    let plain = plain.send().await.unwrap();
    assert_eq!(plain.status(), 200);
    assert_eq!(plain.headers()["transfer-encoding"], "chunked");
}

#[tokio::test]
async fn own_faults_touch_only_the_own_credential_or_account() {
    let mut config = quick();
    config
        .whatsapp
        .access_tokens
        .push(holdline_sim::config::Secret::new("second"));
    let bench = Bench::with(config).await;
    let text = text_body("16505551234", "x");
    let id = bench.outage("own_token_expired");
    let (status, reply) = bench.send(&text).await;
    let error = &reply["error"];
    assert_eq!(
        (status, &error["code"], &error["error_subcode"]),
        (401, &190.into(), &463.into())
    );
    assert_eq!(bench.get(PHONE).await.0, 401);
    let other = bench.http.get(bench.graph(PHONE)).bearer_auth("second");
    assert_eq!(answer(other).await.0, 200);
    bench.sandbox.stop_outage(id);

    for (profile, expected) in [
        ("account_locked", (403, 131_031)),
        ("payment", (400, 131_042)),
    ] {
        let id = bench.outage(profile);
        assert_eq!(refused(&bench, &text).await, expected);
        let (_, health) = bench.get(&format!("{PHONE}?fields=health_status")).await;
        assert_eq!(
            health["health_status"]["can_send_message"], "BLOCKED",
            "{profile}"
        );
        bench.sandbox.stop_outage(id);
    }
    let (_, health) = bench.get(&format!("{PHONE}?fields=health_status")).await;
    assert_eq!(health["health_status"]["can_send_message"], "AVAILABLE");
}

#[tokio::test]
async fn throttling_says_when_to_come_back() {
    let bench = Bench::start().await;
    let id = bench.outage("rate_limited");
    let response = try_text(&bench).await.unwrap();
    assert_eq!(response.status(), 429);
    assert_eq!(response.headers()["retry-after"], "1");
    let body: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
    assert_eq!(body["error"]["code"], 130_429);
    assert_eq!(bench.get(PHONE).await.0, 200);
    bench.sandbox.stop_outage(id);
    let scope = Scope {
        address: Some("+1 650 555 1234".into()),
        ..Scope::default()
    };
    bench
        .sandbox
        .start_outage(OutageOrder::new("pair_limited").within(scope))
        .unwrap();
    assert_eq!(
        refused(&bench, &text_body("16505551234", "x")).await,
        (400, 131_056)
    );
    assert_eq!(refused(&bench, &text_body("16505559999", "x")).await.0, 200);
}

#[tokio::test]
async fn scopes_limit_an_outage_and_several_can_be_on() {
    let mut config = quick();
    let mut second = config.whatsapp.numbers[0].clone();
    second.id = "222".into();
    second.waba_id = "999".into();
    config.whatsapp.numbers.push(second);
    let bench = Bench::with(config).await;
    let on = |scope| {
        bench
            .sandbox
            .start_outage(OutageOrder::new("hard_down").within(scope))
            .unwrap()
    };
    let some = |text: &str| Some(text.to_owned());
    let id = on(Scope {
        phone_number_id: some("222"),
        ..Scope::default()
    });
    let second = bench
        .http
        .post(bench.graph("222/messages"))
        .bearer_auth(TOKEN);
    assert!(
        second
            .json(&text_body("16505551234", "x"))
            .send()
            .await
            .is_err()
    );
    bench.text("16505551234", "other number").await;
    bench.sandbox.stop_outage(id);

    let id = on(Scope {
        percent: Some(50),
        ..Scope::default()
    });
    let mut failed = 0;
    for _ in 0..40 {
        failed += usize::from(
            bench
                .http
                .get(bench.graph(PHONE))
                .bearer_auth(TOKEN)
                .send()
                .await
                .is_err(),
        );
    }
    assert!((5..36).contains(&failed), "{failed} of 40");
    bench.sandbox.stop_outage(id);
}

#[tokio::test]
async fn several_outages_can_be_on_at_once() {
    let bench = Bench::start().await;
    let some = |text: &str| Some(text.to_owned());
    let order = OutageOrder::new("server_errors");
    let scoped = |scope| order.clone().within(scope);
    let type_scope = Scope {
        message_type: some("template"),
        ..Scope::default()
    };
    bench.sandbox.start_outage(scoped(type_scope)).unwrap();
    let country = Scope {
        country_prefix: some("44"),
        ..Scope::default()
    };
    bench.sandbox.start_outage(scoped(country)).unwrap();
    assert_eq!(refused(&bench, &text_body("447700900001", "x")).await.1, 2);
    assert_eq!(
        refused(&bench, &template_body("1650555", "hello_world", json!([])))
            .await
            .1,
        2
    );
    assert_eq!(refused(&bench, &text_body("16505551234", "x")).await.0, 200);
    assert_eq!(bench.sandbox.outages().len(), 2);
    assert_eq!(bench.sandbox.stop_all_outages(), 2);
    assert!(
        bench
            .sandbox
            .start_outage(OutageOrder::new("payment").on(Provider::Sms))
            .is_err()
    );
}
