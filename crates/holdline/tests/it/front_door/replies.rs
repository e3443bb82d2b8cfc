//! Replies as clients read them: status, shape, ids, errors, speed.

use super::*;
use holdline_sim::OutageOrder;

fn template(name: &str) -> Value {
    json!({
        "messaging_product": "whatsapp", "to": PERSON, "type": "template",
        "template": {"name": name, "language": {"code": "en_US"}}
    })
}

#[tokio::test]
async fn r7_sends_are_answered_200_with_all_that_clients_read() {
    let stack = start().await;
    let (status, reply) = answer(post(&stack, &messages(&stack), &text(PERSON, "hi"))).await;
    assert_eq!(status, 200);
    assert_eq!(reply["messaging_product"], "whatsapp");
    assert_eq!(
        reply["contacts"],
        json!([{"input": PERSON, "wa_id": "16505551234"}])
    );
    assert_eq!(reply["messages"].as_array().unwrap().len(), 1);
    assert!(
        reply["messages"][0].get("message_status").is_none(),
        "{reply}"
    );
    let (status, reply) = answer(post(&stack, &messages(&stack), &template("hello_world"))).await;
    assert_eq!(
        (status, &reply["messages"][0]["message_status"]),
        (200, &json!("accepted"))
    );
}

#[tokio::test]
async fn r7_uploads_and_read_marks_are_answered_200() {
    let stack = start().await;
    upload(&stack).await;
    let mut receiver = Receiver::start(Default::default()).await;
    subscribe(&stack, &receiver).await;
    let id = person_writes(&stack, &mut receiver, "hello").await;
    let mark = json!({
        "messaging_product": "whatsapp", "status": "read", "message_id": id,
        "typing_indicator": {"type": "text"}
    });
    let (status, reply) = answer(post(&stack, &messages(&stack), &mark)).await;
    assert_eq!((status, reply), (200, json!({"success": true})));
    eventually("the mark at the provider", async || {
        let posts = stack.sandbox.requests().into_iter();
        let mut taken = posts.filter(|it| it.endpoint.ends_with("messages") && it.outcome == "200");
        taken.next().map(|_| ())
    })
    .await;
}

#[tokio::test]
async fn r8_the_id_stays_the_same_through_a_failover() {
    let stack = start().await;
    let mut receiver = Receiver::start(Default::default()).await;
    subscribe(&stack, &receiver).await;
    stack
        .sandbox
        .start_outage(OutageOrder::new("account_locked"))
        .unwrap();
    let mut body = text(PERSON, "by another way");
    body["biz_opaque_callback_data"] = "order 7".into();
    let id = send(&stack, &body).await;
    assert!(id.starts_with("wamid."), "{id}");
    let hook = receiver.status(&id, "delivered").await;
    let status = &hook.value()["statuses"][0];
    assert_eq!(status["recipient_id"], "16505551234");
    assert_eq!(status["biz_opaque_callback_data"], "order 7");
    let by_sms = |row: &holdline_sim::LedgerRow| {
        row.channel == holdline_sim::Provider::Sms && row.text.contains("by another way")
    };
    assert_eq!(
        stack
            .sandbox
            .ledger(0, 100)
            .iter()
            .filter(|row| by_sms(row))
            .count(),
        1
    );
}

#[tokio::test]
async fn r10_errors_have_the_shape_and_the_codes_of_the_provider() {
    let stack = start().await;
    let path = messages(&stack);
    let check = async |path: &str, body: &Value, status: u16, code: u32| {
        let (given, reply) = answer(post(&stack, path, body)).await;
        let error = &reply["error"];
        assert_eq!((given, &error["code"]), (status, &json!(code)), "{reply}");
        assert!(error["message"].is_string() && error["type"].is_string());
        assert!(
            error["fbtrace_id"].as_str().is_some_and(|id| id.len() > 8),
            "{reply}"
        );
        assert!(error["error_data"]["details"].is_string(), "{reply}");
    };
    check(&path, &json!({"to": PERSON}), 400, 100).await;
    let missing = json!({"messaging_product": "whatsapp", "to": PERSON, "text": {}});
    check(&path, &missing, 400, 131_008).await;
    check(&path, &text(PERSON, &"x".repeat(4_097)), 400, 131_009).await;
    let fax = json!({"messaging_product": "whatsapp", "to": PERSON, "type": "fax"});
    check(&path, &fax, 400, 131_051).await;
    check("/v23.0/99999/messages", &text(PERSON, "hi"), 400, 100).await;
    let mut reply_to = text(PERSON, "hi");
    reply_to["context"] = json!({"message_id": "wamid.HBgLMTY1MDU1NTEyMzQVAgARGBI"});
    check(&path, &reply_to, 400, 131_009).await;
    let image = json!({
        "messaging_product": "whatsapp", "to": PERSON, "type": "image", "image": {"id": "123"}
    });
    check(&path, &image, 400, 100).await;
}

