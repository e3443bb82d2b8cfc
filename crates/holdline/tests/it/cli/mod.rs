//! The command line against a running server: what each command prints for people and for
//! programs, and with which exit code it ends.

mod doctor;
mod local;
mod migrate;
mod stop;
mod store;

use crate::scenarios::{quick, until_ended, until_health};
use crate::stack::{Stack, free_address, until_true};
use serde_json::{Value, json};
use std::process::Output;

const PERSON: &str = "+16505555001";

/// Exit code and standard output; the command must not have been killed.
fn run(stack: &Stack, args: &[&str]) -> (i32, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = stack.command(args).output().expect("holdline runs");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (
        status.code().expect("an exit code"),
        text(stdout),
        text(stderr),
    )
}

/// The same with `--json`: exactly one value comes.
fn run_json(stack: &Stack, args: &[&str]) -> (i32, Value) {
    let (code, out, err) = run(stack, &[&["--json"], args].concat());
    let value = serde_json::from_str(&out);
    (
        code,
        value.unwrap_or_else(|error| panic!("{args:?}: {error}: {out:?} {err}")),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn send_waits_on_request_and_tells_how_it_ended() {
    let stack = Stack::start_with(quick()).await;
    let (code, out, err) = run(&stack, &["send", "--to", PERSON, "--text", "hi", "--wait"]);
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    let (id, state) = out.trim().split_once(' ').expect("id and state");
    assert_eq!((id.len(), state), (32, "delivered"));
    let key = [
        "send",
        "--to",
        PERSON,
        "--text",
        "once",
        "--idempotency-key",
        "k1",
    ];
    let (code, first) = run_json(&stack, &key);
    let (_, again) = run_json(&stack, &key);
    assert_eq!((code, &first["id"]), (0, &again["id"]));
    assert!(
        first["wamid"]
            .as_str()
            .is_some_and(|it| it.starts_with("wamid.")),
        "{first}"
    );
    let by_sms = [
        "send",
        "--to",
        PERSON,
        "--text",
        "by sms",
        "--channels",
        "sms",
        "--wait",
    ];
    let (code, sent) = run_json(&stack, &by_sms);
    assert_eq!((code, &sent["channel"]), (0, &json!("sms")), "{sent}");
    let texts: Vec<_> = stack
        .received(PERSON)
        .into_iter()
        .map(|(_, text)| text)
        .collect();
    assert_eq!(
        texts.iter().filter(|text| *text == "once").count(),
        1,
        "{texts:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn send_fails_with_a_reason() {
    let stack = Stack::start_with(quick()).await;
    let (code, out, err) = run(&stack, &["send", "--to", "+1", "--text", "hi"]);
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(
        err.contains("(422)") && err.contains("/to/phone") && err.contains("fix: "),
        "{err}"
    );
    let (code, ..) = run(&stack, &["send", "--to", PERSON]);
    assert_eq!(code, 2, "a text or a template is needed");
    let (code, ..) = run(
        &stack,
        &["send", "--to", PERSON, "--text", "x", "--priority", "soon"],
    );
    assert_eq!(code, 2);
    let wrong = ["send", "--to", PERSON, "--text", "hi", "--token", "wrong"];
    let (code, _, err) = run(&stack, &wrong);
    assert!(code == 1 && err.contains("(401)"), "{code} {err}");
    let nowhere = format!("http://{}", free_address());
    let (code, _, err) = run(
        &stack,
        &["send", "--to", PERSON, "--text", "hi", "--url", &nowhere],
    );
    assert_eq!(code, 3, "{err}");
    assert!(
        err.contains("no server answers") && err.contains("fix: "),
        "{err}"
    );
    let (code, _, err) = run(&stack, &["routes", "--url", "nonsense"]);
    assert_eq!(code, 2, "{err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_moved_is_listed_shown_and_explained() {
    let stack = Stack::start_with(quick()).await;
    stack.outage("server_errors");
    let wamid = stack.send_text(PERSON, "hi").await;
    let message = until_ended(&stack, &wamid).await;
    let id = message["id"].as_str().expect("an id");
    let (code, page) = run_json(&stack, &["messages", "list"]);
    assert_eq!(
        (code, &page["data"][0]["id"]),
        (0, &message["id"]),
        "{page}"
    );
    let (_, none) = run_json(&stack, &["messages", "list", "--state", "failed"]);
    assert_eq!(none["data"], json!([]));
    let (code, out, _) = run(&stack, &["messages", "list", "--state", "delivered"]);
    assert_eq!(code, 0);
    assert!(
        out.contains("MESSAGE") && out.contains(id) && out.contains("sms"),
        "{out}"
    );
    for name in [id, &wamid] {
        let (code, shown) = run_json(&stack, &["messages", "show", name]);
        assert_eq!((code, &shown), (0, &message));
    }
    let (code, told, _) = run(&stack, &["messages", "explain", id]);
    assert_eq!(code, 0);
    for part in [
        "whatsapp",
        "rejected",
        "platform",
        "failed_over",
        "sms",
        "accepted",
        "delivered",
    ] {
        assert!(told.contains(part), "no {part} in\n{told}");
    }
    let (code, explained) = run_json(&stack, &["messages", "explain", id]);
    assert_eq!((code, explained["timeline"].is_object()), (0, true));
    let (code, _, err) = run(&stack, &["messages", "show", &"0".repeat(32)]);
    assert!(code == 1 && err.contains("(404)"), "{code} {err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn long_lists_name_the_option_that_goes_on() {
    let stack = Stack::start_with(quick()).await;
    for number in 0..3 {
        stack.send_text(PERSON, &format!("message {number}")).await;
    }
    let (_, out, _) = run(&stack, &["messages", "list", "--limit", "2"]);
    let more = out
        .lines()
        .last()
        .expect("lines")
        .strip_prefix("more: ")
        .expect("an option");
    let (option, value) = more.split_once(' ').expect("with a value");
    let (_, rest) = run_json(&stack, &["messages", "list", option, value]);
    assert_eq!(rest["data"].as_array().map(Vec::len), Some(1), "{rest}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_people_is_imported_but_for_its_bad_lines() {
    let stack = Stack::start_with(quick()).await;
    let list = "name;whatsapp;email\n\
                Ann;+1 650 555 5101;ann@people.test\n\
                Bob;12;bob@people.test\n\
                Cleo;+1 650 555 5102;not a mailbox\n\
                Dan;+1 650 555 5103;\n";
    std::fs::write(stack.folder.path().join("people.csv"), list).expect("written");
    let (code, out, _) = run(&stack, &["contacts", "import", "people.csv"]);
    assert_eq!(code, 1, "bad lines do not pass unseen: {out}");
    assert!(
        out.starts_with("2 imported, 0 updated, 0 unchanged, 2 bad\n"),
        "{out}"
    );
    for (line, column) in [("3", "whatsapp"), ("4", "email")] {
        let row = out.lines().find(|row| row.trim_start().starts_with(line));
        assert!(
            row.is_some_and(|row| row.contains(column)),
            "line {line} in\n{out}"
        );
    }
    assert!(
        !out.contains("not a mailbox"),
        "what stood in a bad line is not repeated:\n{out}"
    );
    let (code, again) = run_json(&stack, &["contacts", "import", "people.csv"]);
    assert_eq!(
        (code, &again["unchanged"], &again["bad"]),
        (1, &json!(2), &json!(2)),
        "{again}"
    );
    assert_eq!(again["faults"][0]["line"], 3);
    let (code, page) = run_json(&stack, &["contacts", "list"]);
    assert_eq!(
        (code, page["data"].as_array().map(Vec::len)),
        (0, Some(2)),
        "{page}"
    );
    let ann = page["data"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|it| it["name"] == "Ann");
    let id = ann.expect("Ann")["id"].as_str().expect("an id");
    let (code, shown) = run_json(&stack, &["contacts", "show", id]);
    assert_eq!(
        (code, &shown["addresses"][0]["value"]),
        (0, &json!("+16505555101")),
        "{shown}"
    );
    let (code, out, _) = run(&stack, &["contacts", "list"]);
    assert!(
        code == 0 && out.contains("CONTACT") && out.contains("Ann"),
        "{out}"
    );
    let (code, sent) = run_json(&stack, &["send", "--to", id, "--text", "hi", "--wait"]);
    assert_eq!((code, &sent["state"]), (0, &json!("delivered")));
    let (code, _, err) = run(&stack, &["contacts", "import", "missing.csv"]);
    assert!(
        code == 1 && err.contains("missing.csv cannot be read"),
        "{code} {err}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn routes_show_health_and_why() {
    let stack = Stack::start_with(quick()).await;
    let (code, page) = run_json(&stack, &["routes"]);
    assert_eq!(code, 0);
    let health = |page: &Value, channel: &str| {
        let found = page["data"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|it| it["channel"] == channel);
        found.unwrap_or_else(|| panic!("no {channel} in {page}"))["health"].clone()
    };
    for channel in ["whatsapp", "sms", "email"] {
        assert_eq!(health(&page, channel), "up");
    }
    stack.outage("server_errors");
    for number in 0..8 {
        stack.send_text(&format!("+1650555520{number}"), "hi").await;
    }
    until_health(&stack, "whatsapp", "down").await;
    let (_, page) = run_json(&stack, &["routes"]);
    assert_eq!(health(&page, "whatsapp"), "down");
    let (code, out, _) = run(&stack, &["routes"]);
    let row = out
        .lines()
        .find(|row| row.contains("whatsapp"))
        .expect("a row");
    assert!(
        code == 0 && out.contains("HEALTH") && row.contains("down"),
        "{out}"
    );
    stack.mend();
    until_true("all arrive", || stack.sandbox.ledger(0, 100).len() >= 8).await;
}
