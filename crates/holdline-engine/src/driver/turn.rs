//! One turn of the driver: what is to be committed together, and what may happen only after.

use super::Driver;
use super::event::Event;
use crate::config::TURN_EVENTS_MAX;
use crate::ports::ops::{Advance, Conflict};
use crate::ports::{Group, Op, StoreError};
use crate::request::{Accepted, Refusal};
use bytes::Bytes;
use holdline_core::{ContactId, MessageId, Timestamp};
use std::collections::BTreeMap;
use tokio::sync::oneshot;

/// So many must have been answered.
const GATHER_ACCEPTS_MIN: usize = 8;
/// Where a commit takes less, more of them are better than larger ones.
const GATHER_COMMIT_MS_MIN: u64 = 5;
/// One part in so many of the last commit's time is waited at most, as the documentation of
/// PostgreSQL advises for its `commit_delay`.
const GATHER_SHARE: u64 = 2;
const GATHER_MS_MAX: u64 = 10;

pub(crate) type AcceptAnswer = oneshot::Sender<Result<Accepted, Refusal>>;

pub(crate) type Reply = oneshot::Sender<Result<(), Refusal>>;

/// An accepted message whose caller waits for the commit.
pub(crate) struct Pending {
    pub(crate) id: MessageId,
    pub(crate) group: usize,
    pub(crate) answer: Bytes,
    pub(crate) reply: AcceptAnswer,
}

/// An attempt whose row is in this turn's commit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Planned {
    pub(crate) id: MessageId,
    pub(crate) number: u16,
    pub(crate) hop: u8,
}

/// Says that something is done, by which it goes from the store.
pub(crate) struct After {
    pub(crate) ops: Vec<Op>,
    /// Dropped when that is committed.
    pub(crate) done: Option<oneshot::Sender<()>>,
}

pub(crate) struct Turn {
    pub(crate) now: Timestamp,
    pub(crate) groups: Vec<Group>,
    pub(crate) pending: Vec<Pending>,
    /// Answers that are given once everything is saved.
    pub(crate) replies: Vec<(Reply, Result<(), Refusal>)>,
    pub(crate) sends: Vec<Planned>,
    /// Committed only once all of this turn is: what it was made from needs to come again
    /// otherwise.
    pub(crate) after: Vec<After>,
    /// Groups of messages that are not in the book, with whom they are for.
    pub(crate) fences: Vec<(usize, ContactId)>,
    /// Dropped when this turn is committed.
    pub(crate) done: Vec<oneshot::Sender<()>>,
    /// Events for apps were queued.
    pub(crate) hooks: bool,
    by_message: BTreeMap<MessageId, usize>,
}

impl Turn {
    pub(crate) fn new(now: Timestamp) -> Self {
        Self {
            now,
            groups: Vec::new(),
            pending: Vec::new(),
            replies: Vec::new(),
            sends: Vec::new(),
            after: Vec::new(),
            fences: Vec::new(),
            done: Vec::new(),
            hooks: false,
            by_message: BTreeMap::new(),
        }
    }

    /// Messages with the place of their group.
    pub(crate) fn messages(&self) -> impl Iterator<Item = (MessageId, usize)> {
        self.by_message.iter().map(|(id, group)| (*id, *group))
    }

    /// Operations of one message in one turn are atomic together.
    pub(crate) fn group_of(&mut self, id: MessageId) -> usize {
        *self.by_message.entry(id).or_insert_with(|| {
            self.groups.push(Group::default());
            self.groups.len() - 1
        })
    }

    pub(crate) fn push(&mut self, id: MessageId, op: Op) {
        let at = self.group_of(id);
        self.groups[at].0.push(op);
    }

    /// The new state of a delivery, with all that goes with it.
    pub(crate) fn advance(&mut self, id: MessageId, advance: Advance) {
        self.push(id, Op::Advance(Box::new(advance)));
    }

    pub(crate) fn push_alone(&mut self, ops: Vec<Op>) {
        self.groups.push(Group(ops));
    }
}

/// What the caller of a conflicting accept is told.
pub(crate) fn refusal_of(conflict: Conflict) -> Result<Accepted, Refusal> {
    match conflict {
        Conflict::Idempotency {
            message,
            same_body: true,
            answer,
        } => Ok(Accepted {
            id: message,
            answer,
            repeat: true,
        }),
        Conflict::Idempotency {
            same_body: false, ..
        } => Err(Refusal::KeyReused),
        Conflict::Fenced { .. } => Err(Refusal::Unavailable {
            retry_after_s: 1,
            why: String::from("another node takes this over"),
            away: false,
        }),
        Conflict::Repeated | Conflict::AddressTaken { .. } => {
            Err(StoreError::Unavailable(format!("unexpected conflict: {conflict:?}")).into())
        }
    }
}

/// Until when those who were just answered may ask again and share the next commit, and how many
/// they are with those who asked already.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Gather {
    pub(super) until: Timestamp,
    pub(super) count: usize,
}

impl Driver {
    /// Takes along what comes within the wait that the last commit earned, or until all have come
    /// that it answered. They ask again at once, and would miss the next by a hair: on a slow disk
    /// everybody then waits for two.
    pub(super) async fn gather(&mut self, events: &mut Vec<Event>) {
        let Gather { until, count } = self.gather;
        let clock = std::sync::Arc::clone(&self.shared.clock);
        // A clock that was set back must not make it long.
        if !(1..=GATHER_MS_MAX).contains(&until.since_ms(clock.now())) {
            return;
        }
        let over = clock.sleep_until(until);
        tokio::pin!(over);
        while events.len() < count.min(TURN_EVENTS_MAX) {
            let room = TURN_EVENTS_MAX - events.len();
            tokio::select! {
                biased;
                came = self.mailbox.recv_many(events, room) => if came == 0 { return },
                () = &mut over => return,
            }
        }
    }
}

/// What a commit earns that accepted so many.
pub(super) fn gather_ms(accepted: usize, took_ms: u64) -> u64 {
    match accepted >= GATHER_ACCEPTS_MIN && took_ms >= GATHER_COMMIT_MS_MIN {
        true => (took_ms / GATHER_SHARE).min(GATHER_MS_MAX),
        false => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_slow_commits_of_many_earn_a_wait() {
        assert_eq!(gather_ms(64, 4), 0, "a fast disk");
        assert_eq!(gather_ms(64, 5), 2);
        assert_eq!(gather_ms(64, 10), 5);
        assert_eq!(gather_ms(64, 60_000), 10, "bounded");
        assert_eq!(gather_ms(1, 10), 0, "nobody else to wait for");
    }
}
