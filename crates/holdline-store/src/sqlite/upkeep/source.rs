//! The file as the source of a move to another database: read by pages, also beside the server that
//! uses it; when no server does, held so that nobody writes to it, and marked as moved at the end.

use crate::rows::Row;
use crate::sqlite::connection::{self, SqliteOptions};
use crate::sqlite::error::{commit_error, store_error};
use crate::sqlite::migrate;
use crate::transfer::{Cell, Cells, MOVED_TO, STORE_ID, Side, Table, read, selected, size};
use holdline_engine::ports::StoreError;
use holdline_engine::ports::store::StoreResult;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, params, params_from_iter};
use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// A page ends when it holds so much, whatever the table allows.
const PAGE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A file whose rows are moved.
#[derive(Debug)]
pub(crate) struct Source {
    c: Arc<Mutex<Connection>>,
    store_id: String,
    moved_to: Option<String>,
    /// Held when no server uses the file.
    serving: Option<File>,
    /// Two moves of one file would overwrite each other's rows.
    _moving: Option<File>,
}

impl Source {
    pub(crate) async fn open(path: &Path) -> StoreResult<Self> {
        let path = path.to_path_buf();
        blocking(move || open_now(&path)).await
    }

    /// Holds nothing and marks nothing; what is read is one state.
    pub(crate) async fn open_to_read(path: &Path) -> StoreResult<Self> {
        let path = path.to_path_buf();
        blocking(move || {
            let c = connection::reader_of_existing(&path)?;
            migrate::known_schema(&c)?;
            sql(&c, "BEGIN")?;
            Self::of(c, None, None)
        })
        .await
    }

    fn of(c: Connection, serving: Option<File>, moving: Option<File>) -> StoreResult<Self> {
        Ok(Self {
            store_id: setting(&c, STORE_ID)?.unwrap_or_default(),
            moved_to: setting(&c, MOVED_TO)?,
            c: Arc::new(Mutex::new(c)),
            serving,
            _moving: moving,
        })
    }

    /// Nobody else writes while this is there.
    pub(crate) const fn is_alone(&self) -> bool {
        self.serving.is_some()
    }

    pub(crate) fn store_id(&self) -> &str {
        &self.store_id
    }

    pub(crate) fn moved_to(&self) -> Option<&str> {
        self.moved_to.as_deref()
    }

    /// The rows after a key; none at the end.
    pub(crate) async fn page(
        &self,
        table: &'static Table,
        after: Option<Cells>,
    ) -> StoreResult<Vec<Cells>> {
        let read = move |c: &Connection| page(c, table, after);
        self.run(read).await
    }

    pub(crate) async fn count(&self, table: &'static Table) -> StoreResult<u64> {
        let sql = format!("SELECT COUNT(*) FROM {}", table.name);
        self.number(sql).await.map(i64::unsigned_abs)
    }

    /// The highest number that a table ever gave, where it remembers, or still has.
    pub(crate) async fn highest(&self, table: &'static Table) -> StoreResult<i64> {
        let name = table.name;
        let Some(column) = table.counter else {
            return Ok(0);
        };
        let sql = format!(
            "SELECT MAX(COALESCE((SELECT MAX({column}) FROM {name}), 0),
                 COALESCE((SELECT seq FROM sqlite_sequence WHERE name = '{name}'), 0))"
        );
        self.number(sql).await
    }

    /// Nobody starts on this file from here on. Ends the hold on it.
    pub(crate) async fn mark(&self, place: &str) -> StoreResult<()> {
        let place = place.to_owned();
        let write = move |c: &Connection| {
            let sql = "INSERT OR REPLACE INTO setting (key, value)
                 VALUES (?1, ?2 || strftime(' at %Y-%m-%dT%H:%M:%SZ', 'now'))";
            c.execute(sql, params![MOVED_TO, place]).map(drop)
        };
        self.run(write).await?;
        self.commit().await
    }

    pub(crate) async fn unmark(&self) -> StoreResult<()> {
        let write = |c: &Connection| {
            let sql = "DELETE FROM setting WHERE key = ?1";
            c.execute(sql, [MOVED_TO]).map(drop)
        };
        self.run(write).await?;
        self.commit().await
    }

    async fn commit(&self) -> StoreResult<()> {
        let c = Arc::clone(&self.c);
        let commit = move || lock(&c).execute_batch("COMMIT");
        let failed = |error: rusqlite::Error| commit_error(&error);
        blocking(move || commit().map_err(failed)).await
    }

    async fn number(&self, sql: String) -> StoreResult<i64> {
        self.run(move |c| c.query_row(&sql, [], |row| row.get(0)))
            .await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> StoreResult<T> {
        let c = Arc::clone(&self.c);
        blocking(move || work(&lock(&c)).map_err(|error| store_error(&error))).await
    }
}

