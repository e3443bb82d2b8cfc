//! The Store port on SQLite: hands writes to the writer and reads to the readers.

use super::SqliteStore;
use super::area::library::console;
use super::area::{hooks, inbound, library, messages, people, routes};
use super::cluster;
use super::writer::{Commit, Expiry, Job};
use crate::rows::words_text;
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
use holdline_engine::ports::store::{
    COMMIT_GROUPS_MAX, Fate, MessageFilter, PAGE_MAX, StoreResult,
};
use holdline_engine::ports::{Store, StoreError};
use std::sync::Arc;

#[async_trait]
impl Store for SqliteStore {
    async fn commit(&self, groups: Groups) -> StoreResult<Vec<GroupResult>> {
        if groups.is_empty() {
            return Ok(Vec::new());
        }
        if groups.len() > COMMIT_GROUPS_MAX {
            let why = format!("a commit has at most {COMMIT_GROUPS_MAX} groups");
            return Err(StoreError::Unavailable(why));
        }
        self.ask(|answer| Job::Commit(Commit { groups, answer }))
            .await
    }

    async fn under_way(
        &self,
        partitions: Partitions,
        after: Option<MessageId>,
        limit: usize,
    ) -> StoreResult<Vec<StoredMessage>> {
        self.readers
            .run_large(move |c| messages::under_way(c, partitions, after, limit))
            .await
    }

    async fn waiting(
        &self,
        partitions: Partitions,
        priority: Priority,
        after: Option<MessageId>,
        limit: usize,
    ) -> StoreResult<Vec<StoredMessage>> {
        self.readers
            .run_large(move |c| messages::waiting(c, partitions, priority, after, limit))
            .await
    }

    async fn waiting_expired(
        &self,
        partitions: Partitions,
        now: Timestamp,
        limit: usize,
    ) -> StoreResult<Vec<StoredMessage>> {
        self.readers
            .run_large(move |c| messages::waiting_expired(c, partitions, now, limit))
            .await
    }

    async fn count_waiting(&self, partitions: Partitions) -> StoreResult<usize> {
        self.readers
            .run_large(move |c| messages::count_waiting(c, partitions))
            .await
    }

    async fn messages(&self, ids: &[MessageId]) -> StoreResult<Vec<MessageRecord>> {
        let ids = ids.to_vec();
        self.readers
            .run_large(move |c| messages::by_ids(c, &ids))
            .await
    }

    async fn message(&self, id: MessageId) -> StoreResult<Option<StoredMessage>> {
        self.readers.run(move |c| messages::by_id(c, id)).await
    }

    async fn timeline(&self, id: MessageId) -> StoreResult<Timeline> {
        self.readers.run(move |c| messages::timeline(c, id)).await
    }

    async fn list_messages(
        &self,
        filter: &MessageFilter,
        limit: usize,
    ) -> StoreResult<Vec<StoredMessage>> {
        let filter = filter.clone();
        self.readers
            .run_large(move |c| messages::list(c, &filter, limit))
            .await
    }

    async fn attempt_by_provider_id(
        &self,
        channel: ChannelKind,
        provider_id: &str,
    ) -> StoreResult<Option<AttemptKey>> {
        let provider_id = provider_id.to_owned();
        self.readers
            .run(move |c| messages::attempt_by_provider_id(c, channel, &provider_id))
            .await
    }

    async fn provider_id_of(
        &self,
        message: MessageId,
        channel: ChannelKind,
    ) -> StoreResult<Option<String>> {
        self.readers
            .run(move |c| messages::provider_id_of(c, message, channel))
            .await
    }

    async fn recent_by_contact(
        &self,
        contact: ContactId,
        channel: ChannelKind,
        since: Timestamp,
        limit: usize,
    ) -> StoreResult<Vec<MessageRecord>> {
        self.readers
            .run(move |c| messages::recent(c, contact, channel, since, limit))
            .await
    }

    async fn contact(&self, id: ContactId) -> StoreResult<Option<ContactRecord>> {
        self.readers.run(move |c| people::by_id(c, id)).await
    }

