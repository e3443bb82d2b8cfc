//! What a person wrote: who it is, what was learned of them, which message they answered, and the
//! events for apps, all in one commit. Never decides whether it came before: the commit does.

use super::{ReceiveLoop, address_of, keywords};
use crate::config::CHOICE_WINDOW_MS;
use crate::intake::find_by_address;
use crate::ports::channel::InboundMessage;
use crate::ports::ops::{AddressNote, Op};
use crate::ports::records::{
    ContactRecord, Event, EventKind, InboundRecord, MediaRecord, MessageRecord, WA_USER,
};
use crate::ports::{Channel, StoreError};
use holdline_core::id::InboundId;
use holdline_core::{ChannelKind, Redacted, Timestamp};
use std::sync::Arc;

/// Messages looked at to find the choices a reply may mean.
const CHOICES_LOOKED_AT: usize = 5;
/// Media of people are kept as long as ours (whatsapp.md: 30 days).
const MEDIA_KEPT_MS: u64 = 30 * 24 * 3_600_000;

impl ReceiveLoop {
    /// Whether it is new.
    pub(super) async fn message(
        &self,
        channel: &Arc<dyn Channel>,
        message: InboundMessage,
    ) -> Result<bool, StoreError> {
        let shared = &self.shared;
        let now = shared.clock.now();
        let Some((at, value)) = address_of(channel.kind(), &message) else {
            return Ok(false);
        };
        let (contact, mut ops) = find_by_address(shared, at, &value, now).await?;
        ops.extend(self.learned(channel.kind(), &contact, &message, now));
        let kind = channel.kind();
        let keyword = keywords::asked(kind, &contact, &message, &value);
        ops.extend(keyword.and_then(|it| keywords::note(it, kind, &contact, &value)));
        let recent = self.recent(channel.kind(), &contact, now).await?;
        let (record, media) = self
            .record(channel, &contact, message, &recent, now)
            .await?;
        ops.extend(media.map(Op::Media));
        let event = Event {
            at: record.at,
            kind: EventKind::Inbound { inbound: record.id },
        };
        let (sender, subject) = (record.sender.clone(), record.contact.0);
        ops.push(Op::Inbound(Box::new(record)));
        ops.extend(
            shared
                .endpoints
                .hooks_for_sender(&sender, subject, &event, now),
        );
        let stored = shared.batcher.commit(ops).await?;
        match &stored {
            Ok(()) => shared.hooks_wake.notify_one(),
            Err(conflict) => tracing::debug!(?conflict, "a repeated inbound message was dropped"),
        }
        if let Some(keyword) = keyword {
            let who = (&*contact, value.as_str());
            keywords::carry_out(shared, keyword, kind, who, stored.is_ok()).await;
        }
        Ok(stored.is_ok())
    }

    /// The newest messages that went to this person by this channel, where they tell what it may
    /// mean and to whom it was written: WhatsApp says both itself.
    async fn recent(
        &self,
        channel: ChannelKind,
        contact: &ContactRecord,
        now: Timestamp,
    ) -> Result<Vec<MessageRecord>, StoreError> {
        if channel == ChannelKind::WHATSAPP {
            return Ok(Vec::new());
        }
        let since = Timestamp(now.0.saturating_sub_unsigned(CHOICE_WINDOW_MS));
        self.shared
            .store
            .recent_by_contact(contact.id, channel, since, CHOICES_LOOKED_AT)
            .await
    }

    async fn record(
        &self,
        channel: &Arc<dyn Channel>,
        contact: &ContactRecord,
        message: InboundMessage,
        recent: &[MessageRecord],
        now: Timestamp,
    ) -> Result<(InboundRecord, Option<MediaRecord>), StoreError> {
        let mut context = match &message.context {
            Some(provider_id) => {
                let store = &self.shared.store;
                store
                    .attempt_by_provider_id(channel.kind(), provider_id)
                    .await?
                    .map(|k| k.message)
            }
            None => None,
        };
        let (mut kind, mut payload) = (message.kind.clone(), message.payload.clone());
        let text = message.text.as_ref().map_or("", |text| text.expose());
        if let Some(meant) = channel.interpret(text, recent, &*self.shared.library).await {
            (context, kind, payload) = (Some(meant.context), meant.kind, meant.payload);
        }
        let sender = self.sender_known_to_apps(channel.kind(), &message, recent);
        let media = self.media(channel.kind(), &message, &sender, now);
        let from = message.from.unwrap_or_else(|| Redacted::new(String::new()));
        let record = InboundRecord {
            id: InboundId(self.shared.ids.id(now)),
            channel: channel.kind(),
            provider_id: message.provider_id,
            contact: contact.id,
            sender,
            from,
            at: message.at,
            received_at: now,
            context,
            kind,
            payload,
            media: media.as_ref().map(|media| media.id.clone()),
        };
        Ok((record, media))
    }

    /// Apps know phone-number ids only: a reply by SMS belongs to the sender that last wrote.
    fn sender_known_to_apps(
        &self,
        channel: ChannelKind,
        message: &InboundMessage,
        recent: &[MessageRecord],
    ) -> String {
        if channel == ChannelKind::WHATSAPP {
            return message.to.clone();
        }
        let routes = &self.shared.config.routes;
        let first = || routes.iter().find(|r| r.channel == ChannelKind::WHATSAPP);
        // Our own answers to HELP belong to no sender.
        recent
            .iter()
            .find(|message| !message.sender.is_empty())
            .map(|message| message.sender.clone())
            .or_else(|| first().map(|route| route.sender.clone()))
            .unwrap_or_else(|| message.to.clone())
    }

    fn media(
        &self,
        channel: ChannelKind,
        message: &InboundMessage,
        sender: &str,
        now: Timestamp,
    ) -> Option<MediaRecord> {
        let media = message.media.as_ref()?;
        let digits = self.shared.ids.draw() % 9_000_000_000_000_000 + 1_000_000_000_000_000;
        Some(MediaRecord {
            id: digits.to_string(),
            app: String::new(),
            sender: sender.to_owned(),
            mime: media.mime.clone(),
            filename: media.filename.clone(),
            sha256: media.sha256.clone().unwrap_or_default(),
            size: 0,
            created_at: now,
            expires_at: now.plus_ms(MEDIA_KEPT_MS),
            remote: Some((channel, media.remote.clone())),
        })
    }

    /// A person who writes can be reached where they write from.
    fn learned(
        &self,
        channel: ChannelKind,
        contact: &ContactRecord,
        message: &InboundMessage,
        now: Timestamp,
    ) -> Vec<Op> {
        let mut known = contact.clone();
        known.name.clone_from(&message.name);
        let phone = message
            .from
            .as_ref()
            .map(|from| (channel, from.expose().clone()));
        let user = message.from_user.clone().map(|user| (WA_USER, user));
        known.addresses = phone
            .iter()
            .chain(&user)
            .map(|(channel, value)| crate::intake::new_address(*channel, value))
            .collect();
        let mut ops = vec![Op::ContactSeen(Box::new(known))];
        for (channel, value) in phone.into_iter().chain(user) {
            ops.push(Op::AddressNote(Box::new(AddressNote {
                contact: contact.id,
                channel,
                value,
                unreachable_until: Some(Timestamp(0)),
                last_inbound_at: Some(message.at.min(now)),
                consent: None,
            })));
        }
        ops
    }
}
