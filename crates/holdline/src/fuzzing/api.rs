//! Laws of our own API: every body, query, key and scope is read or refused, with bounded faults
//! that say what is wrong and how to mend it.

use crate::http::api::contacts::{ContactChange, ContactWrite};
use crate::http::api::input::{LIMIT_MAX, Params, idempotency_key, parse};
use crate::http::api::messages::SendMessage;
use crate::http::api::messages::preview::PreviewRequest;
use crate::http::api::problem::{FAULTS_MAX, Problem};
use crate::http::api::routes::holds::{HoldWrite, ReleaseWrite};
use crate::http::api::routes::name::{Known, ScopeName};
use crate::http::api::values::{Span, parse_rfc3339, rfc3339};
use crate::http::api::webhooks::WebhookWrite;
use crate::http::auth::bearer;
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, HeaderValue};
use holdline_channels::fuzzing::{parts, text};

const QUERY: [&str; 4] = ["after", "limit", "channel", "address"];

pub(super) fn body(input: &[u8]) {
    let refused = [
        parse::<SendMessage>(input).err(),
        parse::<PreviewRequest>(input).err(),
        parse::<ContactWrite>(input).err(),
        parse::<ContactChange>(input).err(),
        parse::<WebhookWrite>(input).err(),
        parse::<HoldWrite>(input).err(),
        parse::<ReleaseWrite>(input).err(),
    ];
    refused.iter().flatten().for_each(bounded);
}

fn bounded(problem: &Problem) {
    let faults = problem.faults();
    assert!(faults.len() <= FAULTS_MAX);
    for fault in faults {
        assert!(
            !fault.message.is_empty() && !fault.fix.is_empty(),
            "{fault:?}"
        );
    }
}

pub(super) fn query(input: &[u8]) {
    let query = text(input);
    match Params::read(Some(&query), &QUERY) {
        Err(problem) => bounded(&problem),
        Ok(params) => match params.limit() {
            Ok(limit) => assert!((1..=LIMIT_MAX).contains(&limit)),
            Err(problem) => bounded(&problem),
        },
    }
}

/// A time, a span, a scope, a key and a token: the parts of the input in turn.
pub(super) fn values(input: &[u8]) {
    let [time, span, scope, key, token] = parts(input);
    if let Some(at) = parse_rfc3339(&text(time)) {
        let written = rfc3339(at);
        let four_digits = written.len() == 24 && !written.starts_with('-');
        assert!(
            !four_digits || parse_rfc3339(&written) == Some(at),
            "{written}"
        );
    }
    let again = Span::Text(text(span).into_owned())
        .ms()
        .map(|ms| format!("{ms}ms"));
    let ms = again.clone().and_then(|text| Span::Text(text).ms());
    assert_eq!(again, ms.map(|ms| format!("{ms}ms")));
    scope_name(&text(scope));
    header_values(key, token);
}

fn scope_name(written: &str) {
    let known = Known {
        senders: vec![
            ("whatsapp".into(), "106".into()),
            ("sms".into(), "+15550100".into()),
        ],
        accounts: vec!["102".into()],
    };
    match ScopeName::read(written, &known) {
        Err(problem) => bounded(&problem),
        Ok(name) => {
            let again = ScopeName::read(&name.text(), &known).expect("our own form is read");
            assert_eq!(again.text(), name.text());
        }
    }
}

fn header_values(key: &[u8], token: &[u8]) {
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_bytes(key) {
        headers.insert("idempotency-key", value);
    }
    if let Ok(value) = HeaderValue::from_bytes(token) {
        headers.insert(AUTHORIZATION, value);
    }
    if let Ok(Some(key)) = idempotency_key(&headers) {
        assert!((1..=255).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic()));
    }
    if let Some(token) = bearer(&headers) {
        assert!(!token.is_empty() && token.trim() == token);
    }
}
