//! What operators say of routes: hold, force, release and the end by itself, what messages do
//! meanwhile, what the audit keeps, and what is refused.

use super::*;
use crate::scenarios::quick;
use crate::stack::{Options, PHONE_ID, SECOND_PHONE_ID, WABA_ID};
use serde_json::json;

fn route() -> String {
    format!("whatsapp/{PHONE_ID}/all")
}

async fn say(stack: &Stack, route: &str, kind: &str, good_for: &str) -> (u16, Value) {
    let body = json!({"route": route, "kind": kind, "reason": "a test", "for": good_for});
    post(stack, "/routes/hold", &body).await
}

async fn release(stack: &Stack, route: &str) -> (u16, Value) {
    let body = json!({"route": route, "reason": "it is over"});
    post(stack, "/routes/release", &body).await
}

async fn send_hi(stack: &Stack) -> String {
    send(stack, &json!({"to": {"phone": PERSON}, "text": "hi"})).await
}

async fn message(stack: &Stack, id: &str) -> Value {
    get(stack, &format!("/messages/{id}")).await.1
}

async fn whatsapp_route(stack: &Stack) -> Value {
    let (_, page) = get(stack, "/routes").await;
    let routes = page["data"].as_array().expect("a page");
    let found = routes.iter().find(|it| it["channel"] == "whatsapp");
    found.expect("a WhatsApp route").clone()
}

/// Actions of the audit, the oldest first.
async fn audited(stack: &Stack) -> Vec<String> {
    let (_, page) = get(stack, "/audit").await;
    let rows = page["data"].as_array().expect("a page").iter().rev();
    rows.map(|row| row["action"].as_str().expect("an action").to_owned())
        .collect()
}

/// The driver has ended at least one more turn, with everything that was due in it.
async fn turns_pass(stack: &Stack) {
    for _ in 0..2 {
        let (status, hold) = say(stack, "sms/+15005550006/all", "up", "1h").await;
        assert_eq!(status, 200, "{hold}");
    }
}

#[tokio::test]
async fn while_a_route_is_held_nothing_leaves_and_nothing_moves_until_it_is_released() {
    let stack = Stack::start_with(quick()).await;
    let (status, hold) = say(&stack, &format!("whatsapp/{PHONE_ID}"), "hold", "30m").await;
    assert_eq!(status, 200, "{hold}");
    assert_eq!(
        (&hold["route"], &hold["kind"], &hold["reason"]),
        (&json!(route()), &json!("hold"), &json!("a test"))
    );
    let actor = hold["actor"].as_str().unwrap();
    assert!(
        actor.starts_with(&format!("{}/tok_", stack.app_id)),
        "{actor}"
    );
    let id = send_hi(&stack).await;
    let shown = whatsapp_route(&stack).await;
    assert_eq!(shown["hold"]["until"], hold["until"], "{shown}");
    assert_eq!(shown["reason"], "an operator says hold: a test");
    turns_pass(&stack).await;
    let waits = message(&stack, &id).await;
    assert_eq!(waits["state"], "waiting", "{waits}");
    assert_eq!(waits["timeline"]["attempts"], json!([]));
    let (status, released) = release(&stack, &route()).await;
    assert_eq!((status, &released["route"]), (200, &json!(route())));
    let sent = in_state(&stack, &id, "delivered").await;
    assert_eq!(sent["channel"], "whatsapp", "{sent}");
    assert!(whatsapp_route(&stack).await["hold"].is_null());
    let actions = audited(&stack).await;
    let about = |action: &str| actions.iter().filter(|it| *it == action).count();
    assert!(
        about("route.hold") >= 1 && about("route.release") == 1,
        "{actions:?}"
    );
}

#[tokio::test]
async fn a_route_that_is_forced_down_is_left_by_sms_at_once() {
    let stack = Stack::start_with(quick()).await;
    assert_eq!(say(&stack, &route(), "hold", "1h").await.0, 200);
    let early = send_hi(&stack).await;
    assert_eq!(say(&stack, &route(), "down", "1h").await.0, 200);
    let late = send_hi(&stack).await;
    for id in [early, late] {
        let sent = in_state(&stack, &id, "delivered").await;
        assert_eq!(sent["channel"], "sms", "{sent}");
    }
    let shown = whatsapp_route(&stack).await;
    assert_eq!(
        (&shown["health"], &shown["hold"]["kind"]),
        (&json!("down"), &json!("down"))
    );
    assert_eq!(release(&stack, &route()).await.0, 200);
    let id = send_hi(&stack).await;
    let sent = in_state(&stack, &id, "delivered").await;
    assert_eq!(sent["channel"], "whatsapp", "{sent}");
}

