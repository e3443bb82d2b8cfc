//! Small messages for the tests of the file.

use bytes::Bytes;
use holdline_core::id::InboundId;
use holdline_core::message::{DuplicateRule, Priority};
use holdline_core::{ContactId, MessageId, Redacted, Timestamp};
use holdline_engine::ports::Partitions;
use holdline_engine::ports::ops::{Accept, Groups};
use holdline_engine::ports::records::{DeliveryState, Event, EventKind, MessageRecord};
use holdline_engine::ports::{Group, Op, Store};
use holdline_store::SqliteOptions;
use std::path::Path;

pub(crate) fn options(directory: &Path) -> SqliteOptions {
    SqliteOptions::new(directory.join("h.db"))
}

/// Message `n` with the event that it was accepted: one group of three rows and more.
pub(crate) fn group(n: u32) -> Group {
    let due_at = Timestamp(i64::from(n));
    let event = Event {
        at: due_at,
        kind: EventKind::Inbound {
            inbound: InboundId(1),
        },
    };
    let hook = Op::Hook {
        endpoint: "e".to_owned(),
        subject: u128::from(n),
        event,
        due_at,
    };
    Group(vec![accept(n, 300), hook])
}

pub(crate) fn groups(numbers: impl Iterator<Item = u32>) -> Groups {
    numbers.map(group).collect()
}

pub(crate) fn accept(n: u32, body_bytes: usize) -> Op {
    let id = MessageId(u128::from(n) << 80);
    let at = Timestamp(i64::from(n));
    let message = MessageRecord {
        id,
        app: "app".to_owned(),
        sender: "1".to_owned(),
        contact: ContactId(1),
        to_input: Redacted::default(),
        kind: "text".to_owned(),
        body: Redacted::new(Bytes::from(vec![b'x'; body_bytes])),
        opaque: None,
        priority: Priority::Service,
        duplicate_rule: DuplicateRule::Never,
        data_class: "personal".to_owned(),
        created_at: at,
        expires_at: Timestamp::MAX,
        plan: Vec::new(),
    };
    let delivery = DeliveryState::new(id, at);
    Op::Accept(Box::new(Accept {
        message: message.into(),
        delivery,
        idempotency: None,
    }))
}

/// The numbers of the messages that are there, each of which has its event.
pub(crate) async fn numbers(store: &dyn Store) -> Vec<u32> {
    let mut messages = Vec::new();
    let mut after = None;
    loop {
        let page = store
            .waiting(Partitions::ALL, Priority::Service, after, 1_000)
            .await
            .unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.message.id);
        messages.extend(
            page.iter()
                .map(|one| u32::try_from(one.message.id.0 >> 80).unwrap()),
        );
    }
    let mut subjects = subjects(store).await;
    subjects.sort_unstable();
    assert_eq!(messages, subjects, "a group is whole");
    messages
}

/// Takes every event off the queue.
async fn subjects(store: &dyn Store) -> Vec<u32> {
    let mut found = Vec::new();
    loop {
        let page = store
            .hooks_due(Partitions::ALL, Timestamp::MAX, &[], 1_000)
            .await
            .unwrap();
        if page.is_empty() {
            return found;
        }
        found.extend(page.iter().map(|hook| u32::try_from(hook.subject).unwrap()));
        let done = page
            .iter()
            .map(|hook| Group(vec![Op::HookDone(hook.seq)]))
            .collect();
        store.commit(done).await.unwrap();
    }
}
