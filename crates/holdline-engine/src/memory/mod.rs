//! The Store in memory: for tests and simulation. Deterministic, forgets all when dropped, and can
//! be told to fail. It keeps the same contract as the stores that keep things on disk.

mod apply;
mod cluster;
mod console;
mod hooks;
mod people;
mod read;
mod retention;
mod tables;

use crate::ports::ops::{GroupResult, Groups};
use crate::ports::store::{COMMIT_GROUPS_MAX, StoreResult};
use crate::ports::{Group, Op, StoreError};
use holdline_core::{AttemptKey, MessageId};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tables::Tables;
use tokio::sync::watch;

/// A store whose rows live as long as it does.
#[derive(Debug, Default)]
pub struct MemoryStore {
    inner: Mutex<Inner>,
    presence: watch::Sender<Presence>,
}

/// Whether anything answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Presence {
    #[default]
    There,
    Gone,
    Silent,
}

#[derive(Debug, Default)]
struct Inner {
    tables: Tables,
    fault: Option<Fault>,
    never: Option<MessageId>,
    commits: u64,
}

#[derive(Debug)]
struct Fault {
    error: StoreError,
    after_writing: bool,
    lasting: bool,
}

impl MemoryStore {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The next commit fails with this error and writes nothing.
    pub fn fail_next(&self, error: StoreError) {
        self.lock().fault = Some(Fault {
            error,
            after_writing: false,
            lasting: false,
        });
    }

    /// The next commit writes, and then fails with this error all the same.
    pub fn fail_after_next(&self, error: StoreError) {
        self.lock().fault = Some(Fault {
            error,
            after_writing: true,
            lasting: false,
        });
    }

    /// Every commit fails with this error and writes nothing, until [`MemoryStore::heal`].
    pub fn fail_all(&self, error: StoreError) {
        self.lock().fault = Some(Fault {
            error,
            after_writing: false,
            lasting: true,
        });
    }

    /// Every call fails at once as if nothing answered, until [`MemoryStore::come_back`].
    pub fn vanish(&self) {
        self.presence.send_replace(Presence::Gone);
    }

    /// Every call waits for an answer, until [`MemoryStore::come_back`]; then it is done.
    pub fn fall_silent(&self) {
        self.presence.send_replace(Presence::Silent);
    }

    /// Calls are answered again.
    pub fn come_back(&self) {
        self.presence.send_replace(Presence::There);
    }

    /// No commit works that brings this message.
    pub fn never_take(&self, message: MessageId) {
        self.lock().never = Some(message);
    }

    /// Commits work again.
    pub fn heal(&self) {
        self.lock().fault = None;
    }

    /// How many commits were asked for, failed ones too.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.lock().commits
    }

    /// The attempts by which a person got a message once more.
    #[must_use]
    pub fn duplicates(&self) -> Vec<AttemptKey> {
        self.lock()
            .tables
            .duplicates
            .iter()
            .map(|(key, ())| *key)
            .collect()
    }

    /// The events that were given up, with their last error.
    #[must_use]
    pub fn dropped_hooks(&self) -> Vec<(i64, String)> {
        let tables = &self.lock().tables;
        tables
            .hooks_dropped
            .iter()
            .map(|(seq, hook)| (*seq, hook.error.clone()))
            .collect()
    }

    fn commit_now(&self, groups: &Groups) -> StoreResult<Vec<GroupResult>> {
        if groups.len() > COMMIT_GROUPS_MAX {
            let why = format!("a commit has at most {COMMIT_GROUPS_MAX} groups");
            return Err(StoreError::Unavailable(why));
        }
        let mut inner = self.lock();
        inner.commits += 1;
        let fault = inner.fault_now();
        if let Some((error, false)) = fault {
            return Err(error);
        }
        if inner.never.is_some_and(|it| brings(groups, it)) {
            let why = String::from("this message is not taken");
            return Err(StoreError::Unavailable(why));
        }
        let results = groups
            .iter()
            .map(|group| inner.tables.commit(group))
            .collect();
        match fault {
            Some((error, _)) => Err(error),
            None => Ok(results),
        }
    }

    /// The tables, where a server would answer.
    async fn reach(&self) -> StoreResult<MutexGuard<'_, Inner>> {
        let mut presence = self.presence.subscribe();
        let answers = presence.wait_for(|it| *it != Presence::Silent).await;
        match answers.map_or(Presence::There, |it| *it) {
            Presence::There | Presence::Silent => Ok(self.lock()),
            Presence::Gone => Err(StoreError::Unreachable(String::from("nobody is there"))),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn brings(groups: &Groups, message: MessageId) -> bool {
    let mut ops = groups.iter().flat_map(|group| &group.0);
    ops.any(|op| matches!(op, Op::Accept(accept) if accept.message.id == message))
}

impl Inner {
    fn fault_now(&mut self) -> Option<(StoreError, bool)> {
        let fault = self.fault.as_ref()?;
        let now = (fault.error.clone(), fault.after_writing);
        if !fault.lasting {
            self.fault = None;
        }
        Some(now)
    }
}

impl Tables {
    fn commit(&mut self, group: &Group) -> GroupResult {
        let result = group.0.iter().try_for_each(|op| self.apply(op));
        match result {
            Ok(()) => self.keep(),
            Err(_) => self.take_back(),
        }
        result
    }
}

#[cfg(test)]
mod tests;
