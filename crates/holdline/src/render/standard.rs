//! Our own events in the Standard Webhooks form (version 1.0.0 of its specification): type, time
//! and data as JSON, signed over id, time and bytes. Decides which events an endpoint wants; posts
//! none.

use crate::clock::SystemClock;
use crate::http::api::routes::figure;
use crate::http::api::values::rfc3339;
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use holdline_channels::whatsapp::wire::ids::{Direction, wamid_of};
use holdline_core::id::InboundId;
use holdline_core::message::Progress;
use holdline_core::{ChannelKind, MessageId, Timestamp};
use holdline_engine::ports::records::MessageRecord;
use holdline_engine::ports::records::{
    EndpointRecord, Event, EventKind, HookRecord, InboundRecord,
};
use holdline_engine::ports::{Clock as _, Rendered, Store, StoreError};
use serde_json::{Value, json};
use std::sync::Arc;

/// Every type of event.
pub(crate) const EVENT_TYPES: [&str; 8] = [
    "message.sent",
    "message.delivered",
    "message.read",
    "message.failed",
    "message.expired",
    "message.received",
    "route.health_changed",
    "route.account_fault",
];

const SECRET_PREFIX: &str = "whsec_";
const SECRET_BYTES: usize = 24;

/// A fresh secret, as the specification writes it.
pub(crate) fn new_secret() -> Result<String, String> {
    let mut key = [0; SECRET_BYTES];
    getrandom::fill(&mut key).map_err(|error| format!("no random bytes: {error}"))?;
    Ok(format!("{SECRET_PREFIX}{}", STANDARD.encode(key)))
}

/// Renders for endpoints of our own form.
pub(super) struct StandardForm {
    store: Arc<dyn Store>,
}

impl StandardForm {
    pub(super) fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    /// `None` when the endpoint does not want the event, or what it speaks of is gone.
    pub(super) async fn render(
        &self,
        endpoint: &EndpointRecord,
        hook: &HookRecord,
    ) -> Result<Option<Rendered>, StoreError> {
        let wanted = type_of(&hook.event.kind).filter(|name| wants(endpoint, name));
        let Some(event_type) = wanted else {
            return Ok(None);
        };
        let Some(data) = data(self.store.as_ref(), &hook.event).await? else {
            return Ok(None);
        };
        let body = json!({
            "type": event_type,
            "timestamp": rfc3339(hook.event.at),
            "data": data,
        });
        let body = Bytes::from(body.to_string());
        // The same at every retry, so that a receiver can drop what it has.
        let id = format!("evt_{:032x}_{}", hook.subject, hook.seq);
        // Receivers refuse times that are minutes old, so each try is signed anew.
        let headers = headers(endpoint.secret.expose(), &id, SystemClock.now(), &body);
        Ok(Some(Rendered { headers, body }))
    }
}

fn wants(endpoint: &EndpointRecord, event_type: &str) -> bool {
    endpoint.fields.is_empty() || endpoint.fields.iter().any(|known| known == event_type)
}

fn type_of(kind: &EventKind) -> Option<&'static str> {
    match kind {
        EventKind::Status { progress, .. } => match progress {
            Progress::None => None,
            Progress::Accepted | Progress::Sent => Some("message.sent"),
            Progress::Delivered => Some("message.delivered"),
            Progress::Read => Some("message.read"),
        },
        EventKind::Failed { code, .. } if code == "expired" => Some("message.expired"),
        EventKind::Failed { .. } => Some("message.failed"),
        EventKind::Inbound { .. } => Some("message.received"),
        EventKind::Health { .. } => Some("route.health_changed"),
        EventKind::Account { .. } => Some("route.account_fault"),
        EventKind::Passed { .. } => None,
    }
}

