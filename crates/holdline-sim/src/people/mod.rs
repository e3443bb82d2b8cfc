//! The people behind the providers: in what state their phones and mailboxes are, and what they
//! have received. The ledger row written on receipt is the judge of lost and doubled messages.

mod directory;
mod writes;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub(crate) use directory::People;
pub(crate) use writes::option_for;
pub use writes::{Media, PersonError, PersonSend};

use crate::outage::Provider;

/// Rows kept of what really reached a phone or mailbox.
pub(crate) const LEDGER_MAX: usize = 200_000;
/// Received messages kept with their bodies, over all people.
pub(crate) const INBOX_MAX: usize = 50_000;
/// People remembered; the longest known is forgotten first.
pub(crate) const PEOPLE_MAX: usize = 200_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhatsappReach {
    #[default]
    Normal,
    /// The phone is off: sent, but delivered only when it comes back.
    Offline,
    /// No WhatsApp on this number: fails later with 131026.
    NoWhatsapp,
    /// The service window is closed: free-form messages fail with 131047.
    WindowClosed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SmsReach {
    #[default]
    Normal,
    /// The handset cannot be reached: undelivered with 30003.
    Unreachable,
    /// The number is unknown: undelivered with 30005.
    Unknown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MailReach {
    #[default]
    Normal,
    /// 550 5.1.1 at RCPT.
    NoMailbox,
    /// 452 4.2.2 at RCPT.
    Full,
}

/// What to change about a person; what is left out stays.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PersonChange {
    pub name: Option<String>,
    pub whatsapp: Option<WhatsappReach>,
    pub sms: Option<SmsReach>,
    pub email: Option<MailReach>,
    /// Whether they read what arrives (blue ticks); chance decides when not set.
    pub reads: Option<bool>,
    /// Text they write back to whatever arrives; an empty text ends it.
    pub auto_reply: Option<String>,
}

/// One message that reached a phone or mailbox.
#[derive(Debug, Clone, Serialize)]
pub struct LedgerRow {
    pub seq: u64,
    pub channel: Provider,
    pub address: String,
    pub provider_message_id: String,
    pub text: String,
    /// The sender's own mark: `biz_opaque_callback_data`, the status callback URL, the Message-ID.
    pub opaque: Option<String>,
    pub at_ms: u64,
}

/// A received message as its reader holds it.
#[derive(Debug, Clone, Serialize)]
pub struct Received {
    pub seq: u64,
    pub channel: Provider,
    pub provider_message_id: String,
    pub from: String,
    pub text: String,
    pub options: Vec<ReplyOption>,
    /// The request as the provider got it; for mail its parts.
    pub raw: Value,
    pub at_ms: u64,
}

/// Something the reader can tap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReplyOption {
    pub kind: OptionKind,
    pub id: String,
    pub title: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OptionKind {
    Button,
    ListRow,
    QuickReply,
}

#[derive(Debug, Clone, Serialize)]
pub struct PersonView {
    pub address: String,
    pub name: String,
    pub user_id: String,
    pub whatsapp: WhatsappReach,
    pub sms: SmsReach,
    pub email: MailReach,
    /// Send requests that named this person, accepted or not.
    pub attempts: Attempts,
    pub received_total: u64,
    pub received: Vec<Received>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Attempts {
    pub whatsapp: u64,
    pub sms: u64,
    pub email: u64,
}

impl Attempts {
    pub(crate) fn count(&mut self, provider: Provider) {
        match provider {
            Provider::Whatsapp => self.whatsapp += 1,
            Provider::Sms => self.sms += 1,
            Provider::Email => self.email += 1,
        }
    }
}
