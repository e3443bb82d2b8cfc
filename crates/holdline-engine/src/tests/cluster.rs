//! Several nodes on one store: each message is driven by one of them, whoever accepted it; a node
//! that dies, leaves or was away loses and doubles nothing.

use super::rig::{Peers, Rig, broken};
use crate::cluster::handoff::Handoff;
use crate::memory::MemoryStore;
use crate::ports::cluster::{Beat, HandoffRecord, Lease, Partition};
use crate::ports::records::{OutageRecord, RawInbound};
use crate::ports::{Group, Op, Partitions, Store};
use crate::request::Refusal;
use bytes::Bytes;
use holdline_core::health::Health;
use holdline_core::{ChannelKind, MessageId, Redacted, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

fn store() -> Arc<MemoryStore> {
    Arc::new(MemoryStore::new())
}

/// How many partitions each node holds now.
async fn shares(store: &MemoryStore) -> BTreeMap<String, usize> {
    let view = store.cluster(Timestamp(0)).await.expect("reads");
    let mut shares = BTreeMap::new();
    for record in view.leases {
        if matches!(record.lease, Lease::Partition(_)) && !record.node.is_empty() {
            *shares.entry(record.node).or_default() += 1;
        }
    }
    shares
}

async fn until_shares(store: &MemoryStore, wanted: &[(&str, usize)]) -> Duration {
    let begin = tokio::time::Instant::now();
    let wanted: BTreeMap<String, usize> = wanted
        .iter()
        .map(|(node, count)| ((*node).to_owned(), *count))
        .collect();
    for _ in 0..1_200 {
        if shares(store).await == wanted {
            return begin.elapsed();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{:?} instead of {wanted:?}", shares(store).await);
}

/// Sends by each node in turn.
async fn send_by(nodes: &[&Rig], count: usize) -> Vec<MessageId> {
    let mut ids = Vec::new();
    for (n, node) in (0..count).zip(nodes.iter().cycle()) {
        let accepted = node
            .send(&format!("+1{n:04}"), &format!("message {n}"))
            .await;
        ids.push(accepted.expect("accepted").id);
    }
    ids
}

async fn all_end(node: &Rig, ids: &[MessageId]) {
    for id in ids {
        node.until(*id, "delivered").await;
    }
}

/// Nobody got anything twice, and somebody got each.
fn once_each(peers: &Peers, count: usize) {
    let mut sent = peers.whatsapp.sent();
    sent.extend(peers.sms.sent());
    sent.sort();
    let mut expect: Vec<String> = (0..count).map(|n| format!("message {n}")).collect();
    expect.sort();
    assert_eq!(sent, expect);
}

#[tokio::test(start_paused = true)]
async fn nodes_share_the_work_and_any_of_them_takes_a_message() {
    let (store, peers) = (store(), Peers::default());
    let a = Rig::node(&store, "a", &peers).await;
    until_shares(&store, &[("a", 64)]).await;
    let b = Rig::node(&store, "b", &peers).await;
    until_shares(&store, &[("a", 32), ("b", 32)]).await;
    let ids = send_by(&[&a, &b], 40).await;
    all_end(&a, &ids).await;
    once_each(&peers, 40);
}

#[tokio::test(start_paused = true)]
async fn a_killed_node_is_taken_over_within_ten_seconds() {
    let (store, peers) = (store(), Peers::default());
    let a = Rig::node(&store, "a", &peers).await;
    let b = Rig::node(&store, "b", &peers).await;
    until_shares(&store, &[("a", 32), ("b", 32)]).await;
    a.crash().await;
    let ids = send_by(&[&b], 40).await;
    let took = until_shares(&store, &[("b", 64)]).await;
    assert!(took < Duration::from_secs(10), "{took:?}");
    all_end(&b, &ids).await;
    once_each(&peers, 40);
}

#[tokio::test(start_paused = true)]
async fn what_was_in_flight_at_a_killed_node_is_in_doubt_at_the_next() {
    let (store, peers) = (store(), Peers::default());
    let a = Rig::node(&store, "a", &peers).await;
    until_shares(&store, &[("a", 64)]).await;
    peers.whatsapp.next([None]);
    let id = a.send("+1", "message 0").await.expect("accepted").id;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let b = Rig::node(&store, "b", &peers).await;
    a.crash().await;
    b.until(id, "in_doubt").await;
    b.until(id, "delivered").await;
    let sent = peers.whatsapp.sent().len() + peers.sms.sent().len();
    assert_eq!(sent, 2, "by the duplicate rule");
}

#[tokio::test(start_paused = true)]
async fn a_node_that_leaves_gives_its_work_at_once_and_ends_what_is_in_flight() {
    let (store, peers) = (store(), Peers::default());
    let mut a = Rig::node(&store, "a", &peers).await;
    let b = Rig::node(&store, "b", &peers).await;
    until_shares(&store, &[("a", 32), ("b", 32)]).await;
    peers.whatsapp.takes_ms.store(2_000, Ordering::SeqCst);
    let ids = send_by(&[&a, &b], 20).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    a.engine.stop(20_000);
    a.driver_ends().await;
    let took = until_shares(&store, &[("b", 64)]).await;
    assert!(took < Duration::from_secs(2), "{took:?}");
    all_end(&b, &ids).await;
    once_each(&peers, 20);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_comes_gets_its_share_while_messages_are_in_flight() {
    let (store, peers) = (store(), Peers::default());
    let a = Rig::node(&store, "a", &peers).await;
    until_shares(&store, &[("a", 64)]).await;
    peers.whatsapp.takes_ms.store(3_000, Ordering::SeqCst);
    let ids = send_by(&[&a], 50).await;
    let b = Rig::node(&store, "b", &peers).await;
    until_shares(&store, &[("a", 32), ("b", 32)]).await;
    all_end(&b, &ids).await;
    once_each(&peers, 50);
}

/// A node that takes every partition, as if all others had been silent for long.
fn intruder() -> Beat {
    Beat {
        node: String::from("z"),
        url: String::new(),
        now: Timestamp(1_000_000),
        ttl_ms: 60_000,
        take: Partition::all().map(Lease::Partition).collect(),
        give: Vec::new(),
        leaves: false,
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_after_the_partition_was_lost_reaches_whoever_drives_it() {
    let (store, peers) = (store(), Peers::default());
    let a = Rig::node(&store, "a", &peers).await;
    until_shares(&store, &[("a", 64)]).await;
    peers.whatsapp.takes_ms.store(20_000, Ordering::SeqCst);
    let id = a.send("+1", "message 0").await.expect("accepted").id;
    a.until(id, "in_flight").await;
    store.beat(&intruder()).await.expect("beats");
    tokio::time::sleep(Duration::from_secs(25)).await;
    assert_eq!(a.state(id).await, "in_flight", "as far as is committed");
    let leaves = Beat {
        leaves: true,
        ..intruder()
    };
    store.beat(&leaves).await.expect("beats");
    a.until(id, "delivered").await;
    assert_eq!(peers.whatsapp.sent().len() + peers.sms.sent().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn who_was_away_too_long_sends_nothing_more() {
    let (store, peers) = (store(), Peers::default());
    let a = Rig::node(&store, "a", &peers).await;
    until_shares(&store, &[("a", 64)]).await;
    store.beat(&intruder()).await.expect("beats");
    let refused = a.send("+1", "message 0").await;
    assert!(
        matches!(refused, Err(Refusal::Unavailable { .. })),
        "{refused:?}"
    );
    let id = a
        .send("+1", "message 1")
        .await
        .expect("left to the other")
        .id;
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(a.state(id).await, "waiting");
    assert_eq!(peers.whatsapp.sent().len() + peers.sms.sent().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_handed_over_stays_for_the_holder_where_one_that_was_away_reads_it_too() {
    let (store, peers) = (store(), Peers::default());
    let a = Rig::node(&store, "a", &peers).await;
    until_shares(&store, &[("a", 64)]).await;
    store.beat(&intruder()).await.expect("beats");
    let lease = Lease::Partition(Partition::of(7));
    let handed = HandoffRecord {
        id: 1,
        lease,
        at: Timestamp(0),
        event: Handoff::retry_now(MessageId(7)).to_text(),
    };
    let group = Group(vec![Op::Handoff(handed.clone())]);
    store.commit([group].into()).await.expect("commits")[0]
        .as_ref()
        .expect("no conflict");
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(store.handoffs(&[lease], 10).await.expect("reads"), [handed]);
    drop(a);
}

#[tokio::test(start_paused = true)]
async fn a_message_is_cancelled_at_any_node() {
    let (store, peers) = (store(), Peers::default());
    peers.whatsapp.usually(broken());
    peers.sms.usually(broken());
    let a = Rig::node(&store, "a", &peers).await;
    let b = Rig::node(&store, "b", &peers).await;
    until_shares(&store, &[("a", 32), ("b", 32)]).await;
    let ids = send_by(&[&a], 8).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    for id in &ids {
        b.engine.cancel(*id).await.expect("taken");
    }
    for id in &ids {
        b.until(*id, "cancelled").await;
    }
}

#[tokio::test(start_paused = true)]
async fn one_node_decides_and_all_act_on_it() {
    let (store, peers) = (store(), Peers::default());
    let [a, b] = two_nodes(&store, &peers).await;
    peers.whatsapp.usually(broken());
    let ids = send_by(&[&b], 40).await;
    all_end(&b, &ids).await;
    for node in [&a, &b] {
        until_health(node, Health::Down).await;
    }
    let tried = peers.whatsapp.sent().len();
    let more = send_by(&[&b, &a], 10).await;
    all_end(&b, &more).await;
    assert_eq!(
        peers.whatsapp.sent().len(),
        tried,
        "nothing more goes there"
    );
    peers.whatsapp.usually(super::rig::accepted());
    until_up(&[&a, &b]).await;
}

#[tokio::test(start_paused = true)]
async fn an_outage_goes_on_at_the_node_that_takes_its_channel_over() {
    let (store, peers) = (store(), Peers::default());
    let [a, b] = two_nodes(&store, &peers).await;
    peers.whatsapp.usually(broken());
    all_end(&b, &send_by(&[&a, &b], 60).await).await;
    for node in [&a, &b] {
        until_health(node, Health::Down).await;
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    let begun = only_outage(&store).await;
    assert!(begun.moved > 0 && begun.recovered_at.is_none(), "{begun:?}");
    a.crash().await;
    until_shares(&store, &[("b", 64)]).await;
    all_end(&b, &send_by(&[&b], 20).await).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let goes_on = only_outage(&store).await;
    assert_eq!(goes_on.id, begun.id);
    assert!(goes_on.moved > begun.moved, "{goes_on:?} after {begun:?}");
    peers.whatsapp.usually(super::rig::accepted());
    until_up(&[&b]).await;
    let over = only_outage(&store).await;
    assert_eq!(over.id, begun.id);
    assert!(over.recovered_at.is_some(), "{over:?}");
}

#[tokio::test(start_paused = true)]
async fn a_webhook_that_nobody_works_on_is_found() {
    let (store, peers) = (store(), Peers::default());
    let _a = Rig::node(&store, "a", &peers).await;
    until_shares(&store, &[("a", 64)]).await;
    let left_behind = RawInbound {
        id: 77,
        channel: ChannelKind::WHATSAPP,
        received_at: Timestamp(0),
        query: String::new(),
        body: Redacted::new(Bytes::new()),
    };
    // As by a node that died right after, when its partition had just gone to another.
    let stored = vec![Group(vec![Op::Raw(left_behind)])];
    store.commit(stored.into()).await.expect("commits");
    for _ in 0..600 {
        let open = store.raw_open(Partitions::ALL, None, 1).await;
        if open.expect("reads").is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("nobody read it");
}

#[tokio::test(start_paused = true)]
async fn nothing_more_is_taken_for_a_node_that_has_as_much_as_it_may() {
    const MAX: usize = 20;
    /// Word of it takes a second or two.
    const SPARE: usize = 40;
    let (store, peers) = (store(), Peers::default());
    peers.whatsapp.usually(broken());
    peers.sms.usually(broken());
    let a = Rig::small_node(&store, "a", &peers, MAX).await;
    until_shares(&store, &[("a", 64)]).await;
    let b = Rig::small_node(&store, "b", &peers, 100_000).await;
    until_shares(&store, &[("a", 32), ("b", 32)]).await;
    let mut refused = 0;
    for n in 0..600 {
        match b.send(&format!("+1{n:04}"), "hello").await {
            Ok(_) => {}
            Err(Refusal::Busy { .. }) => refused += 1,
            Err(other) => panic!("{other:?}"),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let (of_a, of_b) = (open_at(&a), open_at(&b));
    assert!(of_a <= MAX + SPARE, "{of_a}");
    assert!(of_b > 200, "{of_b}");
    assert!(refused > 100, "{refused}");
}

/// The first decides the health of every channel.
async fn two_nodes(store: &Arc<MemoryStore>, peers: &Peers) -> [Rig; 2] {
    let a = Rig::node(store, "a", peers).await;
    until_shares(store, &[("a", 64)]).await;
    let b = Rig::node(store, "b", peers).await;
    until_shares(store, &[("a", 32), ("b", 32)]).await;
    [a, b]
}

/// While messages flow, as nothing is tested without.
async fn until_up(nodes: &[&Rig]) {
    for _ in 0..200 {
        if nodes.iter().all(|node| is(node, Health::Up)) {
            return;
        }
        send_by(nodes, 4).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    panic!("never Up again");
}

async fn only_outage(store: &MemoryStore) -> OutageRecord {
    let mut all = store.outages(9).await.expect("reads");
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

fn open_at(node: &Rig) -> usize {
    let totals = node.engine.totals();
    totals.waiting + totals.in_flight + totals.in_doubt + totals.placed
}

fn is(node: &Rig, health: Health) -> bool {
    let routes = node.engine.routes();
    routes
        .iter()
        .any(|route| route.sender == "1" && route.health == health)
}

async fn until_health(node: &Rig, health: Health) {
    for _ in 0..2_000 {
        if is(node, health) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("not {health:?}: {:?}", node.engine.routes());
}
