//! The in-memory store keeps the contract, and fails as it is told.

use super::MemoryStore;
use crate::contract::store as contract;
use crate::ports::{Group, Op, Store, StoreError};
use std::sync::Arc;

fn setting(key: &str) -> Arc<[Group]> {
    let op = Op::Setting {
        key: key.to_owned(),
        value: "1".to_owned(),
    };
    Arc::from([Group(vec![op])])
}

#[tokio::test]
async fn it_keeps_the_contract() {
    contract::all(async || Arc::new(MemoryStore::new()) as Arc<dyn Store>).await;
}

#[tokio::test]
async fn it_fails_once_as_told_and_writes_nothing() {
    let store = MemoryStore::new();
    store.fail_next(StoreError::Full("test".to_owned()));
    assert!(matches!(
        store.commit(setting("a")).await,
        Err(StoreError::Full(_))
    ));
    assert_eq!(store.setting("a").await.unwrap(), None);
    store.commit(setting("a")).await.unwrap();
    assert_eq!(store.commits(), 2);
}

#[tokio::test]
async fn an_ambiguous_commit_may_have_been_written() {
    let store = MemoryStore::new();
    store.fail_after_next(StoreError::Ambiguous("test".to_owned()));
    assert!(matches!(
        store.commit(setting("a")).await,
        Err(StoreError::Ambiguous(_))
    ));
    assert_eq!(store.setting("a").await.unwrap().as_deref(), Some("1"));
}

#[tokio::test]
async fn a_lasting_fault_lasts_until_it_is_healed() {
    let store = MemoryStore::new();
    store.fail_all(StoreError::Unavailable("test".to_owned()));
    for _ in 0..3 {
        assert!(store.commit(setting("a")).await.is_err());
    }
    store.heal();
    store.commit(setting("a")).await.unwrap();
}
