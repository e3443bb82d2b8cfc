//! Fetches that nobody waits for, and that several wait for.

use super::*;
use async_trait::async_trait;
use holdline_core::message::{Outcome, Success};
use holdline_core::{ChannelKind, Redacted, Timestamp};
use holdline_engine::memory::MemoryStore;
use holdline_engine::ports::channel::HookRefusal;
use holdline_engine::ports::records::RawInbound;
use holdline_engine::ports::{Capabilities, Dispatch, HookRequest, InboundItem, Library};
use holdline_store::FileBlobs;
use std::sync::atomic::{AtomicUsize, Ordering};
use tempfile::TempDir;

/// Gives a file for each permit of its gate.
#[derive(Debug)]
struct Gated {
    gate: Semaphore,
    fetches: AtomicUsize,
}

#[async_trait]
impl Channel for Gated {
    fn kind(&self) -> ChannelKind {
        ChannelKind::WHATSAPP
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            best_receipt: Success::Accepted,
            inbound: true,
            probe: false,
        }
    }

    async fn send(&self, _: &Dispatch, _: &dyn Library) -> Outcome {
        Outcome::Accepted { provider_id: None }
    }

    async fn probe(&self, _: &str) -> Outcome {
        Outcome::Accepted { provider_id: None }
    }

    fn verify(&self, _: &HookRequest) -> Result<(), HookRefusal> {
        Ok(())
    }

    fn handshake(&self, _: &[(String, String)]) -> Option<Result<String, HookRefusal>> {
        None
    }

    fn read(&self, _: &RawInbound) -> Result<Vec<InboundItem>, HookRefusal> {
        Ok(Vec::new())
    }

    async fn fetch(&self, remote: &str, _: u64) -> Result<(String, Bytes), String> {
        self.fetches.fetch_add(1, Ordering::SeqCst);
        self.gate.acquire().await.expect("is open").forget();
        match remote {
            "gone" => Err("404".into()),
            _ => Ok(("image/png".into(), Bytes::from_static(b"12345"))),
        }
    }
}

struct Rig {
    fetcher: Arc<Fetcher>,
    channel: Arc<Gated>,
    store: Arc<MemoryStore>,
    _folder: TempDir,
}

async fn rig() -> Rig {
    let folder = TempDir::new().expect("a folder");
    let blobs = FileBlobs::open(folder.path()).await.expect("opens");
    let store = Arc::new(MemoryStore::new());
    let channel = Arc::new(Gated {
        gate: Semaphore::new(0),
        fetches: AtomicUsize::new(0),
    });
    let channels: Vec<Arc<dyn Channel>> = vec![Arc::clone(&channel) as _];
    let fetcher = Fetcher::new(Arc::clone(&store) as _, Arc::new(blobs), channels);
    Rig {
        fetcher: Arc::new(fetcher),
        channel,
        store,
        _folder: folder,
    }
}

fn remote(id: &str, at: &str) -> MediaRecord {
    MediaRecord {
        id: id.into(),
        app: "app".into(),
        sender: "1".into(),
        mime: String::new(),
        filename: None,
        sha256: String::new(),
        size: 0,
        created_at: Timestamp(0),
        expires_at: Timestamp(1_000),
        remote: Some((ChannelKind::WHATSAPP, Redacted::new(at.to_owned()))),
    }
}

#[tokio::test]
async fn a_fetch_that_nobody_waits_for_goes_on_and_the_next_joins_it() {
    let rig = rig().await;
    let media = remote("7", "there");
    let impatient = rig.fetcher.local(media.clone()).now_or_never();
    assert!(impatient.is_none(), "the file is still on its way");
    assert!(rig.fetcher.local(media.clone()).now_or_never().is_none());
    rig.channel.gate.add_permits(1);
    let local = rig.fetcher.local(media.clone()).await.expect("is fetched");
    assert_eq!((local.size, local.mime.as_str()), (5, "image/png"));
    assert_eq!(local.remote, None);
    assert_eq!(
        rig.store.media("7").await.expect("reads"),
        Some(local.clone())
    );
    let again = rig.fetcher.local(media).await.expect("is there");
    assert_eq!(again, local);
    assert_eq!(rig.channel.fetches.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_fetch_that_failed_is_tried_anew() {
    let rig = rig().await;
    rig.channel.gate.add_permits(2);
    for tries in 1..=2 {
        let failed = rig.fetcher.local(remote("8", "gone")).await;
        assert!(matches!(failed, Err(FileError::Provider(_))), "{failed:?}");
        assert_eq!(rig.channel.fetches.load(Ordering::SeqCst), tries);
    }
}

#[tokio::test]
async fn more_than_can_wait_are_sent_away() {
    let rig = rig().await;
    for n in 0..UNDERWAY_MAX {
        let waits = rig.fetcher.local(remote(&n.to_string(), "there"));
        assert!(waits.now_or_never().is_none());
    }
    let one_more = rig.fetcher.local(remote("more", "there")).await;
    assert!(matches!(one_more, Err(FileError::Busy)), "{one_more:?}");
    let known = rig.fetcher.local(remote("0", "there"));
    assert!(known.now_or_never().is_none(), "that joins");
}
