//! Rows as the engine sees them: what is kept of messages, people, media, templates and routes.
//! Plain data; how they are stored is the store's business.

mod access;
mod activity;
mod route;

pub use access::{Role, SessionRecord, UserRecord};
pub use activity::{Activity, ActivityKind, ActivityRecord, EvidenceRecord, TrafficRecord};
pub use route::{AuditRecord, BaselineRecord, HoldKind, HoldRecord, OutageRecord, RouteRecord};

use bytes::Bytes;
use holdline_core::contact::Consent;
use holdline_core::health::{Feature, Health};
use holdline_core::id::InboundId;
use holdline_core::message::delivery::Try;
use holdline_core::message::{ClassSet, DuplicateRule, Priority, Progress, State, Success};
use holdline_core::{AttemptKey, ChannelKind, ContactId, MessageId, Redacted, Timestamp};

/// A message as accepted. Never changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageRecord {
    pub id: MessageId,
    /// Who sent it: the app its token belongs to.
    pub app: String,
    /// Our identity that the app named: the phone-number id.
    pub sender: String,
    pub contact: ContactId,
    /// The recipient exactly as the app wrote it.
    pub to_input: Redacted<String>,
    /// `text`, `template`, `image`, ...: the Cloud API's word.
    pub kind: String,
    /// The app's own Cloud API message object, byte for byte.
    pub body: Redacted<Bytes>,
    /// The app's own `biz_opaque_callback_data`.
    pub opaque: Option<String>,
    pub priority: Priority,
    pub duplicate_rule: DuplicateRule,
    pub data_class: String,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    pub plan: Vec<PlannedHop>,
}

/// One hop of a message's plan, with the address it goes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedHop {
    pub channel: ChannelKind,
    /// Our identity on that channel; with the channel and the class it names the route.
    pub sender: String,
    pub address: Redacted<String>,
    pub receipt_wait_ms: u32,
    pub wait_is_explicit: bool,
    pub ttl_ms: u32,
    pub success: Success,
    pub on: ClassSet,
    /// Another template to use on this hop.
    pub template: Option<String>,
    /// What of the provider it uses; with sender and country the route.
    pub feature: Feature,
}

/// What changes of a delivery: the core machine without its plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryState {
    pub id: MessageId,
    pub state: State,
    pub hop: u8,
    pub hop_since: Timestamp,
    pub tries: u8,
    pub attempts: Vec<Try>,
    pub spent: u8,
    pub told: Progress,
    pub told_failed: bool,
}

impl DeliveryState {
    /// A delivery that nothing has happened to yet: due at once.
    #[must_use]
    pub fn new(id: MessageId, created_at: Timestamp) -> Self {
        Self {
            id,
            state: State::Waiting { due: created_at },
            hop: 0,
            hop_since: created_at,
            tries: 0,
            attempts: Vec::new(),
            spent: 0,
            told: Progress::None,
            told_failed: false,
        }
    }
}

/// A message (perhaps without its body) with its delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredMessage {
    pub message: MessageRecord,
    pub delivery: DeliveryState,
}

/// One try on one route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptRecord {
    pub key: AttemptKey,
    pub hop: u8,
    pub channel: ChannelKind,
    pub route: String,
    pub started_at: Timestamp,
    /// `accepted`, `rejected`, `throttled`, `unknown`; `None` while in flight.
    pub outcome: Option<String>,
    pub ended_at: Option<Timestamp>,
    pub provider_id: Option<String>,
    pub fault_class: Option<String>,
    pub fault_code: Option<String>,
    pub fault_detail: Option<String>,
}

/// A receipt as it came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiptRecord {
    pub key: AttemptKey,
    /// `sent`, `delivered`, `read`, `failed`.
    pub status: String,
    /// The provider's time.
    pub at: Timestamp,
    pub received_at: Timestamp,
    pub fault_code: Option<String>,
    pub fault_detail: Option<String>,
}

/// A decision in a message's timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecisionRecord {
    pub message: MessageId,
    pub at: Timestamp,
    pub hop: u8,
    pub number: u16,
    /// Stable word: see `Reason::code`.
    pub code: String,
    pub words: String,
}

/// All that happened to a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timeline {
    pub attempts: Vec<AttemptRecord>,
    pub receipts: Vec<ReceiptRecord>,
    pub decisions: Vec<DecisionRecord>,
}

/// A person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContactRecord {
    pub id: ContactId,
    pub name: Option<Redacted<String>>,
    /// The caller's own key for this person.
    pub external_id: Option<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub addresses: Vec<AddressRecord>,
}

/// One way to reach a person. `channel` `wa_user` holds a WhatsApp business-scoped user id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressRecord {
    pub channel: ChannelKind,
    pub value: Redacted<String>,
    pub verified_at: Option<Timestamp>,
    pub consent: Consent,
    pub unreachable_until: Option<Timestamp>,
    /// The person last wrote to us from here.
    pub last_inbound_at: Option<Timestamp>,
}

