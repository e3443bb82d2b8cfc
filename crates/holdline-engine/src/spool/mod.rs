//! The accept-spool: while the store cannot be reached, messages and webhooks are kept on the
//! node's own disk, synced before they are answered, and drained into the store in order, once.
//!
//! What comes goes into the spool while the store is known to be away and until the spool is empty
//! again, so that nothing is overtaken. Never decides about a message: the ordinary intake does,
//! when it is drained, under the id that the app was told.

mod drain;
mod ended;
mod keys;
pub(crate) mod record;
mod work;

pub use drain::DrainLoop;

use crate::intake;
use crate::ports::records::RawInbound;
use crate::ports::spool::{Spool, SpoolError, SpoolSize};
use crate::ports::{Op, StoreError};
use crate::request::{Accepted, Refusal};
use crate::shared::Shared;
use bytes::Bytes;
use holdline_core::{Redacted, Timestamp};
use keys::{Keys, Known, key_of};
use record::{Asked, Entry};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use tokio::sync::Notify;

/// How long the store may take for what came in, before the spool takes it.
const DIRECT_MS: u64 = 1_500;
/// How long it may take for what is only looked up beforehand.
const LOOK_MS: u64 = 1_000;
/// When a refused caller may come again.
const RETRY_S: u32 = 5;
/// Records read at a time when the process starts.
const PAGE: usize = 1_000;

/// The spool as people see it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpoolStatus {
    pub size: SpoolSize,
    /// What comes in goes there.
    pub in_use: bool,
    /// When the oldest record came in.
    pub oldest_at: Option<Timestamp>,
    /// Records drained since the process started.
    pub drained: u64,
}

impl SpoolStatus {
    /// At the bound, or so near that an ordinary request does not fit.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        const ROOM: u64 = 64 * 1024;
        self.size.bytes + ROOM > self.size.bytes_max
    }
}

pub(crate) struct Spooling {
    spool: Arc<dyn Spool>,
    keys: Keys,
    /// Appends under way.
    appending: AtomicU64,
    oldest_at: AtomicI64,
    drained: AtomicU64,
    wake: Notify,
}

/// An append under way, until it is dropped.
struct Appending<'a>(&'a AtomicU64);

impl Drop for Appending<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Spooling {
    /// Takes up what a spool holds from before.
    pub(crate) async fn open(spool: Arc<dyn Spool>, kept_ms: u64) -> Result<Self, SpoolError> {
        let spooling = Self {
            spool,
            keys: Keys::new(kept_ms),
            appending: AtomicU64::new(0),
            oldest_at: AtomicI64::new(i64::MAX),
            drained: AtomicU64::new(0),
            wake: Notify::new(),
        };
        let mut after = None;
        loop {
            let page = spooling.spool.read(after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.place);
            for spooled in &page {
                if let Some(Entry::Message(asked)) = record::read(&spooled.record) {
                    spooling.note_key(&asked);
                }
            }
        }
        let records = spooling.spool.size().records;
        if records > 0 {
            tracing::warn!(records, "what an earlier run left in the spool is drained");
        }
        Ok(spooling)
    }

    /// What comes in has to go there: straight to the store it would overtake what waits.
    pub(crate) fn is_in_use(&self, shared: &Shared) -> bool {
        shared.storing.is_away()
            || self.appending.load(Ordering::SeqCst) > 0
            || self.spool.size().records > 0
    }

    pub(crate) fn status(&self, shared: &Shared) -> SpoolStatus {
        let size = self.spool.size();
        let oldest_at = Timestamp(self.oldest_at.load(Ordering::Relaxed));
        let known = size.records > 0 && oldest_at.0 != i64::MAX;
        SpoolStatus {
            size,
            in_use: self.is_in_use(shared),
            oldest_at: known.then_some(oldest_at),
            drained: self.drained.load(Ordering::Relaxed),
        }
    }

    /// Returns when the message is safe in the store or in the spool, or not kept at all.
    pub(crate) async fn accept(&self, shared: &Shared, asked: Asked) -> Result<Accepted, Refusal> {
        if self.is_in_use(shared) {
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
                self.keep(shared, &asked).await
            }
            Err(refusal) => Err(refusal),
        }
    }

    /// Returns when the webhook is safe in the store or in the spool. True: in the store.
    pub(crate) async fn take(&self, shared: &Shared, raw: &RawInbound) -> Result<bool, StoreError> {
        if !self.is_in_use(shared) {
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
        self.append(shared, record::webhook(raw))
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
        let kept = self.append(shared, asked.record(&answer)).await;
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

    async fn append(&self, shared: &Shared, record: Redacted<Bytes>) -> Result<(), SpoolError> {
        self.appending.fetch_add(1, Ordering::SeqCst);
        let _appending = Appending(&self.appending);
        let now = shared.clock.now();
        self.oldest_at.fetch_min(now.0, Ordering::Relaxed);
        let appended = self.spool.append(record).await;
        self.wake.notify_one();
        appended.map(drop).inspect_err(|error| {
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
        if let Some((name, body_hash)) = key_of(&asked.new) {
            self.keys.stored(name, known_of(asked, body_hash));
        }
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
