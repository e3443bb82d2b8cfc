//! More waits than fits into memory: nothing is lost, passed or sent twice, and urgent goes first.

use super::rig::{Peers, Rig, accepted, broken};
use crate::memory::MemoryStore;
use crate::ports::Store;
use holdline_core::message::Priority;
use holdline_core::routing::GateConfig;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

const WINDOW: usize = 10;

async fn small(store: Arc<MemoryStore>) -> Rig {
    Rig::with_window(store, WINDOW).await
}

fn down(rig: &Rig) {
    rig.whatsapp.usually(broken());
    rig.sms.usually(broken());
}

fn up(rig: &Rig) {
    rig.whatsapp.usually(accepted());
    rig.sms.usually(accepted());
}

async fn wait(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

fn all_sent(rig: &Rig) -> Vec<String> {
    let mut sent = rig.whatsapp.sent();
    sent.extend(rig.sms.sent());
    sent
}

#[tokio::test(start_paused = true)]
async fn what_does_not_fit_waits_in_the_store_and_leaves_in_order() {
    let rig = small(Arc::new(MemoryStore::new())).await;
    down(&rig);
    let mut ids = Vec::new();
    for n in 0..200 {
        // Ten people with twenty messages each.
        let text = format!("{} {n:03}", n % 10);
        ids.push(
            rig.send(&format!("+1{}", n % 10), &text)
                .await
                .expect("accepted")
                .id,
        );
    }
    wait(60).await;
    assert!(
        rig.engine.totals().waiting >= 190,
        "{:?}",
        rig.engine.totals()
    );
    let tried = all_sent(&rig).len();
    up(&rig);
    for id in &ids {
        rig.until(*id, "delivered").await;
    }
    let sent = all_sent(&rig).split_off(tried);
    for person in 0..10 {
        let texts = |sent: &[String]| -> Vec<String> {
            let mine = sent
                .iter()
                .filter(|text| text.starts_with(&format!("{person} ")));
            mine.cloned().collect()
        };
        let mut by_sms = texts(&rig.sms.sent());
        by_sms.dedup();
        let mut sorted = by_sms.clone();
        sorted.sort();
        assert_eq!(by_sms, sorted, "in order");
    }
    assert!(sent.len() >= 190, "{}", sent.len());
}

#[tokio::test(start_paused = true)]
async fn urgent_messages_do_not_wait_behind_a_full_window() {
    let rig = small(Arc::new(MemoryStore::new())).await;
    down(&rig);
    for n in 0..100 {
        rig.send(&format!("+1{n:03}"), "service")
            .await
            .expect("accepted");
    }
    wait(30).await;
    up(&rig);
    rig.sms.takes_ms.store(2_000, Ordering::SeqCst);
    let urgent = rig
        .send_as("+2", "urgent", Priority::Urgent)
        .await
        .expect("accepted")
        .id;
    rig.until(urgent, "delivered").await;
    wait(1).await;
    let waiting = rig.engine.totals().waiting;
    assert!(waiting > 20, "{waiting}");
}

#[tokio::test(start_paused = true)]
async fn what_waits_behind_the_window_expires_in_time_and_can_be_cancelled() {
    let rig = small(Arc::new(MemoryStore::new())).await;
    down(&rig);
    let mut ids = Vec::new();
    for n in 0..60 {
        ids.push(
            rig.send(&format!("+1{n:03}"), "x")
                .await
                .expect("accepted")
                .id,
        );
    }
    wait(10).await;
    rig.engine.cancel(ids[59]).await.expect("is open");
    assert_eq!(rig.state(ids[59]).await, "cancelled");
    wait(3_600).await;
    for id in &ids[..59] {
        rig.until(*id, "expired").await;
    }
    wait(10).await;
    assert_eq!(rig.engine.totals().waiting, 0);
}

#[tokio::test(start_paused = true)]
async fn after_a_crash_the_window_is_filled_again() {
    let rig = small(Arc::new(MemoryStore::new())).await;
    down(&rig);
    let mut ids = Vec::new();
    for n in 0..100 {
        ids.push(
            rig.send(&format!("+1{n:03}"), &format!("m{n}"))
                .await
                .expect("accepted")
                .id,
        );
    }
    wait(5).await;
    let again = small(rig.crash().await).await;
    for id in &ids {
        again.until(*id, "delivered").await;
    }
    let mut sent = all_sent(&again);
    sent.sort();
    sent.dedup();
    assert_eq!(sent.len(), all_sent(&again).len(), "none twice");
}

#[tokio::test(start_paused = true)]
async fn a_node_that_takes_over_a_full_store_fills_its_window() {
    let (store, peers) = (Arc::new(MemoryStore::new()), Peers::default());
    let a = Rig::node(&store, "a", &peers).await;
    wait(3).await;
    peers.whatsapp.usually(broken());
    peers.sms.usually(broken());
    let mut ids = Vec::new();
    for n in 0..1_500 {
        ids.push(
            a.send(&format!("+1{n:04}"), "x")
                .await
                .expect("accepted")
                .id,
        );
    }
    a.crash().await;
    peers.whatsapp.usually(accepted());
    peers.sms.usually(accepted());
    let b = Rig::node(&store, "b", &peers).await;
    wait(600).await;
    for id in &ids {
        b.until(*id, "delivered").await;
    }
    assert_eq!(
        store
            .count_waiting(crate::ports::Partitions::ALL)
            .await
            .expect("reads"),
        0
    );
}

#[tokio::test(start_paused = true)]
async fn a_window_with_room_costs_nothing() {
    let rig = Rig::on(Arc::new(MemoryStore::new()), GateConfig::default()).await;
    let id = rig.send("+1", "x").await.expect("accepted").id;
    rig.until(id, "delivered").await;
    assert_eq!(rig.engine.totals().waiting, 0);
}
