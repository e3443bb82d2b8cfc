//! Everything that is ever written, as values. A [`Group`] is atomic; a store commits many groups
//! with one sync.

use super::cluster::{HandoffRecord, Lease};
use super::records::{
    Activity, AddressRecord, AttemptRecord, AuditRecord, BaselineRecord, ContactRecord,
    DecisionRecord, DeliveryState, EndpointRecord, Event, EvidenceRecord, HoldRecord,
    InboundRecord, MediaRecord, MessageRecord, OutageRecord, RawInbound, ReceiptRecord,
    RouteRecord, SessionRecord, TemplateRecord, TokenRecord, TrafficRecord, UserRecord,
};
use bytes::Bytes;
use holdline_core::contact::Consent;
use holdline_core::{AttemptKey, ChannelKind, ContactId, MessageId, Redacted, Timestamp};
use std::sync::Arc;

/// Operations that happen together or not at all.
#[derive(Clone, Debug, Default)]
pub struct Group(pub Vec<Op>);

/// One write.
#[derive(Clone, Debug)]
pub enum Op {
    /// Conflicts unless the lease has this epoch; nobody takes the lease before the commit is over.
    Fence {
        lease: Lease,
        epoch: i64,
    },
    /// For whoever holds a lease.
    Handoff(HandoffRecord),
    HandoffDone(u128),
    /// A new message with its delivery. Conflicts when the idempotency key is known.
    Accept(Box<Accept>),
    /// A delivery moved: its new state and what goes with it.
    Advance(Box<Advance>),
    /// Inserts the person and those addresses that nobody has yet; existing ones stay, and a name
    /// is taken where none was known.
    ContactSeen(Box<ContactRecord>),
    /// Replaces name, external id and all addresses, but no withdrawn consent is lost. Conflicts
    /// when somebody else has one of the addresses.
    ContactSave(Box<ContactSave>),
    /// What is learned about an address by use; `None` leaves a field as it is.
    AddressNote(Box<AddressNote>),
    Raw(RawInbound),
    /// The raw webhook has been worked off.
    RawDone(u128),
    /// Conflicts with [`Conflict::Repeated`] when (channel, provider id) is known.
    Inbound(Box<InboundRecord>),
    /// Queues an event for an endpoint.
    Hook {
        endpoint: String,
        subject: u128,
        event: Event,
        due_at: Timestamp,
    },
    HookDone(i64),
    HookRetry {
        seq: i64,
        due_at: Timestamp,
        tries: u32,
        error: String,
    },
    /// Given up after the last retry; kept with its error.
    HookDropped {
        seq: i64,
        at: Timestamp,
        error: String,
    },
    /// One that was given up need not be kept any more.
    HookForget(i64),
    Endpoint(EndpointRecord),
    EndpointDelete(String),
    Media(MediaRecord),
    MediaDelete(String),
    /// The provider knows our media under this id, for this sender, until then.
    MediaAlias {
        media: String,
        sender: String,
        provider_id: String,
        until: Timestamp,
    },
    /// Replaces all templates of a WABA.
    Templates {
        waba: String,
        templates: Vec<TemplateRecord>,
    },
    Token(TokenRecord),
    TokenRevoke {
        id: String,
        at: Timestamp,
    },
    Route(RouteRecord),
    /// The route with this name is no more.
    RouteGone(String),
    Outage(OutageRecord),
    /// Replaces the one of the same key.
    Baseline(BaselineRecord),
    /// Replaces the one of the same scope.
    Hold(HoldRecord),
    /// The scope is left to the detector again.
    HoldRelease(String),
    /// Kept once, however often it is written.
    Audit(AuditRecord),
    Setting {
        key: String,
        value: String,
    },
    /// A new person, or the next version of one. Conflicts with [`Conflict::Repeated`] when the
    /// name is taken, or somebody else was first with a change.
    User(UserRecord),
    /// Replaces the one of the same token.
    Session(SessionRecord),
    SessionEnd([u8; 32]),
    /// The next line of the log.
    Activity(Activity),
    /// Adds to what the minute has.
    Traffic(TrafficRecord),
    /// Replaces the one of the same outage and instant.
    Evidence(EvidenceRecord),
}

