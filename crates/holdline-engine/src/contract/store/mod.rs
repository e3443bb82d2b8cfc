//! The contract of a Store, by area. Each check makes its own empty store by `new_store`.

pub mod atomic;
pub mod cluster;
mod fixtures;
pub mod hooks;
pub mod inbound;
pub mod library;
pub mod messages;
pub mod paging;
pub mod people;
pub mod retention;
pub mod routes;

use crate::ports::Store;
use std::sync::Arc;

/// Runs every area.
pub async fn all(new_store: impl AsyncFn() -> Arc<dyn Store>) {
    atomic::check(&new_store).await;
    messages::check(&new_store).await;
    paging::check(&new_store).await;
    people::check(&new_store).await;
    inbound::check(&new_store).await;
    hooks::check(&new_store).await;
    library::check(&new_store).await;
    routes::check(&new_store).await;
    retention::check(&new_store).await;
    cluster::check(&new_store).await;
}
