//! Real sockets: plain and TLS, limits, replaced certificates and a graceful end.

use super::*;
use crate::tls::Reload;
use axum::extract::Request;
use axum::routing::get;
use std::path::PathBuf;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::Notify;

pub(super) const WAIT_MAX: Duration = Duration::from_secs(20);
const NAMES: [&str; 2] = ["graph.facebook.com", "holdline.test"];

pub(super) struct Running {
    pub(super) address: SocketAddr,
    stop: watch::Sender<bool>,
    done: tokio::task::JoinHandle<()>,
}

impl Running {
    pub(super) fn start(
        router: Router,
        tls: Option<Arc<TlsReloader>>,
        limits: ListenLimits,
    ) -> Self {
        let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, shutdown) = watch::channel(false);
        let done = tokio::spawn(serve(listener, tls, router, limits, shutdown));
        Self {
            address,
            stop,
            done,
        }
    }

    pub(super) async fn end(self) {
        self.stop.send_replace(true);
        tokio::time::timeout(WAIT_MAX, self.done)
            .await
            .expect("the server must end")
            .unwrap();
    }
}

struct Pki {
    dir: tempfile::TempDir,
}

impl Pki {
    fn new() -> Self {
        let pki = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        pki.renew();
        pki
    }

    fn paths(&self) -> (PathBuf, PathBuf) {
        (
            self.dir.path().join("cert.pem"),
            self.dir.path().join("key.pem"),
        )
    }

    /// Writes a new self-signed certificate; gives its PEM.
    fn renew(&self) -> String {
        let made = rcgen::generate_simple_self_signed(NAMES.map(String::from)).unwrap();
        std::fs::write(self.paths().0, made.cert.pem()).unwrap();
        std::fs::write(self.paths().1, made.signing_key.serialize_pem()).unwrap();
        made.cert.pem()
    }

    fn open(&self) -> Arc<TlsReloader> {
        TlsReloader::open(&self.paths().0, &self.paths().1).unwrap()
    }
}

pub(super) fn limits() -> ListenLimits {
    ListenLimits {
        connections_max: 16,
        connections_per_address_max: 16,
        header_timeout: WAIT_MAX,
        idle_timeout: WAIT_MAX,
        head_bytes_max: 8_192,
        headers_max: 32,
        body_bytes_per_s_min: 1_024,
    }
}

fn hello() -> Router {
    let peer = |ConnectInfo(peer): ConnectInfo<SocketAddr>, request: Request| async move {
        format!("{:?} {}", request.version(), peer.ip())
    };
    Router::new().route("/", get(peer))
}

/// One request by a client that trusts this certificate alone, to a name that it fixes.
async fn fetch_trusting(address: SocketAddr, pem: &str) -> Result<String, reqwest::Error> {
    holdline_channels::http::install_crypto();
    let client = reqwest::Client::builder()
        .tls_certs_only([reqwest::Certificate::from_pem(pem.as_bytes())?])
        .resolve("graph.facebook.com", address)
        .timeout(WAIT_MAX)
        .build()?;
    let url = format!("https://graph.facebook.com:{}/", address.port());
    client.get(url).send().await?.text().await
}

pub(super) async fn read_all(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    let read = tokio::time::timeout(WAIT_MAX, stream.read_to_string(&mut text)).await;
    read.expect("the server must close the connection").unwrap();
    text
}

#[tokio::test]
async fn plain_http_is_served_with_the_address_of_the_peer() {
    let server = Running::start(hello(), None, limits());
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream
        .write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        .await
        .unwrap();
    let answer = read_all(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("HTTP/1.1 127.0.0.1"));
    server.end().await;
}

#[tokio::test]
async fn a_client_with_a_fixed_host_name_is_served_by_http2_over_tls() {
    let pki = Pki::new();
    let pem = std::fs::read_to_string(pki.paths().0).unwrap();
    let server = Running::start(hello(), Some(pki.open()), limits());
    let answer = fetch_trusting(server.address, &pem).await.unwrap();
    assert_eq!(answer, "HTTP/2.0 127.0.0.1");
    server.end().await;
}

#[tokio::test]
async fn a_new_certificate_is_taken_up_and_a_broken_one_is_not() {
    let pki = Pki::new();
    let old = std::fs::read_to_string(pki.paths().0).unwrap();
    let tls = pki.open();
    let server = Running::start(hello(), Some(Arc::clone(&tls)), limits());
    assert_eq!(tls.reload().unwrap(), Reload::Unchanged);
    let new = pki.renew();
    assert_eq!(tls.reload().unwrap(), Reload::Replaced);
    assert!(fetch_trusting(server.address, &old).await.is_err());
    assert!(fetch_trusting(server.address, &new).await.is_ok());

    let other = Pki::new();
    std::fs::copy(other.paths().1, pki.paths().1).unwrap();
    let fault = format!("{:#}", tls.reload().unwrap_err());
    assert!(fault.contains("key.pem does not belong to"), "{fault}");
    std::fs::write(pki.paths().0, "no certificate").unwrap();
    let fault = format!("{:#}", tls.reload().unwrap_err());
    assert!(fault.contains("cert.pem holds no certificate"), "{fault}");
    assert!(fetch_trusting(server.address, &new).await.is_ok());
    server.end().await;
}

#[tokio::test]
async fn the_watcher_takes_up_a_new_certificate_by_itself() {
    let pki = Pki::new();
    let tls = pki.open();
    let (stop, shutdown) = watch::channel(false);
    let watcher = tokio::spawn(Arc::clone(&tls).watch(Duration::from_millis(10), shutdown));
    let server = Running::start(hello(), Some(tls), limits());
    let new = pki.renew();
    let taken_up = async { while fetch_trusting(server.address, &new).await.is_err() {} };
    tokio::time::timeout(WAIT_MAX, taken_up)
        .await
        .expect("the new certificate must be served");
    stop.send(true).unwrap();
    watcher.await.unwrap();
    server.end().await;
}

#[tokio::test]
async fn silent_and_slow_clients_are_let_go() {
    let short = Duration::from_millis(50);
    let few = ListenLimits {
        connections_max: 1,
        header_timeout: short,
        idle_timeout: short,
        ..limits()
    };
    let server = Running::start(hello(), None, few);
    for begin in ["", "GET / HTTP/1.1\r\nhost: x\r\n"] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(begin.as_bytes()).await.unwrap();
        let mut rest = Vec::new();
        let read = tokio::time::timeout(WAIT_MAX, stream.read_to_end(&mut rest)).await;
        assert!(read.is_ok(), "a client that sent {begin:?} must be let go");
    }
    server.end().await;
}

#[tokio::test]
async fn at_shutdown_a_running_request_ends_and_idle_connections_are_closed() {
    let (entered, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let gate = (Arc::clone(&entered), Arc::clone(&release));
    let wait = move || {
        let (entered, release) = gate.clone();
        async move {
            entered.notify_one();
            release.notified().await;
            "finished"
        }
    };
    let server = Running::start(Router::new().route("/", get(wait)), None, limits());
    let mut idle = TcpStream::connect(server.address).await.unwrap();
    let mut busy = TcpStream::connect(server.address).await.unwrap();
    busy.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    entered.notified().await;
    server.stop.send(true).unwrap();
    assert_eq!(read_all(&mut idle).await, "");
    release.notify_one();
    assert!(read_all(&mut busy).await.ends_with("finished"));
    server.end().await;
}
