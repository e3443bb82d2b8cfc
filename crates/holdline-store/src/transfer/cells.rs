//! One row of any table as values that both databases can hold, and the hash of many. Two rows that
//! mean the same are equal here, whichever database they were read from.

use super::tables::{Kind, Table};
use crate::rows::{Result, Row, unreadable};
use aws_lc_rs::digest::{Context, SHA256};
use holdline_engine::ports::Partition;
use std::fmt::Write as _;

/// A value. Numbers of all widths and flags are `Number`; of a real number the bits count.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cell {
    Null,
    Id([u8; 16]),
    Number(i64),
    Real(u64),
    Text(String),
    Bytes(Vec<u8>),
}

pub(crate) type Cells = Vec<Cell>;

/// Which database a row is read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Source,
    Target,
}

/// The columns to select for [`read`].
pub(crate) fn selected(table: &Table, side: Side) -> String {
    let name = |(name, kind): &(&'static str, Kind)| match (kind, side) {
        (Kind::PartitionOf(_), Side::Source) => "NULL",
        (_, Side::Source | Side::Target) => *name,
    };
    table
        .columns
        .iter()
        .map(name)
        .collect::<Vec<_>>()
        .join(", ")
}

/// The source holds no partitions: there they follow from the ids.
pub(crate) fn read(row: &Row<'_>, table: &Table, side: Side) -> Result<Cells> {
    let mut cells = Cells::with_capacity(table.columns.len());
    for (at, (_, kind)) in table.columns.iter().enumerate() {
        let cell = match (kind, side) {
            (Kind::PartitionOf(id), Side::Source) => partition(&cells, *id, at)?,
            (kind, Side::Source | Side::Target) => cell(row, at, *kind)?,
        };
        cells.push(cell);
    }
    Ok(cells)
}

fn partition(cells: &[Cell], id: usize, at: usize) -> Result<Cell> {
    match cells.get(id) {
        Some(Cell::Id(id)) => {
            let partition = Partition::of(u128::from_be_bytes(*id));
            Ok(Cell::Number(partition.number().into()))
        }
        _ => Err(unreadable(at, "of an id")),
    }
}

fn cell(row: &Row<'_>, at: usize, kind: Kind) -> Result<Cell> {
    let found = match kind {
        Kind::Id => row.get::<Option<_>>(at)?.map(Cell::Id),
        Kind::Text => row.get::<Option<String>>(at)?.map(text),
        Kind::Bytes => row.bytes(at)?.map(|it| Cell::Bytes(it.to_vec())),
        Kind::Long | Kind::Int | Kind::Small | Kind::PartitionOf(_) => {
            row.get::<Option<_>>(at)?.map(Cell::Number)
        }
        Kind::Flag => Some(Cell::Number(row.get::<bool>(at)?.into())),
        Kind::Real => row
            .get::<Option<f64>>(at)?
            .map(|it| Cell::Real(it.to_bits())),
    };
    Ok(found.unwrap_or(Cell::Null))
}

/// As PostgreSQL can hold it: it knows no character NUL.
fn text(text: String) -> Cell {
    match text.contains('\0') {
        true => Cell::Text(text.replace('\0', "\u{fffd}")),
        false => Cell::Text(text),
    }
}

/// How much memory a row takes, about.
pub(crate) fn size(cells: &[Cell]) -> usize {
    let long = |cell: &Cell| match cell {
        Cell::Text(text) => text.len(),
        Cell::Bytes(bytes) => bytes.len(),
        Cell::Null | Cell::Id(_) | Cell::Number(_) | Cell::Real(_) => 0,
    };
    cells
        .iter()
        .map(|cell| size_of::<Cell>() + long(cell))
        .sum()
}

/// How many rows a table has and what they hash to, in the order of their keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sum {
    pub rows: u64,
    pub sha256: String,
}

/// A sum that grows by rows.
pub(crate) struct Summing {
    rows: u64,
    hash: Context,
}

impl Summing {
    pub(crate) fn new() -> Self {
        let hash = Context::new(&SHA256);
        Self { rows: 0, hash }
    }

    pub(crate) fn add(&mut self, cells: &[Cell]) {
        self.rows += 1;
        self.hash.update(&(cells.len() as u64).to_be_bytes());
        for cell in cells {
            match cell {
                Cell::Null => self.value(0, &[]),
                Cell::Id(id) => self.value(1, id),
                Cell::Number(number) => self.value(2, &number.to_be_bytes()),
                Cell::Real(bits) => self.value(3, &bits.to_be_bytes()),
                Cell::Text(text) => self.value(4, text.as_bytes()),
                Cell::Bytes(bytes) => self.value(5, bytes),
            }
        }
    }

    fn value(&mut self, kind: u8, bytes: &[u8]) {
        let mut head = [kind; 9];
        head[1..].copy_from_slice(&(bytes.len() as u64).to_be_bytes());
        self.hash.update(&head);
        self.hash.update(bytes);
    }

    pub(crate) fn end(self) -> Sum {
        let mut sha256 = String::with_capacity(64);
        for byte in self.hash.finish().as_ref() {
            let _ = write!(sha256, "{byte:02x}");
        }
        let rows = self.rows;
        Sum { rows, sha256 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(rows: &[&[Cell]]) -> Sum {
        let mut summing = Summing::new();
        rows.iter().for_each(|row| summing.add(row));
        summing.end()
    }

    #[test]
    fn rows_that_differ_in_anything_hash_to_something_else() {
        let word = |word: &str| Cell::Text(word.to_owned());
        let all: [&[&[Cell]]; 8] = [
            &[],
            &[&[word("ab"), word("c")]],
            &[&[word("a"), word("bc")]],
            &[&[word("a")], &[word("bc")]],
            &[&[Cell::Null, word("")]],
            &[&[word(""), Cell::Null]],
            &[&[Cell::Bytes(b"ab".to_vec()), word("c")]],
            &[&[Cell::Number(0), Cell::Real(0)]],
        ];
        let mut hashes: Vec<String> = all.iter().map(|rows| sum(rows).sha256).collect();
        hashes.sort_unstable();
        hashes.dedup();
        assert_eq!(hashes.len(), all.len());
    }

    #[test]
    fn a_text_is_what_postgresql_would_keep() {
        assert!(text("a\0".to_owned()) == Cell::Text("a\u{fffd}".to_owned()));
    }
}
