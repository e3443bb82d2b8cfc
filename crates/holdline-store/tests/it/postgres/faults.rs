//! Connections that end, others that are in the way, and servers that go and come back.

use super::{open, open_new, options};
use crate::fixtures::{group, groups, numbers};
use holdline_core::Timestamp;
use holdline_engine::ports::cluster::{Beat, Lease, Partition};
use holdline_engine::ports::records::{Activity, ActivityKind, ActivityRecord};
use holdline_engine::ports::{Conflict, Group, Op, Store, StoreError};
use holdline_servers::Postgres;
use holdline_store::postgres;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const COMMITS: u32 = 300;
const LINES: usize = 100;
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_answered_commit_is_lost_when_connections_are_killed() {
    let server = Postgres::start();
    let (store, database) = open_new(&server).await;
    let (store, server) = (Arc::new(store), Arc::new(server));
    let stop = Arc::new(AtomicBool::new(false));
    let killing = {
        let (server, stop, database) = (Arc::clone(&server), Arc::clone(&stop), database.clone());
        tokio::task::spawn_blocking(move || {
            let mut kills = 0;
            while !stop.load(Ordering::SeqCst) {
                server.end_connections(&database);
                kills += 1;
            }
            kills
        })
    };
    let (mut answered, mut ambiguous) = (Vec::new(), Vec::new());
    for n in 0..COMMITS {
        match store.commit(groups(n..n + 1)).await {
            Ok(_) => answered.push(n),
            Err(StoreError::Ambiguous(_)) => ambiguous.push(n),
            Err(StoreError::Unreachable(_)) => {}
            Err(other) => panic!("not the wanted error: {other}"),
        }
    }
    stop.store(true, Ordering::SeqCst);
    assert!(killing.await.unwrap() > 2, "connections were killed");
    assert!(answered.len() > 50, "{} were answered", answered.len());
    let found = numbers(&*store).await;
    let lost: Vec<_> = answered.iter().filter(|n| !found.contains(n)).collect();
    assert!(lost.is_empty(), "answered but not there: {lost:?}");
    let known = |n: &&u32| answered.contains(n) || ambiguous.contains(n);
    assert_eq!(found.iter().filter(known).count(), found.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_of_the_log_misses_no_line_of_two_nodes_that_write() {
    let server = Postgres::start();
    let url = server.url(&server.new_database());
    let stores = [open(&url).await, open(&url).await, open(&url).await];
    let write = async |store: &dyn Store, node: usize| {
        for n in 0..LINES {
            let line = |part: usize| {
                Op::Activity(Activity {
                    at: Timestamp(1),
                    kind: ActivityKind::Deed,
                    subject: format!("{node}"),
                    words: format!("{n}.{part}"),
                })
            };
            let group = Group(vec![line(0), line(1)]);
            assert_eq!(store.commit([group].into()).await.unwrap(), [Ok(())]);
        }
    };
    // As the stream of the console reads: what comes after the last line that was seen.
    let follow = async {
        let mut seen = Vec::<ActivityRecord>::new();
        while seen.len() < 4 * LINES {
            let after = seen.last().map_or(0, |line| line.seq);
            seen.extend(stores[2].activity(Some(after), 100).await.unwrap());
        }
        seen
    };
    let all = async { tokio::join!(write(&stores[0], 0), write(&stores[1], 1), follow).2 };
    let seen = tokio::time::timeout(PATIENCE, all).await;
    let seen = seen.expect("every line is seen");
    for node in ["0", "1"] {
        let mine = seen.iter().filter(|it| it.activity.subject == node);
        let mine: Vec<_> = mine.map(|it| it.activity.words.as_str()).collect();
        let wanted: Vec<String> = (0..LINES)
            .flat_map(|n| [format!("{n}.0"), format!("{n}.1")])
            .collect();
        assert_eq!(mine, wanted, "in the order in which it wrote");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kept_statement_that_the_server_takes_no_more_is_made_anew() {
    let server = Postgres::start();
    let database = server.new_database();
    let mut options = options(&server.url(&database));
    (options.prepared_statements, options.readers) = (true, 1);
    let store = postgres::open(options).await.unwrap();
    let setting = Op::Setting {
        key: "k".to_owned(),
        value: "v".to_owned(),
    };
    let written = store.commit([Group(vec![setting])].into()).await;
    assert_eq!(written.unwrap(), [Ok(())]);
    let read = async || store.setting("k").await.unwrap();
    for _ in 0..3 {
        assert_eq!(read().await.as_deref(), Some("v"));
    }
    server.sql(
        &database,
        "ALTER TABLE setting ALTER COLUMN value TYPE varchar",
    );
    assert_eq!(read().await.as_deref(), Some("v"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_write_the_same_rows_at_once_all_succeed() {
    let server = Postgres::start_with(&[("deadlock_timeout", "50ms")]);
    let url = server.url(&server.new_database());
    let stores = [open(&url).await, open(&url).await, open(&url).await];
    // Each commit writes the same settings in another order, which makes circles of waiting.
    let write = async |store: &dyn Store, node: usize| {
        for round in 0..20 {
            let keys = (0..6).map(|n| if node == 1 { 5 - n } else { n });
            let ops = keys.map(|n| Op::Setting {
                key: format!("k{n}"),
                value: format!("{node} {round}"),
            });
            let results = store
                .commit(Arc::from([Group(ops.collect())]))
                .await
                .unwrap();
            assert_eq!(results, [Ok(())]);
        }
    };
    tokio::join!(
        write(&stores[0], 0),
        write(&stores[1], 1),
        write(&stores[2], 2)
    );
    let mut last = Vec::new();
    for n in 0..6 {
        last.push(stores[0].setting(&format!("k{n}")).await.unwrap());
    }
    last.dedup();
    assert_eq!(last.len(), 1, "a group is whole: {last:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_queued_by_one_node_while_another_ends_the_one_before_is_found() {
    let server = Postgres::start();
    let url = server.url(&server.new_database());
    let (one, two) = (open(&url).await, open(&url).await);
    let queue = || {
        let Group(mut ops) = group(7);
        Arc::from([Group(vec![ops.remove(1)])])
    };
    one.commit(queue()).await.unwrap();
    for _ in 0..100 {
        let due = one
            .hooks_due(
                holdline_engine::ports::Partitions::ALL,
                Timestamp::MAX,
                &[],
                9,
            )
            .await
            .unwrap();
        assert_eq!(due.len(), 1, "the queue has a head");
        let done = Arc::from([Group(vec![Op::HookDone(due[0].seq)])]);
        let (queued, done) = tokio::join!(two.commit(queue()), one.commit(done));
        queued.unwrap();
        done.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_and_a_takeover_of_its_lease_exclude_each_other() {
    let server = Postgres::start();
    let url = server.url(&server.new_database());
    let (old, new) = (open(&url).await, open(&url).await);
    let lease = Lease::Partition(Partition::new(5).unwrap());
    let mut epoch = 0;
    for round in 0..20 {
        let held = old.beat(&beat("old", 0, &[lease])).await.unwrap();
        epoch = held.first().map_or(epoch, |it| it.epoch);
        let write = |n: u32| {
            let Group(mut ops) = group(round * 100 + n);
            ops.insert(0, Op::Fence { lease, epoch });
            old.commit(Arc::from([Group(ops)]))
        };
        let writes = futures_util::future::join_all((0..10).map(write));
        let take = async { new.beat(&beat("new", 60_000, &[lease])).await.unwrap() };
        let (written, taken) = tokio::join!(writes, take);
        // A locked lease is passed by; it is free once the writes are over.
        let taken = match taken.is_empty() {
            true => new.beat(&beat("new", 60_000, &[lease])).await.unwrap(),
            false => taken,
        };
        assert_eq!(taken[0].epoch, epoch + 1);
        for result in written {
            let result = result.unwrap().remove(0);
            assert!(matches!(result, Ok(()) | Err(Conflict::Fenced { .. })));
        }
        let Group(late) = group(round * 100 + 50);
        let late = Group([vec![Op::Fence { lease, epoch }], late].concat());
        let late = old.commit(Arc::from([late])).await.unwrap();
        assert_eq!(late, [Err(Conflict::Fenced { lease })]);
        let gives = Beat {
            leaves: true,
            ..beat("new", 0, &[])
        };
        new.beat(&gives).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_was_down_is_found_again() {
    let mut server = Postgres::start();
    let (store, database) = open_new(&server).await;
    store.commit(groups(0..1)).await.unwrap();
    server.kill();
    let short = |url: &str| {
        let mut options = options(url);
        options.patience_ms = 300;
        options
    };
    let error = postgres::open(short(&server.url(&database)))
        .await
        .unwrap_err();
    assert!(matches!(&error, StoreError::Unreachable(why) if why.contains("cannot connect")));
    let (written, read) = tokio::join!(store.commit(groups(1..2)), async {
        let reading = store.setting("k");
        server.restart();
        reading.await
    });
    written.expect("it waited for the server");
    read.expect("it waited for the server");
    assert_eq!(numbers(&store).await, [0, 1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_takes_no_writes_is_said_to_be_so() {
    let server = Postgres::start();
    let (store, database) = open_new(&server).await;
    store.commit(groups(0..1)).await.unwrap();
    store.close().await.unwrap();
    assert!(store.commit(groups(1..2)).await.is_err(), "it is closed");
    server.sql(
        "postgres",
        &format!("ALTER DATABASE {database} SET default_transaction_read_only = on"),
    );
    let mut options = options(&server.url(&database));
    options.patience_ms = 300;
    let error = postgres::open(options).await.unwrap_err().to_string();
    assert!(
        error.contains("read-only") || error.contains("does not allow writes"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn texts_with_characters_that_postgresql_does_not_know_are_kept_all_the_same() {
    let server = Postgres::start();
    let (store, _) = open_new(&server).await;
    let set = Op::Setting {
        key: "a\0b".to_owned(),
        value: "v\0".to_owned(),
    };
    store.commit(Arc::from([Group(vec![set])])).await.unwrap();
    assert_eq!(
        store.setting("a\0b").await.unwrap().as_deref(),
        Some("v\u{fffd}")
    );
}

fn beat(node: &str, ttl_ms: u64, take: &[Lease]) -> Beat {
    Beat {
        node: node.to_owned(),
        url: String::new(),
        now: Timestamp(0),
        ttl_ms,
        take: take.to_vec(),
        give: Vec::new(),
        leaves: false,
    }
}
