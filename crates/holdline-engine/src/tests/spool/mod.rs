//! A store that goes away and comes back: all that was accepted meanwhile ends, once, in order,
//! under the ids that apps were told.

mod accepting;
mod draining;

use super::rig::{Peers, Rig, message};
use crate::memory::MemoryStore;
use crate::ports::records::{EndpointForm, EndpointRecord};
use crate::ports::spool::{SpoolError, SpoolSize, Spooled};
use crate::ports::{Group, Op, Spool, Store};
use crate::request::{IdempotencyKey, NewMessage};
use async_trait::async_trait;
use bytes::Bytes;
use holdline_core::Redacted;
use holdline_core::message::Priority;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;

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
            it.drained.push(through);
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
    Rig::with_spool(store, Arc::clone(spool) as _, &Peers::default()).await
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
