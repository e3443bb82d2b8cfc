//! What callers ask of the engine, and how it answers them. Plain data.

use bytes::Bytes;
use holdline_core::health::board::HoldKind;
use holdline_core::health::board::{AccountWord, FeedSeen, NetworkSeen};
use holdline_core::health::{Course, Feature, Health};
use holdline_core::message::{ClassSet, DuplicateRule, Outcome, Priority, Success};
use holdline_core::{ChannelKind, ContactId, MessageId, Timestamp};
use std::fmt;
use std::sync::Arc;

use crate::ports::StoreError;

/// A message to be accepted. The caller has validated its form.
#[derive(Clone)]
pub struct NewMessage {
    pub app: String,
    /// The phone-number id that the app sends from.
    pub sender: String,
    pub to: Recipient,
    /// The recipient exactly as the caller wrote it.
    pub to_input: String,
    pub kind: String,
    /// What of WhatsApp it uses: its share of an outage may be its own.
    pub feature: Feature,
    /// The Cloud API message object, byte for byte.
    pub body: Bytes,
    pub opaque: Option<String>,
    pub priority: Priority,
    pub duplicate_rule: Option<DuplicateRule>,
    pub data_class: Option<String>,
    pub expires_at: Option<Timestamp>,
    /// The caller's own plan; `None` = the configured order over the person's addresses.
    pub hops: Option<Vec<HopRequest>>,
    pub idempotency: Option<IdempotencyKey>,
    /// Makes the answer that the caller will give; kept with the idempotency key.
    pub answer: AnswerMaker,
}

/// Builds the caller's answer from what the engine alone knows.
pub type AnswerMaker = Arc<dyn Fn(&AnswerFacts) -> Bytes + Send + Sync>;

impl fmt::Debug for NewMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewMessage")
            .field("app", &self.app)
            .field("kind", &self.kind)
            .finish()
    }
}

/// What an answer may tell.
#[derive(Clone, Debug)]
pub struct AnswerFacts {
    pub id: MessageId,
    /// Unknown while the store is away, unless the caller named it.
    pub contact: Option<ContactId>,
    pub accepted_at: Timestamp,
}

/// To whom.
#[derive(Clone, PartialEq, Eq)]
pub enum Recipient {
    Contact(ContactId),
    /// An address on a channel: E.164 with `+` for whatsapp and sms, a mail address for email.
    Address {
        channel: ChannelKind,
        value: String,
    },
    /// A WhatsApp business-scoped user id.
    WaUser(String),
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Contact(id) => write!(f, "Contact({id})"),
            Self::Address { channel, .. } => write!(f, "Address({channel}, [redacted])"),
            Self::WaUser(_) => f.write_str("WaUser([redacted])"),
        }
    }
}

/// One hop of a caller's plan; what is `None` takes the configured default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HopRequest {
    pub channel: ChannelKind,
    /// How long to wait for success on this hop before the next.
    pub after_ms: Option<u32>,
    pub success: Option<Success>,
    pub on: Option<ClassSet>,
    pub ttl_ms: Option<u32>,
    pub template: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey {
    pub key: String,
    pub body_hash: [u8; 32],
}

/// The message is safe (committed and synced), or was before.
#[derive(Clone, Debug)]
pub struct Accepted {
    pub id: MessageId,
    pub answer: Bytes,
    /// The same key and body came before: this is the stored answer.
    pub repeat: bool,
}

/// Why a request was not taken. Nothing of it was kept.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Refusal {
    #[error("too much is waiting; try again in {retry_after_s} s")]
    Busy { retry_after_s: u32 },
    #[error("cannot be stored now ({why}); try again in {retry_after_s} s")]
    Unavailable {
        retry_after_s: u32,
        why: String,
        /// The store cannot be reached: nothing is wrong with the request.
        away: bool,
    },
    #[error("this idempotency key was used for another request")]
    KeyReused,
    #[error("no such contact")]
    UnknownContact,
    #[error("no channel can take it: {0}")]
    NoRoute(String),
    #[error("the person withdrew consent for every address of the plan")]
    NoConsent,
    #[error("no such message")]
    UnknownMessage,
    #[error("the message has ended already")]
    AlreadyEnded,
    #[error("no such scope: {0}")]
    UnknownScope(String),
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::Unavailable {
            retry_after_s: 5,
            why: error.to_string(),
            away: error.is_away(),
        }
    }
}

