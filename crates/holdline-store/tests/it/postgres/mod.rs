//! The PostgreSQL store against real servers: the contract of every store, directly and through a
//! proxy, and what happens when connections, servers and standbys go.

mod contract;
mod faults;
mod hints;
mod moving;
mod schema;
mod standby;
mod stores;

use holdline_servers::Postgres;
use holdline_store::{PostgresOptions, PostgresStore, postgres};

/// A store on a database, with little patience.
async fn open(url: &str) -> PostgresStore {
    postgres::open(options(url)).await.unwrap()
}

fn options(url: &str) -> PostgresOptions {
    PostgresOptions::from_url(url).unwrap()
}

/// A store on a new database of the server; gives the name of the database too.
async fn open_new(server: &Postgres) -> (PostgresStore, String) {
    let name = server.new_database();
    (open(&server.url(&name)).await, name)
}
