//! A database as the target of a move: who may use it, pages of any table, and bulk changes. A mark
//! in it keeps servers from starting as long as the move has not ended.

use super::connect::{self, Connector, Pool, in_transaction, on};
use super::error::Fault;
use super::read::cluster::CLOCK;
use super::statement::{Statement, uuid};
use super::{PostgresOptions, migrate};
use crate::postgres::connect::Client;
use crate::rows::Row;
use crate::transfer::{
    Cell, Cells, Changes, Kind, MOVING_FROM, STORE_ID, Side, TABLES, Table, read, selected,
};
use holdline_engine::ports::StoreError;
use holdline_engine::ports::store::StoreResult;
use uuid::Uuid;

/// A database that rows are moved to.
#[derive(Debug)]
pub(crate) struct Target {
    pool: Pool,
    place: String,
}

/// What a database says of whose it is.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) store_id: Option<String>,
    /// The store whose unfinished copy this is.
    pub(crate) moving_from: Option<String>,
    /// Servers that live.
    pub(crate) running: i64,
    /// A server has worked here at some time.
    pub(crate) worked_on: bool,
    pub(crate) holds_rows: bool,
}

impl Target {
    /// Makes the tables where they are missing.
    pub(crate) async fn open(options: &PostgresOptions) -> StoreResult<Self> {
        let (connector, link) = connect_to(options).await?;
        migrate::migrate(&link).await?;
        Ok(Self::of(connector, options))
    }

    /// Changes nothing.
    pub(crate) async fn open_to_read(options: &PostgresOptions) -> StoreResult<Self> {
        let (connector, link) = connect_to(options).await?;
        if migrate::has_tables(link.client()).await? {
            return Ok(Self::of(connector, options));
        }
        let place = options.place();
        Err(StoreError::Unavailable(format!("{place} holds no store")))
    }

    fn of(connector: Connector, options: &PostgresOptions) -> Self {
        Self {
            pool: Pool::new(connector, 2),
            place: options.place(),
        }
    }

    pub(crate) fn place(&self) -> String {
        self.place.clone()
    }

    pub(crate) async fn state(&self) -> StoreResult<State> {
        on!(self.pool, |c| state(c))
    }

    /// Keeps servers out until the move has ended.
    pub(crate) async fn claim(&self, store_id: &str) -> StoreResult<()> {
        on!(self.pool, |c| claim(c, store_id))
    }

    /// The rows after a key; none at the end.
    pub(crate) async fn page(
        &self,
        table: &'static Table,
        after: Option<Cells>,
    ) -> StoreResult<Vec<Cells>> {
        on!(self.pool, |c| page(c, table, after.as_deref()))
    }

    /// All of it or nothing; made twice, as after a COMMIT without an answer, it is the same.
    pub(crate) async fn write(&self, table: &Table, changes: &Changes) -> StoreResult<()> {
        on!(self.pool, |c| in_transaction(c, write(c, table, changes)))
    }

    /// Numbers that the table gives from here on are higher than `highest`.
    pub(crate) async fn count_on(&self, table: &Table, highest: i64) -> StoreResult<()> {
        on!(self.pool, |c| count_on(c, table, highest))
    }

    /// Lets the planner know what has come, and makes sure that it is on the disk. Refuses when a
    /// server has come in between.
    pub(crate) async fn settle(&self, store_id: &str) -> StoreResult<()> {
        for table in TABLES {
            // Without it the server does so itself a little later.
            if let Err(error) = self.analyze(table).await {
                tracing::warn!(%error, table = table.name, "not analyzed");
            }
        }
        let settle = "UPDATE setting SET value = value WHERE key = $1 AND value = $2";
        on!(self.pool, |c| in_transaction(
            c,
            change_mark(c, settle, store_id)
        ))
    }

    async fn analyze(&self, table: &Table) -> StoreResult<()> {
        on!(self.pool, |c| analyze(c, table))
    }

    /// Lets servers start.
    pub(crate) async fn release(&self, store_id: &str) -> StoreResult<()> {
        let release = "DELETE FROM setting WHERE key = $1 AND value = $2";
        on!(self.pool, |c| in_transaction(
            c,
            change_mark(c, release, store_id)
        ))
    }
}