/// A message to be kept, and how a repeat of the same request is answered.
#[derive(Clone, Debug)]
pub struct Accept {
    /// Shared with the attempts that follow in the same turn.
    pub message: Arc<MessageRecord>,
    pub delivery: DeliveryState,
    pub idempotency: Option<Idempotency>,
}

#[derive(Clone, Debug)]
pub struct Idempotency {
    /// Who used it: the token's app.
    pub scope: String,
    pub key: String,
    pub body_hash: [u8; 32],
    /// The answer, byte for byte.
    pub answer: Bytes,
    pub expires_at: Timestamp,
}

/// A delivery's new state with everything that happened in the same turn.
#[derive(Clone, Debug)]
pub struct Advance {
    pub state: DeliveryState,
    /// A new attempt: this commit comes before its first byte leaves.
    pub started: Option<AttemptRecord>,
    pub ended: Option<AttemptEnd>,
    pub receipts: Vec<ReceiptRecord>,
    pub decisions: Vec<DecisionRecord>,
    /// The person got it again, by this attempt.
    pub duplicate: Option<AttemptKey>,
}

/// What an attempt came to.
#[derive(Clone, Debug)]
pub struct AttemptEnd {
    pub key: AttemptKey,
    pub at: Timestamp,
    pub outcome: &'static str,
    pub provider_id: Option<String>,
    pub fault_class: Option<&'static str>,
    pub fault_code: Option<String>,
    pub fault_detail: Option<String>,
}

/// A person as somebody writes them.
#[derive(Clone, Debug)]
pub struct ContactSave {
    pub contact: ContactRecord,
    /// Addresses for which consent is said to be given again: only these lose a withdrawal.
    pub lifts: Vec<(ChannelKind, Redacted<String>)>,
}

impl ContactSave {
    /// What the addresses of the person become, each once; `known` are those they have. One whose
    /// consent is withdrawn stays so, named or not.
    #[must_use]
    pub fn addresses(&self, known: &[AddressRecord]) -> Vec<AddressRecord> {
        let stopped = |it: &&AddressRecord| it.consent == Consent::Withdrawn && !self.lifts(it);
        let stopped: Vec<_> = known.iter().filter(stopped).collect();
        let mut saved: Vec<AddressRecord> = Vec::with_capacity(self.contact.addresses.len());
        for address in &self.contact.addresses {
            if saved.iter().any(|it| is_same(it, address)) {
                continue;
            }
            let mut address = address.clone();
            if stopped.iter().any(|it| is_same(it, &address)) {
                address.consent = Consent::Withdrawn;
            }
            saved.push(address);
        }
        for address in stopped {
            if !saved.iter().any(|it| is_same(it, address)) {
                saved.push(address.clone());
            }
        }
        saved
    }

    fn lifts(&self, address: &AddressRecord) -> bool {
        self.lifts
            .iter()
            .any(|(channel, value)| *channel == address.channel && *value == address.value)
    }
}

fn is_same(left: &AddressRecord, right: &AddressRecord) -> bool {
    left.channel == right.channel && left.value == right.value
}

/// What use tells about an address.
#[derive(Clone, Debug)]
pub struct AddressNote {
    pub contact: ContactId,
    pub channel: ChannelKind,
    pub value: String,
    pub unreachable_until: Option<Timestamp>,
    pub last_inbound_at: Option<Timestamp>,
    pub consent: Option<Consent>,
}

/// Why a group was not committed. Nothing of it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Conflict {
    /// The key was used before: by the same request (answer it the same) or by another (409).
    Idempotency {
        message: MessageId,
        same_body: bool,
        answer: Bytes,
    },
    /// Another node has the lease.
    Fenced { lease: Lease },
    /// It is known already, or was changed meanwhile.
    Repeated,
    /// The address belongs to another person.
    AddressTaken {
        channel: ChannelKind,
        owner: ContactId,
    },
}

/// What became of one group.
pub type GroupResult = Result<(), Conflict>;

/// Groups are handed over in an `Arc` so that a failed commit can be tried again without a copy.
pub type Groups = Arc<[Group]>;
