//! A contact list as it streams in: bytes become lines on a thread of their own, through short
//! queues both ways, so that no list is ever held whole.

use super::columns::{Columns, LineFault, REMARK, Row};
use crate::http::api::problem::FieldFault;
use axum::body::{Body, Bytes};
use csv::{ByteRecord, Reader, ReaderBuilder, Terminator, WriterBuilder};
use futures_util::StreamExt as _;
use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read};
use tokio::sync::mpsc;

/// Largest list.
pub(super) const BYTES_MAX: usize = 64 * 1024 * 1024;
/// Pieces of the body that wait for the reader.
const PIECES_MAX: usize = 8;
/// Lines that wait for the store.
const LINES_MAX: usize = 512;
const SNIFF_BYTES: usize = 64 * 1024;
const MARK: [u8; 3] = [0xEF, 0xBB, 0xBF];

/// What the reader found.
pub(crate) enum Found {
    Row(Row),
    Bad(Vec<LineFault>),
    /// The header is wrong: nothing more comes.
    Header(Vec<FieldFault>),
}

/// How the body ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    Whole,
    TooLarge,
    BrokenOff,
    /// Nobody wants more of it.
    Dropped,
}

/// The lines of `body`, and the work that feeds them, to be awaited beside the reading.
pub(super) fn rows(
    body: Body,
    country: Option<String>,
) -> (mpsc::Receiver<Found>, impl Future<Output = Ending>) {
    let (piece_tx, piece_rx) = mpsc::channel(PIECES_MAX);
    let (found_tx, found_rx) = mpsc::channel(LINES_MAX);
    tokio::task::spawn_blocking(move || read(Pieces::new(piece_rx), country, &found_tx));
    (found_rx, pump(body, piece_tx))
}

async fn pump(body: Body, pieces: mpsc::Sender<Bytes>) -> Ending {
    let mut stream = body.into_data_stream();
    let mut size = 0_usize;
    while let Some(piece) = stream.next().await {
        let Ok(piece) = piece else {
            return Ending::BrokenOff;
        };
        size = size.saturating_add(piece.len());
        if size > BYTES_MAX {
            return Ending::TooLarge;
        }
        if pieces.send(piece).await.is_err() {
            return Ending::Dropped;
        }
    }
    Ending::Whole
}

/// Runs on a blocking thread until the body ends or nobody listens.
pub(crate) fn read(source: impl Read, country: Option<String>, found: &mpsc::Sender<Found>) {
    let (mut reader, _) = reader_of(source);
    let mut record = ByteRecord::new();
    let columns = match reader.read_byte_record(&mut record) {
        Ok(true) => Columns::read(&record, country),
        Ok(false) | Err(_) => Err(vec![FieldFault::new(
            "header",
            "the body is empty",
            "send a CSV file whose first line names the columns",
        )]),
    };
    let columns = match columns {
        Ok(columns) => columns,
        Err(faults) => return drop(found.blocking_send(Found::Header(faults))),
    };
    while let Ok(true) = reader.read_byte_record(&mut record) {
        if record.iter().all(|cell| cell.trim_ascii().is_empty()) {
            continue;
        }
        let line = line_of(&record, reader.position().line());
        let next = columns
            .row(line, &record)
            .map_or_else(Found::Bad, Found::Row);
        if found.blocking_send(next).is_err() {
            return;
        }
    }
}

/// Reads a list record by record; says what separates its cells.
fn reader_of<R: Read>(source: R) -> (Reader<impl Read>, u8) {
    let mut source = BufReader::with_capacity(SNIFF_BYTES, source);
    let delimiter = sniff(&mut source);
    let reader = ReaderBuilder::new()
        .delimiter(delimiter)
        .terminator(Terminator::Any(b'\n'))
        .has_headers(false)
        .flexible(true)
        .from_reader(source.chain(&b"\n"[..]));
    (reader, delimiter)
}

/// The bad lines of a list as a list of their own, each behind what is wrong in it: to be mended
/// there and sent again. Blocks.
pub(crate) fn bad_lines_of(source: impl Read, faults: &[LineFault]) -> io::Result<Vec<u8>> {
    let mut words = BTreeMap::<u64, Vec<String>>::new();
    for fault in faults {
        let column = fault.column.iter().map(|it| format!("{it} "));
        let words = words.entry(fault.line).or_default();
        words.push(column.collect::<String>() + &fault.message + ": " + &fault.fix);
    }
    let (mut reader, delimiter) = reader_of(source);
    let mut writer = WriterBuilder::new()
        .delimiter(delimiter)
        .flexible(true)
        .from_writer(Vec::new());
    let mut record = ByteRecord::new();
    let _ = reader.read_byte_record(&mut record)?;
    let is_remark = |name: &[u8]| name.trim_ascii_start().starts_with(REMARK.as_bytes());
    let remarks: Vec<bool> = record.iter().map(is_remark).collect();
    let mut write = |said: [&str; 2], record: &ByteRecord| {
        let given = |ix: &usize| !remarks.get(*ix).copied().unwrap_or_default();
        let cells = (0..record.len())
            .filter(given)
            .filter_map(|ix| record.get(ix));
        writer.write_record(said.map(str::as_bytes).into_iter().chain(cells))
    };
    write(["# line", "# what is wrong"], &record)?;
    while reader.read_byte_record(&mut record)? {
        let line = line_of(&record, reader.position().line());
        if let Some(words) = words.remove(&line) {
            write([&line.to_string(), &words.join("; ")], &record)?;
        }
    }
    writer.into_inner().map_err(|error| error.into_error())
}

/// The line on which a record begins; `after` is the one behind it. Empty lines before a record
/// belong to it in the reader's own count, so it is counted back from the end.
fn line_of(record: &ByteRecord, after: u64) -> u64 {
    let inner = record
        .as_slice()
        .iter()
        .filter(|byte| **byte == b'\n')
        .count() as u64;
    let begun = record.position().map_or(1, csv::Position::line);
    after.saturating_sub(1 + inner).max(begun)
}

/// The separator that the first line uses most; passes over a byte order mark.
fn sniff(source: &mut impl BufRead) -> u8 {
    let head = source.fill_buf().unwrap_or_default();
    let marked = head.starts_with(&MARK);
    let line = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let count = |separator: u8| line.iter().filter(|byte| **byte == separator).count();
    let best = [b'\t', b';', b',']
        .into_iter()
        .max_by_key(|separator| count(*separator));
    if marked {
        source.consume(MARK.len());
    }
    best.unwrap_or(b',')
}

/// The pieces of a body as one stream of bytes, for a blocking thread.
struct Pieces {
    pieces: mpsc::Receiver<Bytes>,
    current: Bytes,
}

impl Pieces {
    fn new(pieces: mpsc::Receiver<Bytes>) -> Self {
        Self {
            pieces,
            current: Bytes::new(),
        }
    }
}

impl Read for Pieces {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() {
            match self.pieces.blocking_recv() {
                Some(piece) => self.current = piece,
                None => return Ok(0),
            }
        }
        let size = into.len().min(self.current.len());
        into[..size].copy_from_slice(&self.current.split_to(size));
        Ok(size)
    }
}
