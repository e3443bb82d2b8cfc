//! What operators and developers look at: probes, metrics, routes, outages, the documents.

use super::*;
use serde_json::json;

async fn plain(stack: &Stack, path: &str) -> (u16, String) {
    let response = stack
        .http
        .get(format!("{}{path}", stack.url))
        .send()
        .await
        .unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

#[tokio::test]
async fn probes_and_metrics_need_no_token_and_tell_nothing_of_people() {
    let stack = Stack::start().await;
    assert_eq!(plain(&stack, "/healthz").await, (200, "ok\n".to_owned()));
    assert_eq!(plain(&stack, "/readyz").await, (200, "ready\n".to_owned()));
    let id = send(
        &stack,
        &json!({"to": {"phone": PERSON}, "text": "secret words"}),
    )
    .await;
    in_state(&stack, &id, "delivered").await;
    let (status, text) = plain(&stack, "/metrics").await;
    assert_eq!(status, 200);
    let attempts = "holdline_engine_attempts_total{channel=\"whatsapp\",outcome=\"accepted\"} 1";
    for line in [
        attempts,
        "holdline_engine_accepted_total 1",
        "holdline_route_health{",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
    assert!(text.ends_with("# EOF\n"));
    for private in [DIGITS, "secret words", &id] {
        assert!(!text.contains(private), "{private}");
    }
}

#[tokio::test]
async fn an_outage_is_seen_in_routes_and_outages() {
    let stack = Stack::start().await;
    let (_, routes) = get(&stack, "/routes").await;
    assert!(
        routes["data"]
            .as_array()
            .unwrap()
            .iter()
            .all(|route| route["health"] == "up")
    );
    stack.outage("hard_down");
    for n in 0..6 {
        let body = json!({"to": {"phone": format!("+1650555300{n}")}, "text": "x"});
        send(&stack, &body).await;
    }
    until("the outage", async || {
        let (_, outages) = get(&stack, "/outages").await;
        let open = outages["data"][0].clone();
        (open["recovered_at"].is_null() && open["route"].is_string()).then_some(())
    })
    .await;
    assert_eq!(stack.health("whatsapp").await, "down");
    let (status, templates) = get(&stack, "/templates").await;
    assert_eq!(status, 200, "{templates}");
    assert_eq!(get(&stack, "/templates?sender=1").await.0, 422);
}

#[tokio::test]
async fn the_documents_are_served_to_everybody() {
    let stack = Stack::start().await;
    let (status, text) = plain(&stack, "/api/v1/openapi.json").await;
    let document: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((status, &document["openapi"]), (200, &json!("3.1.0")));
    let response = stack
        .http
        .get(format!("{}/api/v1/docs", stack.url))
        .send()
        .await
        .unwrap();
    let policy = response.headers()["content-security-policy"]
        .to_str()
        .unwrap();
    assert!(policy.starts_with("default-src 'none'"));
    let page = response.text().await.unwrap();
    assert!(page.starts_with("<!doctype html>") && page.contains("POST</span> /api/v1/messages"));
}
