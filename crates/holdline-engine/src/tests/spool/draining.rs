//! What becomes of the spool when the store is back: crashes, refusals, repeats, other nodes.

use super::{MemorySpool, endpoint, rig, until, until_drained, with_key};
use crate::memory::MemoryStore;
use crate::ports::{Spool, Store};
use crate::request::Recipient;
use crate::tests::rig::{Peers, Rig, message};
use holdline_core::message::Priority;
use holdline_core::{ChannelKind, ContactId, MessageId};
use std::sync::Arc;
use std::time::Duration;

#[tokio::test(start_paused = true)]
async fn a_key_that_only_the_store_knows_makes_the_spooled_message_a_repeat_that_can_be_asked_for()
{
    let store = Arc::new(MemoryStore::new());
    let first = {
        let rig = Rig::on(Arc::clone(&store), Default::default()).await;
        let first = rig
            .engine
            .accept(with_key("a", "k", 1))
            .await
            .expect("accepted")
            .id;
        rig.until(first, "delivered").await;
        rig.crash().await;
        first
    };
    endpoint(&store).await;
    let spool = MemorySpool::new(1 << 20);
    let rig = Rig::with_spool(Arc::clone(&store), spool.alone(), &Peers::default()).await;
    rig.store.vanish();
    let repeat = rig
        .engine
        .accept(with_key("a", "k", 1))
        .await
        .expect("accepted");
    assert!(!repeat.repeat && repeat.id != first);
    rig.store.come_back();
    until_drained(&spool).await;
    assert_eq!(rig.state(repeat.id).await, "delivered");
    let timeline = store.timeline(repeat.id).await.expect("reads");
    assert!(
        timeline.decisions[0].words.contains(&first.hex()),
        "{timeline:?}"
    );
    assert!(rig.whatsapp.sent().is_empty(), "nothing is sent again");
}

#[tokio::test(start_paused = true)]
async fn a_key_that_the_store_knows_for_another_body_ends_the_spooled_message_as_failed() {
    let store = Arc::new(MemoryStore::new());
    let rig = Rig::on(Arc::clone(&store), Default::default()).await;
    rig.engine
        .accept(with_key("a", "k", 1))
        .await
        .expect("accepted");
    rig.crash().await;
    let spool = MemorySpool::new(1 << 20);
    let rig = Rig::with_spool(Arc::clone(&store), spool.alone(), &Peers::default()).await;
    rig.store.vanish();
    let other = rig
        .engine
        .accept(with_key("b", "k", 2))
        .await
        .expect("accepted")
        .id;
    rig.store.come_back();
    until_drained(&spool).await;
    assert_eq!(rig.state(other).await, "failed");
    assert!(!rig.whatsapp.sent().contains(&String::from("b")));
}

#[tokio::test(start_paused = true)]
async fn what_the_intake_refuses_later_fails_with_a_reason_that_the_app_is_told() {
    let spool = MemorySpool::new(1 << 20);
    let rig = rig(&spool).await;
    endpoint(&rig.store).await;
    rig.engine.reload_endpoints().await.expect("reads");
    rig.store.vanish();
    let mut stranger = message("+1", "x", Priority::Service);
    stranger.to = Recipient::Contact(ContactId(404));
    let stranger = rig.engine.accept(stranger).await.expect("accepted").id;
    let mut unreachable = message("+1", "y", Priority::Service);
    unreachable.to = Recipient::Address {
        channel: ChannelKind::EMAIL,
        value: "a@b.example".into(),
    };
    let unreachable = rig.engine.accept(unreachable).await.expect("accepted").id;
    let fine = rig.send("+1", "fine").await.expect("accepted").id;
    rig.store.come_back();
    until_drained(&spool).await;
    rig.until(fine, "delivered").await;
    for (id, why) in [(stranger, "no such contact"), (unreachable, "no channel")] {
        assert_eq!(rig.state(id).await, "failed");
        let timeline = rig.store.timeline(id).await.expect("reads");
        let decision = &timeline.decisions[0];
        assert_eq!(decision.code, "spool_refused");
        assert!(decision.words.contains(why), "{}", decision.words);
    }
    until("both failures are told", || rig.told().len() >= 2).await;
    assert_eq!(rig.told()[..2], [stranger, unreachable]);
    assert_eq!(rig.whatsapp.sent(), ["fine"]);
}

