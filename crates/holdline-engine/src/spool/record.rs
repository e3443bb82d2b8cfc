//! A request as it stands in the spool: a head in JSON, then the body byte for byte. Written by one
//! version and drained by the next: fields are only ever added.

use crate::ports::records::RawInbound;
use crate::request::{AnswerFacts, HopRequest, IdempotencyKey, NewMessage, Recipient};
use bytes::Bytes;
use holdline_core::health::Feature;
use holdline_core::message::{ClassSet, DuplicateRule, FaultClass, Priority, Success};
use holdline_core::{ChannelKind, ContactId, MessageId, Redacted, Timestamp};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A message as it was asked for, with what the app was told: its id, and since when it is ours.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) id: MessageId,
    pub(crate) at: Timestamp,
    pub(crate) new: NewMessage,
}

/// What a record of the spool says.
#[derive(Debug)]
pub(crate) enum Entry {
    Message(Box<Asked>),
    Webhook(RawInbound),
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Head {
    Message(Box<MessageWords>),
    Webhook(WebhookWords),
}

#[derive(Serialize, Deserialize)]
struct WebhookWords {
    id: String,
    channel: String,
    received_at: i64,
    query: String,
}

#[derive(Serialize, Deserialize)]
struct MessageWords {
    id: String,
    at: i64,
    app: String,
    sender: String,
    to: ToWords,
    to_input: String,
    message_kind: String,
    feature: String,
    priority: String,
    answer: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    opaque: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    duplicate_rule: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    data_class: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hops: Option<Vec<HopWords>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<KeyWords>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ToWords {
    Contact(String),
    Address { channel: String, value: String },
    WaUser(String),
}

#[derive(Serialize, Deserialize)]
struct HopWords {
    channel: String,
    after_ms: Option<u32>,
    success: Option<String>,
    on: Option<Vec<String>>,
    ttl_ms: Option<u32>,
    template: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct KeyWords {
    key: String,
    body_hash: [u8; 32],
}

impl Asked {
    /// What an answer may tell without the store.
    pub(crate) fn facts(&self) -> AnswerFacts {
        let contact = match &self.new.to {
            Recipient::Contact(id) => Some(*id),
            Recipient::Address { .. } | Recipient::WaUser(_) => None,
        };
        AnswerFacts {
            id: self.id,
            contact,
            accepted_at: self.at,
        }
    }

