//! Backups to an instant: a whole backup from time to time, and between them, at an interval, the
//! pages that changed, read from the write-ahead log. Runs beside the writer, which waits for
//! nothing but the reading of what is left in the log before it moves the log into the file.

mod copies;
mod frames;
pub(super) mod increment;

pub use copies::LogCopies;
pub use increment::LogPlace;

use super::{BackupOrder, MEDIA, Made, Progress, backup, cannot, list, make_folder, media};
use copies::Pages;
use holdline_core::Timestamp;
use holdline_engine::ports::store::StoreResult;
use increment::Key;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// The folder of increments.
pub(super) const LOG: &str = "log";
/// So much that waits is written before its time.
const EARLY_BYTES: usize = 32 * 1024 * 1024;

/// Keeps backups of a database in a folder while a server works on it.
#[derive(Debug)]
pub struct Archive {
    copies: Arc<LogCopies>,
    folder: PathBuf,
    media_dir: PathBuf,
    every_ms: u64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    chain: i64,
    number: u64,
    written_at: Timestamp,
    /// Could not be written yet: tried again.
    unwritten: Option<(Key, Pages)>,
}

impl Archive {
    #[must_use]
    pub fn new(copies: Arc<LogCopies>, folder: PathBuf, media_dir: PathBuf, every_ms: u64) -> Self {
        Self {
            copies,
            folder,
            media_dir,
            every_ms,
            state: Mutex::default(),
        }
    }

    /// A whole backup, and with it a new chain of increments when the old one is broken or there
    /// is none. Increments go on while it is copied.
    pub fn base(&self, order: BackupOrder, progress: &mut Progress<'_>) -> StoreResult<Made> {
        make_folder(&self.folder.join(LOG))?;
        make_folder(&self.folder.join(MEDIA))?;
        make_folder(&self.media_dir)?;
        let first = self.begin_if_broken((order.clock)())?;
        let clock = order.clock;
        let place = || {
            let mut state = self.lock();
            self.write(&mut state, clock())?;
            Ok(LogPlace {
                chain: state.chain,
                first,
                least: state.number,
            })
        };
        let made = backup(&order, Some(&place), progress)?;
        self.prune()?;
        Ok(made)
    }

    /// To be called often: writes what changed when it is time. False when the chain is broken:
    /// then another whole backup is needed.
    pub fn tick(&self, now: Timestamp) -> StoreResult<bool> {
        self.copies.read_on();
        let mut state = self.lock();
        let due = now.since_ms(state.written_at) >= self.every_ms;
        if due || self.copies.waiting_bytes() >= EARLY_BYTES {
            return self.write(&mut state, now);
        }
        Ok(true)
    }

    /// Writes what is there, whatever the time.
    pub fn flush(&self, now: Timestamp) -> StoreResult<bool> {
        self.write(&mut self.lock(), now)
    }

    fn write(&self, state: &mut State, now: Timestamp) -> StoreResult<bool> {
        if state.unwritten.is_none() {
            self.copies.read_on();
            let taken = match self.copies.take() {
                Ok(taken) => taken,
                Err(why) => {
                    state.written_at = now;
                    tracing::warn!(
                        why,
                        "increments of the backup have a gap; a whole one follows"
                    );
                    return Ok(false);
                }
            };
            state.written_at = now;
            let Some(pages) = taken else { return Ok(true) };
            let key = Key {
                chain: state.chain,
                number: state.number + 1,
                at: now,
            };
            state.unwritten = Some((key, pages));
        }
        if let Some((key, pages)) = &state.unwritten {
            media::keep_new(&self.media_dir, &self.folder.join(MEDIA))?;
            increment::write(&self.folder.join(LOG), *key, pages)?;
            state.number = key.number;
            state.unwritten = None;
        }
        Ok(true)
    }

    /// The number of the first increment that a backup which begins now needs.
    fn begin_if_broken(&self, now: Timestamp) -> StoreResult<u64> {
        let mut state = self.lock();
        let goes_on = state.chain != 0 && self.write(&mut state, now)?;
        if !goes_on {
            self.copies.begin();
            *state = State {
                chain: now.0,
                written_at: now,
                ..State::default()
            };
        }
        Ok(state.number + 1)
    }

    /// Increments that no backup needs any more.
    fn prune(&self) -> StoreResult<()> {
        let places: Vec<LogPlace> = list(&self.folder)?
            .into_iter()
            .filter_map(|(_, manifest)| manifest.log)
            .collect();
        let is_needed = |key: &Key| {
            let by = |place: &LogPlace| place.chain == key.chain && place.first <= key.number;
            places.iter().any(by)
        };
        for (key, path) in increment::list(&self.folder.join(LOG))? {
            if !is_needed(&key) {
                fs::remove_file(&path).map_err(|error| cannot("delete", &path, &error))?;
            }
        }
        Ok(())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The increments that lead from a backup towards an instant, without a gap. None at all when they
/// do not reach the instant of the backup itself.
pub(super) fn increments_to(
    folder: &Path,
    place: LogPlace,
    at: Timestamp,
) -> StoreResult<Vec<(Key, PathBuf)>> {
    let mut next = place.first;
    let of_chain = |(key, _): &(Key, PathBuf)| key.chain == place.chain;
    let mut found: Vec<(Key, PathBuf)> = Vec::new();
    for (key, path) in increment::list(&folder.join(LOG))?
        .into_iter()
        .filter(of_chain)
    {
        if key.number == next && key.at <= at {
            next += 1;
            found.push((key, path));
        }
    }
    let reaches = next > place.least;
    Ok(if reaches { found } else { Vec::new() })
}
