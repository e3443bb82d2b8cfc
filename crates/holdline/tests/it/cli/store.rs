//! Care of the database beside a running server: looked over, backed up, and restored to an
//! instant after a crash.

use super::{run, run_json};
use crate::scenarios::{quick, until_ended};
use crate::stack::{Stack, until};
use serde_json::json;

const PERSON: &str = "+16505555002";

#[tokio::test(flavor = "multi_thread")]
async fn a_store_is_looked_over_and_mended_while_it_is_used() {
    let stack = Stack::start_with(quick()).await;
    let id = stack.send_text(PERSON, "hello").await;
    until_ended(&stack, &id).await;
    let (code, report) = run_json(&stack, &["store", "check"]);
    assert_eq!((code, &report["sound"]), (0, &json!(true)), "{report}");
    assert_eq!(report["rows"]["message"], 1);
    assert_eq!(report["open"], 0);
    let (code, out, err) = run(&stack, &["store", "check"]);
    assert!(code == 0 && out.starts_with("sound\n"), "{out}{err}");
    let missing = ["store", "check", "--config", "none.toml"];
    assert_eq!(
        run(&stack, &missing).0,
        2,
        "a configuration that is not there"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_not_there_cannot_be_looked_at() {
    let mut stack = Stack::start_with(quick()).await;
    stack.stop().await;
    std::fs::remove_dir_all(stack.folder.path().join("data")).expect("removed");
    let (code, out, err) = run(&stack, &["store", "check"]);
    assert_eq!((code, out.as_str()), (2, ""), "{err}");
    assert!(err.contains("there is no database at"), "{err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_is_made_beside_a_server_and_restored_only_without_it() {
    let mut stack = Stack::start_with(quick()).await;
    let first = stack.send_text(PERSON, "first").await;
    until_ended(&stack, &first).await;
    let (code, made) = run_json(&stack, &["backup", "--to", "backups"]);
    assert_eq!((code, &made["rows"]["message"]), (0, &json!(1)), "{made}");
    let second = stack.send_text(PERSON, "second").await;
    until_ended(&stack, &second).await;
    let restore = ["restore", "--from", "backups", "--replace"];
    let (code, _, err) = run(&stack, &restore);
    assert!(code == 1 && err.contains("in use"), "{code} {err}");
    stack.stop().await;
    let (code, _, err) = run(&stack, &restore[..3]);
    assert!(code == 1 && err.contains("--replace"), "{code} {err}");
    let (code, restored) = run_json(&stack, &restore);
    assert_eq!(
        (code, &restored["rows"]["message"]),
        (0, &json!(1)),
        "{restored}"
    );
    stack.serve().await;
    assert_eq!(stack.message(&first).await["state"], "delivered");
    assert!(stack.message(&second).await["state"].is_null());
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_crash_the_state_of_any_instant_comes_back() {
    let options = quick()
        .with("backup", "folder = \"kept\"")
        .with("backup", "every_s = 1");
    let mut stack = Stack::start_with(options).await;
    let gauge = "holdline_backup_changes_timestamp_seconds ";
    let first = stack.send_text(PERSON, "first").await;
    until_ended(&stack, &first).await;
    let between = until_safe(&stack, gauge, 0.0).await;
    let second = stack.send_text(PERSON, "second").await;
    until_ended(&stack, &second).await;
    until_safe(&stack, gauge, between + 2.0).await;
    stack.kill();
    let at = ["--at", &rfc3339(between)];
    let restore = ["restore", "--from", "kept", "--replace"];
    let (code, old) = run_json(&stack, &[&restore[..], &at].concat());
    assert_eq!((code, &old["rows"]["message"]), (0, &json!(1)), "{old}");
    let (code, new) = run_json(&stack, &restore);
    assert_eq!((code, &new["rows"]["message"]), (0, &json!(2)), "{new}");
    stack.serve().await;
    assert_eq!(stack.message(&second).await["state"], "delivered");
    let (code, report) = run_json(&stack, &["store", "check"]);
    assert_eq!(code, 0, "{report}");
}

/// Waits until changes are safe that were made after `since`; gives until when.
async fn until_safe(stack: &Stack, gauge: &str, since: f64) -> f64 {
    let begun = std::time::SystemTime::now();
    let begun = begun.duration_since(std::time::UNIX_EPOCH).expect("a time");
    let least = since.max(begun.as_secs_f64()) + 1.5;
    until("the changes are in the backup", || async {
        let url = format!("{}/metrics", stack.url);
        let answer = stack.http.get(url).send().await.ok()?;
        let text = answer.text().await.ok()?;
        let line = text.lines().find_map(|it| it.strip_prefix(gauge))?;
        let safe: f64 = line.parse().ok()?;
        (safe > least).then_some(safe)
    })
    .await
}

/// The second of an instant, as `--at` takes it.
fn rfc3339(seconds: f64) -> String {
    let output = std::process::Command::new("date")
        .args([
            "-u",
            "-d",
            &format!("@{seconds:.3}"),
            "+%Y-%m-%dT%H:%M:%S.%3NZ",
        ])
        .output();
    let output = output.expect("date runs").stdout;
    String::from_utf8(output).expect("text").trim().to_owned()
}
