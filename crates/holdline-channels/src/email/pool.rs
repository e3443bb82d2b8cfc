//! Keeps connections to the mail server between mails: few, and not for long. A connection that
//! had gone while idle is replaced once, since nothing was said on it.

use super::encode::Mail;
use super::session::{Broken, Connector, Session};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

/// Longest wait for a free connection, in milliseconds.
pub(super) const SLOT_WAIT_MS_MAX: u64 = 1_000;

pub(super) struct Pool {
    connector: Connector,
    slots: Semaphore,
    idle: Mutex<Vec<(Session, Instant)>>,
    idle_max: Duration,
}

/// Why a mail was not submitted.
pub(super) enum Undelivered {
    Busy,
    Broken(Broken),
}

impl Pool {
    pub(super) fn new(connector: Connector, size: u32, idle_max: Duration) -> Self {
        let slots = Semaphore::new(size.max(1) as usize);
        Self {
            connector,
            slots,
            idle: Mutex::default(),
            idle_max,
        }
    }

    pub(super) async fn deliver(&self, mail: &Mail, limit: Duration) -> Result<(), Undelivered> {
        let wait = Duration::from_millis(SLOT_WAIT_MS_MAX);
        let Ok(Ok(_slot)) = timeout(wait, self.slots.acquire()).await else {
            return Err(Undelivered::Busy);
        };
        let deadline = Instant::now() + limit;
        if let Some(session) = self.take() {
            match self.submit(session, mail, deadline).await {
                Err(broken) if broken.was_stale() => {}
                done => return done.map_err(Undelivered::Broken),
            }
        }
        let session = self
            .connector
            .open(deadline)
            .await
            .map_err(Undelivered::Broken)?;
        self.submit(session, mail, deadline)
            .await
            .map_err(Undelivered::Broken)
    }

    /// Connects, logs in, asks and leaves.
    pub(super) async fn check(&self, limit: Duration) -> Result<(), Broken> {
        let deadline = Instant::now() + limit;
        self.connector.open(deadline).await?.check(deadline).await
    }

    async fn submit(
        &self,
        mut session: Session,
        mail: &Mail,
        deadline: Instant,
    ) -> Result<(), Broken> {
        let done = session.deliver(mail, deadline).await;
        let keep = match &done {
            Ok(()) => true,
            Err(broken) => broken.keeps_connection() && session.reset(deadline).await.is_ok(),
        };
        if keep {
            self.give_back(session);
        }
        done
    }

    fn take(&self) -> Option<Session> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|(_, since)| since.elapsed() < self.idle_max);
        idle.pop().map(|(session, _)| session)
    }

    /// No more lie idle than can be in use: each was given back before its slot was.
    fn give_back(&self, session: Session) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.push((session, Instant::now()));
    }
}