    pub(super) fn record(&self, answer: &Bytes) -> Redacted<Bytes> {
        let new = &self.new;
        let words = MessageWords {
            id: self.id.hex(),
            at: self.at.0,
            app: new.app.clone(),
            sender: new.sender.clone(),
            to: to_words(&new.to),
            to_input: new.to_input.clone(),
            message_kind: new.kind.clone(),
            feature: new.feature.name().to_owned(),
            priority: new.priority.name().to_owned(),
            answer: String::from_utf8_lossy(answer).into_owned(),
            opaque: new.opaque.clone(),
            duplicate_rule: new.duplicate_rule.map(|rule| rule.name().to_owned()),
            data_class: new.data_class.clone(),
            expires_at: new.expires_at.map(|at| at.0),
            hops: new
                .hops
                .as_ref()
                .map(|hops| hops.iter().map(hop_words).collect()),
            key: new.idempotency.as_ref().map(|key| KeyWords {
                key: key.key.clone(),
                body_hash: key.body_hash,
            }),
        };
        joined(&Head::Message(Box::new(words)), &new.body)
    }
}

pub(super) fn webhook(raw: &RawInbound) -> Redacted<Bytes> {
    let words = WebhookWords {
        id: format!("{:032x}", raw.id),
        channel: raw.channel.as_str().to_owned(),
        received_at: raw.received_at.0,
        query: raw.query.clone(),
    };
    joined(&Head::Webhook(words), raw.body.expose())
}

/// `None` when it says something that this version does not know.
pub(super) fn read(record: &Redacted<Bytes>) -> Option<Entry> {
    let record = record.expose();
    let (length, rest) = record.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let head = serde_json::from_slice(rest.get(..length)?).ok()?;
    let body = record.slice(4 + length..);
    match head {
        Head::Message(words) => message(*words, body).map(|asked| Entry::Message(Box::new(asked))),
        Head::Webhook(words) => Some(Entry::Webhook(RawInbound {
            id: u128::from_str_radix(&words.id, 16).ok()?,
            channel: ChannelKind::new(&words.channel)?,
            received_at: Timestamp(words.received_at),
            query: words.query,
            body: Redacted::new(body),
        })),
    }
}

fn joined(head: &Head, body: &Bytes) -> Redacted<Bytes> {
    let head = serde_json::to_vec(head).unwrap_or_default();
    let length = u32::try_from(head.len()).unwrap_or(u32::MAX);
    let mut record = Vec::with_capacity(4 + head.len() + body.len());
    record.extend_from_slice(&length.to_le_bytes());
    record.extend_from_slice(&head);
    record.extend_from_slice(body);
    Redacted::new(record.into())
}

fn message(words: MessageWords, body: Bytes) -> Option<Asked> {
    let answer = Bytes::from(words.answer);
    let duplicate_rule = match words.duplicate_rule {
        Some(name) => Some(DuplicateRule::parse(&name)?),
        None => None,
    };
    let hops = match words.hops {
        Some(hops) => Some(hops.into_iter().map(hop).collect::<Option<Vec<_>>>()?),
        None => None,
    };
    let new = NewMessage {
        app: words.app,
        sender: words.sender,
        to: to(words.to)?,
        to_input: words.to_input,
        kind: words.message_kind,
        feature: Feature::parse(&words.feature)?,
        body,
        opaque: words.opaque,
        priority: Priority::parse(&words.priority)?,
        duplicate_rule,
        data_class: words.data_class,
        expires_at: words.expires_at.map(Timestamp),
        hops,
        idempotency: words.key.map(|key| IdempotencyKey {
            key: key.key,
            body_hash: key.body_hash,
        }),
        answer: Arc::new(move |_| answer.clone()),
    };
    Some(Asked {
        id: MessageId::parse(&words.id)?,
        at: Timestamp(words.at),
        new,
    })
}

fn to_words(to: &Recipient) -> ToWords {
    match to {
        Recipient::Contact(id) => ToWords::Contact(id.hex()),
        Recipient::Address { channel, value } => ToWords::Address {
            channel: channel.as_str().to_owned(),
            value: value.clone(),
        },
        Recipient::WaUser(user) => ToWords::WaUser(user.clone()),
    }
}

fn to(words: ToWords) -> Option<Recipient> {
    Some(match words {
        ToWords::Contact(id) => Recipient::Contact(ContactId::parse(&id)?),
        ToWords::Address { channel, value } => Recipient::Address {
            channel: ChannelKind::new(&channel)?,
            value,
        },
        ToWords::WaUser(user) => Recipient::WaUser(user),
    })
}

fn hop_words(hop: &HopRequest) -> HopWords {
    let names = |on: ClassSet| on.iter().map(|class| class.name().to_owned()).collect();
    HopWords {
        channel: hop.channel.as_str().to_owned(),
        after_ms: hop.after_ms,
        success: hop.success.map(|success| success.name().to_owned()),
        on: hop.on.map(names),
        ttl_ms: hop.ttl_ms,
        template: hop.template.clone(),
    }
}

fn hop(words: HopWords) -> Option<HopRequest> {
    let success = match words.success {
        Some(name) => Some(Success::parse(&name)?),
        None => None,
    };
    let classes = |names: Vec<String>| -> Option<ClassSet> {
        let classes: Option<Vec<_>> = names.iter().map(|name| FaultClass::parse(name)).collect();
        Some(ClassSet::of(&classes?))
    };
    let on = match words.on {
        Some(names) => Some(classes(names)?),
        None => None,
    };
    Some(HopRequest {
        channel: ChannelKind::new(&words.channel)?,
        after_ms: words.after_ms,
        success,
        on,
        ttl_ms: words.ttl_ms,
        template: words.template,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(to: Recipient) -> Asked {
        let hop = HopRequest {
            channel: ChannelKind::SMS,
            after_ms: Some(5),
            success: Some(Success::Read),
            on: Some(ClassSet::of(&[FaultClass::Platform, FaultClass::Template])),
            ttl_ms: None,
            template: Some("t/en".into()),
        };
        Asked {
            id: MessageId(77),
            at: Timestamp(-5),
            new: NewMessage {
                app: "app".into(),
                sender: "1".into(),
                to,
                to_input: "+1 (2)".into(),
                kind: "text".into(),
                feature: Feature::Marketing,
                body: Bytes::from_static(b"\x00\xffnot JSON"),
                opaque: Some("o".into()),
                priority: Priority::Bulk,
                duplicate_rule: Some(DuplicateRule::Never),
                data_class: Some("health".into()),
                expires_at: Some(Timestamp(9)),
                hops: Some(vec![hop]),
                idempotency: Some(IdempotencyKey {
                    key: "k".into(),
                    body_hash: [200; 32],
                }),
                answer: Arc::new(|facts| Bytes::from(facts.id.hex())),
            },
        }
    }

    /// All but the maker of the answer.
    fn shown(new: &NewMessage) -> String {
        let NewMessage {
            app,
            sender,
            to,
            to_input,
            kind,
            feature,
            body,
            opaque,
            priority,
            duplicate_rule,
            data_class,
            expires_at,
            hops,
            idempotency,
            answer: _,
        } = new;
        let to = match to {
            Recipient::Contact(id) => format!("contact {id}"),
            Recipient::Address { channel, value } => format!("{channel} {value}"),
            Recipient::WaUser(user) => format!("user {user}"),
        };
        format!(
            "{app} {sender} {to} {to_input} {kind} {feature:?} {body:?} {opaque:?} {priority:?} \
             {duplicate_rule:?} {data_class:?} {expires_at:?} {hops:?} {idempotency:?}"
        )
    }

    #[test]
    fn a_message_comes_out_as_it_went_in_with_the_answer_that_was_given() {
        let address = |channel, value: &str| Recipient::Address {
            channel,
            value: value.into(),
        };
        let all = [
            Recipient::Contact(ContactId(3)),
            address(ChannelKind::EMAIL, "a@b.example"),
            Recipient::WaUser("US.1".into()),
        ];
        for to in all {
            let before = asked(to);
            let answer = (before.new.answer)(&before.facts());
            let Some(Entry::Message(after)) = read(&before.record(&answer)) else {
                panic!("not a message");
            };
            assert_eq!((after.id, after.at), (before.id, before.at));
            assert_eq!(shown(&after.new), shown(&before.new));
            assert_eq!((after.new.answer)(&after.facts()), answer);
        }
    }

    #[test]
    fn a_webhook_comes_out_as_it_went_in() {
        let raw = RawInbound {
            id: u128::MAX,
            channel: ChannelKind::SMS,
            received_at: Timestamp(4),
            query: "a=b".into(),
            body: Redacted::new(Bytes::from_static(b"\xff{}")),
        };
        let Some(Entry::Webhook(after)) = read(&webhook(&raw)) else {
            panic!("not a webhook");
        };
        assert_eq!(after, raw);
    }

    #[test]
    fn what_is_not_known_is_not_read() {
        let whole = asked(Recipient::WaUser("u".into())).record(&Bytes::new());
        for length in 0..whole.expose().len() - 12 {
            let part = Redacted::new(whole.expose().slice(..length));
            assert!(read(&part).is_none(), "{length}");
        }
        let odd = Head::Webhook(WebhookWords {
            id: "z".into(),
            channel: "sms".into(),
            received_at: 0,
            query: String::new(),
        });
        assert!(read(&joined(&odd, &Bytes::new())).is_none());
    }
}
