//! The SQLite store keeps the contract of every store.

use holdline_engine::contract::store as contract;
use holdline_engine::ports::Store;
use holdline_store::{SqliteOptions, sqlite};
use std::cell::{Cell, RefCell};
use std::sync::Arc;

#[tokio::test]
async fn it_keeps_the_contract() {
    let directory = tempfile::tempdir().unwrap();
    let count = Cell::new(0);
    contract::all(async || {
        count.set(count.get() + 1);
        let path = directory.path().join(format!("{}.db", count.get()));
        Arc::new(sqlite::open(SqliteOptions::new(path)).await.unwrap()) as Arc<dyn Store>
    })
    .await;
}

/// What was read before a file was closed is what is read after.
#[tokio::test]
async fn what_was_committed_outlives_the_process() {
    let directory = tempfile::tempdir().unwrap();
    let opened = RefCell::new(Vec::new());
    contract::all(async || {
        let path = directory
            .path()
            .join(format!("{}.db", opened.borrow().len()));
        let store = Arc::new(sqlite::open(SqliteOptions::new(&path)).await.unwrap());
        opened.borrow_mut().push((path, Arc::clone(&store)));
        store as Arc<dyn Store>
    })
    .await;
    for (path, store) in opened.take() {
        let (contacts, tokens) = facts(&*store).await;
        store.close().await.unwrap();
        assert!(
            store.setting("k").await.is_err(),
            "a closed store answers nothing"
        );
        assert!(
            !path.with_extension("db-wal").exists(),
            "the file alone is the database"
        );
        let again = sqlite::open(SqliteOptions::new(&path)).await.unwrap();
        assert_eq!(facts(&again).await, (contacts, tokens));
    }
}

async fn facts(store: &dyn Store) -> (String, String) {
    let contacts = store.list_contacts(None, 100).await.unwrap();
    let messages = store.list_messages(&Default::default(), 100).await.unwrap();
    let routes = store.routes().await.unwrap();
    let tokens = store.tokens().await.unwrap();
    (
        format!("{contacts:?} {messages:?}"),
        format!("{routes:?} {tokens:?}"),
    )
}
