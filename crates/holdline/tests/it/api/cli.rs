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

#[tokio::test(flavor = "multi_thread")]
async fn a_route_is_held_forced_and_released_and_the_audit_tells_of_it() {
    let stack = Stack::start().await;
    let route = format!("whatsapp/{}/all", stack.phone_id);
    let why = ["--reason", "a fibre is mended"];
    let said = |verb: &[&str], rest: &[&str]| -> Vec<String> {
        let all = [&["route"], verb, &[route.as_str()], &why, rest].concat();
        all.into_iter().map(str::to_owned).collect()
    };
    let ask = async |args: Vec<String>| {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        run(&stack, &args).await
    };
    let (code, out, err) = ask(said(&["hold"], &["--for", "30m"])).await;
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.starts_with(&format!("{route} hold until 20")), "{out}");
    let (_, table, _) = run(&stack, &["routes"]).await;
    assert!(
        table.contains("HOLD") && table.contains("hold until"),
        "{table}"
    );
    let (code, out, _) = ask(said(&["force"], &["--state", "down", "--for", "1h"])).await;
    assert_eq!(code, 0);
    assert!(out.starts_with(&format!("{route} down until 20")), "{out}");
    let (code, out, _) = ask(said(&["release"], &[])).await;
    assert_eq!((code, out), (0, format!("{route} released\n")));
    let (code, _, err) = ask(said(&["release"], &[])).await;
    assert_eq!(code, 1);
    assert!(err.contains("is not held") && err.contains("fix:"), "{err}");
    assert_eq!(ask(said(&["hold"], &[])).await.0, 2);
    let (code, _, err) = ask(said(&["hold"], &["--for", "soon"])).await;
    assert!(code == 1 && err.contains("/for"), "{code} {err}");
    let page = json_of(&stack, &["audit"]).await;
    let actions = page["data"].as_array().unwrap().iter();
    let actions: Vec<&str> = actions.map(|it| it["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["route.release", "route.hold", "route.hold"]);
    let (_, table, _) = run(&stack, &["audit", "--limit", "1"]).await;
    assert!(table.contains("a fibre is mended"), "{table}");
    assert!(table.contains("more: --before "), "{table}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_is_listed_and_told_as_a_timeline() {
    let stack = Stack::start_with(crate::scenarios::quick()).await;
    let (code, none, _) = run(&stack, &["outages"]).await;
    assert_eq!(code, 0, "{none}");
    stack.outage("server_errors");
    for n in 0..8 {
        let body = json!({"to": {"phone": format!("+1650555400{n}")}, "text": "x"});
        send(&stack, &body).await;
    }
    let outage = until("the outage", async || {
        let page = json_of(&stack, &["outages", "list"]).await;
        page["data"].get(0).cloned()
    })
    .await;
    let id = outage["id"].as_str().unwrap();
    let (_, list, _) = run(&stack, &["outages"]).await;
    assert!(list.contains("OUTAGE") && list.contains(id), "{list}");
    let (code, told, _) = run(&stack, &["outages", "show", id]).await;
    assert_eq!(code, 0);
    for part in [
        id,
        "onset",
        "degraded",
        "down",
        "nats",
        "observations",
        "moved:",
    ] {
        assert!(told.contains(part), "no {part} in\n{told}");
    }
    let (_, routes, _) = run(&stack, &["routes"]).await;
    assert!(
        routes.contains(" nats by ") && routes.contains("noticed after"),
        "{routes}"
    );
    assert_eq!(json_of(&stack, &["outages", "show", id]).await["id"], id);
    let (code, _, err) = run(&stack, &["outages", "show", "x"]).await;
    assert!(code == 1 && err.contains("(404)"), "{code} {err}");
}
