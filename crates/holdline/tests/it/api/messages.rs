//! Messages: accepted once, sent by the plan, told with all that happened.

use super::*;
use crate::stack::{Options, SECOND_PHONE_ID, WABA_ID, until_true};
use serde_json::json;

fn text(words: &str) -> Value {
    json!({"to": {"phone": PERSON}, "text": words})
}

#[tokio::test]
async fn a_message_is_delivered_and_told_with_its_timeline() {
    let stack = Stack::start().await;
    let mut body = text("hello from the API");
    body["callback_data"] = "order 7".into();
    let (status, sent) = post(&stack, "/messages", &body).await;
    assert_eq!(status, 201, "{sent}");
    let id = sent["id"].as_str().unwrap();
    let message = in_state(&stack, id, "delivered").await;
    assert_eq!(message["wamid"], sent["wamid"]);
    assert_eq!(message["channel"], "whatsapp");
    assert_eq!(message["callback_data"], "order 7");
    assert_eq!(message["message"]["text"]["body"], "hello from the API");
    let timeline = &message["timeline"];
    assert_eq!(timeline["attempts"][0]["outcome"], "accepted", "{timeline}");
    let receipts = timeline["receipts"].as_array().unwrap();
    assert!(
        receipts
            .iter()
            .any(|receipt| receipt["status"] == "delivered"),
        "{timeline}"
    );
    assert!(
        !timeline["decisions"].as_array().unwrap().is_empty(),
        "{timeline}"
    );
    let (_, same) = get(
        &stack,
        &format!("/messages/{}", sent["wamid"].as_str().unwrap()),
    )
    .await;
    assert_eq!(same["id"], sent["id"]);
    assert_eq!(
        stack.received(PERSON),
        [("whatsapp".into(), "hello from the API".into())]
    );
}

#[tokio::test]
async fn lists_go_back_page_by_page_and_show_what_the_front_door_took() {
    let stack = Stack::start().await;
    let wamid = stack.send_text(PERSON, "one").await;
    let second = send(&stack, &text("two")).await;
    let third = send(&stack, &text("three")).await;
    for id in [&second, &third] {
        in_state(&stack, id, "delivered").await;
    }
    let (_, page) = get(&stack, "/messages?limit=2").await;
    assert_eq!(
        (&page["data"][0]["id"], &page["data"][1]["id"]),
        (&json!(third), &json!(second))
    );
    let next = page["next"].as_str().unwrap();
    let (_, last) = get(&stack, &format!("/messages?limit=2&before={next}")).await;
    assert_eq!(
        (&last["data"][0]["wamid"], &last["next"]),
        (&json!(wamid), &Value::Null)
    );
    let (_, none) = get(&stack, "/messages?state=failed").await;
    assert_eq!(none["data"], json!([]));
    let (status, problem) = get(&stack, "/messages?stat=failed&limit=0").await;
    assert_eq!(
        (status, faults(&problem)),
        (422, vec!["stat is not known here".to_owned()])
    );
}

#[tokio::test]
async fn a_repeat_with_the_same_key_gets_the_same_bytes_and_sends_nothing() {
    let stack = Stack::start().await;
    let keyed = |body: Value| {
        call(&stack, Method::POST, "/messages")
            .header("Idempotency-Key", "k-1")
            .json(&body)
            .send()
    };
    let first = keyed(text("once")).await.unwrap();
    assert_eq!(first.status(), 201);
    assert!(
        first.headers()["location"]
            .to_str()
            .unwrap()
            .starts_with("/api/v1/messages/")
    );
    let first = first.bytes().await.unwrap();
    let again = keyed(text("once")).await.unwrap();
    assert_eq!(
        (
            again.status().as_u16(),
            &again.headers()["idempotent-replayed"]
        ),
        (201, &"true".parse().unwrap())
    );
    assert_eq!(again.bytes().await.unwrap(), first);
    let (status, problem) = read(keyed(text("twice")).await.unwrap()).await;
    assert_eq!(status, 409, "{problem}");
    assert_eq!(
        problem["type"],
        "/api/v1/docs#problem-idempotency-key-reused"
    );
    let sent: Value = serde_json::from_slice(&first).unwrap();
    in_state(&stack, sent["id"].as_str().unwrap(), "delivered").await;
    assert_eq!(stack.received(PERSON).len(), 1);
}