#[tokio::test]
async fn r10_templates_are_checked_against_what_was_synced() {
    let stack = start().await;
    let list = format!("/v23.0/{}/message_templates", stack.waba_id);
    eventually("the sync of templates", async || {
        let (status, reply) = answer(get(&stack, &list)).await;
        let synced = status == 200 && !reply["data"].as_array()?.is_empty();
        synced.then_some(())
    })
    .await;
    let (status, reply) = answer(post(&stack, &messages(&stack), &template("no_such"))).await;
    assert_eq!(
        (status, &reply["error"]["code"]),
        (404, &json!(132_001)),
        "{reply}"
    );
    let (status, reply) = answer(post(&stack, &messages(&stack), &template("order_update"))).await;
    assert_eq!(
        (status, &reply["error"]["code"]),
        (400, &json!(132_000)),
        "{reply}"
    );
}

#[tokio::test]
async fn r11_answers_are_quick_while_whatsapp_hangs() {
    let stack = start().await;
    let mut receiver = Receiver::start(Default::default()).await;
    subscribe(&stack, &receiver).await;
    let inbound = person_writes(&stack, &mut receiver, "hello").await;
    stack
        .sandbox
        .start_outage(OutageOrder::new("blackhole"))
        .unwrap();
    let check = async |what: &str, request: RequestBuilder, limit_ms: u64, expect: u16| {
        let started = Instant::now();
        let (status, reply) = answer(request).await;
        assert_eq!(status, expect, "{what}: {reply}");
        let took = started.elapsed();
        assert!(
            took < Duration::from_millis(limit_ms),
            "{what} took {took:?}"
        );
    };
    let path = messages(&stack);
    check("send", post(&stack, &path, &text(PERSON, "hi")), 1_000, 200).await;
    let mark = json!({
        "messaging_product": "whatsapp", "status": "read", "message_id": inbound
    });
    check("mark read", post(&stack, &path, &mark), 1_000, 200).await;
    let phone = format!("/v23.0/{}?fields=health_status", stack.phone_id);
    check("health", get(&stack, &phone), 1_000, 200).await;
    let numbers = format!("/v23.0/{}/phone_numbers", stack.waba_id);
    check("numbers", get(&stack, &numbers), 1_000, 200).await;
    let profile = format!("/v23.0/{}/whatsapp_business_profile", stack.phone_id);
    check(
        "what only WhatsApp knows",
        get(&stack, &profile),
        4_000,
        503,
    )
    .await;
}

#[tokio::test]
async fn r11_a_repeat_with_the_same_key_gets_the_same_answer_and_sends_nothing() {
    let stack = start().await;
    let path = messages(&stack);
    let keyed = |body: &Value| post(&stack, &path, body).header("Idempotency-Key", "order-7");
    let (_, first) = answer(keyed(&text(PERSON, "once"))).await;
    let (status, second) = answer(keyed(&text(PERSON, "once"))).await;
    assert_eq!((status, &second), (200, &first));
    let (status, reply) = answer(keyed(&text(PERSON, "twice"))).await;
    assert_eq!(
        (status, &reply["error"]["code"]),
        (409, &json!(100)),
        "{reply}"
    );
    let plain = send(&stack, &text(PERSON, "once")).await;
    assert_ne!(first["messages"][0]["id"], plain.as_str());
}

#[tokio::test]
async fn r10_a_template_that_the_last_sync_did_not_bring_is_asked_for() {
    let stack = start().await;
    let list = format!("/v23.0/{}/message_templates", stack.waba_id);
    let late = template("late_one");
    let (status, reply) = answer(post(&stack, &messages(&stack), &late)).await;
    assert_eq!(
        (status, &reply["error"]["code"]),
        (404, &json!(132_001)),
        "{reply}"
    );
    let made = json!({
        "name": "late_one", "language": "en_US", "category": "UTILITY",
        "components": [{"type": "BODY", "text": "Here at last."}]
    });
    let (status, reply) = answer(post(&stack, &list, &made)).await;
    assert_eq!(status, 200, "{reply}");
    eventually("the approved template", async || {
        let (status, _) = answer(post(&stack, &messages(&stack), &late)).await;
        (status == 200).then_some(())
    })
    .await;
}
