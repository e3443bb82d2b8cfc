//! Contacts: made, changed, found, imported.

use super::*;
use serde_json::json;

fn ada() -> Value {
    json!({"name": "Ada", "external_id": "c-1", "addresses": [
        {"channel": "whatsapp", "value": "1 650 555 1234", "verified": true, "consent": "given"},
        {"channel": "email", "value": "Ada@Example.com"}]})
}

#[tokio::test]
async fn a_contact_is_made_changed_and_written_to() {
    let stack = Stack::start().await;
    let (status, made) = post(&stack, "/contacts", &ada()).await;
    assert_eq!(status, 201, "{made}");
    assert_eq!(made["addresses"][0]["value"], PERSON);
    assert_eq!(made["addresses"][1]["value"], "Ada@example.com");
    let id = made["id"].as_str().unwrap();
    let path = format!("/contacts/{id}");
    let patch = json!({"name": null, "addresses": [{"channel": "whatsapp", "value": PERSON}]});
    let (status, changed) = answer(call(&stack, Method::PATCH, &path).json(&patch)).await;
    assert_eq!(status, 200, "{changed}");
    assert_eq!(
        (&changed["name"], &changed["external_id"]),
        (&Value::Null, &json!("c-1"))
    );
    assert_eq!(changed["addresses"].as_array().unwrap().len(), 1);
    assert_eq!(
        changed["addresses"][0]["verified_at"],
        made["addresses"][0]["verified_at"]
    );
    assert_eq!(get(&stack, &path).await, (200, changed));
    let (status, whole) = answer(call(&stack, Method::PUT, &path).json(&ada())).await;
    assert_eq!((status, &whole["name"]), (200, &json!("Ada")));
    let message = send(&stack, &json!({"to": {"contact": id}, "text": "hi Ada"})).await;
    assert_eq!(in_state(&stack, &message, "delivered").await["contact"], id);
    let of_contact = format!("/messages?contact={id}");
    assert_eq!(
        get(&stack, &of_contact).await.1["data"][0]["id"],
        message.as_str()
    );
}

#[tokio::test]
async fn an_address_belongs_to_one_contact() {
    let stack = Stack::start().await;
    let (_, first) = post(&stack, "/contacts", &ada()).await;
    let (status, problem) = post(&stack, "/contacts", &ada()).await;
    assert_eq!(
        (status, &problem["title"]),
        (409, &json!("An address belongs to another contact"))
    );
    let owner = first["id"].as_str().unwrap();
    assert!(
        problem["detail"].as_str().unwrap().contains(owner),
        "{problem}"
    );
    let (_, found) = get(&stack, "/contacts?channel=whatsapp&address=%2B16505551234").await;
    assert_eq!(found["data"][0]["id"], owner);
    let (_, nobody) = get(&stack, "/contacts?channel=sms&address=%2B16505559999").await;
    assert_eq!(nobody["data"], json!([]));
    assert_eq!(get(&stack, "/contacts?channel=sms").await.0, 422);
    assert_eq!(get(&stack, "/contacts/nobody").await.0, 404);
}

async fn import(stack: &Stack, text: impl Into<reqwest::Body>) -> (u16, Value) {
    let request = call(stack, Method::POST, "/contacts/import");
    answer(request.header("content-type", "text/csv").body(text)).await
}

#[tokio::test]
async fn a_list_is_imported_line_by_line_and_again_without_harm() {
    let stack = Stack::start().await;
    let mut list = "name;external_id;whatsapp;email;consent\n".to_owned();
    for n in 0..1_000 {
        list.push_str(&format!(
            "P {n};c-{n};+1650555{n:04};p{n}@example.com;given\n"
        ));
    }
    list.push_str("bad;c-x;12;nobody;yes\nmixed;;+16505550001;p2@example.com;\n");
    let (status, report) = import(&stack, list.clone()).await;
    assert_eq!(status, 200, "{report}");
    assert_eq!(
        (&report["imported"], &report["bad"]),
        (&json!(1_000), &json!(2)),
        "{report}"
    );
    let lines: Vec<_> = report["faults"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| format!("{} {}", it["line"], it["column"].as_str().unwrap_or("-")))
        .collect();
    assert_eq!(lines, ["1002 whatsapp", "1002 email", "1003 email"]);
    let (_, again) = import(&stack, list).await;
    assert_eq!(
        (&again["imported"], &again["unchanged"]),
        (&json!(0), &json!(1_000)),
        "{again}"
    );
    let moved = "external_id,whatsapp\nc-7,+16505559999\n";
    let (_, moved) = import(&stack, moved).await;
    assert_eq!(
        (&moved["imported"], &moved["updated"]),
        (&json!(0), &json!(1)),
        "{moved}"
    );
    let (_, page) = get(&stack, "/contacts?limit=500").await;
    let next = page["next"].as_str().unwrap();
    let (_, rest) = get(&stack, &format!("/contacts?limit=500&after={next}")).await;
    assert_eq!(
        (rest["data"].as_array().unwrap().len(), &rest["next"]),
        (500, &Value::Null)
    );
}

#[tokio::test]
async fn a_list_that_is_none_is_refused_whole() {
    let stack = Stack::start().await;
    let (status, problem) = import(&stack, "nmae,fone\nAda,1\n").await;
    assert_eq!(status, 422);
    assert_eq!(
        faults(&problem),
        [
            "column 1 its name is not known",
            "column 2 its name is not known"
        ]
    );
    let request = call(&stack, Method::POST, "/contacts/import").json(&json!({}));
    assert_eq!(answer(request).await.0, 415);
    assert_eq!(get(&stack, "/contacts").await.1["data"], json!([]));
}
