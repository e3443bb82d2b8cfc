//! All tables of the in-memory store, and the indexes that reads go by. Plain data.

mod table;

use crate::ports::cluster::{HandoffRecord, Lease, LeaseRecord, NodeRecord};
use crate::ports::records::{
    Activity, AttemptRecord, AuditRecord, BaselineRecord, ContactRecord, DecisionRecord,
    DeliveryState, EndpointRecord, EvidenceRecord, HoldRecord, HookRecord, InboundRecord,
    MediaRecord, MessageRecord, OutageRecord, RawInbound, ReceiptRecord, RouteRecord,
    SessionRecord, TemplateRecord, TokenRecord, TrafficRecord, UserRecord,
};
use bytes::Bytes;
use holdline_core::id::{InboundId, OutageId};
use holdline_core::{AttemptKey, ChannelKind, ContactId, MessageId, Timestamp};
use table::Table;

/// A known idempotency key.
#[derive(Clone, Debug)]
pub(super) struct KnownKey {
    pub(super) message: MessageId,
    pub(super) body_hash: [u8; 32],
    pub(super) answer: Bytes,
    pub(super) expires_at: Timestamp,
}

/// An event that was given up.
#[derive(Clone, Debug)]
pub(super) struct DroppedHook {
    pub(super) hook: HookRecord,
    pub(super) at: Timestamp,
    pub(super) error: String,
}

macro_rules! tables {
    ($($name:ident: $key:ty => $value:ty,)*) => {
        /// Everything that is kept.
        #[derive(Debug, Default)]
        pub(super) struct Tables {
            $(pub(super) $name: Table<$key, $value>,)*
            /// The number of the newest event; never used again, even when its group failed.
            pub(super) hook_seq: i64,
            /// As that, of the log.
            pub(super) activity_seq: i64,
        }

        impl Tables {
            /// The group holds.
            pub(super) fn keep(&mut self) {
                $(self.$name.keep();)*
            }

            /// Nothing of the group happened.
            pub(super) fn take_back(&mut self) {
                $(self.$name.take_back();)*
            }
        }
    };
}

tables! {
    messages: MessageId => MessageRecord,
    deliveries: MessageId => DeliveryState,
    by_contact: (ContactId, MessageId) => (),
    attempts: AttemptKey => AttemptRecord,
    duplicates: AttemptKey => (),
    provider_ids: (ChannelKind, String, AttemptKey) => (),
    receipts: (MessageId, usize) => ReceiptRecord,
    decisions: (MessageId, usize) => DecisionRecord,
    keys: (String, String) => KnownKey,
    contacts: ContactId => ContactRecord,
    owners: (ChannelKind, String) => ContactId,
    raw: u128 => RawInbound,
    raw_done: u128 => RawInbound,
    inbound: InboundId => InboundRecord,
    inbound_ids: (ChannelKind, String) => InboundId,
    hooks: i64 => HookRecord,
    hook_subjects: (String, u128, i64) => (),
    hook_heads: (Timestamp, i64) => (),
    hook_errors: i64 => String,
    hooks_dropped: i64 => DroppedHook,
    endpoints: String => EndpointRecord,
    media: String => MediaRecord,
    aliases: (String, String) => (String, Timestamp),
    templates: (String, String, String, String) => TemplateRecord,
    tokens: String => TokenRecord,
    routes: String => RouteRecord,
    outages: OutageId => OutageRecord,
    baselines: String => BaselineRecord,
    holds: String => HoldRecord,
    audit: u128 => AuditRecord,
    settings: String => String,
    users: String => UserRecord,
    sessions: [u8; 32] => SessionRecord,
    activity: i64 => Activity,
    traffic: (Timestamp, ChannelKind) => TrafficRecord,
    evidence: (OutageId, Timestamp) => EvidenceRecord,
    nodes: String => NodeRecord,
    leases: Lease => LeaseRecord,
    handoffs: u128 => HandoffRecord,
}