#[tokio::test]
async fn the_callers_own_plan_is_followed() {
    let stack = Stack::start().await;
    let mut body = text("by SMS alone");
    body["plan"] = json!([{"channel": "sms", "success": "delivered"}]);
    let id = send(&stack, &body).await;
    let message = in_state(&stack, &id, "delivered").await;
    assert_eq!(message["timeline"]["attempts"][0]["channel"], "sms");
    assert_eq!(
        stack.received(PERSON),
        [("sms".into(), "by SMS alone".into())]
    );

    stack.outage("account_locked");
    let mut body = text("by the next hop");
    body["plan"] = json!([{"channel": "whatsapp", "after": "30s"}, {"channel": "sms"}]);
    let id = send(&stack, &body).await;
    let message = in_state(&stack, &id, "delivered").await;
    assert_eq!(
        (&message["channel"], &message["plan"][0]["after_ms"]),
        (&json!("sms"), &json!(30_000))
    );
    let decisions = message["timeline"]["decisions"].as_array().unwrap();
    let failed_over = decisions
        .iter()
        .find(|decision| decision["code"] == "failed_over");
    assert!(failed_over.is_some_and(|it| it["words"].as_str().is_some_and(|w| w.len() > 10)));
}

#[tokio::test]
async fn somebody_with_nothing_but_a_mail_address_is_reached() {
    let stack = Stack::start().await;
    let body = json!({"to": {"email": "ada@example.com"}, "text": "by mail"});
    let id = send(&stack, &body).await;
    let message = until("a mail", async || {
        let (_, message) = get(&stack, &format!("/messages/{id}")).await;
        (message["timeline"]["attempts"][0]["outcome"] == "accepted").then_some(message)
    })
    .await;
    assert_eq!(message["channel"], "email", "{message}");
    until_true("the mail in the mailbox", || {
        let mails = stack.received("ada@example.com");
        mails.iter().any(|(_, words)| words.contains("by mail"))
    })
    .await;
}

#[tokio::test]
async fn what_is_wrong_is_named_and_nothing_is_kept() {
    let stack = Stack::start().await;
    let check = async |body: Value, expect: &[&str]| {
        let (status, problem) = post(&stack, "/messages", &body).await;
        assert_eq!(
            (status, faults(&problem)),
            (422, expect.iter().map(|it| (*it).to_owned()).collect())
        );
    };
    check(json!({"to": {"phone": PERSON}}), &["/text is required"]).await;
    check(
        json!({"to": {}, "text": "x"}),
        &["/to does not name one recipient"],
    )
    .await;
    check(
        json!({"to": {"email": "x"}, "text": "x"}),
        &["/to/email is no mail address"],
    )
    .await;
    let unknown = json!({"to": {"contact": "0".repeat(32)}, "text": "x"});
    check(unknown, &["/to/contact there is no such contact"]).await;
    let plan =
        json!([{"channel": "fax"}, {"channel": "email"}, {"channel": "sms", "after": "1ms"}]);
    let body = json!({"to": {"phone": PERSON}, "text": "x", "plan": plan});
    check(
        body,
        &[
            "/plan/0/channel is no configured channel",
            "/plan/1/channel the recipient has no address there",
            "/plan/2/after is no span that can be waited",
        ],
    )
    .await;
    let long = json!({"type": "interactive", "interactive": {"type": "button",
        "body": {"text": "Well?"}, "action": {"buttons": [{"type": "reply",
        "reply": {"id": "1", "title": "longer than the twenty allowed"}}]}}});
    let (status, problem) = post(
        &stack,
        "/messages",
        &json!({"to": {"phone": PERSON}, "message": long}),
    )
    .await;
    assert_eq!(status, 422);
    let fault = faults(&problem);
    assert!(
        fault[0].starts_with("/message/interactive/action/buttons/0/reply/title "),
        "{fault:?}"
    );
    let (_, none) = get(&stack, "/messages").await;
    assert_eq!(none["data"], json!([]));
}

#[tokio::test]
async fn a_message_that_waits_can_be_cancelled_once() {
    let stack = Stack::start().await;
    stack.outage("hard_down");
    let mut body = text("never");
    body["plan"] = json!([{"channel": "whatsapp"}]);
    let id = send(&stack, &body).await;
    let path = format!("/messages/{id}/cancel");
    let (status, message) = answer(call(&stack, Method::POST, &path)).await;
    assert_eq!(
        (status, &message["state"]),
        (200, &json!("cancelled")),
        "{message}"
    );
    let (status, problem) = answer(call(&stack, Method::POST, &path)).await;
    assert_eq!(
        (status, &problem["title"]),
        (409, &json!("The message has ended"))
    );
    let nobody = format!("/messages/{}/cancel", "0".repeat(32));
    assert_eq!(answer(call(&stack, Method::POST, &nobody)).await.0, 404);
}

