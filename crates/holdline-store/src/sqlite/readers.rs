//! A bounded set of connections that read, each on a thread of its own. Small reads that queued
//! while others ran are done together: under load no thread is woken for each. A large one has a
//! thread to itself, so that the small ones do not wait for it.

use super::error::store_error;
use super::{area, connection};
use holdline_engine::ports::StoreError;
use rusqlite::Connection;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::oneshot;

/// Longest wait for a connection to come free.
const WAIT_MS_MAX: u64 = 5_000;
const READERS_MAX: usize = 64;
/// Reads that may wait; more are refused at once.
const JOBS_MAX: usize = 16_384;
/// Small reads done in one transaction, and for which another thread is woken.
const TOGETHER_MAX: usize = 32;

/// Given a connection in a transaction, or why there is none.
type Read = Box<dyn FnOnce(Result<&Connection, StoreError>) + Send>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Size {
    Small,
    Large,
}

#[derive(Debug)]
pub(super) struct Readers {
    queue: Arc<Queue>,
}

#[derive(Debug)]
struct Queue {
    path: PathBuf,
    threads_max: usize,
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<(Size, Read)>,
    threads: Vec<JoinHandle<()>>,
    /// Threads that wait to be woken.
    idle: usize,
    /// Woken, and still waiting.
    woken: usize,
    /// Threads that are at small reads, or about to look for some.
    at_small: usize,
    closed: bool,
}

impl Readers {
    pub(super) fn new(path: PathBuf, count: usize) -> Self {
        Self {
            queue: Arc::new(Queue {
                path,
                threads_max: count.clamp(1, READERS_MAX),
                state: Mutex::default(),
                wake: Condvar::new(),
            }),
        }
    }

    /// Runs one read of a few rows; what it sees is one state of the database.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.ask(Size::Small, read).await
    }

    /// The same for a page of rows.
    pub(super) async fn run_large<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.ask(Size::Large, read).await
    }

    /// No read begins from here on. Blocks until those at work have ended and every connection is
    /// closed.
    pub(super) fn close(&self) {
        let threads = {
            let mut state = self.queue.lock();
            state.closed = true;
            state.jobs.clear();
            self.queue.wake.notify_all();
            std::mem::take(&mut state.threads)
        };
        for thread in threads {
            // One that panicked has nothing open any more.
            let _ = thread.join();
        }
    }

    async fn ask<T: Send + 'static>(
        &self,
        size: Size,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, mut answered) = oneshot::channel();
        // Whoever sets it first: the read begins, or is given up.
        let taken = Arc::new(AtomicBool::new(false));
        let begun = Arc::clone(&taken);
        let job = move |connection: Result<&Connection, StoreError>| {
            if !begun.swap(true, Ordering::AcqRel) {
                let found = connection.and_then(|it| read(it).map_err(|error| store_error(&error)));
                let _ = answer.send(found);
            }
        };
        self.queue.push(size, Box::new(job))?;
        let wait = Duration::from_millis(WAIT_MS_MAX);
        let found = match tokio::time::timeout(wait, &mut answered).await {
            Ok(found) => found,
            Err(_) if !taken.swap(true, Ordering::AcqRel) => {
                let why = format!("no connection came free for a read in {WAIT_MS_MAX} ms");
                return Err(StoreError::Unavailable(why));
            }
            Err(_) => answered.await,
        };
        let lost = || StoreError::Unavailable("a read did not end".to_owned());
        found.unwrap_or_else(|_| Err(lost()))
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.close();
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(self: &Arc<Self>, size: Size, read: Read) -> Result<(), StoreError> {
        let mut state = self.lock();
        if state.closed || state.jobs.len() >= JOBS_MAX {
            let why = match state.closed {
                true => "the store is closed",
                false => "too many reads are waiting",
            };
            return Err(StoreError::Unavailable(why.to_owned()));
        }
        state.jobs.push_back((size, read));
        self.wake_if_needed(&mut state)
    }

    /// Small reads wait for the thread that is at some, unless they are many.
    fn wake_if_needed(self: &Arc<Self>, state: &mut State) -> Result<(), StoreError> {
        if state.jobs.is_empty() || state.jobs.len() < state.at_small * TOGETHER_MAX {
            return Ok(());
        }
        if state.idle > 0 {
            state.idle -= 1;
            state.woken += 1;
            state.at_small += 1;
            self.wake.notify_one();
        } else if state.threads.len() < self.threads_max {
            let queue = Arc::clone(self);
            let builder = std::thread::Builder::new().name("store-reader".to_owned());
            match builder.spawn(move || queue.work()) {
                Ok(thread) => {
                    state.threads.push(thread);
                    state.at_small += 1;
                }
                Err(error) if state.threads.is_empty() => {
                    let why = format!("cannot start a thread that reads: {error}");
                    return Err(StoreError::Unavailable(why));
                }
                // Those there are do it.
                Err(error) => tracing::warn!(%error, "one more thread that reads cannot start"),
            }
        }
        Ok(())
    }

    fn work(self: Arc<Self>) {
        let mut connection = None;
        while let Some((size, reads)) = self.next() {
            // A read that panics has told nobody: who asked finds that out.
            let done = catch_unwind(AssertUnwindSafe(|| {
                read_all(&mut connection, &self.path, reads);
            }));
            if done.is_err() {
                connection = None;
            }
            if size == Size::Large {
                self.lock().at_small += 1;
            }
        }
    }

    /// One large read, or the small ones that wait; `None` when the store is closed.
    fn next(self: &Arc<Self>) -> Option<(Size, Vec<Read>)> {
        let mut state = self.lock();
        while state.jobs.is_empty() && !state.closed {
            state.at_small -= 1;
            state.idle += 1;
            while state.woken == 0 && !state.closed {
                state = self
                    .wake
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
            }
            state.woken = state.woken.saturating_sub(1);
        }
        let (size, first) = state.jobs.pop_front()?;
        let mut reads = vec![first];
        match size {
            Size::Large => state.at_small -= 1,
            Size::Small => {
                let is_small = |state: &State| state.jobs.front().is_some_and(|it| it.0 == size);
                while reads.len() < TOGETHER_MAX && is_small(&state) {
                    reads.extend(state.jobs.pop_front().map(|(_, read)| read));
                }
            }
        }
        // Without a thread for them this one is woken when it is done.
        let _ = self.wake_if_needed(&mut state);
        Some((size, reads))
    }
}

fn read_all(connection: &mut Option<Connection>, path: &Path, reads: Vec<Read>) {
    let opened = match connection.take() {
        Some(known) => Ok(known),
        None => connection::reader(path),
    };
    let begun = opened.and_then(|it| area::run(&it, "BEGIN", []).map(|()| it));
    match begun {
        Ok(open) => {
            for read in reads {
                read(Ok(&open));
            }
            // One that cannot end its transaction is not used again.
            if open.is_autocommit() || area::run(&open, "COMMIT", []).is_ok() {
                *connection = Some(open);
            }
        }
        Err(error) => {
            let error = store_error(&error);
            for read in reads {
                read(Err(error.clone()));
            }
        }
    }
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State")
            .field("jobs", &self.jobs.len())
            .field("threads", &self.threads.len())
            .field("closed", &self.closed)
            .finish_non_exhaustive()
    }
}
