//! Walks a table of either database in the order of its keys, page by page, and sums what it
//! passes.

use super::cells::{Cells, Sum, Summing};
use super::tables::Table;
use crate::postgres::Target;
use crate::sqlite::upkeep::Source;
use holdline_engine::ports::StoreError;
use holdline_engine::ports::store::StoreResult;
use std::collections::VecDeque;

/// Where the pages come from.
#[derive(Clone, Copy)]
pub(super) enum Pages<'a> {
    Source(&'a Source),
    Target(&'a Target),
}

pub(super) struct Cursor<'a> {
    pages: Pages<'a>,
    table: &'static Table,
    rows: VecDeque<Cells>,
    after: Option<Cells>,
    ended: bool,
    sum: Summing,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(pages: Pages<'a>, table: &'static Table) -> Self {
        Self {
            pages,
            table,
            rows: VecDeque::new(),
            after: None,
            ended: false,
            sum: Summing::new(),
        }
    }

    /// Makes sure that [`first`](Self::first) is known.
    pub(super) async fn fill(&mut self) -> StoreResult<()> {
        if !self.rows.is_empty() || self.ended {
            return Ok(());
        }
        let after = self.after.clone();
        let page = match self.pages {
            Pages::Source(source) => source.page(self.table, after).await?,
            Pages::Target(target) => target.page(self.table, after).await?,
        };
        self.ended = page.is_empty();
        for row in page {
            self.keep(row)?;
        }
        Ok(())
    }

    /// Walking two sides together needs the same order on both.
    fn keep(&mut self, row: Cells) -> StoreResult<()> {
        let key = key(&row, self.table);
        if self.after.as_deref().is_some_and(|last| last >= key) {
            let why = format!(
                "two keys of table {} are the same, or in another order, for PostgreSQL: it knows \
                 no character NUL",
                self.table.name
            );
            return Err(StoreError::Corrupt(why));
        }
        self.after = Some(key.to_vec());
        self.rows.push_back(row);
        Ok(())
    }

    /// The key of the next row.
    pub(super) fn first(&self) -> Option<&[super::cells::Cell]> {
        self.rows.front().map(|row| key(row, self.table))
    }

    /// The next row.
    pub(super) fn take(&mut self) -> Option<Cells> {
        let row = self.rows.pop_front()?;
        self.sum.add(&row);
        Some(row)
    }

    /// Of all that was taken.
    pub(super) fn end(self) -> Sum {
        self.sum.end()
    }
}

/// The part of a row that is its key.
pub(super) fn key<'r>(row: &'r [super::cells::Cell], table: &Table) -> &'r [super::cells::Cell] {
    row.get(..table.key).unwrap_or_default()
}
