//! This server as one of several on the same database: its name among them, and the hints of the
//! database that another has left something for it. Decides nothing about who does what.

use crate::clock::SystemIds;
use crate::config::Config;
use holdline_engine::ports::Ids as _;
use holdline_engine::{ClusterConfig, Engine};
use holdline_store::{PostgresOptions, is_postgres, postgres};
use std::net::SocketAddr;
use tokio::sync::watch;

/// How the store is shared; `None` for a file, which one server has for itself.
pub(super) fn sharing(config: &Config, address: SocketAddr) -> Option<ClusterConfig> {
    is_postgres(&config.storage.url).then(|| ClusterConfig {
        ttl_ms: config.node.takeover_ms,
        ..ClusterConfig::new(name(config), format!("http://{address}"))
    })
}

/// Two processes of one name would each take the other's leases for its own: a draw parts them.
fn name(config: &Config) -> String {
    let host = || {
        rustix::system::uname()
            .nodename()
            .to_string_lossy()
            .into_owned()
    };
    let known_as = config.node.name.clone().unwrap_or_else(host);
    let drawn = SystemIds.draw() >> 32;
    format!("{known_as}-{drawn:08x}")
}

/// Passes the database's hints on until the server stops.
pub(super) async fn hear(
    options: PostgresOptions,
    engine: Engine,
    mut shutdown: watch::Receiver<bool>,
) {
    let heard = postgres::listen(options, || engine.look_for_handoffs());
    tokio::select! {
        Err(error) = heard => tracing::warn!(%error, "no hints from other servers"),
        _ = shutdown.wait_for(|stops| *stops) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_shared_database_makes_a_node_and_no_two_starts_have_one_name() {
        let sharing = |text: &str| {
            let config = Config::from_toml_str(text, &[]).unwrap();
            super::sharing(&config, SocketAddr::from(([127, 0, 0, 1], 80)))
        };
        assert!(sharing("").is_none());
        let text = "[storage]\nurl = \"postgres://u@localhost/d\"\n[node]\nname = \"web1\"\n";
        let (first, second) = (sharing(text).unwrap(), sharing(text).unwrap());
        assert!(first.node.starts_with("web1-"), "{}", first.node);
        assert_ne!(first.node, second.node);
        assert_eq!(first.ttl_ms, 5_000);
    }
}
