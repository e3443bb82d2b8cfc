//! Media, templates, numbers and the other endpoints of the virtual WhatsApp.

use holdline_sim::config::TemplateSeed;
use holdline_sim::{Media, PersonSend};
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use crate::support::{Bench, PHONE, TOKEN, WABA, answer, quick, until};

async fn upload(bench: &Bench, bytes: &[u8], mime_type: &str) -> (u16, Value) {
    let file = Part::bytes(bytes.to_vec())
        .file_name("a.bin")
        .mime_str(mime_type)
        .unwrap();
    let form = Form::new()
        .text("messaging_product", "whatsapp")
        .part("file", file);
    let url = bench.graph(&format!("{PHONE}/media"));
    answer(bench.http.post(url).bearer_auth(TOKEN).multipart(form)).await
}

#[tokio::test]
async fn media_goes_up_is_looked_up_comes_down_and_is_deleted() {
    let bench = Bench::start().await;
    let bytes: Vec<u8> = (0..50_000u32).map(|n| (n % 251) as u8).collect();
    let (status, body) = upload(&bench, &bytes, "image/png").await;
    assert_eq!(status, 200, "{body}");
    let id = body["id"].as_str().unwrap();
    let (_, info) = bench.get(id).await;
    assert_eq!(
        (&info["mime_type"], &info["file_size"]),
        (&"image/png".into(), &50_000.into())
    );
    assert_eq!(info["sha256"].as_str().unwrap().len(), 64);
    let url = info["url"].as_str().unwrap();
    assert!(url.starts_with(&bench.sandbox.urls().whatsapp));
    let down = bench.http.get(url).bearer_auth(TOKEN).send().await.unwrap();
    assert_eq!(down.headers()["content-type"], "image/png");
    assert_eq!(down.bytes().await.unwrap(), bytes);
    assert_eq!(bench.http.get(url).send().await.unwrap().status(), 401);
    let forged = url.replace("ext=", "ext=9");
    let forged = bench
        .http
        .get(forged)
        .bearer_auth(TOKEN)
        .send()
        .await
        .unwrap();
    assert_eq!(forged.status(), 404);

    let image = json!({"messaging_product": "whatsapp", "to": "16505551234", "type": "image",
        "image": {"id": id, "caption": "look"}});
    assert_eq!(bench.send(&image).await.0, 200);
    bench.until_received("[image] look").await;
    assert_eq!(bench.delete(id).await, (200, json!({"success": true})));
    assert_eq!(bench.get(id).await.1["error"]["error_subcode"], 33);
}

#[tokio::test]
async fn media_of_a_wrong_type_or_size_is_refused() {
    let bench = Bench::start().await;
    let (status, body) = upload(&bench, b"x", "application/x-msdownload").await;
    assert_eq!((status, &body["error"]["code"]), (400, &100.into()));
    let (status, body) = upload(&bench, &vec![0; 5 * 1024 * 1024 + 1], "image/jpeg").await;
    assert_eq!((status, &body["error"]["code"]), (400, &100.into()));
}

#[tokio::test]
async fn a_person_sends_media_that_can_be_fetched() {
    let bench = Bench::start().await;
    let media = Media {
        kind: "document".into(),
        mime_type: "application/pdf".into(),
        data_base64: "JVBERi0=".into(),
        caption: None,
        filename: Some("a.pdf".into()),
    };
    let send = PersonSend {
        media: Some(media),
        ..PersonSend::default()
    };
    bench.sandbox.person_sends("16505551234", send).unwrap();
    until("it is posted", || !bench.receiver.messages().is_empty()).await;
    let message = bench.receiver.messages().remove(0);
    assert_eq!(
        (&message["type"], &message["document"]["filename"]),
        (&json!("document"), &json!("a.pdf"))
    );
    let (_, info) = bench.get(message["document"]["id"].as_str().unwrap()).await;
    assert_eq!(info["sha256"], message["document"]["sha256"]);
    let url = info["url"].as_str().unwrap();
    let down = bench.http.get(url).bearer_auth(TOKEN).send().await.unwrap();
    assert_eq!(&down.bytes().await.unwrap()[..], b"%PDF-");
}

#[tokio::test]
async fn templates_come_in_pages_that_lead_to_each_other() {
    let mut config = quick();
    let seed = config.whatsapp.templates[0].clone();
    for place in 0..20 {
        let name = format!("t_{place:02}");
        config.whatsapp.templates.push(TemplateSeed {
            name,
            ..seed.clone()
        });
    }
    let bench = Bench::with(config).await;
    let path = format!("{WABA}/message_templates?limit=10&fields=name,status&summary=total_count");
    let mut url = bench.graph(&path);
    let mut names = Vec::new();
    let mut pages = 0;
    loop {
        let (status, page) = answer(bench.http.get(&url).bearer_auth(TOKEN)).await;
        assert_eq!(status, 200);
        assert_eq!(page["summary"]["total_count"], 23);
        pages += 1;
        for item in page["data"].as_array().unwrap() {
            assert!(
                item.get("components").is_none() && item["id"].is_string(),
                "{item}"
            );
            names.push(item["name"].as_str().unwrap().to_owned());
        }
        assert!(page["paging"]["cursors"]["before"].is_string());
        match page["paging"]["next"].as_str() {
            Some(next) => url = next.to_owned(),
            None => break,
        }
    }
    assert_eq!((pages, names.len()), (3, 23));
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 23);
}

