//! `/control` over HTTP: outages, people, ledger, webhooks, requests, and its refusals.

use serde_json::{Value, json};

use crate::support::{Bench, PHONE, answer, text_body, until};

async fn get(bench: &Bench, path: &str) -> (u16, Value) {
    answer(bench.http.get(bench.control(path))).await
}

async fn post(bench: &Bench, path: &str, body: &Value) -> (u16, Value) {
    answer(bench.http.post(bench.control(path)).json(body)).await
}

#[tokio::test]
async fn outages_are_started_listed_and_ended() {
    let bench = Bench::start().await;
    let order = json!({"profile": "server_errors", "provider": "whatsapp",
        "scope": {"phone_number_id": PHONE, "percent": 100}});
    let (status, made) = post(&bench, "outages", &order).await;
    assert_eq!(status, 201, "{made}");
    let (_, list) = get(&bench, "outages").await;
    assert_eq!(
        (&list[0]["id"], &list[0]["profile"]),
        (&made["id"], &"server_errors".into())
    );
    assert_eq!(
        list[0]["scope"],
        json!({"phone_number_id": PHONE, "percent": 100})
    );
    assert_eq!(
        bench.send(&text_body("16505551234", "x")).await.1["error"]["code"],
        2
    );
    let url = bench.control(&format!("outages/{}", made["id"]));
    assert_eq!(
        answer(bench.http.delete(&url)).await,
        (200, json!({"stopped": 1}))
    );
    assert_eq!(answer(bench.http.delete(&url)).await.0, 404);
    post(&bench, "outages", &json!({"profile": "latency"})).await;
    post(
        &bench,
        "outages",
        &json!({"profile": "hard_down", "provider": "sms"}),
    )
    .await;
    let all = bench.http.delete(bench.control("outages"));
    assert_eq!(answer(all).await.1, json!({"stopped": 2}));
    assert_eq!(get(&bench, "outages").await.1, json!([]));
    bench.text("16505551234", "x").await;
}

#[tokio::test]
async fn profiles_explain_themselves() {
    let bench = Bench::start().await;
    let (_, list) = get(&bench, "profiles").await;
    let hard = list
        .as_array()
        .unwrap()
        .iter()
        .find(|p| p["name"] == "hard_down")
        .unwrap();
    assert_eq!(hard["providers"], json!(["whatsapp", "sms", "email"]));
    assert!(hard["description"].is_string() && hard["at_end"].is_string());
}

#[tokio::test]
async fn bad_orders_say_what_is_wrong() {
    let bench = Bench::start().await;
    for (path, body, status, word) in [
        ("outages", json!({"profile": "x"}), 422, "/control/profiles"),
        ("outages", json!({"profil": "x"}), 400, "profil"),
        (
            "outages",
            json!({"profile": "latency", "scope": {"phone": 1}}),
            400,
            "phone",
        ),
        (
            "outages",
            json!({"profile": "latency", "scope": {"percent": 200}}),
            422,
            "percent",
        ),
        ("people/1650/send", json!({}), 422, "text"),
        ("people/none/send", json!({"text": "x"}), 422, "address"),
        (
            "people/1650/send",
            json!({"text": "x", "to": "9"}),
            422,
            "to:",
        ),
        (
            "people/1650/send",
            json!({"text": "x", "channel": "email"}),
            422,
            "email",
        ),
        (
            "people/1650/state",
            json!({"whatsapp": "asleep"}),
            400,
            "asleep",
        ),
        ("nothing", json!({}), 404, "path"),
    ] {
        let (got, reply) = post(&bench, path, &body).await;
        let error = reply["error"].as_str().unwrap_or_default();
        assert!(
            got == status && error.contains(word),
            "{path} {body} -> {got} {reply}"
        );
    }
    assert_eq!(get(&bench, "people/999").await.0, 404);
}

