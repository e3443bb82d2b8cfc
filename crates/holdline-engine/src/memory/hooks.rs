//! The queue of events to apps. The head of each (endpoint, subject) is the only one that may go;
//! heads stand in an index by due time, so that a long queue costs nothing to look at.

use super::tables::{DroppedHook, Tables};
use crate::ports::Op;
use crate::ports::cluster::{Partition, Partitions};
use crate::ports::records::{HookRecord, OpenHook};
use holdline_core::Timestamp;

impl Tables {
    pub(super) fn apply_hook(&mut self, op: &Op) {
        if let Op::Hook {
            endpoint,
            subject,
            event,
            due_at,
        } = op
        {
            self.hook_seq += 1;
            self.queue_hook(HookRecord {
                seq: self.hook_seq,
                endpoint: endpoint.clone(),
                subject: *subject,
                event: event.clone(),
                created_at: *due_at,
                due_at: *due_at,
                tries: 0,
            });
        }
        if let Op::HookDone(seq) = op {
            self.leave_queue(*seq);
        }
        if let Op::HookRetry {
            seq,
            due_at,
            tries,
            error,
        } = op
        {
            self.retry_hook(*seq, *due_at, *tries);
            self.hook_errors.put(*seq, error.clone());
        }
        if let Op::HookDropped { seq, at, error } = op
            && let Some(hook) = self.leave_queue(*seq)
        {
            let dropped = DroppedHook {
                hook,
                at: *at,
                error: error.clone(),
            };
            self.hooks_dropped.put(*seq, dropped);
        }
        if let Op::HookForget(seq) = op {
            self.hooks_dropped.remove(seq);
        }
    }

    /// Open and given up, the newest first.
    pub(super) fn open_hooks(
        &self,
        endpoint: &str,
        before: Option<i64>,
        limit: usize,
    ) -> Vec<OpenHook> {
        let open = self.hooks.values().map(|hook| OpenHook {
            hook: hook.clone(),
            error: self.hook_errors.get(&hook.seq).cloned(),
            dropped_at: None,
        });
        let dropped = self.hooks_dropped.values().map(|it| OpenHook {
            hook: it.hook.clone(),
            error: Some(it.error.clone()),
            dropped_at: Some(it.at),
        });
        let mut found: Vec<OpenHook> = open
            .chain(dropped)
            .filter(|it| it.hook.endpoint == endpoint)
            .filter(|it| before.is_none_or(|before| it.hook.seq < before))
            .collect();
        found.sort_by_key(|it| std::cmp::Reverse(it.hook.seq));
        found.truncate(limit);
        found
    }

    pub(super) fn delete_endpoint(&mut self, id: &str) {
        self.endpoints.remove(&id.to_owned());
        let first = (id.to_owned(), 0, 0);
        let mine = self
            .hook_subjects
            .range(first..)
            .take_while(|((endpoint, ..), ())| endpoint == id);
        let seqs: Vec<i64> = mine.map(|((.., seq), ())| *seq).collect();
        for seq in seqs {
            self.leave_queue(seq);
        }
    }

    pub(super) fn hooks_due(
        &self,
        partitions: Partitions,
        now: Timestamp,
        without: &[String],
        limit: usize,
    ) -> Vec<HookRecord> {
        let due = self.hook_heads.range(..=(now, i64::MAX));
        due.filter_map(|((_, seq), ())| self.hooks.get(seq))
            .filter(|hook| partitions.has(Partition::of(hook.subject)))
            .filter(|hook| !without.contains(&hook.endpoint))
            .take(limit)
            .cloned()
            .collect()
    }

    pub(super) fn hooks_next_due(&self, partitions: Partitions) -> Option<Timestamp> {
        let heads = self
            .hook_heads
            .iter()
            .map(|((due_at, seq), ())| (due_at, seq));
        let mut mine = heads.filter(|(_, seq)| {
            let hook = self.hooks.get(seq);
            hook.is_some_and(|hook| partitions.has(Partition::of(hook.subject)))
        });
        mine.next().map(|(due_at, _)| *due_at)
    }

    fn queue_hook(&mut self, hook: HookRecord) {
        if self.head_of(&hook.endpoint, hook.subject).is_none() {
            self.hook_heads.put((hook.due_at, hook.seq), ());
        }
        self.hook_subjects
            .put((hook.endpoint.clone(), hook.subject, hook.seq), ());
        self.hooks.put(hook.seq, hook);
    }

    /// Takes it out and lets the next of its subject go; nothing when it is not there.
    fn leave_queue(&mut self, seq: i64) -> Option<HookRecord> {
        let hook = self.hooks.remove(&seq)?;
        self.hook_errors.remove(&seq);
        self.hook_heads.remove(&(hook.due_at, seq));
        self.hook_subjects
            .remove(&(hook.endpoint.clone(), hook.subject, seq));
        if let Some(next) = self.head_of(&hook.endpoint, hook.subject)
            && let Some(record) = self.hooks.get(&next)
        {
            self.hook_heads.add((record.due_at, next), ());
        }
        Some(hook)
    }

    fn retry_hook(&mut self, seq: i64, due_at: Timestamp, tries: u32) {
        let Some(hook) = self.hooks.get(&seq) else {
            return;
        };
        if self.hook_heads.remove(&(hook.due_at, seq)).is_some() {
            self.hook_heads.put((due_at, seq), ());
        }
        self.hooks.change(&seq, |hook| {
            hook.due_at = due_at;
            hook.tries = tries;
        });
    }

    fn head_of(&self, endpoint: &str, subject: u128) -> Option<i64> {
        let first = (endpoint.to_owned(), subject, i64::MIN);
        let last = (endpoint.to_owned(), subject, i64::MAX);
        self.hook_subjects
            .range(first..=last)
            .next()
            .map(|((.., seq), ())| *seq)
    }
}