    async fn contacts_by_address(
        &self,
        addresses: &[(ChannelKind, String)],
    ) -> StoreResult<Vec<Option<ContactRecord>>> {
        let addresses = addresses[..addresses.len().min(PAGE_MAX)].to_vec();
        let (known, asked) = (Arc::clone(&self.known), self.known.ask());
        self.readers
            .run(move |c| {
                let owners = people::by_addresses(c, &addresses)?;
                for ((_, value), owner) in addresses.into_iter().zip(&owners) {
                    owner
                        .iter()
                        .for_each(|it| known.keep(asked, value.clone(), it));
                }
                Ok(owners)
            })
            .await
    }

    fn contact_at_hand(&self, channel: ChannelKind, value: &str) -> Option<Arc<ContactRecord>> {
        self.known.owner_of(channel, value)
    }

    async fn list_contacts(
        &self,
        after: Option<ContactId>,
        limit: usize,
    ) -> StoreResult<Vec<ContactRecord>> {
        self.readers
            .run_large(move |c| people::list(c, after, limit))
            .await
    }

    async fn find_contacts(
        &self,
        text: &str,
        after: Option<ContactId>,
        limit: usize,
    ) -> StoreResult<Vec<ContactRecord>> {
        let text = text.to_owned();
        self.readers
            .run_large(move |c| people::find(c, &text, after, limit))
            .await
    }

    async fn raw_open(
        &self,
        partitions: Partitions,
        after: Option<u128>,
        limit: usize,
    ) -> StoreResult<Vec<RawInbound>> {
        self.readers
            .run_large(move |c| inbound::raw_open(c, partitions, after, limit))
            .await
    }

    async fn inbound(&self, id: InboundId) -> StoreResult<Option<InboundRecord>> {
        self.readers.run(move |c| inbound::by_id(c, id)).await
    }

    async fn inbound_by_provider_id(
        &self,
        channel: ChannelKind,
        provider_id: &str,
    ) -> StoreResult<Option<InboundRecord>> {
        let provider_id = provider_id.to_owned();
        self.readers
            .run(move |c| inbound::by_provider_id(c, channel, &provider_id))
            .await
    }

    async fn hooks_due(
        &self,
        partitions: Partitions,
        now: Timestamp,
        without: &[String],
        limit: usize,
    ) -> StoreResult<Vec<HookRecord>> {
        let (without, partitions) = (words_text(without), cluster::set(partitions));
        self.readers
            .run_large(move |c| hooks::due(c, partitions, now, &without, limit))
            .await
    }

    async fn hooks_next_due(&self, partitions: Partitions) -> StoreResult<Option<Timestamp>> {
        let partitions = cluster::set(partitions);
        self.readers
            .run(move |c| hooks::next_due(c, partitions))
            .await
    }

    async fn endpoints(&self) -> StoreResult<Vec<EndpointRecord>> {
        self.readers.run(hooks::endpoints).await
    }

    async fn media(&self, id: &str) -> StoreResult<Option<MediaRecord>> {
        let id = id.to_owned();
        self.readers.run(move |c| library::media(c, &id)).await
    }

    async fn media_expired(&self, now: Timestamp, limit: usize) -> StoreResult<Vec<MediaRecord>> {
        self.readers
            .run_large(move |c| library::media_expired(c, now, limit))
            .await
    }

    async fn media_alias(
        &self,
        media: &str,
        sender: &str,
        now: Timestamp,
    ) -> StoreResult<Option<String>> {
        let (media, sender) = (media.to_owned(), sender.to_owned());
        self.readers
            .run(move |c| library::media_alias(c, &media, &sender, now))
            .await
    }

    async fn templates(&self, waba: &str) -> StoreResult<Vec<TemplateRecord>> {
        let waba = waba.to_owned();
        self.readers
            .run_large(move |c| library::templates(c, &waba))
            .await
    }

    async fn token_by_hash(&self, hash: &[u8; 32]) -> StoreResult<Option<TokenRecord>> {
        let hash = *hash;
        self.readers
            .run(move |c| library::token_by_hash(c, &hash))
            .await
    }

    async fn tokens(&self) -> StoreResult<Vec<TokenRecord>> {
        self.readers.run_large(library::tokens).await
    }

