//! The Store port on PostgreSQL: hands writes to the writers and reads to the pool.

use super::PostgresStore;
use super::beat;
use super::connect::{in_transaction, on};
use super::migrate;
use super::read::{cluster, console, hooks, inbound, library, messages, people, routes};
use super::write::retention;
use async_trait::async_trait;
use holdline_core::id::{InboundId, OutageId};
use holdline_core::message::Priority;
use holdline_core::{AttemptKey, ChannelKind, ContactId, MessageId, Timestamp};
use holdline_engine::ports::cluster::{
    Beat, ClusterView, HandoffRecord, Lease, LeaseHeld, Partitions,
};
use holdline_engine::ports::ops::{GroupResult, Groups};
use holdline_engine::ports::records::{
    ActivityRecord, AuditRecord, BaselineRecord, ContactRecord, EndpointRecord, EvidenceRecord,
    HoldRecord, HookRecord, InboundRecord, MediaRecord, MessageRecord, OpenHook, OutageRecord,
    RawInbound, RouteRecord, SessionRecord, StoredMessage, TemplateRecord, Timeline, TokenRecord,
    TrafficRecord, UserRecord,
};
use holdline_engine::ports::store::{COMMIT_GROUPS_MAX, Fate, MessageFilter, StoreResult};
use holdline_engine::ports::{Store, StoreError};

#[async_trait]
impl Store for PostgresStore {
    async fn commit(&self, groups: Groups) -> StoreResult<Vec<GroupResult>> {
        if groups.is_empty() {
            return Ok(Vec::new());
        }
        if groups.len() > COMMIT_GROUPS_MAX {
            let why = format!("a commit has at most {COMMIT_GROUPS_MAX} groups");
            return Err(StoreError::Unavailable(why));
        }
        self.write(groups).await
    }

    async fn under_way(
        &self,
        partitions: Partitions,
        after: Option<MessageId>,
        limit: usize,
    ) -> StoreResult<Vec<StoredMessage>> {
        on!(self.reads, |c| messages::under_way(
            c, partitions, after, limit
        ))
    }

    async fn waiting(
        &self,
        partitions: Partitions,
        priority: Priority,
        after: Option<MessageId>,
        limit: usize,
    ) -> StoreResult<Vec<StoredMessage>> {
        on!(self.reads, |c| messages::waiting(
            c, partitions, priority, after, limit
        ))
    }

    async fn waiting_expired(
        &self,
        partitions: Partitions,
        now: Timestamp,
        limit: usize,
    ) -> StoreResult<Vec<StoredMessage>> {
        on!(self.reads, |c| messages::waiting_expired(
            c, partitions, now, limit
        ))
    }

    async fn count_waiting(&self, partitions: Partitions) -> StoreResult<usize> {
        on!(self.reads, |c| messages::count_waiting(c, partitions))
    }

    async fn messages(&self, ids: &[MessageId]) -> StoreResult<Vec<MessageRecord>> {
        on!(self.reads, |c| messages::by_ids(c, ids))
    }

    async fn message(&self, id: MessageId) -> StoreResult<Option<StoredMessage>> {
        on!(self.reads, |c| messages::by_id(c, id))
    }

    async fn timeline(&self, id: MessageId) -> StoreResult<Timeline> {
        on!(self.reads, |c| messages::timeline(c, id))
    }

    async fn list_messages(
        &self,
        filter: &MessageFilter,
        limit: usize,
    ) -> StoreResult<Vec<StoredMessage>> {
        on!(self.reads, |c| messages::list(c, filter, limit))
    }

    async fn attempt_by_provider_id(
        &self,
        channel: ChannelKind,
        provider_id: &str,
    ) -> StoreResult<Option<AttemptKey>> {
        on!(self.reads, |c| messages::attempt_by_provider_id(
            c,
            channel,
            provider_id
        ))
    }

    async fn provider_id_of(
        &self,
        message: MessageId,
        channel: ChannelKind,
    ) -> StoreResult<Option<String>> {
        on!(self.reads, |c| messages::provider_id_of(
            c, message, channel
        ))
    }

    async fn recent_by_contact(
        &self,
        contact: ContactId,
        channel: ChannelKind,
        since: Timestamp,
        limit: usize,
    ) -> StoreResult<Vec<MessageRecord>> {
        on!(self.reads, |c| messages::recent(
            c, contact, channel, since, limit
        ))
    }

    async fn contact(&self, id: ContactId) -> StoreResult<Option<ContactRecord>> {
        on!(self.reads, |c| people::by_id(c, id))
    }

    async fn contacts_by_address(
        &self,
        addresses: &[(ChannelKind, String)],
    ) -> StoreResult<Vec<Option<ContactRecord>>> {
        on!(self.reads, |c| people::by_addresses(c, addresses))
    }

    async fn list_contacts(
        &self,
        after: Option<ContactId>,
        limit: usize,
    ) -> StoreResult<Vec<ContactRecord>> {
        on!(self.reads, |c| people::list(c, after, limit))
    }

    async fn find_contacts(
        &self,
        text: &str,
        after: Option<ContactId>,
        limit: usize,
    ) -> StoreResult<Vec<ContactRecord>> {
        on!(self.reads, |c| people::find(c, text, after, limit))
    }

    async fn raw_open(
        &self,
        partitions: Partitions,
        after: Option<u128>,
        limit: usize,
    ) -> StoreResult<Vec<RawInbound>> {
        on!(self.reads, |c| inbound::raw_open(
            c, partitions, after, limit
        ))
    }

    async fn inbound(&self, id: InboundId) -> StoreResult<Option<InboundRecord>> {
        on!(self.reads, |c| inbound::by_id(c, id))
    }

