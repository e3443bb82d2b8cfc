//! Files: every way clients upload them, what is told of them, and how they come back.

use super::*;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, USER_AGENT};
use reqwest::multipart::{Form, Part};

fn media(stack: &Stack) -> String {
    format!("/v23.0/{}/media", stack.phone_id)
}

#[tokio::test]
async fn r5_the_product_comes_as_a_part_or_in_the_query_and_the_type_may_be_missing() {
    let stack = start().await;
    let file = || Part::bytes(PNG).mime_str("image/png").unwrap();
    let named = Form::new()
        .text("messaging_product", "whatsapp")
        .text("type", "image/png")
        .part("file", file().file_name("a.png"));
    let nameless = Form::new().part("file", file());
    let late = Form::new()
        .part("file", Part::bytes(PNG).file_name("a"))
        .text("type", "image/png")
        .text("messaging_product", "whatsapp");
    let in_query = format!("{}?messaging_product=whatsapp", media(&stack));
    for (path, form) in [
        (media(&stack), named),
        (in_query, nameless),
        (media(&stack), late),
    ] {
        let (status, reply) = answer(call(&stack, Method::POST, &path).multipart(form)).await;
        assert_eq!(status, 200, "{reply}");
        let id = reply["id"].as_str().unwrap();
        assert!(id.bytes().all(|byte| byte.is_ascii_digit()), "{id}");
    }
}

#[tokio::test]
async fn r5_a_multipart_body_that_is_labelled_json_is_read_all_the_same() {
    let stack = start().await;
    let mut body = b"--abc\r\nContent-Disposition: form-data; name=\"messaging_product\"\r\n\r\n\
                     whatsapp\r\n--abc\r\nContent-Disposition: form-data; name=\"file\"; \
                     filename=\"a.png\"\r\nContent-Type: image/png\r\n\r\n"
        .to_vec();
    body.extend_from_slice(PNG);
    body.extend_from_slice(b"\r\n--abc--\r\n");
    let request = call(&stack, Method::POST, &media(&stack)).body(body);
    let (status, reply) = answer(request.header(CONTENT_TYPE, "application/json")).await;
    assert_eq!(status, 200, "{reply}");
}

#[tokio::test]
async fn r9_media_info_is_complete_and_its_url_gives_the_file_to_whoever_has_the_token() {
    let stack = start().await;
    let id = upload(&stack).await;
    let (status, info) = answer(get(&stack, &format!("/v23.0/{id}"))).await;
    assert_eq!(status, 200, "{info}");
    assert_eq!(info["id"], id.as_str());
    assert_eq!(info["messaging_product"], "whatsapp");
    assert_eq!(info["mime_type"], "image/png");
    assert_eq!(info["file_size"], PNG.len());
    assert_eq!(info["sha256"].as_str().unwrap().len(), 64);
    let url = info["url"].as_str().unwrap();
    assert!(url.starts_with(&stack.url), "{url}");
    for agent in ["curl/7.64.1", "node", ""] {
        let request = stack
            .http
            .get(url)
            .bearer_auth(&stack.token)
            .header(USER_AGENT, agent);
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()[CONTENT_TYPE], "image/png");
        assert_eq!(
            response.headers()[CONTENT_LENGTH],
            PNG.len().to_string().as_str()
        );
        assert_eq!(response.bytes().await.unwrap(), PNG);
    }
    assert_eq!(stack.http.get(url).send().await.unwrap().status(), 401);
    let forged = url.replace("sig=", "sig=A");
    let request = stack.http.get(forged).bearer_auth(&stack.token);
    assert_eq!(request.send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn r9_a_deleted_file_is_gone() {
    let stack = start().await;
    let id = upload(&stack).await;
    let path = format!("/v23.0/{id}");
    let (status, reply) = answer(call(&stack, Method::DELETE, &path)).await;
    assert_eq!((status, reply), (200, json!({"success": true})));
    let (status, reply) = answer(get(&stack, &path)).await;
    assert_eq!((status, &reply["error"]["code"]), (400, &json!(100)));
}

#[tokio::test]
async fn r9_a_file_that_a_person_sends_can_be_fetched() {
    let stack = start().await;
    let mut receiver = Receiver::start(Default::default()).await;
    subscribe(&stack, &receiver).await;
    let media = holdline_sim::Media {
        kind: "image".into(),
        mime_type: "image/png".into(),
        data_base64: "iVBORw0KGgo=".into(),
        caption: Some("look".into()),
        filename: None,
    };
    let send = holdline_sim::PersonSend {
        media: Some(media),
        ..Default::default()
    };
    stack.sandbox.person_sends(PERSON, send).unwrap();
    let hook = receiver
        .find("an image", |value| value["messages"][0]["type"] == "image")
        .await;
    let message = &hook.value()["messages"][0];
    assert_eq!(message["image"]["caption"], "look");
    let id = message["image"]["id"].as_str().unwrap().to_owned();
    let (status, info) = answer(get(&stack, &format!("/v23.0/{id}"))).await;
    assert_eq!(status, 200, "{info}");
    assert_eq!(info["file_size"], 8);
    let url = info["url"].as_str().unwrap();
    let file = stack
        .http
        .get(url)
        .bearer_auth(&stack.token)
        .send()
        .await
        .unwrap();
    assert_eq!(file.bytes().await.unwrap().as_ref(), b"\x89PNG\r\n\x1A\n");
}

#[tokio::test]
async fn a_person_who_gets_an_sms_reaches_the_file_by_its_link_alone() {
    let stack = start().await;
    stack.outage("account_locked");
    let image = json!({
        "messaging_product": "whatsapp", "to": PERSON, "type": "image",
        "image": {"id": upload(&stack).await, "caption": "your receipt"}
    });
    send(&stack, &image).await;
    let words = eventually("an SMS", async || {
        let rows = stack.received(PERSON);
        rows.into_iter()
            .find(|(channel, _)| channel == "sms")
            .map(|(_, words)| words)
    })
    .await;
    assert!(words.contains("your receipt"), "{words}");
    let link = words
        .split_whitespace()
        .find(|word| word.contains("/media/l/"))
        .unwrap();
    let file = stack.http.get(link).send().await.unwrap();
    assert_eq!(file.status(), 200);
    assert_eq!(file.headers()["x-content-type-options"], "nosniff");
    assert_eq!(file.bytes().await.unwrap(), PNG);
    let as_app = link.replace("/media/l/", "/media/f/");
    let request = stack.http.get(as_app).bearer_auth(&stack.token);
    assert_eq!(
        request.send().await.unwrap().status(),
        404,
        "a link is good for one use only"
    );
}

#[tokio::test]
async fn files_of_the_wrong_type_or_size_are_refused_with_the_reason() {
    let stack = start().await;
    let check = async |mime: &str, bytes: Vec<u8>, code: u32| {
        let file = Part::bytes(bytes).file_name("x").mime_str(mime).unwrap();
        let form = Form::new()
            .text("messaging_product", "whatsapp")
            .part("file", file);
        let (status, reply) =
            answer(call(&stack, Method::POST, &media(&stack)).multipart(form)).await;
        assert_eq!(
            (status, &reply["error"]["code"]),
            (400, &json!(code)),
            "{mime}: {reply}"
        );
        assert!(reply["error"]["error_data"]["details"].is_string());
    };
    check("application/zip", b"PK".to_vec(), 100).await;
    check("image/png", Vec::new(), 131_053).await;
    check("application/pdf", PNG.to_vec(), 131_053).await;
    check("image/webp", vec![0; 600 * 1024], 131_053).await;
}
