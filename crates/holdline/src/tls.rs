//! The certificate of the TLS listener, read again when its files change. A new file that is broken
//! is reported and the old certificate stays in use; a running server never loses its TLS.

use anyhow::{Context as _, bail};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

/// How often the files are looked at.
pub(crate) const RELOAD_INTERVAL: Duration = Duration::from_secs(5);
/// Longest PEM file.
const PEM_BYTES_MAX: u64 = 1024 * 1024;

/// Gives each new connection the certificate of the moment.
#[derive(Debug)]
pub(crate) struct TlsReloader {
    certificate: PathBuf,
    key: PathBuf,
    current: Mutex<Current>,
}

struct Current {
    config: Arc<ServerConfig>,
    /// The files as last looked at, good or not, so that each fault is reported once.
    seen: Pem,
}

#[derive(PartialEq, Eq)]
struct Pem {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

/// What a look at the files came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reload {
    Unchanged,
    Replaced,
}

impl TlsReloader {
    /// # Errors
    /// When the files cannot be read or do not fit together.
    pub(crate) fn open(certificate: &Path, key: &Path) -> anyhow::Result<Arc<Self>> {
        let seen = Pem::read(certificate, key)?;
        let config = seen.server_config(certificate, key)?;
        let current = Mutex::new(Current { config, seen });
        Ok(Arc::new(Self {
            certificate: certificate.into(),
            key: key.into(),
            current,
        }))
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.current().config))
    }

    /// Takes up changed files.
    ///
    /// # Errors
    /// When they are broken, once for each change; the old certificate stays.
    pub(crate) fn reload(&self) -> anyhow::Result<Reload> {
        let pem = Pem::read(&self.certificate, &self.key)?;
        if self.current().seen == pem {
            return Ok(Reload::Unchanged);
        }
        let config = pem.server_config(&self.certificate, &self.key);
        let mut current = self.current();
        current.seen = pem;
        current.config = config?;
        Ok(Reload::Replaced)
    }

    /// Looks at the files every `interval`, until shutdown.
    pub(crate) async fn watch(
        self: Arc<Self>,
        interval: Duration,
        mut shutdown: watch::Receiver<bool>,
    ) {
        let mut ticks = tokio::time::interval(interval);
        let mut wrong = false;
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                _ = shutdown.wait_for(|stop| *stop) => return,
            }
            let was_wrong = std::mem::take(&mut wrong);
            match self.reload() {
                Ok(Reload::Unchanged) => {}
                Ok(Reload::Replaced) => tracing::info!("the TLS certificate was replaced"),
                Err(error) => {
                    wrong = true;
                    if !was_wrong {
                        tracing::error!("the TLS certificate stays the old one: {error:#}");
                    }
                }
            }
        }
    }

    fn current(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Current {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}

impl Pem {
    fn read(certificate: &Path, key: &Path) -> anyhow::Result<Self> {
        Ok(Self {
            certificate: read_limited(certificate)?,
            key: read_limited(key)?,
        })
    }

    fn server_config(&self, from: &Path, key_from: &Path) -> anyhow::Result<Arc<ServerConfig>> {
        let chain: Vec<_> = CertificateDer::pem_slice_iter(&self.certificate)
            .collect::<Result<_, _>>()
            .with_context(|| format!("{} is not PEM", from.display()))?;
        if chain.is_empty() {
            bail!(
                "{} holds no certificate; it must be PEM, leaf first",
                from.display()
            );
        }
        let key = PrivateKeyDer::from_pem_slice(&self.key)
            .with_context(|| format!("{} holds no private key in PEM form", key_from.display()))?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .with_context(|| {
                format!(
                    "{} does not belong to {}",
                    key_from.display(),
                    from.display()
                )
            })?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

fn read_limited(path: &Path) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(PEM_BYTES_MAX).read_to_end(&mut bytes))
        .with_context(|| format!("{} cannot be read", path.display()))?;
    Ok(bytes)
}
