//! What channels look up while they send: templates, media, ids, threads. Reads the store and the
//! files; writes only what it fetched or learned. Never decides what is sent.

mod fetch;
mod held;
mod links;
mod templates;

pub(crate) use links::{LinkSigner, LinkUse, Signed};
pub(crate) use templates::{Page, TemplateBook, find};

use crate::config::Config;
use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use fetch::Fetcher;
use futures_util::StreamExt as _;
use held::{HELD_BYTES_MAX, Held};
use holdline_channels::whatsapp::wire::ids::{Direction, parse_wamid};
use holdline_core::id::InboundId;
use holdline_core::{ChannelKind, ContactId, MessageId, Redacted, Timestamp};
use holdline_engine::ports::records::{MediaRecord, TemplateRecord};
use holdline_engine::ports::{
    BlobError, Blobs, Channel, Clock, Group, Library, Op, Store, StoreError,
};
use std::sync::Arc;

/// Largest file that is kept, in bytes: the provider's limit for documents.
pub(crate) const FILE_BYTES_MAX: u64 = 100 * 1024 * 1024;
/// How far back, and over how many messages, a mail thread is looked for.
const THREAD_MS: i64 = 90 * 86_400_000;
const THREAD_MESSAGES_MAX: usize = 100;

/// Why a file is not to be had.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum FileError {
    /// The provider does not give it, now or ever.
    #[error("the provider did not give the file: {0}")]
    Provider(String),
    /// Too many files are under way.
    #[error("too many files are under way")]
    Busy,
    #[error(transparent)]
    Blob(#[from] BlobError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

pub(crate) struct StoreLibrary {
    pub(crate) links: LinkSigner,
    pub(crate) templates: TemplateBook,
    store: Arc<dyn Store>,
    blobs: Arc<dyn Blobs>,
    clock: Arc<dyn Clock>,
    config: Arc<Config>,
    public_base: Arc<str>,
    fetcher: Arc<Fetcher>,
    held: Held,
}

/// What a library is made of.
pub(crate) struct LibraryParts {
    pub(crate) links: LinkSigner,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) blobs: Arc<dyn Blobs>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) channels: Vec<Arc<dyn Channel>>,
    pub(crate) config: Arc<Config>,
    /// How the world reaches us, without a slash at its end.
    pub(crate) public_base: Arc<str>,
}

impl StoreLibrary {
    pub(crate) fn new(parts: LibraryParts) -> Self {
        let (store, blobs) = (Arc::clone(&parts.store), Arc::clone(&parts.blobs));
        Self {
            fetcher: Arc::new(Fetcher::new(store, blobs, parts.channels)),
            held: Held::new(HELD_BYTES_MAX),
            templates: TemplateBook::new(Arc::clone(&parts.store)),
            links: parts.links,
            store: parts.store,
            blobs: parts.blobs,
            clock: parts.clock,
            config: parts.config,
            public_base: parts.public_base,
        }
    }

    /// The record of a file whose bytes we have: fetches them when a person sent it and nobody
    /// asked before. The fetch goes on when this is dropped.
    ///
    /// # Errors
    /// When the provider, the disk or the store does not play along.
    pub(crate) async fn local(&self, media: MediaRecord) -> Result<MediaRecord, FileError> {
        self.fetcher.local(media).await
    }

    async fn write(&self, op: Op) -> Result<(), StoreError> {
        // The alias of a medium conflicts with nothing.
        let _ = self.store.commit(Arc::from([Group(vec![op])])).await?;
        Ok(())
    }

    async fn read_whole(&self, media: &MediaRecord) -> Result<Bytes, FileError> {
        let media = self.local(media.clone()).await?;
        let mut pieces = self.blobs.get(&media.id).await?;
        let room = self.held.room(media.size).await?;
        let mut bytes = BytesMut::with_capacity(usize::try_from(media.size).unwrap_or(0));
        while let Some(piece) = pieces.next().await {
            let piece = piece.map_err(|error| FileError::Blob(BlobError::Io(error)))?;
            if (bytes.len() + piece.len()) as u64 > media.size.min(FILE_BYTES_MAX) {
                return Err(FileError::Blob(BlobError::TooLarge(FILE_BYTES_MAX)));
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(room.keep(bytes.freeze()))
    }
}

#[async_trait]
impl Library for StoreLibrary {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    async fn template(
        &self,
        sender: &str,
        name: &str,
        language: &str,
    ) -> Result<Option<TemplateRecord>, StoreError> {
        let senders = &self.config.whatsapp_senders;
        let Some(sender) = senders.iter().find(|known| known.phone_number_id == sender) else {
            return Ok(None);
        };
        let page = self.templates.page(&sender.waba_id).await?;
        Ok(find(&page, name, language).map(|known| known.record.clone()))
    }

    async fn provider_id(
        &self,
        our_id: &str,
        channel: ChannelKind,
    ) -> Result<Option<String>, StoreError> {
        match parse_wamid(our_id) {
            None => Ok(None),
            Some((id, Direction::Outbound)) => {
                self.store.provider_id_of(MessageId(id), channel).await
            }
            Some((id, Direction::Inbound)) => {
                let inbound = self.store.inbound(InboundId(id)).await?;
                let carried = inbound.filter(|inbound| inbound.channel == channel);
                Ok(carried.map(|inbound| inbound.provider_id))
            }
        }
    }

    async fn media(&self, id: &str) -> Result<Option<MediaRecord>, StoreError> {
        self.store.media(id).await
    }

    async fn media_bytes(&self, media: &MediaRecord) -> Result<Bytes, String> {
        self.read_whole(media)
            .await
            .map_err(|error| error.to_string())
    }

    async fn media_alias(&self, media: &str, sender: &str) -> Result<Option<String>, StoreError> {
        self.store.media_alias(media, sender, self.now()).await
    }

    async fn save_media_alias(
        &self,
        media: &str,
        sender: &str,
        provider_id: &str,
        until: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(Op::MediaAlias {
            media: media.into(),
            sender: sender.into(),
            provider_id: provider_id.into(),
            until,
        })
        .await
    }

    fn media_link(&self, media: &str) -> String {
        let path = self.links.path(LinkUse::Person, media, self.now());
        format!("{}{path}", self.public_base)
    }

    async fn thread(
        &self,
        contact: ContactId,
        channel: ChannelKind,
        before: MessageId,
    ) -> Result<Option<(MessageId, MessageId)>, StoreError> {
        let since = Timestamp(self.now().0.saturating_sub(THREAD_MS));
        let store = &self.store;
        let recent = store
            .recent_by_contact(contact, channel, since, THREAD_MESSAGES_MAX)
            .await?;
        let older: Vec<_> = recent
            .iter()
            .map(|it| it.id)
            .filter(|id| *id < before)
            .collect();
        Ok(older.last().copied().zip(older.first().copied()))
    }
}

impl std::fmt::Debug for StoreLibrary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StoreLibrary")
    }
}

/// A file name that is safe in a header: letters, digits and a little punctuation.
pub(crate) fn plain_name(name: &Redacted<String>) -> String {
    let keep = |c: char| {
        if c.is_ascii_alphanumeric() || "._- ".contains(c) {
            c
        } else {
            '_'
        }
    };
    name.expose().chars().take(100).map(keep).collect()
}
