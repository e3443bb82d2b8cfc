//! Many messages at once: every one reaches its person exactly once, and the sandbox stops.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::support::{Bench, quick, until};

const SENDERS: usize = 16;
const EACH: usize = 125;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_messages_reach_their_people_exactly_once() {
    let mut config = quick();
    config.whatsapp.throughput_per_s = 0;
    config.webhooks.batch_max = 100;
    let bench = Arc::new(Bench::with(config).await);
    let mut senders = Vec::new();
    for sender in 0..SENDERS {
        let bench = Arc::clone(&bench);
        senders.push(tokio::spawn(async move {
            for place in 0..EACH {
                let to = format!("1650{sender:03}{place:04}");
                bench.text(&to, &format!("m{sender}-{place}")).await;
            }
        }));
    }
    for sender in senders {
        sender.await.unwrap();
    }
    until("all are delivered", || bench.rows().len() == SENDERS * EACH).await;
    let texts: BTreeSet<String> = bench.texts().into_iter().collect();
    assert_eq!(texts.len(), SENDERS * EACH);
    let rows = bench.rows();
    assert!(rows.iter().zip(1..).all(|(row, seq)| row.seq == seq));
    until("all webhooks are delivered", || {
        let rows = bench.sandbox.webhooks(100_000);
        let events: usize = bench
            .receiver
            .hooks()
            .iter()
            .map(|hook| hook.values().len())
            .sum();
        events == 2 * SENDERS * EACH && rows.iter().all(|row| row.status == Some(200))
    })
    .await;
}

#[tokio::test]
async fn shutting_down_frees_the_ports() {
    let bench = Bench::start().await;
    bench.text("16505551234", "x").await;
    let address = bench.sandbox.urls().smtp;
    bench.sandbox.shutdown().await;
    until("the port is free", || {
        std::net::TcpListener::bind(address).is_ok()
    })
    .await;
}
