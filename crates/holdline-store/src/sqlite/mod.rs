//! The Store on one SQLite file: write-ahead log, every commit synced, one writer, several readers.

mod area;
mod cluster;
mod connection;
mod error;
mod known;
mod migrate;
mod readers;
mod store;
pub mod upkeep;
mod writer;

pub use connection::SqliteOptions;

use holdline_engine::ports::StoreError;
use holdline_engine::ports::store::StoreResult;
use known::Known;
#[cfg(test)]
pub(crate) use migrate::migrate;
use readers::Readers;
use rusqlite::Connection;
use std::fs::File;
use std::sync::mpsc::{self, SyncSender, TrySendError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use tokio::sync::oneshot;
use writer::{JOBS_MAX, Job, LogRule};

/// A database file in use.
#[derive(Debug)]
pub struct SqliteStore {
    jobs: Option<SyncSender<Job>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    readers: Arc<Readers>,
    known: Arc<Known>,
    _lock: Option<File>,
}

/// Opens the file, making it and its directory where missing, and brings its schema up to date.
pub async fn open(options: SqliteOptions) -> StoreResult<SqliteStore> {
    let opening = tokio::task::spawn_blocking(move || open_now(&options)).await;
    opening.unwrap_or_else(|_| Err(StoreError::Unavailable("opening did not end".to_owned())))
}

impl SqliteStore {
    /// Finishes what is queued, moves the log into the file and lets go of it. Calls after that
    /// fail.
    pub async fn close(&self) -> StoreResult<()> {
        let readers = Arc::clone(&self.readers);
        if tokio::task::spawn_blocking(move || readers.close())
            .await
            .is_err()
        {
            return Err(StoreError::Unavailable(
                "the readers did not end well".to_owned(),
            ));
        }
        let stopped = self.ask(|answer| Job::Stop { answer }).await;
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread {
            let joined = tokio::task::spawn_blocking(move || thread.join()).await;
            if !matches!(joined, Ok(Ok(()))) {
                return Err(StoreError::Unavailable(
                    "the writer did not end well".to_owned(),
                ));
            }
        }
        stopped
    }

    /// Changes how many pages (of 4 KiB) the file may have. Never cuts off what is there.
    pub async fn set_max_pages(&self, pages: u32) -> StoreResult<()> {
        self.ask(|answer| Job::SizeMax { pages, answer }).await
    }

    /// Waits until nothing is moved from the log into the file beside the writer: for who looks at
    /// both from outside.
    pub async fn settle(&self) -> StoreResult<()> {
        self.ask(|answer| Job::Settle { answer }).await
    }

    async fn ask<T>(
        &self,
        job: impl FnOnce(oneshot::Sender<StoreResult<T>>) -> Job,
    ) -> StoreResult<T> {
        let unavailable = |why: &str| Err(StoreError::Unavailable(why.to_owned()));
        let (answer, answered) = oneshot::channel();
        let Some(jobs) = &self.jobs else {
            return unavailable("the store is closed");
        };
        match jobs.try_send(job(answer)) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => return unavailable("too many commits are waiting"),
            Err(TrySendError::Disconnected(_)) => return unavailable("the store is closed"),
        }
        let stopped = || StoreError::Ambiguous("the writer stopped before it answered".to_owned());
        answered.await.unwrap_or_else(|_| Err(stopped()))
    }
}

impl Drop for SqliteStore {
    /// Waits for the commit at work, so that whoever opens the file next finds it free.
    fn drop(&mut self) {
        self.jobs = None;
        let thread = self
            .thread
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

fn open_now(options: &SqliteOptions) -> StoreResult<SqliteStore> {
    let lock = options
        .exclusive
        .then(|| connection::lock(&options.path))
        .transpose()?;
    let mut connection = connection::writer(options)?;
    migrate::migrate(&mut connection)?;
    upkeep::refuse_moved(&connection, &options.path)?;
    let readers = Arc::new(Readers::new(options.path.clone(), options.readers));
    let known = Arc::new(Known::default());
    let log = LogRule::of(options, &mut connection)?;
    let (jobs, thread) = start(connection, log, Arc::clone(&known))?;
    Ok(SqliteStore {
        jobs: Some(jobs),
        thread: Mutex::new(Some(thread)),
        readers,
        known,
        _lock: lock,
    })
}

fn start(
    connection: Connection,
    mut log: LogRule,
    known: Arc<Known>,
) -> StoreResult<(SyncSender<Job>, JoinHandle<()>)> {
    let (jobs, waiting) = mpsc::sync_channel(JOBS_MAX);
    let builder = std::thread::Builder::new().name("store-writer".to_owned());
    let spawned = builder.spawn(move || writer::run(&connection, &waiting, &mut log, &known));
    let failed = |error| StoreError::Unavailable(format!("cannot start the writer: {error}"));
    Ok((jobs, spawned.map_err(failed)?))
}
