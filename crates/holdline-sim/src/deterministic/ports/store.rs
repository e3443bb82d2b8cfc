//! The disk as a node reaches it: late, not at all, full, or without an answer. What is on the
//! disk is the memory store's, which outlives every node; nothing of it is decided here.

use crate::deterministic::exec::WORLD;
use crate::deterministic::facts::Fact;
use crate::deterministic::sabotage::Sabotage;
use crate::deterministic::script::StoreFault;
use crate::deterministic::stage::Stage;
use crate::deterministic::weather::Serve;
use async_trait::async_trait;
use holdline_core::id::{InboundId, OutageId};
use holdline_core::message::Priority;
use holdline_core::{AttemptKey, ChannelKind, ContactId, MessageId, Timestamp};
use holdline_engine::ports::cluster::{ClusterView, HandoffRecord, LeaseHeld};
use holdline_engine::ports::ops::{GroupResult, Groups};
use holdline_engine::ports::records::{
    ActivityRecord, AuditRecord, BaselineRecord, ContactRecord, EndpointRecord, EvidenceRecord,
    HoldRecord, HookRecord, InboundRecord, MediaRecord, MessageRecord, OpenHook, OutageRecord,
    RawInbound, RouteRecord, SessionRecord, StoredMessage, TemplateRecord, Timeline, TokenRecord,
    TrafficRecord, UserRecord,
};
use holdline_engine::ports::store::{Fate, StoreResult};
use holdline_engine::ports::{Beat, Lease, MessageFilter, Partitions, Store, StoreError};
use std::sync::Arc;

/// Longest time after which a commit happens whose caller has long been told nothing.
const LATE_MS_MAX: u64 = 3_000;

#[derive(Clone)]
pub(crate) struct SimStore {
    stage: Arc<Stage>,
    node: u8,
}

impl SimStore {
    pub(crate) fn new(stage: &Arc<Stage>, node: u8) -> Self {
        let stage = Arc::clone(stage);
        Self { stage, node }
    }

    async fn reach(&self) -> StoreResult<&dyn Store> {
        let serve = self.stage.weather().serve(self.node, false);
        self.stage.exec.sleep(serve.before_ms).await;
        match serve.fault {
            Some(fault) => Err(error_of(fault)),
            None => {
                self.stage.exec.sleep(serve.after_ms).await;
                Ok(&*self.stage.disk)
            }
        }
    }

    async fn write(&self, groups: Groups, serve: Serve) -> StoreResult<Vec<GroupResult>> {
        self.stage.exec.sleep(serve.before_ms).await;
        let groups = match self.stage.sabotage == Sabotage::None {
            true => groups,
            false => self.stage.sabotage.thinned(&groups),
        };
        match serve.fault {
            None => {
                let results = self.stage.disk.commit(groups).await;
                self.stage.exec.sleep(serve.after_ms).await;
                results
            }
            Some(StoreFault::Ambiguous) => {
                if serve.written {
                    self.stage.disk.commit(groups).await?;
                }
                self.stage.exec.sleep(serve.after_ms).await;
                Err(error_of(StoreFault::Ambiguous))
            }
            Some(StoreFault::LateCommit) => {
                self.commit_later(groups);
                Err(error_of(StoreFault::LateCommit))
            }
            Some(fault) => Err(error_of(fault)),
        }
    }

    fn commit_later(&self, groups: Groups) {
        let stage = Arc::clone(&self.stage);
        let wait_ms = stage
            .weather()
            .draws("late commits", self.node)
            .up_to(LATE_MS_MAX);
        self.stage.exec.spawn(WORLD, async move {
            stage.exec.sleep(wait_ms).await;
            // Nobody waits for its result any more.
            drop(stage.disk.commit(groups).await);
        });
    }
}

fn error_of(fault: StoreFault) -> StoreError {
    match fault {
        StoreFault::Full => StoreError::Full(String::from("no space left")),
        StoreFault::Ambiguous | StoreFault::LateCommit => {
            StoreError::Ambiguous(String::from("the connection was cut"))
        }
        StoreFault::Away => StoreError::Unreachable(String::from("no connection")),
        StoreFault::Stalls | StoreFault::Unreadable => {
            StoreError::Unavailable(String::from("nothing can be read"))
        }
    }
}

#[async_trait]
impl Store for SimStore {
    async fn commit(&self, groups: Groups) -> StoreResult<Vec<GroupResult>> {
        let serve = self.stage.weather().serve(self.node, true);
        self.write(groups, serve).await
    }