#[tokio::test]
async fn people_write_change_and_show_what_they_received() {
    let bench = Bench::start().await;
    let send = json!({"text": "hi", "reply_to": "wamid.Q"});
    let (status, sent) = post(&bench, "people/+16505551234/send", &send).await;
    assert!(
        status == 200 && sent["id"].as_str().unwrap().starts_with("wamid."),
        "{sent}"
    );
    until("it is posted", || !bench.receiver.messages().is_empty()).await;
    assert_eq!(bench.receiver.messages()[0]["context"]["id"], "wamid.Q");
    let place = json!({"location": {"latitude": 1.5, "longitude": 2.5}});
    assert_eq!(post(&bench, "people/16505551234/send", &place).await.0, 200);
    until("the place is posted", || {
        bench.receiver.messages().len() == 2
    })
    .await;
    assert_eq!(bench.receiver.messages()[1]["location"]["latitude"], 1.5);

    let change = json!({"name": "Zoë", "whatsapp": "normal", "auto_reply": "thanks"});
    assert_eq!(
        post(&bench, "people/16505551234/state", &change).await.0,
        200
    );
    bench.text("16505551234", "hello").await;
    bench.until_received("hello").await;
    let (_, person) = get(&bench, "people/16505551234").await;
    assert_eq!(person["name"], "Zoë");
    assert_eq!(
        person["attempts"],
        json!({"whatsapp": 1, "sms": 0, "email": 0})
    );
    let received = &person["received"][0];
    assert_eq!(
        (&received["channel"], &received["text"]),
        (&"whatsapp".into(), &"hello".into())
    );
    assert_eq!(received["raw"]["text"]["body"], "hello");
    let (_, people) = get(&bench, "people").await;
    assert_eq!(people.as_array().unwrap().len(), 1);
    until("the answer is posted", || {
        bench
            .receiver
            .messages()
            .iter()
            .any(|message| message["text"]["body"] == "thanks")
    })
    .await;
}

#[tokio::test]
async fn the_ledger_is_read_in_steps() {
    let bench = Bench::start().await;
    for text in ["a", "b", "c"] {
        bench.text("16505551234", text).await;
        bench.until_received(text).await;
    }
    let (_, first) = get(&bench, "ledger?limit=2").await;
    assert_eq!(
        (first["rows"].as_array().unwrap().len(), &first["after"]),
        (2, &2.into())
    );
    let (_, rest) = get(&bench, "ledger?after=2").await;
    assert_eq!(
        (&rest["rows"][0]["text"], &rest["after"]),
        (&"c".into(), &3.into())
    );
    let (_, none) = get(&bench, "ledger?after=3").await;
    assert_eq!((&none["rows"], &none["after"]), (&json!([]), &3.into()));
}

#[tokio::test]
async fn webhooks_requests_and_targets_are_shown_and_set() {
    let bench = Bench::start().await;
    let id = bench.text("16505551234", "x").await;
    bench.statuses(&id, "delivered").await;
    bench.send(&json!({})).await;
    until("both posts are settled", || {
        bench
            .sandbox
            .webhooks(9)
            .iter()
            .filter(|row| row.status == Some(200))
            .count()
            == 2
    })
    .await;
    let (_, hooks) = get(&bench, "webhooks?limit=1").await;
    assert_eq!(
        (&hooks["waiting"], &hooks["dropped"]),
        (&0.into(), &0.into())
    );
    assert_eq!(hooks["rows"][0]["state"], "delivered");
    let (_, requests) = get(&bench, "requests").await;
    let count = |outcome: &str| {
        let list = requests.as_array().unwrap();
        let line = list
            .iter()
            .find(|l| l["endpoint"] == "messages" && l["outcome"] == outcome);
        line.map(|line| line["count"].clone())
    };
    assert_eq!(
        (count("200"), count("400/100")),
        (Some(1.into()), Some(1.into()))
    );
    let targets = json!({"whatsapp_webhook_url": bench.receiver.url("/moved")});
    assert_eq!(post(&bench, "targets", &targets).await.0, 200);
    post(&bench, "people/1650555/send", &json!({"text": "hi"})).await;
    until("the new target is used", || {
        bench
            .receiver
            .hooks()
            .iter()
            .any(|hook| hook.path == "/moved")
    })
    .await;
    let about = answer(bench.http.get(bench.control("").trim_end_matches('/')))
        .await
        .1;
    assert_eq!(about["whatsapp"], bench.sandbox.urls().whatsapp);
}
