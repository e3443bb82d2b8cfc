//! Fetches the files that people sent, each once however many ask for it. A fetch goes on when
//! nobody waits for it any more, so that whoever asks next finds the file.

use super::{FILE_BYTES_MAX, FileError};
use bytes::Bytes;
use futures_util::future::{BoxFuture, Shared};
use futures_util::{FutureExt as _, StreamExt as _, stream};
use holdline_engine::ports::records::MediaRecord;
use holdline_engine::ports::{Blobs, Channel, Group, Op, Store};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;

/// Most remote files that are fetched at a time, since each is held whole.
const FETCHES_MAX: usize = 4;
/// Most that are fetched or wait for their turn, and the longest time for both.
const UNDERWAY_MAX: usize = 64;
const FETCH_TIME_MAX: Duration = Duration::from_secs(300);

type Ended = Result<MediaRecord, FileError>;
type Fetch = Shared<BoxFuture<'static, Ended>>;

pub(super) struct Fetcher {
    store: Arc<dyn Store>,
    blobs: Arc<dyn Blobs>,
    channels: Vec<Arc<dyn Channel>>,
    turns: Semaphore,
    underway: Mutex<BTreeMap<String, Fetch>>,
}

impl Fetcher {
    pub(super) fn new(
        store: Arc<dyn Store>,
        blobs: Arc<dyn Blobs>,
        channels: Vec<Arc<dyn Channel>>,
    ) -> Self {
        Self {
            store,
            blobs,
            channels,
            turns: Semaphore::new(FETCHES_MAX),
            underway: Mutex::default(),
        }
    }

    /// The record of a file whose bytes we have.
    pub(super) async fn local(self: &Arc<Self>, media: MediaRecord) -> Ended {
        if media.remote.is_none() {
            return Ok(media);
        }
        self.join(media)?.await
    }

    /// The fetch of this file: the one under way, else a new one.
    fn join(self: &Arc<Self>, media: MediaRecord) -> Result<Fetch, FileError> {
        let mut underway = self.underway();
        if let Some(fetch) = underway.get(&media.id) {
            return Ok(fetch.clone());
        }
        if underway.len() >= UNDERWAY_MAX {
            return Err(FileError::Busy);
        }
        let id = media.id.clone();
        let place = Place(Arc::clone(self), id.clone());
        let task = tokio::spawn(async move { place.0.within_time(media).await });
        let stopped = |_| Err(FileError::Provider("the fetch was broken off".into()));
        let fetch = task
            .map(move |ended| ended.unwrap_or_else(stopped))
            .boxed()
            .shared();
        underway.insert(id, fetch.clone());
        Ok(fetch)
    }

    async fn within_time(&self, media: MediaRecord) -> Ended {
        match tokio::time::timeout(FETCH_TIME_MAX, self.fetch(media)).await {
            Ok(ended) => ended,
            Err(_) => Err(FileError::Provider("it took too long".into())),
        }
    }

    async fn fetch(&self, media: MediaRecord) -> Ended {
        let lost = |_| FileError::Provider("we are about to stop".into());
        let _turn = self.turns.acquire().await.map_err(lost)?;
        let stored = self.store.media(&media.id).await?;
        if let Some(done) = stored.filter(|it| it.remote.is_none()) {
            return Ok(done);
        }
        let Some((kind, remote)) = &media.remote else {
            return Ok(media);
        };
        let channel = self.channels.iter().find(|channel| channel.kind() == *kind);
        let channel = channel.ok_or_else(|| FileError::Provider(format!("{kind} is off")))?;
        let fetched = channel.fetch(remote.expose(), FILE_BYTES_MAX).await;
        let (mime, bytes) = fetched.map_err(FileError::Provider)?;
        self.keep(media, mime, bytes).await
    }

    async fn keep(&self, media: MediaRecord, mime: String, bytes: Bytes) -> Ended {
        let pieces = stream::iter([Ok(bytes)]).boxed();
        let kept = self.blobs.put(&media.id, pieces, FILE_BYTES_MAX).await?;
        let known = Some(media.mime.clone()).filter(|known| !known.is_empty());
        let local = MediaRecord {
            mime: known.unwrap_or(mime),
            sha256: kept.sha256,
            size: kept.size,
            remote: None,
            ..media
        };
        let op = Op::Media(local.clone());
        // A medium conflicts with nothing.
        let _ = self.store.commit(Arc::from([Group(vec![op])])).await?;
        Ok(local)
    }

    fn underway(&self) -> MutexGuard<'_, BTreeMap<String, Fetch>> {
        self.underway.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of a fetch among those under way: given back however it ends.
struct Place(Arc<Fetcher>, String);

impl Drop for Place {
    fn drop(&mut self) {
        let done = self.0.underway().remove(&self.1);
        drop(done);
    }
}

#[cfg(test)]
#[path = "fetch_tests.rs"]
mod tests;
