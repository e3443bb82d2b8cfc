//! The generator against a small server that refuses and hangs up.

use super::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

struct Numbers;

impl Write for Numbers {
    fn write(&self, number: u64, to: &mut Vec<u8>) {
        to.extend_from_slice(format!("GET /{number} HTTP/1.1\r\nHost: test\r\n\r\n").as_bytes());
    }
}

/// Answers the requests of all connections one after the other by this list, then 200.
async fn server(answers: &'static [&'static str]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let count = Arc::new(AtomicU64::new(0));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let count = Arc::clone(&count);
            tokio::spawn(async move {
                while stream.read(&mut [0; 4096]).await.is_ok_and(|read| read > 0) {
                    let place = count.fetch_add(1, Ordering::SeqCst);
                    let head = usize::try_from(place).ok().and_then(|at| answers.get(at));
                    let head = head.copied().unwrap_or("200 OK");
                    let text = format!("HTTP/1.1 {head}\r\ncontent-length: 2\r\n\r\nno");
                    if head.is_empty() || stream.write_all(text.as_bytes()).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

fn order(total: u64) -> Press {
    Press {
        connections: 3,
        first: 10,
        total,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_are_taken_also_after_refusals_and_hang_ups() {
    let server = server(&["200 OK", "503 Later", "", "200 OK\r\nconnection: close"]).await;
    let pressed = press(order(50), server, Arc::new(Numbers)).await.unwrap();
    assert_eq!((pressed.latencies_us.len(), pressed.refused), (50, 2));
    assert!(pressed.rate_per_s() > 0.0);
    assert!(pressed.latency_ms(0.5) <= pressed.latency_ms(1.0));
}

#[test]
fn quantiles_are_those_of_the_sorted_latencies() {
    let pressed = Pressed {
        latencies_us: (1..=100).map(|ms| ms * 1_000).collect(),
        ..Pressed::default()
    };
    assert_eq!(pressed.latency_ms(1.0), 100.0);
    assert_eq!(pressed.latency_ms(0.0), 1.0);
    assert_eq!(pressed.latency_ms(0.99), 100.0);
    assert_eq!(pressed.latency_ms(0.5), 51.0);
    assert!(Pressed::default().latency_ms(0.5).is_nan());
}
