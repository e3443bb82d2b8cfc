//! What stood on the disk at each sync of a run, and what the store held then. Reads files from
//! outside, between commits and while nothing is moved; never writes to them.

use super::work::Work;
use aws_lc_rs::digest::{Context, SHA256};
use holdline_engine::ports::Store;
use holdline_store::{SqliteOptions, SqliteStore, sqlite};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};
use std::fs;
use std::path::Path;

/// Small, so that the log is moved into the file and begun anew often.
pub(super) const CHECKPOINT_PAGES: u32 = 45;
const TURNS: usize = 36;
/// During these turns somebody reads: checkpoints move a part only, and the log grows on.
const HELD_BACK: std::ops::Range<usize> = 18..25;

/// The disk after a commit was acknowledged: everything in it is synced but what a checkpoint
/// moved since.
pub(super) struct Taken {
    pub(super) file: Vec<u8>,
    pub(super) log: Vec<u8>,
    pub(super) content: Content,
}

/// All rows of all tables, hashed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Content(Vec<u8>);

/// A run of the workload: the disk when the store was opened, and after each commit; last, after
/// it was closed.
pub(super) async fn record() -> Vec<Taken> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("h.db");
    let options = SqliteOptions {
        checkpoint_pages: CHECKPOINT_PAGES,
        ..SqliteOptions::new(&path)
    };
    let store = sqlite::open(options).await.unwrap();
    let mut taken = vec![take(&path)];
    let mut work = Work::new(7);
    let mut reading = None;
    for turn in 0..TURNS {
        reading = match HELD_BACK.contains(&turn) {
            true => reading.or_else(|| Some(hold_back(&path))),
            false => None,
        };
        work.turn(&store).await;
        store.settle().await.unwrap();
        taken.push(take(&path));
    }
    finish(&store).await;
    taken.push(take(&path));
    taken
}

async fn finish(store: &SqliteStore) {
    assert!(
        store
            .waiting(
                holdline_engine::ports::Partitions::ALL,
                holdline_core::message::Priority::Service,
                None,
                10
            )
            .await
            .unwrap()
            .len()
            == 10
    );
    store.close().await.unwrap();
}

/// A reader that stays in the state of now.
fn hold_back(path: &Path) -> Connection {
    let reader = look_at(path);
    reader
        .execute_batch("BEGIN; SELECT COUNT(*) FROM message")
        .unwrap();
    reader
}

fn take(path: &Path) -> Taken {
    Taken {
        file: fs::read(path).unwrap(),
        log: fs::read(path.with_extension("db-wal")).unwrap_or_default(),
        content: content(&look_at(path)),
    }
}

pub(super) fn look_at(path: &Path) -> Connection {
    Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap()
}

/// Everything but when the schema was made.
pub(super) fn content(connection: &Connection) -> Content {
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table'
        AND name <> 'schema_migration' ORDER BY name";
    let mut tables = connection.prepare(sql).unwrap();
    let tables = tables.query_map([], |row| row.get::<_, String>(0)).unwrap();
    let mut hash = Context::new(&SHA256);
    for table in tables {
        add_table(connection, &table.unwrap(), &mut hash);
    }
    Content(hash.finish().as_ref().to_vec())
}

fn add_table(connection: &Connection, table: &str, hash: &mut Context) {
    hash.update(table.as_bytes());
    let mut statement = connection
        .prepare(&format!("SELECT * FROM {table}"))
        .unwrap();
    let columns = statement.column_count();
    let mut rows = statement.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        for column in 0..columns {
            add_value(row.get_ref(column).unwrap(), hash);
        }
    }
}

fn add_value(value: ValueRef<'_>, hash: &mut Context) {
    match value {
        ValueRef::Null => hash.update(b"n"),
        ValueRef::Integer(number) => hash.update(&number.to_le_bytes()),
        ValueRef::Real(number) => hash.update(&number.to_le_bytes()),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
            hash.update(&bytes.len().to_le_bytes());
            hash.update(bytes);
        }
    }
}
