//! The Store on PostgreSQL, for any number of nodes: a few connections that write in groups, a few
//! that read. Keeps nothing in a session, so a proxy may give each transaction another connection.

mod beat;
mod connect;
mod error;
mod examine;
mod listen;
mod migrate;
mod read;
mod statement;
mod store;
mod target;
mod write;
mod writer;

pub use connect::PostgresOptions;
pub use examine::{Examined, SchemaState, examine};
pub use listen::listen;
pub(crate) use target::Target;

use connect::{Connector, Pool};
use error::Fault;
use holdline_engine::ports::StoreError;
use holdline_engine::ports::ops::{GroupResult, Groups};
use holdline_engine::ports::store::StoreResult;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::mpsc::{self, Sender, error::TrySendError};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use writer::{Commit, JOBS_MAX, Writer};

const WRITERS_MAX: usize = 16;

/// A database in use.
#[derive(Debug)]
pub struct PostgresStore {
    jobs: Mutex<Option<Sender<Commit>>>,
    writers: Mutex<Vec<JoinHandle<()>>>,
    reads: Pool,
    /// Signs of life and retention: they never wait behind reads.
    upkeep: Pool,
}

/// Connects, and brings the schema up to date. Must be called within a runtime; connections are
/// looked after by tasks there.
pub async fn open(options: PostgresOptions) -> StoreResult<PostgresStore> {
    let connector = Connector::new(&options)?;
    let link = connector.connect_by(connector.deadline()).await;
    let link = link.map_err(Fault::into_store)?;
    let server = connect::check_server(&link).await?;
    migrate::migrate(&link).await?;
    target::refuse_unfinished(link.client()).await?;
    let (jobs, waiting) = mpsc::channel(JOBS_MAX);
    let queue = Arc::new(tokio::sync::Mutex::new(waiting));
    let writers = (0..options.writers.clamp(1, WRITERS_MAX)).map(|_| {
        let writer = Writer::new(connector.keeping_plans(), &options, !server.syncs);
        tokio::spawn(writer.run(Arc::clone(&queue)))
    });
    Ok(PostgresStore {
        jobs: Mutex::new(Some(jobs)),
        writers: Mutex::new(writers.collect()),
        reads: Pool::new(connector.clone(), options.readers),
        upkeep: Pool::new(connector, 2),
    })
}

impl PostgresStore {
    /// Finishes what is queued and closes the connections. Calls after that fail.
    pub async fn close(&self) -> StoreResult<()> {
        self.reads.close();
        self.upkeep.close();
        drop(lock(&self.jobs).take());
        let writers = std::mem::take(&mut *lock(&self.writers));
        for writer in writers {
            if writer.await.is_err() {
                let why = "a writer did not end well".to_owned();
                return Err(StoreError::Unavailable(why));
            }
        }
        Ok(())
    }

    async fn write(&self, groups: Groups) -> StoreResult<Vec<GroupResult>> {
        let unavailable = |why: &str| Err(StoreError::Unavailable(why.to_owned()));
        let (answer, answered) = oneshot::channel();
        let jobs = lock(&self.jobs).clone();
        let Some(jobs) = jobs else {
            return unavailable("the store is closed");
        };
        match jobs.try_send(Commit { groups, answer }) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => return unavailable("too many commits are waiting"),
            Err(TrySendError::Closed(_)) => return unavailable("the store is closed"),
        }
        drop(jobs);
        let stopped = || StoreError::Ambiguous("the writer stopped before it answered".to_owned());
        answered.await.unwrap_or_else(|_| Err(stopped()))
    }
}

fn lock<T>(value: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    value.lock().unwrap_or_else(PoisonError::into_inner)
}
