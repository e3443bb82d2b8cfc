//! The reads of the in-memory store, each bounded by its limit.

use super::MemoryStore;
use super::tables::Tables;
use crate::ports::Store;
use crate::ports::cluster::{
    Beat, ClusterView, HandoffRecord, Lease, LeaseHeld, Partition, Partitions,
};
use crate::ports::ops::{GroupResult, Groups};
use crate::ports::records::{
    ActivityRecord, AuditRecord, BaselineRecord, ContactRecord, EndpointRecord, EvidenceRecord,
    HoldRecord, HookRecord, InboundRecord, MediaRecord, MessageRecord, OpenHook, OutageRecord,
    RawInbound, RouteRecord, SessionRecord, StoredMessage, TemplateRecord, Timeline, TokenRecord,
    TrafficRecord, UserRecord,
};
use crate::ports::store::{Fate, MessageFilter, PAGE_MAX, StoreResult};
use async_trait::async_trait;
use bytes::Bytes;
use holdline_core::id::{InboundId, OutageId};
use holdline_core::message::{Priority, State};
use holdline_core::{AttemptKey, ChannelKind, ContactId, MessageId, Redacted, Timestamp};
use std::collections::BTreeMap;
use std::ops::Bound;

#[async_trait]
impl Store for MemoryStore {
    async fn commit(&self, groups: Groups) -> StoreResult<Vec<GroupResult>> {
        drop(self.reach().await?);
        self.commit_now(&groups)
    }

    async fn under_way(
        &self,
        partitions: Partitions,
        after: Option<MessageId>,
        limit: usize,
    ) -> StoreResult<Vec<StoredMessage>> {
        let tables = &self.reach().await?.tables;
        let open = tables.open(partitions, after);
        let moving = open.filter(|one| !is_waiting(one));
        Ok(moving.take(limit.min(PAGE_MAX)).collect())
    }

    async fn waiting(
        &self,
        partitions: Partitions,
        priority: Priority,
        after: Option<MessageId>,
        limit: usize,
    ) -> StoreResult<Vec<StoredMessage>> {
        let tables = &self.reach().await?.tables;
        let open = tables.open(partitions, after);
        let waiting = open.filter(|one| is_waiting(one) && one.message.priority == priority);
        Ok(waiting.take(limit.min(PAGE_MAX)).collect())
    }

    async fn waiting_expired(
        &self,
        partitions: Partitions,
        now: Timestamp,
        limit: usize,
    ) -> StoreResult<Vec<StoredMessage>> {
        let tables = &self.reach().await?.tables;
        let open = tables.open(partitions, None);
        let mut expired: Vec<StoredMessage> = open
            .filter(|one| is_waiting(one) && one.message.expires_at <= now)
            .collect();
        expired.sort_by_key(|one| (one.message.expires_at, one.message.id));
        expired.truncate(limit.min(PAGE_MAX));
        Ok(expired)
    }

    async fn count_waiting(&self, partitions: Partitions) -> StoreResult<usize> {
        let tables = &self.reach().await?.tables;
        Ok(tables.open(partitions, None).filter(is_waiting).count())
    }

    async fn messages(&self, ids: &[MessageId]) -> StoreResult<Vec<MessageRecord>> {
        let tables = &self.reach().await?.tables;
        Ok(ids
            .iter()
            .filter_map(|id| tables.messages.get(id).cloned())
            .collect())
    }

    async fn message(&self, id: MessageId) -> StoreResult<Option<StoredMessage>> {
        Ok(self.reach().await?.tables.stored(id))
    }

    async fn timeline(&self, id: MessageId) -> StoreResult<Timeline> {
        let tables = &self.reach().await?.tables;
        let attempts = tables.attempts.range(attempts_of(id));
        let receipts = tables.receipts.range((id, 0)..=(id, usize::MAX));
        let decisions = tables.decisions.range((id, 0)..=(id, usize::MAX));
        Ok(Timeline {
            attempts: attempts.map(|(_, attempt)| attempt.clone()).collect(),
            receipts: receipts.map(|(_, receipt)| receipt.clone()).collect(),
            decisions: decisions.map(|(_, decision)| decision.clone()).collect(),
        })
    }

