//! A store without room says so, keeps what it has, and goes on when there is room again.

use crate::fixtures::{accept, groups, numbers, options};
use holdline_core::message::Priority;
use holdline_engine::ports::Partitions;
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
