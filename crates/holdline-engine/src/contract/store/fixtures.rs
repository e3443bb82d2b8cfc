//! Records for the checks. Ids are time-ordered like real ones, and no two fields hold the same.

use crate::ports::ops::{Accept, Advance, Groups, Idempotency};
use crate::ports::records::{
    AddressRecord, AttemptRecord, ContactRecord, DeliveryState, Event, EventKind, InboundRecord,
    MessageRecord, PlannedHop, RawInbound,
};
use crate::ports::{Conflict, Group, Op, Store};
use bytes::Bytes;
use holdline_core::contact::Consent;
use holdline_core::id::InboundId;
use holdline_core::message::{ClassSet, DuplicateRule, Priority, Progress, State, Success};
use holdline_core::{AttemptKey, ChannelKind, ContactId, MessageId, Redacted, Timestamp};

/// The instant of the fixtures.
pub(super) const NOW: i64 = 1_790_000_000_000;

pub(super) fn at(offset_ms: i64) -> Timestamp {
    Timestamp(NOW + offset_ms)
}

/// An id of the instant `NOW + n`.
pub(super) fn id(n: i64) -> u128 {
    let ms = u128::from((NOW + n).unsigned_abs());
    ms << 80 | 0x7000_8000_0000_0000_0000 | u128::from(n.unsigned_abs())
}

pub(super) fn message_id(n: i64) -> MessageId {
    MessageId(id(n))
}

pub(super) fn contact_id(n: i64) -> ContactId {
    ContactId(id(n))
}

/// Message `n` to contact 1, accepted at `NOW + n`.
pub(super) fn message(n: i64) -> MessageRecord {
    MessageRecord {
        id: message_id(n),
        app: "app-one".to_owned(),
        sender: "106540352242922".to_owned(),
        contact: contact_id(1),
        to_input: Redacted::new("+1 (555) 0100".to_owned()),
        kind: "text".to_owned(),
        body: Redacted::new(Bytes::from(format!("{{\"body\":\"hello {n} \u{1f600}\"}}"))),
        opaque: Some("mine".to_owned()),
        priority: Priority::Service,
        duplicate_rule: DuplicateRule::Reconcile,
        data_class: "personal".to_owned(),
        created_at: at(n),
        expires_at: at(n + 86_400_000),
        plan: vec![hop(ChannelKind::WHATSAPP), hop(ChannelKind::SMS)],
    }
}

pub(super) fn hop(channel: ChannelKind) -> PlannedHop {
    PlannedHop {
        feature: holdline_core::health::Feature::Media,
        channel,
        sender: "sender".to_owned(),
        address: Redacted::new("+15550100".to_owned()),
        receipt_wait_ms: 120_000,
        wait_is_explicit: true,
        ttl_ms: 7,
        success: Success::Delivered,
        on: ClassSet::default(),
        template: Some("hello_world".to_owned()),
    }
}

pub(super) fn delivery(n: i64) -> DeliveryState {
    DeliveryState {
        id: message_id(n),
        state: State::Waiting { due: at(n) },
        hop: 0,
        hop_since: at(n),
        tries: 0,
        attempts: Vec::new(),
        spent: 0,
        told: Progress::None,
        told_failed: false,
    }
}

pub(super) fn in_state(n: i64, state: State) -> DeliveryState {
    DeliveryState {
        state,
        ..delivery(n)
    }
}

pub(super) fn accept(message: MessageRecord, delivery: DeliveryState) -> Op {
    Op::Accept(Box::new(Accept {
        message: message.into(),
        delivery,
        idempotency: None,
    }))
}

/// Message `n`, waiting.
pub(super) fn accept_plain(n: i64) -> Op {
    accept(message(n), delivery(n))
}

