//! The commands that talk to a running server, as a person at a terminal uses them.

use super::*;
use serde_json::json;
use std::process::Output;

/// Runs a command beside the runtime, which has webhooks to take meanwhile.
async fn run(stack: &Stack, args: &[&str]) -> (i32, String, String) {
    let mut command = stack.command(args);
    let output: Output = tokio::task::spawn_blocking(move || command.output())
        .await
        .unwrap()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.code().unwrap(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

async fn json_of(stack: &Stack, args: &[&str]) -> Value {
    let (code, out, err) = run(stack, &[&["--json"], args].concat()).await;
    assert_eq!(code, 0, "{args:?}: {err}");
    serde_json::from_str(&out).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_sent_waited_for_and_explained() {
    let stack = Stack::start().await;
    let sent = json_of(
        &stack,
        &[
            "send",
            "--to",
            PERSON,
            "--text",
            "from a terminal",
            "--wait",
        ],
    )
    .await;
    assert_eq!(sent["state"], "delivered", "{sent}");
    let id = sent["id"].as_str().unwrap();
    let (code, out, _) = run(&stack, &["messages", "explain", id]).await;
    assert_eq!(code, 0);
    assert!(out.contains("attempt") && out.contains("accepted"), "{out}");
    assert!(out.contains("decision"), "{out}");
    let (_, list, _) = run(&stack, &["messages", "list"]).await;
    assert!(list.contains(id) && list.contains("delivered"), "{list}");
    let shown = json_of(
        &stack,
        &["messages", "show", sent["wamid"].as_str().unwrap()],
    )
    .await;
    assert_eq!(shown["id"], id);
    let routes = json_of(&stack, &["routes"]).await;
    assert_eq!(routes["data"].as_array().unwrap().len(), 3, "{routes}");
    let (_, table, _) = run(&stack, &["routes"]).await;
    assert!(
        table.contains("HEALTH") && table.contains("whatsapp/"),
        "{table}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_imported_and_its_bad_lines_are_told() {
    let stack = Stack::start().await;
    let file = stack.folder.path().join("people.csv");
    std::fs::write(&file, "name,sms\nAda,+16505551234\nBob,call me\n").unwrap();
    let path = file.to_str().unwrap();
    let (code, out, err) = run(&stack, &["contacts", "import", path]).await;
    assert_eq!(code, 1, "{err}");
    assert!(
        out.starts_with("1 imported, 0 updated, 0 unchanged, 1 bad\n"),
        "{out}"
    );
    assert!(out.contains("LINE") && out.contains("sms"), "{out}");
    std::fs::write(&file, "name,sms\nAda,+16505551234\n").unwrap();
    let report = json_of(&stack, &["contacts", "import", path]).await;
    assert_eq!(
        (&report["unchanged"], &report["faults"]),
        (&json!(1), &json!([]))
    );
    let (_, list, _) = run(&stack, &["contacts", "list"]).await;
    assert!(list.contains("Ada") && list.contains("sms"), "{list}");
    let people = json_of(&stack, &["contacts", "list"]).await;
    let id = people["data"][0]["id"].as_str().unwrap();
    assert_eq!(
        json_of(&stack, &["contacts", "show", id]).await["name"],
        "Ada"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_failure_has_its_exit_code_and_says_how_to_mend_it() {
    let stack = Stack::start().await;
    let (code, _, err) = run(&stack, &["messages", "show", "nothing"]).await;
    assert_eq!(code, 1);
    assert!(err.contains("there is no such message"), "{err}");
    let (code, _, err) = run(&stack, &["send", "--to", "me", "--text", "x"]).await;
    assert_eq!(code, 1);
    assert!(err.contains("/to/phone") && err.contains("fix:"), "{err}");
    assert_eq!(run(&stack, &["send"]).await.0, 2);
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let (code, _, err) = run(&stack, &["routes", "--url", &format!("http://{free}")]).await;
    assert_eq!(code, 3);
    assert!(err.contains("fix:"), "{err}");
}
