//! Who is at hand without a read, while others write: never as he was before what was answered.

use crate::fixtures::options;
use holdline_core::contact::Consent;
use holdline_core::{ChannelKind, ContactId, Redacted, Timestamp};
use holdline_engine::ports::ops::AddressNote;
use holdline_engine::ports::records::{AddressRecord, ContactRecord};
use holdline_engine::ports::{Group, Op, Store};
use holdline_store::sqlite;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const SMS: ChannelKind = ChannelKind::SMS;
const NUMBER: &str = "+15550100";
const ID: ContactId = ContactId(7);
const CHANGES: i64 = 300;

async fn put(store: &dyn Store, op: Op) {
    let results = store.commit(Arc::from([Group(vec![op])])).await.unwrap();
    assert_eq!(results, [Ok(())]);
}

/// What is read is at hand from then on.
async fn read(store: &dyn Store) {
    let address = [(SMS, NUMBER.to_owned())];
    store.contacts_by_address(&address).await.unwrap();
}

fn seen() -> Op {
    let address = AddressRecord {
        channel: SMS,
        value: Redacted::new(NUMBER.to_owned()),
        verified_at: None,
        consent: Consent::Unknown,
        unreachable_until: None,
        last_inbound_at: None,
    };
    Op::ContactSeen(Box::new(ContactRecord {
        id: ID,
        name: None,
        external_id: None,
        created_at: Timestamp(1),
        updated_at: Timestamp(1),
        addresses: vec![address],
    }))
}

fn wrote_at(n: i64) -> Op {
    Op::AddressNote(Box::new(AddressNote {
        contact: ID,
        channel: SMS,
        value: NUMBER.to_owned(),
        unreachable_until: None,
        last_inbound_at: Some(Timestamp(n)),
        consent: None,
    }))
}

fn at_hand(store: &dyn Store) -> Option<Timestamp> {
    store.contact_at_hand(SMS, NUMBER)?.addresses[0].last_inbound_at
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_at_hand_as_he_was_before_a_commit_that_was_answered() {
    let directory = tempfile::tempdir().unwrap();
    let store = Arc::new(sqlite::open(options(directory.path())).await.unwrap());
    put(&*store, seen()).await;
    let over = Arc::new(AtomicBool::new(false));
    let reading = {
        let (store, over) = (Arc::clone(&store), Arc::clone(&over));
        tokio::spawn(async move {
            while !over.load(Ordering::Acquire) {
                read(&*store).await;
            }
        })
    };
    for n in 1..=CHANGES {
        put(&*store, wrote_at(n)).await;
        let at = at_hand(&*store);
        assert!(at.is_none_or(|at| at == Timestamp(n)), "{at:?} after {n}");
    }
    over.store(true, Ordering::Release);
    reading.await.unwrap();
    put(&*store, wrote_at(CHANGES)).await;
    read(&*store).await;
    assert_eq!(at_hand(&*store), Some(Timestamp(CHANGES)), "it is at hand");
}

#[tokio::test]
async fn what_another_process_writes_is_seen_with_the_next_commit() {
    let directory = tempfile::tempdir().unwrap();
    let server = sqlite::open(options(directory.path())).await.unwrap();
    let tool = sqlite::open(options(directory.path())).await.unwrap();
    put(&server, seen()).await;
    read(&server).await;
    put(&tool, wrote_at(5)).await;
    let key = "k".to_owned();
    let value = "v".to_owned();
    put(&server, Op::Setting { key, value }).await;
    let found = server.contact_at_hand(SMS, NUMBER);
    assert!(found.is_none(), "{found:?}");
}