#[tokio::test]
async fn a_preview_shows_each_channel_and_sends_nothing() {
    let stack = Stack::start().await;
    let message = json!({"type": "interactive", "interactive": {"type": "button",
        "body": {"text": "Shall we come on Tuesday?"}, "action": {"buttons": [
            {"type": "reply", "reply": {"id": "y", "title": "Yes"}},
            {"type": "reply", "reply": {"id": "n", "title": "No"}}]}}});
    let (status, preview) = post(&stack, "/messages/preview", &json!({"message": message})).await;
    assert_eq!(status, 200, "{preview}");
    let of = |name: &str| {
        let all = preview["channels"].as_array().unwrap();
        all.iter()
            .find(|it| it["channel"] == name)
            .cloned()
            .unwrap()
    };
    assert_eq!(of("whatsapp")["unchanged"], true);
    let sms = of("sms");
    assert!(
        sms["text"].as_str().unwrap().contains("Reply 1 for Yes"),
        "{sms}"
    );
    assert_eq!(
        (&sms["sms"]["encoding"], &sms["sms"]["segments"]),
        (&json!("gsm7"), &json!(1))
    );
    assert_eq!(
        sms["choices"][1],
        json!({"number": 2, "id": "n", "title": "No"})
    );
    assert!(!of("email")["html"].as_str().unwrap().is_empty());
    let reaction = json!({"type": "reaction", "reaction": {"message_id": "x", "emoji": "👍"}});
    let (status, problem) = post(&stack, "/messages/preview", &json!({"message": reaction})).await;
    assert_eq!(status, 422);
    assert_eq!(
        faults(&problem),
        ["/message/reaction/message_id is not an id of ours"]
    );
    assert!(stack.received(PERSON).is_empty());
}

#[tokio::test]
async fn only_who_holds_a_token_gets_in_and_sees_only_its_own() {
    let mut options = Options::default().with_second_sender(WABA_ID);
    options.sections += "[[app]]\nid = \"another\"\n";
    let stack = Stack::start_with(options).await;
    let mut mine = text("mine");
    mine["from"] = stack.phone_id.into();
    let id = send(&stack, &mine).await;
    let url = format!("{}/api/v1/messages/{id}", stack.url);
    let bare = stack.http.get(&url).send().await.unwrap();
    assert_eq!(bare.headers()["www-authenticate"], "Bearer");
    assert_eq!(bare.headers()["content-type"], "application/problem+json");
    assert_eq!(read(bare).await.0, 401);
    let wrong = stack.http.get(&url).bearer_auth("wrong");
    assert_eq!(answer(wrong).await.0, 401);
    let made = stack
        .command(&["token", "create", "--name", "b", "--app", "another"])
        .output();
    let other = String::from_utf8(made.unwrap().stdout).unwrap();
    assert_eq!(
        answer(stack.http.get(&url).bearer_auth(other.trim()))
            .await
            .0,
        404
    );
    let elsewhere = stack.new_token("narrow", &[SECOND_PHONE_ID]);
    let url = format!("{}/api/v1/messages", stack.url);
    let refused = stack.http.post(url).bearer_auth(elsewhere).json(&mine);
    assert_eq!(answer(refused).await.0, 403);
}

#[tokio::test]
async fn bodies_that_are_no_json_or_too_large_are_refused() {
    let stack = Stack::start().await;
    let broken = call(&stack, Method::POST, "/messages").body("{\"to\":");
    let (status, problem) = answer(broken).await;
    assert_eq!(
        (status, &problem["title"]),
        (400, &json!("The request cannot be read"))
    );
    let large = call(&stack, Method::POST, "/messages").body(vec![b' '; 2_000_000]);
    assert_eq!(answer(large).await.0, 413);
    assert_eq!(answer(call(&stack, Method::GET, "/nowhere")).await.0, 404);
    assert_eq!(
        answer(call(&stack, Method::DELETE, "/messages")).await.0,
        405
    );
}
