//! What a channel may look up where there is nothing: for suites and runs whose messages are plain
//! text.

use crate::ports::records::{MediaRecord, TemplateRecord};
use crate::ports::{Clock, Library, StoreError};
use async_trait::async_trait;
use bytes::Bytes;
use holdline_core::{ChannelKind, ContactId, MessageId, Timestamp};
use std::sync::Arc;

/// Knows the time and nothing else.
pub struct NoLibrary(pub Arc<dyn Clock>);

impl std::fmt::Debug for NoLibrary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NoLibrary")
    }
}

#[async_trait]
impl Library for NoLibrary {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    async fn template(
        &self,
        _: &str,
        _: &str,
        _: &str,
    ) -> Result<Option<TemplateRecord>, StoreError> {
        Ok(None)
    }

    async fn provider_id(&self, _: &str, _: ChannelKind) -> Result<Option<String>, StoreError> {
        Ok(None)
    }

    async fn media(&self, _: &str) -> Result<Option<MediaRecord>, StoreError> {
        Ok(None)
    }

    async fn media_bytes(&self, _: &MediaRecord) -> Result<Bytes, String> {
        Err(String::from("there are no files"))
    }

    async fn media_alias(&self, _: &str, _: &str) -> Result<Option<String>, StoreError> {
        Ok(None)
    }

    async fn save_media_alias(
        &self,
        _: &str,
        _: &str,
        _: &str,
        _: Timestamp,
    ) -> Result<(), StoreError> {
        Ok(())
    }

    fn media_link(&self, _: &str) -> String {
        String::new()
    }

    async fn thread(
        &self,
        _: ContactId,
        _: ChannelKind,
        _: MessageId,
    ) -> Result<Option<(MessageId, MessageId)>, StoreError> {
        Ok(None)
    }
}
