//! The documents: the snapshot in the repository is the one the code gives, the page is whole.

use super::*;
use std::path::PathBuf;

fn snapshot() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/openapi.json")
}

#[test]
fn the_snapshot_in_the_repository_is_what_the_code_gives() {
    let path = snapshot();
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&path, TEXT.as_str()).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    let at = kept
        .lines()
        .zip(TEXT.lines())
        .position(|(kept, now)| kept != now);
    assert!(
        kept == *TEXT,
        "docs/reference/openapi.json differs (line {:?}): renew it with UPDATE_EXPECT=1",
        at.map(|at| at + 1)
    );
}

#[test]
fn it_is_openapi_3_1_and_every_reference_leads_somewhere() {
    assert!(text_of(&DOCUMENT["openapi"]).starts_with("3.1"));
    let mut references = Vec::new();
    collect(&DOCUMENT, &mut references);
    assert!(references.len() > 20);
    for reference in references {
        let target = DOCUMENT.pointer(reference.strip_prefix('#').unwrap());
        assert!(target.is_some(), "{reference}");
    }
}

#[test]
fn every_body_refuses_fields_it_does_not_know() {
    for name in [
        "SendMessage",
        "To",
        "Hop",
        "PreviewRequest",
        "ContactWrite",
        "ContactChange",
        "AddressWrite",
        "WebhookWrite",
        "HoldWrite",
        "ReleaseWrite",
    ] {
        let schema = &DOCUMENT["components"]["schemas"][name];
        assert_eq!(schema["additionalProperties"], false, "{name}");
    }
}

#[test]
fn every_operation_is_documented_and_needs_a_token() {
    let mut count = 0;
    for (path, item) in DOCUMENT["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            assert!(
                !text_of(&operation["summary"]).is_empty(),
                "{method} {path}"
            );
            assert!(operation["responses"]["401"].is_object(), "{method} {path}");
            count += 1;
        }
    }
    assert_eq!(count, 22);
    assert_eq!(DOCUMENT["security"], serde_json::json!([{"token": []}]));
}

#[test]
fn the_page_names_every_operation_and_every_link_in_it_leads_somewhere() {
    let page = PAGE.as_str();
    for name in [
        "post-messages",
        "get-messages--id-",
        "problem-invalid",
        "type-SendMessage",
    ] {
        assert!(page.contains(&format!("id=\"{name}\"")), "{name}");
    }
    for link in page.split("href=\"#").skip(1) {
        let name = link.split('"').next().unwrap();
        assert!(page.contains(&format!("id=\"{name}\"")), "{name}");
    }
    assert!(!page.contains("<script") && !page.contains("http://"));
}

fn text_of(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn collect<'a>(value: &'a Value, references: &mut Vec<&'a str>) {
    match value {
        Value::Object(fields) => {
            references.extend(fields.get("$ref").and_then(Value::as_str));
            fields.values().for_each(|value| collect(value, references));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, references)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
