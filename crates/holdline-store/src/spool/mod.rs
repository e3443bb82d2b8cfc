//! The spool as files of its own beside nothing else: one thread appends, with one sync for all
//! that queued while the last one ran. Knows no message, and reads no clock.

mod record;
mod segment;
mod segments;

use async_trait::async_trait;
use bytes::Bytes;
use holdline_core::Redacted;
use holdline_engine::ports::spool::{RECORD_BYTES_MAX, Spool, SpoolError, SpoolSize, Spooled};
use segments::Segments;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::sync::oneshot;

/// Most calls that wait for the thread; more wait to get in.
const JOBS_MAX: usize = 1_024;
/// Most records that share a sync.
const APPENDS_MAX: usize = 512;
/// Bytes from which on no further record joins them.
const APPEND_BYTES_MAX: usize = 4 * 1024 * 1024;

type Answer<T> = oneshot::Sender<Result<T, SpoolError>>;

/// A spool in a folder that no other process uses.
pub struct FileSpool {
    jobs: Sender<Job>,
    size: Arc<Mutex<SpoolSize>>,
    folder: PathBuf,
}

enum Job {
    Append {
        record: Bytes,
        answer: Answer<u64>,
    },
    Read {
        after: Option<u64>,
        limit: usize,
        answer: Answer<Vec<Spooled>>,
    },
    Drained {
        through: u64,
        answer: Answer<()>,
    },
    Aside {
        record: Spooled,
        answer: Answer<()>,
    },
}

impl FileSpool {
    /// Opens the spool of a folder, which is made where missing; cuts off what a crash left half
    /// written. The files take at most `bytes_max`.
    ///
    /// # Errors
    /// When the folder cannot be used, or another process uses it.
    pub fn open(folder: impl AsRef<Path>, bytes_max: u64) -> Result<Self, SpoolError> {
        let segments = Segments::open(folder.as_ref(), bytes_max)?;
        let folder = folder.as_ref().to_owned();
        let size = Arc::new(Mutex::new(segments.size()));
        let (jobs, waiting) = mpsc::channel(JOBS_MAX);
        let worker = Worker {
            segments,
            size: Arc::clone(&size),
        };
        std::thread::Builder::new()
            .name("spool".to_owned())
            .spawn(move || worker.run(waiting))
            .map_err(|error| SpoolError::Io(format!("cannot start its thread: {error}")))?;
        Ok(Self { jobs, size, folder })
    }

    async fn ask<T>(&self, job: impl FnOnce(Answer<T>) -> Job) -> Result<T, SpoolError> {
        let ended = || SpoolError::Io("its thread has ended".to_owned());
        let (answer, answered) = oneshot::channel();
        self.jobs.send(job(answer)).await.map_err(|_| ended())?;
        answered.await.map_err(|_| ended())?
    }
}

impl std::fmt::Debug for FileSpool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("FileSpool").field(&self.folder).finish()
    }
}

#[async_trait]
impl Spool for FileSpool {
    async fn append(&self, record: Redacted<Bytes>) -> Result<u64, SpoolError> {
        let record = record.expose().clone();
        if record.len() > RECORD_BYTES_MAX {
            let why = format!("a record has more than {RECORD_BYTES_MAX} bytes");
            return Err(SpoolError::Io(why));
        }
        self.ask(|answer| Job::Append { record, answer }).await
    }

    async fn read(&self, after: Option<u64>, limit: usize) -> Result<Vec<Spooled>, SpoolError> {
        self.ask(|answer| Job::Read {
            after,
            limit,
            answer,
        })
        .await
    }

    async fn drained(&self, through: u64) -> Result<(), SpoolError> {
        self.ask(|answer| Job::Drained { through, answer }).await
    }

    async fn set_aside(&self, record: &Spooled) -> Result<(), SpoolError> {
        let record = record.clone();
        self.ask(|answer| Job::Aside { record, answer }).await
    }

    fn size(&self) -> SpoolSize {
        *self.size.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Worker {
    segments: Segments,
    size: Arc<Mutex<SpoolSize>>,
}

impl Worker {
    /// Works until nobody is left to ask.
    fn run(mut self, mut jobs: Receiver<Job>) {
        let mut left = None;
        while let Some(job) = left.take().or_else(|| jobs.blocking_recv()) {
            match job {
                Job::Append { record, answer } => {
                    left = self.append((record, answer), &mut jobs);
                }
                Job::Read {
                    after,
                    limit,
                    answer,
                } => {
                    let _ = answer.send(self.segments.read(after, limit));
                }
                Job::Drained { through, answer } => {
                    let done = self.segments.drained(through);
                    self.show();
                    let _ = answer.send(done);
                }
                Job::Aside { record, answer } => {
                    let done = self.segments.set_aside(&record);
                    self.show();
                    let _ = answer.send(done);
                }
            }
        }
    }

    /// Appends this record and those that queued behind it; gives the job that is none of them.
    fn append(&mut self, first: (Bytes, Answer<u64>), jobs: &mut Receiver<Job>) -> Option<Job> {
        let (mut records, mut answers) = (vec![first.0], vec![first.1]);
        let mut bytes = records[0].len();
        let mut left = None;
        while records.len() < APPENDS_MAX && bytes < APPEND_BYTES_MAX {
            match jobs.try_recv() {
                Ok(Job::Append { record, answer }) => {
                    bytes += record.len();
                    records.push(record);
                    answers.push(answer);
                }
                Ok(other @ (Job::Read { .. } | Job::Drained { .. } | Job::Aside { .. })) => {
                    left = Some(other);
                    break;
                }
                Err(_) => break,
            }
        }
        let results = self.segments.append(&records);
        self.show();
        for (answer, result) in answers.into_iter().zip(results) {
            let _ = answer.send(result);
        }
        left
    }

    fn show(&self) {
        *self.size.lock().unwrap_or_else(PoisonError::into_inner) = self.segments.size();
    }
}

#[cfg(test)]
mod tests;
