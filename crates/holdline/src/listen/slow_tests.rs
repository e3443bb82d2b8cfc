//! Hostile clients on real sockets: slow, endless, oversized, too many, ambiguous. Each time the
//! others are served all the same.

use super::tests::{Running, WAIT_MAX, limits, read_all};
use super::*;
use crate::http::body::read_whole;
use axum::routing::{get, post};
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::OwnedWriteHalf;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

const SHORT: Duration = Duration::from_millis(200);
const BODY_BYTES_MAX: usize = 64 * 1024;

/// `POST /` takes a body in whole, `GET /hidden` counts its calls.
fn router(hidden: &Arc<AtomicUsize>) -> Router {
    let hidden = Arc::clone(hidden);
    let whole = async |body: Body| match read_whole(body, BODY_BYTES_MAX).await {
        Ok(bytes) => (axum::http::StatusCode::OK, format!("took {}", bytes.len())),
        Err(why) => (axum::http::StatusCode::BAD_REQUEST, format!("{why:?}")),
    };
    let count = async move || {
        hidden.fetch_add(1, Ordering::SeqCst);
        "hidden"
    };
    Router::new()
        .route("/", post(whole).get(async || "well"))
        .route("/hidden", get(count))
}

fn start(limits: ListenLimits) -> Running {
    Running::start(router(&Arc::default()), None, limits)
}

fn impatient() -> ListenLimits {
    ListenLimits {
        header_timeout: SHORT,
        ..limits()
    }
}

async fn connect(server: &Running) -> TcpStream {
    TcpStream::connect(server.address).await.unwrap()
}

/// Sends what there is and reads until the server closes.
async fn exchange(server: &Running, request: &[u8]) -> String {
    let mut stream = connect(server).await;
    // The server may have closed before all is sent.
    let _ = stream.write_all(request).await;
    let mut answer = Vec::new();
    let read = timeout(WAIT_MAX, stream.read_to_end(&mut answer)).await;
    let _ = read.expect("the server must close the connection");
    String::from_utf8_lossy(&answer).into_owned()
}

async fn others_are_served(server: &Running) {
    let request = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    let answer = exchange(server, request).await;
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.ends_with("well"),
        "{answer}"
    );
}

/// Writes a byte now and then until nobody reads any more.
fn trickle(mut to: OwnedWriteHalf, bytes: &'static [u8]) -> JoinHandle<usize> {
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(SHORT / 10);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        for (sent, byte) in bytes.iter().cycle().enumerate().take(2_000) {
            ticks.tick().await;
            if to.write_all(&[*byte]).await.is_err() {
                return sent;
            }
        }
        panic!("the server took whatever came for {:?}", SHORT * 200);
    })
}

/// A client that begins with `start` and goes on byte by byte: it is given up, with `answer`, and
/// meanwhile others are served. Gives the bytes that could still be sent.
async fn check_trickle(start_with: &'static str, then: &'static [u8], answer: &str) -> usize {
    let server = start(impatient());
    let started = Instant::now();
    let mut stream = connect(&server).await;
    stream.write_all(start_with.as_bytes()).await.unwrap();
    let (mut from, to) = stream.into_split();
    let sending = trickle(to, then);
    others_are_served(&server).await;
    let mut read = Vec::new();
    // A reset is an end too.
    let _ = timeout(WAIT_MAX, from.read_to_end(&mut read))
        .await
        .expect("an end");
    let read = String::from_utf8_lossy(&read);
    assert!(read.starts_with(answer), "{start_with}: {read}");
    assert!(started.elapsed() >= SHORT, "not before its time");
    let sent = timeout(WAIT_MAX, sending).await.unwrap().unwrap();
    server.end().await;
    sent
}

#[tokio::test]
async fn a_head_that_comes_byte_by_byte_is_given_up() {
    check_trickle(
        "",
        b"GET / HTTP/1.1\r\nx-slow: aaaaaaaaaaaaaaaaaaaaaaaaaa",
        "",
    )
    .await;
    check_trickle("GET / HTTP/1.1\r\nhost: x\r\n", b"a: b\r\n", "").await;
}

