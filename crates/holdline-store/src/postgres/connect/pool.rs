//! A bounded set of connections for reads and for transactions of their own.

use super::{Connector, Link};
use crate::postgres::connect::Client;
use crate::postgres::error::Fault;
use crate::postgres::writer::BEGIN;
use holdline_engine::ports::StoreError;
use holdline_engine::ports::store::StoreResult;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout, timeout_at};

/// Longest time for what is done on a connection.
const WORK_MS_MAX: u64 = 30_000;
/// Times that something is begun at most, where it may be done twice.
const TRIES_MAX: u32 = 5;

#[derive(Debug)]
pub(in crate::postgres) struct Pool {
    connector: Connector,
    idle: Mutex<Vec<Link>>,
    room: Semaphore,
}

impl Pool {
    pub(in crate::postgres) fn new(connector: Connector, count: usize) -> Self {
        Self {
            connector,
            idle: Mutex::default(),
            room: Semaphore::new(count.clamp(1, 64)),
        }
    }

    /// Waits for room; see [`on`] for what follows.
    pub(in crate::postgres) async fn enter(&self) -> StoreResult<Visit<'_>> {
        let unavailable = |why: &str| StoreError::Unavailable(why.to_owned());
        let deadline = self.connector.deadline();
        match timeout_at(deadline, self.room.acquire()).await {
            Ok(Ok(permit)) => Ok(Visit {
                pool: self,
                deadline,
                tries: 0,
                _permit: permit,
            }),
            Ok(Err(_)) => Err(unavailable("the store is closed")),
            Err(_) => Err(unavailable("no connection to PostgreSQL came free in time")),
        }
    }

    /// No work begins from here on; idle connections are closed.
    pub(in crate::postgres) fn close(&self) {
        self.room.close();
        self.lock().clear();
    }

    async fn link(&self, deadline: Instant) -> Result<Link, Fault> {
        while let Some(link) = self.pop() {
            if link.is_ready().await {
                return Ok(link);
            }
        }
        self.connector.connect_by(deadline).await
    }

    fn pop(&self) -> Option<Link> {
        self.lock().pop()
    }

    fn put_back(&self, link: Link) {
        if link.is_usable() && !self.room.is_closed() {
            self.lock().push(link);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Link>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Something to be done on a connection of the pool.
pub(in crate::postgres) struct Visit<'p> {
    pool: &'p Pool,
    deadline: Instant,
    tries: u32,
    _permit: SemaphorePermit<'p>,
}

impl Visit<'_> {
    pub(in crate::postgres) async fn link(&mut self) -> StoreResult<Link> {
        self.tries += 1;
        let link = self.pool.link(self.deadline).await;
        link.map_err(Fault::into_store)
    }

    /// What came of it; `None` when it is to be done again.
    pub(in crate::postgres) fn leave<T>(
        &self,
        link: Link,
        done: Result<T, Fault>,
    ) -> Option<StoreResult<T>> {
        let fault = match done {
            Ok(value) => {
                self.pool.put_back(link);
                return Some(Ok(value));
            }
            Err(fault) => fault,
        };
        link.cut();
        let again = match &fault {
            Fault::Raced(_) | Fault::Lost(_) => true,
            Fault::Refused(_) => false,
        };
        let is_over = self.tries == TRIES_MAX || Instant::now() >= self.deadline;
        (!again || is_over).then(|| Err(fault.into_store()))
    }
}

/// Does something on a connection of a pool. It must leave no transaction open, and is done again
/// when the connection was lost: so it only reads, or does the same when done twice.
macro_rules! on {
    ($pool:expr, |$client:ident| $work:expr) => {{
        let mut visit = $pool.enter().await?;
        loop {
            let link = visit.link().await?;
            let $client = link.client();
            let done = $crate::postgres::connect::in_time($work).await;
            if let Some(done) = visit.leave(link, done) {
                break done;
            }
        }
    }};
}
pub(in crate::postgres) use on;

/// Runs `work`, but not for ever.
pub(in crate::postgres) async fn in_time<T, E: Into<Fault>>(
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, Fault> {
    let long = || Fault::Lost(format!("no answer in {WORK_MS_MAX} ms"));
    let max = Duration::from_millis(WORK_MS_MAX);
    match timeout(max, work).await {
        Ok(done) => done.map_err(Into::into),
        Err(_) => Err(long()),
    }
}

/// Runs `work` in a transaction of its own.
pub(in crate::postgres) async fn in_transaction<T>(
    client: &Client,
    work: impl Future<Output = Result<T, Fault>>,
) -> Result<T, Fault> {
    client.batch_execute(BEGIN).await?;
    let done = work.await?;
    client.batch_execute("COMMIT").await?;
    Ok(done)
}
