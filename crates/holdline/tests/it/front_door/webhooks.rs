//! Webhooks as receivers need them: one event each, ASCII, signed, complete.

use super::receiver::Manner;
use super::*;
use axum::http::StatusCode;

/// A stack whose app gets a status and an inbound message.
async fn both(words: &str) -> (Stack, Receiver, Vec<receiver::Posted>) {
    let stack = start().await;
    let mut receiver = Receiver::start(Default::default()).await;
    subscribe(&stack, &receiver).await;
    let change = holdline_sim::PersonChange {
        name: Some("Änn 😀".into()),
        ..Default::default()
    };
    stack.sandbox.change_person(PERSON, change).unwrap();
    let send_in = holdline_sim::PersonSend::text(words);
    stack.sandbox.person_sends(PERSON, send_in).unwrap();
    let inbound = receiver
        .find("a message", |it| it["messages"][0]["id"].is_string())
        .await;
    let id = send(&stack, &text(PERSON, words)).await;
    let sent = receiver.status(&id, "sent").await;
    let delivered = receiver.status(&id, "delivered").await;
    (stack, receiver, vec![inbound, sent, delivered])
}

#[tokio::test]
async fn r12_each_post_carries_one_message_or_one_status() {
    let (_stack, _receiver, posts) = both("hi").await;
    for post in posts {
        let json = post.json();
        assert_eq!(json["entry"].as_array().unwrap().len(), 1);
        assert_eq!(json["entry"][0]["changes"].as_array().unwrap().len(), 1);
        let value = post.value();
        let count = |list: &str| value[list].as_array().map_or(0, Vec::len);
        assert_eq!(count("messages") + count("statuses"), 1, "{value}");
    }
}

#[tokio::test]
async fn r13_the_json_is_ascii_with_lower_case_escapes() {
    let (_stack, _receiver, posts) = both("café ✓ 😀").await;
    for post in &posts {
        assert!(post.body.iter().all(|byte| (b' '..=b'~').contains(byte)));
    }
    let raw = String::from_utf8(posts[0].body.to_vec()).unwrap();
    assert!(raw.contains("caf\\u00e9 \\u2713 \\ud83d\\ude00"), "{raw}");
    assert_eq!(posts[0].value()["messages"][0]["text"]["body"], "café ✓ 😀");
}

#[tokio::test]
async fn r14_the_signature_is_over_the_exact_bytes_and_nothing_is_chunked() {
    let (stack, _receiver, posts) = both("hi ✓").await;
    for post in posts {
        assert!(post.is_signed_with(stack.app_secret));
        assert!(!post.is_signed_with("another secret"));
        let header = post.headers["x-hub-signature-256"].to_str().unwrap();
        let hex = header.strip_prefix("sha256=").unwrap();
        assert!(hex.len() == 64 && !hex.bytes().any(|byte| byte.is_ascii_uppercase()));
        assert_eq!(
            post.headers["content-length"],
            post.body.len().to_string().as_str()
        );
        assert!(!post.headers.contains_key("transfer-encoding"));
        assert_eq!(post.headers["content-type"], "application/json");
    }
}

#[tokio::test]
async fn r15_the_frame_is_complete_and_times_are_texts() {
    let (stack, _receiver, posts) = both("hi").await;
    for post in posts {
        let json = post.json();
        assert_eq!(json["object"], "whatsapp_business_account");
        assert_eq!(json["entry"][0]["id"], stack.waba_id);
        assert_eq!(json["entry"][0]["changes"][0]["field"], "messages");
        let value = post.value();
        assert_eq!(value["messaging_product"], "whatsapp");
        assert_eq!(value["metadata"]["phone_number_id"], stack.phone_id);
        let display = value["metadata"]["display_phone_number"].as_str().unwrap();
        assert!(!display.is_empty() && display.bytes().all(|byte| byte.is_ascii_digit()));
        let item = value.get("messages").or(value.get("statuses")).unwrap();
        let time = item[0]["timestamp"].as_str().unwrap();
        assert!(time.len() == 10 && time.parse::<u64>().is_ok(), "{time}");
    }
}

#[tokio::test]
async fn r16_every_webhook_names_the_person() {
    let (_stack, _receiver, posts) = both("hi").await;
    for post in posts {
        let contact = &post.value()["contacts"][0];
        assert_eq!(contact["wa_id"], "16505551234");
        assert_eq!(contact["profile"]["name"], "Änn 😀");
        let (country, digits) = contact["user_id"]
            .as_str()
            .unwrap()
            .split_once('.')
            .unwrap();
        assert_eq!(country, "US");
        assert!(!digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()));
    }
}

