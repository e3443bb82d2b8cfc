//! A bounded set of connections that read, each on a thread that may block.

use super::connection;
use super::error::store_error;
use holdline_engine::ports::StoreError;
use rusqlite::Connection;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;

/// Longest wait for a connection to come free.
const WAIT_MS_MAX: u64 = 5_000;
const READERS_MAX: usize = 64;

#[derive(Debug)]
pub(super) struct Readers {
    path: PathBuf,
    idle: Arc<Mutex<Vec<Connection>>>,
    room: Arc<Semaphore>,
}

impl Readers {
    pub(super) fn new(path: PathBuf, count: usize) -> Self {
        let room = Semaphore::new(count.clamp(1, READERS_MAX));
        Self {
            path,
            idle: Arc::default(),
            room: Arc::new(room),
        }
    }

    /// Runs one read; what it sees is one state of the database.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let wait = Duration::from_millis(WAIT_MS_MAX);
        let acquired = tokio::time::timeout(wait, Arc::clone(&self.room).acquire_owned()).await;
        let Ok(Ok(permit)) = acquired else {
            let why = format!("no connection came free for a read in {WAIT_MS_MAX} ms");
            return Err(StoreError::Unavailable(why));
        };
        let (idle, path) = (Arc::clone(&self.idle), self.path.clone());
        let reading = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            let known = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let connection = known.map_or_else(|| connection::reader(&path), Ok)?;
            let found = in_one_state(&connection, read);
            idle.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(connection);
            found
        });
        match reading.await {
            Ok(found) => found.map_err(|error| store_error(&error)),
            Err(_) => Err(StoreError::Unavailable("a read did not end".to_owned())),
        }
    }

    /// No read begins from here on; idle connections are closed.
    pub(super) fn close(&self) {
        self.room.close();
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }
}

fn in_one_state<T>(
    connection: &Connection,
    read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    let transaction = connection.unchecked_transaction()?;
    let found = read(&transaction)?;
    transaction.commit()?;
    Ok(found)
}
