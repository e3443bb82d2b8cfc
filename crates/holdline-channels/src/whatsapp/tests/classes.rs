//! Every code of the provider has its class, and every answer its outcome.

use crate::whatsapp::classify::{
    DETAIL_CHARS_MAX, Reply, classify, classify_status_errors, no_answer, not_sent,
};
use crate::whatsapp::errors::{RULES, is_weak, lookup};
use holdline_core::Timestamp;
use holdline_core::message::FaultClass::{
    self, Account, Engagement, Platform, Recipient, Request, Template, Throttled,
};
use holdline_core::message::{Outcome, ThrottleScope};
use proptest::prelude::*;
use serde_json::json;

const NOW: Timestamp = Timestamp(1_000_000);

fn outcome(http_status: u16, body: &str) -> Outcome {
    classify(
        &Reply {
            http_status,
            retry_after: None,
            body: body.as_bytes(),
        },
        NOW,
    )
}

/// The outcome's name and the class of its fault.
fn check(http_status: u16, body: &str, expect: (&str, FaultClass)) {
    let outcome = outcome(http_status, body);
    let fault = outcome
        .fault()
        .unwrap_or_else(|| panic!("{http_status} {body}: {outcome:?}"));
    assert_eq!(
        (outcome.name(), fault.class),
        expect,
        "{http_status} {body}"
    );
}

