//! Rows in SQLite by group commit: one writer, a batch is what queued while the last one was
//! committed, and each commit is synced. The settings that cost are those of the server.

use anyhow::Context as _;
use bytes::Bytes;
use rusqlite::Connection;
use std::path::Path;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Instant;
use tokio::sync::oneshot;

const BATCH_MAX: usize = 1_024;
/// Rows under way at a time in [`rate`]: as many as there are connections elsewhere.
const UNDER_WAY: u64 = 64;
pub(super) const BODY_BYTES: usize = 300;

/// A row to be committed, and who waits for it.
type Waiting = (Bytes, oneshot::Sender<u64>);

#[derive(Clone, Debug)]
pub(super) struct Rows(Sender<Waiting>);

impl Rows {
    pub(super) fn start(folder: &Path) -> anyhow::Result<Self> {
        let connection = open(folder)?;
        let (tx, rx) = mpsc::channel();
        std::thread::Builder::new()
            .name("rows".to_owned())
            .spawn(move || write(connection, &rx))?;
        Ok(Self(tx))
    }

    /// Gives the number of the row once it is synced.
    pub(super) async fn add(&self, body: Bytes) -> anyhow::Result<u64> {
        let (tx, rx) = oneshot::channel();
        self.0.send((body, tx)).context("the writer has ended")?;
        rx.await.context("the writer has ended")
    }
}

pub(super) fn open(folder: &Path) -> anyhow::Result<Connection> {
    let connection = Connection::open(folder.join("floor.db"))?;
    connection.execute_batch(
        "PRAGMA journal_mode = wal; PRAGMA synchronous = full; PRAGMA cache_size = -32768;
         PRAGMA wal_autocheckpoint = 4000;
         CREATE TABLE IF NOT EXISTS message(
             id INTEGER PRIMARY KEY, state INTEGER NOT NULL, body BLOB NOT NULL);",
    )?;
    Ok(connection)
}

fn write(mut connection: Connection, rx: &Receiver<Waiting>) -> anyhow::Result<()> {
    let mut last = 0;
    let mut batch = Vec::new();
    while let Ok(first) = rx.recv() {
        batch.push(first);
        batch.extend(rx.try_iter().take(BATCH_MAX - 1));
        insert(&mut connection, batch.iter().map(|(body, _)| &body[..]))?;
        for (_, waits) in batch.drain(..) {
            last += 1;
            // Whoever has gone needs no answer.
            let _ = waits.send(last);
        }
    }
    Ok(())
}

pub(super) fn insert<'a>(
    connection: &mut Connection,
    bodies: impl Iterator<Item = &'a [u8]>,
) -> anyhow::Result<()> {
    let transaction = connection.transaction()?;
    {
        let sql = "INSERT INTO message(state, body) VALUES (0, ?1)";
        let mut statement = transaction.prepare_cached(sql)?;
        for body in bodies {
            statement.execute([body])?;
        }
    }
    transaction.commit()?;
    Ok(())
}

/// Rows a second with nothing before them.
pub(super) fn rate(folder: &Path, total: u64) -> anyhow::Result<f64> {
    let mut connection = open(folder)?;
    let body = [b'x'; BODY_BYTES];
    let begun = Instant::now();
    for _ in 0..total / UNDER_WAY {
        insert(&mut connection, (0..UNDER_WAY).map(|_| &body[..]))?;
    }
    Ok((total / UNDER_WAY * UNDER_WAY) as f64 / begun.elapsed().as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_row_is_stored_when_it_is_answered() {
        let folder = tempfile::tempdir().unwrap();
        let rows = Rows::start(folder.path()).unwrap();
        for expect in 1..=3 {
            assert_eq!(rows.add(Bytes::from("{}")).await.unwrap(), expect);
        }
        let connection = open(folder.path()).unwrap();
        let count: i64 = connection
            .query_row("SELECT count(*) FROM message", [], |row| row.get(0))
            .unwrap();
        assert_eq!(count, 3);
    }
}