    async fn routes(&self) -> StoreResult<Vec<RouteRecord>> {
        self.readers.run(routes::all_routes).await
    }

    async fn outages(&self, limit: usize) -> StoreResult<Vec<OutageRecord>> {
        self.readers
            .run_large(move |c| routes::outages(c, limit))
            .await
    }

    async fn outage(&self, id: OutageId) -> StoreResult<Option<OutageRecord>> {
        self.readers.run(move |c| routes::outage(c, id)).await
    }

    async fn baselines(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> StoreResult<Vec<BaselineRecord>> {
        let after = after.map(str::to_owned);
        self.readers
            .run_large(move |c| routes::baselines(c, after.as_deref(), limit))
            .await
    }

    async fn holds(&self) -> StoreResult<Vec<HoldRecord>> {
        self.readers.run(routes::holds).await
    }

    async fn audit(&self, before: Option<u128>, limit: usize) -> StoreResult<Vec<AuditRecord>> {
        self.readers
            .run_large(move |c| routes::audit(c, before, limit))
            .await
    }

    async fn setting(&self, key: &str) -> StoreResult<Option<String>> {
        let key = key.to_owned();
        self.readers.run(move |c| routes::setting(c, &key)).await
    }

    async fn open_hooks(
        &self,
        endpoint: &str,
        before: Option<i64>,
        limit: usize,
    ) -> StoreResult<Vec<OpenHook>> {
        let endpoint = endpoint.to_owned();
        self.readers
            .run_large(move |c| hooks::open(c, &endpoint, before, limit))
            .await
    }

    async fn users(&self) -> StoreResult<Vec<UserRecord>> {
        self.readers.run_large(console::users).await
    }

    async fn session(&self, hash: &[u8; 32]) -> StoreResult<Option<SessionRecord>> {
        let hash = *hash;
        self.readers.run(move |c| console::session(c, &hash)).await
    }

    async fn sessions(&self) -> StoreResult<Vec<SessionRecord>> {
        self.readers.run_large(console::sessions).await
    }

    async fn activity(&self, after: Option<i64>, limit: usize) -> StoreResult<Vec<ActivityRecord>> {
        self.readers
            .run_large(move |c| console::activity(c, after, limit))
            .await
    }

    async fn traffic(&self, since: Timestamp, limit: usize) -> StoreResult<Vec<TrafficRecord>> {
        self.readers
            .run_large(move |c| console::traffic(c, since, limit))
            .await
    }

    async fn evidence(&self, outage: OutageId, limit: usize) -> StoreResult<Vec<EvidenceRecord>> {
        self.readers
            .run_large(move |c| console::evidence(c, outage, limit))
            .await
    }

    async fn fates(
        &self,
        first: ChannelKind,
        since: Timestamp,
        until: Timestamp,
        limit: usize,
    ) -> StoreResult<Vec<Fate>> {
        self.readers
            .run_large(move |c| messages::fates(c, first, (since, until), limit))
            .await
    }

    async fn beat(&self, beat: &Beat) -> StoreResult<Vec<LeaseHeld>> {
        let beat = Box::new(beat.clone());
        self.ask(|answer| Job::Beat { beat, answer }).await
    }

    async fn cluster(&self, now: Timestamp) -> StoreResult<ClusterView> {
        self.readers.run(move |c| cluster::view(c, now)).await
    }

    async fn handoffs(&self, leases: &[Lease], limit: usize) -> StoreResult<Vec<HandoffRecord>> {
        let leases = leases.to_vec();
        self.readers
            .run_large(move |c| cluster::handoffs(c, &leases, limit))
            .await
    }

    async fn give_back_room(&self) -> StoreResult<bool> {
        self.ask(|answer| Job::GiveBack { answer }).await
    }

    async fn expire_rows(
        &self,
        bodies_before: Timestamp,
        metadata_before: Timestamp,
        limit: usize,
    ) -> StoreResult<usize> {
        let terms = Expiry {
            bodies_before,
            metadata_before,
            limit,
        };
        self.ask(|answer| Job::Expire { terms, answer }).await
    }
}