#[tokio::test]
async fn a_preface_of_http_2_that_comes_byte_by_byte_is_given_up() {
    let sent = check_trickle("P", b"RI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "").await;
    assert!(sent < 22, "it was read to its end");
}

#[tokio::test]
async fn a_body_that_comes_byte_by_byte_is_given_up() {
    let long = "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 60000\r\n\r\n";
    check_trickle(long, b"a", "HTTP/1.1 400").await;
    let chunked = "POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n";
    check_trickle(chunked, b"1\r\na\r\n", "HTTP/1.1 400").await;
}

#[tokio::test]
async fn a_body_that_never_ends_is_cut_off() {
    let server = start(limits());
    let mut stream = connect(&server).await;
    let head = "POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let (mut from, mut to) = stream.into_split();
    let chunk = [b"4000\r\n".as_slice(), &[b'a'; 0x4000], b"\r\n"].concat();
    let sending = tokio::spawn(async move {
        let mut sent = 0_usize;
        while to.write_all(&chunk).await.is_ok() {
            sent += chunk.len();
        }
        sent
    });
    others_are_served(&server).await;
    let sent = timeout(WAIT_MAX, sending)
        .await
        .expect("it must be cut off")
        .unwrap();
    assert!(sent < 128 * 1024 * 1024, "{sent} bytes were taken");
    let mut answer = String::new();
    let _ = timeout(WAIT_MAX, from.read_to_string(&mut answer))
        .await
        .unwrap();
    others_are_served(&server).await;
    server.end().await;
}

#[tokio::test]
async fn heads_that_are_too_large_or_have_too_many_headers_are_refused() {
    let server = start(limits());
    let large = format!(
        "GET / HTTP/1.1\r\nhost: x\r\na: {}\r\n\r\n",
        "a".repeat(16_384)
    );
    assert!(
        exchange(&server, large.as_bytes())
            .await
            .starts_with("HTTP/1.1 431")
    );
    let many = format!("GET / HTTP/1.1\r\nhost: x\r\n{}\r\n", "a: b\r\n".repeat(64));
    assert!(
        exchange(&server, many.as_bytes())
            .await
            .starts_with("HTTP/1.1 431")
    );
    let path = format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "a".repeat(70_000));
    let answer = exchange(&server, path.as_bytes()).await;
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 4"),
        "{answer}"
    );
    others_are_served(&server).await;
    server.end().await;
}

#[tokio::test]
async fn one_address_with_too_many_connections_gets_503_until_one_ends() {
    let server = start(ListenLimits {
        connections_per_address_max: 2,
        ..limits()
    });
    let (first, mut second) = (connect(&server).await, connect(&server).await);
    second
        .write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    second.read_exact(&mut [0]).await.unwrap();
    let request = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    let answer = exchange(&server, request).await;
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(answer.contains("retry-after: 5\r\n") && answer.contains("connection: close\r\n"));
    drop(first);
    let again = async { while !exchange(&server, request).await.contains("200 OK") {} };
    timeout(WAIT_MAX, again)
        .await
        .expect("a place must become free");
    server.end().await;
}

#[tokio::test]
async fn beyond_the_limit_a_caller_is_told_to_come_again() {
    let server = start(ListenLimits {
        connections_max: 1,
        ..limits()
    });
    let mut first = connect(&server).await;
    first
        .write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    first.read_exact(&mut [0]).await.unwrap();
    let mut second = connect(&server).await;
    assert!(
        read_all(&mut second).await.starts_with("HTTP/1.1 503"),
        "also without a request"
    );
    drop(first);
    let served = async {
        let request = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        while !exchange(&server, request).await.contains("200 OK") {}
    };
    timeout(WAIT_MAX, served)
        .await
        .expect("the place must become free");
    server.end().await;
}

#[tokio::test]
async fn requests_that_come_at_once_are_answered_in_their_order() {
    let server = start(limits());
    let three = "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\nab\
                 GET / HTTP/1.1\r\nhost: x\r\n\r\n\
                 POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    let answer = exchange(&server, three.as_bytes()).await;
    let places: Vec<_> = ["took 2", "well", "took 0"]
        .map(|it| answer.find(it))
        .into();
    assert!(
        places.is_sorted() && places.iter().all(Option::is_some),
        "{answer}"
    );
    server.end().await;
}

/// A request whose end two servers may see in two places hides no other request.
async fn check_ambiguous(head: &str, body: &str) {
    let hidden = Arc::new(AtomicUsize::new(0));
    let server = Running::start(router(&hidden), None, impatient());
    let behind = "GET /hidden HTTP/1.1\r\nhost: x\r\n\r\n";
    let request = format!("POST / HTTP/1.1\r\nhost: x\r\n{head}\r\n\r\n{body}{behind}");
    let answer = exchange(&server, request.as_bytes()).await;
    assert_eq!(hidden.load(Ordering::SeqCst), 0, "{head:?}: {answer}");
    assert!(
        answer.matches("HTTP/1.1").count() <= 1,
        "{head:?}: {answer}"
    );
    others_are_served(&server).await;
    server.end().await;
}

#[tokio::test]
async fn a_request_with_an_ambiguous_end_hides_no_other() {
    for (head, body) in [
        (
            "content-length: 5\r\ntransfer-encoding: chunked",
            "0\r\n\r\n",
        ),
        (
            "transfer-encoding: chunked\r\ncontent-length: 5",
            "0\r\n\r\n",
        ),
        ("content-length: 0\r\ncontent-length: 40", ""),
        ("content-length: 0, 40", ""),
        ("content-length: +0", ""),
        ("content-length: -1", ""),
        ("content-length: 0x0", ""),
        ("transfer-encoding: identity", ""),
        ("transfer-encoding: chunked, identity", "0\r\n\r\n"),
        ("transfer-encoding: xchunked", "0\r\n\r\n"),
        ("transfer-encoding : chunked", "0\r\n\r\n"),
        ("transfer-encoding: chunked", "g\r\n"),
        ("transfer-encoding: chunked", "fffffffffffffffff\r\n"),
        ("a: b\r\n content-length: 40", ""),
        ("a\0: b", ""),
    ] {
        check_ambiguous(head, body).await;
    }
}
