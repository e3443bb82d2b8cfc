//! Everything that the read verbs of a store tell, but for what belongs to running nodes.

use holdline_core::id::{InboundId, OutageId};
use holdline_core::message::Priority;
use holdline_core::{ChannelKind, Timestamp};
use holdline_engine::ports::cluster::Lease;
use holdline_engine::ports::records::{StoredMessage, Timeline};
use holdline_engine::ports::{Partition, Partitions, Store};
use std::fmt::Debug;

const MAX: usize = 1_000;
/// The instant of the contract's fixtures, whose ids begin with it.
const NOW: i64 = 1_790_000_000_000;
const CHANNELS: [ChannelKind; 3] = [ChannelKind::WHATSAPP, ChannelKind::SMS, ChannelKind::EMAIL];

/// One answer after the other, as text; bodies and addresses, which have none, by their bytes.
pub(super) async fn everything(store: &dyn Store) -> Vec<String> {
    let mut all = Vec::new();
    messages(store, &mut all).await;
    people(store, &mut all).await;
    hooks(store, &mut all).await;
    library(store, &mut all).await;
    operators(store, &mut all).await;
    console(store, &mut all).await;
    all
}

fn say(all: &mut Vec<String>, what: &str, said: impl Debug) {
    all.push(format!("{what}: {said:?}"));
}

async fn messages(store: &dyn Store, all: &mut Vec<String>) {
    let list = store.list_messages(&Default::default(), MAX).await.unwrap();
    let mut timelines: Vec<Timeline> = Vec::new();
    for StoredMessage { message, .. } in &list {
        timelines.push(store.timeline(message.id).await.unwrap());
        say(all, "body", message.body.expose());
        say(all, "to", message.to_input.expose());
        for channel in CHANNELS {
            let id = store.provider_id_of(message.id, channel).await.unwrap();
            if let Some(id) = &id {
                let known = store.attempt_by_provider_id(channel, id).await.unwrap();
                say(all, "attempt", known);
            }
            say(all, "provider id", id);
            let recent = store.recent_by_contact(message.contact, channel, Timestamp(0), MAX);
            say(all, "recent", recent.await.unwrap());
        }
        let whole = store.message(message.id).await.unwrap().unwrap();
        say(all, "whole body", whole.message.body.expose());
        say(all, "whole", whole);
    }
    say(all, "list", &list);
    say(all, "timelines", timelines);
    let every = Partitions::ALL;
    say(
        all,
        "under way",
        store.under_way(every, None, MAX).await.unwrap(),
    );
    for priority in [
        Priority::Emergency,
        Priority::Urgent,
        Priority::Service,
        Priority::Bulk,
    ] {
        let waiting = store.waiting(every, priority, None, MAX).await.unwrap();
        say(all, "waiting", waiting);
    }
    for partition in Partition::all() {
        let one = [partition].into_iter().collect::<Partitions>();
        say(all, "count", store.count_waiting(one).await.unwrap());
        say(all, "raw", store.raw_open(one, None, MAX).await.unwrap());
    }
    let expired = store.waiting_expired(every, Timestamp::MAX, MAX).await;
    say(all, "expired", expired.unwrap());
}

async fn people(store: &dyn Store, all: &mut Vec<String>) {
    for contact in store.list_contacts(None, MAX).await.unwrap() {
        for address in &contact.addresses {
            let value = address.value.expose();
            let known = store.contact_by_address(address.channel, value).await;
            say(all, "address", (address.channel, value));
            say(all, "by address", known.unwrap());
        }
        say(all, "name", contact.name.as_ref().map(|name| name.expose()));
        say(all, "contact", contact);
    }
    for n in 0..50_i64 {
        let ms = u128::from((NOW + n).unsigned_abs());
        let id = ms << 80 | 0x7000_8000_0000_0000_0000 | u128::from(n.unsigned_abs());
        let inbound = store.inbound(InboundId(id)).await.unwrap();
        let Some(inbound) = inbound else { continue };
        say(all, "payload", inbound.payload.expose());
        let again = store.inbound_by_provider_id(inbound.channel, &inbound.provider_id);
        say(all, "by provider id", again.await.unwrap());
        say(all, "inbound", inbound);
    }
}

async fn hooks(store: &dyn Store, all: &mut Vec<String>) {
    let every = Partitions::ALL;
    let due = store.hooks_due(every, Timestamp::MAX, &[], MAX).await;
    say(all, "due", due.unwrap());
    say(all, "next", store.hooks_next_due(every).await.unwrap());
    for endpoint in store.endpoints().await.unwrap() {
        say(all, "secret", endpoint.secret.expose());
        say(all, "endpoint", endpoint);
    }
    let leases = Partition::all().map(Lease::Partition);
    let health = CHANNELS.into_iter().map(Lease::Health);
    let leases: Vec<Lease> = leases.chain(health).chain([Lease::Upkeep]).collect();
    say(all, "handoffs", store.handoffs(&leases, MAX).await.unwrap());
}

async fn library(store: &dyn Store, all: &mut Vec<String>) {
    let alias = store.media_alias("22", "s1", Timestamp(0)).await;
    say(all, "alias", alias.unwrap());
    for media in store.media_expired(Timestamp::MAX, MAX).await.unwrap() {
        say(all, "media", store.media(&media.id).await.unwrap());
    }
    for waba in ["w1", "w2"] {
        say(all, "templates", store.templates(waba).await.unwrap());
    }
    for token in store.tokens().await.unwrap() {
        let known = store.token_by_hash(&token.hash).await.unwrap();
        say(all, "token", (token, known));
    }
}

async fn operators(store: &dyn Store, all: &mut Vec<String>) {
    say(all, "routes", store.routes().await.unwrap());
    say(all, "outages", store.outages(MAX).await.unwrap());
    say(all, "baselines", store.baselines(None, MAX).await.unwrap());
    say(all, "holds", store.holds().await.unwrap());
    say(all, "audit", store.audit(None, MAX).await.unwrap());
    for key in ["a", "b", "c", "d", "k"] {
        say(all, "setting", store.setting(key).await.unwrap());
    }
}

async fn console(store: &dyn Store, all: &mut Vec<String>) {
    for user in store.users().await.unwrap() {
        let totp = user.totp.as_ref().map(|it| it.expose().clone());
        say(all, "password", (user.password.expose(), totp));
        say(all, "user", user);
    }
    for session in store.sessions().await.unwrap() {
        let known = store.session(&session.hash).await.unwrap();
        say(all, "session", (session, known));
    }
    say(all, "activity", store.activity(Some(0), MAX).await.unwrap());
    let always = Timestamp(0);
    say(all, "traffic", store.traffic(always, MAX).await.unwrap());
    let fates = store
        .fates(ChannelKind::WHATSAPP, always, Timestamp::MAX, MAX)
        .await;
    say(all, "fates", fates.unwrap());
    for outage in [1, 2].map(|n: i64| {
        let ms = u128::from((NOW + n).unsigned_abs());
        OutageId(ms << 80 | 0x7000_8000_0000_0000_0000 | u128::from(n.unsigned_abs()))
    }) {
        say(all, "evidence", store.evidence(outage, MAX).await.unwrap());
    }
    for endpoint in store.endpoints().await.unwrap() {
        let open = store.open_hooks(&endpoint.id, None, MAX).await;
        say(all, "open hooks", open.unwrap());
    }
}
