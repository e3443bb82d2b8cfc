//! The one Store trait: batch writes and page reads. Implementations know SQL; nobody else does.

use super::cluster::{Beat, ClusterView, HandoffRecord, Lease, LeaseHeld, Partitions};
use super::ops::{GroupResult, Groups};
use super::records::{
    ActivityRecord, AuditRecord, BaselineRecord, ContactRecord, EndpointRecord, EvidenceRecord,
    HoldRecord, HookRecord, InboundRecord, MediaRecord, MessageRecord, OpenHook, OutageRecord,
    RawInbound, RouteRecord, SessionRecord, StoredMessage, TemplateRecord, Timeline, TokenRecord,
    TrafficRecord, UserRecord,
};
use async_trait::async_trait;
use holdline_core::id::{InboundId, OutageId};
use holdline_core::message::Priority;
use holdline_core::{AttemptKey, ChannelKind, ContactId, MessageId, Timestamp};
use std::sync::Arc;

/// Most groups of one commit.
pub const COMMIT_GROUPS_MAX: usize = 2_048;
/// Most rows of one page read.
pub const PAGE_MAX: usize = 1_000;

/// Why the store could not do it. Nothing was written, unless `Ambiguous` says otherwise.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// No space, or the file system is read-only.
    #[error("the store cannot write: {0}")]
    Full(String),
    /// It does not do this, though it may be there.
    #[error("the store is not available: {0}")]
    Unavailable(String),
    /// Nothing answers there, or what answers takes no writes for now: a later try may go well.
    #[error("the store is not reachable: {0}")]
    Unreachable(String),
    /// The commit may or may not have happened.
    #[error("the store did not say whether it committed: {0}")]
    Ambiguous(String),
    #[error("the store holds something that cannot be read: {0}")]
    Corrupt(String),
}

impl StoreError {
    /// Waiting mends it, and nothing is wrong with what was to be written.
    #[must_use]
    pub const fn is_away(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::Ambiguous(_) => true,
            Self::Full(_) | Self::Unavailable(_) | Self::Corrupt(_) => false,
        }
    }
}

pub type StoreResult<T> = Result<T, StoreError>;

/// Which messages a list shows. `None` = any.
#[derive(Clone, Debug, Default)]
pub struct MessageFilter {
    pub app: Option<String>,
    /// One of these senders; an empty list shows none.
    pub senders: Option<Vec<String>>,
    pub contact: Option<ContactId>,
    /// A name of `State::name`.
    pub state: Option<String>,
    /// Older than this one (keyset; newest first).
    pub before: Option<MessageId>,
    /// An attempt was made on this channel.
    pub channel: Option<ChannelKind>,
    /// Accepted then or later, and before then.
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
}

/// How many messages have come to the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fate {
    /// A name of `State::name`.
    pub state: String,
    /// The channel of the last attempt, if one was made.
    pub channel: Option<ChannelKind>,
    pub count: u64,
}