#[tokio::test]
async fn a_template_is_made_reviewed_announced_used_and_deleted() {
    let bench = Bench::start().await;
    let path = format!("{WABA}/message_templates");
    let body = json!({"name": "greet", "language": "de", "category": "utility",
        "parameter_format": "named",
        "components": [{"type": "BODY", "text": "Hallo {{first_name}}"}]});
    let (status, made) = bench.post(&path, &body).await;
    assert_eq!(
        (status, &made["status"]),
        (200, &"PENDING".into()),
        "{made}"
    );
    let id = made["id"].as_str().unwrap().to_owned();
    until("the review is announced", || {
        let values: Vec<Value> = bench
            .receiver
            .hooks()
            .iter()
            .flat_map(|h| h.values())
            .collect();
        values
            .iter()
            .any(|v| v["event"] == "APPROVED" && v["message_template_name"] == "greet")
    })
    .await;
    let (_, node) = bench
        .get(&format!("{id}?fields=status,health_status"))
        .await;
    assert_eq!(node["status"], "APPROVED");
    assert_eq!(node["health_status"]["can_send_message"], "AVAILABLE");
    let send = json!({"messaging_product": "whatsapp", "to": "491711", "type": "template",
        "template": {"name": "greet", "language": {"code": "de"}, "components": [
            {"type": "body", "parameters": [
                {"type": "text", "parameter_name": "first_name", "text": "Ann"}]}]}});
    assert_eq!(bench.send(&send).await.0, 200);
    bench.until_received("Hallo Ann").await;
    assert_eq!(bench.post(&path, &body).await.0, 400);
    assert_eq!(bench.delete(&format!("{path}?name=greet")).await.0, 200);
    assert_eq!(bench.send(&send).await.0, 404);
    for bad in [
        json!({"name": "Bad Name"}),
        json!({"category": "OTHER"}),
        json!({"components": 1}),
    ] {
        let mut body = body.clone();
        body.as_object_mut()
            .unwrap()
            .extend(bad.as_object().unwrap().clone());
        assert_eq!(
            bench.post(&path, &body).await.1["error"]["code"],
            100,
            "{bad}"
        );
    }
}

#[tokio::test]
async fn numbers_and_accounts_tell_about_themselves() {
    let bench = Bench::start().await;
    let (_, number) = bench
        .get(&format!(
            "{PHONE}?fields=throughput,health_status{{x}},status"
        ))
        .await;
    assert_eq!(number["throughput"]["level"], "STANDARD");
    assert_eq!(number["status"], "CONNECTED");
    assert_eq!(
        number["health_status"]["entities"][0]["entity_type"],
        "PHONE_NUMBER"
    );
    assert!(number.get("verified_name").is_none());
    let (_, list) = bench.get(&format!("{WABA}/phone_numbers")).await;
    assert_eq!(list["data"][0]["id"], PHONE);
    assert_eq!(list["data"][0]["display_phone_number"], "15550783881");
    let profile = format!("{PHONE}/whatsapp_business_profile");
    let body = json!({"messaging_product": "whatsapp", "about": "We sell tea"});
    assert_eq!(bench.post(&profile, &body).await.0, 200);
    assert_eq!(
        bench.get(&profile).await.1["data"][0]["about"],
        "We sell tea"
    );
    let (status, error) = bench.get(&format!("{PHONE}/no_such_edge")).await;
    assert_eq!((status, &error["error"]["code"]), (400, &100.into()));
    let (status, error) = bench.get("12345").await;
    assert_eq!(
        (status, &error["error"]["error_subcode"]),
        (400, &33.into())
    );
}

#[tokio::test]
async fn history_tells_delivery_and_webhook_apart() {
    let bench = Bench::start().await;
    let id = bench.text("16505551234", "x").await;
    bench.statuses(&id, "delivered").await;
    let path = format!("{PHONE}/message_history?message_id={id}");
    until("the webhooks are noted", || {
        bench
            .sandbox
            .webhooks(9)
            .iter()
            .all(|row| row.status == Some(200))
    })
    .await;
    let (_, history) = bench.get(&path).await;
    let events = &history["data"][0]["events"]["data"];
    assert_eq!(events[0]["delivery_status"], "SENT");
    assert_eq!(events[1]["delivery_status"], "DELIVERED");
    assert_eq!(events[1]["webhook_update_state"], "DELIVERED");
    let (_, none) = bench
        .get(&format!("{PHONE}/message_history?message_id=wamid.none"))
        .await;
    assert_eq!(none["data"], json!([]));
}
