//! TLS to the database server. Its certificate is always checked.

use super::options::{Tls, refused};
use holdline_engine::ports::StoreError;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use std::path::Path;
use std::sync::Arc;
use tokio_postgres_rustls::MakeRustlsConnect;

/// `None` when there is to be no TLS.
pub(super) fn connector(tls: &Tls) -> Result<Option<MakeRustlsConnect>, StoreError> {
    let roots = match tls {
        Tls::Off => return Ok(None),
        Tls::Verified(Some(path)) => from_file(path)?,
        Tls::Verified(None) => of_system(),
    };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| refused(&format!("cannot use TLS: {error}")))?;
    let config = builder.with_root_certificates(roots).with_no_client_auth();
    Ok(Some(MakeRustlsConnect::new(config)))
}

/// Says early when the file is not what it should be.
pub(super) fn check_file(path: &Path) -> Result<(), StoreError> {
    from_file(path).map(drop)
}

fn from_file(path: &Path) -> Result<RootCertStore, StoreError> {
    let bad = |why: String| refused(&format!("names sslrootcert={}: {why}", path.display()));
    let pem = std::fs::read(path).map_err(|error| bad(error.to_string()))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| bad(error.to_string()))?;
        let added = roots.add(certificate);
        added.map_err(|error| bad(error.to_string()))?;
    }
    match roots.is_empty() {
        true => Err(bad("it holds no certificate".to_owned())),
        false => Ok(roots),
    }
}

fn of_system() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(found.certs);
    roots
}
