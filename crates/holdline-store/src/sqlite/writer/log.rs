//! When the write-ahead log is moved into the file. A connection of its own moves it while the
//! writer writes; the writer moves only what came meanwhile, a small part, so that it begins the
//! log anew. With a backup the writer moves all of it, after the backup has read it.

use crate::sqlite::connection::{self, SqliteOptions};
use crate::sqlite::error::store_error;
use crate::sqlite::upkeep::backup::LogCopies;
use holdline_engine::ports::StoreError;
use holdline_engine::ports::store::StoreResult;
use rusqlite::Connection;
use rusqlite::hooks::Wal;
use std::ffi::c_int;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread::JoinHandle;

/// The log grows to so many times its length while it is moved; then the writer waits for that.
const LENGTHS_MAX: u32 = 4;

/// Decides after each commit.
pub(in crate::sqlite) struct LogRule {
    path: PathBuf,
    /// Pages of a log that is long; 0 = it is moved at the end alone.
    pages_max: u32,
    /// Never by this process: the one that serves does it.
    leave: bool,
    /// Who has to read it before.
    copies: Option<Arc<LogCopies>>,
    /// Pages of the log after the last commit.
    pages: Arc<AtomicU32>,
    mover: Option<Mover>,
    /// At how many pages it is moved next: readers may hold it back, or the disk fail.
    next_at: u32,
}

impl LogRule {
    /// For the connection that writes.
    pub(in crate::sqlite) fn of(
        options: &SqliteOptions,
        writer: &mut Connection,
    ) -> StoreResult<Self> {
        let pages = Arc::new(AtomicU32::new(0));
        let seen = Arc::clone(&pages);
        let hook = move |_: &mut Wal, pages: c_int| {
            seen.store(pages.max(0).unsigned_abs(), Ordering::Relaxed);
            Ok(())
        };
        writer
            .wal_hook(Some(hook))
            .map_err(|error| store_error(&error))?;
        Ok(Self {
            path: options.path.clone(),
            pages_max: options.checkpoint_pages,
            leave: options.leave_log,
            copies: options.copies.clone(),
            pages,
            mover: None,
            next_at: options.checkpoint_pages,
        })
    }

    /// After a commit.
    pub(super) fn keep_short(&mut self, writer: &Connection) {
        if self.leave || self.pages_max == 0 {
            return;
        }
        let pages = self.pages.load(Ordering::Relaxed);
        if let Err(error) = self.shorten(writer, pages) {
            tracing::warn!(%error, "the log is not moved beside the writer: it does it itself");
            self.make_room(writer);
        }
    }

    fn shorten(&mut self, writer: &Connection, pages: u32) -> StoreResult<()> {
        let is_long = pages >= self.pages_max;
        if !is_long {
            self.next_at = self.pages_max;
        }
        match &mut self.mover {
            Some(mover) if mover.moves => {
                let must = pages >= self.pages_max.saturating_mul(LENGTHS_MAX);
                match mover.has_moved(must)? && is_long {
                    true => self.pass(writer),
                    false => Ok(()),
                }
            }
            _ if pages < self.next_at => Ok(()),
            _ if self.copies.is_some() => self.pass(writer),
            Some(mover) => mover.begin(),
            None => self.mover.insert(Mover::start(&self.path)?).begin(),
        }
    }

    /// Returns when nothing is moved.
    pub(super) fn settle(&mut self, writer: &Connection) -> StoreResult<()> {
        match &mut self.mover {
            Some(mover) if mover.moves => mover.has_moved(true).and_then(|_| self.pass(writer)),
            Some(_) | None => Ok(()),
        }
    }

    /// Moves what came while the rest was moved, or all. A log that is in the file whole is begun
    /// anew by the next commit.
    fn pass(&mut self, writer: &Connection) -> StoreResult<()> {
        if let Some(copies) = &self.copies {
            copies.read_on();
        }
        let moved = checkpoint(writer, Mode::Passive)?;
        if let Some(copies) = &self.copies {
            copies.moved(moved.pages.into());
        }
        match moved.whole {
            // The next commit begins it anew.
            true => self.pages.store(0, Ordering::Relaxed),
            false => self.try_later(),
        }
        Ok(())
    }