    /// Leases go by the store's own clock, whatever the node's says.
    async fn beat(&self, beat: &Beat) -> StoreResult<Vec<LeaseHeld>> {
        let store = self.reach().await?;
        let now = self.stage.store_time();
        let beat = Beat {
            now,
            ..beat.clone()
        };
        let before = store.cluster(now).await?.leases;
        let held = store.beat(&beat).await?;
        let known = |held: &LeaseHeld| {
            let mut known = before.iter();
            known.any(|it| it.lease == held.lease && it.epoch == held.epoch)
        };
        let taken = held.iter().filter(|held| !known(held));
        let taken = taken.filter_map(|held| match held.lease {
            Lease::Partition(partition) => Some(partition),
            Lease::Health(_) | Lease::Upkeep => None,
        });
        let partitions: Partitions = taken.collect();
        if !partitions.is_empty() {
            let node = self.node;
            self.stage.tell(&Fact::Takes { node, partitions });
        }
        Ok(held)
    }

    async fn cluster(&self, _: Timestamp) -> StoreResult<ClusterView> {
        let store = self.reach().await?;
        store.cluster(self.stage.store_time()).await
    }

    async fn under_way(
        &self,
        partitions: Partitions,
        after: Option<MessageId>,
        limit: usize,
    ) -> StoreResult<Vec<StoredMessage>> {
        self.reach()
            .await?
            .under_way(partitions, after, limit)
            .await
    }

    async fn waiting(
        &self,
        partitions: Partitions,
        priority: Priority,
        after: Option<MessageId>,
        limit: usize,
    ) -> StoreResult<Vec<StoredMessage>> {
        self.reach()
            .await?
            .waiting(partitions, priority, after, limit)
            .await
    }

    async fn waiting_expired(
        &self,
        partitions: Partitions,
        now: Timestamp,
        limit: usize,
    ) -> StoreResult<Vec<StoredMessage>> {
        self.reach()
            .await?
            .waiting_expired(partitions, now, limit)
            .await
    }

    async fn count_waiting(&self, partitions: Partitions) -> StoreResult<usize> {
        self.reach().await?.count_waiting(partitions).await
    }

    async fn messages(&self, ids: &[MessageId]) -> StoreResult<Vec<MessageRecord>> {
        self.reach().await?.messages(ids).await
    }

    async fn message(&self, id: MessageId) -> StoreResult<Option<StoredMessage>> {
        self.reach().await?.message(id).await
    }

    async fn timeline(&self, id: MessageId) -> StoreResult<Timeline> {
        self.reach().await?.timeline(id).await
    }

    async fn list_messages(
        &self,
        filter: &MessageFilter,
        limit: usize,
    ) -> StoreResult<Vec<StoredMessage>> {
        self.reach().await?.list_messages(filter, limit).await
    }

    async fn attempt_by_provider_id(
        &self,
        channel: ChannelKind,
        provider_id: &str,
    ) -> StoreResult<Option<AttemptKey>> {
        self.reach()
            .await?
            .attempt_by_provider_id(channel, provider_id)
            .await
    }

    async fn provider_id_of(
        &self,
        message: MessageId,
        channel: ChannelKind,
    ) -> StoreResult<Option<String>> {
        self.reach().await?.provider_id_of(message, channel).await
    }

    async fn recent_by_contact(
        &self,
        contact: ContactId,
        channel: ChannelKind,
        since: Timestamp,
        limit: usize,
    ) -> StoreResult<Vec<MessageRecord>> {
        self.reach()
            .await?
            .recent_by_contact(contact, channel, since, limit)
            .await
    }

    async fn contact(&self, id: ContactId) -> StoreResult<Option<ContactRecord>> {
        self.reach().await?.contact(id).await
    }

    async fn contacts_by_address(
        &self,
        addresses: &[(ChannelKind, String)],
    ) -> StoreResult<Vec<Option<ContactRecord>>> {
        self.reach().await?.contacts_by_address(addresses).await
    }

    async fn list_contacts(
        &self,
        after: Option<ContactId>,
        limit: usize,
    ) -> StoreResult<Vec<ContactRecord>> {
        self.reach().await?.list_contacts(after, limit).await
    }

    async fn find_contacts(
        &self,
        text: &str,
        after: Option<ContactId>,
        limit: usize,
    ) -> StoreResult<Vec<ContactRecord>> {
        self.reach().await?.find_contacts(text, after, limit).await
    }

    async fn raw_open(
        &self,
        partitions: Partitions,
        after: Option<u128>,
        limit: usize,
    ) -> StoreResult<Vec<RawInbound>> {
        self.reach().await?.raw_open(partitions, after, limit).await
    }

    async fn inbound(&self, id: InboundId) -> StoreResult<Option<InboundRecord>> {
        self.reach().await?.inbound(id).await
    }