/// The address kind of WhatsApp business-scoped user ids.
pub const WA_USER: ChannelKind = ChannelKind::literal("wa_user");

/// A provider's webhook as it came, kept before it is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawInbound {
    pub id: u128,
    pub channel: ChannelKind,
    pub received_at: Timestamp,
    /// Query string of the call: some providers' receipts carry our reference there.
    pub query: String,
    pub body: Redacted<Bytes>,
}

/// A message that a person sent to us, in the Cloud API's shape whatever channel carried it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InboundRecord {
    pub id: InboundId,
    pub channel: ChannelKind,
    pub provider_id: String,
    pub contact: ContactId,
    /// Our identity it came to, as the app knows it (a phone-number id).
    pub sender: String,
    pub from: Redacted<String>,
    pub at: Timestamp,
    pub received_at: Timestamp,
    /// The message of ours it answers.
    pub context: Option<MessageId>,
    pub kind: String,
    /// The Cloud API message object without `id`, `from`, `timestamp` and `context`.
    pub payload: Redacted<Bytes>,
    /// Our id of its media.
    pub media: Option<String>,
}

/// A file: uploaded by an app, or sent by a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaRecord {
    /// Digits, as Meta's media ids are.
    pub id: String,
    pub app: String,
    pub sender: String,
    pub mime: String,
    pub filename: Option<Redacted<String>>,
    /// Lower-case hexadecimal; empty until a remote file has been fetched.
    pub sha256: String,
    pub size: u64,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    /// Where the bytes still have to be fetched: channel and the provider's id or address.
    pub remote: Option<(ChannelKind, Redacted<String>)>,
}

/// A template as the provider holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateRecord {
    pub waba: String,
    pub id: String,
    pub name: String,
    pub language: String,
    pub status: String,
    pub category: String,
    /// The provider's whole object, with its components.
    pub json: String,
    pub synced_at: Timestamp,
}

/// A token of an app; the token itself is never kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRecord {
    pub id: String,
    pub name: String,
    /// SHA-256 of the token.
    pub hash: [u8; 32],
    pub app: String,
    /// Phone-number ids it may use; empty = all.
    pub senders: Vec<String>,
    pub created_at: Timestamp,
    pub revoked_at: Option<Timestamp>,
}

/// Where events go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointRecord {
    pub id: String,
    pub app: String,
    pub form: EndpointForm,
    pub url: String,
    /// HMAC key: the app secret (cloud) or the endpoint's own (standard).
    pub secret: Redacted<String>,
    pub verify_token: Option<Redacted<String>>,
    /// `app`, `waba:<id>` or `phone:<id>`: the narrowest that fits an event wins.
    pub scope: String,
    /// Field names it wants; empty = all.
    pub fields: Vec<String>,
    pub created_at: Timestamp,
}

/// In whose form events are posted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndpointForm {
    /// WhatsApp Cloud API webhooks.
    Cloud,
    /// Standard Webhooks (our own events).
    Standard,
}

/// An event on its way to one endpoint.
#[derive(Clone, Debug, PartialEq)]
pub struct HookRecord {
    /// Given by the store: the order in which events happened.
    pub seq: i64,
    pub endpoint: String,
    /// Events of one subject (a message, a person) are posted one after the other.
    pub subject: u128,
    pub event: Event,
    pub created_at: Timestamp,
    pub due_at: Timestamp,
    pub tries: u32,
}

/// An event that is still to be posted, or was given up.
#[derive(Clone, Debug, PartialEq)]
pub struct OpenHook {
    pub hook: HookRecord,
    /// Why the last try failed.
    pub error: Option<String>,
    /// Given up.
    pub dropped_at: Option<Timestamp>,
}

/// Something that happened, for apps.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    pub at: Timestamp,
    pub kind: EventKind,
}

#[derive(Clone, Debug, PartialEq)]
pub enum EventKind {
    /// A message got this far.
    Status {
        message: MessageId,
        progress: Progress,
        channel: ChannelKind,
    },
    /// A message will not arrive.
    Failed {
        message: MessageId,
        channel: ChannelKind,
        code: String,
        detail: String,
    },
    /// A person wrote.
    Inbound { inbound: InboundId },
    /// A route changed its health (own form only).
    Health {
        route: String,
        from: Health,
        to: Health,
        reason: String,
        /// What is affected, in words.
        scope: String,
        /// The earliest evidence of the trouble, where there is any.
        onset: Option<Timestamp>,
        /// How strong the evidence is; finite.
        nats: f64,
    },
    /// The provider refuses our own account (own form only).
    Account {
        route: String,
        code: String,
        reason: String,
        /// An active check has shown it too.
        confirmed: bool,
    },
    /// A provider's management webhook, passed on in its own shape.
    Passed {
        field: String,
        waba: String,
        value: String,
    },
}
