//! What comes in is kept once: raw webhooks until they are worked off, messages by provider id.

use super::fixtures::{id, inbound, put, raw, setting, try_put};
use crate::ports::Partitions;
use crate::ports::records::InboundRecord;
use crate::ports::{Conflict, Op, Store};
use holdline_core::id::InboundId;
use holdline_core::{ChannelKind, Redacted};
use std::sync::Arc;

pub async fn check(new_store: &impl AsyncFn() -> Arc<dyn Store>) {
    a_raw_webhook_stays_until_it_is_done(&*new_store().await).await;
    a_message_comes_in_once(&*new_store().await).await;
    every_value_of_an_inbound_message_comes_back(&*new_store().await).await;
}

async fn a_raw_webhook_stays_until_it_is_done(store: &dyn Store) {
    put(store, (1..=4).map(|n| Op::Raw(raw(n))).collect()).await;
    put(store, vec![Op::RawDone(id(2)), Op::RawDone(id(99))]).await;
    put(store, vec![Op::Raw(raw(2)), Op::Raw(raw(3))]).await;
    assert_eq!(
        store
            .raw_open(Partitions::ALL, None, 2)
            .await
            .expect("reads"),
        [raw(1), raw(3)]
    );
    assert_eq!(
        store
            .raw_open(Partitions::ALL, Some(id(3)), 10)
            .await
            .expect("reads"),
        [raw(4)]
    );
    assert!(
        store
            .raw_open(Partitions::ALL, Some(id(4)), 10)
            .await
            .expect("reads")
            .is_empty()
    );
}

async fn a_message_comes_in_once(store: &dyn Store) {
    put(store, vec![take(inbound(1, "wamid.X"))]).await;
    let repeat = vec![setting("k", "v"), take(inbound(2, "wamid.X"))];
    assert_eq!(try_put(store, repeat).await, Err(Conflict::Repeated));
    assert_eq!(store.setting("k").await.expect("reads"), None);
    assert_eq!(store.inbound(InboundId(id(2))).await.expect("reads"), None);
    let elsewhere = InboundRecord {
        channel: ChannelKind::SMS,
        ..inbound(3, "wamid.X")
    };
    put(store, vec![take(elsewhere.clone())]).await;
    let found = store
        .inbound_by_provider_id(ChannelKind::SMS, "wamid.X")
        .await
        .expect("reads");
    assert_eq!(found, Some(elsewhere));
    let found = store
        .inbound_by_provider_id(ChannelKind::EMAIL, "wamid.X")
        .await;
    assert_eq!(found.expect("reads"), None);
}

async fn every_value_of_an_inbound_message_comes_back(store: &dyn Store) {
    let bare = InboundRecord {
        context: None,
        media: None,
        payload: Redacted::default(),
        ..inbound(2, "wamid.Y")
    };
    for record in [inbound(1, "wamid.X"), bare] {
        put(store, vec![take(record.clone())]).await;
        let stored = store.inbound(record.id).await.expect("reads");
        assert_eq!(stored.as_ref(), Some(&record));
        let found = store
            .inbound_by_provider_id(record.channel, &record.provider_id)
            .await;
        assert_eq!(found.expect("reads"), Some(record));
    }
}

fn take(record: InboundRecord) -> Op {
    Op::Inbound(Box::new(record))
}
