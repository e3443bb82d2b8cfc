//! Commands that need no running server: tokens, the configuration, completions.

use super::{run, run_json};
use crate::stack::{APP_ID, APP_SECRET, Options, Stack};
use serde_json::{Value, json};
use std::process::Command;

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_made_listed_and_revoked() {
    let stack = Stack::start().await;
    let made = [
        "token",
        "create",
        "--name",
        "shop",
        "--app",
        APP_ID,
        "--sender",
        stack.phone_id,
    ];
    let (code, out, err) = run(&stack, &made);
    assert_eq!(code, 0, "{err}");
    let token = out.trim();
    assert!(
        token.starts_with("hl_") && !token.contains(char::is_whitespace),
        "{out}"
    );
    assert!(
        !err.contains(token),
        "the token stands on the standard output alone"
    );
    let (_, second) = run_json(&stack, &["token", "create", "--name", "till"]);
    assert_eq!(
        (&second["name"], &second["senders"]),
        (&json!("till"), &json!([]))
    );
    assert!(second["token"].as_str().is_some_and(|it| it != token));
    let (code, listed, _) = run(&stack, &["token", "list"]);
    assert!(
        code == 0 && listed.contains("shop") && listed.contains(stack.phone_id),
        "{listed}"
    );
    assert!(!listed.contains(token), "a token is shown once");
    let (_, tokens) = run_json(&stack, &["token", "list"]);
    let found = tokens
        .as_array()
        .into_iter()
        .flatten()
        .find(|it| it["name"] == "shop");
    let id = found.expect("listed")["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let (code, routes) = run_json(&stack, &["routes", "--token", token]);
    assert_eq!((code, routes["data"].is_array()), (0, true));
    let (code, revoked) = run_json(&stack, &["token", "revoke", &id]);
    assert_eq!((code, &revoked["id"]), (0, &json!(id)));
    let (code, _, err) = run(&stack, &["routes", "--token", token]);
    assert!(code == 1 && err.contains("(401)"), "{code} {err}");
    let (code, _, err) = run(&stack, &["token", "revoke", "tok_unknown"]);
    assert!(code == 1 && err.contains("tok_unknown"), "{code} {err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn config_show_tells_origins_and_masks_secrets() {
    let options = Options {
        env: vec![
            ("HOLDLINE_EMAIL_USERNAME".into(), "me".into()),
            ("HOLDLINE_EMAIL_PASSWORD".into(), "hunter2".into()),
        ],
        ..Options::default()
    };
    let stack = Stack::start_with(options).await;
    let (code, shown, _) = run(&stack, &["config", "show"]);
    assert_eq!(code, 0);
    for secret in [
        "hunter2",
        APP_SECRET,
        "sandbox-token",
        "sandbox-auth-token",
        "verify-token",
    ] {
        assert!(!shown.contains(secret), "{secret} is printed");
    }
    assert!(
        shown.contains("password = \"[set]\"  # HOLDLINE_EMAIL_PASSWORD"),
        "{shown}"
    );
    let (code, value) = run_json(&stack, &["config", "show"]);
    assert_eq!(code, 0);
    assert_eq!(value["email.username"]["value"], "me");
    assert_eq!(value["sms.enabled"]["value"], true);
    assert!(!value.to_string().contains("hunter2"));
    let (code, checked) = run_json(&stack, &["config", "check"]);
    assert_eq!((code, checked), (0, json!({"ok": true, "faults": []})));
    let (code, out, _) = run(&stack, &["config", "check"]);
    assert_eq!((code, out.trim()), (0, "the configuration is sound"));
}

fn holdline(args: &[&str], env: &[(&str, &str)]) -> (i32, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(env!("CARGO_BIN_EXE_holdline"));
    command
        .current_dir(folder.path())
        .env_clear()
        .envs(env.iter().copied());
    let output = command.args(args).output().expect("holdline runs");
    let text = String::from_utf8(output.stdout).expect("text");
    (output.status.code().expect("an exit code"), text)
}

#[test]
fn the_reference_is_a_configuration_that_is_sound() {
    let (code, text) = holdline(&["config", "reference"], &[]);
    assert_eq!(code, 0);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("reference.toml");
    std::fs::write(&path, text).expect("written");
    let path = path.display().to_string();
    let (code, said) = holdline(&["--config", &path, "config", "check"], &[]);
    assert_eq!(code, 0, "{said}");
    let (code, value) = holdline(&["--json", "config", "reference"], &[]);
    assert_eq!(code, 0);
    let value: Value = serde_json::from_str(&value).expect("one JSON value");
    let keys = value.as_array().expect("keys");
    let listen = keys
        .iter()
        .find(|it| it["variable"] == "HOLDLINE_HTTP_LISTEN")
        .expect("a key");
    assert_eq!(
        (&listen["section"], &listen["key"]),
        (&json!("http"), &json!("listen"))
    );
}

#[test]
fn completions_come_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let (code, script) = holdline(&["completions", shell], &[]);
        assert_eq!(code, 0, "{shell}");
        for command in ["serve", "messages", "contacts", "doctor"] {
            assert!(script.contains(command), "{shell}: {command}");
        }
    }
    let (code, value) = holdline(&["--json", "completions", "bash"], &[]);
    let value: Value = serde_json::from_str(&value).expect("one JSON value");
    assert_eq!((code, &value["shell"]), (0, &json!("bash")));
    assert_eq!(holdline(&["completions", "tcl"], &[]).0, 2);
}

#[test]
fn wrong_usage_ends_with_2_and_a_missing_file_is_named() {
    assert_eq!(holdline(&["sned"], &[]).0, 2);
    assert_eq!(holdline(&[], &[]).0, 2);
    assert_eq!(holdline(&["--help"], &[]).0, 0);
    assert_eq!(holdline(&["--version"], &[]).0, 0);
    let (code, said) = holdline(&["config", "check"], &[("HOLDLINE_CONFIG", "missing.toml")]);
    assert_eq!(code, 2);
    assert!(said.contains("missing.toml:1:1: cannot be read"), "{said}");
}
