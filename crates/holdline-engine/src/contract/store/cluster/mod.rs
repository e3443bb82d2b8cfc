//! Leases are held by one node at a time and say so by their epoch; what is written under a lost
//! one conflicts; what is handed over waits for the holder; reads keep to their partitions.

use super::fixtures::{accept_plain, at, hook_for, message_id, put, raw, setting, try_put};
use crate::ports::cluster::{Beat, HandoffRecord, Lease, LeaseHeld, Partition, Partitions};
use crate::ports::{Conflict, Op, Store};
use holdline_core::message::Priority;
use holdline_core::{ChannelKind, Timestamp};
use std::sync::Arc;

const TTL_MS: u64 = 60_000;

pub async fn check(new_store: &impl AsyncFn() -> Arc<dyn Store>) {
    a_lease_has_one_holder_and_grows_its_epoch(&*new_store().await).await;
    a_holder_renews_what_nobody_took(&*new_store().await).await;
    given_leases_are_free_at_once(&*new_store().await).await;
    who_leaves_is_gone(&*new_store().await).await;
    a_write_under_a_lost_lease_conflicts(&*new_store().await).await;
    handoffs_wait_for_the_holder(&*new_store().await).await;
    reads_keep_to_their_partitions(&*new_store().await).await;
}

fn beat(node: &str, now: Timestamp, take: &[Lease], give: &[Lease]) -> Beat {
    Beat {
        node: node.to_owned(),
        url: format!("http://{node}"),
        now,
        ttl_ms: TTL_MS,
        take: take.to_vec(),
        give: give.to_vec(),
        leaves: false,
    }
}

fn partition(number: u8) -> Lease {
    Lease::Partition(Partition::new(number).expect("below 64"))
}

fn health() -> Lease {
    Lease::Health(ChannelKind::SMS)
}

fn held(leases: &[(Lease, i64)]) -> Vec<LeaseHeld> {
    let held = leases.iter().map(|(lease, epoch)| LeaseHeld {
        lease: *lease,
        epoch: *epoch,
    });
    held.collect()
}

async fn ask(store: &dyn Store, beat: &Beat) -> Vec<LeaseHeld> {
    store.beat(beat).await.expect("beats")
}

/// A time by the store's own clock, whichever that is.
async fn now(store: &dyn Store) -> Timestamp {
    store.cluster(at(1_000)).await.expect("reads").now
}

/// Lets the leases of a node run out: by a beat that was good for no time at all.
async fn run_out(store: &dyn Store, node: &str, now: Timestamp) {
    let spent = Beat {
        ttl_ms: 0,
        ..beat(node, now, &[], &[])
    };
    ask(store, &spent).await;
}

async fn a_lease_has_one_holder_and_grows_its_epoch(store: &dyn Store) {
    let now = now(store).await;
    let wanted = [partition(3), health(), Lease::Upkeep];
    let first = ask(store, &beat("a", now, &wanted, &[])).await;
    assert_eq!(
        first,
        held(&[(partition(3), 1), (health(), 1), (Lease::Upkeep, 1)])
    );
    let second = ask(store, &beat("b", now, &[partition(3), partition(4)], &[])).await;
    assert_eq!(second, held(&[(partition(4), 1)]), "held by another");
    run_out(store, "a", now).await;
    let later = now.plus_ms(1);
    let taken = ask(store, &beat("b", later, &[partition(3)], &[])).await;
    assert_eq!(taken, held(&[(partition(3), 2), (partition(4), 1)]));
    let rest = ask(store, &beat("a", later, &[partition(3)], &[])).await;
    assert_eq!(rest, held(&[(health(), 1), (Lease::Upkeep, 1)]));
    let view = store.cluster(later).await.expect("reads");
    let nodes: Vec<_> = view
        .nodes
        .iter()
        .map(|it| (it.node.as_str(), it.url.as_str()))
        .collect();
    assert_eq!(nodes, [("a", "http://a"), ("b", "http://b")]);
    let of = |lease| {
        view.leases
            .iter()
            .find(|it| it.lease == lease)
            .expect("is there")
    };
    assert_eq!(
        (of(partition(3)).node.as_str(), of(partition(3)).epoch),
        ("b", 2)
    );
    assert!(
        of(partition(3)).until >= view.now.plus_ms(TTL_MS / 2),
        "{view:?}"
    );
}

async fn a_holder_renews_what_nobody_took(store: &dyn Store) {
    let now = now(store).await;
    ask(store, &beat("a", now, &[partition(0)], &[])).await;
    run_out(store, "a", now).await;
    let again = ask(store, &beat("a", now.plus_ms(1), &[], &[])).await;
    assert_eq!(again, held(&[(partition(0), 1)]), "with the same epoch");
    let other = ask(store, &beat("b", now.plus_ms(1), &[partition(0)], &[])).await;
    assert_eq!(other, []);
}

