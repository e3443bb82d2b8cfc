//! Sending by the virtual WhatsApp: acceptance, statuses, people's states, refusals.

use holdline_sim::{PersonChange, PersonSend, Provider, WhatsappReach, meta_signature};
use serde_json::{Value, json};

use crate::support::{Bench, PHONE, TOKEN, answer, quick, template_body, text_body, until};

#[tokio::test]
async fn a_text_is_accepted_delivered_and_reported_with_the_senders_mark() {
    let bench = Bench::start().await;
    let mut body = text_body("+1 650-555-1234", "café ✓");
    body["biz_opaque_callback_data"] = "hl:1".into();
    let (status, reply) = bench.send(&body).await;
    assert_eq!(status, 200);
    assert_eq!(
        reply["contacts"][0],
        json!({"input": "+1 650-555-1234", "wa_id": "16505551234"})
    );
    assert!(reply["messages"][0].get("message_status").is_none());
    let id = reply["messages"][0]["id"].as_str().unwrap();
    assert!(id.starts_with("wamid.HBgLMTY1MDU1NTEyMzQVAgARGB"), "{id}");

    bench.statuses(id, "delivered").await;
    let statuses = bench.statuses(id, "sent").await;
    assert_eq!(statuses.len(), 2);
    for status in &statuses {
        assert_eq!(status["biz_opaque_callback_data"], "hl:1");
        assert_eq!(status["recipient_id"], "16505551234");
        assert!(status["timestamp"].as_str().unwrap().parse::<u64>().is_ok());
        assert_eq!(status["pricing"]["billable"], false);
    }
    let row = &bench.rows()[0];
    assert_eq!(
        (row.channel, row.address.as_str()),
        (Provider::Whatsapp, "16505551234")
    );
    assert_eq!(
        (row.text.as_str(), row.opaque.as_deref()),
        ("café ✓", Some("hl:1"))
    );
    assert_eq!(row.provider_message_id, id);
}

#[tokio::test]
async fn webhooks_are_ascii_and_signed_over_their_exact_bytes() {
    let bench = Bench::start().await;
    bench
        .sandbox
        .person_sends("16505551234", PersonSend::text("olá 😀 a/b"))
        .unwrap();
    until("the message is posted", || {
        !bench.receiver.messages().is_empty()
    })
    .await;
    let hook = bench.receiver.hooks()[0].clone();
    assert!(hook.body.is_ascii());
    assert!(String::from_utf8_lossy(&hook.body).contains(r"ol\u00e1 \ud83d\ude00 a\/b"));
    assert_eq!(
        hook.header("x-hub-signature-256"),
        meta_signature("app-secret", &hook.body)
    );
    assert_eq!(hook.header("content-type"), "application/json");
    assert_eq!(hook.header("content-length"), hook.body.len().to_string());
    let json = hook.json();
    assert_eq!(json["object"], "whatsapp_business_account");
    assert_eq!(json["entry"][0]["id"], "102290129340398");
    assert_eq!(json["entry"][0]["changes"][0]["field"], "messages");
    let value = &hook.values()[0];
    assert_eq!(value["metadata"]["phone_number_id"], PHONE);
    assert_eq!(value["contacts"][0]["wa_id"], "16505551234");
    assert!(
        value["contacts"][0]["user_id"]
            .as_str()
            .unwrap()
            .starts_with("US.")
    );
    assert_eq!(value["messages"][0]["text"]["body"], "olá 😀 a/b");
}

#[tokio::test]
async fn any_version_and_none_and_a_trailing_slash_are_understood() {
    let bench = Bench::start().await;
    let base = &bench.sandbox.urls().whatsapp;
    for path in ["v13.0/", "v26.0/", "v1.2/", ""] {
        for end in ["", "/"] {
            let url = format!("{base}/{path}{PHONE}{end}");
            let (status, body) = answer(bench.http.get(url).bearer_auth(TOKEN)).await;
            assert_eq!((status, &body["id"]), (200, &PHONE.into()), "{path}{end}");
        }
    }
    let url = format!("{base}/{PHONE}?access_token={TOKEN}");
    assert_eq!(
        answer(bench.http.get(url).bearer_auth("other")).await.0,
        200
    );
}

