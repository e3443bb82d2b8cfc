//! Whether what is accepted can be stored: what the last commit said, and whether new messages are
//! refused beforehand because room runs out. Decides nothing about messages that are there.

use crate::ports::StoreError;
use holdline_core::Timestamp;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Why nothing can be stored, and since when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreFault {
    pub words: String,
    pub since: Timestamp,
    /// There is no room, or the file system is read-only.
    pub full: bool,
    /// Nothing answers, or nothing sure: waiting mends it.
    pub away: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Storing {
    /// The driver tries a commit again and again: nothing new is taken up meanwhile.
    retrying: AtomicBool,
    fault: Mutex<Option<StoreFault>>,
    closed: Mutex<Option<String>>,
}

impl Storing {
    pub(crate) fn set_retrying(&self, retrying: bool) {
        self.retrying.store(retrying, Ordering::Relaxed);
    }

    pub(crate) fn failed(&self, error: &StoreError, now: Timestamp) {
        let mut fault = lock(&self.fault);
        let since = fault.as_ref().map_or(now, |fault| fault.since);
        if fault.is_none() {
            match error {
                StoreError::Full(_) => {
                    tracing::error!(%error, "nothing can be stored: new messages are refused");
                }
                StoreError::Unreachable(_)
                | StoreError::Unavailable(_)
                | StoreError::Ambiguous(_)
                | StoreError::Corrupt(_) => {
                    tracing::error!(%error, "nothing can be stored");
                }
            }
        }
        *fault = Some(StoreFault {
            words: error.to_string(),
            since,
            full: matches!(error, StoreError::Full(_)),
            away: error.is_away(),
        });
    }

    pub(crate) fn works(&self) {
        if lock(&self.fault).take().is_some() {
            tracing::info!("messages can be stored again");
        }
    }

    pub(crate) fn fault(&self) -> Option<StoreFault> {
        lock(&self.fault).clone()
    }

    /// The store cannot be reached, as far as is known.
    pub(crate) fn is_away(&self) -> bool {
        lock(&self.fault).as_ref().is_some_and(|fault| fault.away)
    }

    pub(crate) fn close(&self, why: Option<String>) {
        *lock(&self.closed) = why;
    }

    /// Why a new message is not taken now.
    pub(crate) fn refuses(&self) -> Option<String> {
        if self.retrying.load(Ordering::Relaxed) {
            let fault = self.fault().map(|fault| fault.words);
            return Some(fault.unwrap_or_else(|| String::from("the store refuses writes")));
        }
        lock(&self.closed).clone()
    }
}

fn lock<T>(cell: &Mutex<T>) -> MutexGuard<'_, T> {
    cell.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_keeps_its_beginning_until_a_commit_works() {
        let storing = Storing::default();
        storing.failed(&StoreError::Full("a".into()), Timestamp(1));
        storing.failed(&StoreError::Unavailable("b".into()), Timestamp(2));
        let fault = storing.fault().expect("a fault");
        assert_eq!((fault.since, fault.full), (Timestamp(1), false));
        assert!(fault.words.contains('b'));
        storing.works();
        assert_eq!(storing.fault(), None);
    }

    #[test]
    fn new_messages_are_refused_while_a_commit_is_tried_again_or_room_runs_out() {
        let storing = Storing::default();
        storing.failed(&StoreError::Full("a".into()), Timestamp(1));
        assert_eq!(storing.refuses(), None, "the next one tries");
        storing.set_retrying(true);
        assert!(storing.refuses().is_some());
        storing.set_retrying(false);
        storing.close(Some("no room".into()));
        assert_eq!(storing.refuses().as_deref(), Some("no room"));
        storing.close(None);
        assert_eq!(storing.refuses(), None);
    }
}
