//! What nodes hand each other, as JSON in a row. Written by one version and read by its neighbour:
//! fields are only ever added, and a new kind is read by one version before the next writes it.

use super::signals::Words;
use crate::driver::event::ReceiptEvent;
use crate::ports::records::ReceiptRecord;
use holdline_core::message::{
    Fault, FaultClass, Outcome, Progress, Receipt, ReceiptKind, ThrottleScope,
};
use holdline_core::{AttemptKey, ChannelKind, ContactId, MessageId, Redacted, Timestamp};
use serde::{Deserialize, Serialize};

/// Something for the holder of a lease.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Handoff {
    /// A message of its partition was accepted elsewhere.
    Accepted {
        message: String,
    },
    /// A receipt for one of its deliveries came in elsewhere.
    Receipt(Box<ReceiptWords>),
    /// An attempt came to this after the node that made it had lost its partition.
    Outcome(Box<OutcomeWords>),
    /// A person said stop elsewhere.
    Withdrawn {
        contact: String,
        channel: String,
        address: String,
    },
    Cancel {
        message: String,
    },
    RetryNow {
        message: String,
    },
    SendBy {
        message: String,
        channel: String,
    },
    /// What elsewhere was seen of a channel.
    Signals(Words),
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ReceiptWords {
    message: String,
    number: u16,
    status: String,
    at: i64,
    received_at: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fault: Option<FaultWords>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct OutcomeWords {
    message: String,
    number: u16,
    outcome: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    provider_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fault: Option<FaultWords>,
    /// Of a throttled one: whether it is the recipient's pace, and the time that was named.
    #[serde(default)]
    of_recipient: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<i64>,
}

#[derive(Debug, Serialize, Deserialize)]
struct FaultWords {
    class: String,
    code: String,
    detail: String,
    permanent: bool,
    marks_unreachable: bool,
    opted_out: bool,
}

impl Handoff {
    pub(crate) fn accepted(message: MessageId) -> Self {
        let message = id_text(message.0);
        Self::Accepted { message }
    }

    pub(crate) fn cancel(message: MessageId) -> Self {
        let message = id_text(message.0);
        Self::Cancel { message }
    }

    pub(crate) fn retry_now(message: MessageId) -> Self {
        let message = id_text(message.0);
        Self::RetryNow { message }
    }

    pub(crate) fn send_by(message: MessageId, channel: ChannelKind) -> Self {
        Self::SendBy {
            message: id_text(message.0),
            channel: channel.as_str().to_owned(),
        }
    }

    pub(crate) fn withdrawn(contact: ContactId, channel: ChannelKind, address: &str) -> Self {
        Self::Withdrawn {
            contact: id_text(contact.0),
            channel: channel.as_str().to_owned(),
            address: address.to_owned(),
        }
    }

    pub(crate) fn receipt(event: &ReceiptEvent) -> Self {
        let fault = match &event.receipt.kind {
            ReceiptKind::Failed(fault) => Some(FaultWords::of(fault)),
            ReceiptKind::Reached(_) => None,
        };
        Self::Receipt(Box::new(ReceiptWords {
            message: id_text(event.key.message.0),
            number: event.key.number,
            status: event.record.status.clone(),
            at: event.record.at.0,
            received_at: event.record.received_at.0,
            fault,
        }))
    }

    pub(crate) fn outcome(key: AttemptKey, outcome: &Outcome) -> Self {
        let (mut provider, mut of_recipient, mut named) = (None, false, None);
        match outcome {
            Outcome::Accepted { provider_id } => provider.clone_from(provider_id),
            Outcome::Throttled { scope, until, .. } => {
                of_recipient = *scope == ThrottleScope::Recipient;
                named = until.map(|at| at.0);
            }
            Outcome::Rejected(_) | Outcome::Unknown(_) => {}
        }
        Self::Outcome(Box::new(OutcomeWords {
            message: id_text(key.message.0),
            number: key.number,
            outcome: outcome.name().to_owned(),
            provider_id: provider,
            fault: outcome.fault().map(FaultWords::of),
            of_recipient,
            until: named,
        }))
    }

    pub(crate) fn to_text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl FaultWords {
    fn of(fault: &Fault) -> Self {
        Self {
            class: fault.class.name().to_owned(),
            code: fault.code.clone(),
            detail: fault.detail.clone(),
            permanent: fault.permanent,
            marks_unreachable: fault.marks_unreachable,
            opted_out: fault.opted_out,
        }
    }

    /// `None` when its class is none that this version knows.
    fn fault(&self) -> Option<Fault> {
        let class = FaultClass::parse(&self.class)?;
        let mut fault = Fault::new(class, &self.code, &self.detail);
        fault.permanent = self.permanent;
        fault.marks_unreachable = self.marks_unreachable;
        fault.opted_out = self.opted_out;
        Some(fault)
    }
}

impl OutcomeWords {
    /// `None` when it says something that this version does not know.
    pub(crate) fn outcome(self) -> Option<(AttemptKey, Outcome)> {
        let key = AttemptKey {
            message: MessageId(id_of(&self.message)?),
            number: self.number,
        };
        let fault = || self.fault.as_ref()?.fault();
        let outcome = match self.outcome.as_str() {
            "accepted" => Outcome::Accepted {
                provider_id: self.provider_id,
            },
            "rejected" => Outcome::Rejected(fault()?),
            "throttled" => Outcome::Throttled {
                fault: fault()?,
                scope: if self.of_recipient {
                    ThrottleScope::Recipient
                } else {
                    ThrottleScope::Route
                },
                until: self.until.map(Timestamp),
            },
            "unknown" => Outcome::Unknown(fault()?),
            _ => return None,
        };
        Some((key, outcome))
    }
}

impl ReceiptWords {
    /// `None` when it says something that this version does not know.
    pub(crate) fn event(self) -> Option<ReceiptEvent> {
        let key = AttemptKey {
            message: MessageId(id_of(&self.message)?),
            number: self.number,
        };
        let kind = match self.fault {
            Some(words) => ReceiptKind::Failed(words.fault()?),
            None => ReceiptKind::Reached(Progress::parse(&self.status)?),
        };
        let fault = match &kind {
            ReceiptKind::Failed(fault) => Some(fault),
            ReceiptKind::Reached(_) => None,
        };
        let record = ReceiptRecord {
            key,
            status: self.status,
            at: Timestamp(self.at),
            received_at: Timestamp(self.received_at),
            fault_code: fault.map(|fault| fault.code.clone()),
            fault_detail: fault.map(|fault| fault.detail.clone()),
        };
        let receipt = Receipt {
            number: self.number,
            kind,
        };
        Some(ReceiptEvent {
            key,
            receipt,
            record,
        })
    }
}

pub(crate) fn id_text(id: u128) -> String {
    format!("{id:032x}")
}

pub(crate) fn id_of(text: &str) -> Option<u128> {
    u128::from_str_radix(text, 16).ok()
}

pub(crate) fn address_of(
    contact: &str,
    channel: &str,
    address: String,
) -> Option<(ContactId, ChannelKind, Redacted<String>)> {
    let contact = ContactId(id_of(contact)?);
    Some((contact, ChannelKind::new(channel)?, Redacted::new(address)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receipt(kind: ReceiptKind, status: &str) -> ReceiptEvent {
        let key = AttemptKey {
            message: MessageId(7),
            number: 2,
        };
        let fault = match &kind {
            ReceiptKind::Failed(fault) => Some(fault.clone()),
            ReceiptKind::Reached(_) => None,
        };
        ReceiptEvent {
            key,
            record: ReceiptRecord {
                key,
                status: status.to_owned(),
                at: Timestamp(5),
                received_at: Timestamp(6),
                fault_code: fault.as_ref().map(|fault| fault.code.clone()),
                fault_detail: fault.map(|fault| fault.detail),
            },
            receipt: Receipt { number: 2, kind },
        }
    }

    #[test]
    fn receipts_arrive_as_they_left() {
        let mut fault = Fault::new(FaultClass::Recipient, "131026", "not on WhatsApp");
        (fault.permanent, fault.marks_unreachable, fault.opted_out) = (true, true, true);
        let all = [
            receipt(ReceiptKind::Failed(fault), "failed"),
            receipt(ReceiptKind::Reached(Progress::Delivered), "delivered"),
        ];
        for before in all {
            let text = Handoff::receipt(&before).to_text();
            let Ok(Handoff::Receipt(words)) = serde_json::from_str(&text) else {
                panic!("not a receipt: {text}");
            };
            let after = words.event().expect("is known");
            assert_eq!((after.key, after.receipt), (before.key, before.receipt));
            assert_eq!(after.record, before.record);
        }
    }

    #[test]
    fn outcomes_arrive_as_they_left() {
        let key = AttemptKey {
            message: MessageId(7),
            number: 2,
        };
        let fault = || Fault::new(FaultClass::Platform, "503", "Service Unavailable");
        let throttled = |scope, until: Option<i64>| Outcome::Throttled {
            fault: fault(),
            scope,
            until: until.map(Timestamp),
        };
        let all = [
            Outcome::Accepted {
                provider_id: Some(String::from("wamid.1")),
            },
            Outcome::Rejected(fault()),
            throttled(ThrottleScope::Recipient, None),
            throttled(ThrottleScope::Route, Some(9)),
            Outcome::Unknown(fault()),
        ];
        for before in all {
            let text = Handoff::outcome(key, &before).to_text();
            let Ok(Handoff::Outcome(words)) = serde_json::from_str(&text) else {
                panic!("not an outcome: {text}");
            };
            assert_eq!(words.outcome(), Some((key, before)));
        }
    }

    #[test]
    fn what_is_not_known_is_not_read() {
        assert!(serde_json::from_str::<Handoff>(r#"{"kind":"later"}"#).is_err());
        let odd = r#"{"kind":"accepted","message":"zz"}"#;
        let Ok(Handoff::Accepted { message }) = serde_json::from_str(odd) else {
            panic!("it is of the right form");
        };
        assert_eq!(id_of(&message), None);
    }
}