/// Requests that are refused, with status and code.
fn bad_requests() -> Vec<(Value, u16, u64)> {
    let to = "16505551234";
    let with = |extra: Value| {
        let mut body = text_body(to, "x");
        body.as_object_mut()
            .unwrap()
            .extend(extra.as_object().unwrap().clone());
        body
    };
    let place = json!({"latitude": 95, "longitude": 0});
    let four: Vec<Value> = (0..4)
        .map(|n| json!({"type": "reply", "reply": {"id": "i", "title": format!("{n}")}}))
        .collect();
    let buttons = json!({"type": "button", "body": {"text": "x"}, "action": {"buttons": four}});
    vec![
        (json!({"to": to}), 400, 100),
        (
            json!({"messaging_product": "whatsapp", "text": {"body": "x"}}),
            400,
            100,
        ),
        (
            json!({"messaging_product": "whatsapp", "to": to}),
            400,
            131_008,
        ),
        (with(json!({"type": "fax"})), 400, 100),
        (with(json!({"text": {"body": ""}})), 400, 131_008),
        (
            with(json!({"text": {"body": "x".repeat(4097)}})),
            400,
            131_009,
        ),
        (with(json!({"context": {"message_id": "7"}})), 400, 131_009),
        (
            with(json!({"biz_opaque_callback_data": "x".repeat(513)})),
            400,
            131_009,
        ),
        (
            with(json!({"type": "image", "image": {"id": "1"}})),
            400,
            100,
        ),
        (
            with(json!({"type": "image", "image": {"link": "ftp://x"}})),
            400,
            131_009,
        ),
        (
            with(json!({"type": "location", "location": place})),
            400,
            131_009,
        ),
        (
            with(json!({"type": "interactive", "interactive": buttons})),
            400,
            131_009,
        ),
        (text_body("12", "x"), 400, 131_009),
        (template_body(to, "no_such", json!([])), 404, 132_001),
        (template_body(to, "order_update", json!([])), 400, 132_000),
    ]
}

#[tokio::test]
async fn refusals_carry_the_platforms_codes() {
    let bench = Bench::start().await;
    for (body, status, code) in bad_requests() {
        let (got, reply) = bench.send(&body).await;
        assert_eq!(
            (got, &reply["error"]["code"]),
            (status, &code.into()),
            "{body} -> {reply}"
        );
        assert!(reply["error"]["fbtrace_id"].as_str().unwrap().len() > 10);
        assert!(
            reply["error"]["message"]
                .as_str()
                .unwrap()
                .starts_with(&format!("(#{code})"))
        );
    }
    let (status, reply) = bench
        .post("999/messages", &text_body("16505551234", "x"))
        .await;
    assert_eq!(
        (status, &reply["error"]["error_subcode"]),
        (400, &33.into())
    );
    assert_eq!(reply["error"]["type"], "GraphMethodException");
    assert!(bench.rows().is_empty());
}

#[tokio::test]
async fn tokens_are_checked() {
    let bench = Bench::start().await;
    let url = bench.graph(&format!("{PHONE}/messages"));
    let send = || bench.http.post(&url).json(&text_body("16505551234", "x"));
    let (status, reply) = answer(send().bearer_auth("wrong")).await;
    assert_eq!((status, &reply["error"]["code"]), (401, &190.into()));
    let (status, reply) = answer(send()).await;
    assert_eq!((status, &reply["error"]["code"]), (401, &104.into()));
    let bad = bench.http.post(&url).bearer_auth(TOKEN).body("{not json");
    let (status, reply) = answer(bad.header("content-type", "application/json")).await;
    assert_eq!((status, &reply["error"]["code"]), (400, &100.into()));
}

