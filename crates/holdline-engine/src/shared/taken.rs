//! What apps took lately, for people who ask whether an event arrived: in memory, of this node,
//! since it started. Decides nothing.

use crate::ports::records::{Event, EventKind, HookRecord};
use holdline_core::Timestamp;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Events of one endpoint that are remembered; the oldest goes first.
pub const TAKEN_MAX: usize = 50;
/// Endpoints that are remembered; beyond it the one that took nothing for longest goes.
const ENDPOINTS_MAX: usize = 1_000;

/// An event that an app took.
#[derive(Clone, Debug, PartialEq)]
pub struct Taken {
    pub seq: i64,
    /// Without the content of what was only passed on.
    pub event: Event,
    /// Posts that it needed.
    pub tries: u32,
    pub at: Timestamp,
    /// From the post to the answer.
    pub took_ms: u64,
}

#[derive(Debug, Default)]
pub(crate) struct TakenLog(Mutex<BTreeMap<String, VecDeque<Taken>>>);

impl TakenLog {
    pub(crate) fn add(&self, hook: &HookRecord, posted_at: Timestamp, at: Timestamp) {
        let mut event = hook.event.clone();
        if let EventKind::Passed { value, .. } = &mut event.kind {
            *value = String::new();
        }
        let taken = Taken {
            seq: hook.seq,
            event,
            tries: hook.tries + 1,
            at,
            took_ms: at.since_ms(posted_at),
        };
        let mut all = self.lock();
        if all.len() >= ENDPOINTS_MAX && !all.contains_key(&hook.endpoint) {
            let last = |log: &VecDeque<Taken>| log.back().map(|it| it.at);
            let quietest = all.iter().min_by_key(|(_, log)| last(log));
            if let Some(id) = quietest.map(|(id, _)| id.clone()) {
                all.remove(&id);
            }
        }
        let log = all.entry(hook.endpoint.clone()).or_default();
        if log.len() >= TAKEN_MAX {
            log.pop_front();
        }
        log.push_back(taken);
    }

    /// The newest first.
    pub(crate) fn of(&self, endpoint: &str) -> Vec<Taken> {
        let all = self.lock();
        let log = all.get(endpoint);
        log.map(|log| log.iter().rev().cloned().collect())
            .unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, VecDeque<Taken>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hook(seq: i64, endpoint: &str) -> HookRecord {
        HookRecord {
            seq,
            endpoint: endpoint.into(),
            subject: 1,
            event: Event {
                at: Timestamp(seq),
                kind: EventKind::Passed {
                    field: "account_update".into(),
                    waba: "1".into(),
                    value: "x".repeat(9_000),
                },
            },
            created_at: Timestamp(seq),
            due_at: Timestamp(seq),
            tries: 2,
        }
    }

    #[test]
    fn the_newest_are_remembered_without_their_content() {
        let log = TakenLog::default();
        for seq in 1..=60 {
            log.add(&hook(seq, "shop"), Timestamp(seq), Timestamp(seq + 7));
        }
        let taken = log.of("shop");
        assert_eq!((taken.len(), taken[0].seq), (TAKEN_MAX, 60));
        assert_eq!((taken[0].tries, taken[0].took_ms), (3, 7));
        let bare =
            matches!(&taken[0].event.kind, EventKind::Passed { value, .. } if value.is_empty());
        assert!(bare);
        assert!(log.of("other").is_empty());
    }

    #[test]
    fn endpoints_that_come_and_go_take_no_more_room() {
        let log = TakenLog::default();
        for n in 0..=ENDPOINTS_MAX as i64 {
            log.add(&hook(n, &format!("e{n}")), Timestamp(n), Timestamp(n));
        }
        assert!(log.of("e0").is_empty() && !log.of("e1").is_empty());
        assert_eq!(log.lock().len(), ENDPOINTS_MAX);
    }
}
