//! A store that moves to PostgreSQL by command: beside its server, after it, and what is refused
//! then.

use super::{run, run_json};
use crate::scenarios::{quick, until_ended};
use crate::stack::Stack;
use holdline_servers::Postgres;
use serde_json::{Value, json};

const PERSON: &str = "+16505555003";
const MOVE: [&str; 2] = ["migrate", "sqlite-to-postgres"];
const URL: &str = "HOLDLINE_STORAGE_URL";

fn result(findings: &Value, check: &str) -> String {
    let mut all = findings.as_array().into_iter().flatten();
    let found = all.find(|it| it["check"] == check);
    let found = found.unwrap_or_else(|| panic!("no {check} in {findings:#}"));
    found["result"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_moves_by_command_and_is_left_behind() {
    let database = tokio::task::block_in_place(Postgres::start);
    let name = database.new_database();
    let url = database.url(&name);
    let mut stack = Stack::start_with(quick()).await;
    let first = stack.send_text(PERSON, "before").await;
    until_ended(&stack, &first).await;
    let to = [&MOVE[..], &["--to", &url]].concat();

    let (code, _, err) = run(&stack, &MOVE);
    assert!(code == 2 && err.contains("--to is missing"), "{code} {err}");
    let (code, out, err) = run(&stack, &to);
    assert!(code == 0 && out.contains("stop the server"), "{out}{err}");
    stack.stop().await;
    let (code, moved) = run_json(&stack, &to);
    assert_eq!((code, &moved["state"]), (0, &json!("ready")), "{moved:#}");
    let message = moved["tables"].as_array().into_iter().flatten();
    let message = message.clone().find(|it| it["table"] == "message");
    let message = message.expect("its table");
    assert_eq!(message["source"], message["target"], "{message}");
    assert_eq!(message["source"]["rows"], 1, "{message}");

    let (code, _, err) = run(&stack, &["serve"]);
    assert!(code == 1 && err.contains("was moved"), "{code} {err}");
    let check = [&to[..], &["--check"]].concat();
    assert_eq!(run_json(&stack, &check).1["state"], "same");
    database.sql(&name, "UPDATE message SET kind = kind || '!'");
    let (code, differs) = run_json(&stack, &check);
    assert_eq!((code, &differs["differs"]), (1, &json!(["message"])));
    let (code, out, _) = run(&stack, &check);
    assert!(code == 1 && out.contains("differs in: message"), "{out}");
    database.sql(&name, "UPDATE message SET kind = rtrim(kind, '!')");

    stack.set_env(URL, &url);
    let (_, findings) = run_json(&stack, &["doctor"]);
    for check in [
        "database",
        "database encoding",
        "database schema",
        "database rights",
    ] {
        assert_eq!(result(&findings, check), "ok", "{findings:#}");
    }
    assert_eq!(result(&findings, "database standby"), "warning");
    assert_eq!(result(&findings, "database sync"), "failed", "fsync is off");
    stack.serve().await;
    assert_eq!(stack.message(&first).await["state"], "delivered");
    let second = stack.send_text(PERSON, "after").await;
    assert_eq!(until_ended(&stack, &second).await["state"], "delivered");
    let undo = [&MOVE[..], &["--from", "sqlite:data/holdline.db", "--undo"]].concat();
    let (code, _, err) = run(&stack, &undo);
    assert!(code == 1 && err.contains("sent again"), "{code} {err}");
}
