//! What a caller gets for whom there is no place: a 503 in plain HTTP, and the end of the
//! connection. Bounded itself: when many are refused at once, the others only get the end.

use super::places::Full;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

const ANSWER: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\n\
    content-type: text/plain; charset=utf-8\r\n\
    content-length: 51\r\n\
    retry-after: 5\r\n\
    connection: close\r\n\
    \r\n\
    There are too many connections. Please come again.\n";
/// Callers that are answered at a time.
const ANSWERED_MAX: usize = 64;
/// Longest time for one of them.
const TIME_MAX: Duration = Duration::from_secs(2);
/// Most bytes of a request that are read off, so that the answer is not lost with a reset.
const DRAIN_BYTES_MAX: usize = 64 * 1024;
/// Time between two reports.
const REPORT_GAP: Duration = Duration::from_secs(10);

/// Turns callers away.
#[derive(Debug)]
pub(super) struct Refusal {
    places: Arc<Semaphore>,
    reported: Mutex<(Option<Instant>, u64)>,
}

impl Refusal {
    pub(super) fn new() -> Self {
        Self {
            places: Arc::new(Semaphore::new(ANSWERED_MAX)),
            reported: Mutex::default(),
        }
    }

    /// Answers, where it can be read, on a task of its own; else only closes.
    pub(super) fn turn_away(&self, stream: TcpStream, full: Full, plain: bool) {
        self.report(full);
        let place = Arc::clone(&self.places).try_acquire_owned();
        if let (Ok(place), true) = (place, plain) {
            tokio::spawn(async move {
                // Whether the caller reads it is not our concern.
                let _ = timeout(TIME_MAX, answer(stream)).await;
                drop(place);
            });
        }
    }

    fn report(&self, full: Full) {
        let mut reported = self.reported.lock().unwrap_or_else(PoisonError::into_inner);
        reported.1 += 1;
        if reported.0.is_some_and(|last| last.elapsed() < REPORT_GAP) {
            return;
        }
        let (refused, bound) = (reported.1, bound(full));
        tracing::warn!(
            refused,
            bound,
            "connections were refused: all places are taken"
        );
        *reported = (Some(Instant::now()), 0);
    }
}

const fn bound(full: Full) -> &'static str {
    match full {
        Full::All => "http.connections_max",
        Full::Address => "http.connections_per_address_max",
    }
}

async fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    stream.write_all(ANSWER).await?;
    stream.shutdown().await?;
    let (mut buffer, mut read) = ([0; 4_096], 0);
    while read < DRAIN_BYTES_MAX {
        match stream.read(&mut buffer).await? {
            0 => break,
            more => read += more,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_says_how_long_it_is() {
        let answer = std::str::from_utf8(ANSWER).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("content-length: {}\r\n", body.len())));
    }
}
