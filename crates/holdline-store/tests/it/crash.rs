//! What a crash leaves: the file and its log are copied or cut off at many places, and each copy
//! must open with exactly the commits that were synced by then, every group whole.

use crate::fixtures::{groups, numbers, options};
use holdline_engine::ports::Store;
use holdline_store::{SqliteOptions, sqlite};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// With no checkpoint the log only grows, and a copy of it is what a disk could hold.
fn growing(directory: &Path) -> SqliteOptions {
    SqliteOptions {
        checkpoint_pages: 0,
        ..options(directory)
    }
}

fn log_of(directory: &Path) -> PathBuf {
    directory.join("h.db-wal")
}

/// Deterministic pseudo-random numbers.
struct Draws(u64);

impl Draws {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

#[tokio::test]
async fn a_log_cut_anywhere_gives_the_commits_before_the_cut() {
    let source = tempfile::tempdir().unwrap();
    let store = sqlite::open(growing(source.path())).await.unwrap();
    let length = || fs::metadata(log_of(source.path())).unwrap().len();
    let mut ends = vec![(length(), 0)];
    let mut draws = Draws(42);
    for _ in 0..60 {
        let (_, from) = ends[ends.len() - 1];
        let to = from + 1 + u32::try_from(draws.below(20)).unwrap();
        store.commit(groups(from..to)).await.unwrap();
        ends.push((length(), to));
    }
    let (file, log) = (
        source.path().join("h.db"),
        fs::read(log_of(source.path())).unwrap(),
    );
    for round in 0..120 {
        let (end, _) = ends[round % ends.len()];
        let exact = round < ends.len();
        let cut = if exact {
            end
        } else {
            ends[0].0 + draws.below(length() - ends[0].0)
        };
        let copy = tempfile::tempdir().unwrap();
        fs::copy(&file, copy.path().join("h.db")).unwrap();
        fs::write(log_of(copy.path()), &log[..usize::try_from(cut).unwrap()]).unwrap();
        let (_, count) = *ends.iter().rev().find(|(end, _)| *end <= cut).unwrap();
        let opened = sqlite::open(options(copy.path())).await.unwrap();
        assert_eq!(
            numbers(&opened).await,
            (0..count).collect::<Vec<_>>(),
            "cut at {cut}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_taken_while_it_writes_has_every_answered_commit() {
    let source = tempfile::tempdir().unwrap();
    let store = Arc::new(sqlite::open(growing(source.path())).await.unwrap());
    store.commit(groups(0..1)).await.unwrap();
    let (answered, stop) = (
        Arc::new(AtomicU32::new(1)),
        Arc::new(AtomicBool::new(false)),
    );
    let writing = tokio::spawn({
        let (store, answered, stop) = (store.clone(), answered.clone(), stop.clone());
        async move {
            while !stop.load(Ordering::SeqCst) {
                let from = answered.load(Ordering::SeqCst);
                store.commit(groups(from..from + 7)).await.unwrap();
                answered.store(from + 7, Ordering::SeqCst);
            }
        }
    });
    for _ in 0..25 {
        let before = answered.load(Ordering::SeqCst);
        let copy = tempfile::tempdir().unwrap();
        fs::copy(source.path().join("h.db"), copy.path().join("h.db")).unwrap();
        fs::copy(log_of(source.path()), log_of(copy.path())).unwrap();
        let after = answered.load(Ordering::SeqCst) + 7;
        let opened = sqlite::open(options(copy.path())).await.unwrap();
        let found = numbers(&opened).await;
        assert_eq!(
            found,
            (0..u32::try_from(found.len()).unwrap()).collect::<Vec<_>>()
        );
        let count = u32::try_from(found.len()).unwrap();
        assert!(
            (before..=after).contains(&count),
            "{before} <= {count} <= {after}"
        );
        assert_eq!(count % 7, 1, "a commit is whole");
    }
    stop.store(true, Ordering::SeqCst);
    writing.await.unwrap();
}
