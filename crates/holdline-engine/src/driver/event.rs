//! What the driver is told, and what it hands out to be performed.

use crate::cluster::Held;
use crate::ports::channel::Dispatch;
use crate::ports::cluster::{HandoffRecord, Partitions};
use crate::ports::ops::{Accept, Op};
use crate::ports::records::{HoldRecord, ReceiptRecord, RouteRecord};
use crate::request::Told;
use holdline_core::health::{InboundKind, NumberIx};
use holdline_core::message::{Outcome, Receipt};
use holdline_core::routing::RouteIx;
use holdline_core::{AttemptKey, ChannelKind, ContactId, MessageId, Redacted, Timestamp};

use super::turn::{AcceptAnswer, Reply};
use tokio::sync::oneshot;

/// Everything that can happen to the driver.
pub(crate) enum Event {
    Accept(Box<AcceptEvent>),
    Outcome(Box<OutcomeEvent>),
    /// A webhook that has been read: its receipts, who wrote, and what is committed with them.
    Receipts {
        receipts: Vec<ReceiptEvent>,
        wrote: Vec<Wrote>,
        ops: Vec<Op>,
    },
    /// A person said stop at one address.
    Withdrawn {
        contact: ContactId,
        channel: ChannelKind,
        address: Redacted<String>,
    },
    Cancel {
        id: MessageId,
        reply: Reply,
    },
    RetryNow {
        id: MessageId,
        reply: Reply,
    },
    /// An operator wants it sent by this channel of its plan.
    SendBy {
        id: MessageId,
        channel: ChannelKind,
        reply: Reply,
    },
    Probed {
        number: NumberIx,
        outcome: Outcome,
    },
    /// A look outside.
    Told(Box<Told>),
    /// The leases of this node, by the store's word.
    Leases(Box<LeasesEvent>),
    /// What other nodes handed over.
    Handed(Handed),
    /// Health as another node decided it, and what operators said there.
    Follow {
        routes: Vec<RouteRecord>,
        holds: Vec<HoldRecord>,
    },
    /// An operator speaks about a scope.
    Hold {
        hold: Box<HoldRecord>,
        reply: Reply,
    },
    Release {
        scope: String,
        actor: String,
        reason: String,
        reply: Reply,
    },
}

pub(crate) struct LeasesEvent {
    pub(crate) held: Held,
    /// More than the share of this node.
    pub(crate) give: Partitions,
    /// Nodes that live, this one too.
    pub(crate) nodes: usize,
    /// Partitions that nothing is in flight for and that are no longer driven.
    pub(crate) reply: oneshot::Sender<Partitions>,
}

pub(crate) struct Handed {
    pub(crate) records: Vec<HandoffRecord>,
    /// Dropped once they are done, or are to come again.
    pub(crate) done: oneshot::Sender<()>,
}

/// A person wrote to one of our senders.
pub(crate) struct Wrote {
    pub(crate) channel: ChannelKind,
    pub(crate) sender: String,
    pub(crate) kind: InboundKind,
}

pub(crate) struct AcceptEvent {
    pub(crate) accept: Accept,
    /// Committed before the message: the person, if new.
    pub(crate) before: Vec<Op>,
    pub(crate) answer: bytes::Bytes,
    pub(crate) reply: AcceptAnswer,
    /// An earlier try may have brought it into the store: then it is not taken again.
    pub(crate) may_be_known: bool,
}

pub(crate) struct OutcomeEvent {
    pub(crate) key: AttemptKey,
    pub(crate) route: RouteIx,
    /// When it left; `None` when it never did.
    pub(crate) started_at: Option<Timestamp>,
    pub(crate) outcome: Outcome,
    /// Where it went, should the address turn out to be dead.
    pub(crate) channel: ChannelKind,
    pub(crate) address: Redacted<String>,
}

pub(crate) struct ReceiptEvent {
    pub(crate) key: AttemptKey,
    pub(crate) receipt: Receipt,
    pub(crate) record: ReceiptRecord,
}

/// What the performers of a sender do.
#[derive(Debug)]
pub(crate) enum Work {
    Send {
        route: RouteIx,
        started_at: Timestamp,
        dispatch: Box<Dispatch>,
    },
    Probe {
        number: NumberIx,
    },
}
