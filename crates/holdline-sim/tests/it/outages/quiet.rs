//! Outage profiles that show only later or not at all: withheld messages, webhooks, recipients.

use holdline_sim::{HookState, OutageOrder, PersonSend, Scope};
use serde_json::json;

use crate::support::{Bench, PHONE, template_body, until};

async fn history(bench: &Bench, id: &str) -> Vec<(String, String)> {
    let (_, body) = bench
        .get(&format!("{PHONE}/message_history?message_id={id}"))
        .await;
    let events = body["data"][0]["events"]["data"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    events
        .iter()
        .map(|event| {
            (
                text(&event["delivery_status"]),
                text(&event["webhook_update_state"]),
            )
        })
        .collect()
}

/// A message to somebody outside the outage: when it is there, an earlier one that is not there
/// was withheld.
async fn marker(bench: &Bench) {
    let id = bench.text("33612345678", "marker").await;
    bench.statuses(&id, "delivered").await;
}

fn only(address: &str) -> Scope {
    Scope {
        address: Some(address.into()),
        ..Scope::default()
    }
}

#[tokio::test]
async fn accepted_not_delivered_shows_nothing_until_it_ends() {
    let bench = Bench::start().await;
    let order = OutageOrder::new("accepted_not_delivered").within(only("16505551234"));
    let outage = bench.sandbox.start_outage(order).unwrap();
    let ids = [
        bench.text("16505551234", "a").await,
        bench.text("16505551234", "b").await,
    ];
    marker(&bench).await;
    assert_eq!(bench.texts(), ["marker"]);
    for id in &ids {
        assert!(bench.receiver.statuses(id).is_empty());
        assert!(history(&bench, id).await.is_empty());
    }
    bench.sandbox.stop_outage(outage);
    for id in &ids {
        bench.statuses(id, "delivered").await;
    }
    let mut texts = bench.texts();
    texts.sort();
    assert_eq!(texts, ["a", "b", "marker"]);
}

#[tokio::test]
async fn sent_not_delivered_stops_at_sent_until_it_ends() {
    let bench = Bench::start().await;
    let order = OutageOrder::new("sent_not_delivered").within(only("16505551234"));
    let outage = bench.sandbox.start_outage(order).unwrap();
    let id = bench.text("16505551234", "a").await;
    marker(&bench).await;
    assert_eq!(bench.statuses(&id, "sent").await.len(), 1);
    assert_eq!(bench.texts(), ["marker"]);
    bench.sandbox.stop_outage(outage);
    bench.statuses(&id, "delivered").await;
    assert_eq!(bench.texts(), ["marker", "a"]);
}

#[tokio::test]
async fn regional_hits_one_prefix_only() {
    let bench = Bench::start().await;
    let outage = bench.outage("regional");
    let id = bench.text("79161234567", "a").await;
    marker(&bench).await;
    bench.statuses(&id, "sent").await;
    assert_eq!(bench.texts(), ["marker"]);
    bench.sandbox.stop_outage(outage);
    bench.until_received("a").await;
}

#[tokio::test]
async fn webhooks_stopped_loses_webhooks_and_nothing_else() {
    let bench = Bench::start().await;
    let outage = bench.outage("webhooks_stopped");
    let id = bench.text("16505551234", "a").await;
    bench.until_received("a").await;
    bench
        .sandbox
        .person_sends("16505551234", PersonSend::text("lost"))
        .unwrap();
    bench.sandbox.stop_outage(outage);
    marker(&bench).await;
    assert!(bench.receiver.statuses(&id).is_empty());
    assert!(bench.receiver.messages().is_empty());
    let failed = |status: &str| (status.to_owned(), "FAILED".to_owned());
    assert_eq!(
        history(&bench, &id).await,
        [failed("SENT"), failed("DELIVERED")]
    );
}

#[tokio::test]
async fn webhooks_delayed_come_late_with_their_old_time() {
    let bench = Bench::start().await;
    let outage = bench.outage("webhooks_delayed");
    let id = bench.text("16505551234", "a").await;
    bench.until_received("a").await;
    let at_ms = bench.rows()[0].at_ms;
    until("both wait", || {
        let rows = bench.sandbox.webhooks(9);
        rows.len() == 2 && rows.iter().all(|row| row.state == HookState::Waiting)
    })
    .await;
    assert!(bench.receiver.hooks().is_empty());
    bench.sandbox.stop_outage(outage);
    let statuses = bench.statuses(&id, "delivered").await;
    let late = statuses
        .iter()
        .find(|status| status["status"] == "delivered")
        .unwrap();
    assert_eq!(late["timestamp"], (at_ms / 1000).to_string());
    let order = OutageOrder {
        delay_ms: Some(150),
        ..OutageOrder::new("webhooks_delayed")
    };
    bench.sandbox.start_outage(order).unwrap();
    let start = std::time::Instant::now();
    bench
        .sandbox
        .person_sends("16505551234", PersonSend::text("slow"))
        .unwrap();
    until("it comes while the outage is on", || {
        !bench.receiver.messages().is_empty()
    })
    .await;
    assert!(start.elapsed().as_millis() >= 145);
}

#[tokio::test]
async fn webhooks_come_twice_and_out_of_order() {
    let mut config = crate::support::quick();
    config.timing.scale = 0.1;
    let bench = Bench::with(config).await;
    bench.outage("webhooks_duplicated_reordered");
    let mut ids = Vec::new();
    for place in 0..20 {
        ids.push(bench.text("16505551234", &format!("{place}")).await);
    }
    until("each status came twice", || {
        ids.iter().all(|id| bench.receiver.statuses(id).len() == 4)
    })
    .await;
    let disorder = ids.iter().filter(|id| {
        let first = &bench.receiver.statuses(id)[0];
        first["status"] == "delivered"
    });
    assert!(disorder.count() > 0);
    assert_eq!(bench.rows().len(), 20, "people still receive once");
}

#[tokio::test]
async fn one_inbound_type_can_fall_silent() {
    let bench = Bench::start().await;
    bench.outage("inbound_type_silent");
    let document = json!({"type": "document", "document": {"id": "1", "mime_type": "x/y"}});
    let send = PersonSend {
        message: Some(document),
        ..PersonSend::default()
    };
    bench.sandbox.person_sends("16505551234", send).unwrap();
    bench
        .sandbox
        .person_sends("16505551234", PersonSend::text("heard"))
        .unwrap();
    until("the text is posted", || {
        !bench.receiver.messages().is_empty()
    })
    .await;
    let kinds: Vec<_> = bench
        .receiver
        .messages()
        .iter()
        .map(|m| m["type"].clone())
        .collect();
    assert_eq!(kinds, ["text"]);
}

#[tokio::test]
async fn recipients_fail_later_each_with_their_code() {
    let bench = Bench::start().await;
    for (profile, code) in [
        ("recipient_unreachable", 131_026),
        ("window_closed", 131_047),
        ("recipient_withheld", 131_049),
    ] {
        let order = OutageOrder::new(profile).within(only("16505551234"));
        let outage = bench.sandbox.start_outage(order).unwrap();
        let id = bench.text("16505551234", profile).await;
        let statuses = bench.statuses(&id, "failed").await;
        assert_eq!(statuses.len(), 1);
        assert_eq!(statuses[0]["errors"][0]["code"], code);
        assert!(statuses[0]["errors"][0]["error_data"]["details"].is_string());
        if profile == "window_closed" {
            let template = template_body("16505551234", "hello_world", json!([]));
            let (_, reply) = bench.send(&template).await;
            let id = reply["messages"][0]["id"].as_str().unwrap();
            bench.statuses(id, "delivered").await;
        }
        bench.sandbox.stop_outage(outage);
    }
    marker(&bench).await;
    assert_eq!(bench.rows().len(), 2);
}