    /// Not at each commit.
    fn try_later(&mut self) {
        let pages = self.pages.load(Ordering::Relaxed);
        self.next_at = pages.saturating_add(self.pages_max / 4);
    }

    /// A log that is in the file is begun anew: on a full disk that is room for commits.
    pub(super) fn make_room(&mut self, writer: &Connection) {
        self.mover = None;
        if let Err(error) = self.pass(writer) {
            tracing::debug!(%error, "the log cannot be moved into the file either");
            self.try_later();
        }
    }

    /// Moves the log into the file, so that the file alone is the whole database.
    pub(super) fn finish(&mut self, writer: &Connection) -> StoreResult<()> {
        self.mover = None;
        if self.leave {
            return Ok(());
        }
        if let Some(copies) = &self.copies {
            copies.read_on();
        }
        checkpoint(writer, Mode::Truncate).map(drop)
    }
}

/// Moves the log while others write. Dropped, it ends what it does.
struct Mover {
    orders: Option<SyncSender<()>>,
    moved: Receiver<StoreResult<()>>,
    moves: bool,
    thread: Option<JoinHandle<()>>,
}

impl Mover {
    fn start(path: &Path) -> StoreResult<Self> {
        let connection = connection::mover(path)?;
        let (orders, ordered) = mpsc::sync_channel::<()>(1);
        let (answers, moved) = mpsc::sync_channel(1);
        let builder = std::thread::Builder::new().name("store-log".to_owned());
        let spawned = builder.spawn(move || {
            while ordered.recv().is_ok() {
                let moved = checkpoint(&connection, Mode::Passive).map(drop);
                if answers.send(moved).is_err() {
                    return;
                }
            }
        });
        let failed = |error| StoreError::Unavailable(format!("cannot start a thread: {error}"));
        Ok(Self {
            orders: Some(orders),
            moved,
            moves: false,
            thread: Some(spawned.map_err(failed)?),
        })
    }

    fn begin(&mut self) -> StoreResult<()> {
        let orders = self.orders.as_ref().ok_or_else(gone)?;
        orders.send(()).map_err(|_| gone())?;
        self.moves = true;
        Ok(())
    }

    /// Whether it is done; waits for that when it has to be.
    fn has_moved(&mut self, must: bool) -> StoreResult<bool> {
        let moved = match must {
            true => self.moved.recv().map_err(|_| gone())?,
            false => match self.moved.try_recv() {
                Ok(moved) => moved,
                Err(mpsc::TryRecvError::Empty) => return Ok(false),
                Err(mpsc::TryRecvError::Disconnected) => return Err(gone()),
            },
        };
        self.moves = false;
        moved.map(|()| true)
    }
}

impl Drop for Mover {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn gone() -> StoreError {
    StoreError::Unavailable("who moves the log has stopped".to_owned())
}

/// How a log is moved: what can be while others read and write, or all of it.
#[derive(Clone, Copy)]
enum Mode {
    Passive,
    Truncate,
}

struct Moved {
    /// Of the log, moved or not.
    pages: u32,
    /// Nothing of it is only in the log.
    whole: bool,
}

fn checkpoint(connection: &Connection, mode: Mode) -> StoreResult<Moved> {
    let sql = match mode {
        Mode::Passive => "PRAGMA wal_checkpoint(PASSIVE)",
        Mode::Truncate => "PRAGMA wal_checkpoint(TRUNCATE)",
    };
    let moved = connection.query_row(sql, [], |row| {
        let (busy, pages, moved): (bool, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(Moved {
            pages: u32::try_from(pages.max(0)).unwrap_or(u32::MAX),
            whole: !busy && moved >= pages,
        })
    });
    moved.map_err(|error| store_error(&error))
}
