//! What a channel may look up: nothing, since every message of a run is plain text.

use crate::deterministic::stage::Stage;
use async_trait::async_trait;
use bytes::Bytes;
use holdline_core::{ChannelKind, ContactId, MessageId, Timestamp};
use holdline_engine::ports::records::{MediaRecord, TemplateRecord};
use holdline_engine::ports::{Library, StoreError};
use std::sync::Arc;

pub(crate) struct NoLibrary {
    stage: Arc<Stage>,
    node: u8,
}

impl NoLibrary {
    pub(crate) fn new(stage: &Arc<Stage>, node: u8) -> Self {
        let stage = Arc::clone(stage);
        Self { stage, node }
    }
}

#[async_trait]
impl Library for NoLibrary {
    fn now(&self) -> Timestamp {
        self.stage.node_time(self.node)
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
        Err(String::from("a run has no files"))
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
