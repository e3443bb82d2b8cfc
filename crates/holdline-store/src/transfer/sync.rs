//! Makes a table of the target what that of the source is: both are walked in the order of their
//! keys, and what differs is written. So a first copy, the rest of a broken one and what changed
//! since are one and the same work.

use super::cells::{Cells, Sum, size};
use super::cursor::{Cursor, Pages, key};
use super::tables::Table;
use crate::postgres::Target;
use crate::sqlite::upkeep::Source;
use holdline_engine::ports::store::StoreResult;
use std::cmp::Ordering;

/// Rows and bytes of one transaction.
const CHANGES_MAX: usize = 2_000;
const BYTES_MAX: usize = 4 * 1024 * 1024;

/// What one transaction changes.
#[derive(Default)]
pub(crate) struct Changes {
    /// Keys of rows that go, or that come back with other values.
    pub(crate) gone: Vec<Cells>,
    pub(crate) rows: Vec<Cells>,
    bytes: usize,
}

impl Changes {
    fn put(&mut self, row: Cells) {
        self.bytes += size(&row);
        self.rows.push(row);
    }

    fn remove(&mut self, row: &Cells, table: &Table) {
        self.gone.push(key(row, table).to_vec());
    }

    fn is_full(&self) -> bool {
        let count = self.rows.len().max(self.gone.len());
        count >= CHANGES_MAX || self.bytes >= BYTES_MAX
    }

    fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.gone.is_empty()
    }
}

/// What was done to a table.
pub(super) struct Synced {
    /// Of the source, as it was read.
    pub(super) sum: Sum,
    pub(super) written: u64,
    pub(super) deleted: u64,
}

pub(super) async fn sync(
    source: &Source,
    target: &Target,
    table: &'static Table,
    passed: &mut (dyn FnMut(u64) + Send),
) -> StoreResult<Synced> {
    let mut from = Cursor::new(Pages::Source(source), table);
    let mut to = Cursor::new(Pages::Target(target), table);
    let mut changes = Changes::default();
    let (mut written, mut deleted, mut read) = (0, 0, 0);
    loop {
        tokio::try_join!(from.fill(), to.fill())?;
        let order = match (from.first(), to.first()) {
            (None, None) => break,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(one), Some(other)) => one.cmp(other),
        };
        let row = if order.is_le() { from.take() } else { None };
        let old = if order.is_ge() { to.take() } else { None };
        read += u64::from(row.is_some());
        if row != old {
            deleted += u64::from(row.is_none());
            written += u64::from(row.is_some());
            old.iter().for_each(|old| changes.remove(old, table));
            row.into_iter().for_each(|row| changes.put(row));
        }
        if changes.is_full() {
            target.write(table, &std::mem::take(&mut changes)).await?;
        }
        if read.is_multiple_of(CHANGES_MAX as u64) {
            passed(read);
        }
    }
    if !changes.is_empty() {
        target.write(table, &changes).await?;
    }
    passed(read);
    Ok(Synced {
        sum: from.end(),
        written,
        deleted,
    })
}

/// Reads a whole table.
pub(super) async fn sum(
    pages: Pages<'_>,
    table: &'static Table,
    passed: &mut (dyn FnMut(u64) + Send),
) -> StoreResult<Sum> {
    let mut cursor = Cursor::new(pages, table);
    let mut read: u64 = 0;
    loop {
        cursor.fill().await?;
        if cursor.take().is_none() {
            break;
        }
        read += 1;
        if read.is_multiple_of(CHANGES_MAX as u64) {
            passed(read);
        }
    }
    passed(read);
    Ok(cursor.end())
}