/// Durable storage. All writes go through `commit`; every read is bounded by its `limit`.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Commits the groups in order with one sync; a conflicting group leaves the others alone.
    async fn commit(&self, groups: Groups) -> StoreResult<Vec<GroupResult>>;

    // Messages and deliveries.
    /// Deliveries of these partitions that are in flight, in doubt or placed, by id, from after
    /// `after`; bodies are left empty.
    async fn under_way(
        &self,
        partitions: Partitions,
        after: Option<MessageId>,
        limit: usize,
    ) -> StoreResult<Vec<StoredMessage>>;
    /// Deliveries of these partitions and of one priority that wait, by id, from after `after`;
    /// bodies are left empty.
    async fn waiting(
        &self,
        partitions: Partitions,
        priority: Priority,
        after: Option<MessageId>,
        limit: usize,
    ) -> StoreResult<Vec<StoredMessage>>;
    /// Deliveries of these partitions that wait and have expired, the longest expired first;
    /// bodies are left empty.
    async fn waiting_expired(
        &self,
        partitions: Partitions,
        now: Timestamp,
        limit: usize,
    ) -> StoreResult<Vec<StoredMessage>>;
    /// How many deliveries of these partitions wait.
    async fn count_waiting(&self, partitions: Partitions) -> StoreResult<usize>;
    /// The messages with bodies, in the order asked; unknown ids are left out.
    async fn messages(&self, ids: &[MessageId]) -> StoreResult<Vec<MessageRecord>>;
    async fn message(&self, id: MessageId) -> StoreResult<Option<StoredMessage>>;
    async fn timeline(&self, id: MessageId) -> StoreResult<Timeline>;
    async fn list_messages(
        &self,
        filter: &MessageFilter,
        limit: usize,
    ) -> StoreResult<Vec<StoredMessage>>;
    /// The attempt that a provider knows by this id.
    async fn attempt_by_provider_id(
        &self,
        channel: ChannelKind,
        provider_id: &str,
    ) -> StoreResult<Option<AttemptKey>>;
    /// The provider's id of a message's latest accepted attempt on a channel.
    async fn provider_id_of(
        &self,
        message: MessageId,
        channel: ChannelKind,
    ) -> StoreResult<Option<String>>;
    /// The newest messages that went to a person by a channel, newest first.
    async fn recent_by_contact(
        &self,
        contact: ContactId,
        channel: ChannelKind,
        since: Timestamp,
        limit: usize,
    ) -> StoreResult<Vec<MessageRecord>>;

    // People.
    async fn contact(&self, id: ContactId) -> StoreResult<Option<ContactRecord>>;
    /// Who has each of these addresses, in their order: at most [`PAGE_MAX`].
    async fn contacts_by_address(
        &self,
        addresses: &[(ChannelKind, String)],
    ) -> StoreResult<Vec<Option<ContactRecord>>>;
    /// Who has this address, where that is known without a read, as of the last commit that was
    /// answered. `None` says nothing.
    fn contact_at_hand(&self, _channel: ChannelKind, _value: &str) -> Option<Arc<ContactRecord>> {
        None
    }
    /// Who has this address: at hand, or read.
    async fn contact_by_address(
        &self,
        channel: ChannelKind,
        value: &str,
    ) -> StoreResult<Option<ContactRecord>> {
        if let Some(at_hand) = self.contact_at_hand(channel, value) {
            return Ok(Some(Arc::unwrap_or_clone(at_hand)));
        }
        let address = [(channel, value.to_owned())];
        let mut found = self.contacts_by_address(&address).await?;
        Ok(found.pop().flatten())
    }
    async fn list_contacts(
        &self,
        after: Option<ContactId>,
        limit: usize,
    ) -> StoreResult<Vec<ContactRecord>>;

    /// People whose name, external id or one of whose addresses begins with this text (case does
    /// not matter for names), by id.
    async fn find_contacts(
        &self,
        text: &str,
        after: Option<ContactId>,
        limit: usize,
    ) -> StoreResult<Vec<ContactRecord>>;

    // Inbound.
    /// Webhooks of these partitions that are not worked off, by id.
    async fn raw_open(
        &self,
        partitions: Partitions,
        after: Option<u128>,
        limit: usize,
    ) -> StoreResult<Vec<RawInbound>>;
    async fn inbound(&self, id: InboundId) -> StoreResult<Option<InboundRecord>>;
    async fn inbound_by_provider_id(
        &self,
        channel: ChannelKind,
        provider_id: &str,
    ) -> StoreResult<Option<InboundRecord>>;

    // Events to apps.
    /// Due events of these partitions and of all endpoints but `without`, oldest first, only those
    /// whose endpoint and subject have no older open one.
    async fn hooks_due(
        &self,
        partitions: Partitions,
        now: Timestamp,
        without: &[String],
        limit: usize,
    ) -> StoreResult<Vec<HookRecord>>;
    /// When the next event of these partitions becomes due.
    async fn hooks_next_due(&self, partitions: Partitions) -> StoreResult<Option<Timestamp>>;
    async fn endpoints(&self) -> StoreResult<Vec<EndpointRecord>>;
    /// Events of an endpoint that are still to be posted or were given up, older than `before`,
    /// the newest first.
    async fn open_hooks(
        &self,
        endpoint: &str,
        before: Option<i64>,
        limit: usize,
    ) -> StoreResult<Vec<OpenHook>>;

    // Media, templates, tokens, routes, operators.
    async fn media(&self, id: &str) -> StoreResult<Option<MediaRecord>>;
    /// Media that expired before `now`.
    async fn media_expired(&self, now: Timestamp, limit: usize) -> StoreResult<Vec<MediaRecord>>;
    async fn media_alias(
        &self,
        media: &str,
        sender: &str,
        now: Timestamp,
    ) -> StoreResult<Option<String>>;
    async fn templates(&self, waba: &str) -> StoreResult<Vec<TemplateRecord>>;
    async fn token_by_hash(&self, hash: &[u8; 32]) -> StoreResult<Option<TokenRecord>>;
    async fn tokens(&self) -> StoreResult<Vec<TokenRecord>>;
    async fn routes(&self) -> StoreResult<Vec<RouteRecord>>;
    /// The newest first.
    async fn outages(&self, limit: usize) -> StoreResult<Vec<OutageRecord>>;
    async fn outage(&self, id: OutageId) -> StoreResult<Option<OutageRecord>>;
    /// By key, from after `after`.
    async fn baselines(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> StoreResult<Vec<BaselineRecord>>;
    /// By scope; those whose time has passed too.
    async fn holds(&self) -> StoreResult<Vec<HoldRecord>>;
    /// What people did, the newest first, older than `before`.
    async fn audit(&self, before: Option<u128>, limit: usize) -> StoreResult<Vec<AuditRecord>>;
    async fn setting(&self, key: &str) -> StoreResult<Option<String>>;

    // The console.
    /// By name.
    async fn users(&self) -> StoreResult<Vec<UserRecord>>;
    async fn session(&self, hash: &[u8; 32]) -> StoreResult<Option<SessionRecord>>;
    /// The last used first, at most [`PAGE_MAX`].
    async fn sessions(&self) -> StoreResult<Vec<SessionRecord>>;
    /// The lines after this one, in order; without one the newest `limit`, in order too.
    async fn activity(&self, after: Option<i64>, limit: usize) -> StoreResult<Vec<ActivityRecord>>;
    /// From this minute on, by minute and channel.
    async fn traffic(&self, since: Timestamp, limit: usize) -> StoreResult<Vec<TrafficRecord>>;
    /// Of one outage, by instant.
    async fn evidence(&self, outage: OutageId, limit: usize) -> StoreResult<Vec<EvidenceRecord>>;
    /// What became of the messages that were accepted in this time, of the newest `limit` at most
    /// (which may be more than [`PAGE_MAX`]: only sums come back), as far as their plans begin with
    /// the channel `first`; by state and channel.
    async fn fates(
        &self,
        first: ChannelKind,
        since: Timestamp,
        until: Timestamp,
        limit: usize,
    ) -> StoreResult<Vec<Fate>>;

    // Nodes.
    /// Takes a sign of life: renews what the node holds (also what has expired and nobody took:
    /// with the epoch it had), frees what it gives, lets it take what is free or expired (with
    /// the next epoch). All of it or nothing; gives all that it holds now, by lease.
    async fn beat(&self, beat: &Beat) -> StoreResult<Vec<LeaseHeld>>;
    /// `now` is the asking node's; a store that several machines share answers with its own.
    async fn cluster(&self, now: Timestamp) -> StoreResult<ClusterView>;
    /// What waits for the holders of these leases, oldest first.
    async fn handoffs(&self, leases: &[Lease], limit: usize) -> StoreResult<Vec<HandoffRecord>>;

    /// Gives room that deleted rows left back to the disk, in one short step; true when there is
    /// more. A store that has no such thing does nothing.
    async fn give_back_room(&self) -> StoreResult<bool> {
        Ok(false)
    }

    /// Deletes what retention no longer allows, at most `limit` rows; gives how many it deleted.
    async fn expire_rows(
        &self,
        bodies_before: Timestamp,
        metadata_before: Timestamp,
        limit: usize,
    ) -> StoreResult<usize>;
}