async fn data(store: &dyn Store, event: &Event) -> Result<Option<Value>, StoreError> {
    match &event.kind {
        EventKind::Status {
            message, channel, ..
        } => of_message(store, *message, *channel).await,
        EventKind::Failed {
            message,
            channel,
            code,
            detail,
        } => {
            let mut data = of_message(store, *message, *channel).await?;
            if let Some(Value::Object(data)) = &mut data {
                data.insert("error".into(), json!({"code": code, "detail": detail}));
            }
            Ok(data)
        }
        EventKind::Inbound { inbound } => {
            Ok(store.inbound(*inbound).await?.as_ref().map(of_inbound))
        }
        EventKind::Health {
            route,
            from,
            to,
            reason,
            scope,
            onset,
            nats,
        } => Ok(Some(json!({
            "route": route, "scope": scope, "from": from.name(), "to": to.name(),
            "reason": reason, "onset": onset.map(rfc3339), "nats": figure(Some(*nats)),
        }))),
        EventKind::Account {
            route,
            code,
            reason,
            confirmed,
        } => Ok(Some(json!({
            "route": route, "code": code, "reason": reason, "confirmed": confirmed,
        }))),
        EventKind::Passed { .. } => Ok(None),
    }
}

async fn of_message(
    store: &dyn Store,
    id: MessageId,
    channel: ChannelKind,
) -> Result<Option<Value>, StoreError> {
    let stored = store.message(id).await?;
    Ok(stored.map(|stored| message_json(&stored.message, channel)))
}

fn message_json(message: &MessageRecord, channel: ChannelKind) -> Value {
    json!({
        "id": message.id.hex(),
        "wamid": wamid_of(message.id.0, Direction::Outbound),
        "contact": message.contact.hex(),
        "from": message.sender,
        "to": message.to_input.expose(),
        "kind": message.kind,
        "channel": channel.as_str(),
        "callback_data": message.opaque,
    })
}

fn of_inbound(inbound: &InboundRecord) -> Value {
    let InboundId(id) = inbound.id;
    let payload: Option<Value> = serde_json::from_slice(inbound.payload.expose()).ok();
    json!({
        "id": inbound.id.hex(),
        "wamid": wamid_of(id, Direction::Inbound),
        "contact": inbound.contact.hex(),
        "from": inbound.from.expose(),
        "to": inbound.sender,
        "kind": inbound.kind,
        "channel": inbound.channel.as_str(),
        "at": rfc3339(inbound.at),
        "answers": inbound.context.map(|message| message.hex()),
        "message": payload,
        "media": inbound.media,
    })
}

fn headers(secret: &str, id: &str, now: Timestamp, body: &[u8]) -> Vec<(String, String)> {
    let seconds = now.seconds();
    let named = |name: &str, value: String| (name.to_owned(), value);
    vec![
        named("content-type", "application/json".to_owned()),
        named("webhook-id", id.to_owned()),
        named("webhook-timestamp", seconds.to_string()),
        named("webhook-signature", signature(secret, id, seconds, body)),
    ]
}

