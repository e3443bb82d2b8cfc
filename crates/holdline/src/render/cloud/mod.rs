//! Events as WhatsApp webhooks: one message or one status each, with the ids that the app was
//! given, signed with the app's secret. Never posts them; drops what speaks of something gone.

use super::people::Shown;
use crate::config::{Config, WhatsappSender};
use bytes::Bytes;
use holdline_channels::whatsapp::signature;
use holdline_channels::whatsapp::wire::ids::{Direction, parse_wamid, wamid_of};
use holdline_channels::whatsapp::wire::webhook::{
    InboundView, Number, StatusError, StatusName, StatusView, render_field, render_message,
    render_status,
};
use holdline_core::id::InboundId;
use holdline_core::message::Progress;
use holdline_core::{ChannelKind, ContactId, MessageId, Timestamp};
use holdline_engine::ports::records::{
    ContactRecord, EndpointRecord, EventKind, HookRecord, InboundRecord, MessageRecord,
};
use holdline_engine::ports::{Rendered, Store, StoreError};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// The provider's code for a message that will not arrive, whatever the channel's own code was.
const UNDELIVERABLE: u32 = 131_026;
const UNDELIVERABLE_TITLE: &str = "Message undeliverable";

pub(crate) struct CloudForm {
    store: Arc<dyn Store>,
    config: Arc<Config>,
}

/// What is said of a message of ours.
struct Said {
    status: StatusName,
    errors: Vec<StatusError>,
}

impl CloudForm {
    pub(crate) fn new(store: Arc<dyn Store>, config: Arc<Config>) -> Self {
        Self { store, config }
    }

    /// `None` when what the event speaks of is gone, or has no such webhook.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(crate) async fn render(
        &self,
        endpoint: &EndpointRecord,
        hook: &HookRecord,
    ) -> Result<Option<Rendered>, StoreError> {
        let at = hook.event.at;
        let body = match &hook.event.kind {
            EventKind::Status {
                message, progress, ..
            } => match status_of(*progress) {
                Some(status) => {
                    self.status(
                        *message,
                        &Said {
                            status,
                            errors: Vec::new(),
                        },
                        at,
                    )
                    .await?
                }
                None => None,
            },
            EventKind::Failed {
                message,
                channel,
                code,
                detail,
            } => {
                let errors = vec![failure(*channel, code, detail)];
                let said = Said {
                    status: StatusName::Failed,
                    errors,
                };
                self.status(*message, &said, at).await?
            }
            EventKind::Inbound { inbound } => self.inbound(*inbound).await?,
            EventKind::Passed { field, waba, value } => {
                let value = serde_json::from_str(value).unwrap_or(Value::Null);
                Some(render_field(waba, field, &value))
            }
            EventKind::Health { .. } | EventKind::Account { .. } => None,
        };
        Ok(body.map(|body| signed(endpoint, body)))
    }

    async fn status(
        &self,
        id: MessageId,
        said: &Said,
        at: Timestamp,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(stored) = self.store.message(id).await? else {
            return Ok(None);
        };
        let message = stored.message;
        let Some(sender) = self.sender(&message.sender) else {
            return Ok(None);
        };
        let contact = self.contact(message.contact, message.created_at).await?;
        let shown = Shown::of(&contact, number_of(&message));
        let display = digits(&sender.display_phone_number);
        Ok(Some(render_status(&StatusView {
            number: number(sender, &display),
            person: shown.person(),
            message_id: &wamid_of(id.0, Direction::Outbound),
            status: said.status,
            timestamp_s: at.seconds(),
            opaque: message.opaque.as_deref(),
            conversation: None,
            pricing: None,
            errors: &said.errors,
        })))
    }

    async fn inbound(&self, id: InboundId) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(inbound) = self.store.inbound(id).await? else {
            return Ok(None);
        };
        let Some(sender) = self.sender(&inbound.sender) else {
            return Ok(None);
        };
        let payload = serde_json::from_slice(inbound.payload.expose());
        // Retention has emptied the payload of what nobody took for so long.
        let Ok(Value::Object(payload)) = payload else {
            return Ok(None);
        };
        let contact = self.contact(inbound.contact, inbound.received_at).await?;
        let shown = Shown::of(&contact, phone_from(&inbound));
        let display = digits(&sender.display_phone_number);
        let payload = self.with_our_ids(&inbound, payload).await?;
        let message = message_object(&inbound, &shown, &display, payload);
        Ok(Some(render_message(&InboundView {
            number: number(sender, &display),
            person: shown.person(),
            message: &message,
        })))
    }

    /// The payload with the ids that the app knows in place of the provider's.
    async fn with_our_ids(
        &self,
        inbound: &InboundRecord,
        mut payload: Map<String, Value>,
    ) -> Result<Map<String, Value>, StoreError> {
        if let Some(media) = payload
            .get_mut(&inbound.kind)
            .and_then(Value::as_object_mut)
        {
            media.remove("url");
            match (&inbound.media, media.contains_key("mime_type")) {
                (Some(ours), _) => drop(media.insert("id".into(), ours.clone().into())),
                (None, true) => drop(media.remove("id")),
                (None, false) => {}
            }
        }
        for (part, key) in [
            ("reaction", "message_id"),
            ("edit", "original_message_id"),
            ("revoke", "original_message_id"),
        ] {
            let Some(part) = payload.get_mut(part).and_then(Value::as_object_mut) else {
                continue;
            };
            let Some(theirs) = part.get(key).and_then(Value::as_str) else {
                continue;
            };
            if let Some(ours) = self.our_id(inbound.channel, theirs).await? {
                part.insert(key.into(), ours.into());
            }
        }
        Ok(payload)
    }

    async fn our_id(
        &self,
        channel: ChannelKind,
        theirs: &str,
    ) -> Result<Option<String>, StoreError> {
        if parse_wamid(theirs).is_some() {
            return Ok(None);
        }
        if let Some(key) = self.store.attempt_by_provider_id(channel, theirs).await? {
            return Ok(Some(wamid_of(key.message.0, Direction::Outbound)));
        }
        let inbound = self.store.inbound_by_provider_id(channel, theirs).await?;
        Ok(inbound.map(|inbound| wamid_of(inbound.id.0, Direction::Inbound)))
    }

    /// The person; one that was deleted is still somebody with an id.
    async fn contact(&self, id: ContactId, at: Timestamp) -> Result<ContactRecord, StoreError> {
        let nobody = || ContactRecord {
            id,
            name: None,
            external_id: None,
            created_at: at,
            updated_at: at,
            addresses: Vec::new(),
        };
        Ok(self.store.contact(id).await?.unwrap_or_else(nobody))
    }

    fn sender(&self, id: &str) -> Option<&WhatsappSender> {
        self.config
            .whatsapp_senders
            .iter()
            .find(|sender| sender.phone_number_id == id)
    }
}

