//! Moves a store from a file of SQLite to a database of PostgreSQL, also while a server uses the
//! file. Decides when the target is the same and who may use which; knows no SQL of either side.
//!
//! Every run makes the target what the source is. Beside a server that is a copy that is soon
//! behind again: it only makes the last run short. A run that finds the file unused keeps everybody
//! else from writing to it, compares both sides by count and hash, and only then lets go: in the
//! same commit that ends its hold on the file it marks the file as moved, so that no server starts
//! on it again, and after that it takes the mark off the target that kept servers from starting
//! there. At no instant both may be used.

mod cells;
mod cursor;
mod sync;
mod tables;

pub use cells::Sum;
pub(crate) use cells::{Cell, Cells, Side, read, selected, size};
pub(crate) use sync::Changes;
pub(crate) use tables::{Kind, MOVED_TO, MOVING_FROM, STORE_ID, TABLES, Table};

use crate::postgres::{PostgresOptions, Target};
use crate::sqlite::upkeep::Source;
use cursor::Pages;
use holdline_engine::ports::StoreError;
use holdline_engine::ports::store::StoreResult;
use std::path::PathBuf;

/// From where to where.
#[derive(Clone, Debug)]
pub struct Move {
    pub from: PathBuf,
    pub to: PostgresOptions,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    pub what: &'static str,
    pub table: &'static str,
    /// Rows of all tables.
    pub done: u64,
    pub all: u64,
}

pub type Progress<'a> = dyn FnMut(Step) + Send + 'a;

/// What a run did to a table.
#[derive(Clone, Debug)]
pub struct TableMoved {
    pub name: &'static str,
    pub written: u64,
    pub deleted: u64,
    /// Of the source, as it was read.
    pub source: Sum,
    /// Of the target, read anew; `None` where a server goes on writing to the source.
    pub target: Option<Sum>,
}