pub(super) fn accept_keyed(n: i64, key: &str, body_hash: u8, expires_at: Timestamp) -> Op {
    let idempotency = Idempotency {
        scope: "app-one".to_owned(),
        key: key.to_owned(),
        body_hash: [body_hash; 32],
        answer: Bytes::from(format!("answer {n}")),
        expires_at,
    };
    let (message, delivery) = (message(n), delivery(n));
    Op::Accept(Box::new(Accept {
        message: message.into(),
        delivery,
        idempotency: Some(idempotency),
    }))
}

pub(super) fn advance(state: DeliveryState) -> Advance {
    Advance {
        state,
        started: None,
        ended: None,
        receipts: Vec::new(),
        decisions: Vec::new(),
        duplicate: None,
    }
}

pub(super) fn attempt(n: i64, number: u16, channel: ChannelKind) -> AttemptRecord {
    AttemptRecord {
        key: AttemptKey {
            message: message_id(n),
            number,
        },
        hop: 1,
        channel,
        route: format!("{channel}/sender/any"),
        started_at: at(n + 5),
        outcome: None,
        ended_at: None,
        provider_id: None,
        fault_class: None,
        fault_code: None,
        fault_detail: None,
    }
}

pub(super) fn contact(n: i64, addresses: &[(ChannelKind, &str)]) -> ContactRecord {
    ContactRecord {
        id: contact_id(n),
        name: Some(Redacted::new(format!("Person {n}"))),
        external_id: Some(format!("crm-{n}")),
        created_at: at(n),
        updated_at: at(n + 1),
        addresses: addresses
            .iter()
            .map(|(channel, value)| address(*channel, value))
            .collect(),
    }
}

pub(super) fn address(channel: ChannelKind, value: &str) -> AddressRecord {
    AddressRecord {
        channel,
        value: Redacted::new(value.to_owned()),
        verified_at: None,
        consent: Consent::Unknown,
        unreachable_until: None,
        last_inbound_at: None,
    }
}

pub(super) fn raw(n: i64) -> RawInbound {
    RawInbound {
        id: id(n),
        channel: ChannelKind::SMS,
        received_at: at(n),
        query: "k=v".to_owned(),
        body: Redacted::new(Bytes::from_static(b"\x00\xff raw")),
    }
}

pub(super) fn inbound(n: i64, provider_id: &str) -> InboundRecord {
    InboundRecord {
        id: InboundId(id(n)),
        channel: ChannelKind::WHATSAPP,
        provider_id: provider_id.to_owned(),
        contact: contact_id(1),
        sender: "106540352242922".to_owned(),
        from: Redacted::new("+15550100".to_owned()),
        at: at(n - 3),
        received_at: at(n),
        context: Some(message_id(4)),
        kind: "text".to_owned(),
        payload: Redacted::new(Bytes::from_static(b"{\"text\":{\"body\":\"hi\"}}")),
        media: Some("1234567890".to_owned()),
    }
}

pub(super) fn setting(key: &str, value: &str) -> Op {
    Op::Setting {
        key: key.to_owned(),
        value: value.to_owned(),
    }
}

pub(super) fn groups(groups: Vec<Vec<Op>>) -> Groups {
    groups.into_iter().map(Group).collect()
}

/// Commits one group and wants it to hold.
pub(super) async fn put(store: &dyn Store, ops: Vec<Op>) {
    assert_eq!(try_put(store, ops).await, Ok(()));
}

/// Commits one group.
pub(super) async fn try_put(store: &dyn Store, ops: Vec<Op>) -> Result<(), Conflict> {
    let mut results = store
        .commit(groups(vec![ops]))
        .await
        .expect("the commit works");
    assert_eq!(results.len(), 1, "one result for one group");
    results.remove(0)
}

/// An event of this subject for an endpoint.
pub(super) fn hook_for(endpoint: &str, subject: u128) -> Op {
    let kind = EventKind::Inbound {
        inbound: InboundId(subject),
    };
    Op::Hook {
        endpoint: endpoint.to_owned(),
        subject,
        event: Event { at: at(0), kind },
        due_at: at(0),
    }
}