fn message_object(
    inbound: &InboundRecord,
    shown: &Shown,
    display: &str,
    payload: Map<String, Value>,
) -> Value {
    let person = shown.person();
    let mut message = Map::new();
    if let Some(answered) = inbound.context {
        let id = wamid_of(answered.0, Direction::Outbound);
        message.insert("context".into(), json!({"from": display, "id": id}));
    }
    // A person without a number still needs a sender: clients read the field without looking.
    let from = person.wa_id.unwrap_or(person.user_id);
    message.insert("from".into(), from.into());
    message.insert("from_user_id".into(), person.user_id.into());
    message.insert(
        "id".into(),
        wamid_of(inbound.id.0, Direction::Inbound).into(),
    );
    message.insert("timestamp".into(), inbound.at.seconds().to_string().into());
    message.insert("type".into(), inbound.kind.clone().into());
    message.extend(payload.into_iter().filter(|(key, _)| key != "type"));
    Value::Object(message)
}

fn signed(endpoint: &EndpointRecord, body: Vec<u8>) -> Rendered {
    let signature = signature::sign(endpoint.secret.expose().as_bytes(), &body);
    let headers = vec![
        ("content-type".to_owned(), "application/json".to_owned()),
        (signature::HEADER.to_owned(), signature),
    ];
    Rendered {
        headers,
        body: Bytes::from(body),
    }
}

const fn status_of(progress: Progress) -> Option<StatusName> {
    match progress {
        Progress::None | Progress::Accepted => None,
        Progress::Sent => Some(StatusName::Sent),
        Progress::Delivered => Some(StatusName::Delivered),
        Progress::Read => Some(StatusName::Read),
    }
}

/// Codes of WhatsApp stay; those of other channels and of ours become its nearest one.
fn failure(channel: ChannelKind, code: &str, detail: &str) -> StatusError {
    let own = (channel == ChannelKind::WHATSAPP)
        .then(|| code.parse().ok())
        .flatten();
    match own {
        Some(code) => {
            let title = if detail.is_empty() {
                UNDELIVERABLE_TITLE
            } else {
                detail
            };
            StatusError {
                code,
                title: title.into(),
                details: detail.into(),
            }
        }
        None => StatusError {
            code: UNDELIVERABLE,
            title: UNDELIVERABLE_TITLE.into(),
            details: format!("{channel} {code}: {detail}"),
        },
    }
}

fn number<'a>(sender: &'a WhatsappSender, display: &'a str) -> Number<'a> {
    Number {
        waba_id: &sender.waba_id,
        phone_number_id: &sender.phone_number_id,
        display_phone_number: display,
    }
}

/// The number that a message of ours goes to, where it is planned for one.
fn number_of(message: &MessageRecord) -> Option<&str> {
    let of = |channel| {
        let hop = message.plan.iter().find(|hop| hop.channel == channel);
        hop.map(|hop| hop.address.expose().as_str())
            .filter(|address| address.starts_with('+'))
    };
    of(ChannelKind::WHATSAPP).or_else(|| of(ChannelKind::SMS))
}

fn phone_from(inbound: &InboundRecord) -> Option<&str> {
    Some(inbound.from.expose().as_str()).filter(|from| from.starts_with('+'))
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

#[cfg(test)]
mod tests;
