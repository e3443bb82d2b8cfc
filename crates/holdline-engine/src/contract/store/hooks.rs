//! Events to apps: one at a time per endpoint and subject, in order; nothing is lost, and one that
//! cannot be posted holds up no other subject.

use super::fixtures::{at, message_id, put};
use crate::ports::Partitions;
use crate::ports::records::{EndpointForm, EndpointRecord, Event, EventKind, HookRecord};
use crate::ports::{Op, Store};
use holdline_core::health::Health;
use holdline_core::id::InboundId;
use holdline_core::message::Progress;
use holdline_core::{ChannelKind, Redacted};
use std::sync::Arc;

pub async fn check(new_store: &impl AsyncFn() -> Arc<dyn Store>) {
    every_event_comes_back(&*new_store().await).await;
    events_of_a_subject_go_one_after_the_other(&*new_store().await).await;
    a_retry_holds_up_its_own_subject_only(&*new_store().await).await;
    a_dropped_event_lets_the_next_go(&*new_store().await).await;
    endpoints_come_back_and_take_their_events_along(&*new_store().await).await;
}

async fn every_event_comes_back(store: &dyn Store) {
    let message = message_id(1);
    let channel = ChannelKind::SMS;
    let word = |text: &str| text.to_owned();
    let mut kinds = vec![
        EventKind::Failed {
            message,
            channel,
            code: word("131026"),
            detail: word("\"no\" \n"),
        },
        EventKind::Inbound {
            inbound: InboundId(5),
        },
        EventKind::Passed {
            field: word("account_update"),
            waba: word("1"),
            value: word("{}"),
        },
    ];
    kinds.extend(Progress::ALL.map(|progress| EventKind::Status {
        message,
        progress,
        channel,
    }));
    kinds.extend(Health::ALL.map(|to| EventKind::Health {
        route: word("sms/a/any"),
        from: Health::Up,
        to,
        reason: word("8 of 10 failed"),
        scope: word("all routes of sms"),
        onset: (to == Health::Down).then_some(at(-5)),
        nats: 23.062_5,
    }));
    kinds.extend([true, false].map(|confirmed| EventKind::Account {
        route: word("sms/a/any"),
        code: word("20003"),
        reason: word("the token is refused"),
        confirmed,
    }));
    let events: Vec<_> = kinds
        .into_iter()
        .map(|kind| Event { at: at(-9), kind })
        .collect();
    let queue = |(subject, event): (u128, &Event)| Op::Hook {
        endpoint: "e".to_owned(),
        subject,
        event: event.clone(),
        due_at: at(1),
    };
    put(store, (1..).zip(&events).map(queue).collect()).await;
    let due = store
        .hooks_due(Partitions::ALL, at(1), &[], 100)
        .await
        .expect("reads");
    let came: Vec<_> = due.iter().map(|hook| hook.event.clone()).collect();
    assert_eq!(came, events);
    let first = &due[0];
    assert_eq!(
        (first.endpoint.as_str(), first.subject, first.tries),
        ("e", 1, 0)
    );
    assert_eq!(
        (first.created_at, first.due_at),
        (at(1), at(1)),
        "queued when it became due"
    );
}

async fn events_of_a_subject_go_one_after_the_other(store: &dyn Store) {
    put(
        store,
        vec![
            queue("a", 1, 0),
            queue("a", 1, 0),
            queue("a", 2, 0),
            queue("b", 1, 0),
        ],
    )
    .await;
    let first = due(store, 0).await;
    assert_eq!(subjects(&first), [("a", 1), ("a", 2), ("b", 1)]);
    assert_eq!(
        store
            .hooks_due(Partitions::ALL, at(0), &[], 2)
            .await
            .expect("reads")
            .len(),
        2
    );
    put(
        store,
        vec![Op::HookDone(first[0].seq), Op::HookDone(first[2].seq)],
    )
    .await;
    let second = due(store, 0).await;
    assert_eq!(subjects(&second), [("a", 1), ("a", 2)]);
    assert!(second[0].seq > first[0].seq, "the next of the subject");
    put(
        store,
        second.iter().map(|hook| Op::HookDone(hook.seq)).collect(),
    )
    .await;
    assert!(due(store, 1_000).await.is_empty());
    assert_eq!(
        store.hooks_next_due(Partitions::ALL).await.expect("reads"),
        None
    );
    put(store, vec![queue("a", 1, 0)]).await;
    assert!(
        due(store, 0).await[0].seq > second[1].seq,
        "numbers are never used again"
    );
}

