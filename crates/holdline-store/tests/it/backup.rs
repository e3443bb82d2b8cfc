//! Backups of a store at work: whole ones, and to an instant between them; what is damaged, missing
//! or in the way is told.

use crate::fixtures::{group, groups, numbers, options};
use holdline_core::{Redacted, Timestamp};
use holdline_engine::ports::records::MediaRecord;
use holdline_engine::ports::{Group, Op, Store};
use holdline_store::sqlite::upkeep::backup::{
    Archive, BackupOrder, LogCopies, RestoreOrder, Restored, backup, list, restore,
};
use holdline_store::{SqliteOptions, SqliteStore, sqlite};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering};

/// Moves on by one each time it is looked at: no two instants are the same.
fn clock() -> Timestamp {
    static NOW: AtomicI64 = AtomicI64::new(1_790_000_000_000);
    Timestamp(NOW.fetch_add(1, Ordering::SeqCst))
}

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        fs::create_dir(place.path("media")).unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn backup_order(&self, name: &str) -> BackupOrder {
        BackupOrder {
            database: self.path("h.db"),
            media_dir: self.path("media"),
            to: self.path("backups"),
            name: name.to_owned(),
            clock,
            keep: None,
        }
    }

    fn restore_order(&self, at: Option<Timestamp>) -> RestoreOrder {
        let number = clock().0;
        RestoreOrder {
            from: self.path("backups"),
            at,
            database: self.path(&format!("restored-{number}/h.db")),
            media_dir: self.path(&format!("restored-{number}/media")),
            replace: false,
            now: clock(),
        }
    }

    /// Restores into a new place; what came, and the numbers of the messages there.
    async fn restore(&self, at: Option<Timestamp>) -> (Restored, Vec<u32>) {
        let order = self.restore_order(at);
        let restored = restore(&order, &mut |_, _| {}).unwrap();
        let store = sqlite::open(SqliteOptions::new(&order.database)).await;
        let found = numbers(&store.unwrap()).await;
        (restored, found)
    }

    fn archived(&self, checkpoint_pages: u32) -> (SqliteOptions, Archive) {
        let copies = Arc::new(LogCopies::new(&self.path("h.db")));
        let options = SqliteOptions {
            exclusive: true,
            checkpoint_pages,
            copies: Some(Arc::clone(&copies)),
            ..options(self.0.path())
        };
        let (to, media) = (self.path("backups"), self.path("media"));
        (options, Archive::new(copies, to, media, 5))
    }
}

fn backup_now(order: &BackupOrder) -> PathBuf {
    backup(order, None, &mut |_, _| {}).unwrap().path
}