/// Probes fail as well, so that nothing but the operator opens it.
#[tokio::test]
async fn a_route_that_is_forced_up_is_used_whatever_was_seen() {
    let stack = Stack::start_with(quick()).await;
    stack.outage("hard_down");
    for number in 0..8 {
        let body = json!({"to": {"phone": format!("+1650555520{number}")}, "text": "x"});
        send(&stack, &body).await;
    }
    until("down", async || {
        (stack.health("whatsapp").await == "down").then_some(())
    })
    .await;
    assert_eq!(say(&stack, &route(), "up", "1h").await.0, 200);
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(send_hi(&stack).await);
    }
    for id in ids {
        let tried = until("an attempt by WhatsApp", async || {
            let attempts = message(&stack, &id).await["timeline"]["attempts"].clone();
            attempts[0].is_object().then_some(attempts)
        })
        .await;
        assert_eq!(tried[0]["channel"], "whatsapp", "{tried}");
    }
    let shown = whatsapp_route(&stack).await;
    assert_eq!(
        (&shown["health"], &shown["hold"]["kind"]),
        (&json!("up"), &json!("up"))
    );
    assert_eq!(release(&stack, &route()).await.0, 200);
    until("what was seen counts again", async || {
        (whatsapp_route(&stack).await["health"] != "up").then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_is_said_ends_by_itself_and_the_audit_tells() {
    let stack = Stack::start_with(quick()).await;
    assert_eq!(say(&stack, &route(), "hold", "1s").await.0, 200);
    let id = send_hi(&stack).await;
    let sent = in_state(&stack, &id, "delivered").await;
    assert_eq!(sent["channel"], "whatsapp", "{sent}");
    let actions = audited(&stack).await;
    assert_eq!(actions, ["route.hold", "route.expire"]);
    assert_eq!(release(&stack, &route()).await.0, 404);
}

#[tokio::test]
async fn a_hold_outlives_a_restart() {
    let mut stack = Stack::start_with(quick()).await;
    assert_eq!(say(&stack, &route(), "hold", "1h").await.0, 200);
    let id = send_hi(&stack).await;
    stack.kill();
    stack.serve().await;
    turns_pass(&stack).await;
    assert_eq!(message(&stack, &id).await["state"], "waiting");
    assert_eq!(release(&stack, &route()).await.0, 200);
    in_state(&stack, &id, "delivered").await;
}

#[tokio::test]
async fn the_audit_is_read_in_pages_the_newest_first() {
    let stack = Stack::start().await;
    for kind in ["hold", "down", "up"] {
        assert_eq!(say(&stack, &route(), kind, "1h").await.0, 200);
    }
    let (_, first) = get(&stack, "/audit?limit=2").await;
    let details = |page: &Value| -> Vec<String> {
        let rows = page["data"].as_array().expect("a page").iter();
        rows.map(|row| row["detail"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(details(&first), ["up for 3600 s", "down for 3600 s"]);
    let row = &first["data"][0];
    assert_eq!(
        (&row["subject"], &row["reason"]),
        (&json!(route()), &json!("a test"))
    );
    let next = first["next"].as_str().expect("more");
    let (_, last) = get(&stack, &format!("/audit?limit=2&before={next}")).await;
    assert_eq!(details(&last), ["hold for 3600 s"]);
    assert!(last["next"].is_null(), "{last}");
    assert_eq!(get(&stack, "/audit?before=x").await.0, 422);
}

#[tokio::test]
async fn what_is_wrong_is_named_with_how_to_mend_it() {
    let stack = Stack::start().await;
    let good = json!({"route": route(), "kind": "hold", "reason": "a test", "for": "1h"});
    for (field, value, fault) in [
        ("route", json!("whatsapp"), "/route is no name of a scope"),
        (
            "route",
            json!("fax/1/all"),
            "/route names a channel that has no route",
        ),
        (
            "route",
            json!("sms/+1/all"),
            "/route names a sender that is not known",
        ),
        ("reason", json!("  x  "), "/reason says nothing"),
        ("for", json!("soon"), "/for is no span of time"),
        ("for", json!("8d"), "/for is too short or too long"),
        ("for", json!("10ms"), "/for is too short or too long"),
    ] {
        let mut body = good.clone();
        body[field] = value;
        let (status, problem) = post(&stack, "/routes/hold", &body).await;
        assert_eq!((status, faults(&problem)), (422, vec![fault.to_owned()]));
        let fix = problem["errors"][0]["fix"].as_str().unwrap();
        assert!(fix.len() > 5, "{problem}");
    }
    for field in ["route", "kind", "reason", "for"] {
        let mut body = good.clone();
        body.as_object_mut().unwrap().remove(field);
        let (status, problem) = post(&stack, "/routes/hold", &body).await;
        assert_eq!(status, 422);
        assert_eq!(faults(&problem), [format!("/{field} is required")]);
    }
    let (status, problem) = release(&stack, &route()).await;
    assert_eq!(status, 404, "{problem}");
    assert_eq!(faults(&problem), ["/route is not held"]);
    assert_eq!(audited(&stack).await, Vec::<String>::new());
    assert_eq!(get(&stack, "/outages/x").await.0, 404);
}

#[tokio::test]
async fn a_limited_token_speaks_for_its_own_senders_alone() {
    let stack = Stack::start_with(Options::default().with_second_sender(WABA_ID)).await;
    let narrow = stack.new_token("narrow", &[SECOND_PHONE_ID]);
    let tell = async |route: &str| {
        let url = format!("{}/api/v1/routes/hold", stack.url);
        let body = json!({"route": route, "kind": "hold", "reason": "a test", "for": "1h"});
        answer(stack.http.post(url).bearer_auth(&narrow).json(&body)).await
    };
    let own = format!("whatsapp/{SECOND_PHONE_ID}/session/+49");
    let (status, hold) = tell(&own).await;
    assert_eq!((status, &hold["route"]), (200, &json!(own)), "{hold}");
    let account = format!("whatsapp/waba:{WABA_ID}/all");
    for foreign in [&route(), "whatsapp/*/all", &account, "sms/+15005550006/all"] {
        let (status, problem) = tell(foreign).await;
        assert_eq!(status, 403, "{problem}");
        let fault = "/route goes beyond the senders of this token";
        assert_eq!(faults(&problem), [fault]);
        let fix = problem["errors"][0]["fix"].as_str().unwrap();
        assert!(fix.contains(SECOND_PHONE_ID), "{fix}");
    }
    let audit = stack.http.get(format!("{}/api/v1/audit", stack.url));
    assert_eq!(answer(audit.bearer_auth(&narrow)).await.0, 403);
    for wide in ["whatsapp/*/all", &account] {
        assert_eq!(say(&stack, wide, "up", "1h").await.0, 200, "{wide}");
    }
}

#[tokio::test]
async fn metrics_and_the_outage_report_show_what_happened() {
    let stack = Stack::start_with(quick()).await;
    stack.outage("server_errors");
    for number in 0..8 {
        let body = json!({"to": {"phone": format!("+1650555530{number}")}, "text": "x"});
        send(&stack, &body).await;
    }
    let outage = until("the outage", async || {
        let (_, page) = get(&stack, "/outages").await;
        page["data"].get(0).cloned()
    })
    .await;
    let (status, one) = get(
        &stack,
        &format!("/outages/{}", outage["id"].as_str().unwrap()),
    )
    .await;
    assert_eq!((status, &one["id"]), (200, &outage["id"]));
    for known in [
        "onset",
        "degraded_at",
        "opened_at",
        "noticed_after_s",
        "bound",
        "ratio",
    ] {
        assert!(!one[known].is_null(), "{known} in {one}");
    }
    assert!(one["nats"].as_f64().unwrap() > 2.5, "{one}");
    assert!(one["ahead_of_feed_s"].is_null(), "{one}");
    let shown = whatsapp_route(&stack).await;
    let scope = &shown["scopes"][0];
    assert_eq!(scope["name"], one["route"], "{shown}");
    assert!(shown["rate_per_s"].is_number());
    let url = format!("{}/metrics", stack.url);
    let text = stack
        .http
        .get(url)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    for row in [
        "holdline_engine_verdicts_total{to=\"down\"} 1",
        "holdline_engine_scope_health{scope=\"whatsapp/",
        "holdline_engine_trouble_seconds{scope=\"whatsapp/",
        "holdline_engine_trouble_evidence_nats{scope=\"whatsapp/",
        "holdline_engine_route_rate_per_second{route=\"sms/",
        "holdline_engine_holds{kind=\"hold\"} 0",
    ] {
        assert!(text.contains(row), "{row} in {text}");
    }
}
