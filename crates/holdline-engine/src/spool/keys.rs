//! Idempotency keys that the store cannot be asked about: those of messages in the spool, and the
//! last ones that this node took. A repeat gets the answer of the first, another body is refused.

use crate::request::{AnswerFacts, NewMessage};
use holdline_core::{ContactId, MessageId, Timestamp};
use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Keys remembered of messages that are in the store.
const RECENT_MAX: usize = 20_000;
/// Messages with different keys that are put into the spool at once.
const LANES: u64 = 64;

/// Whose key, and the key.
pub(super) type Name = (String, String);

#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) id: MessageId,
    pub(super) at: Timestamp,
    pub(super) contact: Option<ContactId>,
    pub(super) body_hash: [u8; 32],
}

impl Known {
    /// From these the maker of a repeat makes the answer of the first.
    pub(super) const fn facts(&self) -> AnswerFacts {
        AnswerFacts {
            id: self.id,
            contact: self.contact,
            accepted_at: self.at,
        }
    }
}

#[derive(Debug)]
pub(super) struct Keys {
    inner: Mutex<Inner>,
    lanes: Vec<tokio::sync::Mutex<()>>,
    hasher: RandomState,
    kept_ms: u64,
}

#[derive(Debug, Default)]
struct Inner {
    spooled: HashMap<Name, Known>,
    recent: HashMap<Name, Known>,
    by_age: VecDeque<Name>,
}

impl Keys {
    pub(super) fn new(kept_ms: u64) -> Self {
        Self {
            inner: Mutex::default(),
            lanes: (0..LANES).map(|_| tokio::sync::Mutex::default()).collect(),
            hasher: RandomState::new(),
            kept_ms,
        }
    }

    /// Two messages with one key go one after the other.
    pub(super) async fn enter(&self, name: &Name) -> Option<tokio::sync::MutexGuard<'_, ()>> {
        let lane = usize::try_from(self.hasher.hash_one(name) % LANES).ok()?;
        Some(self.lanes.get(lane)?.lock().await)
    }

    pub(super) fn get(&self, name: &Name, now: Timestamp) -> Option<Known> {
        let inner = self.lock();
        let known = inner.spooled.get(name).or_else(|| inner.recent.get(name))?;
        (now.since_ms(known.at) < self.kept_ms).then(|| known.clone())
    }

    /// The message is in the spool.
    pub(super) fn spooled(&self, name: Name, known: Known) {
        self.lock().spooled.insert(name, known);
    }

    /// The message is in the store.
    pub(super) fn stored(&self, name: Name, known: Known) {
        let mut inner = self.lock();
        if inner.spooled.get(&name).is_some_and(|it| it.id == known.id) {
            inner.spooled.remove(&name);
        }
        if inner.recent.insert(name.clone(), known).is_none() {
            inner.by_age.push_back(name);
        }
        if inner.by_age.len() > RECENT_MAX
            && let Some(oldest) = inner.by_age.pop_front()
        {
            inner.recent.remove(&oldest);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The key of a message, with what a repeat has to be compared with.
pub(super) fn key_of(new: &NewMessage) -> Option<(Name, [u8; 32])> {
    let key = new.idempotency.as_ref()?;
    Some(((new.app.clone(), key.key.clone()), key.body_hash))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(n: usize) -> Name {
        ("app".into(), n.to_string())
    }

    fn known(id: u128) -> Known {
        Known {
            id: MessageId(id),
            at: Timestamp(0),
            contact: None,
            body_hash: [0; 32],
        }
    }

    #[test]
    fn the_last_ones_are_remembered_and_those_in_the_spool_always() {
        let keys = Keys::new(100);
        keys.spooled(name(0), known(7));
        for n in 1..=RECENT_MAX + 1 {
            keys.stored(name(n), known(n as u128));
        }
        let id = |n| keys.get(&name(n), Timestamp(99)).map(|it| it.id.0);
        assert_eq!((id(0), id(1), id(2)), (Some(7), None, Some(2)));
        assert!(
            keys.get(&name(2), Timestamp(100)).is_none(),
            "its time is over"
        );
    }

    #[test]
    fn what_was_drained_is_a_recent_one() {
        let keys = Keys::new(100);
        keys.spooled(name(0), known(7));
        keys.stored(name(0), known(7));
        let inner = keys.lock();
        assert!(inner.spooled.is_empty() && inner.recent.contains_key(&name(0)));
    }
}