    async fn list_messages(
        &self,
        filter: &MessageFilter,
        limit: usize,
    ) -> StoreResult<Vec<StoredMessage>> {
        let tables = &self.reach().await?.tables;
        let before = filter.before.map_or(Bound::Unbounded, Bound::Excluded);
        let newest_first = tables.messages.range((Bound::Unbounded, before)).rev();
        let stored = newest_first.filter_map(|(id, _)| tables.stored(*id));
        Ok(stored
            .filter(|one| shows(filter, one))
            .filter(|one| {
                let tried = |channel| tables.tried(one.message.id, channel);
                filter.channel.is_none_or(tried)
            })
            .take(limit.min(PAGE_MAX))
            .collect())
    }

    async fn attempt_by_provider_id(
        &self,
        channel: ChannelKind,
        provider_id: &str,
    ) -> StoreResult<Option<AttemptKey>> {
        let first = AttemptKey {
            message: MessageId(0),
            number: 0,
        };
        let last = AttemptKey {
            message: MessageId(u128::MAX),
            number: u16::MAX,
        };
        let place = |key| (channel, provider_id.to_owned(), key);
        let tables = &self.reach().await?.tables;
        let newest = tables
            .provider_ids
            .range(place(first)..=place(last))
            .next_back();
        Ok(newest.map(|((_, _, key), ())| *key))
    }

    async fn provider_id_of(
        &self,
        message: MessageId,
        channel: ChannelKind,
    ) -> StoreResult<Option<String>> {
        let tables = &self.reach().await?.tables;
        let newest_first = tables.attempts.range(attempts_of(message)).rev();
        let mut named = newest_first.filter(|(_, attempt)| attempt.channel == channel);
        Ok(named.find_map(|(_, attempt)| attempt.provider_id.clone()))
    }

    async fn recent_by_contact(
        &self,
        contact: ContactId,
        channel: ChannelKind,
        since: Timestamp,
        limit: usize,
    ) -> StoreResult<Vec<MessageRecord>> {
        let tables = &self.reach().await?.tables;
        let all = (contact, MessageId(0))..=(contact, MessageId(u128::MAX));
        let newest_first = tables.by_contact.range(all).rev();
        let sent = newest_first.filter(|((_, id), ())| tables.went_by(*id, channel));
        let records = sent.filter_map(|((_, id), ())| tables.messages.get(id).cloned());
        let recent = records.filter(|message| message.created_at >= since);
        Ok(recent.take(limit.min(PAGE_MAX)).collect())
    }

    async fn contact(&self, id: ContactId) -> StoreResult<Option<ContactRecord>> {
        Ok(self.reach().await?.tables.contacts.get(&id).cloned())
    }

    async fn contacts_by_address(
        &self,
        addresses: &[(ChannelKind, String)],
    ) -> StoreResult<Vec<Option<ContactRecord>>> {
        let tables = &self.reach().await?.tables;
        let of = |address| tables.contacts.get(tables.owners.get(address)?).cloned();
        Ok(addresses.iter().take(PAGE_MAX).map(of).collect())
    }

    async fn list_contacts(
        &self,
        after: Option<ContactId>,
        limit: usize,
    ) -> StoreResult<Vec<ContactRecord>> {
        let tables = &self.reach().await?.tables;
        let rest = tables.contacts.range((from(after), Bound::Unbounded));
        Ok(rest
            .map(|(_, contact)| contact.clone())
            .take(limit.min(PAGE_MAX))
            .collect())
    }

    async fn find_contacts(
        &self,
        text: &str,
        after: Option<ContactId>,
        limit: usize,
    ) -> StoreResult<Vec<ContactRecord>> {
        let tables = &self.reach().await?.tables;
        let rest = tables.contacts.range((from(after), Bound::Unbounded));
        let found = rest.filter(|(_, contact)| super::people::begins(contact, text));
        let found = found.map(|(_, contact)| contact.clone());
        Ok(found.take(limit.min(PAGE_MAX)).collect())
    }

