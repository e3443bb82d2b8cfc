//! How a client is set up: time-outs, limits, trust. Never reads the environment: a proxy named
//! there would get round the guard.

use reqwest::Certificate;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Once};
use std::time::Duration;
use url::Url;

use super::guard::Guard;

/// Largest answer kept unless a call asks for more, in bytes.
pub(super) const RESPONSE_BYTES_MAX: usize = 1024 * 1024;

/// Settings of one client. Each provider account has a client of its own, so that one that hangs
/// holds up no other.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    pub user_agent: String,
    /// For the whole call, from the first name lookup to the last byte of the answer.
    pub timeout_ms: u32,
    /// For name lookup, connection and TLS together.
    pub connect_timeout_ms: u32,
    /// Calls under way at once; more wait a little and are then refused.
    pub in_flight_max: u32,
    pub response_bytes_max: usize,
    /// PEM file whose certificates are trusted in place of the system's.
    pub ca_file: Option<PathBuf>,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            user_agent: concat!("holdline/", env!("CARGO_PKG_VERSION")).into(),
            timeout_ms: 15_000,
            connect_timeout_ms: 5_000,
            in_flight_max: 256,
            response_bytes_max: RESPONSE_BYTES_MAX,
            ca_file: None,
        }
    }
}

/// Why a client or a channel cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    #[error("the certificates in {path} cannot be used: {why}; give a PEM file")]
    CaFile { path: PathBuf, why: String },
    #[error("the HTTP client cannot be set up: {0}")]
    Client(String),
    #[error("{field}: {why}")]
    Setting { field: &'static str, why: String },
}

impl BuildError {
    pub(crate) fn setting(field: &'static str, why: impl ToString) -> Self {
        Self::Setting {
            field,
            why: why.to_string(),
        }
    }
}

/// Makes aws-lc-rs the TLS provider of the process. Only the first call does anything.
pub fn install_crypto() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // Fails only when a provider is installed already; then that one stays.
        drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    });
}

/// An http or https address from a setting.
pub(crate) fn web_url(field: &'static str, text: &str) -> Result<Url, BuildError> {
    let url = Url::parse(text).map_err(|error| BuildError::setting(field, error))?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        _ => Err(BuildError::setting(
            field,
            "must begin with http:// or https://",
        )),
    }
}

pub(super) fn build(
    config: &ClientConfig,
    guard: Option<Guard>,
) -> Result<reqwest::Client, BuildError> {
    install_crypto();
    let failed = |error: reqwest::Error| BuildError::Client(error.to_string());
    if let Some(path) = &config.ca_file {
        return builder(config, guard)
            .tls_certs_only(certificates(path)?)
            .build()
            .map_err(failed);
    }
    // A machine without any CA certificates can still talk plain HTTP to its own network.
    builder(config, guard).build().or_else(|error| {
        tracing::warn!(%error, "no CA certificates here: https will fail; install ca-certificates");
        builder(config, guard)
            .tls_certs_only([])
            .build()
            .map_err(failed)
    })
}

fn builder(config: &ClientConfig, guard: Option<Guard>) -> reqwest::ClientBuilder {
    // The connection must give up first: only then is it certain that nothing was sent.
    let connect_ms = config
        .connect_timeout_ms
        .min(config.timeout_ms - config.timeout_ms / 10);
    let builder = reqwest::Client::builder()
        .user_agent(&config.user_agent)
        .connect_timeout(Duration::from_millis(connect_ms.into()))
        .pool_idle_timeout(IDLE_MAX)
        // As many as a full house leaves behind: fewer would be closed and opened again.
        .pool_max_idle_per_host(config.in_flight_max as usize)
        .tcp_keepalive(Duration::from_secs(30))
        .http2_keep_alive_interval(Duration::from_secs(15))
        .http2_keep_alive_timeout(Duration::from_secs(5))
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .no_proxy();
    match guard {
        Some(guard) => builder.dns_resolver(Arc::new(guard)),
        None => builder,
    }
}

fn certificates(path: &Path) -> Result<Vec<Certificate>, BuildError> {
    let fault = |why: String| BuildError::CaFile {
        path: path.into(),
        why,
    };
    let pem = std::fs::read(path).map_err(|error| fault(error.to_string()))?;
    let found = Certificate::from_pem_bundle(&pem).map_err(|error| fault(error.to_string()))?;
    if found.is_empty() {
        Err(fault("no certificate found".into()))
    } else {
        Ok(found)
    }
}

/// Shorter than the idle limits of common servers, so that a call seldom meets a closing one.
const IDLE_MAX: Duration = Duration::from_secs(20);
