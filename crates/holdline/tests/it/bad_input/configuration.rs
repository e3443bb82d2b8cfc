//! A configuration with several mistakes: all are named at once, each with its place and how to
//! mend it, and no server starts.

use serde_json::Value;
use std::process::{Command, Output};

const WRONG: &str = r#"[http]
listen = "everywhere"
body_max_bytes = 12

[failover]
order = ["whatsapp", "pigeon"]
tries_max = "many"

[emial]
enabled = true
"#;

/// Place, key, what is wrong, how to mend it.
const MISTAKES: [(&str, &str, &str, &str); 5] = [
    (
        "2:1",
        "http.listen",
        "is not an address with a port",
        "write an address with a port",
    ),
    (
        "3:1",
        "http.body_max_bytes",
        "is out of range",
        "choose a number from 65536",
    ),
    (
        "6:1",
        "failover.order",
        "names `pigeon`, which is no channel",
        "choose among whatsapp, sms",
    ),
    (
        "7:1",
        "failover.tries_max",
        "is not a whole number",
        "write a whole number",
    ),
    ("9:2", "emial", "unknown section", "did you mean `email`?"),
];

fn holdline(folder: &std::path::Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_holdline"));
    let command = command.current_dir(folder).env_clear();
    command
        .args(["--config", "wrong.toml"])
        .args(args)
        .output()
        .expect("holdline runs")
}

#[test]
fn five_mistakes_are_told_at_once_with_their_lines_and_how_to_mend_them() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("wrong.toml"), WRONG).expect("written");
    let output = holdline(folder.path(), &["config", "check"]);
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(
        text.starts_with("the configuration has 5 mistakes\n"),
        "{text}"
    );
    for (at, key, what, mend) in MISTAKES {
        let head = format!("wrong.toml:{at}: {key}: {what}");
        let found = text
            .split_once(&head)
            .unwrap_or_else(|| panic!("no `{head}` in\n{text}"));
        let rest = found.1.lines().nth(1).unwrap_or_default();
        assert!(
            rest.trim_start().starts_with(&format!("fix: {mend}")),
            "{head}: {rest}"
        );
    }
}

#[test]
fn the_same_mistakes_come_as_one_json_value() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("wrong.toml"), WRONG).expect("written");
    let output = holdline(folder.path(), &["--json", "config", "check"]);
    assert_eq!(output.status.code(), Some(2));
    let value: Value = serde_json::from_slice(&output.stdout).expect("one JSON value");
    assert_eq!(value["ok"], false);
    let faults = value["faults"].as_array().expect("faults");
    assert_eq!(faults.len(), MISTAKES.len(), "{value}");
    for ((at, key, what, mend), fault) in MISTAKES.iter().zip(faults) {
        assert_eq!(fault["at"], format!("wrong.toml:{at}"));
        assert_eq!(fault["key"], *key);
        assert!(
            fault["what"]
                .as_str()
                .is_some_and(|it| it.starts_with(what)),
            "{fault}"
        );
        assert!(
            fault["fix"].as_str().is_some_and(|it| it.starts_with(mend)),
            "{fault}"
        );
    }
}

#[test]
fn no_server_starts_with_a_wrong_configuration() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("wrong.toml"), WRONG).expect("written");
    let output = holdline(folder.path(), &["serve"]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).expect("text");
    for (at, key, ..) in MISTAKES {
        assert!(
            said.contains(&format!("wrong.toml:{at}: {key}: ")),
            "{said}"
        );
    }
    let left: Vec<_> = std::fs::read_dir(folder.path())
        .expect("a folder")
        .collect();
    assert_eq!(left.len(), 1, "nothing was made: {left:?}");
}
