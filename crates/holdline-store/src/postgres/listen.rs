//! Listens on a connection of its own for the hint that another node handed something over. Behind
//! a proxy that pools transactions no hint comes; nothing depends on one.

use super::connect::{Connector, Link, PostgresOptions};
use super::error::Fault;
use holdline_engine::ports::store::StoreResult;
use std::time::Duration;

/// Between two connections.
const PAUSE: Duration = Duration::from_secs(1);

/// Calls `on_hint` at every notification and whenever one may have been missed. Runs until it is
/// dropped; ends by itself only with what no waiting mends.
pub async fn listen(options: PostgresOptions, on_hint: impl Fn() + Send) -> StoreResult<()> {
    let connector = Connector::new(&options)?;
    loop {
        match connector.connect_by(connector.deadline()).await {
            Ok(link) => hear(&link, &on_hint).await,
            Err(Fault::Refused(error)) => return Err(error),
            Err(Fault::Lost(why) | Fault::Raced(why)) => {
                tracing::debug!(why, "no connection for hints");
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn hear(link: &Link, on_hint: &impl Fn()) {
    if let Err(error) = link.client().batch_execute("LISTEN holdline").await {
        tracing::debug!(%error, "hints cannot be listened to");
        return;
    }
    while link.is_usable() {
        on_hint();
        link.notified().await;
    }
}