/// Refuses a file that was moved: on two databases the same messages would be sent twice.
pub(in crate::sqlite) fn refuse_moved(c: &Connection, path: &Path) -> StoreResult<()> {
    match setting(c, MOVED_TO)? {
        None => Ok(()),
        Some(moved_to) => Err(StoreError::Unavailable(format!(
            "the database {} was moved to PostgreSQL, {moved_to}: let storage.url name that; to go \
             back: holdline migrate sqlite-to-postgres --undo",
            path.display()
        ))),
    }
}

fn open_now(path: &Path) -> StoreResult<Source> {
    if !path.is_file() {
        return Err(unavailable(format!(
            "there is no database at {}; --from or storage.url names it",
            path.display()
        )));
    }
    let moving = connection::try_lock(path, ".migrate.lock")?
        .ok_or_else(|| unavailable(format!("another move of {} is under way", path.display())))?;
    let serving = connection::try_lock(path, connection::LOCK)?;
    if serving.is_none() {
        let options = SqliteOptions {
            leave_log: true,
            ..SqliteOptions::new(path)
        };
        let c = connection::writer(&options)?;
        migrate::known_schema(&c)?;
        name(&c)?;
        return Source::of(connection::reader_of_existing(path)?, None, Some(moving));
    }
    let mut c = connection::writer(&SqliteOptions::new(path))?;
    migrate::migrate(&mut c)?;
    name(&c)?;
    sql(&c, "BEGIN IMMEDIATE")?;
    Source::of(c, serving, Some(moving))
}

/// Gives a store an id, once.
fn name(c: &Connection) -> StoreResult<()> {
    let sql = "INSERT OR IGNORE INTO setting (key, value) VALUES (?1, lower(hex(randomblob(16))))";
    let named = c.execute(sql, [STORE_ID]);
    named.map(drop).map_err(|error| store_error(&error))
}

fn setting(c: &Connection, key: &str) -> StoreResult<Option<String>> {
    let sql = "SELECT value FROM setting WHERE key = ?1";
    let found = c.query_row(sql, [key], |row| row.get(0)).optional();
    found.map_err(|error| store_error(&error))
}

fn page(c: &Connection, table: &Table, after: Option<Cells>) -> rusqlite::Result<Vec<Cells>> {
    let marks: Vec<String> = (1..=table.key).map(|n| format!("?{n}")).collect();
    let marks = after.as_ref().map(|_| marks.join(", "));
    let sql = table.select(&selected(table, Side::Source), marks.as_deref());
    let mut statement = c.prepare_cached(&sql)?;
    let key = after.into_iter().flatten().map(value);
    let mut found = statement.query(params_from_iter(key))?;
    let (mut rows, mut bytes) = (Vec::new(), 0);
    while let Some(row) = found.next()? {
        let cells = read(&Row::sqlite(row), table, Side::Source)?;
        bytes += size(&cells);
        rows.push(cells);
        if bytes >= PAGE_BYTES_MAX {
            break;
        }
    }
    Ok(rows)
}

fn value(cell: Cell) -> Value {
    match cell {
        Cell::Null => Value::Null,
        Cell::Id(id) => Value::Blob(id.to_vec()),
        Cell::Number(number) => Value::Integer(number),
        Cell::Real(bits) => Value::Real(f64::from_bits(bits)),
        Cell::Text(text) => Value::Text(text),
        Cell::Bytes(bytes) => Value::Blob(bytes),
    }
}

fn sql(c: &Connection, sql: &str) -> StoreResult<()> {
    c.execute_batch(sql).map_err(|error| store_error(&error))
}

fn lock(c: &Mutex<Connection>) -> std::sync::MutexGuard<'_, Connection> {
    c.lock().unwrap_or_else(PoisonError::into_inner)
}

fn unavailable(why: String) -> StoreError {
    StoreError::Unavailable(why)
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> StoreResult<T> + Send + 'static,
) -> StoreResult<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| Err(unavailable("the work did not end".to_owned())))
}