impl TableMoved {
    #[must_use]
    pub fn differs(&self) -> bool {
        self.target.as_ref().is_some_and(|it| *it != self.source)
    }
}

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Moved {
    /// The server, its port and the database.
    pub to: String,
    pub state: MoveState,
    pub tables: Vec<TableMoved>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MoveState {
    /// A server uses the source: the rest is for a run after its end.
    Behind,
    /// Both sides hold the same; the source is left, the target may be used.
    Ready,
    /// Both sides were only compared, and hold the same.
    Same,
    /// Counts or hashes differ; nothing was marked.
    Differs,
}

/// Copies what is not there yet; the last run ends the move.
pub async fn copy(order: &Move, progress: &mut Progress<'_>) -> StoreResult<Moved> {
    let source = Source::open(&order.from).await?;
    let target = Target::open(&order.to).await?;
    claim(&source, &target).await?;
    let all = count(&source).await?;
    let mut tables = Vec::with_capacity(TABLES.len());
    let mut before = 0;
    for table in TABLES {
        let mut passed = passing(progress, "copying", table, (before, all));
        let synced = sync::sync(&source, &target, table, &mut passed).await?;
        before += synced.sum.rows;
        tables.push(TableMoved {
            name: table.name,
            written: synced.written,
            deleted: synced.deleted,
            source: synced.sum,
            target: None,
        });
    }
    let state = match source.is_alone() {
        true => end(&source, &target, &mut tables, progress).await?,
        false => MoveState::Behind,
    };
    let to = target.place();
    Ok(Moved { to, state, tables })
}

/// Reads both sides whole and changes neither.
pub async fn compare(order: &Move, progress: &mut Progress<'_>) -> StoreResult<Moved> {
    let source = Source::open_to_read(&order.from).await?;
    let target = Target::open_to_read(&order.to).await?;
    let all = count(&source).await?.saturating_mul(2);
    let mut tables = Vec::with_capacity(TABLES.len());
    let mut before = 0;
    for table in TABLES {
        let pages = Pages::Source(&source);
        let from = read_whole(pages, "reading", table, (before, all), progress).await?;
        before += from.rows;
        let pages = Pages::Target(&target);
        let to = read_whole(pages, "comparing", table, (before, all), progress).await?;
        before += to.rows;
        tables.push(TableMoved {
            name: table.name,
            written: 0,
            deleted: 0,
            source: from,
            target: Some(to),
        });
    }
    let state = match tables.iter().any(TableMoved::differs) {
        true => MoveState::Differs,
        false => MoveState::Same,
    };
    let to = target.place();
    Ok(Moved { to, state, tables })
}

/// Lets the source be used again. Refuses when a server has worked on the target, whose messages
/// would be sent again: then only `forced`, which leaves the target alone.
pub async fn undo(order: &Move, forced: bool) -> StoreResult<()> {
    let source = Source::open(&order.from).await?;
    if source.moved_to().is_none() {
        return refused(format!(
            "{} was not moved: there is nothing to undo",
            order.from.display()
        ));
    }
    if !source.is_alone() {
        return refused("a server uses the file; stop it first".to_owned());
    }
    if !forced {
        let target = Target::open(&order.to).await?;
        let id = source.store_id();
        let state = target.state().await?;
        let unused = match (state.store_id.as_deref(), state.moving_from.as_deref()) {
            (_, Some(from)) => from == id,
            (store, None) => store == Some(id) && !state.worked_on,
        };
        if !unused {
            return refused(format!(
                "{} is no untouched copy of this store: what a server sent from there would be \
                 sent again from here; --force goes back all the same",
                target.place()
            ));
        }
        target.claim(id).await?;
    }
    source.unmark().await
}

/// Only an empty database is taken, or the copy of this very store that was begun before.
async fn claim(source: &Source, target: &Target) -> StoreResult<()> {
    let (place, id) = (target.place(), source.store_id());
    let state = target.state().await?;
    if let Some(from) = &state.moving_from {
        if from != id {
            return refused(format!(
                "{place} holds the unfinished copy of another store; name another database"
            ));
        }
        return Ok(());
    }
    if let Some(moved_to) = source.moved_to() {
        return refused(format!(
            "this store was moved to {moved_to} already: let storage.url name that, or go back \
             with --undo"
        ));
    }
    if state.running > 0 {
        return refused(format!(
            "{} servers work on {place}; name an empty database",
            state.running
        ));
    }
    if state.holds_rows || state.worked_on {
        return refused(format!(
            "{place} holds data of another store; make an empty database: createdb \
             --encoding=UTF8 --template=template0 NAME"
        ));
    }
    target.claim(id).await
}

/// Compares, and changes hands.
async fn end(
    source: &Source,
    target: &Target,
    tables: &mut [TableMoved],
    progress: &mut Progress<'_>,
) -> StoreResult<MoveState> {
    let all = tables.iter().map(|it| it.source.rows).sum();
    let mut before = 0;
    for (moved, table) in tables.iter_mut().zip(TABLES) {
        let pages = Pages::Target(target);
        let sum = read_whole(pages, "checking", table, (before, all), progress).await?;
        moved.target = Some(sum);
        before += moved.source.rows;
    }
    if tables.iter().any(TableMoved::differs) {
        return Ok(MoveState::Differs);
    }
    for table in TABLES.iter().filter(|table| table.counter.is_some()) {
        let highest = source.highest(table).await?;
        target.count_on(table, highest).await?;
    }
    target.settle(source.store_id()).await?;
    source.mark(&target.place()).await?;
    target.release(source.store_id()).await?;
    Ok(MoveState::Ready)
}

async fn count(source: &Source) -> StoreResult<u64> {
    let mut all = 0;
    for table in TABLES {
        all += source.count(table).await?;
    }
    Ok(all)
}

async fn read_whole(
    pages: Pages<'_>,
    what: &'static str,
    table: &'static Table,
    span: (u64, u64),
    progress: &mut Progress<'_>,
) -> StoreResult<Sum> {
    let mut passed = passing(progress, what, table, span);
    sync::sum(pages, table, &mut passed).await
}

fn passing<'p>(
    progress: &'p mut Progress<'_>,
    what: &'static str,
    table: &'static Table,
    (before, all): (u64, u64),
) -> impl FnMut(u64) + Send + 'p {
    move |read| {
        let done = before + read;
        progress(Step {
            what,
            table: table.name,
            done,
            all: all.max(done),
        });
    }
}

fn refused<T>(why: String) -> StoreResult<T> {
    Err(StoreError::Unavailable(why))
}