/// Refuses a database that does not hold all of its store yet.
pub(super) async fn refuse_unfinished(c: &Client) -> StoreResult<()> {
    let unfinished = setting(c, MOVING_FROM).await.map_err(Fault::into_store)?;
    match unfinished {
        None => Ok(()),
        Some(_) => Err(StoreError::Unavailable(
            "the database holds the unfinished copy of a store of SQLite: end it with holdline \
             migrate sqlite-to-postgres, or name another database in storage.url"
                .to_owned(),
        )),
    }
}

async fn connect_to(options: &PostgresOptions) -> StoreResult<(Connector, connect::Link)> {
    let connector = Connector::new(options)?;
    let link = connector.connect_by(connector.deadline()).await;
    let link = link.map_err(Fault::into_store)?;
    connect::check_server(&link).await?;
    Ok((connector, link))
}

async fn setting(c: &Client, key: &str) -> Result<Option<String>, Fault> {
    let statement = Statement::new("SELECT value FROM setting WHERE key = $1").one(key);
    Ok(statement.first(c, |row| row.get(0)).await?)
}

async fn state(c: &Client) -> Result<State, Fault> {
    let some = |table: &Table| {
        let filter = table
            .only
            .map_or_else(String::new, |it| format!("WHERE {it}"));
        format!("EXISTS (SELECT 1 FROM {} {filter})", table.name)
    };
    let rows: Vec<String> = TABLES.iter().map(some).collect();
    let sql = format!(
        "SELECT (SELECT count(*) FROM node WHERE until > {CLOCK}),
             EXISTS (SELECT 1 FROM lease), {}",
        rows.join(" OR ")
    );
    let read = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
    let found = Statement::new(sql).first(c, read).await?;
    let (running, worked_on, holds_rows) = found.unwrap_or_default();
    Ok(State {
        store_id: setting(c, STORE_ID).await?,
        moving_from: setting(c, MOVING_FROM).await?,
        running,
        worked_on,
        holds_rows,
    })
}

async fn claim(c: &Client, store_id: &str) -> Result<(), Fault> {
    let sql = "INSERT INTO setting (key, value) VALUES ($1, $2)
         ON CONFLICT (key) DO UPDATE SET value = excluded.value";
    let statement = Statement::new(sql).one(MOVING_FROM).one(store_id);
    Ok(statement.run(c).await.map(drop)?)
}

/// Synced whatever the server's settings are: all that was written before is then on the disk too.
async fn change_mark(c: &Client, sql: &'static str, store_id: &str) -> Result<(), Fault> {
    c.batch_execute("SET LOCAL synchronous_commit = on").await?;
    let state = state(c).await?;
    if state.running > 0 {
        let why = "a server was started on the target before the move had ended; stop it";
        return Err(Fault::Refused(StoreError::Unavailable(why.to_owned())));
    }
    let statement = Statement::new(sql).one(MOVING_FROM).one(store_id);
    Ok(statement.run(c).await.map(drop)?)
}

async fn page(c: &Client, table: &Table, after: Option<&[Cell]>) -> Result<Vec<Cells>, Fault> {
    let marks: Vec<String> = (1..=table.key).map(|n| format!("${n}")).collect();
    let marks = after.map(|_| marks.join(", "));
    let sql = table.select(&selected(table, Side::Target), marks.as_deref());
    let key = after.unwrap_or_default().iter();
    let statement = key.fold(Statement::new(sql), |it, cell| match cell {
        Cell::Id(id) => it.one(Uuid::from_bytes(*id)),
        Cell::Number(number) => it.one(*number),
        Cell::Text(text) => it.one(text.as_str()),
        Cell::Null | Cell::Real(_) | Cell::Bytes(_) => it.one(None::<&[u8]>),
    });
    let rows = statement.all(c, |row| read(row, table, Side::Target));
    Ok(rows.await?)
}