/// A route as people see it.
#[derive(Clone, Debug)]
pub struct RouteStatus {
    /// `channel/sender/class`.
    pub name: String,
    pub channel: ChannelKind,
    pub sender: String,
    pub health: Health,
    pub since: Timestamp,
    pub reason: String,
    /// Messages that wait at it, counted twice a second.
    pub waits: Waits,
    pub in_flight: u32,
    pub oldest_waiting_at: Option<Timestamp>,
    /// Messages a second that may leave: less than configured while the provider throttles.
    pub rate_per_s: f64,
    /// An operator's word that bears on it.
    pub hold: Option<HoldStatus>,
    /// Every part of it, or around it, that is not as it should be.
    pub scopes: Vec<ScopeStatus>,
}

/// Messages that wait at a route, by why they do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Waits {
    /// For their turn: they leave as fast as the route lets them.
    pub turn: usize,
    /// For a later time: after a refusal, or because their priority bears with an outage.
    pub later: usize,
    /// An operator holds the route.
    pub held: usize,
    /// Every route that they may take is down.
    pub all_down: usize,
    /// Our own network is cut off.
    pub cut_off: usize,
}

impl Waits {
    #[must_use]
    pub const fn all(&self) -> usize {
        self.turn + self.later + self.held + self.all_down + self.cut_off
    }
}

/// A scope that is not as it should be.
#[derive(Clone, Debug)]
pub struct ScopeStatus {
    pub name: String,
    pub words: String,
    pub health: Health,
    pub since: Timestamp,
    pub reason: String,
    pub course: Course,
}

/// An operator's word, until it expires.
#[derive(Clone, Debug)]
pub struct HoldStatus {
    pub scope: String,
    pub kind: HoldKind,
    pub reason: String,
    pub until: Timestamp,
}

/// Something to be looked at, outside of traffic and probes; the answer comes back as a [`Told`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Check {
    /// Control hosts, resolvers, a connection to the provider.
    Network {
        channel: ChannelKind,
        sender: String,
    },
    /// The provider's own word about our account.
    Account {
        channel: ChannelKind,
        sender: String,
    },
    /// What became of these messages, whose receipts are missing.
    History {
        channel: ChannelKind,
        sender: String,
        messages: Vec<MessageId>,
    },
}

/// What a look outside showed.
#[derive(Clone, Debug)]
pub enum Told {
    Feed(FeedSeen),
    Network(NetworkSeen),
    Account {
        channel: ChannelKind,
        sender: String,
        word: AccountWord,
        words: String,
    },
    /// `delivered`: messages without receipts have arrived by the provider's history.
    History {
        channel: ChannelKind,
        sender: String,
        delivered: bool,
    },
    /// Whether our own webhook can be reached from outside.
    Webhook {
        channel: ChannelKind,
        reached: bool,
        words: String,
    },
    /// An echo between two of our own numbers: sent, or arrived.
    Echo(Echo),
}

/// A message to ourselves that tests sending, delivery and webhooks at once.
#[derive(Clone, Debug)]
pub struct Echo {
    pub channel: ChannelKind,
    /// The number that sent it, and the one that should get it (which matters when it leaves).
    pub from: String,
    pub to_number: String,
    pub token: u64,
    pub step: EchoStep,
}

#[derive(Clone, Debug)]
pub enum EchoStep {
    Leaves,
    Ended(Outcome),
    Arrived,
}

/// Everything that waits or is under way, counted.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    pub waiting: usize,
    pub in_flight: usize,
    pub in_doubt: usize,
    pub placed: usize,
    pub oldest_waiting_at: Option<Timestamp>,
}
