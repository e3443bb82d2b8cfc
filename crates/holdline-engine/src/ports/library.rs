//! What a channel may look up while it encodes a message: templates, media, earlier ids.

use super::records::{MediaRecord, TemplateRecord};
use super::store::StoreError;
use async_trait::async_trait;
use bytes::Bytes;
use holdline_core::{ChannelKind, ContactId, MessageId, Timestamp};

/// Looked up per attempt, only when the message needs it.
#[async_trait]
pub trait Library: Send + Sync {
    fn now(&self) -> Timestamp;

    /// The synced template that messages of `sender` (a phone-number id) would use.
    async fn template(
        &self,
        sender: &str,
        name: &str,
        language: &str,
    ) -> Result<Option<TemplateRecord>, StoreError>;

    /// The provider's id behind an id that we gave to an app (a message of ours or of a person).
    async fn provider_id(
        &self,
        our_id: &str,
        channel: ChannelKind,
    ) -> Result<Option<String>, StoreError>;

    async fn media(&self, id: &str) -> Result<Option<MediaRecord>, StoreError>;

    /// All bytes of a stored file.
    async fn media_bytes(&self, media: &MediaRecord) -> Result<Bytes, String>;

    /// The id under which the provider still knows our file, for this sender.
    async fn media_alias(&self, media: &str, sender: &str) -> Result<Option<String>, StoreError>;

    async fn save_media_alias(
        &self,
        media: &str,
        sender: &str,
        provider_id: &str,
        until: Timestamp,
    ) -> Result<(), StoreError>;

    /// A signed address under which anybody who has it can fetch the file from us for a while.
    fn media_link(&self, media: &str) -> String;

    /// The first and the last message that went to this person by a channel, before `before`:
    /// what a mail thread refers to.
    async fn thread(
        &self,
        contact: ContactId,
        channel: ChannelKind,
        before: MessageId,
    ) -> Result<Option<(MessageId, MessageId)>, StoreError>;
}
