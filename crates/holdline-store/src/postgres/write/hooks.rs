//! The queue of events to apps. Only the head of each (endpoint, subject) may be posted; whoever
//! leaves the queue makes the next one the head. The rows concerned are locked before: see `known`.

use super::known::Known;
use crate::postgres::statement::{Statement, small, text, uuid};
use crate::rows::event::event_text;
use holdline_core::Timestamp;
use holdline_engine::ports::Partition;
use holdline_engine::ports::records::Event;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Default)]
pub(super) struct Queue<'a> {
    new: Vec<(&'a str, u128, String, Timestamp)>,
    done: BTreeSet<i64>,
    retried: BTreeMap<i64, (Timestamp, u32, &'a str)>,
    dropped: BTreeMap<i64, (Timestamp, &'a str)>,
}

/// SQL that makes the oldest open event of some queues, given as (endpoint, subject), their head.
pub(super) fn heads_of(queues: &str) -> String {
    format!(
        "UPDATE hook SET head = true WHERE NOT head AND seq IN (
             SELECT f.seq FROM ({queues}) AS v(endpoint, subject)
             CROSS JOIN LATERAL (SELECT h.seq FROM hook h WHERE h.endpoint = v.endpoint
                 AND h.subject = v.subject AND h.dropped_at IS NULL ORDER BY h.seq LIMIT 1) f)"
    )
}

impl<'a> Queue<'a> {
    pub(super) fn add(&mut self, endpoint: &'a str, subject: u128, event: &Event, due: Timestamp) {
        self.new.push((endpoint, subject, event_text(event), due));
    }

    pub(super) fn done(&mut self, seq: i64) {
        self.done.insert(seq);
    }

    pub(super) fn retry(&mut self, seq: i64, due_at: Timestamp, tries: u32, error: &'a str) {
        self.retried.insert(seq, (due_at, tries, error));
    }

    pub(super) fn dropped(&mut self, seq: i64, at: Timestamp, error: &'a str) {
        self.dropped.entry(seq).or_insert((at, error));
    }

    pub(super) fn statements(self, known: &Known) -> Vec<Statement<'a>> {
        let mut all = Vec::new();
        all.extend((!self.retried.is_empty()).then(|| self.put_off()));
        if !self.done.is_empty() {
            let sql = "DELETE FROM hook WHERE seq = ANY ($1) AND dropped_at IS NULL";
            all.push(Statement::new(sql).many(self.done.iter().copied()));
        }
        all.extend((!self.dropped.is_empty()).then(|| self.given_up()));
        all.extend((!self.new.is_empty()).then(|| self.queued()));
        all.extend(self.followers(known));
        all
    }

    fn put_off(&self) -> Statement<'a> {
        let sql = "UPDATE hook h SET due_at = v.due_at, tries = v.tries, error = v.error
             FROM unnest($1, $2, $3, $4) AS v(seq, due_at, tries, error)
             WHERE h.seq = v.seq AND h.dropped_at IS NULL";
        let all = || self.retried.values();
        Statement::new(sql)
            .many(self.retried.keys().copied())
            .many(all().map(|(due_at, _, _)| due_at.0))
            .many(all().map(|(_, tries, _)| i64::from(*tries)))
            .many(all().map(|(_, _, error)| text(error)))
    }

    fn given_up(&self) -> Statement<'a> {
        let sql = "UPDATE hook h SET dropped_at = v.at, error = v.error, head = false
             FROM unnest($1, $2, $3) AS v(seq, at, error)
             WHERE h.seq = v.seq AND h.dropped_at IS NULL";
        Statement::new(sql)
            .many(self.dropped.keys().copied())
            .many(self.dropped.values().map(|(at, _)| at.0))
            .many(self.dropped.values().map(|(_, error)| text(error)))
    }

    fn queued(&self) -> Statement<'a> {
        let columns = "endpoint, subject, partition, event, created_at, due_at, tries, head";
        let open = "NOT EXISTS (SELECT 1 FROM hook o WHERE o.endpoint = v.endpoint
             AND o.subject = v.subject AND o.dropped_at IS NULL)";
        let first = "ordinal = min(ordinal) OVER (PARTITION BY endpoint, subject)";
        let sql = format!(
            "INSERT INTO hook ({columns})
             SELECT endpoint, subject, partition, event, due_at, due_at, 0, {first} AND {open}
             FROM unnest($1, $2, $3, $4, $5) WITH ORDINALITY
                 AS v(endpoint, subject, partition, event, due_at, ordinal) ORDER BY ordinal"
        );
        let all = || self.new.iter();
        Statement::new(sql)
            .many(all().map(|(endpoint, _, _, _)| text(endpoint)))
            .many(all().map(|(_, subject, _, _)| uuid(*subject)))
            .many(all().map(|(_, subject, _, _)| small(Partition::of(*subject).number())))
            .many(all().map(|(_, _, event, _)| text(event).into_owned()))
            .many(all().map(|(_, _, _, due_at)| due_at.0))
    }

    /// The next ones of the queues that something has left.
    fn followers(&self, known: &Known) -> Option<Statement<'a>> {
        let left = |seq: &i64| self.done.contains(seq) || self.dropped.contains_key(seq);
        let queues: BTreeSet<(&str, u128)> = known
            .hooks
            .iter()
            .filter(|hook| left(&hook.seq))
            .map(|hook| (hook.endpoint.as_str(), hook.subject))
            .collect();
        let statement = || {
            Statement::new(heads_of("SELECT * FROM unnest($1, $2)"))
                .many(queues.iter().map(|(endpoint, _)| (*endpoint).to_owned()))
                .many(queues.iter().map(|(_, subject)| uuid(*subject)))
        };
        (!queues.is_empty()).then(statement)
    }
}