async fn a_retry_holds_up_its_own_subject_only(store: &dyn Store) {
    put(
        store,
        vec![queue("a", 1, 0), queue("a", 1, 0), queue("a", 2, 5)],
    )
    .await;
    assert_eq!(
        store.hooks_next_due(Partitions::ALL).await.expect("reads"),
        Some(at(0))
    );
    let failed = due(store, 0).await.remove(0);
    let error = "503".to_owned();
    put(
        store,
        vec![Op::HookRetry {
            seq: failed.seq,
            due_at: at(60),
            tries: 3,
            error: error.clone(),
        }],
    )
    .await;
    let open = store.open_hooks("a", None, 9).await.expect("reads");
    let tried = open.iter().find(|it| it.hook.seq == failed.seq);
    assert_eq!(tried.and_then(|it| it.error.clone()), Some(error));
    assert_eq!(
        store.hooks_next_due(Partitions::ALL).await.expect("reads"),
        Some(at(5))
    );
    assert!(due(store, 4).await.is_empty());
    assert_eq!(subjects(&due(store, 59).await), [("a", 2)]);
    let both = due(store, 60).await;
    assert_eq!(
        subjects(&both),
        [("a", 2), ("a", 1)],
        "the longest due first"
    );
    let retried = HookRecord {
        due_at: at(60),
        tries: 3,
        ..failed
    };
    assert_eq!(both[1], retried);
}

async fn a_dropped_event_lets_the_next_go(store: &dyn Store) {
    put(store, vec![queue("a", 1, 0), queue("a", 1, 0)]).await;
    let first = due(store, 0).await.remove(0);
    let error = "gone".to_owned();
    put(
        store,
        vec![Op::HookDropped {
            seq: first.seq,
            at: at(9),
            error,
        }],
    )
    .await;
    let next = due(store, 0).await;
    assert_eq!(next.len(), 1);
    assert!(next[0].seq > first.seq);
    let open = |before| async move { store.open_hooks("a", before, 9).await.expect("reads") };
    let all = open(None).await;
    assert_eq!(all.len(), 2, "the newest first");
    assert_eq!(
        (all[0].hook.clone(), all[0].dropped_at),
        (next[0].clone(), None)
    );
    let given_up = (all[1].dropped_at, all[1].error.as_deref());
    assert_eq!(given_up, (Some(at(9)), Some("gone")));
    assert_eq!(all[1].hook.event, first.event);
    assert_eq!(open(Some(all[0].hook.seq)).await, all[1..]);
    assert!(
        store
            .open_hooks("b", None, 9)
            .await
            .expect("reads")
            .is_empty()
    );
    let forget = all.iter().map(|it| Op::HookForget(it.hook.seq));
    put(store, forget.collect()).await;
    assert_eq!(
        open(None).await,
        all[..1],
        "only what was given up is forgotten"
    );
}

async fn endpoints_come_back_and_take_their_events_along(store: &dyn Store) {
    let full = EndpointRecord {
        id: "a".to_owned(),
        app: "app".to_owned(),
        form: EndpointForm::Cloud,
        url: "http://127.0.0.1/hook".to_owned(),
        secret: Redacted::new("secret".to_owned()),
        verify_token: Some(Redacted::new("token".to_owned())),
        scope: "phone:1".to_owned(),
        fields: vec!["messages".to_owned(), "account_update".to_owned()],
        created_at: at(1),
    };
    let bare = EndpointRecord {
        id: "b".to_owned(),
        form: EndpointForm::Standard,
        verify_token: None,
        fields: Vec::new(),
        ..full.clone()
    };
    put(
        store,
        vec![Op::Endpoint(bare.clone()), Op::Endpoint(full.clone())],
    )
    .await;
    assert_eq!(
        store.endpoints().await.expect("reads"),
        [full.clone(), bare]
    );
    let changed = EndpointRecord {
        url: "http://127.0.0.1/2".to_owned(),
        ..full
    };
    put(
        store,
        vec![
            Op::Endpoint(changed.clone()),
            queue("a", 1, 0),
            queue("b", 1, 0),
        ],
    )
    .await;
    put(store, vec![Op::EndpointDelete("b".to_owned())]).await;
    assert_eq!(store.endpoints().await.expect("reads"), [changed]);
    assert_eq!(subjects(&due(store, 0).await), [("a", 1)]);
}

fn queue(endpoint: &str, subject: u128, due_ms: i64) -> Op {
    let kind = EventKind::Inbound {
        inbound: InboundId(subject),
    };
    let event = Event { at: at(0), kind };
    Op::Hook {
        endpoint: endpoint.to_owned(),
        subject,
        event,
        due_at: at(due_ms),
    }
}

async fn due(store: &dyn Store, now_ms: i64) -> Vec<HookRecord> {
    store
        .hooks_due(Partitions::ALL, at(now_ms), &[], 100)
        .await
        .expect("reads")
}

fn subjects(hooks: &[HookRecord]) -> Vec<(&str, u128)> {
    hooks
        .iter()
        .map(|hook| (hook.endpoint.as_str(), hook.subject))
        .collect()
}