    async fn raw_open(
        &self,
        partitions: Partitions,
        after: Option<u128>,
        limit: usize,
    ) -> StoreResult<Vec<RawInbound>> {
        let tables = &self.reach().await?.tables;
        let rest = tables.raw.range((from(after), Bound::Unbounded));
        Ok(rest
            .filter(|(id, _)| partitions.has(Partition::of(**id)))
            .map(|(_, raw)| raw.clone())
            .take(limit.min(PAGE_MAX))
            .collect())
    }

    async fn inbound(&self, id: InboundId) -> StoreResult<Option<InboundRecord>> {
        Ok(self.reach().await?.tables.inbound.get(&id).cloned())
    }

    async fn inbound_by_provider_id(
        &self,
        channel: ChannelKind,
        provider_id: &str,
    ) -> StoreResult<Option<InboundRecord>> {
        let tables = &self.reach().await?.tables;
        let id = tables.inbound_ids.get(&(channel, provider_id.to_owned()));
        Ok(id.and_then(|id| tables.inbound.get(id).cloned()))
    }

    async fn hooks_due(
        &self,
        partitions: Partitions,
        now: Timestamp,
        without: &[String],
        limit: usize,
    ) -> StoreResult<Vec<HookRecord>> {
        let tables = &self.reach().await?.tables;
        Ok(tables.hooks_due(partitions, now, without, limit.min(PAGE_MAX)))
    }

    async fn hooks_next_due(&self, partitions: Partitions) -> StoreResult<Option<Timestamp>> {
        Ok(self.reach().await?.tables.hooks_next_due(partitions))
    }

    async fn endpoints(&self) -> StoreResult<Vec<EndpointRecord>> {
        Ok(self
            .reach()
            .await?
            .tables
            .endpoints
            .values()
            .cloned()
            .collect())
    }

    async fn media(&self, id: &str) -> StoreResult<Option<MediaRecord>> {
        Ok(self
            .reach()
            .await?
            .tables
            .media
            .get(&id.to_owned())
            .cloned())
    }

    async fn media_expired(&self, now: Timestamp, limit: usize) -> StoreResult<Vec<MediaRecord>> {
        let tables = &self.reach().await?.tables;
        let mut old: Vec<_> = tables
            .media
            .values()
            .filter(|one| one.expires_at < now)
            .collect();
        old.sort_by(|a, b| (a.expires_at, &a.id).cmp(&(b.expires_at, &b.id)));
        Ok(old.into_iter().take(limit.min(PAGE_MAX)).cloned().collect())
    }

    async fn media_alias(
        &self,
        media: &str,
        sender: &str,
        now: Timestamp,
    ) -> StoreResult<Option<String>> {
        let tables = &self.reach().await?.tables;
        let alias = tables.aliases.get(&(media.to_owned(), sender.to_owned()));
        Ok(alias
            .filter(|(_, until)| *until > now)
            .map(|(id, _)| id.clone()))
    }

    async fn templates(&self, waba: &str) -> StoreResult<Vec<TemplateRecord>> {
        let tables = &self.reach().await?.tables;
        let mine = tables
            .templates
            .values()
            .filter(|template| template.waba == waba);
        Ok(mine.cloned().collect())
    }

    async fn token_by_hash(&self, hash: &[u8; 32]) -> StoreResult<Option<TokenRecord>> {
        Ok(self
            .lock()
            .tables
            .tokens
            .values()
            .find(|token| token.hash == *hash)
            .cloned())
    }

    async fn tokens(&self) -> StoreResult<Vec<TokenRecord>> {
        Ok(self
            .reach()
            .await?
            .tables
            .tokens
            .values()
            .cloned()
            .collect())
    }

    async fn routes(&self) -> StoreResult<Vec<RouteRecord>> {
        Ok(self
            .reach()
            .await?
            .tables
            .routes
            .values()
            .cloned()
            .collect())
    }

    async fn outages(&self, limit: usize) -> StoreResult<Vec<OutageRecord>> {
        let mut all: Vec<_> = self
            .reach()
            .await?
            .tables
            .outages
            .values()
            .cloned()
            .collect();
        all.sort_by_key(|outage| std::cmp::Reverse((outage.opened_at, outage.id)));
        all.truncate(limit.min(PAGE_MAX));
        Ok(all)
    }

