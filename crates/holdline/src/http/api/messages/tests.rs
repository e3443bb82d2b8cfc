//! What is refused before anything is stored, and what is told of a message.

use super::*;
use crate::http::api::input::parse;
use crate::http::api::problem::Problem;
use crate::http::api::values::Span;
use crate::http::api::{messages::content, messages::send, messages::view};
use expect_test::{Expect, expect};
use holdline_channels::whatsapp::wire::GraphError;
use holdline_channels::whatsapp::wire::ids::{Direction, wamid_of};
use holdline_core::message::delivery::Try;
use holdline_core::message::{ClassSet, End, FaultClass, Priority, Progress, State, Success};
use holdline_core::{AttemptKey, ChannelKind, ContactId, MessageId, Timestamp};
use holdline_engine::ports::records::{
    AttemptRecord, DecisionRecord, DeliveryState, MessageRecord, PlannedHop, ReceiptRecord,
    StoredMessage, Timeline,
};

fn lines(problem: &Problem) -> String {
    let line = |fault: &crate::http::api::problem::FieldFault| {
        format!("{} {}: {}", fault.field, fault.message, fault.fix)
    };
    problem
        .faults()
        .iter()
        .map(line)
        .collect::<Vec<_>>()
        .join("\n")
}

fn check_body(json: &str, expect: Expect) {
    match parse::<SendMessage>(json.as_bytes()) {
        Ok(_) => expect.assert_eq("fits"),
        Err(problem) => expect.assert_eq(&lines(&problem)),
    }
}

#[test]
fn a_whole_request_fits() {
    check_body(
        r#"{"to": {"phone": "+16505551234"}, "from": "1", "text": "hi", "priority": "urgent",
            "plan": [{"channel": "whatsapp", "after": "30s", "success": "delivered",
                "on": ["platform", "account"], "ttl": 60000, "template": "a/en_US"}],
            "data_class": "personal", "duplicate_rule": "never", "expires_in": "2h",
            "callback_data": "x"}"#,
        expect!["fits"],
    );
    check_body(
        r#"{"to": {"contact": null, "email": "a@b.c"}, "message": {"a": 1}}"#,
        expect!["fits"],
    );
}

