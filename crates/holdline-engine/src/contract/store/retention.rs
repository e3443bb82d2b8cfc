//! Retention deletes bodies, then what is left, in steps; never what has not ended.

use super::fixtures::{
    accept, accept_plain, advance, at, attempt, id, in_state, inbound, message, message_id, put,
    raw,
};
use super::routes::{audit, outage};
use crate::ports::Partitions;
use crate::ports::ops::{Advance, AttemptEnd};
use crate::ports::records::{InboundRecord, MessageRecord, OutageRecord, Timeline};
use crate::ports::store::MessageFilter;
use crate::ports::{Op, Store};
use holdline_core::message::{End, State};
use holdline_core::{AttemptKey, ChannelKind, Redacted, Timestamp};
use std::sync::Arc;

const NEVER: Timestamp = Timestamp(0);

pub async fn check(new_store: &impl AsyncFn() -> Arc<dyn Store>) {
    bodies_go_first_and_in_steps(&*new_store().await).await;
    what_has_not_ended_stays(&*new_store().await).await;
    a_message_goes_with_all_that_belongs_to_it(&*new_store().await).await;
    inbound_payloads_and_worked_off_webhooks_go(&*new_store().await).await;
    deeds_and_outages_that_are_over_go_within_the_limit(&*new_store().await).await;
}

async fn bodies_go_first_and_in_steps(store: &dyn Store) {
    for n in 1..=6 {
        put(store, vec![accept(message(n), ended(n))]).await;
    }
    let mut deleted = Vec::new();
    for _ in 0..4 {
        deleted.push(store.expire_rows(at(6), NEVER, 2).await.expect("works"));
    }
    assert_eq!(deleted, [2, 2, 1, 0], "five are old, two at a time");
    let page = store
        .list_messages(&MessageFilter::default(), 10)
        .await
        .expect("reads");
    assert_eq!(page.len(), 6, "nothing but the bodies went");
    assert_eq!(page[0].message, message(6));
    for (n, stored) in (1..=5).rev().zip(&page[1..]) {
        let wanted = MessageRecord {
            body: Redacted::default(),
            ..message(n)
        };
        assert_eq!(stored.message, wanted);
    }
}

async fn what_has_not_ended_stays(store: &dyn Store) {
    put(store, vec![accept_plain(1)]).await;
    put(store, vec![Op::Raw(raw(1))]).await;
    assert_eq!(
        store.expire_rows(at(99), at(99), 100).await.expect("works"),
        0
    );
    let stored = store
        .message(message_id(1))
        .await
        .expect("reads")
        .expect("is there");
    assert_eq!(stored.message, message(1));
    assert_eq!(
        store
            .raw_open(Partitions::ALL, None, 9)
            .await
            .expect("reads"),
        [raw(1)]
    );
}

async fn a_message_goes_with_all_that_belongs_to_it(store: &dyn Store) {
    let key = AttemptKey {
        message: message_id(1),
        number: 1,
    };
    let end = AttemptEnd {
        key,
        at: at(2),
        outcome: "accepted",
        provider_id: Some("wamid.Z".to_owned()),
        fault_class: None,
        fault_code: None,
        fault_detail: None,
    };
    let done = Advance {
        started: Some(attempt(1, 1, ChannelKind::WHATSAPP)),
        ended: Some(end),
        ..advance(ended(1))
    };
    put(store, vec![accept_plain(1), Op::Advance(Box::new(done))]).await;
    put(store, vec![accept(message(50), ended(50))]).await;
    while store.expire_rows(at(10), at(10), 1).await.expect("works") > 0 {}
    assert!(store.message(message_id(1)).await.expect("reads").is_none());
    assert_eq!(
        store.timeline(message_id(1)).await.expect("reads"),
        Timeline::default()
    );
    let gone = store
        .attempt_by_provider_id(ChannelKind::WHATSAPP, "wamid.Z")
        .await;
    assert_eq!(gone.expect("reads"), None);
    let young = store
        .message(message_id(50))
        .await
        .expect("reads")
        .expect("is there");
    assert_eq!(young.message, message(50));
}

async fn inbound_payloads_and_worked_off_webhooks_go(store: &dyn Store) {
    let records = [inbound(1, "old"), inbound(20, "young")];
    put(
        store,
        records
            .iter()
            .cloned()
            .map(|one| Op::Inbound(Box::new(one)))
            .collect(),
    )
    .await;
    put(
        store,
        vec![Op::Raw(raw(1)), Op::RawDone(id(1)), Op::Raw(raw(2))],
    )
    .await;
    assert_eq!(
        store.expire_rows(at(10), NEVER, 100).await.expect("works"),
        2
    );
    let [old, young] = records;
    let emptied = InboundRecord {
        payload: Redacted::default(),
        ..old
    };
    assert_eq!(
        store.inbound(emptied.id).await.expect("reads"),
        Some(emptied.clone())
    );
    assert_eq!(
        store.inbound(young.id).await.expect("reads"),
        Some(young.clone())
    );
    assert_eq!(
        store
            .raw_open(Partitions::ALL, None, 9)
            .await
            .expect("reads"),
        [raw(2)]
    );
    assert_eq!(
        store.expire_rows(at(10), at(10), 100).await.expect("works"),
        1
    );
    assert_eq!(store.inbound(emptied.id).await.expect("reads"), None);
    assert_eq!(store.inbound(young.id).await.expect("reads"), Some(young));
}

async fn deeds_and_outages_that_are_over_go_within_the_limit(store: &dyn Store) {
    let over = |n: i64, recovered_ms: i64| OutageRecord {
        recovered_at: Some(at(recovered_ms)),
        ..outage(n)
    };
    let outages = [outage(1), over(2, 9), over(3, 10), over(4, 8)];
    put(store, outages.iter().cloned().map(Op::Outage).collect()).await;
    put(store, [8, 9, 10].map(|n| Op::Audit(audit(n))).to_vec()).await;
    put(store, vec![accept(message(1), ended(1))]).await;
    let deleted = store.expire_rows(at(99), NEVER, 100).await.expect("works");
    assert_eq!(deleted, 1, "only the body counts as one");
    let mut deleted = Vec::new();
    for _ in 0..4 {
        deleted.push(store.expire_rows(NEVER, at(10), 2).await.expect("works"));
    }
    assert_eq!(deleted, [2, 2, 1, 0], "a message, two outages, two deeds");
    let [lasts, _, young, _] = outages;
    assert_eq!(store.outages(9).await.expect("reads"), [young, lasts]);
    assert_eq!(store.audit(None, 9).await.expect("reads"), [audit(10)]);
}

fn ended(n: i64) -> crate::ports::records::DeliveryState {
    in_state(
        n,
        State::Ended {
            end: End::Delivered,
            at: at(n + 100),
        },
    )
}