async fn write(c: &Client, table: &Table, changes: &Changes) -> Result<(), Fault> {
    let name = table.name;
    if !changes.gone.is_empty() {
        let (key, arrays) = (table.key_names(), arrays(table.key));
        let sql = format!("DELETE FROM {name} WHERE ({key}) IN (SELECT * FROM unnest({arrays}))");
        columns(Statement::new(sql), table, table.key, &changes.gone)
            .run(c)
            .await?;
    }
    if !changes.rows.is_empty() {
        let all = table.columns.len();
        let sql = format!(
            "INSERT INTO {name} ({}) OVERRIDING SYSTEM VALUE SELECT * FROM unnest({})
             ON CONFLICT ({}) DO NOTHING",
            selected(table, Side::Target),
            arrays(all),
            table.key_names()
        );
        columns(Statement::new(sql), table, all, &changes.rows)
            .run(c)
            .await?;
    }
    Ok(())
}

fn arrays(count: usize) -> String {
    let marks: Vec<String> = (1..=count).map(|n| format!("${n}")).collect();
    marks.join(", ")
}

/// The first columns of many rows, each as one array.
fn columns<'a>(
    statement: Statement<'a>,
    table: &Table,
    count: usize,
    rows: &'a [Cells],
) -> Statement<'a> {
    let kinds = table.columns.iter().take(count).enumerate();
    kinds.fold(statement, |it, (at, (_, kind))| {
        let cells = move || {
            rows.iter()
                .map(move |row| row.get(at).unwrap_or(&Cell::Null))
        };
        match kind {
            Kind::Id => it.many(cells().map(id)),
            Kind::Text => it.many(cells().map(text)),
            Kind::Bytes => it.many(cells().map(bytes)),
            Kind::Long => it.many(cells().map(number)),
            // What does not fit is found when both sides are compared.
            Kind::Int => it.many(cells().map(|cell| number(cell).map(int))),
            Kind::Small | Kind::PartitionOf(_) => {
                it.many(cells().map(|cell| number(cell).map(super::statement::small)))
            }
            Kind::Flag => it.many(cells().map(|cell| number(cell).map(|it| it != 0))),
            Kind::Real => it.many(cells().map(real)),
        }
    })
}

fn id(cell: &Cell) -> Option<Uuid> {
    match cell {
        Cell::Id(id) => Some(uuid(u128::from_be_bytes(*id))),
        Cell::Null | Cell::Number(_) | Cell::Real(_) | Cell::Text(_) | Cell::Bytes(_) => None,
    }
}

fn text(cell: &Cell) -> Option<&str> {
    match cell {
        Cell::Text(text) => Some(text),
        Cell::Null | Cell::Id(_) | Cell::Number(_) | Cell::Real(_) | Cell::Bytes(_) => None,
    }
}

fn bytes(cell: &Cell) -> Option<&[u8]> {
    match cell {
        Cell::Bytes(bytes) => Some(bytes),
        Cell::Null | Cell::Id(_) | Cell::Number(_) | Cell::Real(_) | Cell::Text(_) => None,
    }
}

fn number(cell: &Cell) -> Option<i64> {
    match cell {
        Cell::Number(number) => Some(*number),
        Cell::Null | Cell::Id(_) | Cell::Real(_) | Cell::Text(_) | Cell::Bytes(_) => None,
    }
}

fn real(cell: &Cell) -> Option<f64> {
    match cell {
        Cell::Real(bits) => Some(f64::from_bits(*bits)),
        Cell::Null | Cell::Id(_) | Cell::Number(_) | Cell::Text(_) | Cell::Bytes(_) => None,
    }
}

fn int(number: i64) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

async fn count_on(c: &Client, table: &Table, highest: i64) -> Result<(), Fault> {
    let Some(column) = table.counter else {
        return Ok(());
    };
    let sql = "SELECT setval(pg_get_serial_sequence($1, $2), GREATEST($3, 1), $3 > 0)";
    let statement = Statement::new(sql).one(table.name).one(column);
    Ok(statement.one(highest).run(c).await.map(drop)?)
}

async fn analyze(c: &Client, table: &Table) -> Result<(), Fault> {
    Ok(c.batch_execute(&format!("ANALYZE {}", table.name)).await?)
}
