//! Clients with a fixed host name: they speak https to the provider's name and reach us.

use super::*;
use crate::stack::free_address;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

const FIXED_HOST: &str = "graph.facebook.com";

/// A private authority, and a certificate of it for the fixed host.
fn certificates(folder: &std::path::Path) -> (String, String, reqwest::Certificate) {
    let authority_key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = authority.self_signed(&authority_key).unwrap();
    let issuer = Issuer::new(authority, authority_key);
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec![FIXED_HOST.to_owned()]).unwrap();
    let leaf = leaf.signed_by(&key, &issuer).unwrap();
    let write = |name: &str, text: String| {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let certificate = write("certificate.pem", leaf.pem());
    let key = write("key.pem", key.serialize_pem());
    (
        certificate,
        key,
        reqwest::Certificate::from_pem(root.pem().as_bytes()).unwrap(),
    )
}

#[tokio::test]
async fn r22_a_client_with_a_fixed_host_name_is_moved_by_dns_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key, root) = certificates(folder.path());
    let address = free_address();
    let options = options()
        .with("http", &format!("tls_listen = \"{address}\""))
        .with("http", &format!("tls_certificate = \"{certificate}\""))
        .with("http", &format!("tls_key = \"{key}\""));
    let stack = Stack::start_with(options).await;
    let client = reqwest::Client::builder()
        .tls_certs_only([root])
        .resolve(FIXED_HOST, address)
        .build()
        .unwrap();
    let url = format!(
        "https://{FIXED_HOST}:{}{}",
        address.port(),
        messages(&stack)
    );
    let request = client
        .post(url)
        .bearer_auth(&stack.token)
        .json(&text(PERSON, "hi"));
    let (status, reply) = answer(request).await;
    assert_eq!(
        (status, &reply["contacts"][0]["wa_id"]),
        (200, &json!("16505551234")),
        "{reply}"
    );
}