fn error(code: u32, more: &str) -> String {
    format!(r#"{{"error":{{"message":"(#{code}) x","code":{code}{more}}}}}"#)
}

/// The codes of the provider's documents by class; of ranges the first, the last and one within.
const CODES: [(FaultClass, &[u32]); 7] = [
    (Platform, &[1, 2, 131_000, 131_016, 133_004]),
    (
        Throttled,
        &[4, 17, 613, 80_007, 80_008, 130_429, 131_056, 133_016],
    ),
    (
        Account,
        &[
            0, 3, 10, 33, 104, 190, 200, 250, 299, 368, 803, 130_497, 131_005, 131_030, 131_031,
            131_037, 131_042, 131_044, 131_045, 131_048, 131_057, 131_063, 131_064, 133_000,
            133_005, 133_006, 133_008, 133_009, 133_010, 133_015, 2_494_100,
        ],
    ),
    (
        Request,
        &[
            100, 131_008, 131_009, 131_021, 131_051, 131_053, 131_062, 135_000, 131_200, 131_250,
            131_299, 139_000, 139_500, 139_999, 147_000, 147_999, 2_388_000, 2_388_999, 2_494_101,
            2_494_199,
        ],
    ),
    (
        Recipient,
        &[
            131_026, 131_047, 131_052, 137_000, 138_000, 138_500, 138_999,
        ],
    ),
    (Engagement, &[130_472, 131_049, 131_050]),
    (
        Template,
        &[
            132_000, 132_001, 132_005, 132_007, 132_008, 132_012, 132_015, 132_016, 132_068,
            132_069, 141_002,
        ],
    ),
];

#[test]
fn every_documented_code_has_its_class() {
    for (class, codes) in CODES {
        for code in codes {
            let rule = lookup(*code, None).unwrap_or_else(|| panic!("{code} has no rule"));
            assert_eq!(rule.class, class, "{code}");
        }
    }
    assert_eq!(lookup(100, Some(33)).map(|rule| rule.class), Some(Account));
}

#[test]
fn no_rule_stands_for_codes_that_the_test_does_not_list() {
    let listed: Vec<u32> = CODES
        .iter()
        .flat_map(|(_, codes)| codes.iter().copied())
        .collect();
    for rule in RULES {
        assert!(
            listed.contains(&rule.from) && listed.contains(&rule.to),
            "{rule:?}"
        );
        assert!(rule.from <= rule.to);
    }
    for code in [5, 131, 300, 131_001, 131_055, 131_300, 132_002, 999_999] {
        assert!(lookup(code, None).is_none(), "{code}");
    }
}

#[test]
fn single_codes_carry_what_their_class_does_not_tell() {
    let flags = |code| {
        let rule = lookup(code, None).unwrap();
        (rule.permanent, rule.marks_unreachable, rule.opted_out)
    };
    assert_eq!(flags(131_026), (true, true, false));
    assert_eq!(flags(131_050), (true, false, true));
    assert_eq!(flags(131_047), (true, false, false));
    assert_eq!(flags(2), (false, false, false));
    for passing in [131_048, 131_057, 131_064, 2_494_100, 131_053] {
        assert_eq!(flags(passing), (false, false, false), "{passing}");
    }
    let ambiguous: Vec<u32> = RULES
        .iter()
        .filter(|r| r.ambiguous)
        .map(|r| r.from)
        .collect();
    let weak: Vec<u32> = RULES.iter().filter(|r| r.weak).map(|r| r.from).collect();
    assert_eq!((ambiguous, weak), (vec![131_000], vec![1]));
}

#[test]
fn an_id_is_accepted_and_a_success_without_one_is_unknown() {
    let sent = r#"{"messaging_product":"whatsapp","messages":[{"id":"wamid.A"}]}"#;
    assert_eq!(
        outcome(200, sent),
        Outcome::Accepted {
            provider_id: Some("wamid.A".into())
        }
    );
    assert_eq!(
        outcome(200, r#"{"success":true}"#),
        Outcome::Accepted { provider_id: None }
    );
    for body in [
        "",
        "{}",
        "<html>",
        r#"{"messages":[]}"#,
        r#"{"messages":[{"id":""}]}"#,
    ] {
        check(200, body, ("unknown", Platform));
    }
}

#[test]
fn the_code_decides_and_not_the_status() {
    check(500, &error(3, ""), ("rejected", Account));
    check(500, &error(131_045, ""), ("rejected", Account));
    check(
        401,
        &error(190, r#","error_subcode":463"#),
        ("rejected", Account),
    );
    check(
        400,
        &error(100, r#","error_subcode":33"#),
        ("rejected", Account),
    );
    check(
        400,
        &error(2, r#","is_transient":true"#),
        ("rejected", Platform),
    );
    check(200, &error(131_009, ""), ("rejected", Request));
    check(500, &error(131_000, ""), ("unknown", Platform));
    check(400, &error(1, ""), ("rejected", Platform));
    check(500, &error(1, ""), ("unknown", Platform));
    check(
        400,
        r#"{"error":{"code":"131026"}}"#,
        ("rejected", Recipient),
    );
}

#[test]
fn a_passing_fault_is_no_fault_of_the_request_but_throttling_stays() {
    check(
        400,
        &error(100, r#","is_transient":true"#),
        ("rejected", Platform),
    );
    check(
        400,
        &error(4, r#","is_transient":true"#),
        ("throttled", Throttled),
    );
    check(
        400,
        &error(190, r#","is_transient":true"#),
        ("rejected", Account),
    );
    check(
        400,
        &error(77, r#","is_transient":true"#),
        ("rejected", Platform),
    );
}

#[test]
fn unlisted_codes_go_by_status() {
    check(400, &error(77, ""), ("rejected", Request));
    check(403, &error(77, ""), ("rejected", Account));
    check(429, &error(77, ""), ("throttled", Throttled));
    check(500, &error(77, ""), ("unknown", Platform));
    check(503, &error(77, ""), ("rejected", Platform));
}

#[test]
fn answers_that_are_no_graph_errors_are_the_platforms() {
    let html = "<html><body>Sorry, something went wrong</body></html>";
    for body in ["", html, "null", r#"{"error":"x"}"#] {
        for status in [500, 502, 504, 599] {
            check(status, body, ("unknown", Platform));
        }
        for status in [302, 400, 404, 503] {
            check(status, body, ("rejected", Platform));
        }
        check(429, body, ("throttled", Throttled));
        check(413, body, ("rejected", Request));
    }
}

#[test]
fn throttles_reach_one_person_or_the_route_until_a_bounded_time() {
    let until = |code, retry_after| {
        let body = error(code, "");
        let reply = Reply {
            http_status: 429,
            retry_after,
            body: body.as_bytes(),
        };
        let outcome = classify(&reply, NOW);
        let Outcome::Throttled { scope, until, .. } = outcome else {
            panic!("{outcome:?}")
        };
        (scope, until.map(|until| until.0))
    };
    assert_eq!(until(131_056, None), (ThrottleScope::Recipient, None));
    assert_eq!(
        until(130_429, Some("30")),
        (ThrottleScope::Route, Some(1_030_000))
    );
    assert_eq!(until(4, Some("nonsense")), (ThrottleScope::Route, None));
    let date = Some("Thu, 01 Jan 1970 00:20:00 GMT");
    assert_eq!(until(4, date), (ThrottleScope::Route, Some(1_200_000)));
    let past = Some("Thu, 01 Jan 1970 00:00:00 GMT");
    assert_eq!(until(4, past), (ThrottleScope::Route, Some(1_000_000)));
    let day = NOW.0 + 86_400_000;
    for far in [
        "99999999999",
        "Sun, 06 Nov 2094 08:49:37 GMT",
        "18446744073709551615",
    ] {
        assert_eq!(
            until(4, Some(far)),
            (ThrottleScope::Route, Some(day)),
            "{far}"
        );
    }
}

#[test]
fn dates_are_counted_over_leap_years() {
    let now = Timestamp(784_111_777_000 - 5_000);
    let reply = Reply {
        http_status: 429,
        retry_after: Some("Sun, 06 Nov 1994 08:49:37 GMT"),
        body: b"",
    };
    let outcome = classify(&reply, now);
    let expect = Some(Timestamp(784_111_777_000));
    assert!(matches!(outcome, Outcome::Throttled { until, .. } if until == expect));
}

#[test]
fn what_was_never_sent_is_rejected_and_what_was_not_answered_is_unknown() {
    assert_eq!(not_sent("connect", "refused").name(), "rejected");
    assert_eq!(no_answer("timeout", "no answer").name(), "unknown");
    for outcome in [not_sent("dns", "x"), no_answer("reset", "x")] {
        assert!(
            outcome
                .fault()
                .is_some_and(|f| f.class == Platform && !f.permanent)
        );
    }
}

#[test]
fn a_failed_status_tells_by_the_first_error_that_is_known() {
    let class = |errors: Vec<serde_json::Value>| classify_status_errors(&errors).class;
    assert_eq!(
        class(vec![json!({"code": 131_026, "title": "x"})]),
        Recipient
    );
    assert_eq!(
        class(vec![json!({"code": 77}), json!({"code": 131_049})]),
        Engagement
    );
    assert_eq!(class(vec![json!({"code": 131_000})]), Platform);
    assert_eq!(class(vec![json!({"code": 77})]), Recipient);
    assert_eq!(
        class(vec![json!({"code": 77, "is_transient": true})]),
        Platform
    );
    assert_eq!(class(vec![]), Recipient);
    let unreachable = classify_status_errors(&[json!({"code": 131_026})]);
    assert!(unreachable.marks_unreachable && unreachable.code == "131026");
    assert!(is_weak(&classify_status_errors(&[json!({"code": 1})])));
    assert!(!is_weak(&classify_status_errors(&[json!({"code": 2})])));
}

#[test]
fn the_details_kept_hold_no_numbers_of_people_and_end_somewhere() {
    let detail = |title: &str| classify_status_errors(&[json!({"code": 2, "title": title})]).detail;
    assert_eq!(
        detail("to +16505551234\nfailed (#131026)"),
        "to +[number] failed (#131026)"
    );
    assert!(detail(&"x".repeat(1000)).chars().count() <= DETAIL_CHARS_MAX);
    let nested = json!({"code": 2, "error_data": {"details": "why"}});
    assert_eq!(classify_status_errors(&[nested]).detail, "why");
    assert_eq!(
        classify_status_errors(&[json!({"code": 2, "error_data": "why"})]).detail,
        "why"
    );
}

proptest! {
    #[test]
    fn any_answer_has_an_outcome(status in 100_u16..=999, body in ".{0,60}", after in ".{0,40}") {
        let reply = Reply { http_status: status, retry_after: Some(&after), body: body.as_bytes() };
        let accepted = matches!(classify(&reply, NOW), Outcome::Accepted { .. });
        prop_assert!(!accepted);
    }
}
