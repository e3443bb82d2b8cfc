//! Opens the file: its directory, its lock, and connections set up for durability.

use super::error::store_error;
use super::upkeep::backup::LogCopies;
use holdline_engine::ports::StoreError;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// How long a connection waits for another process to finish its write.
const BUSY_MS_MAX: u64 = 5_000;
/// The log is cut back to this when it is begun anew.
const LOG_BYTES_MAX: u32 = 64 * 1024 * 1024;
/// Statements that stay prepared on each connection.
const STATEMENTS_MAX: usize = 128;

/// Where the database is and how it is used.
#[derive(Clone, Debug)]
pub struct SqliteOptions {
    pub path: PathBuf,
    /// Refuse when another process has the file open exclusively: for the one that serves.
    pub exclusive: bool,
    /// Connections that read, 1 to 64.
    pub readers: usize,
    /// Most pages (of 4 KiB) that the file may have; `None` = what the disk holds.
    pub max_pages: Option<u32>,
    /// Pages of the write-ahead log after which they are moved into the file; 0 = only at close.
    pub checkpoint_pages: u32,
    /// Leave the moving of the log into the file to the process that serves.
    pub leave_log: bool,
    /// Who reads the log for a backup: it is moved into the file only after that.
    pub copies: Option<Arc<LogCopies>>,
}

impl SqliteOptions {
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            exclusive: false,
            readers: 4,
            max_pages: None,
            checkpoint_pages: 4_096,
            leave_log: false,
            copies: None,
        }
    }
}

/// What the name of the lock of the process that serves ends in.
pub(super) const LOCK: &str = ".lock";

/// Holds the file for this process, until dropped.
pub(super) fn lock(path: &Path) -> Result<File, StoreError> {
    try_lock(path, LOCK)?.ok_or_else(|| {
        StoreError::Unavailable(format!(
            "the database {} is in use by another holdline that serves; stop that one first, or \
             give this one a storage.url of its own",
            path.display()
        ))
    })
}

/// `None` when another process holds that lock of the file.
pub(super) fn try_lock(path: &Path, end: &str) -> Result<Option<File>, StoreError> {
    make_directory(path).map_err(|error| cannot("make the directory of", path, &error))?;
    let mut name = OsString::from(path);
    name.push(end);
    let opened = private()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&name);
    let file = opened.map_err(|error| cannot("open the lock of", path, &error))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(cannot("lock", path, &error)),
    }
}

/// The one connection that writes.
pub(super) fn writer(options: &SqliteOptions) -> Result<Connection, StoreError> {
    let path = &options.path;
    make_directory(path).map_err(|error| cannot("make the directory of", path, &error))?;
    make_file(path).map_err(|error| cannot("create", path, &error))?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags);
    let connection = connection.map_err(|error| store_error(&error))?;
    set_up_writer(&connection, options).map_err(|error| store_error(&error))?;
    let mode: Result<String, _> =
        connection.pragma_query_value(None, "journal_mode", |row| row.get(0));
    if mode.map_err(|error| store_error(&error))? == "wal" {
        return Ok(connection);
    }
    Err(StoreError::Unavailable(format!(
        "the file system of {} cannot keep a write-ahead log; put the database on a local disk",
        path.display()
    )))
}

/// A connection that moves the log into the file.
pub(super) fn mover(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let opened = Connection::open_with_flags(path, flags).and_then(|connection| {
        connection.busy_timeout(Duration::from_millis(BUSY_MS_MAX))?;
        connection.pragma_update(None, "synchronous", "full")?;
        connection.pragma_update(None, "wal_autocheckpoint", 0)?;
        Ok(connection)
    });
    opened.map_err(|error| store_error(&error))
}

/// A connection that only reads.
pub(super) fn reader(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    set_up(&connection)?;
    connection.pragma_update(None, "cache_size", -8_192)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

/// The same, for a file that must be there already.
pub(super) fn reader_of_existing(path: &Path) -> Result<Connection, StoreError> {
    if !path.is_file() {
        return Err(StoreError::Unavailable(format!(
            "there is no database at {}; storage.url names it",
            path.display()
        )));
    }
    reader(path).map_err(|error| store_error(&error))
}

/// The write-ahead log of a database.
pub(super) fn log_of(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push("-wal");
    name.into()
}

fn set_up_writer(connection: &Connection, options: &SqliteOptions) -> rusqlite::Result<()> {
    set_up(connection)?;
    // Only a file without tables takes it; older files reuse their free pages and never shrink.
    connection.pragma_update(None, "auto_vacuum", "incremental")?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "foreign_keys", false)?;
    connection.pragma_update(None, "temp_store", "memory")?;
    connection.pragma_update(None, "cache_size", -32_768)?;
    // Until the writer of a store has its own rule for that.
    let pages = match options.leave_log || options.copies.is_some() {
        true => 0,
        false => options.checkpoint_pages,
    };
    connection.pragma_update(None, "wal_autocheckpoint", pages)?;
    let log_bytes_max = if options.copies.is_some() {
        0
    } else {
        LOG_BYTES_MAX
    };
    connection.pragma_update(None, "journal_size_limit", log_bytes_max)?;
    if let Some(pages) = options.max_pages {
        connection.pragma_update(None, "max_page_count", pages)?;
    }
    Ok(())
}

fn set_up(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(Duration::from_millis(BUSY_MS_MAX))?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    // Plans must not depend on bound values: SQLite would compile a statement anew for each.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    super::cluster::add_function(connection)
}

fn make_directory(path: &Path) -> io::Result<()> {
    let Some(parent) = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
    else {
        return Ok(());
    };
    make_folder(parent)
}

/// Others on this machine may not look into it.
pub(super) fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder)
}

/// Others on this machine may not read it; SQLite gives its log the same permissions.
fn make_file(path: &Path) -> io::Result<()> {
    if fs::exists(path)? {
        return Ok(());
    }
    private()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .map(drop)
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

pub(super) fn cannot(verb: &str, path: &Path, error: &io::Error) -> StoreError {
    let text = format!("cannot {verb} {}: {error}", path.display());
    let no_room = [
        io::ErrorKind::StorageFull,
        io::ErrorKind::ReadOnlyFilesystem,
    ];
    if no_room.contains(&error.kind()) {
        StoreError::Full(text)
    } else {
        StoreError::Unavailable(text)
    }
}
