//! The PostgreSQL store keeps the contract of every store, through a proxy as well.

use super::{open, options};
use holdline_engine::contract::store as contract;
use holdline_engine::ports::Store;
use holdline_servers::{Pgbouncer, Postgres};
use holdline_store::postgres;
use std::sync::Arc;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_keeps_the_contract() {
    let server = Postgres::start();
    contract::all(async || {
        let database = server.new_database();
        Arc::new(open(&server.url(&database)).await) as Arc<dyn Store>
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_keeps_the_contract_through_a_proxy_that_pools_transactions() {
    let server = Postgres::start();
    let proxy = Pgbouncer::start(&server);
    contract::all(async || {
        let database = server.new_database();
        Arc::new(open(&proxy.url(&database)).await) as Arc<dyn Store>
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_keeps_the_contract_with_statements_that_the_server_keeps() {
    let server = Postgres::start();
    contract::all(async || {
        let mut options = options(&server.url(&server.new_database()));
        options.prepared_statements = true;
        Arc::new(postgres::open(options).await.unwrap()) as Arc<dyn Store>
    })
    .await;
}
