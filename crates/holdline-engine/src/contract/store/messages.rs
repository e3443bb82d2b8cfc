//! Messages, deliveries, attempts, receipts and decisions come back as they went in.

use super::fixtures::{
    accept, accept_plain, advance, at, attempt, contact_id, delivery, in_state, message,
    message_id, put,
};
use crate::ports::ops::{Advance, AttemptEnd};
use crate::ports::records::{DecisionRecord, DeliveryState, MessageRecord, ReceiptRecord};
use crate::ports::{Op, Store};
use bytes::Bytes;
use holdline_core::message::delivery::Try;
use holdline_core::message::{
    ClassSet, DuplicateRule, End, FaultClass, Priority, Progress, State, Success,
};
use holdline_core::{AttemptKey, ChannelKind, MessageId, Redacted, Timestamp};
use std::sync::Arc;

pub async fn check(new_store: &impl AsyncFn() -> Arc<dyn Store>) {
    every_value_of_a_message_comes_back(&*new_store().await).await;
    every_state_of_a_delivery_comes_back(&*new_store().await).await;
    messages_come_in_the_order_asked(&*new_store().await).await;
    an_advance_keeps_all_that_happened(&*new_store().await).await;
    an_attempt_is_found_by_the_providers_id(&*new_store().await).await;
    recent_messages_of_a_person_are_those_that_went_out(&*new_store().await).await;
}

async fn every_value_of_a_message_comes_back(store: &dyn Store) {
    let mut wanted = vec![bare(message(50))];
    for (n, priority) in (60..).zip(Priority::ALL) {
        wanted.push(MessageRecord {
            priority,
            ..message(n)
        });
    }
    for (n, duplicate_rule) in (70..).zip(DuplicateRule::ALL) {
        wanted.push(MessageRecord {
            duplicate_rule,
            ..message(n)
        });
    }
    let mut hops = message(80);
    for (success, class) in Success::ALL.into_iter().cycle().zip(FaultClass::ALL) {
        let mut hop = hops.plan[0].clone();
        (hop.success, hop.on, hop.template) = (success, ClassSet::of(&[class]), None);
        (hop.wait_is_explicit, hop.ttl_ms) = (false, u32::MAX);
        hops.plan.push(hop);
    }
    hops.plan[0].on = ClassSet::NONE;
    wanted.push(hops);
    for record in &wanted {
        let state = DeliveryState {
            id: record.id,
            ..delivery(1)
        };
        put(store, vec![accept(record.clone(), state)]).await;
    }
    for record in wanted {
        let stored = store
            .message(record.id)
            .await
            .expect("reads")
            .expect("is there");
        assert_eq!(stored.message, record);
        let body = stored.message.body.into_inner();
        assert_eq!(&body, record.body.expose());
    }
}

/// Everything that may be empty is.
fn bare(message: MessageRecord) -> MessageRecord {
    MessageRecord {
        opaque: None,
        plan: Vec::new(),
        body: Redacted::new(Bytes::new()),
        to_input: Redacted::new(String::new()),
        expires_at: Timestamp::MAX,
        ..message
    }
}

async fn every_state_of_a_delivery_comes_back(store: &dyn Store) {
    let mut states = vec![
        State::Waiting { due: at(1) },
        State::InFlight { since: at(2) },
        State::InDoubt {
            since: at(3),
            until: at(4),
        },
        State::Placed {
            since: at(5),
            until: Timestamp::MAX,
        },
    ];
    states.extend(End::ALL.map(|end| State::Ended { end, at: at(6) }));
    put(store, vec![accept_plain(1)]).await;
    for (round, state) in states.into_iter().enumerate() {
        let wanted = DeliveryState {
            id: message_id(1),
            state,
            hop: 2,
            hop_since: at(9),
            tries: u8::MAX,
            attempts: every_try(),
            spent: 0b1000_0001,
            told: Progress::ALL[round % Progress::ALL.len()],
            told_failed: round % 2 == 0,
        };
        put(store, vec![Op::Advance(Box::new(advance(wanted.clone())))]).await;
        let stored = store
            .message(message_id(1))
            .await
            .expect("reads")
            .expect("is there");
        assert_eq!(stored.delivery, wanted);
        assert_eq!(
            stored.message,
            message(1),
            "the message itself never changes"
        );
    }
}

fn every_try() -> Vec<Try> {
    let both = |reached| {
        [true, false].map(|failed| Try {
            hop: 7,
            reached,
            failed,
        })
    };
    Progress::ALL.into_iter().flat_map(both).collect()
}

async fn messages_come_in_the_order_asked(store: &dyn Store) {
    put(
        store,
        vec![accept_plain(1), accept_plain(2), accept_plain(3)],
    )
    .await;
    let asked = [message_id(3), message_id(8), message_id(1)];
    let found = store.messages(&asked).await.expect("reads");
    assert_eq!(found, [message(3), message(1)]);
    assert!(store.messages(&[]).await.expect("reads").is_empty());
}