    async fn outage(&self, id: OutageId) -> StoreResult<Option<OutageRecord>> {
        let tables = &self.reach().await?.tables;
        Ok(tables.outages.values().find(|it| it.id == id).cloned())
    }

    async fn baselines(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> StoreResult<Vec<BaselineRecord>> {
        let tables = &self.reach().await?.tables;
        let after = from(after.map(str::to_owned));
        let page = tables.baselines.range((after, Bound::Unbounded));
        let page = page.take(limit.min(PAGE_MAX));
        Ok(page.map(|(_, record)| record.clone()).collect())
    }

    async fn holds(&self) -> StoreResult<Vec<HoldRecord>> {
        Ok(self.reach().await?.tables.holds.values().cloned().collect())
    }

    async fn audit(&self, before: Option<u128>, limit: usize) -> StoreResult<Vec<AuditRecord>> {
        let tables = &self.reach().await?.tables;
        let page = tables.audit.range((Bound::Unbounded, from(before))).rev();
        let page = page.take(limit.min(PAGE_MAX));
        Ok(page.map(|(_, record)| record.clone()).collect())
    }

    async fn setting(&self, key: &str) -> StoreResult<Option<String>> {
        Ok(self
            .reach()
            .await?
            .tables
            .settings
            .get(&key.to_owned())
            .cloned())
    }

    async fn beat(&self, beat: &Beat) -> StoreResult<Vec<LeaseHeld>> {
        Ok(self.reach().await?.tables.beat(beat))
    }

    async fn cluster(&self, now: Timestamp) -> StoreResult<ClusterView> {
        Ok(self.reach().await?.tables.cluster(now))
    }

    async fn open_hooks(
        &self,
        endpoint: &str,
        before: Option<i64>,
        limit: usize,
    ) -> StoreResult<Vec<OpenHook>> {
        let tables = &self.reach().await?.tables;
        Ok(tables.open_hooks(endpoint, before, limit.min(PAGE_MAX)))
    }

    async fn users(&self) -> StoreResult<Vec<UserRecord>> {
        let tables = &self.reach().await?.tables;
        Ok(tables.users.values().take(PAGE_MAX).cloned().collect())
    }

    async fn session(&self, hash: &[u8; 32]) -> StoreResult<Option<SessionRecord>> {
        Ok(self.reach().await?.tables.sessions.get(hash).cloned())
    }

    async fn sessions(&self) -> StoreResult<Vec<SessionRecord>> {
        let tables = &self.reach().await?.tables;
        let mut all: Vec<SessionRecord> = tables.sessions.values().cloned().collect();
        all.sort_by_key(|it| (std::cmp::Reverse(it.seen_at), it.hash));
        all.truncate(PAGE_MAX);
        Ok(all)
    }

    async fn activity(&self, after: Option<i64>, limit: usize) -> StoreResult<Vec<ActivityRecord>> {
        let tables = &self.reach().await?.tables;
        Ok(tables.activity_after(after, limit.min(PAGE_MAX)))
    }

    async fn traffic(&self, since: Timestamp, limit: usize) -> StoreResult<Vec<TrafficRecord>> {
        let tables = &self.reach().await?.tables;
        let first = tables.traffic.iter().filter(|((at, _), _)| *at >= since);
        let found = first.map(|(_, one)| one.clone());
        Ok(found.take(limit.min(PAGE_MAX)).collect())
    }

    async fn evidence(&self, outage: OutageId, limit: usize) -> StoreResult<Vec<EvidenceRecord>> {
        let tables = &self.reach().await?.tables;
        Ok(tables.evidence_of(outage, limit.min(PAGE_MAX)))
    }

    async fn fates(
        &self,
        first: ChannelKind,
        since: Timestamp,
        until: Timestamp,
        limit: usize,
    ) -> StoreResult<Vec<Fate>> {
        let tables = &self.reach().await?.tables;
        Ok(tables.fates(first, (since, until), limit))
    }

    async fn handoffs(&self, leases: &[Lease], limit: usize) -> StoreResult<Vec<HandoffRecord>> {
        let tables = &self.reach().await?.tables;
        let mine = tables
            .handoffs
            .values()
            .filter(|it| leases.contains(&it.lease));
        Ok(mine.take(limit.min(PAGE_MAX)).cloned().collect())
    }

    async fn expire_rows(
        &self,
        bodies_before: Timestamp,
        metadata_before: Timestamp,
        limit: usize,
    ) -> StoreResult<usize> {
        Ok(self
            .lock()
            .tables
            .expire(bodies_before, metadata_before, limit))
    }
}

fn is_waiting(one: &StoredMessage) -> bool {
    matches!(one.delivery.state, State::Waiting { .. })
}

impl Tables {
    /// Open deliveries of these partitions, by id.
    fn open(
        &self,
        partitions: Partitions,
        after: Option<MessageId>,
    ) -> impl Iterator<Item = StoredMessage> {
        let rest = self.deliveries.range((from(after), Bound::Unbounded));
        let open = rest.filter(|(_, delivery)| !delivery.state.is_ended());
        let stored = open.filter_map(|(id, _)| self.stored(*id));
        stored
            .filter(move |one| partitions.has(Partition::of_contact(one.message.contact)))
            .map(without_body)
    }