#[tokio::test(start_paused = true)]
async fn a_crash_at_any_moment_of_draining_sends_nothing_twice_and_loses_nothing() {
    for steps in 0..40 {
        let store = Arc::new(MemoryStore::new());
        let spool = MemorySpool::new(1 << 20);
        let peers = Peers::default();
        let rig = Rig::with_spool(Arc::clone(&store), spool.alone(), &peers).await;
        store.vanish();
        let mut ids = Vec::new();
        for n in 0..20 {
            // Of bulk nothing is sent again after a crash: whatever leaves twice was drained twice.
            let (to, text) = (format!("+{}", n % 3), format!("m{n}"));
            let sent = rig.send_as(&to, &text, Priority::Bulk).await;
            ids.push(sent.expect("accepted").id);
        }
        store.come_back();
        tokio::time::sleep(Duration::from_millis(steps * 3)).await;
        rig.crash().await;
        // A drain that was cut off before it could forget what it had drained.
        let rig = Rig::with_spool(Arc::clone(&store), spool.alone(), &peers).await;
        until_drained(&spool).await;
        let waiting = async |id| ["waiting", "in_flight"].contains(&rig.state(id).await);
        for id in ids {
            while waiting(id).await {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        let mut sent = peers.whatsapp.sent();
        sent.sort();
        sent.dedup();
        assert_eq!(
            (sent.len(), peers.whatsapp.sent().len()),
            (20, 20),
            "{steps}"
        );
        rig.crash().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_record_that_comes_again_after_its_message_has_ended_is_dropped() {
    let spool = MemorySpool::new(1 << 20);
    let rig = rig(&spool).await;
    rig.store.vanish();
    let id = rig.send("+1", "hello").await.expect("accepted").id;
    let record = spool.with(|it| it.records[0].clone());
    rig.store.come_back();
    until_drained(&spool).await;
    rig.until(id, "delivered").await;
    spool.with(|it| it.records.push(record));
    until_drained(&spool).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(rig.whatsapp.sent(), ["hello"]);
}

#[tokio::test(start_paused = true)]
async fn what_an_earlier_run_left_comes_first_and_its_keys_are_known() {
    let store = Arc::new(MemoryStore::new());
    let spool = MemorySpool::new(1 << 20);
    let peers = Peers::default();
    let rig = Rig::with_spool(Arc::clone(&store), spool.alone(), &peers).await;
    store.vanish();
    let first = rig
        .engine
        .accept(with_key("old", "k", 1))
        .await
        .expect("accepted");
    rig.crash().await;
    store.come_back();
    let rig = Rig::with_spool(Arc::clone(&store), spool.alone(), &peers).await;
    let new = rig.send("+1", "new").await.expect("accepted").id;
    let again = rig
        .engine
        .accept(with_key("old", "k", 1))
        .await
        .expect("known");
    assert!(again.repeat && again.id == first.id);
    until_drained(&spool).await;
    rig.until(new, "delivered").await;
    assert_eq!(rig.whatsapp.sent(), ["old", "new"]);
}

#[tokio::test(start_paused = true)]
async fn a_record_that_nothing_can_be_made_of_is_set_aside_and_holds_nobody_up() {
    let spool = MemorySpool::new(1 << 20);
    spool.put(b"of another time");
    let rig = rig(&spool).await;
    let id = rig.send("+1", "hello").await.expect("accepted").id;
    until_drained(&spool).await;
    rig.until(id, "delivered").await;
    assert_eq!((spool.len(), spool.size().aside), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_record_that_a_working_store_never_takes_is_set_aside_after_a_while() {
    let spool = MemorySpool::new(1 << 20);
    let rig = rig(&spool).await;
    rig.store.vanish();
    let before = rig.send("+1", "before").await.expect("accepted").id;
    let never = rig.send("+2", "never").await.expect("accepted").id;
    let after = rig.send("+3", "after").await.expect("accepted").id;
    rig.store.never_take(never);
    rig.store.come_back();
    tokio::time::sleep(Duration::from_secs(50)).await;
    assert!(spool.len() > 0, "it is tried for a minute");
    until_drained(&spool).await;
    assert_eq!(spool.size().aside, 1);
    rig.until(before, "delivered").await;
    rig.until(after, "delivered").await;
}

#[tokio::test(start_paused = true)]
async fn of_several_nodes_each_drains_its_own_and_the_owner_sends() {
    let store = Arc::new(MemoryStore::new());
    let peers = Peers::default();
    let spools = [MemorySpool::new(1 << 20), MemorySpool::new(1 << 20)];
    let a = Rig::node_with_spool(&store, "a", &peers, spools[0].alone()).await;
    let b = Rig::node_with_spool(&store, "b", &peers, spools[1].alone()).await;
    tokio::time::sleep(Duration::from_secs(20)).await;
    store.vanish();
    let mut ids: Vec<MessageId> = Vec::new();
    for n in 0..30 {
        let node = if n % 2 == 0 { &a } else { &b };
        let sent = node.send(&format!("+{n}"), &format!("m{n}")).await;
        ids.push(sent.expect("accepted").id);
    }
    assert_eq!((spools[0].len(), spools[1].len()), (15, 15));
    store.come_back();
    until_drained(&spools[0]).await;
    until_drained(&spools[1]).await;
    for id in ids {
        a.until(id, "delivered").await;
    }
    let mut sent = peers.whatsapp.sent();
    sent.sort();
    sent.dedup();
    assert_eq!((sent.len(), peers.whatsapp.sent().len()), (30, 30));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_comes_and_goes_while_it_is_drained_gets_everything_once() {
    let spool = MemorySpool::new(1 << 20);
    let rig = rig(&spool).await;
    let mut ids = Vec::new();
    for round in 0..12_u64 {
        match round % 4 {
            0 => rig.store.vanish(),
            2 => rig.store.fall_silent(),
            _ => rig.store.come_back(),
        }
        for n in 0..30 {
            let sent = rig
                .send(&format!("+{}", n % 5), &format!("{round}/{n}"))
                .await;
            ids.push(sent.expect("accepted").id);
            tokio::time::sleep(Duration::from_millis(n * 3)).await;
        }
    }
    rig.store.come_back();
    until_drained(&spool).await;
    for id in &ids {
        rig.until(*id, "delivered").await;
    }
    let mut sent = rig.whatsapp.sent();
    assert_eq!(sent.len(), ids.len());
    for person in 0..5 {
        let of = |text: &String| {
            let (round, n) = text.split_once('/').expect("a slash");
            (
                round.parse::<u64>().expect("a number"),
                n.parse::<u64>().expect("a number"),
            )
        };
        let places: Vec<_> = sent
            .iter()
            .map(of)
            .filter(|(_, n)| n % 5 == person)
            .collect();
        assert!(places.is_sorted(), "{places:?}");
    }
    sent.sort();
    sent.dedup();
    assert_eq!(sent.len(), ids.len());
}
