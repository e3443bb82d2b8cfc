//! The hint that something was handed over: it comes by NOTIFY, and again after a lost connection.

use super::{open_new, options};
use holdline_core::Timestamp;
use holdline_engine::ports::cluster::{HandoffRecord, Lease};
use holdline_engine::ports::{Group, Op, Store};
use holdline_servers::Postgres;
use holdline_store::postgres;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hint_comes_with_each_handoff_and_whenever_one_may_have_been_missed() {
    let server = Postgres::start();
    let (store, database) = open_new(&server).await;
    let (hint, mut hints) = mpsc::unbounded_channel();
    let listening = options(&server.url(&database));
    let listening = tokio::spawn(postgres::listen(listening, move || {
        let _ = hint.send(());
    }));
    let mut hinted = async || {
        let came = timeout(PATIENCE, hints.recv()).await;
        came.expect("a hint in time").expect("listens");
    };
    hinted().await;
    let hand_over = async |id: u128| {
        let handoff = Op::Handoff(HandoffRecord {
            id,
            lease: Lease::Upkeep,
            at: Timestamp(1),
            event: String::from("{}"),
        });
        let groups = [Group(vec![handoff])].into();
        assert_eq!(store.commit(groups).await.unwrap(), [Ok(())]);
    };
    hand_over(1).await;
    hinted().await;
    let listeners = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE query LIKE 'LISTEN%'";
    server.sql("postgres", listeners);
    hinted().await;
    hand_over(2).await;
    hinted().await;
    assert!(!listening.is_finished());
    listening.abort();
}
