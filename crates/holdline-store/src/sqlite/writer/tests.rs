//! What the writer does with commits that queued together, when one of them cannot be written.

use super::*;
use crate::sqlite::connection::SqliteOptions;
use std::sync::mpsc;

type Answer = oneshot::Receiver<StoreResult<Vec<GroupResult>>>;

/// A database that refuses one setting.
fn database() -> Connection {
    let mut connection = Connection::open_in_memory().unwrap();
    crate::sqlite::migrate::migrate(&mut connection).unwrap();
    connection
        .execute_batch(
            "CREATE TRIGGER refuse BEFORE INSERT ON setting WHEN NEW.key = 'poison'
             BEGIN SELECT RAISE(ABORT, 'poison'); END",
        )
        .unwrap();
    connection
}

fn commit_of(keys: &[&str]) -> (Job, Answer) {
    let set = |key: &&str| Op::Setting {
        key: (*key).to_owned(),
        value: "1".to_owned(),
    };
    let groups = keys.iter().map(|key| Group(vec![set(key)])).collect();
    let (answer, answered) = oneshot::channel();
    (Job::Commit(Commit { groups, answer }), answered)
}

fn run_all(connection: &mut Connection, jobs: Vec<Job>) {
    let (sender, receiver) = mpsc::sync_channel(jobs.len());
    for job in jobs {
        sender.send(job).unwrap();
    }
    drop(sender);
    let mut log = LogRule::of(&SqliteOptions::new(""), connection).unwrap();
    run(connection, &receiver, &mut log, &Known::default());
}

fn settings(connection: &Connection) -> Vec<String> {
    let mut statement = connection
        .prepare("SELECT key FROM setting ORDER BY key")
        .unwrap();
    let keys = statement.query_map([], |row| row.get(0)).unwrap();
    keys.collect::<rusqlite::Result<_>>().unwrap()
}

#[test]
fn a_commit_that_cannot_be_written_fails_alone() {
    let mut connection = database();
    let (one, mut first) = commit_of(&["a", "b"]);
    let (two, mut second) = commit_of(&["c", "poison"]);
    let (three, mut third) = commit_of(&["d"]);
    run_all(&mut connection, vec![one, two, three]);
    assert_eq!(first.try_recv().unwrap().unwrap().len(), 2);
    let error = second.try_recv().unwrap().unwrap_err();
    assert!(
        matches!(&error, StoreError::Unavailable(why) if why.contains("poison")),
        "{error}"
    );
    assert_eq!(third.try_recv().unwrap().unwrap().len(), 1);
    assert_eq!(settings(&connection), ["a", "b", "d"]);
}

#[test]
fn after_a_failed_transaction_the_next_one_begins_anew() {
    let connection = database();
    let failed = in_transaction(&connection, || {
        connection.execute("INSERT INTO setting VALUES ('half', '1')", [])?;
        connection.execute("INSERT INTO setting VALUES ('poison', '1')", [])
    });
    assert!(failed.is_err());
    assert!(connection.is_autocommit());
    let next = in_transaction(&connection, || {
        connection.execute("INSERT INTO setting VALUES ('whole', '1')", [])
    });
    assert_eq!(next.unwrap(), 1);
    assert_eq!(settings(&connection), ["whole"]);
}

#[test]
fn what_was_asked_after_a_commit_is_done_after_it() {
    let mut connection = database();
    let (one, _first) = commit_of(&["a"]);
    let (answer, mut expired) = oneshot::channel();
    let terms = Expiry {
        bodies_before: Timestamp(0),
        metadata_before: Timestamp(0),
        limit: 10,
    };
    let (two, mut second) = commit_of(&["b"]);
    let (stop, mut stopped) = oneshot::channel();
    let (late, mut never) = commit_of(&["c"]);
    let jobs = vec![
        one,
        Job::Expire { terms, answer },
        two,
        Job::Stop { answer: stop },
        late,
    ];
    run_all(&mut connection, jobs);
    assert_eq!(expired.try_recv().unwrap().unwrap(), 0);
    assert!(second.try_recv().unwrap().is_ok());
    assert!(stopped.try_recv().unwrap().is_ok());
    assert!(never.try_recv().is_err(), "nothing is done after the stop");
    assert_eq!(settings(&connection), ["a", "b"]);
}

#[test]
fn the_writer_moves_the_log_where_nobody_else_can() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("h.db");
    let options = SqliteOptions {
        checkpoint_pages: 20,
        ..SqliteOptions::new(&path)
    };
    let mut connection = crate::sqlite::connection::writer(&options).unwrap();
    crate::sqlite::migrate::migrate(&mut connection).unwrap();
    let elsewhere = SqliteOptions {
        path: directory.path().join("is_not_there.db"),
        ..options
    };
    let mut log = LogRule::of(&elsewhere, &mut connection).unwrap();
    let before = log_pages(&path);
    for number in 0..1_000 {
        let set = "INSERT INTO setting VALUES (?1, '1')";
        connection.execute(set, [number.to_string()]).unwrap();
        log.keep_short(&connection);
    }
    assert!(log_pages(&path) < before + 40, "{}", log_pages(&path));
}

fn log_pages(path: &std::path::Path) -> u64 {
    std::fs::metadata(path.with_extension("db-wal"))
        .unwrap()
        .len()
        / 4_096
}
