//! What a crash leaves: the file and its log are copied or cut off at many places, and each copy
//! must open with exactly the commits that were synced by then, every group whole.

use crate::fixtures::{groups, numbers, options};
use holdline_engine::ports::Store;
use holdline_store::{SqliteOptions, sqlite};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

const COMMITS: u32 = 200;
const PER_COMMIT: u32 = 7;
const COPIES: usize = 12;

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
    for round in 0..100 {
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
    let store: Arc<dyn Store> = Arc::new(sqlite::open(growing(source.path())).await.unwrap());
    store.commit(groups(0..1)).await.unwrap();
    let answered = Arc::new(AtomicU32::new(1));
    let writing = tokio::spawn(write(store, Arc::clone(&answered)));
    let mut copies = Vec::new();
    while !writing.is_finished() && copies.len() < COPIES {
        let before = answered.load(Ordering::SeqCst);
        let copy = tempfile::tempdir().unwrap();
        fs::copy(source.path().join("h.db"), copy.path().join("h.db")).unwrap();
        fs::copy(log_of(source.path()), log_of(copy.path())).unwrap();
        copies.push((copy, before, answered.load(Ordering::SeqCst) + PER_COMMIT));
    }
    writing.await.unwrap();
    for (copy, before, after) in copies {
        let opened = sqlite::open(options(copy.path())).await.unwrap();
        let found = numbers(&opened).await;
        let count = u32::try_from(found.len()).unwrap();
        assert_eq!(found, (0..count).collect::<Vec<_>>());
        assert!(
            (before..=after).contains(&count),
            "{before} <= {count} <= {after}"
        );
        assert_eq!(count % PER_COMMIT, 1, "a commit is whole");
    }
}

async fn write(store: Arc<dyn Store>, answered: Arc<AtomicU32>) {
    for _ in 0..COMMITS {
        let from = answered.load(Ordering::SeqCst);
        store.commit(groups(from..from + PER_COMMIT)).await.unwrap();
        answered.store(from + PER_COMMIT, Ordering::SeqCst);
    }
}