    async fn inbound_by_provider_id(
        &self,
        channel: ChannelKind,
        provider_id: &str,
    ) -> StoreResult<Option<InboundRecord>> {
        self.reach()
            .await?
            .inbound_by_provider_id(channel, provider_id)
            .await
    }

    async fn hooks_due(
        &self,
        partitions: Partitions,
        now: Timestamp,
        without: &[String],
        limit: usize,
    ) -> StoreResult<Vec<HookRecord>> {
        self.reach()
            .await?
            .hooks_due(partitions, now, without, limit)
            .await
    }

    async fn hooks_next_due(&self, partitions: Partitions) -> StoreResult<Option<Timestamp>> {
        self.reach().await?.hooks_next_due(partitions).await
    }

    async fn endpoints(&self) -> StoreResult<Vec<EndpointRecord>> {
        self.reach().await?.endpoints().await
    }

    async fn media(&self, id: &str) -> StoreResult<Option<MediaRecord>> {
        self.reach().await?.media(id).await
    }

    async fn media_expired(&self, now: Timestamp, limit: usize) -> StoreResult<Vec<MediaRecord>> {
        self.reach().await?.media_expired(now, limit).await
    }

    async fn media_alias(
        &self,
        media: &str,
        sender: &str,
        now: Timestamp,
    ) -> StoreResult<Option<String>> {
        self.reach().await?.media_alias(media, sender, now).await
    }

    async fn templates(&self, waba: &str) -> StoreResult<Vec<TemplateRecord>> {
        self.reach().await?.templates(waba).await
    }

    async fn token_by_hash(&self, hash: &[u8; 32]) -> StoreResult<Option<TokenRecord>> {
        self.reach().await?.token_by_hash(hash).await
    }

    async fn tokens(&self) -> StoreResult<Vec<TokenRecord>> {
        self.reach().await?.tokens().await
    }

    async fn routes(&self) -> StoreResult<Vec<RouteRecord>> {
        self.reach().await?.routes().await
    }

    async fn outages(&self, limit: usize) -> StoreResult<Vec<OutageRecord>> {
        self.reach().await?.outages(limit).await
    }

    async fn outage(&self, id: OutageId) -> StoreResult<Option<OutageRecord>> {
        self.reach().await?.outage(id).await
    }

    async fn baselines(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> StoreResult<Vec<BaselineRecord>> {
        self.reach().await?.baselines(after, limit).await
    }

    async fn holds(&self) -> StoreResult<Vec<HoldRecord>> {
        self.reach().await?.holds().await
    }

    async fn audit(&self, before: Option<u128>, limit: usize) -> StoreResult<Vec<AuditRecord>> {
        self.reach().await?.audit(before, limit).await
    }

    async fn setting(&self, key: &str) -> StoreResult<Option<String>> {
        self.reach().await?.setting(key).await
    }

    async fn open_hooks(
        &self,
        endpoint: &str,
        before: Option<i64>,
        limit: usize,
    ) -> StoreResult<Vec<OpenHook>> {
        self.reach()
            .await?
            .open_hooks(endpoint, before, limit)
            .await
    }

    async fn users(&self) -> StoreResult<Vec<UserRecord>> {
        self.reach().await?.users().await
    }

    async fn session(&self, hash: &[u8; 32]) -> StoreResult<Option<SessionRecord>> {
        self.reach().await?.session(hash).await
    }

    async fn sessions(&self) -> StoreResult<Vec<SessionRecord>> {
        self.reach().await?.sessions().await
    }

    async fn activity(&self, after: Option<i64>, limit: usize) -> StoreResult<Vec<ActivityRecord>> {
        self.reach().await?.activity(after, limit).await
    }

    async fn traffic(&self, since: Timestamp, limit: usize) -> StoreResult<Vec<TrafficRecord>> {
        self.reach().await?.traffic(since, limit).await
    }

    async fn evidence(&self, outage: OutageId, limit: usize) -> StoreResult<Vec<EvidenceRecord>> {
        self.reach().await?.evidence(outage, limit).await
    }

    async fn fates(
        &self,
        first: ChannelKind,
        since: Timestamp,
        until: Timestamp,
        limit: usize,
    ) -> StoreResult<Vec<Fate>> {
        let store = self.reach().await?;
        store.fates(first, since, until, limit).await
    }

    async fn handoffs(&self, leases: &[Lease], limit: usize) -> StoreResult<Vec<HandoffRecord>> {
        self.reach().await?.handoffs(leases, limit).await
    }

    async fn expire_rows(
        &self,
        bodies_before: Timestamp,
        metadata_before: Timestamp,
        limit: usize,
    ) -> StoreResult<usize> {
        self.reach()
            .await?
            .expire_rows(bodies_before, metadata_before, limit)
            .await
    }
}