fn upto(end: u32) -> Vec<u32> {
    (0..end).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_made_while_it_writes_holds_one_state_and_holds_nothing_up() {
    let place = Place::new();
    let store = Arc::new(sqlite::open(options(place.0.path())).await.unwrap());
    store.commit(groups(0..500)).await.unwrap();
    let (answered, stop) = (
        Arc::new(AtomicU32::new(500)),
        Arc::new(AtomicBool::new(false)),
    );
    let writing = tokio::spawn(write(store, Arc::clone(&answered), Arc::clone(&stop)));
    for name in ["one", "two", "three"] {
        let before = answered.load(Ordering::SeqCst);
        let order = place.backup_order(name);
        let made = tokio::task::spawn_blocking(move || backup(&order, None, &mut |_, _| {}));
        let made = made.await.unwrap().unwrap();
        let after = answered.load(Ordering::SeqCst) + 5;
        assert!(after > before + 5, "commits went on meanwhile");
        let count = u32::try_from(made.manifest.rows["message"]).unwrap();
        assert!(
            (before..=after).contains(&count),
            "{before} {count} {after}"
        );
        let (restored, found) = place.restore(None).await;
        assert_eq!((restored.backup, found), (made.path, upto(count)));
    }
    stop.store(true, Ordering::SeqCst);
    writing.await.unwrap();
}

async fn write(store: Arc<SqliteStore>, answered: Arc<AtomicU32>, stop: Arc<AtomicBool>) {
    while !stop.load(Ordering::SeqCst) {
        let from = answered.load(Ordering::SeqCst);
        store.commit(groups(from..from + 5)).await.unwrap();
        answered.store(from + 5, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn every_instant_between_two_backups_can_be_had_again() {
    let place = Place::new();
    let (options, archive) = place.archived(60);
    let store = sqlite::open(options).await.unwrap();
    let mut states = Vec::new();
    let mut next = 0;
    let mut commit = async |count: u32| {
        let all: Vec<Group> = (next..next + count).map(group).collect();
        store.commit(all.into()).await.unwrap();
        next += count;
        next
    };
    for round in 0..3 {
        let name = format!("base-{round}");
        archive
            .base(place.backup_order(&name), &mut |_, _| {})
            .unwrap();
        for turn in 0..40 {
            let count = commit(1 + turn % 4).await;
            let now = clock();
            assert!(archive.tick(now).unwrap(), "no gap");
            if turn % 3 == 0 {
                assert!(archive.flush(clock()).unwrap());
                states.push((clock(), count));
            }
        }
    }
    // The log's header counts how often it was begun.
    let log = fs::read(place.path("h.db-wal")).unwrap();
    assert!(log[12..16] >= [0, 0, 0, 5][..], "{:?}", &log[12..16]);
    for (at, count) in states {
        let (restored, found) = place.restore(Some(at)).await;
        assert_eq!(found, upto(count));
        assert!(restored.at <= at);
    }
    store.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commits_during_the_copy_of_a_whole_backup_are_in_the_increments() {
    let place = Place::new();
    let (options, archive) = place.archived(50);
    let store = Arc::new(sqlite::open(options).await.unwrap());
    store.commit(groups(0..300)).await.unwrap();
    let (answered, stop) = (
        Arc::new(AtomicU32::new(300)),
        Arc::new(AtomicBool::new(false)),
    );
    let writing = tokio::spawn(write(
        Arc::clone(&store),
        Arc::clone(&answered),
        Arc::clone(&stop),
    ));
    let archive = Arc::new(archive);
    for name in ["one", "two"] {
        let (order, archive) = (place.backup_order(name), Arc::clone(&archive));
        let made = tokio::task::spawn_blocking(move || archive.base(order, &mut |_, _| {}));
        made.await.unwrap().unwrap();
    }
    stop.store(true, Ordering::SeqCst);
    writing.await.unwrap();
    assert!(archive.flush(clock()).unwrap());
    let (_, found) = place.restore(None).await;
    assert_eq!(found, upto(answered.load(Ordering::SeqCst)));
}

#[tokio::test]
async fn a_gap_in_the_log_ends_the_chain_and_the_next_backup_begins_another() {
    let place = Place::new();
    let (options, archive) = place.archived(10_000);
    let store = sqlite::open(options).await.unwrap();
    store.commit(groups(0..50)).await.unwrap();
    archive
        .base(place.backup_order("one"), &mut |_, _| {})
        .unwrap();
    let stranger = rusqlite::Connection::open(place.path("h.db")).unwrap();
    for n in 50..53 {
        store.commit(groups(n..n + 1)).await.unwrap();
        let all = "PRAGMA wal_checkpoint(RESTART)";
        stranger.query_row(all, [], |_| Ok(())).unwrap();
    }
    store.commit(groups(53..60)).await.unwrap();
    assert!(!archive.flush(clock()).unwrap(), "it is noticed");
    assert_eq!(
        place.restore(None).await.1,
        upto(50),
        "what is whole still is"
    );
    archive
        .base(place.backup_order("two"), &mut |_, _| {})
        .unwrap();
    store.commit(groups(60..64)).await.unwrap();
    assert!(archive.flush(clock()).unwrap());
    assert_eq!(place.restore(None).await.1, upto(64));
}

#[tokio::test]
async fn what_is_damaged_in_a_backup_is_refused() {
    let place = Place::new();
    let (options, archive) = place.archived(1_000);
    let store = sqlite::open(options).await.unwrap();
    let made = archive
        .base(place.backup_order("one"), &mut |_, _| {})
        .unwrap();
    store.commit(groups(0..9)).await.unwrap();
    assert!(archive.flush(clock()).unwrap());
    let refused = || {
        restore(&place.restore_order(None), &mut |_, _| {})
            .unwrap_err()
            .to_string()
    };
    let increments: Vec<_> = fs::read_dir(place.path("backups/log")).unwrap().collect();
    let increment = increments[increments.len() - 1].as_ref().unwrap().path();
    spoil(&increment);
    assert!(refused().contains("increment"), "{}", refused());
    spoil(&made.path.join("holdline.db"));
    assert!(
        refused().contains("not what its manifest says"),
        "{}",
        refused()
    );
    assert_eq!(fs::read_dir(place.path("backups")).unwrap().count(), 3);
}

/// Changes one byte in the middle.
fn spoil(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).unwrap();
}

#[tokio::test]
async fn a_database_in_the_way_is_set_aside_only_when_told_and_when_nobody_uses_it() {
    let place = Place::new();
    let store = sqlite::open(options(place.0.path())).await.unwrap();
    store.commit(groups(0..3)).await.unwrap();
    backup_now(&place.backup_order("one"));
    store.commit(groups(3..9)).await.unwrap();
    drop(store);
    let serving = SqliteOptions {
        exclusive: true,
        ..options(place.0.path())
    };
    let server = sqlite::open(serving).await.unwrap();
    let order = RestoreOrder {
        database: place.path("h.db"),
        media_dir: place.path("media"),
        ..place.restore_order(None)
    };
    let refused = |order: &RestoreOrder| restore(order, &mut |_, _| {}).unwrap_err().to_string();
    assert!(refused(&order).contains("in use"));
    drop(server);
    assert!(refused(&order).contains("--replace"));
    let order = RestoreOrder {
        replace: true,
        ..order
    };
    let aside = restore(&order, &mut |_, _| {}).unwrap().aside.unwrap();
    let now = sqlite::open(options(place.0.path())).await.unwrap();
    assert_eq!(numbers(&now).await, upto(3));
    let before = sqlite::open(SqliteOptions::new(aside)).await.unwrap();
    assert_eq!(numbers(&before).await, upto(9), "nothing is lost");
}

#[tokio::test]
async fn media_come_with_the_backup_and_what_is_missing_is_named() {
    let place = Place::new();
    let store = sqlite::open(options(place.0.path())).await.unwrap();
    fs::write(place.path("media/17"), "hello").unwrap();
    let rows = ["17", "18"].map(|id| Op::Media(media(id)));
    store.commit(vec![Group(rows.into())].into()).await.unwrap();
    let made = backup(&place.backup_order("one"), None, &mut |_, _| {}).unwrap();
    assert_eq!(made.media_missing, ["18"]);
    let order = place.restore_order(None);
    let restored = restore(&order, &mut |_, _| {}).unwrap();
    assert_eq!(
        (restored.media, restored.media_missing),
        (1, vec!["18".to_owned()])
    );
    assert_eq!(fs::read(order.media_dir.join("17")).unwrap(), b"hello");
    fs::write(place.path("media/18"), "other").unwrap();
    let made = backup(&place.backup_order("two"), None, &mut |_, _| {}).unwrap();
    assert_eq!(made.media_missing, ["18"], "another content is not it");
}

fn media(id: &str) -> MediaRecord {
    // SHA-256 of `hello`.
    let sha256 = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    MediaRecord {
        id: id.to_owned(),
        app: "app".to_owned(),
        sender: "1".to_owned(),
        mime: "text/plain".to_owned(),
        filename: Some(Redacted::new("a.txt".to_owned())),
        sha256: sha256.to_owned(),
        size: 5,
        created_at: Timestamp(0),
        expires_at: Timestamp::MAX,
        remote: None,
    }
}

#[tokio::test]
async fn the_oldest_go_when_there_are_too_many() {
    let place = Place::new();
    let (options, archive) = place.archived(1_000);
    let store = sqlite::open(options).await.unwrap();
    for n in 0..4 {
        store.commit(groups(n..n + 1)).await.unwrap();
        let order = BackupOrder {
            keep: Some(2),
            ..place.backup_order(&format!("base-{n}"))
        };
        archive.base(order, &mut |_, _| {}).unwrap();
        assert!(archive.flush(clock()).unwrap());
    }
    let kept = list(&place.path("backups")).unwrap();
    let names: Vec<_> = kept
        .iter()
        .map(|(path, _)| path.file_name().unwrap())
        .collect();
    assert_eq!(names, ["base-2", "base-3"]);
    let first = kept[0].1.log.unwrap().first;
    let increments = fs::read_dir(place.path("backups/log")).unwrap().count() as u64;
    assert!(increments <= 4 - first + 1, "{increments} from {first}");
    assert_eq!(place.restore(None).await.1, upto(4));
}
