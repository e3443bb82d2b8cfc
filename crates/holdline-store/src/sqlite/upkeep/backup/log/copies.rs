//! Between the writer of a database and who copies its log: no page may leave the log, by a
//! checkpoint, before it was read here. Holds pages in memory, up to a limit; writes nothing.

use super::frames::LogReader;
use crate::sqlite::connection::log_of;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Bytes of pages that may wait to be written to the backup; beyond, the chain is given up and a
/// new backup begins another, rather than that memory or the log grow.
const WAITING_BYTES_MAX: usize = 256 * 1024 * 1024;

/// What was read of the log and not written to the backup yet.
#[derive(Debug)]
pub struct LogCopies(Mutex<Inner>);

#[derive(Debug)]
struct Inner {
    reader: LogReader,
    waiting: Pages,
    bytes: usize,
    broken: Option<&'static str>,
}

/// Pages by number, in their last state, and how many the database has.
#[derive(Clone, Debug, Default)]
pub(super) struct Pages {
    pub(super) pages: BTreeMap<u32, Vec<u8>>,
    pub(super) size_pages: u32,
}

impl LogCopies {
    #[must_use]
    pub fn new(database: &Path) -> Self {
        Self(Mutex::new(Inner {
            reader: LogReader::new(log_of(database)),
            waiting: Pages::default(),
            bytes: 0,
            broken: None,
        }))
    }

    /// Reads on. To be called by the writer too, before it moves the log into the file.
    pub(in crate::sqlite) fn read_on(&self) {
        let mut inner = self.lock();
        if let Err(error) = inner.read_on() {
            tracing::error!(%error, "the log of the database cannot be read for its backup");
            inner.give_up("the log could not be read");
        }
    }

    /// After a checkpoint of so many frames: all of them must have been read.
    pub(in crate::sqlite) fn moved(&self, frames: u64) {
        self.read_on();
        let mut inner = self.lock();
        if inner.reader.frames() < frames {
            inner.give_up("frames were moved before they were read");
        }
    }

    pub(super) fn waiting_bytes(&self) -> usize {
        self.lock().bytes
    }

    /// What waits, or why there is no chain any more.
    pub(super) fn take(&self) -> Result<Option<Pages>, &'static str> {
        let mut inner = self.lock();
        if let Some(why) = inner.broken {
            return Err(why);
        }
        inner.bytes = 0;
        let pages = std::mem::take(&mut inner.waiting);
        Ok((!pages.pages.is_empty()).then_some(pages))
    }

    /// A new chain begins at what is committed now.
    pub(super) fn begin(&self) {
        self.read_on();
        let mut inner = self.lock();
        inner.waiting = Pages::default();
        inner.bytes = 0;
        inner.broken = None;
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn read_on(&mut self) -> io::Result<()> {
        let (waiting, bytes) = (&mut self.waiting.pages, &mut self.bytes);
        let seen = self.reader.read(&mut |number, page| {
            *bytes += page.len();
            if let Some(old) = waiting.insert(number, page) {
                *bytes -= old.len();
            }
        })?;
        if let Some(size_pages) = seen.size_pages {
            self.waiting.size_pages = size_pages;
        }
        if seen.gap {
            self.give_up("the log was begun anew unseen");
        }
        if self.bytes > WAITING_BYTES_MAX {
            self.give_up("too much waits to be written");
        }
        Ok(())
    }

    fn give_up(&mut self, why: &'static str) {
        self.broken = Some(self.broken.unwrap_or(why));
        self.waiting = Pages::default();
        self.bytes = 0;
    }
}