#[test]
fn unknown_fields_and_wrong_words_are_named_with_a_proposal() {
    check_body(
        r#"{"too": {}, "txt": "hi", "priority": "high", "plan": [{"chanel": "sms",
            "success": "reed", "on": ["platfrom"]}], "callback_data": 5}"#,
        expect![[r#"
            /to is required: add it
            /too is not known here: did you mean `to`?
            /txt is not known here: did you mean `text`?
            /priority is not one of the known words: use one of: emergency, urgent, service, bulk
            /plan/0/channel is required: add it
            /plan/0/chanel is not known here: did you mean `channel`?
            /plan/0/success is not one of the known words: did you mean `read`?
            /plan/0/on/0 is not one of the known words: did you mean `platform`?
            /callback_data is not of type string: give string"#]],
    );
    check_body(
        r#"{"to": {"fone": "1"}, "text": "", "plan": []}"#,
        expect![[r#"
            /to/fone is not known here: did you mean `phone`?
            /text is too short: give at least 1 characters
            /plan has too few items: give at least 1"#]],
    );
}

#[test]
fn a_body_that_is_no_json_is_told_where() {
    let problem = parse::<SendMessage>(b"{\"to\": }").err().unwrap();
    assert!(format!("{problem:?}").contains("line 1, column 8"));
}

#[test]
fn an_expiry_is_one_time_within_thirty_days() {
    let now = Timestamp(1_000_000);
    let expiry = |at: Option<&str>, span: Option<Span>| {
        let mut request: SendMessage =
            parse(br#"{"to": {}, "text": "x"}"#).unwrap_or_else(|_| unreachable!());
        (request.expires_at, request.expires_in) = (at.map(str::to_owned), span);
        send::expiry(&request, now).map_err(|problem| lines(&problem))
    };
    assert_eq!(expiry(None, None), Ok(None));
    assert_eq!(
        expiry(None, Some(Span::Ms(5))),
        Ok(Some(Timestamp(1_000_005)))
    );
    assert_eq!(
        expiry(Some("1970-01-01T01:00:00Z"), None),
        Ok(Some(Timestamp(3_600_000)))
    );
    for (at, span, what) in [
        (Some("1970-01-01T00:00:01Z"), None, "/expires_at is over"),
        (Some("tomorrow"), None, "/expires_at is no time"),
        (
            None,
            Some(Span::Text("31d".into())),
            "/expires_in is too far away",
        ),
        (
            None,
            Some(Span::Text("soon".into())),
            "/expires_in is no time",
        ),
        (
            Some("x"),
            Some(Span::Ms(1)),
            "/expires_in stands beside `expires_at`",
        ),
    ] {
        assert!(expiry(at, span).unwrap_err().starts_with(what), "{what}");
    }
}

#[test]
fn faults_of_the_message_object_are_placed_in_the_request() {
    let placed = |error: GraphError, short| lines(&content::placed(&error, short));
    let missing = |path| GraphError::missing(path);
    assert_eq!(
        placed(missing("text.body"), true),
        "/text is required: add it"
    );
    assert_eq!(
        placed(missing("text.body"), false),
        "/message/text/body is required: add it"
    );
    let path = "interactive.action.buttons[1].reply.id";
    assert_eq!(
        placed(missing(path), false),
        "/message/interactive/action/buttons/1/reply/id is required: add it"
    );
    assert!(placed(missing("to"), false).starts_with("/to "));
}

#[test]
fn a_message_is_known_by_our_id_and_by_its_wamid() {
    let id = MessageId(7);
    assert_eq!(view::message_id(&id.hex()).unwrap(), id);
    assert_eq!(
        view::message_id(&wamid_of(7, Direction::Outbound)).unwrap(),
        id
    );
    for text in ["", "7", &wamid_of(7, Direction::Inbound), "wamid.AAAA"] {
        assert!(view::message_id(text).is_err(), "{text}");
    }
}

#[test]
fn words_go_to_the_core_and_back() {
    for priority in Priority::ALL {
        let name = PriorityName::from(priority);
        assert_eq!(Priority::from(name), priority);
        assert_eq!(serde_json::to_value(name).unwrap(), priority.name());
    }
    for class in FaultClass::ALL {
        assert_eq!(
            serde_json::to_value(FaultClassName::from(class)).unwrap(),
            class.name()
        );
    }
    for success in Success::ALL {
        assert_eq!(
            serde_json::to_value(SuccessName::from(success)).unwrap(),
            success.name()
        );
    }
}

fn hop(channel: ChannelKind) -> PlannedHop {
    PlannedHop {
        feature: holdline_core::health::Feature::Session,
        channel,
        sender: "106".into(),
        address: String::from("+16505551234").into(),
        receipt_wait_ms: 30_000,
        wait_is_explicit: true,
        ttl_ms: 0,
        success: Success::Delivered,
        on: ClassSet::of(&[FaultClass::Platform]),
        template: None,
    }
}

fn stored(state: State) -> StoredMessage {
    let message = MessageRecord {
        id: MessageId(7),
        app: "app".into(),
        sender: "106".into(),
        contact: ContactId(8),
        to_input: String::from("16505551234").into(),
        kind: "text".into(),
        body: bytes::Bytes::from_static(br#"{"type":"text","text":{"body":"hi"}}"#).into(),
        opaque: Some("mine".into()),
        priority: Priority::Service,
        duplicate_rule: holdline_core::message::DuplicateRule::Reconcile,
        data_class: "personal".into(),
        created_at: Timestamp(1_000),
        expires_at: Timestamp(90_000),
        plan: vec![hop(ChannelKind::WHATSAPP), hop(ChannelKind::SMS)],
    };
    let delivery = DeliveryState {
        id: MessageId(7),
        state,
        hop: 1,
        hop_since: Timestamp(2_000),
        tries: 1,
        attempts: vec![Try {
            hop: 0,
            reached: Progress::None,
            failed: true,
        }],
        spent: 0b01,
        told: Progress::Sent,
        told_failed: false,
    };
    StoredMessage { message, delivery }
}

fn timeline() -> Timeline {
    let key = AttemptKey {
        message: MessageId(7),
        number: 1,
    };
    Timeline {
        attempts: vec![AttemptRecord {
            key,
            hop: 0,
            channel: ChannelKind::WHATSAPP,
            route: "whatsapp/106/1".into(),
            started_at: Timestamp(1_000),
            outcome: Some("rejected".into()),
            ended_at: Some(Timestamp(1_200)),
            provider_id: None,
            fault_class: Some("platform".into()),
            fault_code: Some("2".into()),
            fault_detail: Some("Service unavailable".into()),
        }],
        receipts: vec![ReceiptRecord {
            key,
            status: "failed".into(),
            at: Timestamp(1_900),
            received_at: Timestamp(1_950),
            fault_code: None,
            fault_detail: None,
        }],
        decisions: vec![DecisionRecord {
            message: MessageId(7),
            at: Timestamp(2_000),
            hop: 1,
            number: 1,
            code: "failed_over".into(),
            words: "failed over from hop 1: its route is down".into(),
        }],
    }
}

#[test]
fn a_message_is_shown_with_all_that_happened_and_what_it_waits_for() {
    let state = State::Placed {
        since: Timestamp(2_000),
        until: Timestamp(120_000),
    };
    let shown = serde_json::to_value(view::whole(&stored(state), timeline())).unwrap();
    let at = |pointer: &str| shown.pointer(pointer).unwrap().clone();
    assert_eq!(at("/state"), "placed");
    assert_eq!(at("/channel"), "sms");
    assert_eq!(at("/hop"), 2);
    assert_eq!(
        at("/next_wake_at"),
        "1970-01-01T00:01:30.000Z",
        "expiry comes first"
    );
    assert_eq!(at("/waits_for"), "the receipt that counts as success");
    assert_eq!(at("/plan/0/spent"), true);
    assert_eq!(at("/plan/1/spent"), false);
    assert_eq!(at("/plan/0/on"), serde_json::json!(["platform"]));
    assert_eq!(at("/message/text/body"), "hi");
    assert_eq!(at("/timeline/attempts/0/fault/code"), "2");
    assert_eq!(at("/timeline/attempts/0/hop"), 1);
    assert_eq!(at("/timeline/receipts/0/fault"), serde_json::Value::Null);
    assert_eq!(at("/timeline/decisions/0/code"), "failed_over");
}

#[test]
fn an_ended_message_waits_for_nothing_and_every_state_has_its_name() {
    for end in End::ALL {
        let state = State::Ended {
            end,
            at: Timestamp(3_000),
        };
        let shown = view::whole(&stored(state), Timeline::default());
        assert_eq!(shown.next_wake_at, None);
        assert_eq!(
            shown.summary.ended_at.as_deref(),
            Some("1970-01-01T00:00:03.000Z")
        );
        assert_eq!(
            serde_json::to_value(shown.summary.state).unwrap(),
            end.name()
        );
        assert!(view::StateName::NAMES.contains(&end.name()));
    }
    let due = Timestamp(1);
    for state in [
        State::Waiting { due },
        State::InFlight { since: due },
        State::InDoubt {
            since: due,
            until: due,
        },
    ] {
        let shown = serde_json::to_value(view::whole(&stored(state), Timeline::default())).unwrap();
        assert_eq!(shown["state"], state.name());
        assert!(view::StateName::NAMES.contains(&state.name()));
    }
}