/// `v1,` and the HMAC-SHA-256 of `id.timestamp.body`.
fn signature(secret: &str, id: &str, seconds: i64, body: &[u8]) -> String {
    let text = secret.strip_prefix(SECRET_PREFIX).unwrap_or(secret);
    let key = STANDARD
        .decode(text)
        .unwrap_or_else(|_| secret.as_bytes().to_vec());
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, &key));
    context.update(format!("{id}.{seconds}.").as_bytes());
    context.update(body);
    format!("v1,{}", STANDARD.encode(context.sign()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdline_core::health::Health;
    use holdline_engine::memory::MemoryStore;
    use holdline_engine::ports::records::EndpointForm;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    #[test]
    fn the_signature_is_that_of_the_reference_libraries() {
        let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
        let signed = signature(SECRET, id, 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_new_secret_is_long_enough_and_never_the_same() {
        let (one, two) = (new_secret().unwrap(), new_secret().unwrap());
        assert_ne!(one, two);
        let key = STANDARD
            .decode(one.strip_prefix(SECRET_PREFIX).unwrap())
            .unwrap();
        assert_eq!(key.len(), SECRET_BYTES);
    }

    fn check(kind: EventKind, expect: Option<&str>) {
        assert_eq!(type_of(&kind), expect);
        assert!(expect.is_none_or(|name| EVENT_TYPES.contains(&name)));
    }

    fn failed(code: &str) -> EventKind {
        let (code, detail) = (code.to_owned(), String::new());
        EventKind::Failed {
            message: MessageId(1),
            channel: ChannelKind::SMS,
            code,
            detail,
        }
    }

    fn account() -> EventKind {
        EventKind::Account {
            route: "whatsapp/1/any".into(),
            code: "131031".into(),
            reason: "the account is locked".into(),
            confirmed: true,
        }
    }

    #[tokio::test]
    async fn a_refusal_of_our_account_is_told_with_its_code() {
        let (at, kind) = (Timestamp(0), account());
        let store = MemoryStore::new();
        let data = data(&store, &Event { at, kind }).await.unwrap();
        let expect = json!({
            "route": "whatsapp/1/any", "code": "131031", "reason": "the account is locked",
            "confirmed": true,
        });
        assert_eq!(data, Some(expect));
    }

    #[tokio::test]
    async fn a_change_of_health_is_told_with_its_scope_and_evidence() {
        let kind = EventKind::Health {
            route: "whatsapp/1/session/+49".into(),
            from: Health::Up,
            to: Health::Degraded,
            reason: "7 of 7 first attempts failed".into(),
            scope: "text messages to +49 by whatsapp 1".into(),
            onset: Some(Timestamp(1_000)),
            nats: 17.345,
        };
        let (at, store) = (Timestamp(4_000), MemoryStore::new());
        let data = data(&store, &Event { at, kind }).await.unwrap();
        let expect = json!({
            "route": "whatsapp/1/session/+49", "scope": "text messages to +49 by whatsapp 1",
            "from": "up", "to": "degraded", "reason": "7 of 7 first attempts failed",
            "onset": "1970-01-01T00:00:01.000Z", "nats": 17.35,
        });
        assert_eq!(data, Some(expect));
    }

    #[test]
    fn each_event_has_its_type() {
        let status = |progress| {
            let (message, channel) = (MessageId(1), ChannelKind::SMS);
            EventKind::Status {
                message,
                progress,
                channel,
            }
        };
        check(status(Progress::None), None);
        check(status(Progress::Sent), Some("message.sent"));
        check(status(Progress::Delivered), Some("message.delivered"));
        check(status(Progress::Read), Some("message.read"));
        check(failed("expired"), Some("message.expired"));
        check(failed("131026"), Some("message.failed"));
        check(
            EventKind::Inbound {
                inbound: InboundId(1),
            },
            Some("message.received"),
        );
        let text = String::new;
        check(
            EventKind::Passed {
                field: text(),
                waba: text(),
                value: text(),
            },
            None,
        );
        let (from, to) = (Health::Up, Health::Down);
        let health = EventKind::Health {
            route: text(),
            from,
            to,
            reason: text(),
            scope: text(),
            onset: None,
            nats: 0.0,
        };
        check(health, Some("route.health_changed"));
        check(account(), Some("route.account_fault"));
    }

    #[test]
    fn an_endpoint_gets_the_types_it_named_or_all() {
        let mut endpoint = EndpointRecord {
            id: "wh_1".into(),
            app: "a".into(),
            form: EndpointForm::Standard,
            url: "https://app.example.com".into(),
            secret: String::from(SECRET).into(),
            verify_token: None,
            scope: "app".into(),
            fields: Vec::new(),
            created_at: Timestamp(0),
        };
        assert!(wants(&endpoint, "message.read"));
        endpoint.fields = vec!["message.read".into()];
        assert!(wants(&endpoint, "message.read"));
        assert!(!wants(&endpoint, "message.sent"));
    }
}
