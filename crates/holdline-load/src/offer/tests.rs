//! The generator against small servers that stall, refuse and hang up.

use super::*;
use std::collections::BTreeMap;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

#[derive(Debug, Default)]
struct Numbers(Mutex<BTreeMap<u64, u32>>);

impl Ask for Numbers {
    fn request(&self, number: u64) -> Request<Full<Bytes>> {
        let request = Request::get(format!("/{number}")).header("host", "test");
        request.body(Full::default()).expect("a request")
    }

    fn accepted(&self, number: u64, _: &[u8]) {
        *lock(&self.0).entry(number).or_default() += 1;
    }
}

/// Answers request number `n` (of all connections) as it is told: a pause, and the head.
async fn server(answer: fn(u64) -> (u64, &'static str)) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address");
    let count = Arc::new(AtomicU64::new(0));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(converse(stream, answer, Arc::clone(&count)));
        }
    });
    address
}

async fn converse(
    stream: TcpStream,
    answer: fn(u64) -> (u64, &'static str),
    count: Arc<AtomicU64>,
) {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if !line.is_empty() {
            continue;
        }
        let (pause_ms, head) = answer(count.fetch_add(1, Ordering::SeqCst));
        sleep(Duration::from_millis(pause_ms)).await;
        if head.is_empty() {
            return;
        }
        let text = format!("HTTP/1.1 {head}\r\ncontent-length: 0\r\n\r\n");
        if write.write_all(text.as_bytes()).await.is_err() {
            return;
        }
    }
}

async fn offered(order: Order, server: SocketAddr) -> (Arc<Numbers>, Arc<Tally>) {
    let (ask, tally) = (Arc::new(Numbers::default()), Tally::new().expect("bounds"));
    offer(order, server, Arc::clone(&ask), Arc::clone(&tally))
        .await
        .expect("no panic");
    (ask, tally)
}

#[tokio::test]
async fn each_is_accepted_once_at_the_rate() {
    let server = server(|_| (0, "200 OK")).await;
    let order = Order {
        rate_per_s: 500.0,
        total: 100,
        lanes: 4,
        first: 7,
    };
    let begin = Instant::now();
    let (ask, tally) = offered(order, server).await;
    assert!(begin.elapsed() >= Duration::from_millis(198));
    let numbers = lock(&ask.0).clone();
    assert_eq!(
        numbers.keys().copied().collect::<Vec<_>>(),
        (7..107).collect::<Vec<_>>()
    );
    assert!(numbers.values().all(|times| *times == 1));
    assert_eq!(Tally::count(&tally.accepted), 100.0);
}

#[tokio::test]
async fn a_stall_is_felt_by_all_that_were_due_meanwhile() {
    let server = server(|n| (if n == 0 { 400 } else { 0 }, "200 OK")).await;
    let order = Order {
        rate_per_s: 100.0,
        total: 40,
        lanes: 1,
        first: 0,
    };
    let (_, tally) = offered(order, server).await;
    assert!(tally.latency_ms(0.5) > 100.0, "{}", tally.latency_ms(0.5));
    assert!(tally.latency_ms(1.0) >= 399.0);
}

#[tokio::test]
async fn refusals_and_hang_ups_are_counted_and_asked_again() {
    let server = server(|n| match n {
        0 => (0, "429 Too Many Requests\r\nretry-after: 0"),
        1 => (0, "500 Oh"),
        2 => (0, ""),
        _ => (0, "200 OK"),
    })
    .await;
    let order = Order {
        rate_per_s: f64::INFINITY,
        total: 3,
        lanes: 1,
        first: 0,
    };
    let (ask, tally) = offered(order, server).await;
    assert_eq!(lock(&ask.0).len(), 3);
    assert_eq!(Tally::count(&tally.refused), 1.0);
    assert_eq!(Tally::count(&tally.errors), 2.0);
    assert_eq!(Tally::count(&tally.given_up), 0.0);
    assert!(
        tally.first_error().starts_with("500"),
        "{}",
        tally.first_error()
    );
}
