//! A message to send and a library to look things up in.

use async_trait::async_trait;
use bytes::Bytes;
use holdline_core::message::{ClassSet, DuplicateRule, Priority, Success};
use holdline_core::{AttemptKey, ChannelKind, ContactId, MessageId, Redacted, Timestamp};
use holdline_engine::ports::records::{
    MediaRecord, MessageRecord, PlannedHop, RawInbound, TemplateRecord,
};
use holdline_engine::ports::{Dispatch, Library, StoreError};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

pub(crate) const SENDER: &str = "106540352242922";
pub(crate) const NOW: Timestamp = Timestamp(1_750_000_000_000);

/// A library of what a test puts in.
#[derive(Debug, Default)]
pub(crate) struct TestLibrary {
    pub(crate) templates: Vec<TemplateRecord>,
    pub(crate) provider_ids: BTreeMap<String, String>,
    pub(crate) media: Vec<(MediaRecord, Bytes)>,
    pub(crate) aliases: Mutex<BTreeMap<String, (String, Timestamp)>>,
    pub(crate) thread: Option<(MessageId, MessageId)>,
}

#[async_trait]
impl Library for TestLibrary {
    fn now(&self) -> Timestamp {
        NOW
    }

    async fn template(
        &self,
        _sender: &str,
        name: &str,
        language: &str,
    ) -> Result<Option<TemplateRecord>, StoreError> {
        let is = |record: &&TemplateRecord| record.name == name && record.language == language;
        Ok(self.templates.iter().find(is).cloned())
    }

    async fn provider_id(
        &self,
        our_id: &str,
        _channel: ChannelKind,
    ) -> Result<Option<String>, StoreError> {
        Ok(self.provider_ids.get(our_id).cloned())
    }

    async fn media(&self, id: &str) -> Result<Option<MediaRecord>, StoreError> {
        Ok(self
            .media
            .iter()
            .find(|(record, _)| record.id == id)
            .map(|(record, _)| record.clone()))
    }

    async fn media_bytes(&self, media: &MediaRecord) -> Result<Bytes, String> {
        let found = self.media.iter().find(|(record, _)| record.id == media.id);
        found
            .map(|(_, bytes)| bytes.clone())
            .ok_or_else(|| "gone".into())
    }

    async fn media_alias(&self, media: &str, _sender: &str) -> Result<Option<String>, StoreError> {
        Ok(self
            .aliases
            .lock()
            .unwrap()
            .get(media)
            .map(|(alias, _)| alias.clone()))
    }

    async fn save_media_alias(
        &self,
        media: &str,
        _sender: &str,
        provider_id: &str,
        until: Timestamp,
    ) -> Result<(), StoreError> {
        self.aliases
            .lock()
            .unwrap()
            .insert(media.into(), (provider_id.into(), until));
        Ok(())
    }

    fn media_link(&self, media: &str) -> String {
        format!("https://us.example/m/{media}")
    }

    async fn thread(
        &self,
        _contact: ContactId,
        _channel: ChannelKind,
        _before: MessageId,
    ) -> Result<Option<(MessageId, MessageId)>, StoreError> {
        Ok(self.thread)
    }
}

/// One attempt of `body` on `channel` to `address`.
pub(crate) fn dispatch(channel: &str, sender: &str, address: &str, body: &Value) -> Dispatch {
    let id = MessageId(0x0193_5c9e_0000_7000_8000_0000_0000_0001);
    let hop = PlannedHop {
        feature: holdline_core::health::Feature::Session,
        channel: ChannelKind::new(channel).unwrap(),
        sender: sender.into(),
        address: Redacted::new(address.into()),
        receipt_wait_ms: 30_000,
        wait_is_explicit: false,
        ttl_ms: 600_000,
        success: Success::Delivered,
        on: ClassSet::default(),
        template: None,
    };
    let message = MessageRecord {
        id,
        app: "shop".into(),
        sender: SENDER.into(),
        contact: ContactId(7),
        to_input: Redacted::new(address.into()),
        kind: body
            .get("type")
            .and_then(Value::as_str)
            .unwrap_or("text")
            .into(),
        body: Redacted::new(body.to_string().into()),
        opaque: None,
        priority: Priority::Service,
        duplicate_rule: DuplicateRule::Never,
        data_class: "personal".into(),
        created_at: NOW,
        expires_at: NOW.plus_ms(3_600_000),
        plan: vec![hop.clone()],
    };
    Dispatch {
        key: AttemptKey {
            message: id,
            number: 3,
        },
        message: Arc::new(message),
        hop,
    }
}

pub(crate) fn media_record(id: &str, mime: &str, filename: Option<&str>, size: u64) -> MediaRecord {
    MediaRecord {
        id: id.into(),
        app: "shop".into(),
        sender: SENDER.into(),
        mime: mime.into(),
        filename: filename.map(|name| Redacted::new(name.into())),
        sha256: String::new(),
        size,
        created_at: NOW,
        expires_at: NOW.plus_ms(1),
        remote: None,
    }
}

pub(crate) fn template_record(name: &str, language: &str, components: &Value) -> TemplateRecord {
    let item = json!({
        "id": "1", "name": name, "language": language, "status": "APPROVED",
        "category": "UTILITY", "components": components,
    });
    TemplateRecord {
        waba: "102290129340398".into(),
        id: "1".into(),
        name: name.into(),
        language: language.into(),
        status: "APPROVED".into(),
        category: "UTILITY".into(),
        json: item.to_string(),
        synced_at: NOW,
    }
}

pub(crate) fn raw(channel: &str, query: &str, body: impl Into<Bytes>) -> RawInbound {
    RawInbound {
        id: 1,
        channel: ChannelKind::new(channel).unwrap(),
        received_at: NOW,
        query: query.into(),
        body: Redacted::new(body.into()),
    }
}
