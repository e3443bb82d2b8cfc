//! The one Channel trait: encode, send, classify, and read what comes back. A channel decides
//! nothing about routing or health and keeps no state about messages.

use super::hook::HookRequest;
use super::library::Library;
use super::records::{MessageRecord, PlannedHop, RawInbound};
use async_trait::async_trait;
use bytes::Bytes;
use holdline_core::message::{Outcome, ReceiptKind, Success};
use holdline_core::{AttemptKey, ChannelKind, MessageId, Redacted, Timestamp};
use std::sync::Arc;

/// What a channel can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// The best receipt it can ever give: a hop wants no more than this.
    pub best_receipt: Success,
    /// People can answer on it.
    pub inbound: bool,
    /// It has a probe that says something.
    pub probe: bool,
}

/// One attempt to be made.
#[derive(Clone, Debug)]
pub struct Dispatch {
    pub key: AttemptKey,
    pub message: Arc<MessageRecord>,
    pub hop: PlannedHop,
}

/// Why an incoming call is not from the provider.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HookRefusal {
    #[error("the signature is missing")]
    NoSignature,
    #[error("the signature does not match the body; check the secret on both sides")]
    BadSignature,
    #[error("{0}")]
    Malformed(String),
}

/// What a provider told us.
#[derive(Clone, Debug)]
pub enum InboundItem {
    Receipt(InboundReceipt),
    Message(Box<InboundMessage>),
    /// A management webhook that apps may want, in the provider's own shape.
    Passed {
        field: String,
        waba: String,
        value: String,
    },
    /// The provider reports a change of templates: sync them.
    TemplatesChanged {
        waba: String,
    },
    /// An echo between two numbers of ours came in, or proved otherwise that the provider works.
    /// Belongs to no person and to no app.
    Echo {
        /// The sender that wrote it.
        from: String,
        token: u64,
    },
}

/// The provider's later word about an attempt.
#[derive(Clone, Debug)]
pub struct InboundReceipt {
    /// The attempt, where the provider echoes our own reference.
    pub key: Option<AttemptKey>,
    pub provider_id: String,
    pub kind: ReceiptKind,
    pub at: Timestamp,
}

/// What a person wrote, in the Cloud API's shape.
#[derive(Clone, Debug)]
pub struct InboundMessage {
    pub provider_id: String,
    /// The person's address on this channel (E.164 with `+`; an e-mail address).
    pub from: Option<Redacted<String>>,
    /// WhatsApp business-scoped user id.
    pub from_user: Option<String>,
    pub name: Option<Redacted<String>>,
    /// Our identity on this channel that it was sent to.
    pub to: String,
    pub at: Timestamp,
    /// The provider's id of the message it answers.
    pub context: Option<String>,
    /// `text`, `image`, `interactive`, ...
    pub kind: String,
    pub text: Option<Redacted<String>>,
    /// The Cloud API message object without `id`, `from`, `timestamp` and `context`.
    pub payload: Redacted<Bytes>,
    pub media: Option<InboundMedia>,
}

/// A file that came with it; fetched when somebody asks for it.
#[derive(Clone, Debug)]
pub struct InboundMedia {
    /// The provider's media id, or an absolute address.
    pub remote: Redacted<String>,
    pub mime: String,
    pub filename: Option<Redacted<String>>,
    pub sha256: Option<String>,
}

/// A reply that means a choice the person was offered.
#[derive(Clone, Debug)]
pub struct Interpreted {
    /// The message that offered it.
    pub context: MessageId,
    /// `interactive` or `button`.
    pub kind: String,
    /// As in [`InboundMessage::payload`].
    pub payload: Redacted<Bytes>,
}

/// A medium, with the provider behind it.
#[async_trait]
pub trait Channel: Send + Sync + std::fmt::Debug {
    fn kind(&self) -> ChannelKind;

    fn capabilities(&self) -> Capabilities;

    /// Makes one attempt. Ends within the channel's own time-out and never panics on what the
    /// provider answers; what cannot be told is [`Outcome::Unknown`].
    async fn send(&self, dispatch: &Dispatch, library: &dyn Library) -> Outcome;

    /// Asks the provider something cheap on behalf of `sender`.
    async fn probe(&self, sender: &str) -> Outcome;

    /// Checks that a call comes from the provider, on the raw bytes.
    fn verify(&self, request: &HookRequest) -> Result<(), HookRefusal>;

    /// The provider's subscription handshake (a GET): the text to answer with.
    fn handshake(&self, query: &[(String, String)]) -> Option<Result<String, HookRefusal>>;

    /// Reads a stored webhook. Pure: the same bytes give the same items.
    fn read(&self, raw: &RawInbound) -> Result<Vec<InboundItem>, HookRefusal>;

    /// Reads a reply in the light of what was asked: "1" becomes the press of the first button.
    /// `recent` holds the newest messages to this person on this channel, newest first.
    async fn interpret(
        &self,
        _text: &str,
        _recent: &[MessageRecord],
        _library: &dyn Library,
    ) -> Option<Interpreted> {
        None
    }

    /// Fetches a remote file that [`InboundMedia`] named, at most `size_max` bytes.
    async fn fetch(&self, remote: &str, size_max: u64) -> Result<(String, Bytes), String>;
}
