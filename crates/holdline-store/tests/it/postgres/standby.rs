//! A primary with a standby that every commit waits for: nothing answered is lost when the standby
//! takes over, and a commit without its standby is in doubt, not done.

use super::{open, options};
use crate::fixtures::{groups, numbers};
use holdline_engine::ports::{Store, StoreError};
use holdline_servers::Postgres;
use holdline_store::postgres;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_promoted_standby_is_found_and_has_every_answered_commit() {
    let mut primary = Postgres::start();
    let database = primary.new_database();
    let standby = primary.standby("s1");
    let url = both(&primary, &standby, &database);
    let store = open(&url).await;
    store.commit(groups(0..20)).await.unwrap();
    primary.kill();
    standby.promote();
    store
        .commit(groups(20..21))
        .await
        .expect("it found the other server");
    assert_eq!(numbers(&store).await, (0..21).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_without_its_standby_is_ambiguous() {
    let primary = Postgres::start();
    let database = primary.new_database();
    let mut standby = primary.standby("s1");
    let url = primary.url(&database);
    let store = open(&url).await;
    store.commit(groups(0..1)).await.unwrap();
    standby.kill();
    let mut impatient = options(&url);
    impatient.commit_ms_max = 500;
    let impatient = postgres::open(impatient).await.unwrap();
    let silent = impatient.commit(groups(1..2)).await.unwrap_err();
    assert!(
        matches!(&silent, StoreError::Ambiguous(why) if why.contains("standby")),
        "{silent}"
    );

    // The connection ends while COMMIT waits; then an operator cuts the wait short.
    for (n, waiting, end) in [
        (2, "2", "pg_terminate_backend"),
        (3, "1", "pg_cancel_backend"),
    ] {
        let waits = "FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND query LIKE '%COMMIT'";
        let cut = async {
            let (primary, database) = (&primary, &database);
            tokio::task::block_in_place(|| {
                let all = format!("SELECT count(*) {waits}");
                primary.wait_for(database, &all, waiting);
                primary.sql(database, &format!("SELECT {end}(pid) {waits}"));
            });
        };
        let (result, ()) = tokio::join!(store.commit(groups(n..n + 1)), cut);
        let error = result.unwrap_err();
        assert!(matches!(error, StoreError::Ambiguous(_)), "{end}: {error}");
    }
    primary.set("synchronous_standby_names", "");
    assert_eq!(
        numbers(&store).await,
        [0, 1, 2, 3],
        "here all of them happened"
    );
}

fn both(one: &Postgres, two: &Postgres, database: &str) -> String {
    let (one, two) = (one.port(), two.port());
    format!("postgres://holdline@127.0.0.1:{one},127.0.0.1:{two}/{database}")
}
