//! Settings of the look around. Plain values; checked when it is made.

use crate::http::BuildError;
use std::net::SocketAddr;
use std::path::PathBuf;
use url::Url;

/// Most control hosts, and most resolvers beside the system's.
pub(super) const PEERS_MAX: usize = 8;

#[derive(Clone, Debug)]
pub struct SurroundingsConfig {
    /// Hosts of others than the provider; any HTTP answer of theirs will do.
    pub controls: Vec<Url>,
    /// Asked over UDP, beside the system's resolver.
    pub resolvers: Vec<SocketAddr>,
    /// For each single check.
    pub timeout_ms: u32,
    pub user_agent: String,
    /// PEM file whose certificates are trusted in place of the system's.
    pub ca_file: Option<PathBuf>,
    /// Our own webhook may lie in a private network.
    pub allow_private: bool,
}

impl SurroundingsConfig {
    pub(super) fn check(&self) -> Result<(), BuildError> {
        let bounded = |field, count| match count {
            0..=PEERS_MAX => Ok(()),
            _ => Err(BuildError::setting(
                field,
                format!("at most {PEERS_MAX} are asked"),
            )),
        };
        bounded("surroundings.controls", self.controls.len())?;
        bounded("surroundings.resolvers", self.resolvers.len())?;
        let web = |url: &Url| matches!(url.scheme(), "http" | "https");
        match self.controls.iter().all(web) {
            true => Ok(()),
            false => Err(BuildError::setting(
                "surroundings.controls",
                "must begin with http:// or https://",
            )),
        }
    }
}

impl Default for SurroundingsConfig {
    fn default() -> Self {
        Self {
            controls: Vec::new(),
            resolvers: Vec::new(),
            timeout_ms: 3_000,
            user_agent: concat!("holdline/", env!("CARGO_PKG_VERSION")).into(),
            ca_file: None,
            allow_private: false,
        }
    }
}