    fn stored(&self, id: MessageId) -> Option<StoredMessage> {
        let message = self.messages.get(&id)?.clone();
        let delivery = self.deliveries.get(&id)?.clone();
        Some(StoredMessage { message, delivery })
    }

    fn fates(
        &self,
        first: ChannelKind,
        (since, until): (Timestamp, Timestamp),
        limit: usize,
    ) -> Vec<Fate> {
        let accepted = self.messages.values().rev();
        let accepted = accepted.filter(|it| since <= it.created_at && it.created_at < until);
        let mut counts = BTreeMap::<(String, Option<ChannelKind>), u64>::new();
        let begins = |it: &&MessageRecord| it.plan.first().is_some_and(|hop| hop.channel == first);
        for message in accepted.take(limit).filter(begins) {
            let Some(delivery) = self.deliveries.get(&message.id) else {
                continue;
            };
            let last = self.attempts.range(attempts_of(message.id)).next_back();
            let place = (
                delivery.state.name().to_owned(),
                last.map(|(_, attempt)| attempt.channel),
            );
            *counts.entry(place).or_default() += 1;
        }
        let fates = counts.into_iter();
        fates
            .map(|((state, channel), count)| Fate {
                state,
                channel,
                count,
            })
            .collect()
    }

    fn tried(&self, id: MessageId, channel: ChannelKind) -> bool {
        let mut attempts = self.attempts.range(attempts_of(id));
        attempts.any(|(_, attempt)| attempt.channel == channel)
    }

    /// Some attempt on the channel went out, as far as is known.
    fn went_by(&self, id: MessageId, channel: ChannelKind) -> bool {
        let mut attempts = self.attempts.range(attempts_of(id));
        attempts.any(|(_, attempt)| {
            let outcome = attempt.outcome.as_deref();
            attempt.channel == channel && !matches!(outcome, Some("rejected" | "throttled"))
        })
    }
}

fn attempts_of(message: MessageId) -> std::ops::RangeInclusive<AttemptKey> {
    AttemptKey { message, number: 0 }..=AttemptKey {
        message,
        number: u16::MAX,
    }
}

fn from<K>(after: Option<K>) -> Bound<K> {
    after.map_or(Bound::Unbounded, Bound::Excluded)
}

fn without_body(mut stored: StoredMessage) -> StoredMessage {
    stored.message.body = Redacted::new(Bytes::new());
    stored
}

fn shows(filter: &MessageFilter, stored: &StoredMessage) -> bool {
    let app = filter
        .app
        .as_ref()
        .is_none_or(|app| *app == stored.message.app);
    let sender = filter
        .senders
        .as_ref()
        .is_none_or(|senders| senders.contains(&stored.message.sender));
    let contact = filter
        .contact
        .is_none_or(|contact| contact == stored.message.contact);
    let state = filter
        .state
        .as_ref()
        .is_none_or(|name| name == stored.delivery.state.name());
    let at = stored.message.created_at;
    let time =
        filter.since.is_none_or(|since| since <= at) && filter.until.is_none_or(|until| at < until);
    app && sender && contact && state && time
}