#[tokio::test]
async fn r16_a_failed_status_names_the_person_too() {
    let stack = start().await;
    let mut receiver = Receiver::start(Default::default()).await;
    subscribe(&stack, &receiver).await;
    let change = holdline_sim::PersonChange {
        whatsapp: Some(holdline_sim::WhatsappReach::NoWhatsapp),
        sms: Some(holdline_sim::SmsReach::Unknown),
        ..Default::default()
    };
    stack.sandbox.change_person(PERSON, change).unwrap();
    let id = send(&stack, &text(PERSON, "hi")).await;
    let value = receiver.status(&id, "failed").await.value();
    assert_eq!(value["contacts"][0]["wa_id"], "16505551234");
    assert!(value["contacts"][0]["user_id"].is_string());
    let error = &value["statuses"][0]["errors"][0];
    assert!(error["code"].is_u64(), "{error}");
    for field in ["title", "message", "href"] {
        assert!(error[field].is_string(), "{error}");
    }
    assert!(error["error_data"]["details"].is_string(), "{error}");
}

#[tokio::test]
async fn r17_statuses_have_what_clients_read_and_nothing_half() {
    let (_stack, _receiver, posts) = both("hi").await;
    for post in &posts[1..] {
        let value = post.value();
        let status = &value["statuses"][0];
        for field in ["id", "status", "timestamp", "recipient_id"] {
            assert!(status[field].is_string(), "{field}: {status}");
        }
        if let Some(pricing) = status.get("pricing") {
            assert!(pricing["billable"].is_boolean() && pricing["category"].is_string());
        }
        if let Some(conversation) = status.get("conversation") {
            assert!(conversation["id"].is_string() && conversation["origin"].is_object());
        }
    }
}

#[tokio::test]
async fn r18_any_2xx_is_success_and_the_rest_comes_again() {
    let stack = start().await;
    let accepted = Manner {
        status: StatusCode::ACCEPTED,
        ..Default::default()
    };
    let mut receiver = Receiver::start(accepted).await;
    subscribe(&stack, &receiver).await;
    let id = send(&stack, &text(PERSON, "hi")).await;
    let sent = receiver.status(&id, "sent").await;
    // The next status of a message is posted only when the one before was taken.
    receiver.status(&id, "delivered").await;
    while let Some(post) = receiver.try_next() {
        assert_ne!(post.body, sent.body, "202 counts as taken");
    }
    let busy = Manner {
        status: StatusCode::INTERNAL_SERVER_ERROR,
        ..Default::default()
    };
    let mut receiver = Receiver::start(busy).await;
    subscribe(&stack, &receiver).await;
    let id = send(&stack, &text(PERSON, "again")).await;
    let first = receiver.status(&id, "sent").await;
    let second = receiver.status(&id, "sent").await;
    assert_eq!(first.body, second.body, "the same event, byte for byte");
}

#[tokio::test]
async fn r19_different_events_differ_in_bytes() {
    let stack = start().await;
    let mut receiver = Receiver::start(Default::default()).await;
    subscribe(&stack, &receiver).await;
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..3 {
        let id = send(&stack, &text(PERSON, "the same words")).await;
        for status in ["sent", "delivered"] {
            assert!(seen.insert(receiver.status(&id, status).await.body));
        }
    }
    assert_eq!(seen.len(), 6);
}

#[tokio::test]
async fn a_reply_names_our_message_by_the_id_the_app_knows() {
    let stack = start().await;
    let mut receiver = Receiver::start(Default::default()).await;
    subscribe(&stack, &receiver).await;
    let id = send(&stack, &text(PERSON, "question")).await;
    receiver.status(&id, "delivered").await;
    let theirs = stack.sandbox.person(PERSON).unwrap().received[0]
        .provider_message_id
        .clone();
    let reply = holdline_sim::PersonSend {
        text: Some("answer".into()),
        reply_to: Some(theirs.clone()),
        ..Default::default()
    };
    stack.sandbox.person_sends(PERSON, reply).unwrap();
    let hook = receiver
        .find("a reply", |it| it["messages"][0]["text"].is_object())
        .await;
    assert_eq!(hook.value()["messages"][0]["context"]["id"], id.as_str());
    assert!(!String::from_utf8_lossy(&hook.body).contains(&theirs));
}
