//! A store that goes away and comes back: all that was accepted meanwhile ends, once, in order,
//! under the ids that apps were told.

mod accepting;
mod draining;

use super::rig::{Peers, Rig, message};
use crate::memory::MemoryStore;
use crate::ports::records::{EndpointForm, EndpointRecord};
use crate::ports::spool::{SpoolError, SpoolSize, Spooled};
use crate::ports::{Group, Op, Spool, Spools, Store};
use crate::request::{IdempotencyKey, NewMessage};
use async_trait::async_trait;
use bytes::Bytes;
use holdline_core::Redacted;
use holdline_core::message::Priority;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;

static DRAINED: AtomicU64 = AtomicU64::new(0);
const LIMIT: Duration = Duration::from_secs(600);

/// Keeps records as a disk would: they outlive the engine.
struct MemorySpool {
    inner: Mutex<Inner>,
    bytes_max: u64,
}

#[derive(Default)]
struct Inner {
    records: Vec<Spooled>,
    next: u64,
    aside: u64,
    /// When something was drained, counted over all spools.
    drained: Vec<u64>,
}

impl MemorySpool {
    fn new(bytes_max: u64) -> Arc<Self> {
        let inner = Mutex::default();
        Arc::new(Self { inner, bytes_max })
    }

    fn with<T>(&self, act: impl FnOnce(&mut Inner) -> T) -> T {
        act(&mut self.inner.lock().expect("no panic"))
    }

    fn put(&self, record: &'static [u8]) {
        self.with(|it| it.put(Redacted::new(Bytes::from_static(record))));
    }

    fn both(self: &Arc<Self>, webhooks: &Arc<Self>) -> Spools {
        Spools {
            messages: Arc::clone(self) as _,
            webhooks: Arc::clone(webhooks) as _,
        }
    }

    /// With a lane for webhooks that nobody looks at.
    fn alone(self: &Arc<Self>) -> Spools {
        self.both(&Self::new(self.bytes_max))
    }

    /// When something was drained first, since this was last asked.
    fn first_drained(&self) -> Option<u64> {
        self.with(|it| std::mem::take(&mut it.drained).first().copied())
    }

    fn len(&self) -> u64 {
        self.size().records
    }
}

impl Inner {
    fn put(&mut self, record: Redacted<Bytes>) -> u64 {
        self.next += 1;
        let place = self.next;
        self.records.push(Spooled { place, record });
        place
    }

    fn bytes(&self) -> u64 {
        let sizes = self.records.iter().map(|it| it.record.expose().len());
        sizes.sum::<usize>() as u64
    }
}

#[async_trait]
impl Spool for MemorySpool {
    async fn append(&self, record: Redacted<Bytes>) -> Result<u64, SpoolError> {
        // As a sync would, it takes a moment.
        tokio::time::sleep(Duration::from_millis(3)).await;
        self.with(|it| {
            if it.bytes() + record.expose().len() as u64 > self.bytes_max {
                return Err(SpoolError::Full(String::from("at its bound")));
            }
            Ok(it.put(record))
        })
    }

    async fn read(&self, after: Option<u64>, limit: usize) -> Result<Vec<Spooled>, SpoolError> {
        Ok(self.with(|it| {
            let behind = |one: &&Spooled| after.is_none_or(|after| one.place > after);
            it.records
                .iter()
                .filter(behind)
                .take(limit)
                .cloned()
                .collect()
        }))
    }

    async fn drained(&self, through: u64) -> Result<(), SpoolError> {
        self.with(|it| {
            it.records.retain(|one| one.place > through);
            it.drained.push(DRAINED.fetch_add(1, Ordering::SeqCst));
        });
        Ok(())
    }

    async fn set_aside(&self, _: &Spooled) -> Result<(), SpoolError> {
        self.with(|it| it.aside += 1);
        Ok(())
    }

    fn size(&self) -> SpoolSize {
        self.with(|it| SpoolSize {
            records: it.records.len() as u64,
            bytes: it.bytes(),
            bytes_max: self.bytes_max,
            aside: it.aside,
        })
    }
}

async fn rig(spool: &Arc<MemorySpool>) -> Rig {
    let store = Arc::new(MemoryStore::new());
    Rig::with_spool(store, spool.alone(), &Peers::default()).await
}

async fn until(what: &str, is: impl Fn() -> bool) {
    let begin = Instant::now();
    while !is() {
        assert!(begin.elapsed() < LIMIT, "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Everything has left the spool.
async fn until_drained(spool: &MemorySpool) {
    until("the spool is drained", || spool.len() == 0).await;
}

fn with_key(text: &str, key: &str, hash: u8) -> NewMessage {
    let mut new = message("+1", text, Priority::Service);
    new.idempotency = Some(IdempotencyKey {
        key: key.into(),
        body_hash: [hash; 32],
    });
    new
}

async fn endpoint(store: &MemoryStore) {
    let record = EndpointRecord {
        id: "e".into(),
        app: "app".into(),
        form: EndpointForm::Standard,
        url: "http://app.example".into(),
        secret: Redacted::new("s".into()),
        verify_token: None,
        scope: "app".into(),
        fields: Vec::new(),
        created_at: holdline_core::Timestamp(0),
    };
    let groups = Arc::from([Group(vec![Op::Endpoint(record)])]);
    assert!(store.commit(groups).await.expect("commits")[0].is_ok());
}
