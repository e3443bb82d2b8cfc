//! The one thread that writes. Commits that queued while the last one ran share the next
//! transaction, and so its one sync; a conflicting group is taken back alone.

mod log;

pub(super) use log::LogRule;

use super::area::{self, WriteError};
use super::cluster;
use super::error::{commit_error, store_error};
use super::known::Known;
use holdline_core::Timestamp;
use holdline_engine::ports::cluster::{Beat, LeaseHeld};
use holdline_engine::ports::ops::{GroupResult, Groups};
use holdline_engine::ports::store::{COMMIT_GROUPS_MAX, StoreResult};
use holdline_engine::ports::{Group, Op, StoreError};
use rusqlite::Connection;
use std::sync::mpsc::Receiver;
use tokio::sync::oneshot;

/// Most jobs that wait for the writer.
pub(super) const JOBS_MAX: usize = 256;

/// Something for the writer to do, and where its answer goes.
pub(super) enum Job {
    Commit(Commit),
    Expire {
        terms: Expiry,
        answer: oneshot::Sender<StoreResult<usize>>,
    },
    Beat {
        beat: Box<Beat>,
        answer: oneshot::Sender<StoreResult<Vec<LeaseHeld>>>,
    },
    /// Gives free pages back to the disk, a few; true when there are more.
    GiveBack {
        answer: oneshot::Sender<StoreResult<bool>>,
    },
    /// Sets how many pages the file may have.
    SizeMax {
        pages: u32,
        answer: oneshot::Sender<StoreResult<()>>,
    },
    /// Answered when nothing is moved from the log into the file beside the writer.
    Settle {
        answer: oneshot::Sender<StoreResult<()>>,
    },
    /// Ends the thread when all before it is done.
    Stop {
        answer: oneshot::Sender<StoreResult<()>>,
    },
}

pub(super) struct Commit {
    pub(super) groups: Groups,
    pub(super) answer: oneshot::Sender<StoreResult<Vec<GroupResult>>>,
}

/// What retention no longer allows.
#[derive(Clone, Copy)]
pub(super) struct Expiry {
    pub(super) bodies_before: Timestamp,
    pub(super) metadata_before: Timestamp,
    pub(super) limit: usize,
}

/// Works until it is stopped or nobody is left to ask. Who no longer waits for an answer gets none.
pub(super) fn run(connection: &Connection, jobs: &Receiver<Job>, log: &mut LogRule, known: &Known) {
    let mut next = jobs.recv().ok();
    while let Some(job) = next.take() {
        match job {
            Job::Commit(first) => {
                let (batch, other) = gather(first, jobs);
                if answer(connection, batch, known) == Room::None {
                    log.make_room(connection);
                }
                next = other;
            }
            Job::Expire { terms, answer } => {
                let _ = answer.send(in_transaction(connection, || {
                    area::retention::expire(connection, terms)
                }));
            }
            Job::Beat { beat, answer } => {
                let _ = answer.send(in_transaction(connection, || {
                    cluster::beat(connection, &beat)
                }));
            }
            Job::GiveBack { answer } => {
                let given = area::retention::give_back(connection);
                let _ = answer.send(given.map_err(|error| store_error(&error)));
            }
            Job::SizeMax { pages, answer } => {
                let set = connection.pragma_update(None, "max_page_count", pages);
                let _ = answer.send(set.map_err(|error| store_error(&error)));
            }
            Job::Settle { answer } => {
                let _ = answer.send(log.settle(connection));
            }
            Job::Stop { answer } => {
                let _ = answer.send(log.finish(connection));
                return;
            }
        }
        log.keep_short(connection);
        next = next.or_else(|| jobs.recv().ok());
    }
    let _ = log.finish(connection);
}

/// What fits into one transaction with `first`, and the job that did not.
fn gather(first: Commit, jobs: &Receiver<Job>) -> (Vec<Commit>, Option<Job>) {
    let mut count = first.groups.len();
    let mut batch = vec![first];
    while let Ok(job) = jobs.try_recv() {
        match job {
            Job::Commit(more) if count + more.groups.len() <= COMMIT_GROUPS_MAX => {
                count += more.groups.len();
                batch.push(more);
            }
            Job::Commit(_)
            | Job::Expire { .. }
            | Job::Beat { .. }
            | Job::GiveBack { .. }
            | Job::SizeMax { .. }
            | Job::Settle { .. }
            | Job::Stop { .. } => {
                return (batch, Some(job));
            }
        }
    }
    (batch, None)
}

/// Whether a batch found room on the disk.
#[derive(PartialEq, Eq)]
enum Room {
    Found,
    None,
}

