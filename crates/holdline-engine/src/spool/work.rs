//! What becomes of one record of the spool: what it turns out to be, and how the ordinary intake's
//! answer is read for a message whose app has its answer already. Takes nothing from the spool.

use super::ended;
use super::lane::Lane;
use super::record::{self, Asked, Entry};
use crate::intake::{self, Prepared};
use crate::ports::ops::Op;
use crate::ports::records::RawInbound;
use crate::ports::spool::Spooled;
use crate::ports::{Partition, StoreError};
use crate::request::{Accepted, Refusal};
use crate::shared::Shared;
use holdline_core::{MessageId, Timestamp};
use std::sync::Arc;
use tokio::sync::oneshot;

/// What became of a record.
pub(super) enum Done {
    /// Of a message: its key is the store's to know from now on.
    Stored(Option<Box<Asked>>),
    /// It has to come again.
    Again(String),
}

/// What a record turned out to be.
pub(super) enum Ready {
    Message(Box<Asked>, Box<Prepared>),
    Refused(Box<Asked>, Refusal),
    Webhook(RawInbound),
    Unreadable(Spooled),
    Not(String),
}

/// Something handed in, whose end is waited for.
pub(super) enum Work<'a> {
    Driver(
        &'a Arc<Shared>,
        Box<Asked>,
        oneshot::Receiver<Result<Accepted, Refusal>>,
    ),
    Leave(&'a Arc<Shared>, Partition, Box<Asked>, Box<Prepared>),
    Refused(&'a Arc<Shared>, Box<Asked>, Refusal),
    Webhook(&'a Arc<Shared>, RawInbound),
    Over(Done),
}

impl Work<'_> {
    pub(super) async fn end(self) -> Done {
        match self {
            Self::Driver(shared, asked, answer) => {
                let answered = answer.await.unwrap_or_else(|_| Err(stopping()));
                judge(shared, asked, answered).await
            }
            Self::Leave(shared, partition, asked, prepared) => {
                let left = intake::leave_to(shared, partition, *prepared).await;
                judge(shared, asked, left).await
            }
            Self::Refused(shared, asked, refusal) => end_refused(shared, asked, &refusal).await,
            Self::Webhook(shared, raw) => keep_raw(shared, raw).await,
            Self::Over(done) => done,
        }
    }
}

pub(super) async fn ready_of(shared: &Shared, spooled: Spooled) -> (Option<Timestamp>, Ready) {
    match record::read(&spooled.record) {
        Some(Entry::Message(asked)) => {
            let at = Some(asked.at);
            match intake::prepare(shared, &asked).await {
                Ok(prepared) => (at, Ready::Message(asked, Box::new(prepared))),
                Err(Refusal::Unavailable { why, .. }) => (at, Ready::Not(why)),
                Err(refusal) => (at, Ready::Refused(asked, refusal)),
            }
        }
        Some(Entry::Webhook(raw)) => (Some(raw.received_at), Ready::Webhook(raw)),
        None => (None, Ready::Unreadable(spooled)),
    }
}

/// What the intake's answer means for a message whose app has its answer already.
async fn judge(shared: &Shared, asked: Box<Asked>, answer: Result<Accepted, Refusal>) -> Done {
    match answer {
        Ok(accepted) if accepted.id == asked.id => Done::Stored(Some(asked)),
        Ok(accepted) => end_repeated(shared, asked, accepted.id).await,
        Err(Refusal::Unavailable { why, away, .. }) => {
            if away {
                shared
                    .storing
                    .failed(&StoreError::Unreachable(why.clone()), shared.clock.now());
            }
            Done::Again(why)
        }
        Err(refusal @ Refusal::Busy { .. }) => Done::Again(refusal.to_string()),
        Err(
            refusal @ (Refusal::KeyReused
            | Refusal::UnknownContact
            | Refusal::NoRoute(_)
            | Refusal::NoConsent
            | Refusal::UnknownMessage
            | Refusal::AlreadyEnded
            | Refusal::UnknownScope(_)),
        ) => end_refused(shared, asked, &refusal).await,
    }
}

async fn end_refused(shared: &Shared, asked: Box<Asked>, refusal: &Refusal) -> Done {
    tracing::warn!(message = %asked.id, %refusal, "a message of the spool is refused");
    match is_known(shared, asked.id).await {
        Ok(true) => Done::Stored(Some(asked)),
        Ok(false) => match ended::refused(shared, &asked, refusal).await {
            Ok(ops) => commit(shared, ops, Some(asked)).await,
            Err(error) => again(shared, &error),
        },
        Err(error) => again(shared, &error),
    }
}

async fn end_repeated(shared: &Shared, asked: Box<Asked>, first: MessageId) -> Done {
    tracing::info!(message = %asked.id, %first, "a message of the spool repeats another");
    match is_known(shared, asked.id).await {
        Ok(true) => Done::Stored(None),
        Ok(false) => match ended::repeated(shared, &asked, first).await {
            Ok(ops) => commit(shared, ops, None).await,
            Err(error) => again(shared, &error),
        },
        Err(error) => again(shared, &error),
    }
}

async fn is_known(shared: &Shared, id: MessageId) -> Result<bool, StoreError> {
    Ok(shared.store.message(id).await?.is_some())
}

async fn keep_raw(shared: &Shared, raw: RawInbound) -> Done {
    let done = commit(shared, vec![Op::Raw(raw.clone())], None).await;
    if matches!(done, Done::Stored(_)) && shared.raw_queue.try_send(raw).is_err() {
        shared.read_raw_again();
    }
    done
}

async fn commit(shared: &Shared, ops: Vec<Op>, asked: Option<Box<Asked>>) -> Done {
    match shared.batcher.commit(ops).await {
        Ok(Ok(())) => {
            shared.hooks_wake.notify_one();
            Done::Stored(asked)
        }
        Ok(Err(conflict)) => Done::Again(format!("unexpected conflict: {conflict:?}")),
        Err(error) => again(shared, &error),
    }
}

fn again(shared: &Shared, error: &StoreError) -> Done {
    shared.storing.failed(error, shared.clock.now());
    Done::Again(error.to_string())
}

pub(super) async fn set_aside(lane: &Lane, spooled: &Spooled) -> Done {
    match lane.spool.set_aside(spooled).await {
        Ok(()) => Done::Stored(None),
        Err(error) => Done::Again(error.to_string()),
    }
}

fn stopping() -> Refusal {
    Refusal::Unavailable {
        retry_after_s: super::RETRY_S,
        why: String::from("the server is stopping"),
        away: false,
    }
}
