//! What many groups write, gathered so that each table is written by one statement.

use super::accept::Accepted;
use super::advance::Advanced;
use super::cold;
use super::hooks::Queue;
use super::known::Known;
use super::people::Seen;
use super::run_all;
use crate::postgres::connect::Client;
use crate::postgres::error::Fault;
use crate::postgres::statement::Statement;
use holdline_engine::ports::Op;

#[derive(Default)]
pub(super) struct Batch<'a> {
    accepted: Accepted<'a>,
    advanced: Advanced<'a>,
    seen: Seen<'a>,
    queue: Queue<'a>,
    /// Everything that is written seldom, in order.
    cold: Vec<&'a Op>,
}

/// A statement that must change as many rows as were given to it: fewer means that somebody else
/// was first.
pub(super) struct Counted<'a> {
    pub(super) statement: Statement<'a>,
    pub(super) rows: Option<u64>,
}

impl<'a> Counted<'a> {
    pub(super) const fn exactly(rows: u64, statement: Statement<'a>) -> Self {
        Self {
            statement,
            rows: Some(rows),
        }
    }
}

impl<'a> From<Statement<'a>> for Counted<'a> {
    fn from(statement: Statement<'a>) -> Self {
        Self {
            statement,
            rows: None,
        }
    }
}

impl<'a> Batch<'a> {
    /// Takes an operation that is not [`alone`](super::alone::is_alone).
    pub(super) fn add(&mut self, op: &'a Op) {
        match op {
            Op::Fence { .. } => {}
            Op::Accept(accept) => self.accepted.accept(accept),
            Op::Inbound(record) => self.accepted.take(record),
            Op::Raw(raw) => self.accepted.keep_raw(raw),
            Op::RawDone(id) => self.accepted.raw_done(*id),
            Op::Advance(advance) => self.advanced.add(advance),
            Op::ContactSeen(record) => self.seen.see(record),
            Op::AddressNote(note) => self.seen.note(note),
            Op::Hook {
                endpoint,
                subject,
                event,
                due_at,
            } => self.queue.add(endpoint, *subject, event, *due_at),
            Op::HookDone(seq) => self.queue.done(*seq),
            Op::HookRetry {
                seq,
                due_at,
                tries,
                error,
            } => self.queue.retry(*seq, *due_at, *tries, error),
            Op::HookDropped { seq, at, error } => self.queue.dropped(*seq, *at, error),
            Op::ContactSave(_)
            | Op::EndpointDelete(_)
            | Op::User(_)
            | Op::Handoff(_)
            | Op::HandoffDone(_)
            | Op::Endpoint(_)
            | Op::Media(_)
            | Op::MediaDelete(_)
            | Op::MediaAlias { .. }
            | Op::Templates { .. }
            | Op::Token(_)
            | Op::TokenRevoke { .. }
            | Op::Route(_)
            | Op::RouteGone(_)
            | Op::Outage(_)
            | Op::Baseline(_)
            | Op::Hold(_)
            | Op::HoldRelease(_)
            | Op::Audit(_)
            | Op::Setting { .. }
            | Op::HookForget(_)
            | Op::Session(_)
            | Op::SessionEnd(_)
            | Op::Activity(_)
            | Op::Traffic(_)
            | Op::Evidence(_) => self.cold.push(op),
        }
    }

    /// Writes all of it and is empty again.
    pub(super) async fn flush(&mut self, c: &Client, known: &Known) -> Result<(), Fault> {
        let batch = std::mem::take(self);
        let mut all = batch.accepted.statements();
        let later = batch.advanced.statements();
        all.extend(later.into_iter().map(Counted::from));
        all.extend(batch.seen.statements().into_iter().map(Counted::from));
        all.extend(batch.queue.statements(known).into_iter().map(Counted::from));
        // The log's writers take turns: who has the turn waits for nobody any more.
        let is_log = |op: &&Op| matches!(op, Op::Activity(_));
        let (logs, others): (Vec<_>, Vec<_>) = batch.cold.into_iter().partition(is_log);
        let cold = others.into_iter().chain(logs).flat_map(cold::statements);
        all.extend(cold.map(Counted::from));
        let (statements, wanted): (Vec<_>, Vec<_>) =
            all.into_iter().map(|it| (it.statement, it.rows)).unzip();
        let counts = run_all(c, statements).await?;
        let missed = |(count, wanted): (u64, Option<u64>)| wanted.is_some_and(|it| it != count);
        match counts.into_iter().zip(wanted).any(missed) {
            true => Err(Fault::Raced(
                "another node wrote the same key at the same time".to_owned(),
            )),
            false => Ok(()),
        }
    }
}
