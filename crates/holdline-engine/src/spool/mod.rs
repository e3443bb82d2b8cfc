//! The accept-spool: while the store cannot be reached, messages and webhooks are kept on the
//! node's own disk, synced before they are answered, and drained into the store in order, once.
//!
//! What comes goes into the spool while the store is known to be away and until the spool is empty
//! again, so that nothing is overtaken. Webhooks have a lane of their own, which is drained first:
//! receipts that came late by our own fault must not look like a provider's. Never decides about a
//! message: the ordinary intake does, when it is drained, under the id that the app was told.

mod drain;
mod ended;
mod keys;
mod lane;
pub(crate) mod record;
mod work;

pub use drain::DrainLoop;

use crate::intake;
use crate::ports::records::RawInbound;
use crate::ports::spool::{SpoolError, SpoolSize, Spools};
use crate::ports::{Op, StoreError};
use crate::request::{Accepted, Refusal};
use crate::shared::Shared;
use bytes::Bytes;
use holdline_core::{MessageId, Redacted, Timestamp};
use keys::{Keys, Known, key_of};
use lane::Lane;
use record::{Asked, Entry};
use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// How long the store may take for what came in, before the spool takes it.
const DIRECT_MS: u64 = 1_500;
/// How long it may take for what is only looked up beforehand.
const LOOK_MS: u64 = 1_000;
/// When a refused caller may come again.
const RETRY_S: u32 = 5;

/// The spool as people see it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpoolStatus {
    /// Of both lanes.
    pub size: SpoolSize,
    /// What comes in goes there.
    pub in_use: bool,
    /// A lane is at its bound, or so near that an ordinary request does not fit.
    pub is_full: bool,
    /// When the oldest record came in.
    pub oldest_at: Option<Timestamp>,
    /// Records drained since the process started.
    pub drained: u64,
}

pub(crate) struct Spooling {
    messages: Lane,
    pub(crate) webhooks: Lane,
    keys: Keys,
    /// Messages that the driver was given before they went into the spool.
    tried: Mutex<HashSet<MessageId>>,
    drained: AtomicU64,
    wake: Notify,
}

impl Spooling {
    /// Takes up what a spool holds from before.
    pub(crate) async fn open(spools: Spools, kept_ms: u64) -> Result<Self, SpoolError> {
        let keys = Keys::new(kept_ms);
        let messages = Lane::open(spools.messages, |record| {
            if let Some(Entry::Message(asked)) = record::read(record)
                && let Some((name, body_hash)) = key_of(&asked.new)
            {
                keys.spooled(name, known_of(&asked, body_hash));
            }
        });
        let spooling = Self {
            messages: messages.await?,
            webhooks: Lane::open(spools.webhooks, |_| {}).await?,
            keys,
            tried: Mutex::default(),
            drained: AtomicU64::new(0),
            wake: Notify::new(),
        };
        let records = spooling.messages.len() + spooling.webhooks.len();
        if records > 0 {
            tracing::warn!(records, "what an earlier run left in the spool is drained");
        }
        Ok(spooling)
    }

    /// Records wait, or may.
    fn waits(&self) -> bool {
        self.messages.waits() || self.webhooks.waits()
    }

    pub(crate) fn status(&self, shared: &Shared) -> SpoolStatus {
        let (messages, webhooks) = (self.messages.size(), self.webhooks.size());
        let oldest = [self.messages.oldest_at(), self.webhooks.oldest_at()];
        SpoolStatus {
            size: SpoolSize {
                records: messages.records + webhooks.records,
                bytes: messages.bytes + webhooks.bytes,
                bytes_max: messages.bytes_max + webhooks.bytes_max,
                aside: messages.aside + webhooks.aside,
            },
            in_use: shared.storing.is_away() || self.waits(),
            is_full: lane::is_full(&messages) || lane::is_full(&webhooks),
            oldest_at: oldest.into_iter().flatten().min(),
            drained: self.drained.load(Ordering::Relaxed),
        }
    }

    /// Returns when the message is safe in the store or in the spool, or not kept at all.
    pub(crate) async fn accept(&self, shared: &Shared, asked: Asked) -> Result<Accepted, Refusal> {
        // Straight to the store it would overtake what waits.
        if shared.storing.is_away() || self.messages.waits() {
            return self.keep(shared, &asked).await;
        }
        let until = asked.at.plus_ms(DIRECT_MS);
        let direct = tokio::select! {
            biased;
            direct = intake::direct(shared, &asked) => direct,
            () = shared.clock.sleep_until(until) => Err(no_answer(DIRECT_MS).into()),
        };
        match direct {
            Ok((accepted, contact)) => {
                if let Some((name, body_hash)) = key_of(&asked.new)
                    && !accepted.repeat
                {
                    let known = Known {
                        id: asked.id,
                        at: asked.at,
                        contact: Some(contact),
                        body_hash,
                    };
                    self.keys.stored(name, known);
                }
                Ok(accepted)
            }
            Err(Refusal::Unavailable {
                away: true, why, ..
            }) => {
                self.lost(shared, &StoreError::Unreachable(why));
                self.tried().insert(asked.id);
                let kept = self.keep(shared, &asked).await;
                if kept.is_err() {
                    self.tried().remove(&asked.id);
                }
                kept
            }
            Err(refusal) => Err(refusal),
        }
    }