#[tokio::test]
async fn a_template_is_filled_in_and_its_button_can_be_pressed() {
    let bench = Bench::start().await;
    let components = json!([
        {"type": "header", "parameters": [{"type": "text", "text": "A-17"}]},
        {"type": "BODY", "parameters": [
            {"type": "text", "text": "Ann"}, {"type": "text", "text": "A-17"},
            {"type": "date_time", "date_time": {"fallback_value": "Friday"}}]},
        {"type": "button", "sub_type": "quick_reply", "index": "1",
            "parameters": [{"type": "payload", "payload": "CHANGE"}]},
        {"type": "button", "sub_type": "url", "index": 2,
            "parameters": [{"type": "text", "text": "A-17"}]}
    ]);
    let (status, reply) = bench
        .send(&template_body("16505551234", "order_update", components))
        .await;
    assert_eq!(status, 200, "{reply}");
    assert_eq!(reply["messages"][0]["message_status"], "accepted");
    let text = "Order A-17\nHello Ann, your order A-17 is on its way and arrives on Friday.\n\
                Reply STOP to end these notices";
    bench.until_received(text).await;
    bench
        .sandbox
        .person_sends("16505551234", PersonSend::press("change date"))
        .unwrap();
    until("the press is posted", || {
        !bench.receiver.messages().is_empty()
    })
    .await;
    let press = &bench.receiver.messages()[0];
    assert_eq!(press["type"], "button");
    assert_eq!(
        press["button"],
        json!({"payload": "CHANGE", "text": "Change date"})
    );
    assert_eq!(press["context"]["id"], reply["messages"][0]["id"]);
}

#[tokio::test]
async fn buttons_and_lists_are_answered_in_their_own_shape() {
    let bench = Bench::start().await;
    let interactive = |part: Value| {
        json!({"messaging_product": "whatsapp", "to": "447700900001",
        "type": "interactive", "interactive": part})
    };
    let buttons = json!({"type": "button", "body": {"text": "Sure?"}, "action": {"buttons": [
        {"type": "reply", "reply": {"id": "y", "title": "Yes"}},
        {"type": "reply", "reply": {"id": "n", "title": "No"}}]}});
    assert_eq!(bench.send(&interactive(buttons)).await.0, 200);
    bench.until_received("Sure?").await;
    bench
        .sandbox
        .person_sends("447700900001", PersonSend::press("2"))
        .unwrap();
    let list = json!({"type": "list", "body": {"text": "Which?"}, "action": {"button": "Open",
        "sections": [{"title": "S", "rows": [
            {"id": "r1", "title": "One", "description": "1st"}]}]}});
    assert_eq!(bench.send(&interactive(list)).await.0, 200);
    bench.until_received("Which?").await;
    bench
        .sandbox
        .person_sends("447700900001", PersonSend::press("r1"))
        .unwrap();
    until("both presses are posted", || {
        bench.receiver.messages().len() == 2
    })
    .await;
    let presses = bench.receiver.messages();
    assert_eq!(
        presses[0]["interactive"]["button_reply"],
        json!({"id": "n", "title": "No"})
    );
    let row = json!({"id": "r1", "title": "One", "description": "1st"});
    assert_eq!(presses[1]["interactive"]["list_reply"], row);
    let none = bench
        .sandbox
        .person_sends("447700900001", PersonSend::press("zzz"))
        .unwrap_err();
    assert!(none.to_string().contains("zzz"));
}

#[tokio::test]
async fn people_without_whatsapp_offline_or_out_of_window_are_as_in_life() {
    let bench = Bench::start().await;
    let reach = |whatsapp| PersonChange {
        whatsapp: Some(whatsapp),
        ..PersonChange::default()
    };
    let change = |who, state| bench.sandbox.change_person(who, reach(state)).unwrap();
    change("491711", WhatsappReach::NoWhatsapp);
    change("491722", WhatsappReach::WindowClosed);
    change("491733", WhatsappReach::Offline);

    let failed = bench
        .statuses(&bench.text("491711", "a").await, "failed")
        .await;
    assert_eq!(failed[0]["errors"][0]["code"], 131_026);
    assert!(failed[0].get("recipient_user_id").is_none());
    let failed = bench
        .statuses(&bench.text("491722", "b").await, "failed")
        .await;
    assert_eq!(failed[0]["errors"][0]["code"], 131_047);
    let template = template_body("491722", "hello_world", json!([]));
    let (_, reply) = bench.send(&template).await;
    bench
        .statuses(reply["messages"][0]["id"].as_str().unwrap(), "delivered")
        .await;

    let waiting = bench.text("491733", "c").await;
    bench.statuses(&waiting, "sent").await;
    bench.text("491744", "d").await;
    bench.until_received("d").await;
    assert!(!bench.texts().contains(&"c".to_owned()));
    change("491733", WhatsappReach::Normal);
    bench.statuses(&waiting, "delivered").await;
    assert_eq!(bench.texts().iter().filter(|text| *text == "c").count(), 1);
}

