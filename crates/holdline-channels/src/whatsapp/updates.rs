//! What the provider tells us by webhook, one update at a time, in our words.
//! Only data: `inbound` reads it from bytes. Never prints what people wrote or who they are.

use holdline_core::Timestamp;
use holdline_core::message::Fault;
use serde_json::Value;
use std::fmt;

/// One thing that happened.
#[derive(Clone)]
pub struct Update {
    pub waba_id: String,
    /// The number it happened at, where it happened at one.
    pub phone_number_id: Option<String>,
    /// When it happened, where the provider says so.
    pub at: Option<Timestamp>,
    pub event: Event,
}

impl Update {
    /// How long ago it happened when it came in. What has no time counts as new.
    #[must_use]
    pub fn age_ms(&self, received_at: Timestamp) -> u64 {
        self.at.map_or(0, |at| received_at.since_ms(at))
    }
}

#[derive(Clone)]
pub enum Event {
    Receipt(StatusReceipt),
    Message(Box<InboundMessage>),
    TemplateStatus(TemplateStatus),
    /// The account was restricted, disabled, reconnected and such.
    AccountUpdate {
        event: String,
        value: Value,
    },
    /// The number's limits changed; despite the field's name not its quality.
    PhoneQuality {
        event: String,
        value: Value,
    },
    /// An error that belongs to no message.
    ValueError {
        fault: Fault,
        errors: Vec<Value>,
    },
    /// A field that nothing here reads; apps may want it.
    Other {
        field: String,
        value: Value,
    },
}

/// The provider's later word on a message of ours.
#[derive(Clone)]
pub struct StatusReceipt {
    pub provider_id: String,
    /// The callback data we sent: ours, or another program's.
    pub opaque: Option<String>,
    pub status: StatusWord,
    pub at: Timestamp,
    /// Digits only, or the id of a group.
    pub recipient: Option<String>,
    pub recipient_user_id: Option<String>,
    /// Why it failed.
    pub fault: Option<Fault>,
    pub errors: Vec<Value>,
    /// The whole status object.
    pub raw: Value,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StatusWord {
    Sent,
    Delivered,
    Read,
    /// A voice message was listened to.
    Played,
    Failed,
    Deleted,
    Other(String),
}

impl StatusWord {
    #[must_use]
    pub fn parse(word: &str) -> Self {
        match word {
            "sent" => Self::Sent,
            "delivered" => Self::Delivered,
            "read" => Self::Read,
            "played" => Self::Played,
            "failed" => Self::Failed,
            "deleted" => Self::Deleted,
            other => Self::Other(other.into()),
        }
    }
}

/// A message of a person to us.
#[derive(Clone)]
pub struct InboundMessage {
    pub provider_id: String,
    /// Digits only; absent for people who show only their user id.
    pub from: Option<String>,
    pub user_id: Option<String>,
    pub group_id: Option<String>,
    pub profile_name: Option<String>,
    pub at: Timestamp,
    /// The provider's id of the message that this one answers.
    pub context_id: Option<String>,
    pub message_type: String,
    /// What can be read of it in a list or on another channel.
    pub text: Option<String>,
    /// The button or row that was pressed.
    pub chosen: Option<Chosen>,
    /// The provider's id of the medium in it.
    pub media_id: Option<String>,
    /// The whole message object.
    pub raw: Value,
    /// The entry of the person, where one came with it.
    pub contact: Option<Value>,
}

#[derive(Clone, PartialEq, Eq)]
pub struct Chosen {
    /// The app's own id or payload.
    pub id: String,
    pub title: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateStatus {
    pub template_id: Option<String>,
    pub name: String,
    pub language: String,
    /// `APPROVED`, `PAUSED`, `DISABLED`, …
    pub event: String,
    pub reason: Option<String>,
}

impl Event {
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Receipt(_) => "receipt",
            Self::Message(_) => "message",
            Self::TemplateStatus(_) => "template_status",
            Self::AccountUpdate { .. } => "account_update",
            Self::PhoneQuality { .. } => "phone_quality",
            Self::ValueError { .. } => "value_error",
            Self::Other { .. } => "other",
        }
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for Update {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Update({})", self.event.name())
    }
}

impl fmt::Debug for StatusReceipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StatusReceipt({:?})", self.status)
    }
}

impl fmt::Debug for InboundMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InboundMessage({})", self.message_type)
    }
}

impl fmt::Debug for Chosen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Chosen")
    }
}
