//! Who may open a file, what is said when it cannot be opened, and how long its log grows.

use crate::fixtures::{group, groups, numbers, options};
use holdline_engine::ports::{Op, Store, StoreError};
use holdline_store::{SqliteOptions, sqlite};
use rusqlite::Connection;
use std::fs;
use std::sync::Arc;

#[tokio::test]
async fn a_second_server_is_refused_while_others_may_write() {
    let directory = tempfile::tempdir().unwrap();
    let serving = SqliteOptions {
        exclusive: true,
        ..options(&directory.path().join("new/data"))
    };
    let server = sqlite::open(serving.clone()).await.unwrap();
    let error = sqlite::open(serving.clone()).await.unwrap_err().to_string();
    assert!(error.contains("in use by another holdline"), "{error}");
    let tool = sqlite::open(SqliteOptions {
        exclusive: false,
        ..serving.clone()
    })
    .await
    .unwrap();
    let key = "k".to_owned();
    let set = Op::Setting {
        key,
        value: "v".to_owned(),
    };
    let group = holdline_engine::ports::Group(vec![set]);
    tool.commit(Arc::from([group])).await.unwrap();
    assert_eq!(server.setting("k").await.unwrap().as_deref(), Some("v"));
    drop(server);
    sqlite::open(serving).await.unwrap();
}

#[tokio::test]
async fn two_processes_that_write_at_once_both_succeed() {
    let directory = tempfile::tempdir().unwrap();
    let one = sqlite::open(options(directory.path())).await.unwrap();
    let two = sqlite::open(options(directory.path())).await.unwrap();
    for n in 0..50 {
        let (a, b) = tokio::join!(
            one.commit(Arc::from([group(2 * n)])),
            two.commit(Arc::from([group(2 * n + 1)]))
        );
        a.unwrap();
        b.unwrap();
    }
    assert_eq!(numbers(&one).await, (0..100).collect::<Vec<_>>());
}

#[tokio::test]
async fn commits_that_wait_together_each_get_their_own_answer() {
    let directory = tempfile::tempdir().unwrap();
    let store = sqlite::open(options(directory.path())).await.unwrap();
    let commits = (0..100).map(|n| store.commit(groups(n * 3..n * 3 + 1 + n % 3)));
    let results = futures_util::future::join_all(commits).await;
    for (n, result) in results.into_iter().enumerate() {
        assert_eq!(result.unwrap().len(), 1 + n % 3);
    }
    let wanted: Vec<_> = (0..100).flat_map(|n| n * 3..n * 3 + 1 + n % 3).collect();
    assert_eq!(numbers(&store).await, wanted);
}

#[tokio::test]
async fn more_commits_than_may_wait_are_refused_and_none_is_lost() {
    let directory = tempfile::tempdir().unwrap();
    let store = sqlite::open(options(directory.path())).await.unwrap();
    let commits = (0..5_000).map(|n| store.commit(groups(n..n + 1)));
    let results = futures_util::future::join_all(commits).await;
    let mut wanted = Vec::new();
    for (n, result) in (0..).zip(results) {
        match result {
            Ok(_) => wanted.push(n),
            Err(error) => assert!(error.to_string().contains("too many commits"), "{error}"),
        }
    }
    assert!(wanted.len() < 5_000, "some were refused");
    assert_eq!(numbers(&store).await, wanted);
}

#[tokio::test]
async fn a_file_that_is_no_database_is_named_corrupt() {
    let directory = tempfile::tempdir().unwrap();
    let options = options(directory.path());
    std::fs::write(&options.path, vec![b'n'; 10_000]).unwrap();
    let error = sqlite::open(options).await.unwrap_err();
    assert!(matches!(error, StoreError::Corrupt(_)), "{error}");
}

#[cfg(unix)]
#[tokio::test]
async fn nobody_else_may_read_the_file() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let options = options(&directory.path().join("data"));
    let store = sqlite::open(options.clone()).await.unwrap();
    store.commit(groups(0..1)).await.unwrap();
    for path in [options.path.clone(), options.path.with_extension("db-wal")] {
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{}", path.display());
    }
}

/// The log is moved into the file beside the writer, and begun anew: it grows to a few times its
/// length at most, however long it is written. What another reads holds that up, and no longer.
#[tokio::test]
async fn a_log_stays_short_while_it_is_written() {
    const PAGES: u32 = 50;
    let directory = tempfile::tempdir().unwrap();
    let long = SqliteOptions {
        checkpoint_pages: PAGES,
        ..options(directory.path())
    };
    let path = long.path.clone();
    let store = sqlite::open(long).await.unwrap();
    let pages = || fs::metadata(path.with_extension("db-wal")).unwrap().len() / 4_096;
    let write = async |numbers: std::ops::Range<u32>| {
        for number in numbers {
            store.commit(groups(number..number + 1)).await.unwrap();
        }
        pages()
    };
    let (written, most) = (write(0..500).await, u64::from(PAGES * 5));
    assert!((u64::from(PAGES)..most).contains(&written), "{written}");

    let reader = Connection::open(&path).unwrap();
    let read = "BEGIN; SELECT COUNT(*) FROM message";
    reader.execute_batch(read).unwrap();
    let held_back = write(500..700).await;
    assert!(held_back > most, "{held_back}");
    reader.execute_batch("COMMIT").unwrap();
    // Moved whole, and begun anew: what is written now stands where the log was long.
    let written = write(700..1_500).await;
    assert!(written < held_back + most, "{written}, {held_back}");
    let stored = numbers(&store).await;
    assert_eq!(stored, (0..1_500).collect::<Vec<_>>());
}
