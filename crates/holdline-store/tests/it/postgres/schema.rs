//! Nodes that start at the same time, and databases that are not for this program.

use super::{open, open_new, options};
use crate::fixtures::{groups, numbers};
use holdline_engine::ports::Store;
use holdline_engine::ports::cluster::Beat;
use holdline_servers::Postgres;
use holdline_store::postgres;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stores_that_open_a_new_database_at_once_all_succeed() {
    let server = Postgres::start();
    let url = server.url(&server.new_database());
    let opening = (0..6).map(|_| open(&url));
    let stores = futures_util::future::join_all(opening).await;
    for (n, store) in (0..).zip(&stores) {
        store.commit(groups(n..n + 1)).await.unwrap();
    }
    assert_eq!(numbers(&stores[5]).await, (0..6).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newer_schema_is_shared_as_long_as_it_allows() {
    let server = Postgres::start();
    let (store, database) = open_new(&server).await;
    let known = server.sql(&database, "SELECT version FROM schema_version");
    let next = known.trim().parse::<i32>().unwrap() + 1;
    let newer = format!(
        "UPDATE schema_version SET version = {next};
         INSERT INTO schema_migration (version, name, checksum) VALUES ({next}, 'next', '')"
    );
    server.sql(&database, &newer);
    open(&server.url(&database)).await;
    store.beat(&beat()).await.unwrap();
    let refused = format!("UPDATE schema_version SET writer_min = {next}");
    server.sql(&database, &refused);
    let refused = postgres::open(options(&server.url(&database))).await;
    let refused = [refused.map(drop), store.beat(&beat()).await.map(drop)];
    for error in refused.map(|it| it.unwrap_err().to_string()) {
        assert!(error.contains("run the newer holdline"), "{error}");
    }
}

#[tokio::test]
async fn a_changed_step_is_refused() {
    let server = Postgres::start();
    let (_, database) = open_new(&server).await;
    server.sql(&database, "UPDATE schema_migration SET checksum = 'x'");
    let error = postgres::open(options(&server.url(&database)))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("step 1 (start)"), "{error}");
}

#[tokio::test]
async fn what_cannot_be_opened_says_how_to_mend_it() {
    let server = Postgres::start();
    server.sql(
        "postgres",
        "CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0",
    );
    server.sql("postgres", "CREATE ROLE guest LOGIN");
    let closed = server.url("postgres").replace("holdline@", "guest@");
    server.sql("postgres", "REVOKE CREATE ON SCHEMA public FROM PUBLIC");
    for (url, says) in [
        (server.url("latin"), "encoding LATIN1; make one in UTF8"),
        (server.url("nowhere"), "createdb"),
        (closed, "right to use and make tables"),
    ] {
        let error = postgres::open(options(&url)).await.unwrap_err().to_string();
        assert!(error.contains(says), "{url}: {error}");
    }
}

fn beat() -> Beat {
    Beat {
        node: "a".to_owned(),
        url: "http://a".to_owned(),
        now: holdline_core::Timestamp(0),
        ttl_ms: 1_000,
        take: Vec::new(),
        give: Vec::new(),
        leaves: false,
    }
}
