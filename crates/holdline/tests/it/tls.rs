//! The TLS listener: a certificate for the provider's own host name from a private authority, taken
//! up without a restart when its files change, by HTTP/2 and HTTP/1.1.

use crate::scenarios::until_ended;
use crate::stack::{Options, Stack, until};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use reqwest::{Certificate, Client, Version};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

const HOST: &str = "graph.facebook.com";
const PERSON: &str = "+16505554201";

/// A private authority.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    root: Certificate,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root = params.self_signed(&key).expect("signed").pem();
        let root = Certificate::from_pem(root.as_bytes()).expect("PEM");
        Self {
            issuer: Issuer::new(params, key),
            root,
        }
    }

    /// Writes a certificate for the host, and its key.
    fn certify(&self, files: &Files) {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec![HOST.to_owned()]).expect("a name");
        let certificate = params.signed_by(&key, &self.issuer).expect("signed");
        std::fs::write(&files.key, key.serialize_pem()).expect("written");
        std::fs::write(&files.certificate, certificate.pem()).expect("written");
    }

    /// A client that trusts nobody else and finds the host at this address.
    fn client(&self, address: SocketAddr, http1_only: bool) -> Client {
        let client = Client::builder()
            .tls_certs_only([self.root.clone()])
            .resolve(HOST, address);
        let client = if http1_only {
            client.http1_only()
        } else {
            client
        };
        client.build().expect("a client")
    }
}

struct Files {
    certificate: PathBuf,
    key: PathBuf,
}

impl Files {
    fn in_folder(folder: &Path) -> Self {
        Self {
            certificate: folder.join("certificate.pem"),
            key: folder.join("key.pem"),
        }
    }
}

async fn start(files: &Files) -> (Stack, SocketAddr) {
    let env = [
        ("HOLDLINE_HTTP_TLS_LISTEN", "127.0.0.1:0".to_owned()),
        (
            "HOLDLINE_HTTP_TLS_CERTIFICATE",
            files.certificate.display().to_string(),
        ),
        ("HOLDLINE_HTTP_TLS_KEY", files.key.display().to_string()),
    ];
    let env = env.map(|(name, value)| (name.to_owned(), value)).into();
    let stack = Stack::start_with(Options {
        env,
        ..Options::default()
    })
    .await;
    let url = stack.tls_url.as_deref().expect("a TLS listener");
    let address = url
        .strip_prefix("https://")
        .expect("https")
        .parse()
        .expect("an address");
    (stack, address)
}

fn url(stack: &Stack, address: SocketAddr) -> String {
    format!(
        "https://{HOST}:{}/v23.0/{}/messages",
        address.port(),
        stack.phone_id
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn apps_with_a_fixed_host_name_send_by_http2_and_http1() {
    let folder = tempfile::tempdir().expect("a folder");
    let files = Files::in_folder(folder.path());
    let authority = Authority::new();
    authority.certify(&files);
    let (stack, address) = start(&files).await;
    for (http1_only, version) in [(false, Version::HTTP_2), (true, Version::HTTP_11)] {
        let body = json!({"messaging_product": "whatsapp", "to": PERSON,
            "type": "text", "text": {"body": format!("by {version:?}")}});
        let client = authority.client(address, http1_only);
        let request = client
            .post(url(&stack, address))
            .bearer_auth(&stack.token)
            .json(&body);
        let response = request.send().await.expect("an answer");
        assert_eq!(
            (response.status().as_u16(), response.version()),
            (200, version)
        );
        let reply: Value = response.json().await.expect("JSON");
        let id = reply["messages"][0]["id"].as_str().expect("an id");
        assert_eq!(until_ended(&stack, id).await["state"], "delivered");
    }
    assert_eq!(stack.received(PERSON).len(), 2);
    let stranger = Authority::new().client(address, false);
    assert!(
        stranger.get(url(&stack, address)).send().await.is_err(),
        "another authority"
    );
    let plain = stack
        .http
        .get(format!("http://{address}/healthz"))
        .send()
        .await;
    assert!(plain.is_err(), "no plain HTTP where TLS is spoken");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_certificate_is_taken_up_without_a_restart_and_a_broken_one_is_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let files = Files::in_folder(folder.path());
    let (old, new) = (Authority::new(), Authority::new());
    old.certify(&files);
    let (stack, address) = start(&files).await;
    // A fresh client for each look: an open connection keeps the certificate it began with.
    let trusted = async |authority: &Authority| {
        let client = authority.client(address, false);
        let health = format!("https://{HOST}:{}/healthz", address.port());
        client
            .get(health)
            .send()
            .await
            .is_ok_and(|response| response.status() == 200)
    };
    assert!(trusted(&old).await && !trusted(&new).await);
    let kept = old.client(address, false);
    let health = format!("https://{HOST}:{}/healthz", address.port());
    assert_eq!(
        kept.get(&health).send().await.expect("an answer").status(),
        200
    );
    std::fs::write(&files.certificate, "this is no certificate").expect("written");
    until("the broken file is reported", || async {
        stack
            .log_text()
            .contains("the TLS certificate stays the old one")
            .then_some(())
    })
    .await;
    assert!(
        trusted(&old).await,
        "a running server never loses its certificate"
    );
    new.certify(&files);
    until("the new certificate is served", || async {
        trusted(&new).await.then_some(())
    })
    .await;
    assert!(!trusted(&old).await, "the old one is gone");
    let still = kept
        .get(&health)
        .send()
        .await
        .expect("an open connection goes on");
    assert_eq!(still.status(), 200);
}
