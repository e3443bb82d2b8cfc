//! What a token of one sender reaches of the others: nothing. Unknown apps and senders get no
//! token, and what a message refers to must be the sender's own.

use super::*;
use crate::stack::{Options, PHONE_ID, SECOND_PHONE_ID, WABA_ID};
use serde_json::json;

async fn two_senders() -> Stack {
    Stack::start_with(Options::default().with_second_sender(WABA_ID)).await
}

/// The same with another token.
async fn ask(stack: &Stack, token: &str, method: Method, path: &str) -> (u16, Value) {
    let url = format!("{}/api/v1{path}", stack.url);
    let response = stack.http.request(method, url).bearer_auth(token).send();
    let response = response.await.expect("an answer");
    if response.status() == 204 {
        return (204, Value::Null);
    }
    read(response).await
}

async fn tell(stack: &Stack, token: &str, path: &str, body: &Value) -> (u16, Value) {
    let url = format!("{}/api/v1{path}", stack.url);
    answer(stack.http.post(url).bearer_auth(token).json(body)).await
}

fn ids(page: &Value) -> Vec<&str> {
    let all = page["data"].as_array().expect("a page").iter();
    all.map(|it| it["id"].as_str().expect("an id")).collect()
}

#[tokio::test]
async fn a_token_of_one_sender_sees_and_cancels_the_messages_of_that_sender_alone() {
    let stack = two_senders().await;
    let body = |from| json!({"from": from, "to": {"phone": PERSON}, "text": "hi"});
    let first = send(&stack, &body(PHONE_ID)).await;
    let second = send(&stack, &body(SECOND_PHONE_ID)).await;
    let narrow = stack.new_token("narrow", &[PHONE_ID]);
    let (_, page) = ask(&stack, &narrow, Method::GET, "/messages").await;
    assert_eq!(ids(&page), [&first]);
    let (_, page) = get(&stack, "/messages").await;
    assert_eq!(ids(&page), [&second, &first]);
    for (id, expect) in [(&first, 200), (&second, 404)] {
        let path = format!("/messages/{id}");
        assert_eq!(ask(&stack, &narrow, Method::GET, &path).await.0, expect);
    }
    let cancel = format!("/messages/{second}/cancel");
    assert_eq!(ask(&stack, &narrow, Method::POST, &cancel).await.0, 404);
}

#[tokio::test]
async fn an_endpoint_of_a_limited_token_is_for_its_sender() {
    let stack = two_senders().await;
    let narrow = stack.new_token("narrow", &[SECOND_PHONE_ID]);
    let both = stack.new_token("both", &[PHONE_ID, SECOND_PHONE_ID]);
    let body = json!({"url": stack.receiver.url()});
    let (status, whole) = post(&stack, "/webhooks", &body).await;
    assert_eq!(status, 201, "{whole}");
    let (status, own) = tell(&stack, &narrow, "/webhooks", &body).await;
    assert_eq!(status, 201, "{own}");
    let (status, problem) = tell(&stack, &both, "/webhooks", &body).await;
    assert_eq!(status, 403, "{problem}");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("use a token of one sender"), "{detail}");
    let (_, page) = ask(&stack, &narrow, Method::GET, "/webhooks").await;
    assert_eq!(ids(&page), [own["id"].as_str().unwrap()]);
    let theirs = format!("/webhooks/{}", whole["id"].as_str().unwrap());
    assert_eq!(ask(&stack, &narrow, Method::DELETE, &theirs).await.0, 404);
    let mine = format!("/webhooks/{}", own["id"].as_str().unwrap());
    assert_eq!(ask(&stack, &narrow, Method::DELETE, &mine).await.0, 204);
}

