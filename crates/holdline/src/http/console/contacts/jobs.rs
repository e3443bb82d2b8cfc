//! Imports that run, and those that ran lately: how far each is, and what came of it. In memory
//! only; what was imported is in the store whatever becomes of this.

use crate::http::api::contacts::import::ImportReport;
use std::collections::VecDeque;
use std::fs::File;
use std::io::Seek as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Imports that are remembered; the oldest that has ended goes first.
const JOBS_MAX: usize = 16;

/// One list on its way in.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) id: String,
    /// Whose it is.
    pub(super) user: String,
    pub(super) bytes: u64,
    /// The list itself, as long as there are bad lines to be had of it.
    file: Mutex<Option<File>>,
    read: AtomicU64,
    lines: AtomicU64,
    bad: AtomicU64,
    outcome: Mutex<Option<Result<ImportReport, String>>>,
}

#[derive(Debug, Default)]
pub(in crate::http::console) struct Jobs(Mutex<VecDeque<Arc<Job>>>);

impl Jobs {
    /// `None` when as many run as may.
    pub(super) fn begin(&self, id: String, user: &str, bytes: u64, file: File) -> Option<Arc<Job>> {
        let job = Arc::new(Job {
            id,
            user: user.to_owned(),
            bytes,
            file: Mutex::new(Some(file)),
            read: AtomicU64::new(0),
            lines: AtomicU64::new(0),
            bad: AtomicU64::new(0),
            outcome: Mutex::new(None),
        });
        let mut jobs = self.lock();
        if jobs.len() >= JOBS_MAX {
            let oldest = jobs.iter().position(|it| it.with(Option::is_some))?;
            jobs.remove(oldest);
        }
        jobs.push_back(Arc::clone(&job));
        Some(job)
    }

    pub(super) fn get(&self, id: &str) -> Option<Arc<Job>> {
        self.lock().iter().find(|it| it.id == id).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Arc<Job>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Job {
    pub(super) fn has_read(&self, bytes: u64) {
        self.read.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn heard(&self, report: &ImportReport) {
        let good = report.imported + report.updated + report.unchanged;
        self.lines.store(good + report.bad, Ordering::Relaxed);
        self.bad.store(report.bad, Ordering::Relaxed);
    }

    pub(super) fn end(&self, outcome: Result<ImportReport, String>) {
        let has_bad = outcome.as_ref().is_ok_and(|report| report.bad > 0);
        if !has_bad {
            *self.file() = None;
        }
        *self.lock() = Some(outcome);
    }

    /// (bytes read, lines done, bad lines).
    pub(super) fn progress(&self) -> (u64, u64, u64) {
        let read = |it: &AtomicU64| it.load(Ordering::Relaxed);
        (read(&self.read), read(&self.lines), read(&self.bad))
    }

    /// The list from its beginning, for one reader at a time; not while it is imported.
    pub(super) fn read<T>(
        &self,
        read: impl FnOnce(&mut File) -> std::io::Result<T>,
    ) -> std::io::Result<T> {
        let mut file = self.file();
        let file = file.as_mut().ok_or(std::io::ErrorKind::NotFound)?;
        file.rewind()?;
        read(file)
    }

    fn file(&self) -> MutexGuard<'_, Option<File>> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn with<T>(
        &self,
        look: impl FnOnce(&Option<Result<ImportReport, String>>) -> T,
    ) -> T {
        look(&self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Option<Result<ImportReport, String>>> {
        self.outcome.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ended_imports_make_room_and_running_ones_do_not() {
        let file = || tempfile::tempfile().unwrap();
        let jobs = Jobs::default();
        let all: Vec<_> = (0..JOBS_MAX)
            .map(|n| jobs.begin(n.to_string(), "ada", 1, file()).unwrap())
            .collect();
        assert!(jobs.begin("more".into(), "ada", 1, file()).is_none());
        all[3].end(Err("broken off".into()));
        assert!(jobs.begin("more".into(), "ada", 1, file()).is_some());
        assert!(jobs.get("3").is_none() && jobs.get("0").is_some());
    }
}