async fn given_leases_are_free_at_once(store: &dyn Store) {
    let now = now(store).await;
    let both = [partition(1), partition(2)];
    ask(store, &beat("a", now, &both, &[])).await;
    let foreign = ask(store, &beat("b", now, &[], &both)).await;
    assert_eq!(foreign, [], "nobody gives what is another's");
    let kept = ask(store, &beat("a", now, &[], &[partition(1)])).await;
    assert_eq!(kept, held(&[(partition(2), 1)]));
    let taken = ask(store, &beat("b", now, &both, &[])).await;
    assert_eq!(taken, held(&[(partition(1), 2)]));
}

async fn who_leaves_is_gone(store: &dyn Store) {
    let now = now(store).await;
    ask(store, &beat("a", now, &[partition(1), health()], &[])).await;
    let leaves = Beat {
        leaves: true,
        ..beat("a", now, &[Lease::Upkeep], &[])
    };
    assert_eq!(ask(store, &leaves).await, []);
    assert_eq!(store.cluster(now).await.expect("reads").nodes, []);
    let taken = ask(store, &beat("b", now, &[partition(1), health()], &[])).await;
    assert_eq!(taken, held(&[(partition(1), 2), (health(), 2)]));
}

async fn a_write_under_a_lost_lease_conflicts(store: &dyn Store) {
    let now = now(store).await;
    let lease = partition(9);
    let fence = |epoch| Op::Fence { lease, epoch };
    let fenced = Err(Conflict::Fenced { lease });
    assert_eq!(
        try_put(store, vec![fence(1), setting("a", "x")]).await,
        fenced
    );
    ask(store, &beat("a", now, &[lease], &[])).await;
    put(store, vec![fence(1), setting("a", "1")]).await;
    ask(store, &beat("a", now, &[], &[lease])).await;
    ask(store, &beat("b", now, &[lease], &[])).await;
    let late = vec![setting("a", "2"), fence(1), setting("b", "2")];
    assert_eq!(try_put(store, late).await, fenced);
    assert_eq!(
        store.setting("a").await.expect("reads").as_deref(),
        Some("1")
    );
    assert_eq!(store.setting("b").await.expect("reads"), None);
    put(store, vec![fence(2), setting("a", "3")]).await;
    assert_eq!(
        store.setting("a").await.expect("reads").as_deref(),
        Some("3")
    );
}

async fn handoffs_wait_for_the_holder(store: &dyn Store) {
    let handoff = |id, lease| HandoffRecord {
        id,
        lease,
        at: at(5),
        event: format!("{{\"n\":{id}}}"),
    };
    let all = [
        handoff(2, partition(1)),
        handoff(1, partition(1)),
        handoff(3, health()),
    ];
    for record in &all {
        put(store, vec![Op::Handoff(record.clone())]).await;
    }
    put(store, vec![Op::Handoff(all[0].clone())]).await;
    let read = |leases: &'static [u8]| async move {
        let leases: Vec<Lease> = leases.iter().map(|number| partition(*number)).collect();
        store.handoffs(&leases, 10).await.expect("reads")
    };
    assert_eq!(read(&[1, 2]).await, [all[1].clone(), all[0].clone()]);
    assert_eq!(read(&[2]).await, []);
    assert_eq!(
        store
            .handoffs(&[partition(1)], 1)
            .await
            .expect("reads")
            .len(),
        1
    );
    assert_eq!(store.handoffs(&[], 10).await.expect("reads"), []);
    put(store, vec![Op::HandoffDone(1), Op::HandoffDone(99)]).await;
    assert_eq!(read(&[1]).await, [all[0].clone()]);
    assert_eq!(
        store.handoffs(&[health()], 10).await.expect("reads"),
        [all[2].clone()]
    );
}

async fn reads_keep_to_their_partitions(store: &dyn Store) {
    put(
        store,
        vec![accept_plain(1), hook_for("e", 77), Op::Raw(raw(1))],
    )
    .await;
    let stored = store
        .message(message_id(1))
        .await
        .expect("reads")
        .expect("is there");
    let of_contact = Partitions::NONE.with(Partition::of_contact(stored.message.contact));
    let of_subject = Partitions::NONE.with(Partition::of(77));
    let of_raw = Partitions::NONE.with(Partition::of(raw(1).id));
    for (partitions, expect) in sets(of_contact) {
        let open = store
            .waiting(partitions, Priority::Service, None, 10)
            .await
            .expect("reads");
        assert_eq!(open.len(), expect, "{partitions:?}");
    }
    for (partitions, expect) in sets(of_subject) {
        let due = store
            .hooks_due(partitions, Timestamp::MAX, &[], 10)
            .await
            .expect("reads");
        assert_eq!(due.len(), expect, "{partitions:?}");
        let next = store.hooks_next_due(partitions).await.expect("reads");
        assert_eq!(usize::from(next.is_some()), expect, "{partitions:?}");
    }
    for (partitions, expect) in sets(of_raw) {
        let open = store.raw_open(partitions, None, 10).await.expect("reads");
        assert_eq!(open.len(), expect, "{partitions:?}");
    }
}

/// Sets of partitions, and whether what is in `one` is in them.
fn sets(one: Partitions) -> [(Partitions, usize); 4] {
    [
        (Partitions::ALL, 1),
        (one, 1),
        (Partitions::ALL.without(one), 0),
        (Partitions::NONE, 0),
    ]
}