#[tokio::test]
async fn a_message_refers_to_files_and_messages_of_its_sender_alone() {
    let stack = two_senders().await;
    let form = reqwest::multipart::Form::new()
        .text("messaging_product", "whatsapp")
        .part(
            "file",
            reqwest::multipart::Part::bytes(&b"\x89PNG\r\n\x1A\n"[..])
                .file_name("a.png")
                .mime_str("image/png")
                .unwrap(),
        );
    let url = format!("{}/v23.0/{PHONE_ID}/media", stack.url);
    let upload = stack.http.post(url).bearer_auth(&stack.token);
    let (status, file) = answer(upload.multipart(form)).await;
    assert_eq!(status, 200, "{file}");
    let theirs = stack.new_token("theirs", &[SECOND_PHONE_ID]);
    let mine = stack.new_token("mine", &[PHONE_ID]);
    let image = |id: &Value| json!({"type": "image", "image": {"id": id}});
    let place = ["/message/image/id is no file of the sender"];
    for (token, id, good) in [
        (&mine, &file["id"], true),
        (&theirs, &file["id"], false),
        (&mine, &json!("12345"), false),
    ] {
        let mut body = json!({"message": image(id)});
        let (previewed, problem) = tell(&stack, token, "/messages/preview", &body).await;
        body["to"] = json!({"phone": PERSON});
        let (sent, same) = tell(&stack, token, "/messages", &body).await;
        if good {
            assert_eq!((previewed, sent), (200, 201), "{problem} {same}");
        } else {
            assert_eq!((previewed, sent), (422, 422), "{problem} {same}");
            assert_eq!(faults(&problem), place);
            assert_eq!(faults(&same), place);
        }
    }
    let earlier = json!({"to": {"phone": PERSON}, "text": "hi"});
    let (_, earlier) = tell(&stack, &mine, "/messages", &earlier).await;
    let answer = json!({"message": {"type": "text", "text": {"body": "yes"},
        "context": {"message_id": earlier["wamid"]}}});
    assert_eq!(
        tell(&stack, &mine, "/messages/preview", &answer).await.0,
        200
    );
    let (status, problem) = tell(&stack, &theirs, "/messages/preview", &answer).await;
    assert_eq!(status, 422, "{problem}");
    assert_eq!(
        faults(&problem),
        ["/message/context/message_id is not an id of ours"]
    );
}

#[tokio::test]
async fn no_token_is_made_for_an_app_or_a_sender_that_is_not_configured() {
    let stack = Stack::start().await;
    for (args, said) in [
        (["--app", "nobody"], "use one of: default, 670843887433847"),
        (["--sender", "999"], "it has: 106540352242922"),
    ] {
        let all = [&["token", "create", "--name", "x"][..], &args].concat();
        let output = stack.command(&all).output().expect("token create");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && told.contains(said), "{told}");
        assert!(output.stdout.is_empty());
    }
}

#[tokio::test]
async fn a_token_whose_app_left_the_configuration_opens_nothing() {
    let mut options = Options::default();
    options.sections += "[[app]]\nid = \"leaving\"\n";
    let mut stack = Stack::start_with(options).await;
    let args = ["token", "create", "--name", "x", "--app", "leaving"];
    let output = stack.command(&args).output().expect("token create");
    let token = String::from_utf8(output.stdout).unwrap();
    let token = token.trim();
    assert_eq!(ask(&stack, token, Method::GET, "/routes").await.0, 200);
    stack.kill();
    let path = stack.folder.path().join("holdline.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("[[app]]\nid = \"leaving\"", "")).unwrap();
    stack.serve().await;
    assert_eq!(get(&stack, "/routes").await.0, 200);
    assert_eq!(ask(&stack, token, Method::GET, "/routes").await.0, 401);
    assert_eq!(ask(&stack, token, Method::GET, "/contacts").await.0, 401);
}

#[tokio::test]
async fn mail_addresses_beyond_ascii_are_refused_with_a_mend() {
    let stack = Stack::start().await;
    for value in ["j\u{f6}rg@example.com", "ada@b\u{fc}cher.example"] {
        let body = json!({"to": {"email": value}, "text": "hi"});
        let (status, problem) = post(&stack, "/messages", &body).await;
        assert_eq!(status, 422, "{problem}");
        assert_eq!(
            faults(&problem),
            ["/to/email has characters that not every mail server takes"]
        );
    }
}

#[tokio::test]
async fn a_template_that_is_paused_is_refused_before_anything_is_stored() {
    let mut stack = Stack::start().await;
    stack.kill();
    stack.outage("template_paused");
    stack.serve().await;
    let template = json!({"name": "hello_world", "language": {"code": "en_US"}});
    let body = json!({"to": {"phone": PERSON},
        "message": {"type": "template", "template": template}});
    let problem = until("the paused template", async || {
        let (status, problem) = post(
            &stack,
            "/messages/preview",
            &json!({"message": body["message"]}),
        )
        .await;
        (status == 422).then_some(problem)
    })
    .await;
    let expect = ["/message/template/name is paused, not approved"];
    assert_eq!(faults(&problem), expect);
    let (status, problem) = post(&stack, "/messages", &body).await;
    assert_eq!(
        (status, faults(&problem)),
        (422, expect.map(String::from).into())
    );
    let mut planned = json!({"to": {"phone": PERSON}, "text": "hi"});
    planned["plan"] = json!([{"channel": "whatsapp", "template": "hello_world"}]);
    let (_, problem) = post(&stack, "/messages", &planned).await;
    assert_eq!(
        faults(&problem),
        ["/plan/0/template is paused, not approved"]
    );
}