async fn an_advance_keeps_all_that_happened(store: &dyn Store) {
    put(store, vec![accept_plain(1)]).await;
    let key = AttemptKey {
        message: message_id(1),
        number: 1,
    };
    let started = attempt(1, 1, ChannelKind::WHATSAPP);
    let first = Advance {
        started: Some(started.clone()),
        decisions: vec![decision(1, "preferred"), decision(1, "throttled")],
        ..advance(in_state(1, State::InFlight { since: at(1) }))
    };
    put(store, vec![Op::Advance(Box::new(first))]).await;
    let timeline = store.timeline(message_id(1)).await.expect("reads");
    assert_eq!(timeline.attempts, std::slice::from_ref(&started));
    let ended = AttemptEnd {
        key,
        at: at(30),
        outcome: "rejected",
        provider_id: None,
        fault_class: Some("platform"),
        fault_code: Some("131000".to_owned()),
        fault_detail: Some("broken".to_owned()),
    };
    let second = Advance {
        ended: Some(ended),
        started: Some(attempt(1, 2, ChannelKind::SMS)),
        receipts: vec![receipt(key, "failed"), receipt(key, "failed")],
        decisions: vec![decision(2, "failed_over")],
        duplicate: Some(key),
        ..advance(delivery(1))
    };
    put(store, vec![Op::Advance(Box::new(second))]).await;
    let timeline = store.timeline(message_id(1)).await.expect("reads");
    let mut rejected = started;
    rejected.outcome = Some("rejected".to_owned());
    rejected.ended_at = Some(at(30));
    rejected.fault_class = Some("platform".to_owned());
    rejected.fault_code = Some("131000".to_owned());
    rejected.fault_detail = Some("broken".to_owned());
    assert_eq!(
        timeline.attempts,
        [rejected, attempt(1, 2, ChannelKind::SMS)]
    );
    assert_eq!(
        timeline.receipts,
        [receipt(key, "failed"), receipt(key, "failed")]
    );
    let codes: Vec<_> = timeline
        .decisions
        .iter()
        .map(|one| one.code.as_str())
        .collect();
    assert_eq!(codes, ["preferred", "throttled", "failed_over"]);
    assert_eq!(timeline.decisions[0], decision(1, "preferred"));
    let nothing = store.timeline(message_id(2)).await.expect("reads");
    assert_eq!(nothing, crate::ports::records::Timeline::default());
}

fn decision(number: u16, code: &str) -> DecisionRecord {
    DecisionRecord {
        message: message_id(1),
        at: at(40),
        hop: 1,
        number,
        code: code.to_owned(),
        words: format!("words of {code}"),
    }
}

fn receipt(key: AttemptKey, status: &str) -> ReceiptRecord {
    ReceiptRecord {
        key,
        status: status.to_owned(),
        at: at(20),
        received_at: at(21),
        fault_code: Some("131026".to_owned()),
        fault_detail: None,
    }
}

async fn an_attempt_is_found_by_the_providers_id(store: &dyn Store) {
    put(store, vec![accept_plain(1)]).await;
    accepted_as(store, 1, 1, "wamid.A").await;
    accepted_as(store, 1, 2, "wamid.B").await;
    for (channel, provider_id, number) in [
        (ChannelKind::WHATSAPP, "wamid.A", Some(1)),
        (ChannelKind::WHATSAPP, "wamid.B", Some(2)),
        (ChannelKind::SMS, "wamid.A", None),
        (ChannelKind::WHATSAPP, "wamid.a", None),
    ] {
        let found = store
            .attempt_by_provider_id(channel, provider_id)
            .await
            .expect("reads");
        let wanted = number.map(|number| AttemptKey {
            message: message_id(1),
            number,
        });
        assert_eq!(found, wanted, "{provider_id}");
    }
    let latest = store
        .provider_id_of(message_id(1), ChannelKind::WHATSAPP)
        .await;
    assert_eq!(latest.expect("reads").as_deref(), Some("wamid.B"));
    let none = store
        .provider_id_of(message_id(1), ChannelKind::SMS)
        .await
        .expect("reads");
    assert_eq!(none, None);
}

async fn accepted_as(store: &dyn Store, n: i64, number: u16, provider_id: &str) {
    let started = attempt(n, number, ChannelKind::WHATSAPP);
    ended_as(store, n, started, "accepted", Some(provider_id)).await;
}

async fn ended_as(
    store: &dyn Store,
    n: i64,
    started: crate::ports::records::AttemptRecord,
    outcome: &'static str,
    provider_id: Option<&str>,
) {
    let ended = AttemptEnd {
        key: started.key,
        at: at(30),
        outcome,
        provider_id: provider_id.map(str::to_owned),
        fault_class: None,
        fault_code: None,
        fault_detail: None,
    };
    let begin = Advance {
        started: Some(started),
        ..advance(delivery(n))
    };
    let end = Advance {
        ended: Some(ended),
        ..advance(delivery(n))
    };
    put(
        store,
        vec![Op::Advance(Box::new(begin)), Op::Advance(Box::new(end))],
    )
    .await;
}

async fn recent_messages_of_a_person_are_those_that_went_out(store: &dyn Store) {
    for n in 1..=6 {
        put(store, vec![accept_plain(n)]).await;
    }
    let other = MessageRecord {
        contact: contact_id(2),
        ..message(7)
    };
    put(store, vec![accept(other, delivery(7))]).await;
    for n in [1, 2, 4, 7] {
        accepted_as(store, n, 1, &format!("wamid.{n}")).await;
    }
    ended_as(store, 3, attempt(3, 1, ChannelKind::SMS), "accepted", None).await;
    ended_as(
        store,
        5,
        attempt(5, 1, ChannelKind::WHATSAPP),
        "unknown",
        None,
    )
    .await;
    ended_as(
        store,
        6,
        attempt(6, 1, ChannelKind::WHATSAPP),
        "rejected",
        None,
    )
    .await;
    let recent = async |since, limit| {
        let channel = ChannelKind::WHATSAPP;
        let found = store
            .recent_by_contact(contact_id(1), channel, since, limit)
            .await;
        found.expect("reads")
    };
    assert_eq!(
        recent(at(2), 10).await,
        [message(5), message(4), message(2)]
    );
    assert_eq!(ids(&recent(at(0), 2).await), [message_id(5), message_id(4)]);
    assert_eq!(recent(at(6), 10).await, []);
}

fn ids(messages: &[MessageRecord]) -> Vec<MessageId> {
    messages.iter().map(|message| message.id).collect()
}
