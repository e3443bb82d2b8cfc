//! `doctor`: what is wrong with an installation is found before the first message is lost.

use super::{run, run_json};
use crate::stack::{Options, Stack, free_address};
use serde_json::Value;

/// The finding of a check.
fn finding<'a>(findings: &'a Value, check: &str) -> &'a Value {
    let found = findings
        .as_array()
        .into_iter()
        .flatten()
        .find(|it| it["check"] == check);
    found.unwrap_or_else(|| panic!("no check `{check}` in {findings:#}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sound_installation_passes() {
    let stack = Stack::start().await;
    let (code, findings) = run_json(&stack, &["doctor"]);
    assert_eq!(code, 0, "{findings:#}");
    for check in [
        "configuration",
        "database folder",
        "channels",
        "WhatsApp token",
    ] {
        assert_eq!(finding(&findings, check)["result"], "ok", "{findings:#}");
    }
    let (code, out, _) = run(&stack, &["doctor"]);
    assert!(
        code == 0 && out.contains("CHECK") && out.contains("WhatsApp token"),
        "{out}"
    );
    let (code, findings) = run_json(&stack, &["doctor", "--offline"]);
    assert_eq!(code, 0);
    assert!(
        !findings.to_string().contains("WhatsApp token"),
        "no provider is asked"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_the_provider_refuses_is_found() {
    let mut options = Options::default();
    options.env.push((
        "HOLDLINE_WHATSAPP_ACCESS_TOKEN".into(),
        "expired-token".into(),
    ));
    let stack = Stack::start_with(options).await;
    let (code, findings) = run_json(&stack, &["doctor"]);
    assert_eq!(code, 1, "{findings:#}");
    let token = finding(&findings, "WhatsApp token");
    assert_eq!(token["result"], "failed", "{token}");
    assert!(
        token["found"].as_str().is_some_and(|it| it.contains("190")),
        "{token}"
    );
    assert!(
        token["fix"]
            .as_str()
            .is_some_and(|it| it.contains("access_token")),
        "{token}"
    );
    assert!(
        !findings.to_string().contains("expired-token"),
        "no secret is printed"
    );
    let (code, ..) = run(&stack, &["doctor", "--offline"]);
    assert_eq!(code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_does_not_answer_is_found() {
    let stack = Stack::start().await;
    let nowhere = format!("http://{}", free_address());
    let output = stack
        .command(&["--json", "doctor"])
        .env("HOLDLINE_WHATSAPP_BASE_URL", nowhere)
        .env("HOLDLINE_EMAIL_PORT", free_address().port().to_string())
        .output()
        .expect("holdline runs");
    let findings: Value = serde_json::from_slice(&output.stdout).expect("one JSON value");
    assert_eq!(output.status.code(), Some(1), "{findings:#}");
    assert_eq!(finding(&findings, "WhatsApp token")["result"], "failed");
    assert_eq!(
        finding(&findings, "email")["result"],
        "failed",
        "{findings:#}"
    );
    assert_eq!(finding(&findings, "sms")["result"], "ok", "{findings:#}");
}