    async fn inbound_by_provider_id(
        &self,
        channel: ChannelKind,
        provider_id: &str,
    ) -> StoreResult<Option<InboundRecord>> {
        on!(self.reads, |c| inbound::by_provider_id(
            c,
            channel,
            provider_id
        ))
    }

    async fn hooks_due(
        &self,
        partitions: Partitions,
        now: Timestamp,
        without: &[String],
        limit: usize,
    ) -> StoreResult<Vec<HookRecord>> {
        on!(self.reads, |c| hooks::due(
            c, partitions, now, without, limit
        ))
    }

    async fn hooks_next_due(&self, partitions: Partitions) -> StoreResult<Option<Timestamp>> {
        on!(self.reads, |c| hooks::next_due(c, partitions))
    }

    async fn endpoints(&self) -> StoreResult<Vec<EndpointRecord>> {
        on!(self.reads, |c| hooks::endpoints(c))
    }

    async fn media(&self, id: &str) -> StoreResult<Option<MediaRecord>> {
        on!(self.reads, |c| library::media(c, id))
    }

    async fn media_expired(&self, now: Timestamp, limit: usize) -> StoreResult<Vec<MediaRecord>> {
        on!(self.reads, |c| library::media_expired(c, now, limit))
    }

    async fn media_alias(
        &self,
        media: &str,
        sender: &str,
        now: Timestamp,
    ) -> StoreResult<Option<String>> {
        on!(self.reads, |c| library::media_alias(c, media, sender, now))
    }

    async fn templates(&self, waba: &str) -> StoreResult<Vec<TemplateRecord>> {
        on!(self.reads, |c| library::templates(c, waba))
    }

    async fn token_by_hash(&self, hash: &[u8; 32]) -> StoreResult<Option<TokenRecord>> {
        on!(self.reads, |c| library::token_by_hash(c, hash))
    }

    async fn tokens(&self) -> StoreResult<Vec<TokenRecord>> {
        on!(self.reads, |c| library::tokens(c))
    }

    async fn routes(&self) -> StoreResult<Vec<RouteRecord>> {
        on!(self.reads, |c| routes::all_routes(c))
    }

    async fn outages(&self, limit: usize) -> StoreResult<Vec<OutageRecord>> {
        on!(self.reads, |c| routes::outages(c, limit))
    }

    async fn outage(&self, id: OutageId) -> StoreResult<Option<OutageRecord>> {
        on!(self.reads, |c| routes::outage(c, id))
    }

    async fn baselines(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> StoreResult<Vec<BaselineRecord>> {
        on!(self.reads, |c| routes::baselines(c, after, limit))
    }

    async fn holds(&self) -> StoreResult<Vec<HoldRecord>> {
        on!(self.reads, |c| routes::holds(c))
    }

    async fn audit(&self, before: Option<u128>, limit: usize) -> StoreResult<Vec<AuditRecord>> {
        on!(self.reads, |c| routes::audit(c, before, limit))
    }

    async fn setting(&self, key: &str) -> StoreResult<Option<String>> {
        on!(self.reads, |c| routes::setting(c, key))
    }

    async fn open_hooks(
        &self,
        endpoint: &str,
        before: Option<i64>,
        limit: usize,
    ) -> StoreResult<Vec<OpenHook>> {
        on!(self.reads, |c| hooks::open(c, endpoint, before, limit))
    }

    async fn users(&self) -> StoreResult<Vec<UserRecord>> {
        on!(self.reads, |c| console::users(c))
    }

    async fn session(&self, hash: &[u8; 32]) -> StoreResult<Option<SessionRecord>> {
        on!(self.reads, |c| console::session(c, hash))
    }

    async fn sessions(&self) -> StoreResult<Vec<SessionRecord>> {
        on!(self.reads, |c| console::sessions(c))
    }

    async fn activity(&self, after: Option<i64>, limit: usize) -> StoreResult<Vec<ActivityRecord>> {
        on!(self.reads, |c| console::activity(c, after, limit))
    }

    async fn traffic(&self, since: Timestamp, limit: usize) -> StoreResult<Vec<TrafficRecord>> {
        on!(self.reads, |c| console::traffic(c, since, limit))
    }

    async fn evidence(&self, outage: OutageId, limit: usize) -> StoreResult<Vec<EvidenceRecord>> {
        on!(self.reads, |c| console::evidence(c, outage, limit))
    }

    async fn fates(
        &self,
        first: ChannelKind,
        since: Timestamp,
        until: Timestamp,
        limit: usize,
    ) -> StoreResult<Vec<Fate>> {
        on!(self.reads, |c| messages::fates(
            c,
            first,
            (since, until),
            limit
        ))
    }

    async fn beat(&self, beat: &Beat) -> StoreResult<Vec<LeaseHeld>> {
        on!(self.upkeep, |c| async {
            let beating = async {
                migrate::check_writer(c).await?;
                beat::beat(c, beat).await
            };
            in_transaction(c, beating).await
        })
    }

    async fn cluster(&self, _now: Timestamp) -> StoreResult<ClusterView> {
        on!(self.reads, |c| cluster::view(c))
    }

    async fn handoffs(&self, leases: &[Lease], limit: usize) -> StoreResult<Vec<HandoffRecord>> {
        on!(self.reads, |c| cluster::handoffs(c, leases, limit))
    }

    async fn expire_rows(
        &self,
        bodies_before: Timestamp,
        metadata_before: Timestamp,
        limit: usize,
    ) -> StoreResult<usize> {
        on!(self.upkeep, |c| async {
            let deleting = retention::expire(c, bodies_before, metadata_before, limit);
            in_transaction(c, deleting).await
        })
    }
}