fn answer(connection: &Connection, batch: Vec<Commit>, known: &Known) -> Room {
    let committed = commit(connection, &batch, known);
    known.forget(batch.iter().flat_map(|one| &*one.groups));
    match committed {
        Ok(results) => {
            for (one, results) in batch.into_iter().zip(results) {
                let _ = one.answer.send(Ok(results));
            }
            Room::Found
        }
        Err(error) if batch.len() > 1 && is_perhaps_of_one(&error) => {
            for one in batch {
                answer(connection, vec![one], known);
            }
            Room::Found
        }
        Err(error) => {
            for one in batch {
                let _ = one.answer.send(Err(error.clone()));
            }
            match error {
                StoreError::Full(_) => Room::None,
                StoreError::Unavailable(_)
                | StoreError::Unreachable(_)
                | StoreError::Ambiguous(_)
                | StoreError::Corrupt(_) => Room::Found,
            }
        }
    }
}

/// One group that cannot be written must not fail those of others.
fn is_perhaps_of_one(error: &StoreError) -> bool {
    match error {
        StoreError::Full(_) | StoreError::Unreachable(_) | StoreError::Ambiguous(_) => false,
        StoreError::Unavailable(_) | StoreError::Corrupt(_) => true,
    }
}

fn commit(
    connection: &Connection,
    batch: &[Commit],
    known: &Known,
) -> StoreResult<Vec<Vec<GroupResult>>> {
    in_transaction(connection, || {
        known.look(file_version(connection)?);
        let results = batch
            .iter()
            .map(|one| apply_all(connection, &one.groups))
            .collect();
        area::accept::forget_expired_keys(connection, batch.iter().flat_map(|one| &*one.groups))?;
        results
    })
}

/// Changes with what other connections write.
fn file_version(connection: &Connection) -> rusqlite::Result<i64> {
    let mut statement = connection.prepare_cached("PRAGMA data_version")?;
    statement.query_row([], |row| row.get(0))
}

fn in_transaction<T>(
    connection: &Connection,
    write: impl FnOnce() -> rusqlite::Result<T>,
) -> StoreResult<T> {
    let run = |sql| connection.prepare_cached(sql)?.execute([]);
    run("BEGIN IMMEDIATE").map_err(|error| store_error(&error))?;
    let done = match write() {
        Ok(value) => match run("COMMIT") {
            Ok(_) => return Ok(value),
            Err(error) => commit_error(&error),
        },
        Err(error) => store_error(&error),
    };
    if !connection.is_autocommit()
        && let Err(error) = run("ROLLBACK")
    {
        tracing::error!(%error, "a failed transaction could not be rolled back");
    }
    Err(done)
}

fn apply_all(connection: &Connection, groups: &[Group]) -> rusqlite::Result<Vec<GroupResult>> {
    groups
        .iter()
        .map(|group| apply(connection, group))
        .collect()
}

fn apply(connection: &Connection, group: &Group) -> rusqlite::Result<GroupResult> {
    let run = |sql| connection.prepare_cached(sql)?.execute([]);
    let guarded = may_conflict_late(group);
    if guarded {
        run("SAVEPOINT one_group")?;
    }
    let result = match area::apply_all(connection, group) {
        Ok(()) => Ok(()),
        Err(WriteError::Conflict(conflict)) => {
            if guarded {
                run("ROLLBACK TO one_group")?;
            }
            Err(conflict)
        }
        Err(WriteError::Sql(error)) => return Err(error),
    };
    if guarded {
        run("RELEASE one_group")?;
    }
    Ok(result)
}

/// Each write looks for its conflicts before it changes anything: only after the first one of a
/// group is there something to take back.
fn may_conflict_late(group: &Group) -> bool {
    group.0.iter().skip(1).any(may_conflict)
}

fn may_conflict(op: &Op) -> bool {
    match op {
        Op::Accept(accept) => accept.idempotency.is_some(),
        Op::Fence { .. } | Op::ContactSave(_) | Op::Inbound(_) | Op::User(_) => true,
        Op::Handoff(_) | Op::HandoffDone(_) => false,
        Op::Advance(_)
        | Op::ContactSeen(_)
        | Op::AddressNote(_)
        | Op::Raw(_)
        | Op::RawDone(_)
        | Op::Hook { .. }
        | Op::HookDone(_)
        | Op::HookRetry { .. }
        | Op::HookDropped { .. }
        | Op::Endpoint(_)
        | Op::EndpointDelete(_)
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
        | Op::HookForget(_)
        | Op::Session(_)
        | Op::SessionEnd(_)
        | Op::Activity(_)
        | Op::Traffic(_)
        | Op::Evidence(_)
        | Op::Setting { .. } => false,
    }
}

#[cfg(test)]
mod tests;
