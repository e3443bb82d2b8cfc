//! A store that moves from SQLite to PostgreSQL: what is read is the same, a broken run goes on,
//! differences are found, and at no time both sides may be used.

use super::{options, stores};
use crate::fixtures::{group, groups, numbers};
use holdline_engine::contract::store as contract;
use holdline_engine::ports::Store;
use holdline_engine::ports::store::StoreResult;
use holdline_engine::ports::{Group, Op};
use holdline_servers::{Pgbouncer, Postgres};
use holdline_store::transfer::{self, Move, MoveState, Moved, Step};
use holdline_store::{SqliteOptions, SqliteStore, postgres, sqlite};
use std::cell::RefCell;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tempfile::TempDir;
use tokio::sync::Notify;

/// A file and an empty database.
struct Both {
    folder: TempDir,
    server: Postgres,
    database: String,
    order: Move,
}

impl Both {
    fn new() -> Self {
        let server = Postgres::start();
        let folder = tempfile::tempdir().unwrap();
        let database = server.new_database();
        let order = order(&folder.path().join("h.db"), &server.url(&database));
        Self {
            folder,
            server,
            database,
            order,
        }
    }

    /// As a server opens it.
    async fn sqlite(&self) -> StoreResult<SqliteStore> {
        sqlite::open(SqliteOptions {
            exclusive: true,
            ..SqliteOptions::new(&self.order.from)
        })
        .await
    }

    async fn fill(&self, numbers: std::ops::Range<u32>) {
        let store = self.sqlite().await.unwrap();
        for first in numbers.clone().step_by(1_000) {
            let page = first..numbers.end.min(first + 1_000);
            store.commit(groups(page)).await.unwrap();
        }
        store.close().await.unwrap();
    }

    fn sql(&self, sql: &str) -> String {
        self.server.sql(&self.database, sql)
    }
}

fn order(from: &Path, url: &str) -> Move {
    Move {
        from: from.to_path_buf(),
        to: options(url),
    }
}

async fn copy(order: &Move) -> Moved {
    transfer::copy(order, &mut |_| {}).await.unwrap()
}

async fn refused(order: &Move) -> String {
    let done = transfer::copy(order, &mut |_| {}).await;
    done.unwrap_err().to_string()
}

fn differing(moved: &Moved) -> Vec<&str> {
    let tables = moved.tables.iter().filter(|it| it.differs());
    tables.map(|it| it.name).collect()
}

fn written(moved: &Moved) -> Vec<(&str, u64, u64)> {
    let tables = moved.tables.iter().filter(|it| it.written + it.deleted > 0);
    tables.map(|it| (it.name, it.written, it.deleted)).collect()
}

