//! The limits of W2 and W3: rows of SQLite go over fifty connections to a provider, and each that
//! it took is marked in a group commit. After ten failures all else goes to the second provider.

use super::rows;
use crate::press::RawLane;
use anyhow::Context as _;
use rusqlite::Connection;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Instant;
use tokio::sync::Mutex;
use tokio::task::JoinSet;

const CONNECTIONS: usize = 50;
const PAGE: u32 = 2_000;
const QUEUE: usize = 2_000;
const BATCH_MAX: usize = 1_000;
/// Failures after which the first provider is left alone.
const FAILURES_MAX: u64 = 10;
const TRIES_MAX: usize = 100;

/// A row that waits.
type Waiting = (i64, Vec<u8>);

#[derive(Clone, Debug)]
struct Work {
    rows: Arc<Mutex<tokio::sync::mpsc::Receiver<Waiting>>>,
    done: mpsc::Sender<i64>,
    failures: Arc<AtomicU64>,
    providers: [SocketAddr; 2],
}

/// Fills the folder, empties it, and gives the seconds that the latter took.
pub(super) async fn run(
    folder: PathBuf,
    total: u64,
    first: SocketAddr,
    second: SocketAddr,
) -> anyhow::Result<f64> {
    fill(&folder, total)?;
    let begun = Instant::now();
    let (rows_tx, rows_rx) = tokio::sync::mpsc::channel(QUEUE);
    let (done_tx, done_rx) = mpsc::channel();
    let from = folder.clone();
    let reader = tokio::task::spawn_blocking(move || read(&from, &rows_tx));
    let writer = tokio::task::spawn_blocking(move || mark(&folder, &done_rx));
    let work = Work {
        rows: Arc::new(Mutex::new(rows_rx)),
        done: done_tx,
        failures: Arc::default(),
        providers: [first, second],
    };
    let mut connections = JoinSet::new();
    for _ in 0..CONNECTIONS {
        connections.spawn(send(work.clone()));
    }
    drop(work);
    while let Some(ended) = connections.join_next().await {
        ended??;
    }
    reader.await??;
    let marked = writer.await??;
    anyhow::ensure!(marked == total, "{marked} of {total} were sent");
    Ok(begun.elapsed().as_secs_f64())
}

/// Bodies of the usual size, each with its number.
fn fill(folder: &Path, total: u64) -> anyhow::Result<()> {
    let mut connection = rows::open(folder)?;
    let text = "x".repeat(rows::BODY_BYTES - 40);
    let bodies: Vec<String> = (0..total)
        .map(|number| format!(r##"{{"to":"+16505000000","text":"#{number:09} {text}"}}"##))
        .collect();
    rows::insert(&mut connection, bodies.iter().map(String::as_bytes))
}

fn read(folder: &Path, to: &tokio::sync::mpsc::Sender<Waiting>) -> anyhow::Result<()> {
    let connection = rows::open(folder)?;
    let sql = "SELECT id, body FROM message WHERE state = 0 AND id > ?1 ORDER BY id LIMIT ?2";
    let mut statement = connection.prepare(sql)?;
    let mut last = 0;
    loop {
        let page = statement.query_map((last, PAGE), |row| Ok((row.get(0)?, row.get(1)?)))?;
        let page = page.collect::<Result<Vec<Waiting>, _>>()?;
        let Some((end, _)) = page.last() else {
            return Ok(());
        };
        last = *end;
        for row in page {
            to.blocking_send(row)?;
        }
    }
}

/// Until nobody sends any more; gives how many rows were marked.
fn mark(folder: &Path, done: &mpsc::Receiver<i64>) -> anyhow::Result<u64> {
    let mut connection = rows::open(folder)?;
    let mut marked = 0;
    while let Ok(first) = done.recv() {
        let batch = std::iter::once(first).chain(done.try_iter().take(BATCH_MAX - 1));
        marked += commit(&mut connection, batch)?;
    }
    Ok(marked)
}

fn commit(connection: &mut Connection, batch: impl Iterator<Item = i64>) -> anyhow::Result<u64> {
    let transaction = connection.transaction()?;
    let mut marked = 0;
    {
        let sql = "UPDATE message SET state = 1 WHERE id = ?1";
        let mut statement = transaction.prepare_cached(sql)?;
        for id in batch {
            marked += statement.execute([id])? as u64;
        }
    }
    transaction.commit()?;
    Ok(marked)
}

async fn send(work: Work) -> anyhow::Result<()> {
    let mut lanes = work.providers.map(RawLane::new);
    let mut request = Vec::new();
    loop {
        let Some((id, body)) = work.rows.lock().await.recv().await else {
            return Ok(());
        };
        request.clear();
        let head = format!(
            "POST /v23.0/1/messages HTTP/1.1\r\nHost: provider\r\nContent-Type: \
             application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        request.extend_from_slice(head.as_bytes());
        request.extend_from_slice(&body);
        until_taken(&mut lanes, &request, &work.failures).await?;
        work.done.send(id).context("the writer has ended")?;
    }
}

async fn until_taken(
    lanes: &mut [RawLane; 2],
    request: &[u8],
    failures: &AtomicU64,
) -> anyhow::Result<()> {
    let [first, second] = lanes;
    for _ in 0..TRIES_MAX {
        if failures.load(Ordering::Relaxed) < FAILURES_MAX {
            if matches!(first.exchange(request).await, Ok(200..=299)) {
                return Ok(());
            }
            failures.fetch_add(1, Ordering::Relaxed);
        }
        if matches!(second.exchange(request).await, Ok(200..=299)) {
            return Ok(());
        }
    }
    anyhow::bail!("neither provider takes a message")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::{Form, Manner, Sink};

    #[tokio::test(flavor = "multi_thread")]
    async fn after_ten_failures_all_else_goes_to_the_second() {
        let folder = tempfile::tempdir().unwrap();
        let first = Sink::start(Form::CloudApi, 300, None).await.unwrap();
        let second = Sink::start(Form::CloudApi, 300, None).await.unwrap();
        first.becomes(Manner::Refuses);
        let to = (first.address, second.address);
        let took = run(folder.path().to_owned(), 300, to.0, to.1).await;
        assert!(took.unwrap() > 0.0);
        assert_eq!((second.taken(), second.seen().doubled), (300, 0));
        // Those under way when the tenth failed were failures as well.
        assert!((10..10 + CONNECTIONS as u64).contains(&first.seen().calls));
    }
}
