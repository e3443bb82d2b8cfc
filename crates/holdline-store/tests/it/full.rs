//! A store without room says so, keeps what it has, and goes on when there is room again.

use crate::fixtures::{accept, groups, numbers, options};
use holdline_core::message::Priority;
use holdline_core::{ChannelKind, Redacted, Timestamp};
use holdline_engine::ports::Partitions;
use holdline_engine::ports::records::RawInbound;
use holdline_engine::ports::{Group, Op, Store, StoreError};
use holdline_store::{SqliteOptions, SqliteStore, sqlite};
use std::sync::Arc;

async fn small(directory: &std::path::Path) -> SqliteStore {
    let options = SqliteOptions {
        max_pages: Some(120),
        ..options(directory)
    };
    sqlite::open(options).await.unwrap()
}

/// Commits until there is no room; gives the first number that was not kept.
async fn fill(store: &SqliteStore) -> u32 {
    for n in 0..10_000 {
        match store.commit(groups(n..n + 1)).await {
            Ok(_) => {}
            Err(StoreError::Full(_)) => return n,
            Err(other) => panic!("not the wanted error: {other}"),
        }
    }
    panic!("it never became full");
}

#[tokio::test]
async fn a_full_store_refuses_and_works_again_when_it_may_grow() {
    let directory = tempfile::tempdir().unwrap();
    let store = small(directory.path()).await;
    let count = fill(&store).await;
    assert!(count > 10);
    assert!(matches!(
        store.commit(groups(count..count + 9)).await,
        Err(StoreError::Full(_))
    ));
    assert_eq!(
        store
            .waiting(Partitions::ALL, Priority::Service, None, 1)
            .await
            .unwrap()
            .len(),
        1,
        "reads go on"
    );
    store.set_max_pages(10_000).await.unwrap();
    store.commit(groups(count..count + 9)).await.unwrap();
    assert_eq!(numbers(&store).await, (0..count + 9).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_batch_that_does_not_fit_leaves_nothing_behind() {
    let directory = tempfile::tempdir().unwrap();
    let store = small(directory.path()).await;
    store.commit(groups(0..3)).await.unwrap();
    let large = Group(vec![accept(9, 2_000_000)]);
    let all = [groups(3..5).to_vec(), vec![large], groups(5..6).to_vec()].concat();
    assert!(matches!(
        store.commit(Arc::from(all)).await,
        Err(StoreError::Full(_))
    ));
    store.commit(groups(3..4)).await.unwrap();
    assert_eq!(numbers(&store).await, [0, 1, 2, 3]);
}

#[tokio::test]
async fn a_full_store_opens_again_and_what_is_done_makes_room() {
    let directory = tempfile::tempdir().unwrap();
    let count = fill(&small(directory.path()).await).await;
    let store = small(directory.path()).await;
    let endings = (1..=count).map(|seq| Op::HookDone(i64::from(seq)));
    store
        .commit(Arc::from([Group(endings.collect())]))
        .await
        .unwrap();
    store.commit(groups(count..count + 3)).await.unwrap();
    assert_eq!(
        store
            .waiting(Partitions::ALL, Priority::Service, None, 1_000)
            .await
            .unwrap()
            .len(),
        count as usize + 3
    );
}

/// Expires all that is there; gives the size of the file once nothing more is given back.
async fn shrink(store: &SqliteStore, path: &std::path::Path) -> u64 {
    let all = Timestamp(1_000_000);
    while store.expire_rows(all, all, 500).await.unwrap() > 0 {}
    let mut steps = 0;
    while store.give_back_room().await.unwrap() {
        steps += 1;
        assert!(steps < 1_000, "it comes to an end");
    }
    store.close().await.unwrap();
    std::fs::metadata(path).unwrap().len()
}

#[tokio::test]
async fn room_that_expired_rows_left_goes_back_to_the_disk_but_for_a_reserve() {
    let directory = tempfile::tempdir().unwrap();
    let options = options(directory.path());
    let store = sqlite::open(options.clone()).await.unwrap();
    let raw = |n: u32| {
        let id = u128::from(n) << 80;
        let raw = RawInbound {
            id,
            channel: ChannelKind::SMS,
            received_at: Timestamp(0),
            query: String::new(),
            body: Redacted::new(bytes::Bytes::from(vec![b'x'; 60_000])),
        };
        Group(vec![Op::Raw(raw), Op::RawDone(id)])
    };
    for n in 0..20 {
        let groups: Vec<Group> = (n * 25..(n + 1) * 25).map(raw).collect();
        store.commit(groups.into()).await.unwrap();
    }
    let reserve = 4_096 * 4_096;
    let left = shrink(&store, &options.path).await;
    assert!(
        left >= reserve && left < reserve + 1_000_000,
        "{left} bytes are left"
    );
    let connection = rusqlite::Connection::open(&options.path).unwrap();
    let check = "PRAGMA integrity_check";
    let sound: String = connection.query_row(check, [], |row| row.get(0)).unwrap();
    assert_eq!(sound, "ok");
}