/// What the writers of the contract write, and one thing that they all delete again, is every kind
/// of row.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_was_written_reads_the_same_after_a_move() {
    let server = Postgres::start();
    let folder = tempfile::tempdir().unwrap();
    let opened = RefCell::new(Vec::new());
    let open_new = async || {
        let path = folder.path().join(format!("{}.db", opened.borrow().len()));
        let store = Arc::new(sqlite::open(SqliteOptions::new(&path)).await.unwrap());
        opened.borrow_mut().push((path, Arc::clone(&store)));
        store as Arc<dyn Store>
    };
    contract::all(&open_new).await;
    let alias = Op::MediaAlias {
        media: "22".to_owned(),
        sender: "s1".to_owned(),
        provider_id: "alias".to_owned(),
        until: MAX,
    };
    let results = open_new().await.commit([Group(vec![alias])].into()).await;
    assert_eq!(results.unwrap(), [Ok(())]);
    let mut seen = std::collections::BTreeSet::new();
    for (path, store) in opened.take() {
        let before = stores::everything(&*store).await;
        store.close().await.unwrap();
        let order = order(&path, &server.url(&server.new_database()));
        let moved = copy(&order).await;
        assert_eq!((moved.state, differing(&moved)), (MoveState::Ready, vec![]));
        let tables = moved.tables.iter().filter(|it| it.source.rows > 0);
        seen.extend(tables.map(|it| it.name));
        let after = postgres::open(order.to).await.unwrap();
        assert_eq!(stores::everything(&after).await, before);
        after.close().await.unwrap();
    }
    // Each of them once at least, or the comparison says nothing about it.
    assert_eq!(seen.len(), 29, "{seen:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_move_goes_through_a_proxy_that_pools_transactions() {
    let server = Postgres::start();
    let proxy = Pgbouncer::start(&server);
    let both = Both::new();
    both.fill(0..50).await;
    let url = proxy.url(&server.new_database());
    let moved = copy(&order(&both.order.from, &url)).await;
    assert_eq!(moved.state, MoveState::Ready);
    let store = postgres::open(options(&url)).await.unwrap();
    assert_eq!(numbers(&store).await, (0..50).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beside_a_server_the_bulk_is_copied_and_the_last_run_brings_the_rest() {
    let both = Both::new();
    let server = both.sqlite().await.unwrap();
    server.commit(groups(0..300)).await.unwrap();
    let first = copy(&both.order).await;
    assert_eq!(first.state, MoveState::Behind);
    assert!(written(&first).contains(&("message", 300, 0)), "{first:?}");
    let early = postgres::open(both.order.to.clone()).await.unwrap_err();
    assert!(early.to_string().contains("unfinished copy"), "{early}");

    server.commit(groups(300..320)).await.unwrap();
    let due = server
        .hooks_due(holdline_engine::ports::Partitions::ALL, MAX, &[], 10)
        .await
        .unwrap();
    let done = due.iter().map(|it| Group(vec![Op::HookDone(it.seq)]));
    server.commit(done.collect()).await.unwrap();
    server.close().await.unwrap();
    drop(server);
    let last = copy(&both.order).await;
    assert_eq!(last.state, MoveState::Ready);
    let changed = [
        ("message", 20, 0),
        ("body", 20, 0),
        ("delivery", 20, 0),
        ("hook", 20, 10),
    ];
    assert_eq!(written(&last), changed, "no more than what has changed");
    let compared = transfer::compare(&both.order, &mut |_| {}).await.unwrap();
    assert_eq!(compared.state, MoveState::Same);

    let left = both.sqlite().await.unwrap_err().to_string();
    assert!(
        left.contains("was moved") && left.contains("--undo"),
        "{left}"
    );
    let again = refused(&both.order).await;
    assert!(again.contains("was moved to"), "{again}");
    let store = postgres::open(both.order.to.clone()).await.unwrap();
    let highest = both.sql("SELECT max(seq) FROM hook");
    store.commit([group(400)].into()).await.unwrap();
    let newest = both.sql("SELECT max(seq) FROM hook");
    let number = |text: &str| text.parse::<i64>().unwrap();
    assert_eq!(number(&newest), number(&highest) + 1, "numbers go on");
}

const MAX: holdline_core::Timestamp = holdline_core::Timestamp::MAX;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn numbers_that_were_given_are_not_given_again() {
    let both = Both::new();
    both.fill(0..3).await;
    let store = both.sqlite().await.unwrap();
    let done: Vec<Group> = (1..=3).map(|seq| Group(vec![Op::HookDone(seq)])).collect();
    store.commit(done.into()).await.unwrap();
    store.close().await.unwrap();
    drop(store);
    assert_eq!(copy(&both.order).await.state, MoveState::Ready);
    let store = postgres::open(both.order.to.clone()).await.unwrap();
    store.commit([group(9)].into()).await.unwrap();
    assert_eq!(both.sql("SELECT seq FROM hook"), "4");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_was_broken_off_goes_on_where_it_stopped() {
    let both = Both::new();
    both.fill(0..6_000).await;
    let reached = Notify::new();
    let mut progress = |step: Step| {
        if step.table == "delivery" && step.done > 14_000 {
            reached.notify_one();
        }
    };
    tokio::select! {
        _ = transfer::copy(&both.order, &mut progress) => panic!("it was to be broken off"),
        () = reached.notified() => {}
    }
    let early = postgres::open(both.order.to.clone()).await.unwrap_err();
    assert!(early.to_string().contains("unfinished copy"), "{early}");
    let rest = copy(&both.order).await;
    assert_eq!(rest.state, MoveState::Ready);
    let tables: Vec<&str> = written(&rest).iter().map(|(name, ..)| *name).collect();
    assert_eq!(tables, ["delivery", "hook"], "the rest alone");
    let delivery = rest.tables.iter().find(|it| it.name == "delivery").unwrap();
    assert!(delivery.written < 6_000, "{delivery:?}");
    let store = postgres::open(both.order.to.clone()).await.unwrap();
    assert_eq!(numbers(&store).await, (0..6_000).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_byte_that_differs_is_found_and_named() {
    let both = Both::new();
    both.fill(0..20).await;
    // What the target does by itself is found before anything is marked.
    let change = "CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN NEW.bytes := set_byte(NEW.bytes, 7, 65); RETURN NEW; END $$;
         CREATE TRIGGER spoil BEFORE INSERT ON body FOR EACH ROW EXECUTE FUNCTION spoil()";
    let server = both.sqlite().await.unwrap();
    assert_eq!(copy(&both.order).await.state, MoveState::Behind);
    drop(server);
    both.sql(&format!("DELETE FROM body; {change}"));
    let spoiled = copy(&both.order).await;
    assert_eq!(
        (spoiled.state, differing(&spoiled)),
        (MoveState::Differs, vec!["body"])
    );
    drop(both.sqlite().await.expect("the file is as it was"));
    assert!(postgres::open(both.order.to.clone()).await.is_err());

    both.sql("DROP TRIGGER spoil ON body");
    assert_eq!(copy(&both.order).await.state, MoveState::Ready, "mended");
    let change = "UPDATE body SET bytes = set_byte(bytes, 7, 65)
         WHERE id = (SELECT min(id::text)::uuid FROM body)";
    both.sql(change);
    let compared = transfer::compare(&both.order, &mut |_| {}).await.unwrap();
    assert_eq!(
        (compared.state, differing(&compared)),
        (MoveState::Differs, vec!["body"])
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_that_is_not_free_is_refused() {
    let both = Both::new();
    both.fill(0..5).await;
    let taken = |sql: &str| {
        let database = both.server.new_database();
        let url = both.server.url(&database);
        let sql = sql.to_owned();
        let (both, url) = (&both, url);
        async move {
            drop(postgres::open(options(&url)).await.unwrap());
            both.server.sql(&database, &sql);
            refused(&order(&both.order.from, &url)).await
        }
    };
    for (sql, says) in [
        (
            "INSERT INTO setting VALUES ('a', 'b')",
            "holds data of another store",
        ),
        (
            "INSERT INTO lease VALUES ('upkeep', 'a', 1)",
            "holds data of another store",
        ),
        (
            "INSERT INTO node VALUES ('a', 'u', 9000000000000)",
            "1 servers work on",
        ),
        (
            "INSERT INTO setting VALUES ('moving_from', 'x')",
            "unfinished copy of another store",
        ),
    ] {
        let error = taken(sql).await;
        assert!(error.contains(says), "{sql}: {error}");
    }
    let nowhere = order(&both.folder.path().join("none.db"), &both.server.url("x"));
    let error = refused(&nowhere).await;
    assert!(error.contains("there is no database at"), "{error}");
    drop(both.sqlite().await.expect("nothing was marked"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_move_is_undone_as_long_as_no_server_has_worked_on_the_target() {
    let both = Both::new();
    both.fill(0..5).await;
    let nothing = transfer::undo(&both.order, false).await.unwrap_err();
    assert!(nothing.to_string().contains("nothing to undo"), "{nothing}");
    assert_eq!(copy(&both.order).await.state, MoveState::Ready);
    transfer::undo(&both.order, false).await.unwrap();
    assert!(
        postgres::open(both.order.to.clone()).await.is_err(),
        "never both of them"
    );
    both.fill(5..8).await;
    assert_eq!(copy(&both.order).await.state, MoveState::Ready);
    both.sql("INSERT INTO lease VALUES ('upkeep', 'a', 1)");
    let late = transfer::undo(&both.order, false).await.unwrap_err();
    assert!(late.to_string().contains("sent again"), "{late}");
    assert!(both.sqlite().await.is_err());
    transfer::undo(&both.order, true).await.unwrap();
    let store = both.sqlite().await.unwrap();
    assert_eq!(numbers(&store).await, (0..8).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_writes_to_the_file_while_it_changes_hands() {
    let both = Both::new();
    both.fill(0..10).await;
    let (from, url) = (both.order.from.clone(), both.server.url(&both.database));
    let tried = AtomicBool::new(false);
    let mut progress = |step: Step| {
        if step.what == "checking" && !tried.swap(true, Ordering::SeqCst) {
            let server = std::thread::scope(|scope| {
                let other = scope.spawn(|| {
                    let runtime = tokio::runtime::Runtime::new().unwrap();
                    runtime.block_on(async {
                        let server = both.sqlite().await.map(drop);
                        let second = refused(&order(&from, &url)).await;
                        (server.unwrap_err().to_string(), second)
                    })
                });
                other.join().unwrap()
            });
            assert!(server.0.contains("in use"), "{}", server.0);
            assert!(server.1.contains("another move"), "{}", server.1);
        }
    };
    let moved = transfer::copy(&both.order, &mut progress).await.unwrap();
    assert_eq!(moved.state, MoveState::Ready);
    assert!(tried.into_inner());
}