#[tokio::test]
async fn a_person_can_be_addressed_by_user_id_once_known() {
    let bench = Bench::start().await;
    bench
        .sandbox
        .person_sends("16505551234", PersonSend::text("hi"))
        .unwrap();
    let user_id = bench.sandbox.person("16505551234").unwrap().user_id;
    let body = json!({"messaging_product": "whatsapp", "recipient": user_id, "to": null,
        "text": {"body": "by id"}});
    let (status, reply) = bench.send(&body).await;
    assert_eq!(status, 200);
    assert_eq!(
        reply["contacts"][0],
        json!({"input": user_id, "user_id": user_id})
    );
    bench.until_received("by id").await;
    assert_eq!(bench.rows()[0].address, "16505551234");
}

#[tokio::test]
async fn marking_read_and_typing_succeed_and_send_nothing() {
    let bench = Bench::start().await;
    let body = json!({"messaging_product": "whatsapp", "status": "read", "message_id": "wamid.X",
        "typing_indicator": {"type": "text"}});
    assert_eq!(bench.send(&body).await, (200, json!({"success": true})));
    let bad = json!({"messaging_product": "whatsapp", "status": "read", "message_id": "X"});
    assert_eq!(bench.send(&bad).await.0, 400);
    assert!(bench.rows().is_empty());
}

#[tokio::test]
async fn limits_of_number_and_pair_are_enforced() {
    let mut config = quick();
    config.whatsapp.throughput_per_s = 1;
    let bench = Bench::with(config).await;
    bench.text("16505551234", "first").await;
    let mut refused = (200, Value::Null);
    for _ in 0..50 {
        refused = bench.send(&text_body("16505551234", "x")).await;
        if refused.0 != 200 {
            break;
        }
    }
    assert_eq!(
        (refused.0, &refused.1["error"]["code"]),
        (429, &130_429.into())
    );

    let mut config = quick();
    config.whatsapp.pair.burst = 2;
    config.whatsapp.pair.one_per_ms = 60_000;
    let bench = Bench::with(config).await;
    bench.text("16505551234", "1").await;
    bench.text("16505551234", "2").await;
    let (status, reply) = bench.send(&text_body("16505551234", "3")).await;
    assert_eq!((status, &reply["error"]["code"]), (400, &131_056.into()));
    bench.text("16505559999", "other").await;
}

#[tokio::test]
async fn reading_answering_and_the_service_window_can_be_switched_on() {
    let mut config = quick();
    config.timing.read_percent = 100;
    config.whatsapp.enforce_window = true;
    config.auto_reply =
        vec![serde_json::from_value(
        json!({"address": "+44 7700 900002", "text": "thanks", "press": "1", "after_ms": 1}),
    )
    .unwrap()];
    let bench = Bench::with(config).await;
    let early = bench.text("447700900002", "too early").await;
    let failed = bench.statuses(&early, "failed").await;
    assert_eq!(failed[0]["errors"][0]["code"], 131_047);
    bench
        .sandbox
        .person_sends("447700900002", PersonSend::text("hello"))
        .unwrap();
    let id = bench.text("447700900002", "now").await;
    bench.statuses(&id, "read").await;
    until("the answer is posted", || {
        bench
            .receiver
            .messages()
            .iter()
            .any(|message| message["text"]["body"] == "thanks")
    })
    .await;
}