    /// Returns when the webhook is safe in the store or in the spool. True: in the store.
    pub(crate) async fn take(&self, shared: &Shared, raw: &RawInbound) -> Result<bool, StoreError> {
        if !shared.storing.is_away() && !self.webhooks.waits() {
            let until = shared.clock.now().plus_ms(DIRECT_MS);
            let committed = tokio::select! {
                biased;
                committed = shared.batcher.commit(vec![Op::Raw(raw.clone())]) => committed,
                () = shared.clock.sleep_until(until) => Err(no_answer(DIRECT_MS)),
            };
            match committed {
                Ok(_) => return Ok(true),
                Err(error) if error.is_away() => self.lost(shared, &error),
                Err(error) => return Err(error),
            }
        }
        self.append(shared, &self.webhooks, record::webhook(raw))
            .await
            .map_err(|error| StoreError::Unavailable(error.to_string()))?;
        Ok(false)
    }

    /// The answer of the store to a question, unless it is away: then `None`, and whoever asks
    /// goes on without.
    pub(crate) async fn look<T>(
        &self,
        shared: &Shared,
        asking: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<Option<T>, StoreError> {
        if shared.storing.is_away() {
            return Ok(None);
        }
        let until = shared.clock.now().plus_ms(LOOK_MS);
        let answer = tokio::select! {
            biased;
            answer = asking => answer,
            () = shared.clock.sleep_until(until) => Err(no_answer(LOOK_MS)),
        };
        match answer {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.is_away() => {
                self.lost(shared, &error);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    async fn keep(&self, shared: &Shared, asked: &Asked) -> Result<Accepted, Refusal> {
        let key = key_of(&asked.new);
        let _lane = match &key {
            Some((name, _)) => self.keys.enter(name).await,
            None => None,
        };
        if let Some((name, body_hash)) = &key
            && let Some(known) = self.keys.get(name, asked.at)
        {
            if known.body_hash != *body_hash {
                return Err(Refusal::KeyReused);
            }
            return Ok(Accepted {
                id: known.id,
                answer: (asked.new.answer)(&known.facts()),
                repeat: true,
            });
        }
        let answer = (asked.new.answer)(&asked.facts());
        let record = asked.record(&answer);
        let kept = self.append(shared, &self.messages, record).await;
        kept.map_err(|error| Refusal::Unavailable {
            retry_after_s: RETRY_S,
            why: error.to_string(),
            away: false,
        })?;
        self.note_key(asked);
        Ok(Accepted {
            id: asked.id,
            answer,
            repeat: false,
        })
    }

    async fn append(
        &self,
        shared: &Shared,
        lane: &Lane,
        record: Redacted<Bytes>,
    ) -> Result<(), SpoolError> {
        let appended = lane.append(record, shared.clock.now()).await;
        self.wake.notify_one();
        appended.inspect_err(|error| {
            tracing::error!(%error, "the store is away, and the spool does not take it either");
        })
    }

    fn note_key(&self, asked: &Asked) {
        if let Some((name, body_hash)) = key_of(&asked.new) {
            self.keys.spooled(name, known_of(asked, body_hash));
        }
    }

    /// The message is in the store now.
    fn note_stored(&self, asked: &Asked) {
        self.tried().remove(&asked.id);
        if let Some((name, body_hash)) = key_of(&asked.new) {
            self.keys.stored(name, known_of(asked, body_hash));
        }
    }

    fn tried(&self) -> MutexGuard<'_, HashSet<MessageId>> {
        self.tried.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lost(&self, shared: &Shared, error: &StoreError) {
        shared.storing.failed(error, shared.clock.now());
    }
}

fn known_of(asked: &Asked, body_hash: [u8; 32]) -> Known {
    Known {
        id: asked.id,
        at: asked.at,
        contact: asked.facts().contact,
        body_hash,
    }
}

fn no_answer(limit_ms: u64) -> StoreError {
    StoreError::Unreachable(format!("no answer in {limit_ms} ms"))
}
